//! Strokes that are mixed and do not quite meet lose contrast; here they get it back.
//!
//! A plane is looked at in blocks of 8x8 pixels. What its pixels differ from the mean of their block, summed, is the texture there. Where
//! the mix has less of it than the painting of now, what it differs from its means, which are linear between the centres of the blocks,
//! is enlarged. All in integers: the twin on a card (`shaders/texture.wgsl`, `shaders/restore.wgsl`) gives the same bytes.

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
}

/// The blocks of a plane.
#[derive(Debug, Default)]
pub(super) struct Texture {
    blocks: Vec<Block>,
    /// By how much the texture of each is enlarged, in 256ths.
    more: Vec<u8>,
    scratch: Vec<Scratch>,
}

/// What one band needs.
#[derive(Debug, Default)]
struct Scratch {
    /// For each byte of a row of blocks, the mean of its block, and how far its column is from that.
    means: Vec<u8>,
    sums: Vec<u16>,
    line: Vec<Between>,
}

impl Scratch {
    /// Means and sums by blocks of `side` bytes.
    fn parts(&self, side: usize) -> impl Iterator<Item = (&[u8], &[u16])> {
        self.means.chunks(side).zip(self.sums.chunks(side))
    }
}

/// What holds between two rows of blocks, at the centre of a column of them, in 16ths.
#[derive(Clone, Copy, Debug, Default)]
struct Between {
    means: [i32; CHANNELS],
    more: i32,
}

/// Words that the card holds of a block.
pub(super) const WORDS: usize = 3;

/// Number of blocks in frames of `format`, and what the kernels on a card are told of them (`shaders/restore.wgsl`).
pub(super) fn told(format: FrameFormat) -> (u32, [[u32; 4]; 4]) {
    let [columns, rows] = [format.size.width, format.size.height].map(|side| side.div_ceil(BLOCK as u32));
    let little = little(format.pixels.pixel_bytes(0));
    (columns * rows, [[columns, rows, SHARE, MOST], [little, 0, 0, 0], [0; 4], [0; 4]])
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
        self.weigh(columns, now.step);
        let Self { blocks, more, scratch } = self;
        let row_bytes = now.width * now.step;
        crew.each_band((mixed, row_bytes), 1, scratch, |rows, out, Scratch { line, .. }| {
            for (y, out) in rows.zip(out.chunks_exact_mut(row_bytes)) {
                let (near, share) = near(y, blocks.len() / columns);
                let of = near.map(|row| row * columns..(row + 1) * columns);
                if of.iter().any(|of| more[of.clone()].iter().any(|&more| more > 0)) {
                    let [above, below] = of.map(|of| (&blocks[of.clone()], &more[of]));
                    between(above, below, share, line);
                    enlarge(Arch::new(), line, now.step, out);
                }
            }
        });
    }

    /// Finds out what there is in each block.
    fn look(&mut self, crew: &Crew, now: Plane<'_>, mixed: &[u8], columns: usize) {
        let Plane { width, height, step, .. } = now;
        let mixed = Plane { bytes: mixed, stride_bytes: width * step, ..now };
        self.blocks.resize(columns * height.div_ceil(BLOCK), Block::default());
        crew.each_band((&mut self.blocks, columns), 1, &mut self.scratch, |rows, blocks, scratch| {
            for (row, blocks) in rows.zip(blocks.chunks_exact_mut(columns)) {
                let rows = row * BLOCK..((row + 1) * BLOCK).min(height);
                measure(Arch::new(), &mixed, &rows, scratch);
                for (block, (means, sums)) in blocks.iter_mut().zip(scratch.parts(BLOCK * step)) {
                    block.means[..step].copy_from_slice(&means[..step]);
                    block.mixed = total(sums);
                }
                measure(Arch::new(), &now, &rows, scratch);
                for (block, (_, sums)) in blocks.iter_mut().zip(scratch.parts(BLOCK * step)) {
                    block.wanted = total(sums);
                }
            }
        });
    }

    /// Says by how much the texture of each block is enlarged, by what there is in it and in its neighbours.
    fn weigh(&mut self, columns: usize, step: usize) {
        let rows = self.blocks.len() / columns;
        let little = little(step);
        self.more.clear();
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let (mut mixed, mut wanted) = (0, 0);
            for row in row.saturating_sub(1)..(row + 2).min(rows) {
                let across = row * columns + column.saturating_sub(1)..row * columns + (column + 2).min(columns);
                for block in &self.blocks[across] {
                    mixed += block.mixed;
                    wanted += block.wanted;
                }
            }
            self.more.push((SHARE * wanted.saturating_sub(mixed) / (mixed + little)).min(MOST) as u8);
        }
    }
}

