//! The picture rows of a tensor as three rows of floats (red, green, blue), whatever its type and layout.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use pulp::Arch;

use super::border::{Geometry, beside, reflect_beside};
use super::kernel;
use crate::frame::Size;
use crate::tensor::{BLOCK_SIDE, Border, Channels, Layout, Tensor, TensorFormat, Values};

/// Rows of floats for what a tensor does not hold as such.
struct Scratch {
    planes: [Vec<f32>; 3],
    /// The same as bytes, what is written with its border: triples of bytes are taken apart, and put together, in a third of the time that
    /// triples of floats take.
    bytes: [Vec<u8>; 3],
    triples: Vec<f32>,
}

impl Scratch {
    fn for_width(width: usize) -> Self {
        Self {
            planes: std::array::from_fn(|_| vec![0.0; width]),
            bytes: std::array::from_fn(|_| vec![0; width]),
            triples: vec![0.0; 3 * width],
        }
    }
}

/// The rows of a row of blocks, border included.
#[derive(Default)]
struct Gathered {
    /// Which row of blocks it is.
    of: Option<usize>,
    rows: [Vec<u8>; BLOCK_SIDE],
}

impl Gathered {
    /// Row `y` of a tensor of blocks whose rows have `len` values.
    fn row(&mut self, values: &[u8], y: usize, len: usize) -> &[u8] {
        let of = y / BLOCK_SIDE;
        if self.of.replace(of) != Some(of) {
            self.rows.iter_mut().for_each(|row| row.resize(len, 0));
            gather(&values[of * BLOCK_SIDE * len..][..BLOCK_SIDE * len], &mut self.rows);
        }
        &self.rows[y % BLOCK_SIDE]
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
    gathered: Gathered,
}

impl<'a> RowReader<'a> {
    /// # Panics
    /// When the border leaves no picture of `tensor`.
    pub fn new(arch: Arch, tensor: &'a Tensor, border: Border) -> Self {
        let geometry = Geometry::of(tensor, border);
        Self { arch, tensor, geometry, scratch: Scratch::for_width(geometry.width), gathered: Gathered::default() }
    }

    /// Red, green and blue of row `y`, in the tensor's own scale.
    pub fn row(&mut self, y: usize) -> [&[f32]; 3] {
        let Geometry { top, left, width, row_len, .. } = self.geometry;
        let start = top * row_len + self.geometry.picture_range(y).start;
        let plane_len = self.geometry.plane_len();
        let Scratch { planes, bytes, triples } = &mut self.scratch;
        let rows = match (&self.tensor.values, self.tensor.format.layout) {
            (Values::F32(values), Layout::Nchw) => [0, 1, 2].map(|plane| &values[plane * plane_len + start..][..width]),
            (values, Layout::Nchw) => {
                for (plane, row) in planes.iter_mut().enumerate() {
                    load(self.arch, values, plane * plane_len + start, row);
                }
                planes.each_ref().map(Vec::as_slice)
            }
            (Values::U8(values), layout) => {
                let row = match layout {
                    Layout::Blocks4 => &self.gathered.row(values, top + y, row_len)[3 * left..],
                    Layout::Nhwc | Layout::Nchw => &values[start..],
                };
                kernel::split_bytes(self.arch, row, bytes.each_mut().map(Vec::as_mut_slice));
                for (row, bytes) in planes.iter_mut().zip(bytes) {
                    kernel::floats_from_bytes(self.arch, bytes, row);
                }
                planes.each_ref().map(Vec::as_slice)
            }
            (_, Layout::Blocks4) => unreachable!("only bytes lie in blocks"),
            (values, Layout::Nhwc) => {
                load(self.arch, values, start, triples);
                kernel::split_triples(self.arch, triples, planes.each_mut().map(Vec::as_mut_slice));
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
            Planes::U8(planes) if format.layout != Layout::Nchw => {
                fill(reordered(format.channels, own));
                let Scratch { planes: floats, bytes, .. } = scratch;
                let &mut Geometry { left, width, row_len, .. } = geometry;
                for (bytes, floats) in bytes.iter_mut().zip(floats) {
                    bytes.resize(row_len / 3, 0);
                    kernel::bytes_from_floats(*arch, floats, &mut bytes[left..][..width]);
                    beside::<_, 1>(bytes, left, width);
                }
                let rows = bytes.each_ref().map(Vec::as_slice);
                kernel::join_bytes(*arch, rows, &mut planes[0][y * row_len..][..row_len]);
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

/// Copies a row of blocks into rows of its pixels.
fn gather(blocks: &[u8], rows: &mut [Vec<u8>; BLOCK_SIDE]) {
    const RUN: usize = 3 * BLOCK_SIDE;
    let mut rows = rows.each_mut().map(|row| row.as_chunks_mut::<RUN>().0);
    for (at, block) in blocks.as_chunks::<{ RUN * BLOCK_SIDE }>().0.iter().enumerate() {
        for (row, run) in rows.iter_mut().zip(block.as_chunks::<RUN>().0) {
            row[at] = *run;
        }
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
