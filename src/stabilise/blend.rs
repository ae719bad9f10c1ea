//! The picture before, brought to where it belongs now, is mixed into the picture of now.

use super::motion::Vector;
use crate::convert::cpu::kernel::kernels;

/// Parts of a pixel that a vector is rounded to.
pub(super) const PARTS: i32 = 8;

/// A way in whole pixels and `PARTS`ths: `whole` may be negative, `part` is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub whole: isize,
    pub part: u16,
}

impl Way {
    /// `way` pixels, rounded.
    pub fn new(way: f32) -> Self {
        let parts = (way * PARTS as f32).round() as i32;
        Self { whole: parts.div_euclid(PARTS) as isize, part: parts.rem_euclid(PARTS) as u16 }
    }

    /// Both directions.
    pub fn of(vector: Vector) -> [Self; 2] {
        vector.map(Self::new)
    }
}

/// A plane that is read: rows of `row_bytes`, whose pixels have `step` bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane<'a> {
    pub bytes: &'a [u8],
    pub stride_bytes: usize,
    pub width: usize,
    pub height: usize,
    pub step: usize,
}

impl<'a> Plane<'a> {
    #[inline(always)]
    fn row(&self, y: usize) -> &'a [u8] {
        &self.bytes[y * self.stride_bytes..][..self.width * self.step]
    }

    /// `count` pixels and one more of row `y`, from `x` on; what lies outside is the nearest that lies inside.
    #[inline(always)]
    fn run<'b>(&self, x: isize, y: isize, count: usize, edge: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        let row = self.row(y.clamp(0, self.height as isize - 1) as usize);
        if x >= 0 && x as usize + count < self.width {
            return &row[x as usize * self.step..][..(count + 1) * self.step];
        }
        edge.clear();
        for at in x..=x + count as isize {
            let inside = at.clamp(0, self.width as isize - 1) as usize;
            edge.extend_from_slice(&row[inside * self.step..][..self.step]);
        }
        edge
    }
}

/// Memory for what lies outside a plane, from run to run.
pub(super) type Edges = [Vec<u8>; 2];

/// Bytes of the longest run: a cell of pixels of four bytes.
const RUN: usize = super::CELL[0] * 4;

/// The run of `out.len()` bytes of row `y`, from pixel `x` on, of `before` once it went `way`: bilinear.
#[inline(always)]
fn moved(before: &Plane<'_>, [x, y]: [usize; 2], way: [Way; 2], edges: &mut Edges, out: &mut [u8]) {
    let len = out.len();
    let count = len / before.step;
    let (from_x, from_y) = (x as isize + way[0].whole, y as isize + way[1].whole);
    let [edge, edge_below] = edges;
    let above = before.run(from_x, from_y, count, edge);
    let below = before.run(from_x, from_y + 1, count, edge_below);
    let [right, down] = way.map(|way| way.part);
    let parts = PARTS as u16;
    let (left, up) = (parts - right, parts - down);
    let (above_left, above_right) = (&above[..len], &above[before.step..][..len]);
    let (below_left, below_right) = (&below[..len], &below[before.step..][..len]);
    for i in 0..len {
        let top = u16::from(above_left[i]) * left + u16::from(above_right[i]) * right;
        let bottom = u16::from(below_left[i]) * left + u16::from(below_right[i]) * right;
        out[i] = ((top * up + bottom * down + parts * parts / 2) / (parts * parts)) as u8;
    }
}

kernels! {
    /// Writes row `y` of `now`, mixed with `before` from the end of the ways (one for each cell of `cell` pixels), as much as
    /// `weights` (256ths, one a byte) say.
    pub(super) fn mix_row<'a>(
        before: &'a Plane<'a>,
        now: &'a [u8],
        y: usize,
        ways: &'a [[Way; 2]],
        cell: usize,
        weights: &'a [u8],
        edges: &'a mut Edges,
        out: &'a mut [u8],
    ) {
        let run = cell * before.step;
        let rows = now.chunks(run).zip(weights.chunks(run)).zip(out.chunks_mut(run));
        for (index, (((now, weights), out), &way)) in rows.zip(ways).enumerate() {
            let mut buffer = [0; RUN];
            let len = out.len();
            let buffer = &mut buffer[..len];
            moved(before, [index * cell, y], way, edges, buffer);
            let (now, weights) = (&now[..len], &weights[..len]);
            for i in 0..len {
                let difference = i32::from(buffer[i]) - i32::from(now[i]);
                // Towards `now`: what stays forgets all that was, however little it differs.
                out[i] = (i32::from(now[i]) + difference * i32::from(weights[i]) / 256) as u8;
            }
        }
    }

    /// How far row `y` of `now` is from `before` once that went the ways.
    pub(super) fn difference_row<'a>(
        before: &'a Plane<'a>,
        now: &'a [u8],
        y: usize,
        ways: &'a [[Way; 2]],
        cell: usize,
        edges: &'a mut Edges,
        out: &'a mut [u8],
    ) {
        for (index, ((now, out), &way)) in now.chunks(cell).zip(out.chunks_mut(cell)).zip(ways).enumerate() {
            moved(before, [index * cell, y], way, edges, out);
            for (out, &now) in out.iter_mut().zip(now) {
                *out = out.abs_diff(now);
            }
        }
    }

    /// What lies between two rows: `part` of `below`, in 256ths.
    pub(super) fn between<'a>(above: &'a [u8], below: &'a [u8], part: u16, out: &'a mut [u8]) {
        for ((&above, &below), out) in above.iter().zip(below).zip(out) {
            *out = ((u16::from(above) * (256 - part) + u16::from(below) * part) >> 8) as u8;
        }
    }
}
