//! Chroma of 4:2:0 pictures, and of 4:2:2, brought up and down as [`crate::convert::chroma`] says. Whatever the siting,
//! the loops are the same: only the taps differ.

use std::ops::Range;

use pulp::Arch;

use super::kernel::{byte_from, kernels};
use crate::convert::chroma::{down_weights, up_weights};
use crate::convert::raw::{Chroma, RawFrame};
use crate::frame::{ChromaSite, Frame, PixelFormat, Size};

/// Weights to come up by two: an even sample from chroma `i − 1` and `i`, an odd one from `i` and `i + 1`.
#[derive(Clone, Copy, Debug)]
struct Up {
    even: [f32; 2],
    odd: [f32; 2],
}

impl From<[f32; 4]> for Up {
    fn from([a, b, c, d]: [f32; 4]) -> Self {
        Self { even: [a, b], odd: [c, d] }
    }
}

/// Weights to go down by two: chroma `i` from samples `2i − 1` to `2i + 2`.
type Down = [f32; 4];

/// A picture that has chroma planes.
#[derive(Clone, Copy)]
pub(super) enum Samples<'a> {
    /// I420 or NV12.
    Frame(&'a Frame),
    /// 4:2:0 or 4:2:2 as the decoder gives it.
    Raw(&'a RawFrame<'a>),
}

impl Samples<'_> {
    fn size(self) -> Size {
        match self {
            Self::Frame(frame) => frame.size(),
            Self::Raw(raw) => raw.format().size,
        }
    }

    fn site(self) -> ChromaSite {
        match self {
            Self::Frame(frame) => frame.format().colour.chroma_site,
            Self::Raw(raw) => raw.format().colour.chroma_site,
        }
    }
}

/// Brings the chroma of a picture to the size of its luma, row by row.
pub(super) struct Upsampler<'a> {
    arch: Arch,
    samples: Samples<'a>,
    horizontal: Up,
    /// None where there are as many rows of chroma as of luma.
    vertical: Option<Up>,
    /// Cb and Cr at the height of the row; one sample repeated at each end.
    half: [Vec<f32>; 2],
    /// Cb and Cr at full width, rounded up to even.
    full: [Vec<f32>; 2],
}

impl<'a> Upsampler<'a> {
    /// For a picture that has chroma planes.
    pub fn new(arch: Arch, samples: Samples<'a>) -> Self {
        let [horizontal, vertical] = up_weights(samples.site()).map(Up::from);
        let half_width = samples.size().halved().width as usize;
        let whole = matches!(samples, Samples::Raw(raw) if raw.format().chroma == Chroma::Half);
        Self {
            arch,
            samples,
            horizontal,
            vertical: (!whole).then_some(vertical),
            half: std::array::from_fn(|_| vec![0.0; half_width + 2]),
            full: std::array::from_fn(|_| vec![0.0; 2 * half_width]),
        }
    }

    /// Goes to luma row `y`.
    pub fn seek(&mut self, y: usize) {
        self.blend_rows(y);
        for half in &mut self.half {
            let last = half.len() - 1;
            half[0] = half[1];
            half[last] = half[last - 1];
        }
    }

    /// Cb and Cr of these columns of the row, of which the first is even; at least as many as there are columns.
    pub fn columns(&mut self, columns: Range<usize>) -> [&[f32]; 2] {
        let first = columns.start / 2;
        let count = columns.len().div_ceil(2);
        for (half, full) in self.half.iter().zip(&mut self.full) {
            widen(self.arch, &half[first..first + count + 2], self.horizontal, &mut full[..2 * count]);
        }
        self.full.each_ref().map(Vec::as_slice)
    }

