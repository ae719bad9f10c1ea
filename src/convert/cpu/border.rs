//! The border of a tensor: the picture reflected at its edges, the edge itself not repeated.

use std::ops::Range;

use crate::frame::Size;
use crate::tensor::{Border, Layout, Tensor, Values};

/// Where index `i` falls when `0..len` is continued by reflection: −1 is 1, `len` is `len − 2`, and so on for any
/// distance. A side of one pixel continues as that pixel.
///
/// # Panics
/// When `len` is 0.
pub fn reflect(i: isize, len: usize) -> usize {
    assert!(len > 0, "nothing to reflect");
    if len == 1 {
        return 0;
    }
    let period = 2 * (len - 1);
    // The remainder is in 0..period, so the conversions are exact.
    let phase = i.rem_euclid(period as isize) as usize;
    phase.min(period - phase)
}

/// Where the picture lies in the values of a tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Values of one pixel in a plane: one in each of three planes, or three in the only one.
    pub step: usize,
    /// Values in a row, border included.
    pub row_len: usize,
    /// Rows, border included.
    pub rows: usize,
    /// Columns on the left of the picture.
    pub left: usize,
    /// Rows above the picture.
    pub top: usize,
    /// Columns of the picture.
    pub width: usize,
    /// Rows of the picture.
    pub height: usize,
}

impl Geometry {
    /// The picture inside of `border` in `tensor`.
    ///
    /// # Panics
    /// When the border leaves no picture, or the tensor has not as many values as its size says.
    pub fn of(tensor: &Tensor, border: Border) -> Self {
        let Size { width, height } = tensor.size;
        assert!(
            border.left + border.right < width && border.top + border.bottom < height,
            "a tensor of {} has no picture inside of {border:?}",
            tensor.size
        );
        assert_eq!(tensor.values.len(), 3 * tensor.size.pixels(), "values of a tensor of {}", tensor.size);
        let inner = border.inner(tensor.size);
        let step = match tensor.format.layout {
            Layout::Nchw => 1,
            Layout::Nhwc | Layout::Blocks4 => 3,
        };
        Self {
            step,
            row_len: step * width as usize,
            rows: height as usize,
            left: border.left as usize,
            top: border.top as usize,
            width: inner.width as usize,
            height: inner.height as usize,
        }
    }

    /// Values in a plane.
    pub fn plane_len(&self) -> usize {
        self.row_len * self.rows
    }

    /// The values of the picture in row `y` of some rows, the border left out.
    pub fn picture_range(&self, y: usize) -> Range<usize> {
        let start = y * self.row_len + self.left * self.step;
        start..start + self.width * self.step
    }
}

/// Fills what lies beside row `y` of some rows of each plane.
pub(super) fn reflect_beside<T: Copy>(planes: &mut [&mut [T]], geometry: &Geometry, y: usize) {
    let &Geometry { step, row_len, left, width, .. } = geometry;
    for plane in planes {
        let row = &mut plane[y * row_len..][..row_len];
        if step == 1 { beside::<_, 1>(row, left, width) } else { beside::<_, 3>(row, left, width) }
    }
}

/// Fills what lies beside `width` pixels of `STEP` values in a row, on the left so many.
pub(super) fn beside<T: Copy, const STEP: usize>(row: &mut [T], left: usize, width: usize) {
    let (pixels, _) = row.as_chunks_mut::<STEP>();
    let right = pixels.len() - left - width;
    if left.max(right) >= width {
        return around(pixels, left, width);
    }
    let (before, picture) = pixels.split_at_mut(left);
    for (out, from) in before.iter_mut().rev().zip(&picture[1..]) {
        *out = *from;
    }
    let (picture, behind) = picture.split_at_mut(width);
    for (out, from) in behind.iter_mut().zip(picture.iter().rev().skip(1)) {
        *out = *from;
    }
}

/// The same where the picture is narrower than its border, and is reflected more than once.
#[cold]
fn around<T: Copy, const STEP: usize>(pixels: &mut [[T; STEP]], left: usize, width: usize) {
    let outside = (0..left).chain(left + width..pixels.len());
    for at in outside {
        pixels[at] = pixels[left + reflect(at as isize - left as isize, width)];
    }
}

/// Fills what lies above and below the picture, when all rows are there.
pub(super) fn reflect_above_and_below(tensor: &mut Tensor, border: Border) {
    let geometry = Geometry::of(tensor, border);
    match &mut tensor.values {
        Values::U8(values) => reflect_rows(values, &geometry),
        Values::F16(values) => reflect_rows(values, &geometry),
        Values::F32(values) => reflect_rows(values, &geometry),
    }
}

fn reflect_rows<T: Copy>(values: &mut [T], geometry: &Geometry) {
    let &Geometry { row_len, rows, top, height, .. } = geometry;
    for plane in values.chunks_exact_mut(geometry.plane_len()) {
        for row in (0..top).chain(top + height..rows) {
            let from = top + reflect(row as isize - top as isize, height);
            plane.copy_within(from * row_len..(from + 1) * row_len, row * row_len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_does_not_repeat_the_edge() {
        let around = |len: usize| (-5..6).map(|i| reflect(i, len)).collect::<Vec<_>>();
        assert_eq!(around(4), [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]);
        assert_eq!(around(3), [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(around(2), [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(around(1), [0; 11]);
    }
}
