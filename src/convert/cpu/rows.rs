//! The picture rows of a tensor as three rows of floats (red, green, blue), whatever its type and layout.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use pulp::Arch;

use super::border::{Geometry, reflect_beside};
use super::kernel;
use crate::frame::Size;
use crate::tensor::{BLOCK_SIDE, Border, Channels, Layout, Tensor, TensorFormat, Values};

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
        let start = self.geometry.top * self.geometry.row_len + self.geometry.picture_range(y).start;
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

/// Some rows of each plane of a tensor.
enum Planes<'a> {
    U8(Vec<&'a mut [u8]>),
    F16(Vec<&'a mut [f16]>),
    F32(Vec<&'a mut [f32]>),
}

impl<'a> Planes<'a> {
    /// Those of each band of picture rows; the bands are the whole picture.
    fn of_bands(values: &'a mut Values, geometry: &Geometry, bands: &[Range<usize>]) -> Vec<Self> {
        fn cut<'a, T>(values: &'a mut [T], geometry: &Geometry, bands: &[Range<usize>]) -> Vec<Vec<&'a mut [T]>> {
            let mut cut: Vec<_> = bands.iter().map(|_| Vec::new()).collect();
            for plane in values.chunks_exact_mut(geometry.plane_len()) {
                let mut rest = &mut plane[geometry.top * geometry.row_len..];
                for (band, planes) in bands.iter().zip(&mut cut) {
                    planes.push(rest.split_off_mut(..band.len() * geometry.row_len).unwrap_or_default());
                }
            }
            cut
        }
        match values {
            Values::U8(values) => cut(values, geometry, bands).into_iter().map(Self::U8).collect(),
            Values::F16(values) => cut(values, geometry, bands).into_iter().map(Self::F16).collect(),
            Values::F32(values) => cut(values, geometry, bands).into_iter().map(Self::F32).collect(),
        }
    }
}

/// Writes some rows of a picture, and the border beside them.
pub(super) struct RowWriter<'a> {
    arch: Arch,
    planes: Planes<'a>,
    rows: Range<usize>,
    format: TensorFormat,
    geometry: Geometry,
    scratch: Scratch,
}

impl<'a> RowWriter<'a> {
    /// One for each of `bands`, which are the rows of a picture of size `picture`. When all rows are written,
    /// [`reflect_above_and_below`] is to follow.
    ///
    /// # Panics
    /// When `tensor` is not such a picture with `border` round it.
    pub fn of_bands(
        arch: Arch,
        tensor: &'a mut Tensor,
        border: Border,
        picture: Size,
        bands: &[Range<usize>],
    ) -> Vec<Self> {
        assert_eq!(tensor.size, border.outer(picture), "size of the tensor for a picture of {picture} and {border:?}");
        let (geometry, format) = (Geometry::of(tensor, border), tensor.format);
        let planes = Planes::of_bands(&mut tensor.values, &geometry, bands);
        let writer = |(planes, rows): (Planes<'a>, &Range<usize>)| Self {
            arch,
            planes,
            rows: rows.clone(),
            format,
            geometry,
            scratch: Scratch::for_width(geometry.width),
        };
        planes.into_iter().zip(bands).map(writer).collect()
    }

    /// The rows that it is for.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Lets `fill` write red, green and blue of row `y` in the tensor's own scale, and continues it to both sides.
    pub fn write(&mut self, y: usize, fill: impl FnOnce([&mut [f32]; 3])) {
        let Self { arch, planes, rows, format, geometry, scratch } = self;
        let y = y - rows.start;
        let own = scratch.planes.each_mut().map(Vec::as_mut_slice);
        match planes {
            Planes::F32(planes) if format.layout == Layout::Nchw => {
                let [first, second, third] = planes.as_mut_slice() else { unreachable!("three planes") };
                let picture = geometry.picture_range(y);
                fill(reordered(format.channels, [first, second, third].map(|plane| &mut plane[picture.clone()])));
                reflect_beside(planes, geometry, y);
            }
            planes => {
                fill(reordered(format.channels, own));
                let rows = scratch.planes.each_ref().map(Vec::as_slice);
                let joined = format.layout != Layout::Nchw;
                if joined {
                    kernel::join_triples(*arch, rows, &mut scratch.triples);
                }
                let rows = if joined { &[scratch.triples.as_slice()][..] } else { &rows };
                match planes {
                    Planes::U8(planes) => {
                        store(planes, geometry, y, rows, |row, out| kernel::bytes_from_floats(*arch, row, out));
                    }
                    Planes::F16(planes) => store(planes, geometry, y, rows, |row, out| out.convert_from_f32_slice(row)),
                    Planes::F32(planes) => store(planes, geometry, y, rows, |row, out| out.copy_from_slice(row)),
                }
            }
        }
    }
}

/// Puts `rows`, one for each plane, where row `y` is, and continues them to both sides.
fn store<T: Copy>(
    planes: &mut [&mut [T]],
    geometry: &Geometry,
    y: usize,
    rows: &[&[f32]],
    convert: impl Fn(&[f32], &mut [T]),
) {
    for (plane, row) in planes.iter_mut().zip(rows) {
        convert(row, &mut plane[geometry.picture_range(y)]);
    }
    reflect_beside(planes, geometry, y);
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