/// The two of `rows` rows of blocks between whose centres row `y` of a plane lies, and how far from the first, in 16ths.
fn near(y: usize, rows: usize) -> ([usize; 2], i32) {
    let from_first = (2 * y + 1).saturating_sub(BLOCK);
    let first = from_first / (2 * BLOCK);
    ([first, (first + 1).min(rows - 1)], (from_first % (2 * BLOCK)) as i32)
}

/// What holds between two rows of blocks, `share` 16ths away from the first.
fn between(above: (&[Block], &[u8]), below: (&[Block], &[u8]), share: i32, line: &mut Vec<Between>) {
    let mix = |above: u8, below: u8| i32::from(above) * (16 - share) + i32::from(below) * share;
    let pairs = above.0.iter().zip(below.0).zip(above.1.iter().zip(below.1));
    line.clear();
    line.extend(pairs.map(|((above, below), (&more_above, &more_below))| Between {
        means: std::array::from_fn(|channel| mix(above.means[channel], below.means[channel])),
        more: mix(more_above, more_below),
    }));
}

/// Enlarges texture in pixels of `STEP` bytes from the centre of a block on, until that of the next at most.
#[inline(always)]
fn enlarge_run<const STEP: usize>(left: &Between, right: &Between, out: &mut [u8]) {
    let mix = |left: i32, right: i32, share: i32| left * (16 - share) + right * share;
    for (at, value) in out.iter_mut().enumerate() {
        let (share, channel) = (2 * (at / STEP) as i32 + 1, at % STEP);
        let more = mix(left.more, right.more, share) >> 8;
        let now = i32::from(*value);
        let more = ((now << 8) - mix(left.means[channel], right.means[channel], share)) * more;
        *value = (((now << 16) + more + (1 << 15)) >> 16).clamp(0, 255) as u8;
    }
}

/// Enlarges texture in a row of pixels of `STEP` bytes; `BYTES` are in a row of a block: loops of a known length become wide instructions.
#[inline(always)]
fn enlarge_row<const STEP: usize, const BYTES: usize>(line: &[Between], out: &mut [u8]) {
    let (first, rest) = out.split_at_mut((BYTES / 2).min(out.len()));
    enlarge_run::<STEP>(&line[0], &line[0], first);
    let (blocks, last) = rest.as_chunks_mut::<BYTES>();
    for (pair, out) in line.windows(2).zip(&mut *blocks) {
        if pair[0].more + pair[1].more > 0 {
            enlarge_run::<STEP>(&pair[0], &pair[1], out);
        }
    }
    let end = &line[line.len() - 1];
    let before = &line[blocks.len().min(line.len() - 1)];
    enlarge_run::<STEP>(before, end, last);
}

fn total(sums: &[u16]) -> u32 {
    sums.iter().map(|&sum| u32::from(sum)).sum()
}

kernels! {
    /// Of `rows` of a plane, the mean of each block, for each byte of each pixel in it, and how far each column is from it in sum.
    fn measure<'a>(plane: &'a Plane<'a>, rows: &'a Range<usize>, scratch: &'a mut Scratch) {
        let Scratch { sums, means, .. } = scratch;
        sums.clear();
        sums.resize(plane.width * plane.step, 0);
        for y in rows.clone() {
            for (sum, &value) in sums.iter_mut().zip(plane.row(y)) {
                *sum += u16::from(value);
            }
        }
        means.resize(sums.len(), 0);
        let side = BLOCK * plane.step;
        for (sums, means) in sums.chunks(side).zip(means.chunks_mut(side)) {
            let count = (sums.len() / plane.step * rows.len()) as u32;
            for channel in 0..plane.step {
                let sum: u32 = sums[channel..].iter().step_by(plane.step).map(|&sum| u32::from(sum)).sum();
                let mean = ((sum + count / 2) / count) as u8;
                means[channel..].iter_mut().step_by(plane.step).for_each(|place| *place = mean);
            }
        }
        sums.fill(0);
        for y in rows.clone() {
            for ((sum, &value), &mean) in sums.iter_mut().zip(plane.row(y)).zip(means.iter()) {
                *sum += u16::from(value.abs_diff(mean));
            }
        }
    }

    /// Enlarges texture in a row of pixels of `step` bytes.
    fn enlarge<'a>(line: &'a [Between], step: usize, out: &'a mut [u8]) {
        match step {
            1 => enlarge_row::<1, BLOCK>(line, out),
            _ => enlarge_row::<CHANNELS, { CHANNELS * BLOCK }>(line, out),
        }
    }
}
