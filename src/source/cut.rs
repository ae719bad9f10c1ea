//! Which frames of a stream belong to the part that is wanted.

use crate::frame::Timed;
use crate::options::Part;

/// Times are mostly given in milliseconds: what would be shown for less than one of a part is not meant.
pub(super) const LEAST_SHOWN_NANOS: u64 = 1_000_000;

/// What a frame is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To be shown, or to find what is.
    Shown,
    /// To tell how long the last one is shown. It is not part of what is wanted, and not missed where there is none.
    Behind,
}

/// Lets the frames of a part through. The frame that is shown at its begin comes first, shortened; one that begins at its
/// end does not come. The begin becomes 0.
pub(super) struct Cut<T> {
    begin_nanos: u64,
    end_nanos: u64,
    frames_left: u64,
    /// Frames given.
    given: u64,
    /// Whether the begin has been passed.
    begun: bool,
    /// The frame behind the one that is shown at the begin.
    ahead: Option<Timed<T>>,
}

impl<T> Cut<T> {
    /// Cuts `part` from a stream whose time begins `skipped_nanos` into the input.
    pub(super) fn new(part: Part, skipped_nanos: u64) -> Self {
        let begin_nanos = part.start_nanos.unwrap_or(0).saturating_sub(skipped_nanos);
        Self {
            begin_nanos,
            end_nanos: part.end_nanos.map_or(u64::MAX, |end| end.saturating_sub(skipped_nanos)),
            frames_left: part.frames.unwrap_or(u64::MAX),
            given: 0,
            begun: begin_nanos == 0,
            ahead: None,
        }
    }

    /// The next frame of the part, from those that `pull` gives; none at its end.
    ///
    /// # Errors
    /// Those of `pull`.
    pub(super) fn next<E>(
        &mut self,
        mut pull: impl FnMut(Use) -> Result<Option<Timed<T>>, E>,
    ) -> Result<Option<Timed<T>>, E> {
        if self.frames_left == 0 {
            return Ok(None);
        }
        let next = match self.ahead.take() {
            Some(frame) => Some(frame),
            None if self.begun => pull(Use::Shown)?,
            None => self.shown_at_begin(&mut pull)?,
        };
        let is_wanted = |frame: &Timed<T>| pts(frame).saturating_add(LEAST_SHOWN_NANOS) <= self.end_nanos;
        let Some(mut frame) = next.filter(is_wanted) else {
            self.frames_left = 0;
            return Ok(None);
        };
        self.frames_left -= 1;
        if self.frames_left == 0 && self.ahead.is_none() {
            // The last one is good, whatever comes behind it.
            self.ahead = pull(Use::Behind).unwrap_or_default();
        }
        // How long the last one is shown, the one behind it tells best.
        if let Some(behind) = self.ahead.as_ref().filter(|_| self.frames_left == 0) {
            frame.stamp.duration_nanos = Some(pts(behind).saturating_sub(pts(&frame)));
        }
        Ok(Some(self.moved(frame)))
    }

    /// The last frame that begins no later than the part, if it is still shown then; else the first of the others.
    fn shown_at_begin<E>(
        &mut self,
        pull: &mut impl FnMut(Use) -> Result<Option<Timed<T>>, E>,
    ) -> Result<Option<Timed<T>>, E> {
        let mut shown: Option<Timed<T>> = None;
        while let Some(frame) = pull(Use::Shown)? {
            if pts(&frame) < self.begin_nanos.saturating_add(LEAST_SHOWN_NANOS) {
                shown = Some(frame);
                continue;
            }
            self.begun = true;
            return Ok(match shown {
                Some(mut shown) => {
                    shown.stamp.duration_nanos = Some(pts(&frame) - pts(&shown));
                    self.ahead = Some(frame);
                    Some(shown)
                }
                None => Some(frame),
            });
        }
        self.begun = true;
        let begin = self.begin_nanos;
        let end = |last: &Timed<T>| pts(last) + last.stamp.duration_nanos.unwrap_or(0);
        Ok(shown.filter(|last| pts(last) >= begin || end(last) >= begin.saturating_add(LEAST_SHOWN_NANOS)))
    }

    /// `frame` in the time of the part.
    fn moved(&mut self, mut frame: Timed<T>) -> Timed<T> {
        let begin = pts(&frame).max(self.begin_nanos);
        let end = frame.stamp.duration_nanos.map(|nanos| pts(&frame).saturating_add(nanos).min(self.end_nanos));
        frame.stamp.seq = self.given;
        frame.stamp.pts_nanos = Some(begin - self.begin_nanos);
        frame.stamp.duration_nanos = end.map(|end| end.saturating_sub(begin));
        frame.stamp.discontinuity |= self.given == 0;
        self.given += 1;
        frame
    }
}

