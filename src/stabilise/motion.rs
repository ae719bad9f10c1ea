//! Where each part of a picture came from: hierarchical block matching.
//!
//! From 1/16 to 1/2 of the size, each level refines what the level above found: blocks of [`SMALL_BLOCK`] pixels, at the last
//! level of [`LARGE_BLOCK`], are compared (sum of absolute differences) with their surroundings in the picture before. A block's
//! neighbours have a say, long ways cost a little, and the slopes of the costs give the fraction of a pixel.

use std::ops::Range;

use pulp::Arch;

use super::gray::{Gray, Pyramid};
use crate::convert::cpu::kernel::kernels;
use crate::flow::Crew;

/// Side of a block at 1/16, 1/8 and 1/4 of the size.
const SMALL_BLOCK: usize = 4;
/// Side of a block at 1/2 of the size: the same part of the picture as at 1/4.
const LARGE_BLOCK: usize = 8;
/// Side of that part, in pixels of the frame.
pub(super) const BLOCK: usize = 16;

/// How far each level looks, and what a pixel of way costs there against a difference of one, summed over a block.
const LEVELS: [Level; 4] = [
    Level { block: LARGE_BLOCK, reach: 1, corners: false, cost: 29 },
    Level { block: SMALL_BLOCK, reach: 1, corners: true, cost: 15 },
    Level { block: SMALL_BLOCK, reach: 2, corners: true, cost: 15 },
    Level { block: SMALL_BLOCK, reach: 3, corners: true, cost: 15 },
];

#[derive(Clone, Copy)]
struct Level {
    block: usize,
    reach: i32,
    /// Whether both coordinates may change at once. At the last level, which looks twice, they need not.
    corners: bool,
    cost: u32,
}

/// Of a block: the way to where it was in the picture before.
pub(super) type Vector = [f32; 2];

/// A grid of vectors, in pixels of the frame, one for each [`BLOCK`].
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    /// Blocks in a row.
    pub columns: usize,
    /// Rows of blocks.
    pub rows: usize,
    /// Row after row.
    pub vectors: Vec<Vector>,
}

impl Field {
    /// At a place of the frame, in pixels: between the centres of the blocks, bilinear.
    pub fn at(&self, x: f32, y: f32) -> Vector {
        let place = |pixel: f32, count: usize| {
            let at = (pixel / BLOCK as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let low = at as usize;
            (low, (low + 1).min(count - 1), at - low as f32)
        };
        let ((left, right, fx), (top, bottom, fy)) = (place(x, self.columns), place(y, self.rows));
        let of = |row: usize, column: usize| self.vectors[row * self.columns + column];
        let mix = |a: Vector, b: Vector, f: f32| [a[0] + (b[0] - a[0]) * f, a[1] + (b[1] - a[1]) * f];
        mix(mix(of(top, left), of(top, right), fx), mix(of(bottom, left), of(bottom, right), fx), fy)
    }
}

/// Looks for motion. Keeps its memory from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Search {
    grid: Grid,
    above: Vec<[i32; 2]>,
    scratch: Vec<Scratch>,
    refined: Vec<Vector>,
}

/// What one band of blocks needs.
#[derive(Debug, Default)]
struct Scratch {
    raw: Vec<u32>,
    costs: Vec<u32>,
    best: Vec<Best>,
}

/// The cheapest of the ways that were tried.
#[derive(Clone, Copy, Debug)]
struct Best {
    cost: u32,
    way: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Grid {
    columns: usize,
    rows: usize,
}

impl Search {
    /// The motion from `before` to `now`; false where the picture is too small to tell. The crew shares the rows.
    pub fn find(&mut self, crew: &Crew, before: &Pyramid, now: &Pyramid, field: &mut Field) -> bool {
        let quarter = &now.levels[1];
        let (columns, rows) = (quarter.width / SMALL_BLOCK, quarter.height / SMALL_BLOCK);
        if columns == 0 || rows == 0 {
            return false;
        }
        (self.grid, self.above) = (Grid::default(), Vec::new());
        for level in (0..LEVELS.len()).rev() {
            let block = LEVELS[level].block;
            let (grey, earlier) = (&now.levels[level], &before.levels[level]);
            let grid = Grid { columns: grey.width / block, rows: grey.height / block };
            if grid.columns == 0 || grid.rows == 0 {
                continue; // too small for this level; the next one begins without a guess
            }
            self.guess(grid);
            self.match_blocks(crew, LEVELS[level], earlier, grey);
            match level {
                1 => self.calm(crew),
                // Once more from where it got to: between two ways, the better may lie at the edge of what was looked at.
                0 => {
                    self.above = self.refined.iter().map(|way| way.map(|way| way.round() as i32)).collect();
                    self.match_blocks(crew, LEVELS[0], earlier, grey);
                }
                _ => {}
            }
        }
        (field.columns, field.rows) = (self.grid.columns, self.grid.rows);
        field.vectors.clear();
        field.vectors.extend(self.refined.iter().map(|[x, y]| [2.0 * x, 2.0 * y]));
        true
    }

