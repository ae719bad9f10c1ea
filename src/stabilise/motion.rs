//! Where each part of a picture came from: a search from coarse to fine.
//!
//! From 1/16 of the size to the whole, each cell begins with the way of the cell that it is part of, tries the ways around that, and
//! then those of its four neighbours, as PatchMatch does (Barnes et al. 2009), and goes the way that is usual around it where its own
//! is hardly better. What counts is the sum of absolute differences of luma in a window; another way has to be better by more than
//! camera noise makes it.

use pulp::Arch;

use super::gray::{Gray, Pyramid};
use crate::convert::cpu::kernel::kernels;
use crate::flow::Crew;

/// Columns and rows, in whole pixels. In parts of pixels, what stays would be interpolated anew in every frame, and blur.
pub(super) type Way = [i32; 2];

/// Pixels of the frame along each side of the cells that move.
pub(super) const CELL: [usize; 2] = [16, 8];

/// Sides of the windows at all levels but the largest: little texture is left in their cells, which are smaller.
const SMALL: [usize; 2] = [8, 8];

/// The whole size, 1/2, 1/4, 1/8 and 1/16 of it.
const LEVELS: [Level; 5] = [
    Level { cell: CELL, window: CELL, steps: 1 },
    Level { cell: [8, 4], window: SMALL, steps: 1 },
    Level { cell: [4, 4], window: SMALL, steps: 1 },
    Level { cell: [4, 4], window: SMALL, steps: 1 },
    Level { cell: [4, 4], window: SMALL, steps: 3 },
];

#[derive(Clone, Copy, Debug)]
struct Level {
    cell: [usize; 2],
    window: [usize; 2],
    /// How often the ways around the best are tried.
    steps: usize,
}

/// The cells of a picture, and where each of them was in the picture before.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    columns: usize,
    found: Vec<Found>,
}

/// The best way of a cell.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    way: Way,
    /// What its window differs by.
    difference: u32,
    /// Below which a difference has to be for another way to be better.
    limit: u32,
}

impl Field {
    /// The way of the cell at a place of the frame, in pixels; the nearest where it has none.
    pub fn at(&self, x: f32, y: f32) -> Way {
        let cell = |place: f32, side: usize, count: usize| (place as usize / side).min(count - 1);
        let row = cell(y, CELL[1], self.found.len() / self.columns);
        self.found[row * self.columns + cell(x, CELL[0], self.columns)].way
    }

    /// The ways of row `row` of cells.
    pub fn row(&self, row: usize) -> impl Iterator<Item = Way> {
        self.found[row * self.columns..][..self.columns].iter().map(|found| found.way)
    }
}

/// Looks for motion. Keeps its memory from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// What was found last.
    pub field: Field,
    before: Vec<Found>,
    usual: Usual,
}

/// The ways that are usual around each cell: the medians of the 3x3, of columns and of rows by themselves.
#[derive(Debug, Default)]
struct Usual {
    columns: usize,
    medians: [Vec<i32>; 2],
    near: Vec<[Vec<i32>; 3]>,
}

impl Usual {
    /// Becomes those of `field`. The crew shares the rows.
    fn find(&mut self, crew: &Crew, field: &Field) {
        let columns = field.columns;
        self.columns = columns;
        let last = field.found.len() / columns - 1;
        for (side, medians) in self.medians.iter_mut().enumerate() {
            medians.resize(field.found.len(), 0);
            crew.each_row_with((medians, columns), &mut self.near, |row, medians, near| {
                let rows = [row.saturating_sub(1), row, (row + 1).min(last)];
                for (line, row) in near.iter_mut().zip(rows) {
                    // One more at each end.
                    line.clear();
                    line.push(0);
                    line.extend(field.row(row).map(|way| way[side]));
                    line[0] = line[1];
                    line.push(line[columns]);
                }
                medians_of(Arch::new(), near.each_ref().map(Vec::as_slice), medians);
            });
        }
    }

    /// Those of row `row`.
    fn row(&self, row: usize) -> impl Iterator<Item = Way> {
        let [x, y] = self.medians.each_ref().map(|medians| &medians[row * self.columns..][..self.columns]);
        x.iter().zip(y).map(|(&x, &y)| [x, y])
    }
}