    /// Fills the middle of `half`.
    fn blend_rows(&mut self, y: usize) {
        let last = self.samples.size().halved().height as usize - 1;
        let (taps, above, below) = match self.vertical {
            None => ([0.0, 1.0], y, y),
            Some(up) if y.is_multiple_of(2) => (up.even, (y / 2).saturating_sub(1), y / 2),
            Some(up) => (up.odd, y / 2, (y / 2 + 1).min(last)),
        };
        let [cb, cr] = &mut self.half;
        let inner = 1..cb.len() - 1;
        let (cb, cr) = (&mut cb[inner.clone()], &mut cr[inner]);
        match self.samples {
            Samples::Frame(frame) if frame.format().pixels == PixelFormat::Nv12 => {
                blend_pairs(self.arch, frame.row(1, above), frame.row(1, below), taps, cb, cr);
            }
            Samples::Frame(frame) => {
                for (plane, chroma) in [(1, cb), (2, cr)] {
                    blend(self.arch, frame.row(plane, above), frame.row(plane, below), taps, chroma);
                }
            }
            Samples::Raw(raw) => {
                let blend = if raw.format().bits > 8 { blend_words } else { blend };
                for (plane, chroma) in [(1, cb), (2, cr)] {
                    blend(self.arch, raw.row(plane, above), raw.row(plane, below), taps, chroma);
                }
            }
        }
    }
}

/// Rows that a row of chroma is made of.
const WINDOW: usize = 4;

/// Takes rows of chroma at full size, one after the other, and gives them back at half size.
pub(super) struct Downsampler {
    arch: Arch,
    /// None where there are as few columns as there are to be.
    horizontal: Option<Down>,
    vertical: Down,
    height: usize,
    width: usize,
    /// The newest row of Cb and Cr: one sample repeated in front, at least one behind.
    full: [Vec<f32>; 2],
    /// The latest rows at half width; row `y` is in place `y % WINDOW`.
    window: [[Vec<f32>; 2]; WINDOW],
}

impl Downsampler {
    /// For a picture of this size.
    pub fn new(arch: Arch, size: Size, site: ChromaSite) -> Self {
        let [horizontal, vertical] = down_weights(site);
        Self::with(arch, size, size.width as usize, Some(horizontal), vertical)
    }

    /// For a picture of this size whose rows come at half width.
    pub fn of_half_width(arch: Arch, size: Size, site: ChromaSite) -> Self {
        let [_, vertical] = down_weights(site);
        Self::with(arch, size, size.halved().width as usize, None, vertical)
    }

    fn with(arch: Arch, size: Size, width: usize, horizontal: Option<Down>, vertical: Down) -> Self {
        let half_width = size.halved().width as usize;
        let rows = |len: usize| std::array::from_fn(|_| vec![0.0; len]);
        Self {
            arch,
            horizontal,
            vertical,
            height: size.height as usize,
            width,
            full: rows(2 * half_width + 2),
            window: std::array::from_fn(|_| rows(half_width)),
        }
    }

    /// Where the next row of Cb and Cr is to be written.
    pub fn next_row(&mut self) -> [&mut [f32]; 2] {
        let width = self.width;
        self.full.each_mut().map(|row| &mut row[1..=width])
    }

    /// Row `y` is written. Returns the rows of chroma that are complete now.
    pub fn push(&mut self, y: usize) -> Range<usize> {
        let Self { arch, horizontal, full, window, width, .. } = self;
        for (full, half) in full.iter_mut().zip(&mut window[y % WINDOW]) {
            let Some(taps) = *horizontal else {
                half.copy_from_slice(&full[1..=*width]);
                continue;
            };
            full[0] = full[1];
            let last = full[*width];
            full[*width + 1..].fill(last);
            narrow(*arch, full, taps, half);
        }
        // Chroma row j reaches down to luma row 2j + 2.
        let complete = |rows: usize| if rows == self.height { rows.div_ceil(2) } else { rows.saturating_sub(1) / 2 };
        complete(y)..complete(y + 1)
    }

    /// Writes row `j` of Cb (channel 0) or Cr (channel 1), which is complete, as bytes.
    pub fn write_plane(&self, j: usize, channel: usize, bytes: &mut [u8]) {
        let rows = self.rows_of(j).map(|row| row[channel].as_slice());
        sum_rows(self.arch, rows, self.vertical, bytes);
    }