    /// What the level above found, twice as long, for the blocks of this level.
    fn guess(&mut self, grid: Grid) {
        let coarse = self.grid;
        let mut guesses = Vec::with_capacity(grid.columns * grid.rows);
        for row in 0..grid.rows {
            for column in 0..grid.columns {
                let guess = if coarse.columns == 0 {
                    [0, 0]
                } else {
                    // Each block of the level above covers four of these, but the last level's, which covers one.
                    let of = |at: usize, here: usize, there: usize| {
                        (if here > there + there / 2 { at / 2 } else { at }).min(there - 1)
                    };
                    let (row, column) = (of(row, grid.rows, coarse.rows), of(column, grid.columns, coarse.columns));
                    self.refined[row * coarse.columns + column].map(|way| (2.0 * way).round() as i32)
                };
                guesses.push(guess);
            }
        }
        (self.grid, self.above) = (grid, guesses);
    }

    /// Tries all ways around the guess, and keeps the cheapest for each block.
    fn match_blocks(&mut self, crew: &Crew, level: Level, before: &Gray, now: &Gray) {
        let Grid { columns, rows } = self.grid;
        self.refined.resize(columns * rows, [0.0; 2]);
        let (grid, above) = (self.grid, self.above.as_slice());
        crew.each_band((&mut self.refined, columns), 1, &mut self.scratch, |rows, refined, scratch| {
            Band { level, grid, above, before, now, rows, scratch, refined }.match_blocks();
        });
    }

    /// A vector that none of its neighbours shares is an error: the median of each 3x3.
    fn calm(&mut self, crew: &Crew) {
        let Grid { columns, rows } = self.grid;
        let before = self.refined.clone();
        crew.each_band((&mut self.refined, columns), 1, &mut Vec::<()>::new(), |band, refined, ()| {
            for (at, vector) in (band.start * columns..).zip(refined) {
                let (row, column) = (at / columns, at % columns);
                let near = |direction: usize| {
                    std::array::from_fn(|index| {
                        let y = (row + index / 3).saturating_sub(1).min(rows - 1);
                        let x = (column + index % 3).saturating_sub(1).min(columns - 1);
                        before[y * columns + x][direction]
                    })
                };
                *vector = [median(near(0)), median(near(1))];
            }
        });
    }
}

/// Some rows of blocks, for one thread.
struct Band<'a> {
    level: Level,
    grid: Grid,
    /// Guesses of all blocks.
    above: &'a [[i32; 2]],
    before: &'a Gray,
    now: &'a Gray,
    /// Its rows of blocks.
    rows: Range<usize>,
    scratch: &'a mut Scratch,
    /// The vectors of its blocks.
    refined: &'a mut [Vector],
}

impl Band<'_> {
    fn match_blocks(mut self) {
        let Level { reach, corners, .. } = self.level;
        let (count, side) = (self.refined.len(), (2 * reach + 1) as usize);
        let Scratch { costs, best, .. } = self.scratch;
        costs.clear();
        costs.resize(side * side * count, u32::MAX);
        best.clear();
        best.resize(count, Best { cost: u32::MAX, way: 0 });
        for way in 0..side * side {
            let further = [(way % side) as i32 - reach, (way / side) as i32 - reach];
            if corners || further.contains(&0) {
                self.try_way(way, further);
            }
        }
        let Scratch { costs, best, .. } = self.scratch;
        let guesses = &self.above[self.rows.start * self.grid.columns..][..count];
        let blocks = best.iter().zip(guesses).zip(&mut *self.refined);
        for (block, ((best, [x, y]), refined)) in blocks.enumerate() {
            let way = best.way as usize;
            let cost = |way: usize| costs[way * count + block];
            let (column, row) = (way % side, way / side);
            let fraction = |at: usize, step: usize| {
                if at == 0 || at + 1 == side { 0.0 } else { vertex(cost(way - step), best.cost, cost(way + step)) }
            };
            let (dx, dy) = (column as i32 - reach, row as i32 - reach);
            *refined = [(x + dx) as f32 + fraction(column, 1), (y + dy) as f32 + fraction(row, side)];
        }
    }

    /// What it costs each block if it came the guessed way and `further`.
    fn try_way(&mut self, way: usize, further: [i32; 2]) {
        let Self { level, grid: Grid { columns, rows }, above, before, now, .. } = *self;
        let Scratch { raw, costs, best } = &mut *self.scratch;
        // Neighbours have a say, those that belong to other bands too.
        let seen = self.rows.start.saturating_sub(1)..(self.rows.end + 1).min(rows);
        raw.resize(seen.len() * columns, 0);
        let guesses_of = |row: usize| &above[row * columns..][..columns];
        for (row, out) in seen.clone().zip(raw.chunks_exact_mut(columns)) {
            row_differences(Arch::new(), level.block, guesses_of(row), row, further, [before, now], out);
        }
        let of = |row: usize| &raw[(row - seen.start) * columns..][..columns];
        let costs = costs[way * self.refined.len()..].chunks_exact_mut(columns);
        for ((row, costs), best) in self.rows.clone().zip(costs).zip(best.chunks_exact_mut(columns)) {
            let near = [of(row.saturating_sub(1)), of(row), of((row + 1).min(rows - 1))];
            gathered(Arch::new(), near, guesses_of(row), further, level.cost, costs);
            cheapest(Arch::new(), costs, way as u32, best);
        }
    }
}

