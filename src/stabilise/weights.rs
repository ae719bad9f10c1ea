//! How much of the picture before may stay, for each place: all where the input stands still, nothing where it changed.

use pulp::Arch;

use super::blend::{Earlier, Edges, Plane, Way, difference, moved};
use super::cells::{CELL, Cells};
use super::gray::{Gray, sum_of_four};
use super::motion::Field;
use crate::convert::cpu::kernel::kernels;

/// Differences of the input (means of 4x4 pixels, in steps of 255) up to which all that is allowed stays: camera noise.
const SAME: u16 = 4;
/// From which on nothing stays.
const CHANGED: u16 = 20;
/// Most that may stay, in 256ths.
const MOST: f32 = 230.0;
/// Pixels of the frame a weight stands for, along each side.
const PITCH: f32 = 4.0;
/// Where less than one weight in so many is not zero, a new scene began.
const CUT: usize = 8;

/// A weight in 256ths for each 4x4 pixels of the input, and for each 2x2 what lies between them.
#[derive(Debug, Default)]
pub(super) struct Weights {
    grid: Gray,
    fine: Gray,
    /// Differences of a row of cells.
    band: Vec<u8>,
    cells: Cells,
    ways: Vec<[Way; 2]>,
    edges: Edges,
    line: Vec<u8>,
    least: Vec<u8>,
    /// For each byte of a plane's row, where in a row of `fine` its weight stands.
    places: Vec<u32>,
    /// The weights of a plane's row, and which row of `fine` they are.
    spread: Vec<u8>,
    spread_of: Option<usize>,
}

impl Weights {
    /// Compares the input with the one before, both at half size, along the motion between them. `amount` scales all. False where
    /// the two have too little in common.
    pub fn judge(&mut self, before: &Gray, now: &Gray, field: &Field, amount: f32) -> bool {
        let most = (MOST * amount.clamp(0.0, 1.0)).round() as u16;
        let plane = Plane {
            bytes: &before.values,
            stride_bytes: before.width,
            width: before.width,
            height: before.height,
            step: 1,
        };
        let width = now.width / 2;
        self.grid.resize(width, now.height / 2);
        self.cells.spread(field, [2 * now.width, 2 * now.height], [1.0; 2]);
        let cell = CELL.map(|side| side / 2);
        let rows = 2 * self.grid.height;
        for y in (0..rows).step_by(cell[1]) {
            let count = cell[1].min(rows - y);
            self.cells.ways(y / cell[1], [0.5; 2], &mut self.ways);
            self.band.resize(count * now.width, 0);
            moved(Arch::new(), &Earlier { plane, ways: &self.ways, cell }, y, &mut self.edges, &mut self.band);
            difference(Arch::new(), &now.values[y * now.width..], &mut self.band);
            let weights = self.grid.values[y / 2 * width..].chunks_exact_mut(width);
            for (pair, out) in self.band.chunks_exact(2 * now.width).zip(weights) {
                let (above, below) = pair.split_at(now.width);
                weights_of(Arch::new(), above, below, most, out);
            }
        }
        let kept = self.grid.values.iter().filter(|&&weight| weight > 0).count();
        self.shrink();
        self.refine();
        kept * CUT > self.grid.values.len()
    }

    /// Each weight becomes the least of its neighbourhood: between two weights pixels take from both, and what was uncovered must not
    /// take from what stayed.
    fn shrink(&mut self) {
        let Gray { width, height, .. } = self.grid;
        self.least.resize(width * height, 0);
        self.line.resize(width, 0);
        for y in 0..height {
            let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|y| self.grid.row(y));
            least_of(Arch::new(), rows, &mut self.line, &mut self.least[y * width..][..width]);
        }
        std::mem::swap(&mut self.grid.values, &mut self.least);
    }

    /// Twice as many weights along each side, linear between those that there are.
    fn refine(&mut self) {
        let Gray { width, height, .. } = self.grid;
        self.fine.resize(2 * width, 2 * height);
        for y in 0..2 * height {
            let near = y / 2;
            let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(height - 1) };
            let out = &mut self.fine.values[y * 2 * width..][..2 * width];
            doubled(Arch::new(), self.grid.row(near), self.grid.row(far), &mut self.line, out);
        }
    }

    /// A weight for each 4x4 pixels of the input: what is refined to twice as many.
    pub fn grid(&self) -> &Gray {
        &self.grid
    }

    /// For each column of a plane of `width` pixels, in which column of the refined weights its own stands; `scale` as in
    /// [`Self::begin_plane`].
    pub fn columns(&self, width: usize, scale: f32) -> impl Iterator<Item = u32> {
        places(width, scale, self.fine.width)
    }

    /// The same for rows.
    pub fn rows(&self, height: usize, scale: f32) -> impl Iterator<Item = u32> {
        places(height, scale, self.fine.height)
    }

    /// Prepares for the rows of a plane of `width` pixels of `step` bytes; `scale`: how many pixels of the input one of them is.
    pub fn begin_plane(&mut self, width: usize, scale: f32, step: usize) {
        let last = self.fine.width - 1;
        self.places.clear();
        self.places.extend((0..width * step).map(|byte| place(byte / step, scale, last) as u32));
        self.spread.resize(width * step, 0);
        self.spread_of = None;
    }

    /// The weights of row `y` of the plane, one for each byte; `scale`: how many pixels of the input one row of the plane is.
    pub fn row(&mut self, y: usize, scale: f32) -> &[u8] {
        let row = place(y, scale, self.fine.height - 1);
        if self.spread_of.replace(row) != Some(row) {
            spread(Arch::new(), self.fine.row(row), &self.places, &mut self.spread);
        }
        &self.spread
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

kernels! {
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

    /// Of `weights` those that stand at `places`.
    fn spread<'a>(weights: &'a [u8], places: &'a [u32], out: &'a mut [u8]) {
        for (out, &place) in out.iter_mut().zip(places) {
            *out = weights[place as usize];
        }
    }
}
