//! Strokes that are mixed and do not quite meet lose contrast; here they get it back. Where they do not meet at all, as in plain parts of
//! a moving picture, the mix is rubble, and the painting of now comes back instead.
//!
//! A plane is looked at in blocks of 8x8 pixels. What its pixels differ from the mean of their block, summed, is the texture there. Where
//! the mix differs from the painting of now by more than that has texture, some of the latter is mixed in again. Where the mix has less
//! texture, what it differs from its means, which are linear between the centres of the blocks, is enlarged. All in integers: the twins on
//! a card (`texture`, `weigh` and `restore` in `shaders/`) give the same bytes.

use std::ops::Range;

use pulp::Arch;

use super::blend::Plane;
use crate::convert::cpu::kernel::kernels;
use crate::flow::Crew;
use crate::frame::FrameFormat;

/// Side of a block, in pixels of the plane.
const BLOCK: usize = 8;
/// Most bytes of a pixel.
const CHANNELS: usize = 4;
/// How much of what is missing is given back, in 256ths: more than all of it, since the next mix takes from that again.
const SHARE: u32 = 320;
/// Most that a difference is enlarged by, in 256ths.
const MOST: u32 = 255;
/// How far the mix may be from the painting of now, in 256ths of the texture there, before some of that comes back; strokes that have
/// nothing to do with each other are farther apart than all of it.
const APART: u32 = 288;
/// 256ths that come back for each 256th farther.
const RETURN: u32 = 2;
/// Texture of a block, for each byte of a pixel, that is next to none: a step of 255 for each value.
const LITTLE: u32 = (BLOCK * BLOCK) as u32;

/// What there is in a block.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// Means of the mix, of each byte of a pixel.
    means: [u8; CHANNELS],
    /// Texture of the mix.
    mixed: u32,
    /// Texture of the painting of now.
    wanted: u32,
    /// How far the mix is from the painting of now.
    apart: u32,
}

/// The blocks of a plane.
#[derive(Debug, Default)]
pub(super) struct Texture {
    blocks: Vec<Block>,
    /// How much of the painting of now comes back to each, and by how much the texture of each is enlarged, in 256ths.
    more: Vec<[u8; 2]>,
    sums: Vec<Sums>,
    scratch: Vec<Scratch>,
}

/// Texture of the mix and of the painting of now, and how far they are apart, in each column of three blocks.
type Sums = Vec<[u32; 3]>;

/// What one band needs.
#[derive(Debug, Default)]
struct Scratch {
    /// For each byte of a row of blocks, the mean of its block, and how far its column is from that.
    means: Vec<u8>,
    sums: Vec<u16>,
    /// For each block, its columns together.
    totals: Vec<u32>,
    lines: [Line; 2],
}

/// A row of blocks: for each byte of a row of pixels what lies between the centres of the two that are nearest, in 16ths.
#[derive(Debug, Default)]
struct Line {
    /// Which row it is.
    row: Option<usize>,
    means: Vec<u16>,
    back: Vec<u16>,
    more: Vec<u16>,
}

/// Number of blocks in frames of `format`, and what the kernels on a card are told of them (`shaders/weigh.wgsl`).
pub(super) fn told(format: FrameFormat) -> (u32, [[u32; 4]; 4]) {
    let [columns, rows] = [format.size.width, format.size.height].map(|side| side.div_ceil(BLOCK as u32));
    let little = little(format.pixels.pixel_bytes(0));
    (columns * rows, [[columns, rows, SHARE, MOST], [little, APART, RETURN, 0], [0; 4], [0; 4]])
}

/// Texture of nine blocks of pixels of `step` bytes that is next to none.
const fn little(step: usize) -> u32 {
    9 * LITTLE * step as u32
}

