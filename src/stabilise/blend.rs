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

    /// In `PARTS`ths alone.
    pub fn parts(self) -> i32 {
        self.whole as i32 * PARTS + i32::from(self.part)
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

    /// Whether `columns` and `rows` of pixels, from `x` and `y` on, all lie inside.
    #[inline(always)]
    fn holds(&self, [x, y]: [isize; 2], [columns, rows]: [usize; 2]) -> bool {
        x >= 0 && y >= 0 && x as usize + columns <= self.width && y as usize + rows <= self.height
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

/// The picture before, and from where each cell of `cell` columns and rows takes what it shows now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier<'a> {
    pub plane: Plane<'a>,
    pub ways: &'a [[Way; 2]],
    pub cell: [usize; 2],
}

impl Earlier<'_> {
    /// Writes the cell whose first byte is `at` in `out`, and first pixel `from` in the picture before: all of it and the pixels to the
    /// right and below are inside. `BYTES` are in a row of the cell: lines of a known length fit into registers.
    #[inline(always)]
    fn inside<const BYTES: usize>(&self, from: [usize; 2], parts: [u16; 2], at: usize, out: &mut [u8]) {
        let Plane { bytes, stride_bytes, width, step, .. } = self.plane;
        let lines = bytes[from[1] * stride_bytes + from[0] * step..].chunks(stride_bytes);
        let lines = lines.map(|line| (line.first_chunk::<BYTES>(), line.get(step..).and_then(<[u8]>::first_chunk)));
        let mut above = None;
        let mut rows = out.chunks_exact_mut(width * step);
        for (left, right) in lines {
            let (Some(left), Some(right)) = (left, right) else { return };
            if let Some((above_left, above_right)) = above.replace((left, right)) {
                let Some(row) = rows.next() else { return };
                row[at..at + BYTES].copy_from_slice(&bilinear([above_left, above_right, left, right], parts));
            }
        }
    }

    /// Writes a part of row `y`, from pixel `x` on, once it went `way`, wherever that lies.
    #[inline(always)]
    fn anywhere(&self, [x, y]: [usize; 2], way: [Way; 2], edges: &mut Edges, out: &mut [u8]) {
        let step = self.plane.step;
        let (from_x, from_y) = (x as isize + way[0].whole, y as isize + way[1].whole);
        let [edge, edge_below] = edges;
        let above = self.plane.run(from_x, from_y, out.len() / step, edge);
        let below = self.plane.run(from_x, from_y + 1, out.len() / step, edge_below);
        let above = above.iter().zip(&above[step..]);
        for ((out, (a, b)), (c, d)) in out.iter_mut().zip(above).zip(below.iter().zip(&below[step..])) {
            [*out] = bilinear([&[*a], &[*b], &[*c], &[*d]], way.map(|way| way.part));
        }
    }
}

/// Mixes neighbours, `right` and `down` parts of a pixel from the first, which is followed by those to its right, below, and both.
#[inline(always)]
fn bilinear<const BYTES: usize>(corners: [&[u8; BYTES]; 4], [right, down]: [u16; 2]) -> [u8; BYTES] {
    let parts = PARTS as u16;
    let (left, up) = (parts - right, parts - down);
    // By value: what might overlap with the result is mixed byte by byte.
    let [a, b, c, d] = corners.map(|corner| *corner);
    let mut mixed = [0; BYTES];
    for i in 0..BYTES {
        let top = u16::from(a[i]) * left + u16::from(b[i]) * right;
        let bottom = u16::from(c[i]) * left + u16::from(d[i]) * right;
        mixed[i] = ((top * up + bottom * down + parts * parts / 2) / (parts * parts)) as u8;
    }
    mixed
}

kernels! {
    /// Writes the rows from `y` on, as many as there are in `out`, which is a row of cells, once the cells went their ways.
    pub(super) fn moved<'a>(earlier: &'a Earlier<'a>, y: usize, edges: &'a mut Edges, out: &'a mut [u8]) {
        let Earlier { plane, ways, cell } = earlier;
        let (row_bytes, cell_bytes) = (plane.width * plane.step, cell[0] * plane.step);
        let rows = out.len() / row_bytes;
        for (index, way) in ways.iter().enumerate() {
            let x = index * cell[0];
            let (from_x, from_y) = (x as isize + way[0].whole, y as isize + way[1].whole);
            let (at, parts) = (x * plane.step, way.map(|way| way.part));
            if plane.holds([from_x, from_y], [cell[0] + 1, rows + 1]) && x + cell[0] <= plane.width {
                let from = [from_x as usize, from_y as usize];
                match cell_bytes {
                    8 => earlier.inside::<8>(from, parts, at, out),
                    16 => earlier.inside::<16>(from, parts, at, out),
                    64 => earlier.inside::<64>(from, parts, at, out),
                    _ => unreachable!("cells are of 16 or 8 pixels of 1, 2 or 4 bytes"),
                }
            } else {
                let end = (at + cell_bytes).min(row_bytes);
                for (row, out) in out.chunks_exact_mut(row_bytes).enumerate() {
                    earlier.anywhere([x, y + row], *way, edges, &mut out[at..end]);
                }
            }
        }
    }

    /// Mixes `now` into `before`, which stays as far as `weights` (256ths, one a byte) say.
    pub(super) fn mix<'a>(now: &'a [u8], weights: &'a [u8], before: &'a mut [u8]) {
        for (before, (&now, &weight)) in before.iter_mut().zip(now.iter().zip(weights)) {
            let (was, now, weight) = (u16::from(*before), u16::from(now), u16::from(weight));
            // Towards `now`: what stays forgets all that was, however little it differs.
            let (more, less) = (was.saturating_sub(now) * weight, now.saturating_sub(was) * weight);
            *before = (now + (more >> 8) - (less >> 8)) as u8;
        }
    }

    /// How far `now` is from `before`, which becomes that.
    pub(super) fn difference<'a>(now: &'a [u8], before: &'a mut [u8]) {
        for (before, &now) in before.iter_mut().zip(now) {
            *before = before.abs_diff(now);
        }
    }
}
