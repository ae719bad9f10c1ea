//! The picture rows of a tensor as three rows of floats (red, green, blue), whatever its type and layout.

use half::slice::HalfFloatSliceExt;
use pulp::Arch;

use super::border::{Geometry, reflect_above_and_below, reflect_beside};
use super::kernel;
use crate::frame::Size;
use crate::tensor::{BLOCK_SIDE, Border, Channels, Layout, Tensor, Values};

/// Rows of floats for what a tensor does not hold as such.
struct Scratch {
    planes: [Vec<f32>; 3],
    triples: Vec<f32>,
    /// A row of a tensor of blocks, border included.
    row: Vec<u8>,
}

impl Scratch {
    fn for_width(width: usize) -> Self {
        Self { planes: std::array::from_fn(|_| vec![0.0; width]), triples: vec![0.0; 3 * width], row: Vec::new() }
    }
}

/// Three things in the order of memory from three in the order red, green, blue, and the other way round.
fn reordered<T>(channels: Channels, [a, b, c]: [T; 3]) -> [T; 3] {
    match channels {
        Channels::Rgb => [a, b, c],
        Channels::Bgr => [c, b, a],
    }
}

/// Reads the picture inside of a border.
pub(super) struct RowReader<'a> {
    arch: Arch,
    tensor: &'a Tensor,
    geometry: Geometry,
    scratch: Scratch,
}

impl<'a> RowReader<'a> {
    /// # Panics
    /// When the border leaves no picture of `tensor`.
    pub fn new(arch: Arch, tensor: &'a Tensor, border: Border) -> Self {
        let geometry = Geometry::of(tensor, border);
        Self { arch, tensor, geometry, scratch: Scratch::for_width(geometry.width) }
    }

    /// Red, green and blue of row `y`, in the tensor's own scale.
    pub fn row(&mut self, y: usize) -> [&[f32]; 3] {
        let start = self.geometry.picture_start(y);
        let (plane_len, width) = (self.geometry.plane_len(), self.geometry.width);
        let Scratch { planes, triples, row } = &mut self.scratch;
        let rows = match (&self.tensor.values, self.tensor.format.layout) {
            (Values::F32(values), Layout::Nchw) => [0, 1, 2].map(|plane| &values[plane * plane_len + start..][..width]),
            (values, Layout::Nchw) => {
                for (plane, row) in planes.iter_mut().enumerate() {
                    load(self.arch, values, plane * plane_len + start, row);
                }
                planes.each_ref().map(Vec::as_slice)
            }
            (values, layout) => {
                if layout == Layout::Blocks4 {
                    let Values::U8(values) = values else { unreachable!("only bytes lie in blocks") };
                    row.resize(self.geometry.row_len, 0);
                    gather(values, self.geometry.top + y, row);
                    kernel::floats_from_bytes(self.arch, &row[3 * self.geometry.left..], triples);
                } else {
                    load(self.arch, values, start, triples);
                }
                let rows = planes.each_mut().map(Vec::as_mut_slice);
                kernel::split_triples(self.arch, triples, rows);
                planes.each_ref().map(Vec::as_slice)
            }
        };
        reordered(self.tensor.format.channels, rows)
    }
}

/// Writes a picture and the border round it.
pub(super) struct RowWriter<'a> {
    arch: Arch,
    tensor: &'a mut Tensor,
    geometry: Geometry,
    scratch: Scratch,
}

impl<'a> RowWriter<'a> {
    /// # Panics
    /// When `tensor` is not a picture of size `picture` and `border` round it.
    pub fn new(arch: Arch, tensor: &'a mut Tensor, border: Border, picture: Size) -> Self {
        assert_eq!(tensor.size, border.outer(picture), "size of the tensor for a picture of {picture} and {border:?}");
        let geometry = Geometry::of(tensor, border);
        Self { arch, tensor, geometry, scratch: Scratch::for_width(geometry.width) }
    }

    /// Lets `fill` write red, green and blue of row `y` in the tensor's own scale, and continues it to both sides.
    pub fn write(&mut self, y: usize, fill: impl FnOnce([&mut [f32]; 3])) {
        let start = self.geometry.picture_start(y);
        let (plane_len, width) = (self.geometry.plane_len(), self.geometry.width);
        let Scratch { planes, triples, .. } = &mut self.scratch;
        let channels = self.tensor.format.channels;
        match (&mut self.tensor.values, self.tensor.format.layout) {
            (Values::F32(values), Layout::Nchw) => {
                let (first, rest) = values.split_at_mut(plane_len);
                let (second, third) = rest.split_at_mut(plane_len);
                fill(reordered(channels, [first, second, third].map(|plane| &mut plane[start..][..width])));
            }
            (values, Layout::Nchw) => {
                fill(reordered(channels, planes.each_mut().map(Vec::as_mut_slice)));
                for (plane, row) in planes.iter().enumerate() {
                    store(self.arch, values, plane * plane_len + start, row);
                }
            }
            (values, Layout::Nhwc) => {
                fill(reordered(channels, planes.each_mut().map(Vec::as_mut_slice)));
                let rows = planes.each_ref().map(Vec::as_slice);
                kernel::join_triples(self.arch, rows, triples);
                store(self.arch, values, start, triples);
            }
            (_, Layout::Blocks4) => unreachable!("no network takes blocks"),
        }
        reflect_beside(&mut self.tensor.values, &self.geometry, y);
    }

    /// All rows are written: continues them upwards and downwards.
    pub fn finish(self) {
        reflect_above_and_below(&mut self.tensor.values, &self.geometry);
    }
}

/// Copies row `y` of a tensor of blocks, as wide as `row`.
fn gather(values: &[u8], y: usize, row: &mut [u8]) {
    const RUN: usize = 3 * BLOCK_SIDE;
    let blocks = &values[y / BLOCK_SIDE * BLOCK_SIDE * row.len()..];
    let blocks = blocks.chunks_exact(RUN * BLOCK_SIDE);
    for (run, block) in row.chunks_exact_mut(RUN).zip(blocks) {
        run.copy_from_slice(&block[y % BLOCK_SIDE * RUN..][..RUN]);
    }
}

/// Copies the values from `start` on.
fn load(arch: Arch, values: &Values, start: usize, row: &mut [f32]) {
    match values {
        Values::U8(values) => kernel::floats_from_bytes(arch, &values[start..], row),
        Values::F16(values) => values[start..][..row.len()].convert_to_f32_slice(row),
        Values::F32(values) => row.copy_from_slice(&values[start..][..row.len()]),
    }
}

/// Copies `row` to the values from `start` on.
fn store(arch: Arch, values: &mut Values, start: usize, row: &[f32]) {
    match values {
        Values::U8(values) => kernel::bytes_from_floats(arch, row, &mut values[start..]),
        Values::F16(values) => values[start..][..row.len()].convert_from_f32_slice(row),
        Values::F32(values) => values[start..][..row.len()].copy_from_slice(row),
    }
}
