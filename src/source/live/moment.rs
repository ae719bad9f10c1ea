//! When live frames were taken, and their place in the time of the run.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::frame::Stamp;

/// A frame that claims to be older than this lies: its time is of another clock.
const CREDIBLE: Duration = Duration::from_secs(1);

/// The least that files can tell apart.
const TICK_NANOS: u64 = 1_000_000;

/// When the frame of `sample`, which has just come out of `pipeline`, was taken: what its buffer says against the clock of
/// the pipeline, or now where it says nothing that can be.
pub(super) fn captured(sample: &gst::Sample, pipeline: &gst::Pipeline) -> Instant {
    let now = Instant::now();
    let running = pipeline.current_running_time();
    let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let taken = sample.buffer().and_then(gst::BufferRef::pts);
    let taken = taken.and_then(|pts| segment.map_or(Some(pts), |segment| segment.to_running_time(pts)));
    let age = running.zip(taken).and_then(|(running, taken)| running.checked_sub(taken)).map(Duration::from);
    age.filter(|age| *age <= CREDIBLE).and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

/// Numbers frames, and gives each its time since the first. The time goes forward, whatever the frames say.
#[derive(Default)]
pub(super) struct Line {
    seq: u64,
    begin: Option<Instant>,
    last_nanos: Option<u64>,
    broken: bool,
}

impl Line {
    /// The next frame does not continue the one before it.
    pub(super) fn cut(&mut self) {
        self.broken = true;
    }

    /// The stamp of a frame that was taken at `captured`.
    pub(super) fn stamp(&mut self, captured: Instant) -> Stamp {
        let begin = *self.begin.get_or_insert(captured);
        let since = u64::try_from(captured.saturating_duration_since(begin).as_nanos()).unwrap_or(u64::MAX);
        let pts_nanos = self.last_nanos.map_or(since, |last| since.max(last + TICK_NANOS));
        let stamp = Stamp {
            seq: self.seq,
            pts_nanos: Some(pts_nanos),
            discontinuity: self.seq == 0 || self.broken,
            captured: Some(captured),
            ..Stamp::default()
        };
        (self.seq, self.last_nanos, self.broken) = (self.seq + 1, Some(pts_nanos), false);
        stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_from_the_first_frame() {
        let begin = Instant::now();
        let mut line = Line::default();
        let mut pts = |millis| line.stamp(begin + Duration::from_millis(millis)).pts_nanos.unwrap();
        assert_eq!(
            [pts(500), pts(533), pts(533), pts(100), pts(600)],
            [0, 33_000_000, 34_000_000, 35_000_000, 100_000_000]
        );
    }

    #[test]
    fn what_does_not_continue_is_told_once() {
        let mut line = Line::default();
        let mut next = |cut: bool| {
            if cut {
                line.cut();
            }
            let stamp = line.stamp(Instant::now());
            (stamp.seq, stamp.discontinuity)
        };
        assert_eq!([next(false), next(false), next(true), next(false)], [(0, true), (1, false), (2, true), (3, false)]);
    }
}
