//! The picture before, brought to where it belongs now, is mixed into the picture of now.

use super::motion::Vector;
use crate::convert::cpu::kernel::kernels;

/// Parts of a pixel that a vector is rounded to.
pub(super) const PARTS: i32 = 8;

/// A way in whole pixels and `PARTS`ths: `whole` may be negative, `part` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub whole: isize,
    pub part: u16,
}

impl Way {
    /// `way` pixels, rounded.
    pub fn new(way: f32) -> Self {
        // Rounded down from far above 0: `f32::round` is a call where the processor has no instruction for it.
        const FAR: i32 = 1 << 16;
        let parts = (way * PARTS as f32 + (FAR as f32 + 0.5)) as i32 - FAR;
        Self { whole: parts.div_euclid(PARTS) as isize, part: parts.rem_euclid(PARTS) as u16 }
    }

    /// Both directions.
    pub fn of(vector: Vector) -> [Self; 2] {
        vector.map(Self::new)
    }
}

/// A plane that is read: rows `stride_bytes` apart, whose pixels have `step` bytes.
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

    /// Whether `count` pixels of row `y`, from `x` on, all lie inside.
    #[inline(always)]
    fn holds(&self, x: isize, y: isize, count: usize) -> bool {
        x >= 0 && x as usize + count <= self.width && (0..self.height as isize).contains(&y)
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

/// The run of `out.len()` bytes of row `y`, from pixel `x` on, of `before` once it went `way`: bilinear.
#[inline(always)]
fn moved(before: &Plane<'_>, [x, y]: [usize; 2], way: [Way; 2], edges: &mut Edges, out: &mut [u8]) {
    let len = out.len();
    let count = len / before.step;
    let (from_x, from_y) = (x as isize + way[0].whole, y as isize + way[1].whole);
    let [right, down] = way.map(|way| way.part);
    if right == 0 && down == 0 && before.holds(from_x, from_y, count) {
        let row = before.row(from_y as usize);
        out.copy_from_slice(&row[from_x as usize * before.step..][..len]);
        return;
    }
    let [edge, edge_below] = edges;
    let above = before.run(from_x, from_y, count, edge);
    let below = before.run(from_x, from_y + 1, count, edge_below);
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

/// The picture before, and from where each cell of `cell` pixels of a row takes what it shows now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier<'a> {
    pub plane: Plane<'a>,
    pub ways: &'a [[Way; 2]],
    pub cell: usize,
}

/// Row `y` once its cells went their ways. Neighbours that go the same way go together.
#[inline(always)]
fn moved_row(earlier: &Earlier<'_>, y: usize, edges: &mut Edges, out: &mut [u8]) {
    let Earlier { plane: before, ways, cell } = earlier;
    let mut begin = 0;
    while begin < ways.len() {
        let way = ways[begin];
        let end = begin + ways[begin..].iter().take_while(|other| **other == way).count();
        let bytes = |cells: usize| (cells * cell * before.step).min(before.width * before.step);
        moved(before, [begin * cell, y], way, edges, &mut out[bytes(begin)..bytes(end)]);
        begin = end;
    }
}

kernels! {
    /// Writes row `y` of `now`, mixed with what was before, as much as `weights` (256ths, one a byte) say.
    pub(super) fn mix_row<'a>(
        earlier: &'a Earlier<'a>,
        now: &'a [u8],
        y: usize,
        weights: &'a [u8],
        edges: &'a mut Edges,
        out: &'a mut [u8],
    ) {
        moved_row(earlier, y, edges, out);
        let (now, weights) = (&now[..out.len()], &weights[..out.len()]);
        for (out, (&now, &weight)) in out.iter_mut().zip(now.iter().zip(weights)) {
            let (before, weight) = (u16::from(*out), u16::from(weight));
            let now = u16::from(now);
            // Towards `now`: what stays forgets all that was, however little it differs.
            let (more, less) = (before.saturating_sub(now) * weight, now.saturating_sub(before) * weight);
            *out = (now + (more >> 8) - (less >> 8)) as u8;
        }
    }

    /// How far row `y` of `now` is from what was before.
    pub(super) fn difference_row<'a>(
        earlier: &'a Earlier<'a>,
        now: &'a [u8],
        y: usize,
        edges: &'a mut Edges,
        out: &'a mut [u8],
    ) {
        moved_row(earlier, y, edges, out);
        for (out, &now) in out.iter_mut().zip(now) {
            *out = out.abs_diff(now);
        }
    }
}