impl Texture {
    /// Enlarges the texture of `mixed`, rows of a plane without padding, as far as `now` has more of it. The crew shares the rows.
    pub fn restore(&mut self, crew: &Crew, now: Plane<'_>, mixed: &mut [u8]) {
        let columns = now.width.div_ceil(BLOCK);
        self.look(crew, now, mixed, columns);
        self.weigh(crew, columns, now.step);
        let Self { blocks, more, scratch, .. } = self;
        let row_bytes = now.width * now.step;
        crew.each_band((mixed, row_bytes), 1, scratch, |rows, out, Scratch { lines, .. }| {
            lines.iter_mut().for_each(|line| line.row = None);
            for (y, out) in rows.zip(out.chunks_exact_mut(row_bytes)) {
                let (near, share) = near(y, blocks.len() / columns);
                let of = |row: usize| row * columns..(row + 1) * columns;
                if near.iter().all(|&row| more[of(row)].iter().all(|&more| more == [0; 2])) {
                    continue;
                }
                if lines[1].row == Some(near[0]) {
                    lines.swap(0, 1);
                }
                for (line, row) in lines.iter_mut().zip(near) {
                    if line.row.replace(row) != Some(row) {
                        line.means.resize(row_bytes, 0);
                        line.back.resize(row_bytes, 0);
                        line.more.resize(row_bytes, 0);
                        lay_out(Arch::new(), &blocks[of(row)], &more[of(row)], now.step, line);
                    }
                }
                enlarge(Arch::new(), (&lines[0], &lines[1], share), now.row(y), out);
            }
        });
    }

    /// Finds out what there is in each block.
    fn look(&mut self, crew: &Crew, now: Plane<'_>, mixed: &[u8], columns: usize) {
        let Plane { width, height, step, .. } = now;
        let mixed = Plane { bytes: mixed, stride_bytes: width * step, ..now };
        self.blocks.resize(columns * height.div_ceil(BLOCK), Block::default());
        crew.each_row_with((&mut self.blocks, columns), &mut self.scratch, |row, blocks, scratch| {
            let rows = row * BLOCK..((row + 1) * BLOCK).min(height);
            measure(Arch::new(), &mixed, &rows, scratch);
            let means = scratch.means.chunks(BLOCK * step);
            for ((block, means), &total) in blocks.iter_mut().zip(means).zip(&scratch.totals) {
                block.means[..step].copy_from_slice(&means[..step]);
                block.mixed = total;
            }
            measure(Arch::new(), &now, &rows, scratch);
            blocks.iter_mut().zip(&scratch.totals).for_each(|(block, &total)| block.wanted = total);
            compare(Arch::new(), (&mixed, &now), &rows, scratch);
            blocks.iter_mut().zip(&scratch.totals).for_each(|(block, &total)| block.apart = total);
        });
    }

    /// Says by how much the texture of each block is enlarged, by what there is in it and in its neighbours.
    fn weigh(&mut self, crew: &Crew, columns: usize, step: usize) {
        let rows = self.blocks.len() / columns;
        let little = little(step);
        let Self { blocks, more, sums, .. } = self;
        more.resize(blocks.len(), [0; 2]);
        crew.each_row_with((more, columns), sums, |row, more, sums| {
            let near = &blocks[row.saturating_sub(1) * columns..(row + 2).min(rows) * columns];
            sums.clear();
            sums.resize(columns, [0; 3]);
            for blocks in near.chunks_exact(columns) {
                for (sum, block) in sums.iter_mut().zip(blocks) {
                    *sum = added(*sum, [block.mixed, block.wanted, block.apart]);
                }
            }
            for (column, more) in more.iter_mut().enumerate() {
                let near = &sums[column.saturating_sub(1)..(column + 2).min(columns)];
                *more = weight(near.iter().copied().fold([0; 3], added), little);
            }
        });
    }
}

/// How much of the painting of now comes back to a block, and by how much its texture is enlarged, by what there is around it.
fn weight([mixed, wanted, apart]: [u32; 3], little: u32) -> [u8; 2] {
    let back = (RETURN * (256 * apart / (wanted + little)).saturating_sub(APART)).min(MOST);
    let more = (SHARE * wanted.saturating_sub(mixed) / (mixed + little)).min(MOST);
    [back as u8, ((more * (MOST - back)) >> 8) as u8]
}

fn added(one: [u32; 3], other: [u32; 3]) -> [u32; 3] {
    std::array::from_fn(|index| one[index] + other[index])
}

/// The two of `rows` rows of blocks between whose centres row `y` of a plane lies, and how far from the first, in 16ths.
fn near(y: usize, rows: usize) -> ([usize; 2], u16) {
    let from_first = (2 * y + 1).saturating_sub(BLOCK);
    let first = from_first / (2 * BLOCK);
    ([first, (first + 1).min(rows - 1)], (from_first % (2 * BLOCK)) as u16)
}