/// The median of nine, by exchanges (Paeth 1990).
fn median(mut of: [f32; 9]) -> f32 {
    #[rustfmt::skip]
    const EXCHANGES: [[usize; 2]; 19] = [
        [1, 2], [4, 5], [7, 8], [0, 1], [3, 4], [6, 7], [1, 2], [4, 5], [7, 8], [0, 3],
        [5, 8], [4, 7], [3, 6], [1, 4], [2, 5], [4, 7], [4, 2], [6, 4], [4, 2],
    ];
    for [low, high] in EXCHANGES {
        let (a, b) = (of[low], of[high]);
        (of[low], of[high]) = if b < a { (b, a) } else { (a, b) };
    }
    of[4]
}

/// Where between −1/2 and 1/2 the lowest cost lies: absolute differences grow in straight lines to both sides of it.
fn vertex(left: u32, middle: u32, right: u32) -> f32 {
    let (left, middle, right) = (left as f32, middle as f32, right as f32);
    let slope = left.max(right) - middle;
    if slope > 0.0 { (0.5 * (left - right) / slope).clamp(-0.5, 0.5) } else { 0.0 }
}

/// [`row_differences`] for a side that is known: whole blocks fit into registers.
#[inline(always)]
fn differences<const BLOCK: usize, const PIXELS: usize>(
    guesses: &[[i32; 2]],
    row: usize,
    further: [i32; 2],
    [before, now]: [&Gray; 2],
    out: &mut [u32],
) {
    let place = |at: usize, way: i32, side: usize| {
        (at as i32 * BLOCK as i32 + way).clamp(0, side as i32 - BLOCK as i32) as usize
    };
    for (column, (out, [x, y])) in out.iter_mut().zip(guesses).enumerate() {
        let here = block::<BLOCK, PIXELS>(now, column * BLOCK, row * BLOCK);
        let from = [place(column, x + further[0], before.width), place(row, y + further[1], before.height)];
        let there = block::<BLOCK, PIXELS>(before, from[0], from[1]);
        *out = here.iter().zip(&there).map(|(here, there)| u32::from(here.abs_diff(*there))).sum();
    }
}

#[inline(always)]
fn block<const BLOCK: usize, const PIXELS: usize>(gray: &Gray, x: usize, y: usize) -> [u8; PIXELS] {
    let from = &gray.values[y * gray.width + x..];
    let mut pixels = [0; PIXELS];
    for (y, line) in pixels.chunks_exact_mut(BLOCK).enumerate() {
        line.copy_from_slice(&from[y * gray.width..][..BLOCK]);
    }
    pixels
}

kernels! {
    /// Differences of a row of blocks of side `block` to their places before.
    fn row_differences<'a>(
        block: usize,
        guesses: &'a [[i32; 2]],
        row: usize,
        further: [i32; 2],
        pictures: [&'a Gray; 2],
        out: &'a mut [u32],
    ) {
        match block {
            LARGE_BLOCK => differences::<LARGE_BLOCK, { LARGE_BLOCK * LARGE_BLOCK }>(guesses, row, further, pictures, out),
            _ => differences::<SMALL_BLOCK, { SMALL_BLOCK * SMALL_BLOCK }>(guesses, row, further, pictures, out),
        }
    }

    /// Costs of a row of blocks: twice a block's own difference, its four neighbours', and the length of the way.
    fn gathered<'a>(
        near: [&'a [u32]; 3],
        guesses: &'a [[i32; 2]],
        further: [i32; 2],
        cost: u32,
        costs: &'a mut [u32],
    ) {
        let [above, own, below] = near;
        let last = costs.len() - 1;
        for ((((costs, own), above), below), [x, y]) in costs.iter_mut().zip(own).zip(above).zip(below).zip(guesses) {
            let way = (x + further[0]).unsigned_abs() + (y + further[1]).unsigned_abs();
            *costs = 2 * own + above + below + cost * way;
        }
        for (cost, left) in costs[1..].iter_mut().zip(own) {
            *cost += left;
        }
        for (cost, right) in costs.iter_mut().zip(&own[1..]) {
            *cost += right;
        }
        // Beyond the edge the block itself goes for its neighbour.
        costs[0] += own[0];
        costs[last] += own[last];
    }

    /// Keeps the cheaper of `best` and `costs`.
    fn cheapest<'a>(costs: &'a [u32], way: u32, best: &'a mut [Best]) {
        for (best, &cost) in best.iter_mut().zip(costs) {
            if cost < best.cost {
                *best = Best { cost, way };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_median_has_four_on_either_side(values in prop::array::uniform9(-100_i16..100)) {
            let mut sorted = values;
            sorted.sort_unstable();
            prop_assert_eq!(median(values.map(f32::from)), f32::from(sorted[4]));
        }
    }
}
