//! A stream may change its size on the way; the output keeps the size of its beginning.

use std::sync::Arc;

use crate::convert::cpu;
use crate::convert::planar::{Canvas, Scaler, planes, planes_mut};
use crate::error::{Error, Result};
use crate::flow::Crew;
use crate::frame::{Frame, FrameFormat, Size, tight_planes};
use crate::pool::Pool;
use crate::report::Meter;
use crate::tensor::{Border, Finite, TensorPool};

/// Brings frames to the size of the first: scaled so that they keep their shape on the screen, with black bars where the
/// shapes differ.
pub(super) struct Fit {
    format: FrameFormat,
    aspect: gst::Fraction,
    bytes: Pool<u8>,
    scaler: Scaler,
    scaled: Canvas,
    whole: Canvas,
    meter: Meter,
}

impl Fit {
    /// To frames of `format` with pixels of shape `aspect`, lent by `bytes`.
    pub(super) fn new(format: FrameFormat, aspect: gst::Fraction, bytes: Pool<u8>, meter: Meter) -> Self {
        let tensors = TensorPool::new();
        let (scaler, scaled) = (Scaler::new(tensors.clone()), Canvas::new(tensors.clone()));
        Self { format, aspect, bytes, scaler, scaled, whole: Canvas::new(tensors), meter }
    }

    /// The picture of `frame`, whose pixels have the shape `aspect`.
    ///
    /// # Errors
    /// See [`crate::convert::resize::Resizer::resize`].
    pub(super) fn fit(&mut self, frame: Frame, aspect: gst::Fraction) -> Result<Frame> {
        let (format, first) = (frame.format(), self.format);
        if format.size == first.size && aspect == self.aspect {
            if format.colour != first.colour {
                self.meter.warn("the input changes its colours on the way: converted to those of its beginning");
            }
            return Ok(frame);
        }
        self.meter
            .warn(format!("the input changes its size on the way: brought to that of its beginning, {}", first.size));
        let inner = self.inner(format.size, aspect);
        if inner == first.size && format.size == first.size {
            return Ok(frame);
        }
        self.convert(&frame, inner)
    }

    /// The same for who needs every frame in the one format: other layouts and colours are converted as well. Nobody is
    /// warned.
    ///
    /// # Errors
    /// See [`crate::convert::resize::Resizer::resize`].
    pub(super) fn exactly(&mut self, frame: Frame, aspect: gst::Fraction) -> Result<Frame> {
        let format = frame.format();
        let inner = self.inner(format.size, aspect);
        if format == self.format && inner == format.size { Ok(frame) } else { self.convert(&frame, inner) }
    }

    /// The part that a picture of size `from` with pixels of shape `aspect` takes.
    fn inner(&self, from: Size, aspect: gst::Fraction) -> Size {
        inside(self.format.size, ratio(from, aspect) / ratio(self.format.size, self.aspect))
    }

    /// `frame` scaled to `inner`, in the middle.
    fn convert(&mut self, frame: &Frame, inner: Size) -> Result<Frame> {
        let (first, to) = (self.format, self.format.size);
        tracing::debug!("a frame of {} is shown at {inner} in {to}", frame.size());
        let scaled = self.scaled.sized(inner);
        self.scaler.scale(frame, scaled)?;
        let whole = self.whole.sized(to);
        for (from, to_plane) in planes(scaled).into_iter().zip(planes_mut(whole)) {
            centre(from, inner, to_plane, to);
        }
        let (planes, len) = tight_planes(first.pixels, to);
        let mut bytes = self.bytes.lend(len);
        if cpu::unpack(&Crew::alone(), whole, Border::default(), first, &planes, &mut bytes) == Finite::No {
            return Err(Error::Internal("a frame of bytes became a picture with NaN in it".into()));
        }
        Frame::new(first, planes, Arc::new(bytes)).map_err(|error| Error::Internal(format!("a scaled frame: {error}")))
    }
}

/// Width of a picture over its height, on the screen.
fn ratio(size: Size, aspect: gst::Fraction) -> f64 {
    let shape = f64::from(aspect.numer().max(1)) / f64::from(aspect.denom().max(1));
    f64::from(size.width) / f64::from(size.height) * shape
}

/// The largest part of `whole` that is `wider` times as wide for its height. What is less than two pixels off is the same.
fn inside(whole: Size, wider: f64) -> Size {
    let side = |length: u32, share: f64| {
        let inner = (f64::from(length) * share).round().max(1.0) as u32;
        if length.saturating_sub(inner) < 2 { length } else { inner }
    };
    Size::new(side(whole.width, wider.min(1.0)), side(whole.height, (1.0 / wider).min(1.0)))
}