/// [`lay_out`] for pixels of `STEP` bytes; `BYTES` are in a row of a block: loops of a known length become wide instructions.
#[inline(always)]
fn lay_out_row<const STEP: usize, const BYTES: usize>(blocks: &[Block], more: &[[u8; 2]], line: &mut Line) {
    let half = (BYTES / 2).min(line.means.len());
    let Line { means, back, more: enlarged, .. } = line;
    let [(first_means, means), (first_back, back), (first_more, enlarged)] =
        [means, back, enlarged].map(|values| values.split_at_mut(half));
    between::<STEP>([0, 0], blocks, more, [first_means, first_back, first_more]);
    let (means, last_means) = means.as_chunks_mut::<BYTES>();
    let (back, last_back) = back.as_chunks_mut::<BYTES>();
    let (enlarged, last_more) = enlarged.as_chunks_mut::<BYTES>();
    for (at, ((means, back), enlarged)) in means.iter_mut().zip(back).zip(enlarged).enumerate() {
        between::<STEP>([at, (at + 1).min(blocks.len() - 1)], blocks, more, [means, back, enlarged]);
    }
    let end = blocks.len() - 1;
    between::<STEP>([means.len().min(end), end], blocks, more, [last_means, last_back, last_more]);
}

/// What lies between the centres of two blocks, from that of the first on: means, what comes back, and enlargement.
#[inline(always)]
fn between<const STEP: usize>(
    [left, right]: [usize; 2],
    blocks: &[Block],
    more: &[[u8; 2]],
    [means, back, enlarged]: [&mut [u16]; 3],
) {
    let pixels = means.chunks_exact_mut(STEP).zip(back.chunks_exact_mut(STEP)).zip(enlarged.chunks_exact_mut(STEP));
    for (((means, back), enlarged), share) in pixels.zip((1..).step_by(2)) {
        let mix = |left: u8, right: u8| u16::from(left) * (16 - share) + u16::from(right) * share;
        for (channel, mean) in means.iter_mut().enumerate() {
            *mean = mix(blocks[left].means[channel], blocks[right].means[channel]);
        }
        back.fill(mix(more[left][0], more[right][0]));
        enlarged.fill(mix(more[left][1], more[right][1]));
    }
}

/// The means of a row of blocks, from the sums of their columns of `rows` pixels of `STEP` bytes; `BYTES` are in a row of a block.
#[inline(always)]
fn means_of_row<const STEP: usize, const BYTES: usize>(sums: &[u16], rows: usize, means: &mut [u8]) {
    let (whole, rest) = sums.as_chunks::<BYTES>();
    let (means, means_of_rest) = means.split_at_mut(whole.len() * BYTES);
    for (sums, means) in whole.iter().zip(means.chunks_exact_mut(BYTES)) {
        means_of_block::<STEP>(sums, BLOCK * rows, means);
    }
    means_of_block::<STEP>(rest, rest.len() / STEP * rows, means_of_rest);
}

/// The mean of each byte of a block's pixels, of which there are `count`.
#[inline(always)]
fn means_of_block<const STEP: usize>(sums: &[u16], count: usize, means: &mut [u8]) {
    let mut totals = [0_u32; STEP];
    for pixel in sums.chunks_exact(STEP) {
        for (total, &sum) in totals.iter_mut().zip(pixel) {
            *total += u32::from(sum);
        }
    }
    let mut of = [0; STEP];
    for (mean, total) in of.iter_mut().zip(totals) {
        *mean = mean_of(total, count as u32);
    }
    means.chunks_exact_mut(STEP).for_each(|pixel| pixel.copy_from_slice(&of));
}

/// The mean of `count` values that are `total`, rounded.
#[inline(always)]
fn mean_of(total: u32, count: u32) -> u8 {
    const WHOLE: u32 = (BLOCK * BLOCK) as u32;
    // By a constant it is a shift.
    let mean = if count == WHOLE { (total + WHOLE / 2) / WHOLE } else { (total + count / 2) / count.max(1) };
    mean as u8
}

