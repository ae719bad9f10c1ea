//! The camera `test`: the scene of [`TestPattern`], filmed by somebody whose hand is not still.
//!
//! A frame of the scene takes longer to paint than a camera has for it. So a few moments of it are painted at the start,
//! larger than the picture, and shown forth and back while the picture wanders over them: frames share the bytes.

use std::f64::consts::TAU;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Live;
use crate::error::{Error, Result};
use crate::flow::{Source, Stop};
use crate::frame::{Frame, FrameFormat, FrameRate, Plane, Size, Stamp, Timed};
use crate::media::pipeline::POLL;
use crate::options::Mode;
use crate::source::test_pattern::TestPattern;

/// Moments of the scene that are painted.
const MOMENTS: u64 = 12;

/// How many of them pass in a second.
const MOMENTS_A_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// Times of the hand's way across and up, in seconds; it comes back to where it was after their product.
const SWAY: [f64; 2] = [7.0, 11.0];

/// Opens the camera `test`.
pub(super) fn open(mode: Mode, stop: &Stop) -> Result<Live> {
    let Mode { size, rate } = mode;
    if size.pixels() == 0 {
        return Err(Error::Usage(format!("a picture of {size} has no pixels: choose a larger size")));
    }
    let margin = Size::new(margin(size.width), margin(size.height));
    let whole = Size::new(size.width + 2 * margin.width, size.height + 2 * margin.height);
    let pace = FrameRate { frames: MOMENTS_A_SECOND, seconds: NonZeroU32::MIN };
    let mut pattern = TestPattern::new(whole, pace, Some(MOMENTS))?;
    let format = FrameFormat { size, ..pattern.format() };
    let mut moments = Vec::new();
    while let Some(moment) = pattern.next()? {
        moments.push(Arc::new(moment.item));
        if stop.asked() {
            break;
        }
    }
    let source = Scene { moments, format, margin, rate, begin: None, next_at: 0, seq: 0, stop: stop.clone() };
    Ok(Live { source: Box::new(source), format, rate, name: "test".into() })
}

/// What is painted beside the picture, on each side: even, so that the picture's chroma can begin at any place that is.
fn margin(side: u32) -> u32 {
    (side / 16).next_multiple_of(2)
}

struct Scene {
    moments: Vec<Arc<Frame>>,
    format: FrameFormat,
    margin: Size,
    rate: FrameRate,
    /// When frame 0 was due.
    begin: Option<Instant>,
    /// Place of the next frame in the rate.
    next_at: u64,
    seq: u64,
    stop: Stop,
}

impl Scene {
    /// Waits until `due`, when the next frame is; says whether it came to that.
    fn wait(&self, due: Instant) -> bool {
        loop {
            if self.stop.asked() {
                return false;
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(POLL));
        }
    }

    /// The picture after `nanos`.
    fn picture(&self, nanos: u64) -> Result<Frame> {
        let seconds = nanos as f64 / 1e9;
        let index = there_and_back((seconds * f64::from(MOMENTS_A_SECOND.get())) as usize, self.moments.len());
        let moment = &self.moments[index];
        let place = |margin: u32, time: f64| {
            let way = f64::from(margin) * (1.0 + (TAU * seconds / time).sin());
            way as usize & !1
        };
        let (left, top) = (place(self.margin.width, SWAY[0]), place(self.margin.height, SWAY[1]));
        let mut planes = [Plane::default(); 3];
        for (index, (plane, from)) in planes.iter_mut().zip(moment.planes()).enumerate() {
            let step = if index == 0 { 1 } else { 2 };
            let offset_bytes = from.offset_bytes + top / step * from.stride_bytes + left / step;
            *plane = Plane { offset_bytes, ..*from };
        }
        Frame::new(self.format, planes, Arc::new(Shared(Arc::clone(moment))))
            .map_err(|error| Error::Internal(error.to_string()))
    }
}