fn pts<T>(frame: &Timed<T>) -> u64 {
    frame.stamp.pts_nanos.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Stamp;

    const MS: u64 = 1_000_000;

    /// Begin, and duration of each frame that comes of frames at `times` (the last is the end), with its number; in ms.
    fn cut(times: &[u64], part: Part, skipped: u64) -> Vec<(usize, u64, Option<u64>)> {
        let mut frames = times.windows(2).enumerate().map(|(number, time)| {
            let stamp = Stamp {
                seq: number as u64,
                pts_nanos: Some(time[0] * MS),
                duration_nanos: Some((time[1] - time[0]) * MS),
                ..Stamp::default()
            };
            Timed { stamp, item: number }
        });
        let mut cut = Cut::new(part, skipped * MS);
        let mut pull = |_: Use| Ok::<_, ()>(frames.next());
        let mut found = Vec::new();
        while let Some(frame) = cut.next(&mut pull).unwrap() {
            assert_eq!(frame.stamp.seq, found.len() as u64);
            found.push((
                frame.item,
                frame.stamp.pts_nanos.unwrap() / MS,
                frame.stamp.duration_nanos.map(|nanos| nanos / MS),
            ));
        }
        assert!(cut.next(&mut pull).unwrap().is_none());
        found
    }

    fn part(start: u64, end: u64, frames: u64) -> Part {
        Part { start_nanos: Some(start * MS), end_nanos: Some(end * MS), frames: Some(frames) }
    }

    const TIMES: [u64; 6] = [0, 40, 50, 130, 140, 340];

    #[test]
    fn everything_is_let_through_without_a_part() {
        let all = cut(&TIMES, Part::default(), 0);
        assert_eq!(
            all,
            [(0, 0, Some(40)), (1, 40, Some(10)), (2, 50, Some(80)), (3, 130, Some(10)), (4, 140, Some(200))]
        );
        assert_eq!(cut(&[5, 10, 20], Part::default(), 0), [(0, 5, Some(5)), (1, 10, Some(10))]);
    }

    #[test]
    fn what_is_shown_at_the_begin_comes_first() {
        assert_eq!(cut(&TIMES, part(50, 140, 9), 0), [(2, 0, Some(80)), (3, 80, Some(10))]);
        assert_eq!(cut(&TIMES, part(60, 135, 9), 0), [(2, 0, Some(70)), (3, 70, Some(5))]);
        assert_eq!(cut(&TIMES, part(339, 1000, 9), 0), [(4, 0, Some(1))]);
        assert_eq!(cut(&TIMES, part(340, 1000, 9), 0), []);
        assert_eq!(cut(&[100, 200, 300], part(50, 250, 9), 0), [(0, 50, Some(100)), (1, 150, Some(50))]);
    }

    #[test]
    fn what_begins_at_the_end_does_not_come() {
        assert_eq!(cut(&TIMES, part(0, 40, 9), 0), [(0, 0, Some(40))]);
        assert_eq!(cut(&TIMES, part(0, 41, 9), 0), [(0, 0, Some(40)), (1, 40, Some(1))]);
        assert_eq!(cut(&TIMES, part(41, 49, 9), 0), [(1, 0, Some(8))]);
        assert_eq!(cut(&TIMES, part(40, 1000, 2), 0), [(1, 0, Some(10)), (2, 10, Some(80))]);
    }

    #[test]
    fn a_moment_that_was_rounded_is_meant_as_the_frame() {
        let thirds = |start_nanos, end_nanos| {
            let mut frames = (0..9).map(|number| {
                let (pts_nanos, duration_nanos) = (Some(number * 33_333_333), Some(33_333_333));
                Timed {
                    stamp: Stamp { seq: number, pts_nanos, duration_nanos, discontinuity: false, ..Stamp::default() },
                    item: number,
                }
            });
            let part = Part { start_nanos: Some(start_nanos), end_nanos: Some(end_nanos), frames: None };
            let mut cut = Cut::new(part, 0);
            std::iter::from_fn(|| cut.next(|_| Ok::<_, ()>(frames.next())).unwrap()).map(|f| f.item).collect::<Vec<_>>()
        };
        // Frames 1, 2 and 5 begin at 33.3, 66.7 and 166.7 ms.
        assert_eq!(thirds(33 * MS, 167 * MS), [1, 2, 3, 4]);
        assert_eq!(thirds(67 * MS, 166 * MS), [2, 3, 4]);
        assert_eq!(thirds(32 * MS, 168 * MS), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_last_frame_is_shown_until_the_one_behind_it() {
        let stamped = |number: u64, pts, duration| {
            let (pts_nanos, duration_nanos) = (Some(pts), Some(duration));
            Timed {
                stamp: Stamp { seq: number, pts_nanos, duration_nanos, discontinuity: false, ..Stamp::default() },
                item: number,
            }
        };
        for (frames, expected) in [(2, 30), (3, 500)] {
            let mut stream = [stamped(0, 0, 10), stamped(1, 10, 999), stamped(2, 40, 500)].into_iter();
            let mut cut = Cut::new(Part { frames: Some(frames), ..Part::default() }, 0);
            let mut last = None;
            while let Some(frame) = cut.next(|_| Ok::<_, ()>(stream.next())).unwrap() {
                last = Some(frame);
            }
            assert_eq!(last.and_then(|last| last.stamp.duration_nanos), Some(expected), "{frames}");
        }
    }

    #[test]
    fn a_failure_behind_the_last_frame_is_none() {
        let frame = |number: u64| {
            let stamp = Stamp { pts_nanos: Some(number * 40), duration_nanos: Some(40), ..Stamp::default() };
            Timed { stamp, item: number }
        };
        let (mut cut, mut asked) = (Cut::new(Part { frames: Some(2), ..Part::default() }, 0), Vec::new());
        let mut pull = |what: Use| {
            asked.push(what);
            if what == Use::Shown { Ok(Some(frame(asked.len() as u64 - 1))) } else { Err("unreadable") }
        };
        let given: Vec<_> = std::iter::from_fn(|| cut.next(&mut pull).unwrap()).collect();
        let lasts = given.iter().map(|frame| (frame.item, frame.stamp.duration_nanos));
        assert_eq!(lasts.collect::<Vec<_>>(), [(0, Some(40)), (1, Some(40))]);
        assert_eq!(asked, [Use::Shown, Use::Shown, Use::Behind]);
    }

    #[test]
    fn a_stream_that_begins_later_is_cut_at_the_same_place() {
        assert_eq!(cut(&TIMES, part(1050, 1140, 9), 1000), cut(&TIMES, part(50, 140, 9), 0));
        assert_eq!(cut(&TIMES, part(1000, 1040, 9), 1000), [(0, 0, Some(40))]);
    }
}