/// The sums of the columns of each block, of which there are `BYTES`, together.
#[inline(always)]
fn totals_of_row<const BYTES: usize>(sums: &[u16], totals: &mut Vec<u32>) {
    totals.resize(sums.len().div_ceil(BYTES), 0);
    let (whole, rest) = sums.as_chunks::<BYTES>();
    let (of_whole, of_rest) = totals.split_at_mut(whole.len());
    for (sums, total) in whole.iter().zip(of_whole) {
        *total = sums.iter().map(|&sum| u32::from(sum)).sum();
    }
    of_rest.fill(rest.iter().map(|&sum| u32::from(sum)).sum());
}

kernels! {
    /// Of `rows` of a plane, the mean of each block, for each byte of each pixel in it, and how far they are from it in sum.
    fn measure<'a>(plane: &'a Plane<'a>, rows: &'a Range<usize>, scratch: &'a mut Scratch) {
        let Scratch { sums, means, totals, .. } = scratch;
        sums.clear();
        sums.resize(plane.width * plane.step, 0);
        for y in rows.clone() {
            for (sum, &value) in sums.iter_mut().zip(plane.row(y)) {
                *sum += u16::from(value);
            }
        }
        means.resize(sums.len(), 0);
        match plane.step {
            1 => means_of_row::<1, BLOCK>(sums, rows.len(), means),
            _ => means_of_row::<CHANNELS, { CHANNELS * BLOCK }>(sums, rows.len(), means),
        }
        sums.fill(0);
        for y in rows.clone() {
            for ((sum, &value), &mean) in sums.iter_mut().zip(plane.row(y)).zip(means.iter()) {
                *sum += u16::from(value.abs_diff(mean));
            }
        }
        match plane.step {
            1 => totals_of_row::<BLOCK>(sums, totals),
            _ => totals_of_row::<{ CHANNELS * BLOCK }>(sums, totals),
        }
    }

    /// How far each block of `rows` of two planes is from the other's, in sum.
    fn compare<'a>(planes: (&'a Plane<'a>, &'a Plane<'a>), rows: &'a Range<usize>, scratch: &'a mut Scratch) {
        let Scratch { sums, totals, .. } = scratch;
        sums.fill(0);
        for y in rows.clone() {
            for ((sum, &one), &other) in sums.iter_mut().zip(planes.0.row(y)).zip(planes.1.row(y)) {
                *sum += u16::from(one.abs_diff(other));
            }
        }
        match planes.0.step {
            1 => totals_of_row::<BLOCK>(sums, totals),
            _ => totals_of_row::<{ CHANNELS * BLOCK }>(sums, totals),
        }
    }

    /// What a row of blocks is for each byte of a row of pixels of `step` bytes; the lengths are those of `line`.
    fn lay_out<'a>(blocks: &'a [Block], more: &'a [[u8; 2]], step: usize, line: &'a mut Line) {
        match step {
            1 => lay_out_row::<1, BLOCK>(blocks, more, line),
            _ => lay_out_row::<CHANNELS, { CHANNELS * BLOCK }>(blocks, more, line),
        }
    }

    /// Brings back some of `now` to a row of pixels, and enlarges texture in it: between two rows of blocks, so many 16ths from the first.
    fn enlarge<'a>(between: (&'a Line, &'a Line, u16), now: &'a [u8], out: &'a mut [u8]) {
        let (above, below, share) = between;
        let mix = |above: u16, below: u16| above * (16 - share) + below * share;
        let means = above.means.iter().zip(&below.means).map(|(&above, &below)| mix(above, below));
        let back = above.back.iter().zip(&below.back).map(|(&above, &below)| mix(above, below) >> 8);
        let more = above.more.iter().zip(&below.more).map(|(&above, &below)| mix(above, below) >> 8);
        for ((((value, &now), mean), back), more) in out.iter_mut().zip(now).zip(means).zip(back).zip(more) {
            let steadied = i32::from((u16::from(*value) * (256 - back) + u16::from(now) * back + 128) >> 8);
            let more = ((steadied << 8) - i32::from(mean)) * i32::from(more);
            *value = (((steadied << 16) + more + (1 << 15)) >> 16).clamp(0, 255) as u8;
        }
    }
}
