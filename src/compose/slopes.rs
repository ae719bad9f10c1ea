//! How steeply a styled picture rises with the luma of its original: the slope of the regression in windows of a few
//! pixels, as in the guided filter.

use std::ops::Range;

use pulp::Arch;

use crate::convert::cpu::kernel::{clamped, kernels};
use crate::convert::resize::Resizer;
use crate::error::Result;
use crate::filter::Filter;
use crate::frame::Size;

/// Side of a block, in pixels of the network, that gives one set of statistics; a window is three blocks wide.
pub(super) const BLOCK: usize = 4;

/// Variance of luma at which the slope is halved: differences below pass for noise.
pub(super) const FLAT: f32 = 1.0e-3;

/// Greatest slope, up or down: a style that has more contrast does not amplify noise beyond it.
pub(super) const STEEPEST: f32 = 1.25;

/// Variance of a channel that is none: keeps it from 0/0.
pub(super) const NONE: f32 = 1.0e-6;

/// Means that the regression is made of: luma and its square; of each channel itself, its square, its product with
/// luma.
pub(super) const MEANS: usize = 2 + 3 * 3;

/// The slope of each channel at each block of a picture.
#[derive(Debug)]
pub struct Slopes {
    /// Number of blocks in both directions.
    grid: Size,
    /// Sums over the rows of one row of blocks.
    sums: [Vec<f32>; MEANS],
    /// Means over the blocks, and room for them while they are brought to windows.
    means: [Vec<f32>; MEANS],
    spare: Vec<f32>,
    slopes: [Vec<f32>; 3],
    /// The slopes of one channel at the width of the output.
    wide: Vec<f32>,
}

/// Of no picture yet.
impl Default for Slopes {
    fn default() -> Self {
        Self {
            grid: Size::new(0, 0),
            sums: Default::default(),
            means: Default::default(),
            spare: Vec::new(),
            slopes: Default::default(),
            wide: Vec::new(),
        }
    }
}

impl Slopes {
    /// Measures the channels `styled` against `luma`; all planes have this size.
    pub fn measure(&mut self, arch: Arch, luma: &[f32], styled: [&[f32]; 3], size: Size) {
        let width = size.width as usize;
        let columns = width.div_ceil(BLOCK);
        self.grid = Size::new(size.width.div_ceil(BLOCK as u32), size.height.div_ceil(BLOCK as u32));
        self.means.iter_mut().chain([&mut self.spare]).chain(&mut self.slopes).for_each(|plane| {
            plane.resize(self.grid.pixels(), 0.0);
        });
        for block_row in 0..self.grid.height as usize {
            let rows = block_row * BLOCK..((block_row + 1) * BLOCK).min(size.height as usize);
            self.sum_rows(arch, luma, styled, width, rows);
            for (sums, means) in self.sums.iter().zip(&mut self.means) {
                block_means(
                    sums,
                    size.height as usize - block_row * BLOCK,
                    &mut means[block_row * columns..][..columns],
                );
            }
        }
        for means in &mut self.means {
            window_means(arch, means, &mut self.spare, columns);
        }
        let [luma, luma_square, channels @ ..] = &self.means;
        for (channel, slope) in channels.chunks_exact(3).zip(&mut self.slopes) {
            regress(arch, luma, luma_square, &channel[0], &channel[1], &channel[2], slope);
        }
    }

    fn sum_rows(&mut self, arch: Arch, luma: &[f32], styled: [&[f32]; 3], width: usize, rows: Range<usize>) {
        for sums in &mut self.sums {
            sums.clear();
            sums.resize(width, 0.0);
        }
        for y in rows {
            let row = y * width..(y + 1) * width;
            let luma = &luma[row.clone()];
            let [sum, squares, channels @ ..] = &mut self.sums;
            accumulate_luma(arch, luma, sum, squares);
            for (channel, sums) in styled.into_iter().zip(channels.chunks_exact_mut(3)) {
                let [sum, squares, products] = sums else { continue };
                accumulate_channel(arch, luma, &channel[row.clone()], sum, squares, products);
            }
        }
    }

