//! Interlaced video made progressive: one frame for one frame, at its own time.
//!
//! A stored frame holds two fields, taken half a frame apart. The rows of the first stay; those of the second are made
//! anew for the moment of the first. Where nothing moves the rows of the second field are right as they are; where
//! something moves they are interpolated along edges between the rows above and below. In between, the interpolated value
//! is held as near to that of the neighbouring fields as the motion that was measured allows:
//!
//! ```text
//!            before          this          after         before, after: the other field, half a frame away
//!  kept    p.above ───── above ───── n.above              p, n: the same field, a frame away
//!  made        before ──── ? ──── after
//!  kept    p.below ───── below ───── n.below
//! ```
//!
//! GStreamer's `deinterlace` (1.22) gives frames other times than they had, and, by the field that it is asked for, more
//! frames than there were: so it is done here. The second fields are lost, as the frame rate is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::shape::Shape;
use crate::error::{Result, SourceError};
use crate::frame::{Frame, Timed, tight_planes};
use crate::pool::Pool;

/// Pixels that an edge may lean to either side.
const LEAN: usize = 2;
/// Pixels beside a row that the search for edges looks at.
const MARGIN: usize = LEAN + 1;

/// The field of an interlaced frame that was taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Rows 0, 2, 4...
    Top,
    /// Rows 1, 3, 5...
    Bottom,
}

/// Looks one frame ahead and one back.
pub(super) struct Deinterlacer {
    pool: Pool<u8>,
    before: Option<Frame>,
    waiting: VecDeque<(Timed<Frame>, Shape)>,
    rows: Rows,
}

impl Deinterlacer {
    /// Lends frames from `pool`.
    pub(super) fn new(pool: Pool<u8>) -> Self {
        Self { pool, before: None, waiting: VecDeque::new(), rows: Rows::default() }
    }

    /// The next picture, progressive, of those that `pull` gives.
    pub(super) fn next(
        &mut self,
        mut pull: impl FnMut() -> Result<Option<(Timed<Frame>, Shape)>>,
    ) -> Result<Option<(Timed<Frame>, Shape)>> {
        if self.waiting.is_empty() {
            self.waiting.extend(pull()?);
        }
        // Only an interlaced picture needs the one after it.
        if self.waiting.len() == 1 && self.waiting[0].1.first.is_some() {
            self.waiting.extend(pull()?);
        }
        let Some((frame, shape)) = self.waiting.pop_front() else { return Ok(None) };
        let this = frame.item.clone();
        let Some(first) = shape.first else {
            self.before = Some(this);
            return Ok(Some((frame, shape)));
        };
        // Frames of another place, or of another format, tell nothing of motion.
        let like = |other: &&Frame| other.format() == this.format();
        let before = self.before.as_ref().filter(like).filter(|_| !frame.stamp.discontinuity);
        let after = self.waiting.front().filter(|(next, _)| !next.stamp.discontinuity).map(|(next, _)| &next.item);
        let [before, after] = [before, after.filter(like)].map(|frame| frame.unwrap_or(&this));
        let made = progressive([before, &this, after], first, &mut self.rows, &self.pool)?;
        self.before = Some(this);
        Ok(Some((frame.map(|_| made), Shape { first: None, ..shape })))
    }
}

/// The first field of the middle of three frames, with the rows between made for its moment.
fn progressive(frames: [&Frame; 3], first: First, rows: &mut Rows, pool: &Pool<u8>) -> Result<Frame, SourceError> {
    let format = frames[1].format();
    let (planes, len) = tight_planes(format.pixels, format.size);
    let mut bytes = pool.lend(len);
    let kept = usize::from(first == First::Bottom);
    for (index, plane) in planes.iter().enumerate().take(format.pixels.planes()) {
        let (row_bytes, count) = format.pixels.plane_extent(index, format.size);
        let step = format.pixels.pixel_bytes(index);
        let out = &mut bytes[plane.offset_bytes..][..row_bytes * count];
        for (y, out) in out.chunks_exact_mut(row_bytes).enumerate() {
            let row = |frame: usize, y: usize| frames[frame].row(index, y);
            // At the upper and lower end the kept row that there is stands for both.
            let above = if y > 0 { y - 1 } else { 1 };
            let below = if y + 1 < count { y + 1 } else { above };
            if y % 2 == kept || above >= count {
                out.copy_from_slice(row(1, y));
                continue;
            }
            let above = if y > 0 { above } else { below };
            rows.lead(row(1, above), row(1, below), step);
            rows.measure([0, 2].map(|frame| [row(frame, above), row(frame, below)]), [row(1, above), row(1, below)]);
            rows.make([row(0, y), row(1, y)], out);
        }
    }
    Frame::new(format, planes, Arc::new(bytes)).map_err(|error| SourceError::Gstreamer(error.to_string()))
}

