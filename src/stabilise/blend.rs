//! The picture before, brought to where it belongs now, is mixed into the picture of now.

use super::motion::Way;
use crate::convert::cpu::kernel::kernels;
use crate::frame::Frame;

/// Where a pixel was that went `way`.
#[inline(always)]
pub(super) fn origin([x, y]: [usize; 2], way: Way) -> [isize; 2] {
    [x as isize + way[0] as isize, y as isize + way[1] as isize]
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
    /// Plane `index` of `frame`.
    pub fn of(frame: &'a Frame, index: usize) -> Self {
        let pixels = frame.format().pixels;
        let crate::frame::Plane { offset_bytes, stride_bytes } = frame.planes()[index];
        let (row_bytes, height) = pixels.plane_extent(index, frame.size());
        let step = pixels.pixel_bytes(index);
        Self { bytes: &frame.bytes()[offset_bytes..], stride_bytes, width: row_bytes / step, height, step }
    }

    /// Row `y`.
    #[inline(always)]
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.bytes[y * self.stride_bytes..][..self.width * self.step]
    }

    /// Whether `columns` and `rows` of pixels, from `x` and `y` on, all lie inside.
    #[inline(always)]
    pub fn holds(&self, [x, y]: [isize; 2], [columns, rows]: [usize; 2]) -> bool {
        x >= 0 && y >= 0 && x as usize + columns <= self.width && y as usize + rows <= self.height
    }

    /// `count` pixels of row `y`, from `x` on; what lies outside is the nearest that lies inside.
    #[inline(always)]
    fn run<'b>(&self, x: isize, y: isize, count: usize, edge: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        let row = self.row(y.clamp(0, self.height as isize - 1) as usize);
        if x >= 0 && x as usize + count <= self.width {
            return &row[x as usize * self.step..][..count * self.step];
        }
        edge.clear();
        for at in x..x + count as isize {
            let inside = at.clamp(0, self.width as isize - 1) as usize;
            edge.extend_from_slice(&row[inside * self.step..][..self.step]);
        }
        edge
    }
}

/// The picture before, and from where each cell of `cell` columns and rows takes what it shows now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier<'a> {
    pub plane: Plane<'a>,
    pub ways: &'a [Way],
    pub cell: [usize; 2],
}

impl Earlier<'_> {
    /// Writes `columns` and `rows` from pixel `x` of row `y` on, which is the first of `out`, once they went `way`. False, and nothing is
    /// written, where they do not all come from inside.
    #[inline(always)]
    fn inside(&self, [x, y]: [usize; 2], [columns, rows]: [usize; 2], way: Way, out: &mut [u8]) -> bool {
        let Plane { stride_bytes, width, step, .. } = self.plane;
        let [from_x, from_y] = origin([x, y], way);
        if !self.plane.holds([from_x, from_y], [columns, rows]) {
            return false;
        }
        let lines = Lines {
            from: from_y as usize * stride_bytes + from_x as usize * step,
            stride: stride_bytes,
            at: x * step,
            row: width * step,
            rows,
        };
        // Lines of a known length fit into registers: those of one cell, of 16 or 8 pixels of 1, 2 or 4 bytes.
        match columns * step {
            8 => lines.copy::<8>(self.plane.bytes, out),
            16 => lines.copy::<16>(self.plane.bytes, out),
            64 => lines.copy::<64>(self.plane.bytes, out),
            bytes => lines.each(|from, at| out[at..at + bytes].copy_from_slice(&self.plane.bytes[from..from + bytes])),
        }
        true
    }

    /// Writes a part of row `y`, from pixel `x` on, once it went `way`, wherever that lies.
    #[inline(always)]
    fn anywhere(&self, [x, y]: [usize; 2], way: Way, edge: &mut Vec<u8>, out: &mut [u8]) {
        let [from_x, from_y] = origin([x, y], way);
        out.copy_from_slice(self.plane.run(from_x, from_y, out.len() / self.plane.step, edge));
    }
}