    /// The slopes of `channel` at the width of the output, to be read row by row.
    ///
    /// # Errors
    /// See [`Resizer::resize`].
    pub fn widened(&mut self, resizer: &mut Resizer, channel: usize, out_width: u32) -> Result<WideSlopes<'_>> {
        let size = Size::new(out_width, self.grid.height);
        self.wide.resize(size.pixels(), 0.0);
        resizer.resize_plane(&self.slopes[channel], self.grid, &mut self.wide, size, Filter::Bilinear)?;
        Ok(WideSlopes { rows: &self.wide, size })
    }
}

/// Slopes of one channel: as many columns as the output has, as many rows as there are rows of blocks.
#[derive(Debug)]
pub struct WideSlopes<'a> {
    rows: &'a [f32],
    size: Size,
}

impl<'a> WideSlopes<'a> {
    /// The rows above and below row `y` of an output of `out_height` rows, each with its weight.
    pub fn at(&self, y: usize, out_height: usize) -> [(&'a [f32], f32); 2] {
        let last = self.size.height as usize - 1;
        let position = (y as f32 + 0.5) * self.size.height as f32 / out_height as f32 - 0.5;
        let position = position.clamp(0.0, last as f32);
        let above = position as usize;
        let row = |y: usize| &self.rows[y.min(last) * self.size.width as usize..][..self.size.width as usize];
        let part = position - above as f32;
        [(row(above), 1.0 - part), (row(above + 1), part)]
    }
}

/// Means over the columns of each block, of sums over at most `rows_left` rows.
fn block_means(sums: &[f32], rows_left: usize, means: &mut [f32]) {
    let rows = rows_left.min(BLOCK);
    for (mean, block) in means.iter_mut().zip(sums.chunks(BLOCK)) {
        *mean = block.iter().sum::<f32>() / (rows * block.len()) as f32;
    }
}

/// Replaces each value by the mean of it and its eight neighbours; edges are repeated.
fn window_means(arch: Arch, means: &mut [f32], spare: &mut [f32], columns: usize) {
    let last = means.len() / columns - 1;
    for (y, out) in spare.chunks_exact_mut(columns).enumerate() {
        let row = |y: usize| &means[y * columns..][..columns];
        mean_of_rows(arch, row(y.saturating_sub(1)), row(y), row((y + 1).min(last)), out);
    }
    let end = columns - 1;
    for (row, out) in spare.chunks_exact(columns).zip(means.chunks_exact_mut(columns)) {
        out[0] = (2.0 * row[0] + row[1.min(end)]) / 3.0;
        out[end] = (row[end.saturating_sub(1)] + 2.0 * row[end]) / 3.0;
        if columns > 2 {
            mean_of_rows(arch, &row[..columns - 2], &row[1..columns - 1], &row[2..], &mut out[1..columns - 1]);
        }
    }
}

kernels! {
    /// Adds luma of a row and its square to the sums.
    fn accumulate_luma<'a>(luma: &'a [f32], sum: &'a mut [f32], squares: &'a mut [f32]) {
        for ((&luma, sum), squares) in luma.iter().zip(sum).zip(squares) {
            *sum += luma;
            *squares += luma * luma;
        }
    }

