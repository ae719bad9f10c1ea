//! Grey pictures of a frame: what motion is looked for in.

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

    /// Becomes the luma of `frame`. The crew shares the rows.
    fn read(&mut self, crew: &Crew, frame: &Frame) {
        let width = frame.size().width as usize;
        self.resize(width, frame.size().height as usize);
        crew.each_row((&mut self.values, width), |y, out| match frame.format().pixels {
            PixelFormat::Rgbx => luma_of_rgbx(Arch::new(), frame.row(0, y), out),
            PixelFormat::I420 | PixelFormat::Nv12 => out.copy_from_slice(frame.row(0, y)),
        });
    }

    /// Becomes `larger` at half its size, the mean of 2x2; an odd last row or column is left out. The crew shares the rows.
    fn halve(&mut self, crew: &Crew, larger: &Self) {
        self.resize(larger.width / 2, larger.height / 2);
        crew.each_row((&mut self.values, self.width), |y, out| {
            halved(Arch::new(), larger.row(2 * y), larger.row(2 * y + 1), out);
        });
    }
}

/// The luma of a frame, whole and at 1/2, 1/4, 1/8 and 1/16 of its size.
#[derive(Clone, Debug, Default)]
pub(super) struct Pyramid {
    /// From the largest to the smallest.
    pub levels: [Gray; 5],
}

impl Pyramid {
    /// Becomes that of `frame`. The crew shares the rows.
    pub fn read(&mut self, crew: &Crew, frame: &Frame) {
        self.levels[0].read(crew, frame);
        for level in 1..self.levels.len() {
            let (larger, smaller) = self.levels.split_at_mut(level);
            smaller[0].halve(crew, &larger[level - 1]);
        }
    }
}

/// Sum of the 2x2 values of two rows that become value `x` at half the size.
#[inline(always)]
pub(super) fn sum_of_four(above: &[u8], below: &[u8], x: usize) -> u16 {
    let (left, right) = (2 * x, 2 * x + 1);
    u16::from(above[left]) + u16::from(above[right]) + u16::from(below[left]) + u16::from(below[right])
}

/// Their mean, rounded.
#[inline(always)]
pub(super) fn mean_of_four(above: &[u8], below: &[u8], x: usize) -> u8 {
    ((sum_of_four(above, below, x) + 2) >> 2) as u8
}

kernels! {
    /// The mean of each 2x2, rounded.
    fn halved<'a>(above: &'a [u8], below: &'a [u8], out: &'a mut [u8]) {
        let (above, below) = (&above[..2 * out.len()], &below[..2 * out.len()]);
        for (x, out) in out.iter_mut().enumerate() {
            *out = mean_of_four(above, below, x);
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