/// Where lines are copied from and to, in bytes.
#[derive(Clone, Copy, Debug)]
struct Lines {
    from: usize,
    stride: usize,
    at: usize,
    row: usize,
    rows: usize,
}

impl Lines {
    /// Calls `copy` with where each line begins in either.
    #[inline(always)]
    fn each(self, mut copy: impl FnMut(usize, usize)) {
        // Chunks of both would be divisions, a dozen for each cell.
        for row in 0..self.rows {
            copy(self.from + row * self.stride, self.at + row * self.row);
        }
    }

    /// Copies `BYTES` of each.
    #[inline(always)]
    fn copy<const BYTES: usize>(self, bytes: &[u8], out: &mut [u8]) {
        self.each(|from, at| out[at..at + BYTES].copy_from_slice(&bytes[from..from + BYTES]));
    }
}

/// Of so many bytes one in turn forgets what is next to nothing. Rounded, a mix keeps a difference of a few steps for ever; cut off, it
/// lets noise of a few steps through.
const TURNS: usize = 8;
/// By so many the turn of a row is ahead of that of the row above.
pub(super) const ROW_TURN: usize = 3;
/// Bytes that are mixed at once, a multiple of [`TURNS`]: as many as the widest registers hold.
const LANES: usize = 64;

/// `was`, of which `weight` 256ths stay; `half` is 128 to round what it differs from `now`, and 0 to cut it off.
#[inline(always)]
fn mixed(was: u8, now: u8, weight: u8, half: u16) -> u8 {
    let step = ((u16::from(was.abs_diff(now)) * u16::from(weight) + half) >> 8) as u8;
    // Not beyond `was`.
    if was > now { now.wrapping_add(step) } else { now.wrapping_sub(step) }
}

kernels! {
    /// Writes the rows from `y` on, as many as there are in `out`, which is a row of cells, once the cells went their ways.
    pub(super) fn moved<'a>(earlier: &'a Earlier<'a>, y: usize, edge: &'a mut Vec<u8>, out: &'a mut [u8]) {
        let Earlier { plane, ways, cell } = earlier;
        let row_bytes = plane.width * plane.step;
        let rows = out.len() / row_bytes;
        let mut x = 0;
        // Where nothing moves, or all, whole rows are one run.
        for run in ways.chunk_by(|one, other| one == other) {
            let columns = (run.len() * cell[0]).min(plane.width - x);
            if !earlier.inside([x, y], [columns, rows], run[0], out) {
                for x in (x..x + columns).step_by(cell[0]) {
                    let columns = cell[0].min(plane.width - x);
                    if !earlier.inside([x, y], [columns, rows], run[0], out) {
                        let part = x * plane.step..(x + columns) * plane.step;
                        for (row, out) in out.chunks_exact_mut(row_bytes).enumerate() {
                            earlier.anywhere([x, y + row], run[0], edge, &mut out[part.clone()]);
                        }
                    }
                }
            }
            x += columns;
        }
    }

    /// Mixes `now` into `before`, which stays as far as `weights` (256ths, one a byte) say. A byte's turn it is where its place and `turn`
    /// make a multiple of [`TURNS`].
    pub(super) fn mix<'a>(now: &'a [u8], weights: &'a [u8], turn: usize, before: &'a mut [u8]) {
        let mut halves = [128; LANES];
        halves.iter_mut().skip((TURNS - turn % TURNS) % TURNS).step_by(TURNS).for_each(|half| *half = 0);
        let (whole, rest) = before.as_chunks_mut::<LANES>();
        let (now, now_rest) = now.as_chunks::<LANES>();
        let (weights, rest_weights) = weights.as_chunks::<LANES>();
        for ((before, now), weights) in whole.iter_mut().zip(now).zip(weights) {
            for at in 0..LANES {
                before[at] = mixed(before[at], now[at], weights[at], halves[at]);
            }
        }
        for (((before, &now), &weight), half) in rest.iter_mut().zip(now_rest).zip(rest_weights).zip(halves) {
            *before = mixed(*before, now, weight, half);
        }
    }
}
