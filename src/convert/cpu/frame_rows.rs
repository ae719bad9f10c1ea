//! The memory of a frame that is written, shared out by bands of rows.

use std::ops::Range;

use crate::frame::{FrameFormat, Plane};

/// Rows of a frame that one thread writes: a band of luma, and the chroma that belongs to it.
pub(super) struct FrameRows<'a> {
    /// Rows of the first plane.
    rows: Range<usize>,
    planes: [PlaneRows<'a>; 3],
}

#[derive(Default)]
struct PlaneRows<'a> {
    bytes: &'a mut [u8],
    first: usize,
    stride_bytes: usize,
    row_bytes: usize,
}

impl<'a> FrameRows<'a> {
    /// One for each of `bands`, which are the rows of the frame and, where chroma is smaller, begin at even ones.
    ///
    /// # Panics
    /// When the planes do not fit `out`, or overlap.
    pub fn of_bands(format: FrameFormat, planes: &[Plane], out: &'a mut [u8], bands: &[Range<usize>]) -> Vec<Self> {
        let mut shared: Vec<_> =
            bands.iter().map(|rows| Self { rows: rows.clone(), planes: Default::default() }).collect();
        let mut order: Vec<_> = (0..format.pixels.planes()).collect();
        order.sort_unstable_by_key(|&plane| planes[plane].offset_bytes);
        let (mut rest, mut at) = (out, 0);
        for plane in order {
            let Plane { offset_bytes, stride_bytes } = planes[plane];
            let (row_bytes, count) = format.pixels.plane_extent(plane, format.size);
            let halved = count < format.size.height as usize;
            for (band, shared) in bands.iter().zip(&mut shared) {
                let rows = if halved { band.start / 2..band.end.div_ceil(2) } else { band.clone() };
                let start = offset_bytes + rows.start * stride_bytes;
                // Nothing is behind the last row, not even padding.
                let end = offset_bytes + (rows.end - 1) * stride_bytes + row_bytes;
                let (_, from) = rest.split_at_mut(start - at);
                let (bytes, behind) = from.split_at_mut(end - start);
                (rest, at) = (behind, end);
                shared.planes[plane] = PlaneRows { bytes, first: rows.start, stride_bytes, row_bytes };
            }
        }
        shared
    }

    /// All rows.
    ///
    /// # Panics
    /// When the planes do not fit `out`, or overlap.
    pub fn whole(format: FrameFormat, planes: &[Plane], out: &'a mut [u8]) -> Self {
        let all = 0..format.size.height as usize;
        let mut rows = Self::of_bands(format, planes, out, std::slice::from_ref(&all));
        rows.swap_remove(0)
    }

    /// Rows of the first plane that it has.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Row `y` of a plane, counted from its top, without padding.
    pub fn row(&mut self, plane: usize, y: usize) -> &mut [u8] {
        let PlaneRows { bytes, first, stride_bytes, row_bytes } = &mut self.planes[plane];
        &mut bytes[(y - *first) * *stride_bytes..][..*row_bytes]
    }
}
