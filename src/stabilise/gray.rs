//! Small grey pictures of a frame: what motion is looked for in.

use std::ops::Range;

use pulp::Arch;

use crate::convert::cpu::kernel::kernels;
use crate::flow::Crew;
use crate::frame::{Frame, PixelFormat};

/// A grey picture, bytes without padding.
#[derive(Clone, Debug, Default)]
pub(super) struct Gray {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row after row.
    pub values: Vec<u8>,
}

impl Gray {
    /// Row `y`.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.values[y * self.width..][..self.width]
    }

    /// Becomes of this size; the values are to be written.
    pub fn resize(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        self.values.resize(width * height, 0);
    }

    /// Becomes `larger` at half its size, the mean of 2x2; an odd last row or column is left out.
    fn halve(&mut self, larger: &Self) {
        self.resize(larger.width / 2, larger.height / 2);
        for y in 0..self.height {
            let (above, below) = (larger.row(2 * y), larger.row(2 * y + 1));
            halved(Arch::new(), above, below, &mut self.values[y * self.width..][..self.width]);
        }
    }
}

/// The luma of a frame at 1/2, 1/4, 1/8 and 1/16 of its size.
#[derive(Clone, Debug, Default)]
pub(super) struct Pyramid {
    /// From the largest to the smallest.
    pub levels: [Gray; 4],
    luma: Vec<[Vec<u8>; 2]>,
}

impl Pyramid {
    /// Becomes that of `frame`. The crew shares the rows.
    pub fn read(&mut self, crew: &Crew, frame: &Frame) {
        let (width, height) = (frame.size().width as usize / 2, frame.size().height as usize / 2);
        let half = &mut self.levels[0];
        half.resize(width, height);
        crew.each_band((&mut half.values, width), 1, &mut self.luma, |rows, out, luma| {
            halve_rows(frame, rows, luma, width, out);
        });
        for level in 1..self.levels.len() {
            let (larger, smaller) = self.levels.split_at_mut(level);
            smaller[0].halve(&larger[level - 1]);
        }
    }
}

/// Writes `rows` of the luma of `frame` at half its size, `width` values each; `luma` is scratch.
fn halve_rows(frame: &Frame, rows: Range<usize>, luma: &mut [Vec<u8>; 2], width: usize, out: &mut [u8]) {
    for (y, out) in rows.zip(out.chunks_exact_mut(width)) {
        let (above, below) = (frame.row(0, 2 * y), frame.row(0, 2 * y + 1));
        if frame.format().pixels == PixelFormat::Rgbx {
            for (row, luma) in [above, below].into_iter().zip(&mut *luma) {
                luma.resize(row.len() / 4, 0);
                luma_of_rgbx(Arch::new(), row, luma);
            }
            halved(Arch::new(), &luma[0], &luma[1], out);
        } else {
            halved(Arch::new(), above, below, out);
        }
    }
}

/// Sum of the 2x2 values of two rows that become value `x` at half the size.
#[inline(always)]
pub(super) fn sum_of_four(above: &[u8], below: &[u8], x: usize) -> u16 {
    let (left, right) = (2 * x, 2 * x + 1);
    u16::from(above[left]) + u16::from(above[right]) + u16::from(below[left]) + u16::from(below[right])
}

kernels! {
    /// The mean of each 2x2, rounded.
    fn halved<'a>(above: &'a [u8], below: &'a [u8], out: &'a mut [u8]) {
        let (above, below) = (&above[..2 * out.len()], &below[..2 * out.len()]);
        for (x, out) in out.iter_mut().enumerate() {
            *out = ((sum_of_four(above, below, x) + 2) >> 2) as u8;
        }
    }

    /// About the luma of each pixel: what matters is that it changes as the picture does.
    fn luma_of_rgbx<'a>(pixels: &'a [u8], luma: &'a mut [u8]) {
        for (pixel, luma) in pixels.chunks_exact(4).zip(luma) {
            let sum = u16::from(pixel[0]) + 2 * u16::from(pixel[1]) + u16::from(pixel[2]);
            *luma = ((sum + 2) >> 2) as u8;
        }
    }
}