impl Search {
    /// Looks for the motion from `before` to `now`; false where the picture is too small to tell. The crew shares the rows.
    pub fn find(&mut self, crew: &Crew, before: &Pyramid, now: &Pyramid) -> bool {
        let mut above: Option<[usize; 2]> = None;
        for (level, (before, now)) in LEVELS.iter().zip(before.levels.iter().zip(&now.levels)).rev() {
            let Level { cell, window, .. } = *level;
            if now.width < window[0] || now.height < window[1] {
                continue; // too small for this level; the next one begins without a guess
            }
            let grid = [now.width.div_ceil(cell[0]), now.height.div_ceil(cell[1])];
            self.inherit(above, cell, grid);
            self.refine(crew, Pair { level, before, now });
            above = Some(cell);
        }
        above == Some(CELL)
    }

    /// Begins with twice the ways of the level above, whose cells are of size `above`, if there is one.
    fn inherit(&mut self, above: Option<[usize; 2]>, cell: [usize; 2], grid: [usize; 2]) {
        let [columns, rows] = grid;
        let coarse = std::mem::replace(&mut self.field.found, std::mem::take(&mut self.before));
        let coarse_columns = std::mem::replace(&mut self.field.columns, columns);
        let found = &mut self.field.found;
        found.clear();
        match above {
            None => found.resize(columns * rows, Found::default()),
            Some(above) => {
                // In which cells of half the size the centres of these lie.
                let parents = |side: usize, count: usize| {
                    (0..grid[side]).map(move |at| ((2 * at + 1) * cell[side] / (4 * above[side])).min(count - 1))
                };
                let columns: Vec<usize> = parents(0, coarse_columns).collect();
                for row in parents(1, coarse.len() / coarse_columns) {
                    let row = &coarse[row * coarse_columns..];
                    let ways = columns.iter().map(|&column| row[column].way.map(|side| 2 * side));
                    found.extend(ways.map(|way| Found { way, ..Found::default() }));
                }
            }
        }
        self.before = coarse;
    }

    /// Improves what was found.
    fn refine(&mut self, crew: &Crew, pair: Pair<'_>) {
        let Self { field, before, usual } = self;
        let columns = field.columns;
        crew.each_row((&mut field.found, columns), |row, found| step(Arch::new(), pair, row, found));
        before.clone_from(&field.found);
        crew.each_row((&mut field.found, columns), |row, found| {
            ask_neighbours(Arch::new(), pair, Near::of(before, columns, row), found);
        });
        usual.find(crew, field);
        crew.each_row((&mut field.found, columns), |row, found| calm(Arch::new(), pair, (row, usual), found));
    }
}

/// A row of cells, and those above and below it.
#[derive(Clone, Copy)]
struct Near<'a> {
    row: usize,
    above: &'a [Found],
    own: &'a [Found],
    below: &'a [Found],
}

impl<'a> Near<'a> {
    fn of(all: &'a [Found], columns: usize, row: usize) -> Self {
        let last = all.len() / columns - 1;
        let of = |row: usize| &all[row * columns..][..columns];
        Self { row, above: of(row.saturating_sub(1)), own: of(row), below: of((row + 1).min(last)) }
    }

    /// The ways beside, above and below column `column`.
    #[inline(always)]
    fn four(&self, column: usize) -> [Way; 4] {
        let (left, right) = (column.saturating_sub(1), (column + 1).min(self.own.len() - 1));
        [self.above[column].way, self.below[column].way, self.own[left].way, self.own[right].way]
    }
}

/// Two pictures at one level.
#[derive(Clone, Copy, Debug)]
struct Pair<'a> {
    level: &'a Level,
    before: &'a Gray,
    now: &'a Gray,
}

/// A cell's window, `PIXELS` in rows of `WIDTH`: arrays of a known length fit into registers.
struct Window<'a, const WIDTH: usize, const PIXELS: usize> {
    pair: Pair<'a>,
    at: [i32; 2],
    here: [u8; PIXELS],
}

