//! How much of the picture before may stay, for each place: all where the input stands still, nothing where it changed.

use std::ops::Range;

use pulp::Arch;

use super::blend::{Earlier, Plane, moved, origin};
use super::gray::{Gray, Pyramid, mean_of_four, sum_of_four};
use super::motion::{CELL, Field, Way};
use crate::convert::cpu::kernel::kernels;
use crate::flow::Crew;

/// Differences of the input (means of 4x4 pixels, in steps of 255) up to which all that is allowed stays: camera noise.
const SAME: u16 = 4;
/// From which on nothing stays.
const CHANGED: u16 = 20;
/// Most that may stay, in 256ths.
const MOST: f32 = 244.0;
/// Pixels of the frame a weight stands for, along each side.
const PITCH: f32 = 4.0;
/// Where less than one weight in so many is not zero, a new scene began.
const CUT: usize = 8;

/// A weight in 256ths for each 4x4 pixels of the input, and for each 2x2 what lies between them.
#[derive(Debug, Default)]
pub(super) struct Weights {
    grid: Gray,
    fine: Gray,
    scratch: Vec<Scratch>,
    lines: Vec<Vec<u8>>,
    least: Vec<u8>,
}

/// What one band of the input needs.
#[derive(Debug, Default)]
struct Scratch {
    /// A row of cells of the input before, where they are now.
    cells: Vec<u8>,
    /// How far they are from the input, at half the size.
    differences: Vec<u8>,
    ways: Vec<Way>,
    edge: Vec<u8>,
}

impl Weights {
    /// Compares the input with the one before along the motion between them, at half the size. `amount` scales all. False where
    /// the two have too little in common. The crew shares the rows.
    pub fn judge(&mut self, crew: &Crew, (before, now): (&Pyramid, &Pyramid), field: &Field, amount: f32) -> bool {
        let most = (MOST * amount.clamp(0.0, 1.0)).round() as u16;
        let (before, now) = (&before.levels[0], &now.levels[1]);
        let width = now.width / 2;
        self.grid.resize(width, now.height / 2);
        // A row of weights stands for two of a picture of half the size.
        crew.each_band((&mut self.grid.values, width), CELL[1] / 4, &mut self.scratch, |rows, grid, scratch| {
            judge((before, now), field, 2 * rows.start..2 * rows.end, most, scratch, grid);
        });
        let kept = self.grid.values.iter().filter(|&&weight| weight > 0).count();
        self.shrink(crew);
        self.refine(crew);
        kept * CUT > self.grid.values.len()
    }

    /// Each weight becomes the least of its neighbourhood: between two weights pixels take from both, and what was uncovered must not
    /// take from what stayed.
    fn shrink(&mut self, crew: &Crew) {
        let Self { grid, lines, least, .. } = self;
        let Gray { width, height, .. } = *grid;
        least.resize(width * height, 0);
        crew.each_row_with((least, width), lines, |y, least, line| {
            line.resize(width, 0);
            let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|y| grid.row(y));
            least_of(Arch::new(), rows, line, least);
        });
        std::mem::swap(&mut self.grid.values, &mut self.least);
    }

    /// Twice as many weights along each side, linear between those that there are.
    fn refine(&mut self, crew: &Crew) {
        let Self { grid, fine, lines, .. } = self;
        let Gray { width, height, .. } = *grid;
        fine.resize(2 * width, 2 * height);
        crew.each_row_with((&mut fine.values, 2 * width), lines, |y, fine, line| {
            line.resize(width, 0);
            let near = y / 2;
            let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(height - 1) };
            doubled(Arch::new(), grid.row(near), grid.row(far), line, fine);
        });
    }

    /// A weight for each 4x4 pixels of the input: what is refined to twice as many.
    pub fn grid(&self) -> &Gray {
        &self.grid
    }

    /// For each column of a plane of `width` pixels, in which column of the refined weights its own stands; `scale` as in
    /// [`Spread::begin_plane`].
    pub fn columns(&self, width: usize, scale: f32) -> impl Iterator<Item = u32> {
        places(width, scale, self.fine.width)
    }

    /// The same for rows.
    pub fn rows(&self, height: usize, scale: f32) -> impl Iterator<Item = u32> {
        places(height, scale, self.fine.height)
    }
}