    /// Writes row `j` of chroma, which is complete, as pairs of bytes.
    pub fn write_pairs(&self, j: usize, pairs: &mut [u8]) {
        let rows = self.rows_of(j);
        let [cb, cr] = [0, 1].map(|channel| rows.map(|row| row[channel].as_slice()));
        sum_row_pairs(self.arch, cb, cr, self.vertical, pairs);
    }

    fn rows_of(&self, j: usize) -> [&[Vec<f32>; 2]; WINDOW] {
        let last = self.height - 1;
        std::array::from_fn(|tap| &self.window[(2 * j + tap).saturating_sub(1).min(last) % WINDOW])
    }
}

kernels! {
    fn blend<'a>(above: &'a [u8], below: &'a [u8], taps: [f32; 2], out: &'a mut [f32]) {
        let [a, b] = taps;
        for ((out, &above), &below) in out.iter_mut().zip(above).zip(below) {
            *out = a * f32::from(above) + b * f32::from(below);
        }
    }

    fn blend_words<'a>(above: &'a [u8], below: &'a [u8], taps: [f32; 2], out: &'a mut [f32]) {
        let [a, b] = taps;
        let word = |bytes: &[u8]| f32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        let rows = above.chunks_exact(2).zip(below.chunks_exact(2));
        for (out, (above, below)) in out.iter_mut().zip(rows) {
            *out = a * word(above) + b * word(below);
        }
    }

    fn blend_pairs<'a>(above: &'a [u8], below: &'a [u8], taps: [f32; 2], cb: &'a mut [f32], cr: &'a mut [f32]) {
        let [a, b] = taps;
        let rows = above.chunks_exact(2).zip(below.chunks_exact(2));
        for (((above, below), cb), cr) in rows.zip(cb).zip(cr) {
            *cb = a * f32::from(above[0]) + b * f32::from(below[0]);
            *cr = a * f32::from(above[1]) + b * f32::from(below[1]);
        }
    }

    fn widen<'a>(half: &'a [f32], up: Up, full: &'a mut [f32]) {
        let samples = half.iter().zip(&half[1..]).zip(&half[2..]);
        for (pair, ((&before, &here), &after)) in full.chunks_exact_mut(2).zip(samples) {
            pair[0] = up.even[0] * before + up.even[1] * here;
            pair[1] = up.odd[0] * here + up.odd[1] * after;
        }
    }

    fn narrow<'a>(full: &'a [f32], taps: Down, half: &'a mut [f32]) {
        let pairs = full.chunks_exact(2).zip(full[2..].chunks_exact(2));
        for (half, (left, right)) in half.iter_mut().zip(pairs) {
            *half = taps[0] * left[0] + taps[1] * left[1] + taps[2] * right[0] + taps[3] * right[1];
        }
    }

    fn sum_rows<'a>(rows: [&'a [f32]; WINDOW], taps: Down, bytes: &'a mut [u8]) {
        let [a, b, c, d] = rows;
        for ((((byte, &a), &b), &c), &d) in bytes.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *byte = byte_from(taps[0] * a + taps[1] * b + taps[2] * c + taps[3] * d);
        }
    }

    fn sum_row_pairs<'a>(cb: [&'a [f32]; WINDOW], cr: [&'a [f32]; WINDOW], taps: Down, pairs: &'a mut [u8]) {
        let len = pairs.len() / 2;
        let (cb, cr) = (cb.map(|row| &row[..len]), cr.map(|row| &row[..len]));
        let sum = |rows: &[&[f32]; WINDOW], i: usize| {
            taps[0] * rows[0][i] + taps[1] * rows[1][i] + taps[2] * rows[2][i] + taps[3] * rows[3][i]
        };
        for (i, pair) in pairs.chunks_exact_mut(2).enumerate() {
            pair[0] = byte_from(sum(&cb, i));
            pair[1] = byte_from(sum(&cr, i));
        }
    }
}
