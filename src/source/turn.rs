//! Pictures that are stored lying on their side or mirrored, turned upright.

use std::sync::Arc;

use gst::prelude::*;

use crate::error::SourceError;
use crate::frame::{Frame, FrameFormat, Size, tight_planes};
use crate::pool::Pool;

/// Rows that are written side by side where rows become columns: so many bytes of a row of the source are read at once.
const BAND: usize = 32;

/// How a stored picture becomes the one that is meant: axes swapped, then read from the far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orientation {
    /// Rows of the stored picture become columns.
    transposed: bool,
    /// Stored columns are read from the right.
    from_right: bool,
    /// Stored rows are read from below.
    from_below: bool,
}

impl Orientation {
    /// What GStreamer's tag `image-orientation` says: a mirroring left to right where it says `flip`, then a turn in
    /// degrees, clockwise.
    fn of_tag(text: &str) -> Option<Self> {
        let of = |transposed, from_right, from_below| Some(Self { transposed, from_right, from_below });
        match text {
            "rotate-0" => of(false, false, false),
            "rotate-90" => of(true, false, true),
            "rotate-180" => of(false, true, true),
            "rotate-270" => of(true, true, false),
            "flip-rotate-0" => of(false, true, false),
            "flip-rotate-90" => of(true, true, true),
            "flip-rotate-180" => of(false, false, true),
            "flip-rotate-270" => of(true, false, false),
            _ => None,
        }
    }

    /// What an MP4 or QuickTime file says by the matrix of its video track.
    pub(super) fn of_matrix([a, b, c, d]: [i32; 4]) -> Option<Self> {
        match (a, b, c, d) {
            (_, 0, 0, _) if a * d != 0 => Some(Self { transposed: false, from_right: a < 0, from_below: d < 0 }),
            (0, _, _, 0) if b * c != 0 => Some(Self { transposed: true, from_right: b < 0, from_below: c < 0 }),
            _ => None,
        }
    }

    /// What the container has said to `pad` by tags. GStreamer 1.22 has no word for one of the eight matrices of MP4.
    pub(super) fn of_tags(pad: &gst::Pad) -> Option<Self> {
        let mut found = None;
        pad.sticky_events_foreach(|event| {
            if let gst::EventView::Tag(tag) = event.view()
                && let Some(orientation) = tag.tag().get::<gst::tags::ImageOrientation>()
            {
                found = Self::of_tag(orientation.get());
            }
            std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
        });
        found
    }

    /// Size of a picture that was stored at `size`.
    pub(super) fn size(self, size: Size) -> Size {
        if self.transposed { Size::new(size.height, size.width) } else { size }
    }

    /// Shape of the pixels of a picture that was stored with those of `aspect`.
    pub(super) fn aspect(self, aspect: gst::Fraction) -> gst::Fraction {
        if self.transposed { gst::Fraction::new(aspect.denom(), aspect.numer()) } else { aspect }
    }

    /// The picture that is meant by `frame`; its memory is lent by `pool` unless there is nothing to turn.
    pub(super) fn turn(self, frame: Frame, pool: &Pool<u8>) -> Result<Frame, SourceError> {
        if self == Self::default() {
            return Ok(frame);
        }
        let stored = frame.format();
        let format = FrameFormat { size: self.size(stored.size), ..stored };
        let (planes, len) = tight_planes(format.pixels, format.size);
        let mut bytes = pool.lend(len);
        for (index, plane) in planes.iter().enumerate().take(format.pixels.planes()) {
            let (row_bytes, rows) = format.pixels.plane_extent(index, format.size);
            let stored_rows = stored.pixels.plane_extent(index, stored.size).1;
            let out = &mut bytes[plane.offset_bytes..][..row_bytes * rows];
            let source = |y: usize| frame.row(index, if self.from_below { stored_rows - 1 - y } else { y });
            match format.pixels.pixel_bytes(index) {
                1 => self.turn_plane::<1>(source, out, row_bytes),
                2 => self.turn_plane::<2>(source, out, row_bytes),
                _ => self.turn_plane::<4>(source, out, row_bytes),
            }
        }
        Frame::new(format, planes, Arc::new(bytes)).map_err(|error| SourceError::Gstreamer(error.to_string()))
    }