/// The weights of `rows` of the input at half its size, `now`, of which the first is that of a row of cells; `before` is the whole one.
fn judge(
    (before, now): (&Gray, &Gray),
    field: &Field,
    rows: Range<usize>,
    most: u16,
    scratch: &mut Scratch,
    grid: &mut [u8],
) {
    let (width, row_bytes) = (now.width, before.width);
    let plane =
        Plane { bytes: &before.values, stride_bytes: row_bytes, width: row_bytes, height: before.height, step: 1 };
    let Scratch { cells, differences, ways, edge } = scratch;
    let mut grid = grid.chunks_exact_mut(width / 2);
    for y in rows.clone().step_by(CELL[1] / 2) {
        let count = (CELL[1] / 2).min(rows.end - y);
        ways.clear();
        ways.extend(field.row(2 * y / CELL[1]));
        cells.resize(2 * count * row_bytes, 0);
        moved(Arch::new(), &Earlier { plane, ways, cell: CELL }, 2 * y, edge, cells);
        differences.resize(count * width, 0);
        let pairs = cells.chunks_exact(2 * row_bytes).zip(differences.chunks_exact_mut(width));
        for (y, (pair, out)) in (y..).zip(pairs) {
            let (above, below) = pair.split_at(row_bytes);
            difference(Arch::new(), above, below, now.row(y), out);
        }
        for (index, way) in ways.iter().enumerate() {
            forget_outside(plane, [index * CELL[0], 2 * y], *way, width, differences);
        }
        for (pair, out) in differences.chunks_exact(2 * width).zip(&mut grid) {
            let (above, below) = pair.split_at(width);
            weights_of(Arch::new(), above, below, most, out);
        }
    }
}

/// What comes in from outside was never painted: nothing of a cell stays that was not in the picture before, which is `plane`. The
/// cell begins at `x` and `y` and went `way`; `differences` are of all cells beside it, at half the size, `width` in a row.
fn forget_outside(plane: Plane<'_>, [x, y]: [usize; 2], way: Way, width: usize, differences: &mut [u8]) {
    let columns = (CELL[0] / 2).min(width - x / 2);
    let rows = differences.len() / width;
    if plane.holds(origin([x, y], way), [2 * columns, 2 * rows]) {
        return;
    }
    for (row, differences) in differences.chunks_exact_mut(width).enumerate() {
        for (column, difference) in differences[x / 2..][..columns].iter_mut().enumerate() {
            if !plane.holds(origin([x + 2 * column, y + 2 * row], way), [2, 2]) {
                *difference = u8::MAX;
            }
        }
    }
}

/// The weights of rows of a plane, one for each byte.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// For each byte, where in a row of the weights its own stands.
    places: Vec<u32>,
    /// How many bytes each weight is for, if that is a whole number.
    each: Option<usize>,
    /// The row that was asked for last, and which row of the weights it is.
    row: Vec<u8>,
    of: Option<usize>,
}

impl Spread {
    /// Prepares for a plane of `width` pixels of `step` bytes; `scale`: how many pixels of the input one of them is.
    pub fn begin_plane(&mut self, weights: &Weights, width: usize, scale: f32, step: usize) {
        let last = weights.fine.width - 1;
        self.places.clear();
        self.places.extend((0..width * step).map(|byte| place(byte / step, scale, last) as u32));
        self.row.resize(width * step, 0);
        let each = step as f32 * PITCH / (2.0 * scale);
        self.each = (each.fract() == 0.0).then_some(each as usize);
        self.of = None;
    }

    /// The weights of row `y` of the plane; `scale`: how many pixels of the input one row of the plane is.
    pub fn row(&mut self, weights: &Weights, y: usize, scale: f32) -> &[u8] {
        let row = place(y, scale, weights.fine.height - 1);
        if self.of.replace(row) != Some(row) {
            spread(Arch::new(), weights.fine.row(row), &self.places, self.each, &mut self.row);
        }
        &self.row
    }
}