/// Writes a plane of size `inner` to the middle of one of size `whole`, with black round it.
fn centre(from: &[f32], inner: Size, to: &mut [f32], whole: Size) {
    to.fill(0.0);
    let (left, top) = ((whole.width - inner.width) / 2, (whole.height - inner.height) / 2);
    let width = inner.width as usize;
    let rows = to.chunks_exact_mut(whole.width as usize).skip(top as usize);
    for (from, to) in from.chunks_exact(width).zip(rows) {
        to[left as usize..][..width].copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, PixelFormat};

    const SQUARE: fn() -> gst::Fraction = || gst::Fraction::new(1, 1);

    fn grey(size: Size, luma: u8) -> Frame {
        let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
        let (planes, len) = tight_planes(format.pixels, size);
        let mut bytes = vec![128; len];
        bytes[..size.pixels()].fill(luma);
        Frame::new(format, planes, Arc::new(bytes)).unwrap()
    }

    fn fitted(frame: Frame, aspect: gst::Fraction, meter: &Meter) -> Frame {
        let format = grey(Size::new(64, 48), 0).format();
        Fit::new(format, SQUARE(), Pool::new(), meter.clone()).fit(frame, aspect).unwrap()
    }

    /// First and last light column and row.
    fn light(frame: &Frame) -> [usize; 4] {
        let bright = |x: usize, y: usize| frame.row(0, y)[x] > 100;
        let columns: Vec<_> = (0..64).filter(|&x| bright(x, 24)).collect();
        let rows: Vec<_> = (0..48).filter(|&y| bright(32, y)).collect();
        [columns[0], columns[columns.len() - 1], rows[0], rows[rows.len() - 1]]
    }

    #[test]
    fn row_19_another_size_of_the_same_shape_fills_the_frame() {
        let meter = Meter::new();
        let frame = fitted(grey(Size::new(128, 96), 200), SQUARE(), &meter);
        assert_eq!((frame.size(), light(&frame)), (Size::new(64, 48), [0, 63, 0, 47]));
        assert_eq!(meter.warnings().len(), 1);
        assert!(meter.warnings()[0].contains("64x48"));
    }

    #[test]
    fn row_19_another_shape_keeps_it_between_black_bars() {
        let meter = Meter::new();
        // 2:1 in 4:3: 64x32. 1:1 in 4:3: 48x48. Tall pixels, 1:2 on the screen: 24x48.
        assert_eq!(light(&fitted(grey(Size::new(128, 64), 200), SQUARE(), &meter)), [0, 63, 8, 39]);
        assert_eq!(light(&fitted(grey(Size::new(50, 50), 200), SQUARE(), &meter)), [8, 55, 0, 47]);
        let tall = gst::Fraction::new(1, 2);
        assert_eq!(light(&fitted(grey(Size::new(48, 48), 200), tall, &meter)), [20, 43, 0, 47]);
        // The same size with other pixels is another shape, too.
        assert_eq!(light(&fitted(grey(Size::new(64, 48), 200), gst::Fraction::new(2, 1), &meter)), [0, 63, 12, 35]);
    }

    #[test]
    fn the_first_size_passes_as_it_is() {
        let (meter, frame) = (Meter::new(), grey(Size::new(64, 48), 200));
        let same = fitted(frame.clone(), SQUARE(), &meter);
        assert!(std::ptr::eq(same.bytes(), frame.bytes()));
        assert!(meter.warnings().is_empty());
        let tiny = fitted(grey(Size::new(1, 1), 200), SQUARE(), &meter);
        assert_eq!(light(&tiny), [8, 55, 0, 47]);
    }

    #[test]
    fn who_needs_one_format_gets_other_colours_and_layouts_converted() {
        let (meter, first) = (Meter::new(), grey(Size::new(64, 48), 235));
        let mut fit = Fit::new(first.format(), SQUARE(), Pool::new(), meter.clone());
        let same = fit.exactly(first.clone(), SQUARE()).unwrap();
        assert!(std::ptr::eq(same.bytes(), first.bytes()));
        let full = Colour { range: crate::frame::Range::Full, ..first.format().colour };
        let format = FrameFormat { colour: full, ..first.format() };
        let other = Frame::new(format, tight_planes(format.pixels, format.size).0, Arc::new(first.bytes().to_vec()));
        let converted = fit.exactly(other.unwrap(), SQUARE()).unwrap();
        // 235 of 255 is 218 of 16..=235.
        assert_eq!((converted.format(), converted.row(0, 9)[9]), (first.format(), 218));
        assert!(meter.warnings().is_empty());
    }
}