impl<'a, const WIDTH: usize, const PIXELS: usize> Window<'a, WIDTH, PIXELS> {
    #[inline(always)]
    fn of(pair: Pair<'a>, column: usize, row: usize) -> Self {
        let Level { cell, .. } = pair.level;
        let margins = [WIDTH - cell[0], PIXELS / WIDTH - cell[1]].map(|more| (more / 2) as i32);
        let corner = [(column * cell[0]) as i32 - margins[0], (row * cell[1]) as i32 - margins[1]];
        let at = inside::<WIDTH, PIXELS>(pair.now, corner);
        Self { pair, at, here: pixels::<WIDTH, PIXELS>(pair.now, at) }
    }

    /// The sum of absolute differences to where it was if it came that way. What came from outside cannot be compared.
    #[inline(always)]
    fn difference(&self, way: Way) -> u32 {
        let before = self.pair.before;
        let [x, y] = [self.at[0] + way[0], self.at[1] + way[1]];
        let from = inside::<WIDTH, PIXELS>(before, [x, y]);
        if from == [x, y] {
            return distance(&self.here, &pixels::<WIDTH, PIXELS>(before, from));
        }
        self.difference_inside(way)
    }

    /// The same for the nearest window that came from inside.
    #[cold]
    fn difference_inside(&self, way: Way) -> u32 {
        let Pair { before, now, .. } = self.pair;
        let from = inside::<WIDTH, PIXELS>(before, [self.at[0] + way[0], self.at[1] + way[1]]);
        let at = inside::<WIDTH, PIXELS>(now, [from[0] - way[0], from[1] - way[1]]);
        distance(&pixels::<WIDTH, PIXELS>(now, at), &pixels::<WIDTH, PIXELS>(before, from))
    }

    /// Takes `way` if it is better.
    #[inline(always)]
    fn consider(&self, way: Way, best: &mut Found) {
        let difference = self.difference(way);
        if difference < best.limit {
            *best = Found { way, difference, limit: difference };
        }
    }
}

/// The nearest place at which a window lies inside of a picture.
#[inline(always)]
fn inside<const WIDTH: usize, const PIXELS: usize>(picture: &Gray, at: [i32; 2]) -> [i32; 2] {
    let most = [picture.width - WIDTH, picture.height - PIXELS / WIDTH].map(|side| side as i32);
    [at[0].clamp(0, most[0]), at[1].clamp(0, most[1])]
}

#[inline(always)]
fn pixels<const WIDTH: usize, const PIXELS: usize>(picture: &Gray, at: [i32; 2]) -> [u8; PIXELS] {
    let from = &picture.values[at[1] as usize * picture.width + at[0] as usize..];
    let mut pixels = [0; PIXELS];
    for (y, line) in pixels.chunks_exact_mut(WIDTH).enumerate() {
        line.copy_from_slice(&from[y * picture.width..][..WIDTH]);
    }
    pixels
}

#[inline(always)]
fn distance<const PIXELS: usize>(here: &[u8; PIXELS], there: &[u8; PIXELS]) -> u32 {
    here.iter().zip(there).map(|(here, there)| u32::from(here.abs_diff(*there))).sum()
}

#[inline(always)]
fn step_cells<const WIDTH: usize, const PIXELS: usize>(pair: Pair<'_>, row: usize, found: &mut [Found]) {
    // Along one axis, and from where that leads along the other.
    const STEPS: [[Way; 2]; 2] = [[[-1, 0], [1, 0]], [[0, -1], [0, 1]]];
    // Half a step of 255 for each pixel: what camera noise makes of a flat area.
    let noise = (PIXELS / 2) as u32;
    for (column, best) in found.iter_mut().enumerate() {
        let window = Window::<WIDTH, PIXELS>::of(pair, column, row);
        best.difference = window.difference(best.way);
        best.limit = best.difference.saturating_sub(noise);
        if best.limit == 0 {
            continue; // nothing can be better
        }
        for steps in std::iter::repeat_n(STEPS, pair.level.steps).flatten() {
            let [x, y] = best.way;
            for [dx, dy] in steps {
                window.consider([x + dx, y + dy], best);
            }
        }
    }
}

