//! Frames at other sizes, plane by plane in their own codes: what is fast enough for a live picture.
//!
//! Files are brought to another size by [`super::resize`] and the guided enlargement of the compose stage, which keep
//! detail at some ten times the cost.

use std::sync::Arc;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::error::{Error, Result};
use crate::frame::{Frame, FrameFormat, PixelFormat, Size, tight_planes};
use crate::pool::Pool;

/// Brings frames to another size, in memory that is lent.
#[derive(Debug)]
pub struct Rescale {
    resizer: Resizer,
    bytes: Pool<u8>,
    /// Rows of a plane without the padding between them.
    tight: Vec<u8>,
}

impl Rescale {
    /// Frames come from `bytes`.
    pub fn new(bytes: Pool<u8>) -> Self {
        Self { resizer: Resizer::new(), bytes, tight: Vec::new() }
    }

    /// The picture of `frame` at `size`, in the same codes; the frame itself where it has that size. Chroma is taken as
    /// centred: where it is sited left, it moves by less than half a pixel.
    ///
    /// # Errors
    /// None that a checked frame can cause; those of the resizer all the same.
    pub fn rescale(&mut self, frame: &Frame, size: Size) -> Result<Frame> {
        let from = frame.format();
        if from.size == size {
            return Ok(frame.clone());
        }
        let format = FrameFormat { size, ..from };
        let (planes, len) = tight_planes(format.pixels, size);
        let mut bytes = self.bytes.lend(len);
        for (index, plane) in planes.iter().enumerate().take(format.pixels.planes()) {
            let (row_bytes, rows) = format.pixels.plane_extent(index, size);
            self.plane(frame, index, (row_bytes, rows), &mut bytes[plane.offset_bytes..][..row_bytes * rows])?;
        }
        Frame::new(format, planes, Arc::new(bytes)).map_err(|error| fault(&error))
    }

    fn plane(&mut self, frame: &Frame, index: usize, to: (usize, usize), out: &mut [u8]) -> Result<()> {
        let FrameFormat { size, pixels, .. } = frame.format();
        let (row_bytes, rows) = pixels.plane_extent(index, size);
        self.tight.clear();
        (0..rows).for_each(|y| self.tight.extend_from_slice(frame.row(index, y)));
        let kind = match (pixels, index) {
            (PixelFormat::Rgbx, _) => PixelType::U8x4,
            (PixelFormat::Nv12, 1) => PixelType::U8x2,
            (PixelFormat::I420 | PixelFormat::Nv12, _) => PixelType::U8,
        };
        let columns = |row_bytes: usize| (row_bytes / pixels.pixel_bytes(index)) as u32;
        let source = ImageRef::new(columns(row_bytes), rows as u32, &self.tight, kind).map_err(|e| fault(&e))?;
        let mut target = Image::from_slice_u8(columns(to.0), to.1 as u32, out, kind).map_err(|e| fault(&e))?;
        // Linear between samples that lie far apart is seen as a grid.
        let filter = if to.1 > rows { FilterType::Mitchell } else { FilterType::Bilinear };
        // The fourth byte of a pixel is none of transparency.
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
        self.resizer.resize(&source, &mut target, &options).map_err(|e| fault(&e))
    }
}

fn fault(error: &dyn std::fmt::Display) -> Error {
    Error::Internal(format!("a frame could not be brought to another size: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, Plane};

    /// Brightness rises from left to right, blue-difference from top to bottom; rows are padded.
    fn slope(pixels: PixelFormat, size: Size) -> Frame {
        let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
        let (mut planes, mut len) = ([Plane::default(); 3], 0);
        let mut bytes = Vec::new();
        for (index, plane) in planes.iter_mut().enumerate().take(pixels.planes()) {
            let (row_bytes, rows) = pixels.plane_extent(index, size);
            *plane = Plane { offset_bytes: len, stride_bytes: row_bytes + 5 };
            for y in 0..rows {
                let step = pixels.pixel_bytes(index);
                let value = |x: usize| if index == 0 { x / step * 255 * step / row_bytes } else { y * 255 / rows };
                bytes.extend((0..row_bytes).map(|x| value(x) as u8).chain([0xee; 5]));
            }
            len = bytes.len();
        }
        Frame::new(format, planes, Arc::new(bytes)).unwrap()
    }

    #[test]
    fn a_slope_stays_a_slope() {
        for pixels in PixelFormat::ALL {
            for (from, to) in [((64, 48), (32, 24)), ((64, 48), (128, 96)), ((33, 17), (20, 31))] {
                let (from, to) = (Size::new(from.0, from.1), Size::new(to.0, to.1));
                let mut rescale = Rescale::new(Pool::new());
                let (got, wanted) = (rescale.rescale(&slope(pixels, from), to).unwrap(), slope(pixels, to));
                assert_eq!(got.format(), wanted.format());
                for plane in 0..pixels.planes() {
                    let (_, rows) = pixels.plane_extent(plane, to);
                    for y in 0..rows {
                        let near = got.row(plane, y).iter().zip(wanted.row(plane, y)).all(|(a, b)| a.abs_diff(*b) < 20);
                        assert!(near, "{pixels:?} {from} {to} plane {plane} row {y}: {:?}", got.row(plane, y));
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_size_is_the_same_frame() {
        let frame = slope(PixelFormat::I420, Size::new(8, 6));
        let same = Rescale::new(Pool::new()).rescale(&frame, frame.size()).unwrap();
        assert!(std::ptr::eq(same.bytes(), frame.bytes()));
    }
}
