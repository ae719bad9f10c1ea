//! How much of the picture before may stay, for each place: all where the input stands still, nothing where it changed.

use pulp::Arch;

use super::blend::{Edges, Plane, Way, between, difference_row};
use super::gray::Gray;
use super::motion::Field;
use super::{CELL, cells};

/// Differences of the input (means of 4x4 pixels, in steps of 255) up to which all that is allowed stays: camera noise.
const SAME: f32 = 4.0;
/// From which on nothing stays.
const CHANGED: f32 = 20.0;
/// Most that may stay, in 256ths.
const MOST: f32 = 230.0;
/// Pixels of the frame a weight stands for, along each side.
const PITCH: f32 = 4.0;
/// Where less than one weight in so many is not zero, a new scene began.
const CUT: usize = 8;

/// A weight in 256ths for each 4x4 pixels of the input.
#[derive(Debug, Default)]
pub(super) struct Weights {
    grid: Gray,
    rows: [Vec<u8>; 2],
    ways: Vec<[Way; 2]>,
    edges: Edges,
    line: Vec<u8>,
}

impl Weights {
    /// Compares the input with the one before, both at half size, along the motion between them. `amount` scales all. False where
    /// the two have too little in common.
    pub fn judge(&mut self, before: &Gray, now: &Gray, field: &Field, amount: f32) -> bool {
        let table = table(amount);
        let plane = Plane {
            bytes: &before.values,
            stride_bytes: before.width,
            width: before.width,
            height: before.height,
            step: 1,
        };
        (self.grid.width, self.grid.height) = (now.width / 2, now.height / 2);
        self.grid.values.clear();
        let cell = CELL.map(|side| side / 2);
        for y in 0..2 * self.grid.height {
            if y % cell[1] == 0 {
                let centre = (y + cell[1] / 2) as f32 * 2.0;
                cells(field, centre, [CELL[0] as f32, 1.0], now.width.div_ceil(cell[0]), 0.5, &mut self.ways);
            }
            let out = &mut self.rows[y % 2];
            out.resize(now.width, 0);
            difference_row(Arch::new(), &plane, now.row(y), y, &self.ways, cell[0], &mut self.edges, out);
            if y % 2 == 1 {
                let [above, below] = &self.rows;
                self.grid.values.extend(above.chunks_exact(2).zip(below.chunks_exact(2)).map(|(a, b)| {
                    let sum: u16 = [a[0], a[1], b[0], b[1]].into_iter().map(u16::from).sum();
                    table[usize::from(sum / 4)]
                }));
            }
        }
        self.shrink();
        let kept = self.grid.values.iter().filter(|&&weight| weight > 0).count();
        kept * CUT > self.grid.values.len()
    }

    /// Each weight becomes the least of its neighbourhood: between two weights pixels take from both, and what was uncovered must not
    /// take from what stayed.
    fn shrink(&mut self) {
        let Gray { width, height, .. } = self.grid;
        let mut least = vec![0; width * height];
        for y in 0..height {
            let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|y| self.grid.row(y));
            let down: Vec<u8> = (0..width).map(|x| rows.iter().map(|row| row[x]).min().unwrap_or(0)).collect();
            for (x, least) in least[y * width..][..width].iter_mut().enumerate() {
                *least = down[x.saturating_sub(1)].min(down[x]).min(down[(x + 1).min(width - 1)]);
            }
        }
        self.grid.values = least;
    }

    /// The weights of row `y` of a plane, one for each byte. `columns` say where its pixels lie in the grid, `scale` how many
    /// pixels of the input one row of the plane is.
    pub fn row(&mut self, y: usize, scale: f32, columns: &[Column], step: usize, out: &mut Vec<u8>) {
        let Gray { width, height, .. } = self.grid;
        let (top, part) = split((y as f32 + 0.5) * scale, height);
        self.line.resize(width, 0);
        let (above, below) = (self.grid.row(top), self.grid.row((top + 1).min(height - 1)));
        between(Arch::new(), above, below, part, &mut self.line);
        out.clear();
        for &Column { left, part } in columns {
            let (a, b) = (u16::from(self.line[left]), u16::from(self.line[(left + 1).min(width - 1)]));
            let weight = ((a * (256 - part) + b * part) >> 8) as u8;
            out.extend(std::iter::repeat_n(weight, step));
        }
    }

    /// Where the pixels of a plane's row lie in the grid; `scale`: how many pixels of the input one of them is.
    pub fn columns(&self, width: usize, scale: f32) -> Vec<Column> {
        let place = |x: usize| {
            let (left, part) = split((x as f32 + 0.5) * scale, self.grid.width);
            Column { left, part }
        };
        (0..width).map(place).collect()
    }
}

/// Between which two weights of a row a pixel lies, and how far from the left one, in 256ths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    left: usize,
    part: u16,
}

fn split(pixel: f32, count: usize) -> (usize, u16) {
    let at = (pixel / PITCH - 0.5).clamp(0.0, (count - 1) as f32);
    let left = at as usize;
    (left, ((at - left as f32) * 256.0) as u16)
}

/// The weight of each difference.
fn table(amount: f32) -> [u8; 256] {
    std::array::from_fn(|difference| {
        let share = ((CHANGED - difference as f32) / (CHANGED - SAME)).clamp(0.0, 1.0);
        (MOST * amount.clamp(0.0, 1.0) * share).round() as u8
    })
}