#[inline(always)]
fn ask_cells<const WIDTH: usize, const PIXELS: usize>(pair: Pair<'_>, near: Near<'_>, found: &mut [Found]) {
    for (column, best) in found.iter_mut().enumerate() {
        let ways = near.four(column);
        if best.limit == 0 || ways.iter().all(|way| *way == best.way) {
            continue;
        }
        let window = Window::<WIDTH, PIXELS>::of(pair, column, near.row);
        for (index, way) in ways.into_iter().enumerate() {
            if way != best.way && !ways[..index].contains(&way) {
                window.consider(way, best);
            }
        }
    }
}

#[inline(always)]
fn calm_cells<const WIDTH: usize, const PIXELS: usize>(
    pair: Pair<'_>,
    (row, usual): (usize, &Usual),
    found: &mut [Found],
) {
    // A step of 255 for each pixel.
    let little = PIXELS as u32;
    for (column, (best, usual)) in found.iter_mut().zip(usual.row(row)).enumerate() {
        if usual != best.way {
            let window = Window::<WIDTH, PIXELS>::of(pair, column, row);
            if window.difference(usual) <= best.difference + little {
                best.way = usual;
            }
        }
    }
}

/// The median of nine, by exchanges (Paeth 1990).
#[inline(always)]
fn median(mut of: [i32; 9]) -> i32 {
    #[rustfmt::skip]
    const EXCHANGES: [[usize; 2]; 19] = [
        [1, 2], [4, 5], [7, 8], [0, 1], [3, 4], [6, 7], [1, 2], [4, 5], [7, 8], [0, 3],
        [5, 8], [4, 7], [3, 6], [1, 4], [2, 5], [4, 7], [4, 2], [6, 4], [4, 2],
    ];
    // Counted, it is unrolled, and medians side by side become wide instructions; an iterator over an array is not.
    let mut at = 0;
    while at < EXCHANGES.len() {
        let [low, high] = EXCHANGES[at];
        (of[low], of[high]) = (of[low].min(of[high]), of[low].max(of[high]));
        at += 1;
    }
    of[4]
}

kernels! {
    /// Tries the ways around the best of each cell of a row, as often as the level says.
    fn step<'a>(pair: Pair<'a>, row: usize, found: &'a mut [Found]) {
        match pair.level.window {
            CELL => step_cells::<{ CELL[0] }, { CELL[0] * CELL[1] }>(pair, row, found),
            _ => step_cells::<{ SMALL[0] }, { SMALL[0] * SMALL[1] }>(pair, row, found),
        }
    }

    /// Tries the ways of the four neighbours of each cell of a row.
    fn ask_neighbours<'a>(pair: Pair<'a>, near: Near<'a>, found: &'a mut [Found]) {
        match pair.level.window {
            CELL => ask_cells::<{ CELL[0] }, { CELL[0] * CELL[1] }>(pair, near, found),
            _ => ask_cells::<{ SMALL[0] }, { SMALL[0] * SMALL[1] }>(pair, near, found),
        }
    }

    /// Gives each cell of a row the way that is usual around it, where its own is hardly better: in flat areas any is, and what they keep
    /// would be torn.
    fn calm<'a>(pair: Pair<'a>, usual: (usize, &'a Usual), found: &'a mut [Found]) {
        match pair.level.window {
            CELL => calm_cells::<{ CELL[0] }, { CELL[0] * CELL[1] }>(pair, usual, found),
            _ => calm_cells::<{ SMALL[0] }, { SMALL[0] * SMALL[1] }>(pair, usual, found),
        }
    }

    /// The medians of each 3x3; `near` are the rows above, at and below, each with one more value at both ends.
    fn medians_of<'a>(near: [&'a [i32]; 3], out: &'a mut [i32]) {
        let count = out.len();
        let [[a, b, c], [d, e, f], [g, h, i]] = near.map(|row| [&row[..count], &row[1..=count], &row[2..count + 2]]);
        for (x, out) in out.iter_mut().enumerate() {
            *out = median([a[x], b[x], c[x], d[x], e[x], f[x], g[x], h[x], i[x]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_median_has_four_on_either_side(values in prop::array::uniform9(-100_i32..100)) {
            let mut sorted = values;
            sorted.sort_unstable();
            prop_assert_eq!(median(values), sorted[4]);
        }
    }
}
