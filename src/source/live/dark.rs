//! The picture that stands in for frames that do not come: the last one, dark, with a sign on it.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::frame::{Frame, Range, tight_planes};

/// How much light is left, in 1/256.
const LIGHT: u32 = 70;

/// How much of the colour is left, in 1/256.
const COLOUR: i32 = 64;

/// `frame` (I420), dark and nearly grey, with a struck-out circle in its middle.
pub(super) fn darkened(frame: &Frame) -> Result<Frame> {
    let format = frame.format();
    let (black, white) = if format.colour.range == Range::Full { (0, 255) } else { (16, 235) };
    let (planes, len) = tight_planes(format.pixels, format.size);
    let mut bytes = Vec::with_capacity(len);
    for plane in 0..format.pixels.planes() {
        let rows = format.pixels.plane_extent(plane, format.size).1;
        for y in 0..rows {
            bytes.extend(frame.row(plane, y).iter().map(|&code| match plane {
                0 => (black + u32::from(code).saturating_sub(black) * LIGHT / 256) as u8,
                _ => (128 + (i32::from(code) - 128) * COLOUR / 256) as u8,
            }));
        }
    }
    let (width, height) = (format.size.width as usize, format.size.height as usize);
    for (y, row) in bytes[..width * height].chunks_exact_mut(width).enumerate() {
        for (x, code) in row.iter_mut().enumerate() {
            if in_sign(x as f64 + 0.5 - width as f64 / 2.0, y as f64 + 0.5 - height as f64 / 2.0, width.min(height)) {
                *code = white;
            }
        }
    }
    Frame::new(format, planes, Arc::new(bytes)).map_err(|error| Error::Internal(error.to_string()))
}

/// Whether a place, so far right of and below the middle, is on the sign in a picture whose shorter side is `side`.
fn in_sign(right: f64, below: f64, side: usize) -> bool {
    let (outer, line) = (side as f64 / 6.0, side as f64 / 40.0);
    let radius = right.hypot(below);
    let stroke = (right + below).abs() < line * std::f64::consts::FRAC_1_SQRT_2;
    radius <= outer && (radius >= outer - line || stroke)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, FrameFormat, PixelFormat, Size};

    fn flat(range: Range) -> Frame {
        let size = Size::new(121, 91);
        let colour = Colour { range, ..Colour::assumed_for(size) };
        let format = FrameFormat { size, pixels: PixelFormat::I420, colour };
        let (planes, len) = tight_planes(format.pixels, size);
        Frame::new(format, planes, Arc::new(vec![200; len])).unwrap()
    }

    #[test]
    fn the_picture_is_dark_and_a_sign_stands_in_its_middle() {
        for (range, dark, white) in [(Range::Limited, 66, 235), (Range::Full, 54, 255)] {
            let frame = darkened(&flat(range)).unwrap();
            assert_eq!(frame.format(), flat(range).format());
            assert_eq!((frame.row(0, 0)[0], frame.row(1, 0)[0], frame.row(2, 45)[60]), (dark, 146, 146));
            assert_eq!(frame.row(0, 45)[60], white, "the stroke");
            assert_eq!(frame.row(0, 45)[60 + 14], white, "the circle");
            assert_eq!(frame.row(0, 45)[60 + 8], dark, "between them");
            assert_eq!(frame.row(0, 45)[60 + 20], dark, "beside it");
        }
    }
}