/// The weight that pixel `at` takes, if one pixel is `scale` of the input and `last` is the last weight.
fn place(at: usize, scale: f32, last: usize) -> usize {
    (((at as f32 + 0.5) * scale * (2.0 / PITCH)) as usize).min(last)
}

/// Those of `count` pixels, if there are `weights` of them.
fn places(count: usize, scale: f32, weights: usize) -> impl Iterator<Item = u32> {
    (0..count).map(move |at| place(at, scale, weights - 1) as u32)
}

/// Writes each weight as often as `EACH` says; gives how many there are then: loops of a known length become wide instructions.
#[inline(always)]
fn repeated<const EACH: usize>(weights: &[u8], out: &mut [u8]) -> usize {
    let (groups, _) = out.as_chunks_mut::<EACH>();
    for (group, &weight) in groups.iter_mut().zip(weights) {
        *group = [weight; EACH];
    }
    weights.len().min(groups.len()) * EACH
}

kernels! {
    /// How far `now` is from the means of 2x2 of two rows.
    fn difference<'a>(above: &'a [u8], below: &'a [u8], now: &'a [u8], out: &'a mut [u8]) {
        let (above, below) = (&above[..2 * out.len()], &below[..2 * out.len()]);
        for (x, (out, &now)) in out.iter_mut().zip(now).enumerate() {
            *out = mean_of_four(above, below, x).abs_diff(now);
        }
    }

    /// The weights of the means of 2x2 differences: `most` up to [`SAME`], 0 from [`CHANGED`] on.
    fn weights_of<'a>(above: &'a [u8], below: &'a [u8], most: u16, out: &'a mut [u8]) {
        let (above, below) = (&above[..2 * out.len()], &below[..2 * out.len()]);
        for (x, out) in out.iter_mut().enumerate() {
            let difference = sum_of_four(above, below, x) / 4;
            let share = CHANGED.saturating_sub(difference).min(CHANGED - SAME);
            *out = (most * share / (CHANGED - SAME)) as u8;
        }
    }

    /// The least of each 3x3, `rows` being those above, at and below; `line` is scratch.
    fn least_of<'a>(rows: [&'a [u8]; 3], line: &'a mut [u8], out: &'a mut [u8]) {
        let [above, here, below] = rows;
        for ((((line, out), &a), &b), &c) in line.iter_mut().zip(out.iter_mut()).zip(above).zip(here).zip(below) {
            *line = a.min(b).min(c);
            *out = *line;
        }
        for (out, &left) in out[1..].iter_mut().zip(line.iter()) {
            *out = (*out).min(left);
        }
        for (out, &right) in out.iter_mut().zip(&line[1..]) {
            *out = (*out).min(right);
        }
    }

    /// A row of twice as many, a quarter of the way from `near` to `far`; `line` is scratch.
    fn doubled<'a>(near: &'a [u8], far: &'a [u8], line: &'a mut [u8], out: &'a mut [u8]) {
        let quarter = |near: u8, far: u8| ((3 * u16::from(near) + u16::from(far) + 2) / 4) as u8;
        for ((line, &near), &far) in line.iter_mut().zip(near).zip(far) {
            *line = quarter(near, far);
        }
        let count = line.len();
        let out = &mut out[..2 * count];
        (out[0], out[2 * count - 1]) = (line[0], line[count - 1]);
        for x in 1..count {
            out[2 * x - 1] = quarter(line[x - 1], line[x]);
            out[2 * x] = quarter(line[x], line[x - 1]);
        }
    }

    /// Of `weights` those that stand at `places`, `each` for so many bytes.
    fn spread<'a>(weights: &'a [u8], places: &'a [u32], each: Option<usize>, out: &'a mut [u8]) {
        let done = match each {
            Some(1) => repeated::<1>(weights, out),
            Some(2) => repeated::<2>(weights, out),
            Some(8) => repeated::<8>(weights, out),
            _ => 0,
        };
        for (out, &place) in out.iter_mut().zip(places).skip(done) {
            *out = weights[place as usize];
        }
    }
}