/// Room for what is worked out of a row.
#[derive(Default)]
struct Rows {
    /// The kept rows above and below, with [`MARGIN`] pixels at both ends.
    wide: [Vec<u8>; 2],
    /// Interpolated along edges, and how well the edge fits.
    led: Vec<u8>,
    fit: Vec<i16>,
    /// Greatest motion of the kept rows.
    motion: Vec<u8>,
}

impl Rows {
    /// Interpolates between `above` and `below` along the direction in which they differ least.
    fn lead(&mut self, above: &[u8], below: &[u8], step: usize) {
        let len = above.len();
        for (wide, row) in self.wide.iter_mut().zip([above, below]) {
            wide.clear();
            for _ in 0..MARGIN {
                wide.extend_from_slice(&row[..step]);
            }
            wide.extend_from_slice(row);
            for _ in 0..MARGIN {
                wide.extend_from_slice(&row[len - step..]);
            }
        }
        self.led.resize(len, 0);
        self.fit.resize(len, 0);
        self.fit.fill(i16::MAX);
        // Upright first: a slanted edge must fit better.
        let [a, b] = &self.wide;
        for lean in [0, 1, -1, 2, -2_isize] {
            let at = |lean: isize, beside: isize| MARGIN.wrapping_add_signed(lean + beside) * step;
            let [a0, a1, a2] = [-1, 0, 1].map(|beside| &a[at(lean, beside)..][..len]);
            let [b0, b1, b2] = [-1, 0, 1].map(|beside| &b[at(-lean, beside)..][..len]);
            let (led, fits) = (&mut self.led[..len], &mut self.fit[..len]);
            for index in 0..len {
                let differ = |a: &[u8], b: &[u8]| i16::from(a[index].abs_diff(b[index]));
                let fit = differ(a0, b0) + differ(a1, b1) + differ(a2, b2);
                let better = fit < fits[index];
                let middle = u16::from(a1[index]) + u16::from(b1[index]);
                led[index] = if better { middle.div_ceil(2) as u8 } else { led[index] };
                fits[index] = fits[index].min(fit);
            }
        }
    }

    /// Measures how far the kept rows, `here`, differ from those a frame before and after.
    fn measure(&mut self, there: [[&[u8]; 2]; 2], here: [&[u8]; 2]) {
        self.motion.clear();
        self.motion.resize(here[0].len(), 0);
        for there in there {
            let rows = here[0].iter().zip(here[1]).zip(there[0].iter().zip(there[1]));
            for (((&above, &below), (&above_there, &below_there)), motion) in rows.zip(&mut self.motion) {
                let moved = u16::from(above.abs_diff(above_there)) + u16::from(below.abs_diff(below_there));
                *motion = (*motion).max(moved.div_ceil(2) as u8);
            }
        }
    }