/// The bytes of a painted moment.
struct Shared(Arc<Frame>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// 0, 1, 2, 1, 0, 1, … for three of them (at least one).
fn there_and_back(step: usize, count: usize) -> usize {
    let far = step % (2 * count - 2).max(1);
    far.min((2 * count - 2) - far)
}

impl Source for Scene {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        let begin = *self.begin.get_or_insert_with(Instant::now);
        // Whoever comes late gets the frame of now.
        let passed_nanos = begin.elapsed().as_nanos();
        let frames = passed_nanos * u128::from(self.rate.frames.get()) / u128::from(self.rate.seconds.get());
        let newest = u64::try_from(frames / 1_000_000_000).unwrap_or(u64::MAX);
        let at = self.next_at.max(newest);
        let pts_nanos = self.rate.nanos_at(at);
        let due = begin + Duration::from_nanos(pts_nanos);
        if self.moments.is_empty() || !self.wait(due) {
            return Ok(None);
        }
        let stamp = Stamp {
            seq: self.seq,
            pts_nanos: Some(pts_nanos),
            discontinuity: self.seq == 0,
            captured: Some(due),
            ..Stamp::default()
        };
        (self.next_at, self.seq) = (at + 1, self.seq + 1);
        Ok(Some(Timed { stamp, item: self.picture(pts_nanos)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(width: u32, height: u32, frames: u32) -> Mode {
        let rate = FrameRate { frames: NonZeroU32::new(frames).unwrap(), seconds: NonZeroU32::MIN };
        Mode { size: Size::new(width, height), rate }
    }

    #[test]
    fn the_scene_moves_at_its_mode_and_never_runs_ahead_of_the_clock() {
        let mut live = open(mode(66, 38, 50), &Stop::new()).unwrap();
        assert_eq!((live.format.size, live.rate.frames.get()), (Size::new(66, 38), 50));
        let frames: Vec<_> = (0..12).map(|_| live.source.next().unwrap().unwrap()).collect();
        let now = Instant::now();
        for pair in frames.windows(2) {
            assert_eq!(pair[1].stamp.seq, pair[0].stamp.seq + 1);
            let nanos = pair[1].stamp.pts_nanos.unwrap() - pair[0].stamp.pts_nanos.unwrap();
            assert!(nanos > 0 && nanos % 20_000_000 == 0, "{nanos}");
        }
        assert!(frames.iter().all(|frame| frame.item.format() == live.format && frame.stamp.captured.unwrap() <= now));
        let rows = |frame: &Timed<Frame>| (0..38).map(|y| frame.item.row(0, y).to_vec()).collect::<Vec<_>>();
        assert_ne!(rows(&frames[0]), rows(&frames[11]));
    }

    #[test]
    fn the_picture_stays_within_what_is_painted() {
        let Mode { size, rate } = mode(33, 17, 1000);
        let stop = Stop::new();
        let live = open(Mode { size, rate }, &stop).unwrap();
        assert_eq!(live.format.size, size);
        for (step, index) in [(0, 0), (1, 1), (2, 2), (3, 1), (4, 0), (5, 1)] {
            assert_eq!(there_and_back(step, 3), index, "{step}");
        }
        assert_eq!(there_and_back(7, 1), 0);
        stop.ask();
        let mut source = live.source;
        assert!(source.next().unwrap().is_none(), "stopped");
    }

    #[test]
    fn every_moment_of_the_way_is_a_picture() {
        for size in [Size::new(1, 1), Size::new(33, 17), Size::new(64, 36)] {
            let margin = Size::new(margin(size.width), margin(size.height));
            let whole = Size::new(size.width + 2 * margin.width, size.height + 2 * margin.height);
            let Mode { rate, .. } = mode(1, 1, 30);
            let mut pattern = TestPattern::new(whole, rate, Some(2)).unwrap();
            let format = FrameFormat { size, ..pattern.format() };
            let moments = std::iter::from_fn(|| pattern.next().unwrap()).map(|frame| Arc::new(frame.item)).collect();
            let stop = Stop::new();
            let scene = Scene { moments, format, margin, rate, begin: None, next_at: 0, seq: 0, stop };
            for step in 0..1000 {
                assert_eq!(scene.picture(step * 77_000_000).unwrap().format(), format);
            }
        }
    }
}