    /// Adds a channel of a row, its square and its product with luma to the sums.
    fn accumulate_channel<'a>(
        luma: &'a [f32],
        channel: &'a [f32],
        sum: &'a mut [f32],
        squares: &'a mut [f32],
        products: &'a mut [f32],
    ) {
        let sums = sum.iter_mut().zip(squares).zip(products);
        for ((&luma, &value), ((sum, squares), products)) in luma.iter().zip(channel).zip(sums) {
            *sum += value;
            *squares += value * value;
            *products += luma * value;
        }
    }

    fn mean_of_rows<'a>(a: &'a [f32], b: &'a [f32], c: &'a [f32], out: &'a mut [f32]) {
        for (((&a, &b), &c), out) in a.iter().zip(b).zip(c).zip(out) {
            *out = (a + b + c) * (1.0 / 3.0);
        }
    }

    /// Slope of a channel over luma from the means, times the part of the channel's variance that luma explains: where
    /// the style goes its own ways, its edges lie elsewhere, and the original's would be halos.
    fn regress<'a>(
        luma: &'a [f32],
        luma_square: &'a [f32],
        channel: &'a [f32],
        square: &'a [f32],
        product: &'a [f32],
        slope: &'a mut [f32],
    ) {
        let means = luma.iter().zip(luma_square).zip(channel).zip(square).zip(product);
        for (((((&luma, &luma_square), &channel), &square), &product), slope) in means.zip(slope) {
            let luma_variance = (luma_square - luma * luma).max(0.0);
            let variance = (square - channel * channel).max(0.0);
            let covariance = product - luma * channel;
            let steepness = covariance / (luma_variance + FLAT);
            let explained = (steepness * covariance / (variance + NONE)).min(1.0);
            *slope = explained * clamped(steepness, -STEEPEST, STEEPEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern without flat windows.
    fn textured(size: Size) -> Vec<f32> {
        (0..size.pixels()).map(|i| 0.5 + 0.4 * ((i * i % 97) as f32 / 48.5 - 1.0)).collect()
    }

    #[test]
    fn the_slope_of_a_line_is_its_factor() {
        let size = Size::new(37, 22);
        let luma = textured(size);
        let [half, inverse, flat] = [(0.5, 0.1), (-1.0, 1.0), (0.0, 0.3)]
            .map(|(slope, offset)| luma.iter().map(|luma| slope * luma + offset).collect::<Vec<f32>>());
        let mut slopes = Slopes::default();
        slopes.measure(Arch::new(), &luma, [&half, &inverse, &flat], size);
        for (slopes, wanted) in slopes.slopes.iter().zip([0.5, -1.0, 0.0]) {
            assert_eq!(slopes.len(), 10 * 6);
            assert!(slopes.iter().all(|slope| (slope - wanted).abs() < 0.1), "{wanted}: {slopes:?}");
        }
        let mut resizer = Resizer::new();
        let wide = slopes.widened(&mut resizer, 1, 100).unwrap();
        for y in 0..50 {
            let [(above, a), (below, b)] = wide.at(y, 50);
            assert!((a + b - 1.0).abs() < 1e-6);
            assert!(above.iter().zip(below).all(|(above, below)| (a * above + b * below + 1.0).abs() < 0.1));
        }
    }

    #[test]
    fn a_window_is_the_mean_of_nine_whose_edges_are_repeated() {
        for (columns, rows) in [(1, 1), (1, 4), (4, 1), (2, 2), (5, 3)] {
            let given: Vec<f32> = textured(Size::new(columns as u32, rows as u32));
            let (mut means, mut spare) = (given.clone(), vec![0.0; given.len()]);
            window_means(Arch::new(), &mut means, &mut spare, columns);
            for (at, mean) in means.iter().enumerate() {
                let near = (0..9).map(|index| {
                    let x = (at % columns + index % 3).saturating_sub(1).min(columns - 1);
                    let y = (at / columns + index / 3).saturating_sub(1).min(rows - 1);
                    given[y * columns + x]
                });
                let wanted = near.sum::<f32>() / 9.0;
                assert!((mean - wanted).abs() < 1e-6, "{at} of {columns}x{rows}: {mean} is not {wanted}");
            }
        }
    }

    #[test]
    fn a_flat_original_gives_no_slope() {
        let size = Size::new(1, 1);
        let mut slopes = Slopes::default();
        slopes.measure(Arch::new(), &[0.5], [&[0.1], &[0.5], &[0.9]], size);
        assert_eq!(slopes.slopes.concat(), [0.0; 3]);
    }
}