    /// Writes the row between, of the other field as it was half a frame before and after.
    fn make(&self, [before, after]: [&[u8]; 2], out: &mut [u8]) {
        let known = self.led.iter().zip(&self.motion).zip(before.iter().zip(after));
        for (((&led, &motion), (&before, &after)), out) in known.zip(out) {
            let still = (u16::from(before) + u16::from(after)).div_ceil(2) as u8;
            let room = motion.max(before.abs_diff(after).div_ceil(2));
            *out = led.clamp(still.saturating_sub(room), still.saturating_add(room));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, FrameFormat, PixelFormat, Size, Stamp};

    const SIZE: Size = Size::new(64, 48);

    /// A scene at half frame `moment`: a slanted edge that moves, beside fine rows that stand still.
    fn luma(x: usize, y: usize, moment: usize) -> u8 {
        if x >= 40 {
            return if y.is_multiple_of(2) { 60 } else { 180 };
        }
        // From dark to light over a few pixels, as a lens shows it.
        let edge = (x as f64 - 0.5 * y as f64 + 8.0 - 1.5 * moment as f64).clamp(-3.0, 3.0);
        (110.0 + 25.0 * edge) as u8
    }

    fn frame(pixels: PixelFormat, number: u64, luma: impl Fn(usize, usize) -> u8) -> Timed<Frame> {
        let format = FrameFormat { size: SIZE, pixels, colour: Colour::assumed_for(SIZE) };
        let (planes, len) = tight_planes(pixels, SIZE);
        let mut bytes = vec![128; len];
        let step = pixels.pixel_bytes(0);
        for y in 0..48 {
            for x in 0..64 {
                bytes[(y * 64 + x) * step..][..step].fill(luma(x, y));
            }
        }
        let stamp = Stamp { seq: number, pts_nanos: Some(number * 40_000_000), ..Stamp::default() };
        Timed { stamp, item: Frame::new(format, planes, Arc::new(bytes)).unwrap() }
    }

    fn shape(first: Option<First>) -> Shape {
        Shape { aspect: gst::Fraction::new(1, 1), first }
    }

    /// Frame `number` with two fields.
    fn woven(pixels: PixelFormat, number: u64, first: First) -> (Timed<Frame>, Shape) {
        let early = usize::from(first == First::Bottom);
        let moment = |y: usize| 2 * number as usize + usize::from(y % 2 != early);
        (frame(pixels, number, |x, y| luma(x, y, moment(y))), shape(Some(first)))
    }

    fn all(pictures: Vec<(Timed<Frame>, Shape)>) -> Vec<Timed<Frame>> {
        let (mut deinterlacer, mut pictures) = (Deinterlacer::new(Pool::new()), pictures.into_iter());
        let mut next = || deinterlacer.next(|| Ok(pictures.next())).unwrap();
        std::iter::from_fn(|| next().map(|(frame, _)| frame)).collect()
    }

    /// Mean difference in the columns `x` from the scene as it was when the first field was taken.
    fn off(frame: &Timed<Frame>, x: std::ops::Range<usize>) -> f64 {
        let step = frame.item.format().pixels.pixel_bytes(0);
        let moment = 2 * frame.stamp.seq as usize;
        let differ = |x: usize, y: usize| f64::from(frame.item.row(0, y)[x * step].abs_diff(luma(x, y, moment)));
        let all: Vec<f64> = (2..46).flat_map(|y| x.clone().map(move |x| (x, y))).map(|(x, y)| differ(x, y)).collect();
        all.iter().sum::<f64>() / all.len() as f64
    }

    #[test]
    fn row_21_fields_of_either_order_become_frames_of_the_first_moment() {
        for pixels in PixelFormat::ALL {
            for first in [First::Top, First::Bottom] {
                let stored: Vec<_> = (0..5).map(|number| woven(pixels, number, first)).collect();
                let before = off(&stored[2].0, 0..40);
                let made = all(stored);
                assert_eq!(made.iter().map(|frame| frame.stamp.seq).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
                assert_eq!(made[3].stamp.pts_nanos, Some(120_000_000));
                for frame in &made {
                    let (moving, still) = (off(frame, 0..36), off(frame, 44..64));
                    assert!(moving < before / 6.0, "{pixels:?} {first:?}: {moving} of {before}");
                    assert!(still < 1.0, "{pixels:?} {first:?}: what stands still keeps its rows: {still}");
                }
            }
        }
    }

    #[test]
    fn progressive_frames_among_others_pass_untouched() {
        let still = |number| (frame(PixelFormat::I420, number, |x, y| luma(x, y, 7)), shape(None));
        let stored =
            vec![woven(PixelFormat::I420, 0, First::Top), still(1), still(2), woven(PixelFormat::I420, 3, First::Top)];
        let bytes: Vec<_> = stored.iter().map(|(frame, _)| frame.item.clone()).collect();
        let made = all(stored);
        assert_eq!(made.len(), 4);
        for (index, same) in [(0, false), (1, true), (2, true), (3, false)] {
            assert_eq!(std::ptr::eq(made[index].item.bytes(), bytes[index].bytes()), same, "{index}");
        }
    }

    #[test]
    fn a_single_frame_and_one_of_a_single_row_are_done_too() {
        let made = all(vec![woven(PixelFormat::I420, 0, First::Top)]);
        assert_eq!(made.len(), 1);
        assert!(off(&made[0], 0..36) < 8.0);
        let size = Size::new(3, 1);
        let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
        let (planes, len) = tight_planes(format.pixels, size);
        let item = Frame::new(format, planes, Arc::new(vec![9; len])).unwrap();
        let made = all(vec![(Timed { stamp: Stamp::default(), item }, shape(Some(First::Bottom)))]);
        assert_eq!(made[0].item.row(0, 0), [9, 9, 9]);
    }
}