    /// Writes the rows that `source` gives to `out`, whose rows have `row_bytes`; pixels have `N` bytes.
    fn turn_plane<'a, const N: usize>(self, source: impl Fn(usize) -> &'a [u8], out: &mut [u8], row_bytes: usize) {
        if !self.transposed {
            for (y, out) in out.chunks_exact_mut(row_bytes).enumerate() {
                copy::<N>(source(y), out, self.from_right);
            }
            return;
        }
        for (band, rows) in out.chunks_mut(row_bytes * BAND).enumerate() {
            for x in 0..row_bytes / N {
                let column = source(x).as_chunks::<N>().0;
                for (y, out) in rows.chunks_exact_mut(row_bytes).enumerate() {
                    let at = band * BAND + y;
                    let at = if self.from_right { column.len() - 1 - at } else { at };
                    out[x * N..][..N].copy_from_slice(&column[at]);
                }
            }
        }
    }
}

fn copy<const N: usize>(from: &[u8], to: &mut [u8], backwards: bool) {
    if !backwards {
        to.copy_from_slice(from);
        return;
    }
    for (from, to) in from.as_chunks::<N>().0.iter().rev().zip(to.as_chunks_mut::<N>().0) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, PixelFormat};

    /// A picture whose bytes are all different, 70x37: more rows than a band, odd sides.
    fn picture(pixels: PixelFormat) -> Frame {
        let size = Size::new(70, 37);
        let (planes, len) = tight_planes(pixels, size);
        let bytes: Vec<u8> = (0..len).map(|n| (n * 151 % 251) as u8).collect();
        Frame::new(FrameFormat { size, pixels, colour: Colour::SRGB }, planes, Arc::new(bytes)).unwrap()
    }

    fn pixel(frame: &Frame, plane: usize, x: usize, y: usize) -> &[u8] {
        let bytes = frame.format().pixels.pixel_bytes(plane);
        &frame.row(plane, y)[x * bytes..][..bytes]
    }

    /// What each tag means, as a mirroring and quarter turns, one after the other.
    #[test]
    fn all_eight_orientations_are_mirrorings_and_quarter_turns() {
        for pixels in PixelFormat::ALL {
            for (flip, turns) in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)] {
                let tag = format!("{}rotate-{}", if flip == 1 { "flip-" } else { "" }, turns * 90);
                let (frame, pool) = (picture(pixels), Pool::new());
                let turned = Orientation::of_tag(&tag).unwrap().turn(frame.clone(), &pool).unwrap();
                for plane in 0..pixels.planes() {
                    let extent = |frame: &Frame| {
                        let (row_bytes, rows) = pixels.plane_extent(plane, frame.size());
                        (row_bytes / pixels.pixel_bytes(plane), rows)
                    };
                    for y in 0..extent(&frame).1 {
                        for x in 0..extent(&frame).0 {
                            let (mut width, mut height) = extent(&frame);
                            let (mut to_x, mut to_y) = (if flip == 1 { width - 1 - x } else { x }, y);
                            for _ in 0..turns {
                                (to_x, to_y) = (height - 1 - to_y, to_x);
                                (width, height) = (height, width);
                            }
                            assert_eq!((width, height), extent(&turned));
                            assert_eq!(pixel(&frame, plane, x, y), pixel(&turned, plane, to_x, to_y), "{tag} {x} {y}");
                        }
                    }
                }
            }
        }
        assert_eq!(Orientation::of_tag("upside down"), None);
    }

    #[test]
    fn matrices_say_the_same_as_tags() {
        for (matrix, tag) in [
            ([1, 0, 0, 1], "rotate-0"),
            ([0, 1, -1, 0], "rotate-90"),
            ([-1, 0, 0, -1], "rotate-180"),
            ([0, -1, 1, 0], "rotate-270"),
            ([-1, 0, 0, 1], "flip-rotate-0"),
            ([0, -1, -1, 0], "flip-rotate-90"),
            ([1, 0, 0, -1], "flip-rotate-180"),
            ([0, 1, 1, 0], "flip-rotate-270"),
        ] {
            assert_eq!(Orientation::of_matrix(matrix), Orientation::of_tag(tag), "{tag}");
        }
        assert_eq!(Orientation::of_matrix([1, 1, 0, 1]), None);
        assert_eq!(Orientation::of_matrix([0; 4]), None);
    }
}
