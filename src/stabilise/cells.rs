//! The motion of each cell of a picture: pixels that move alike, whichever plane they are in.

use super::motion::{CELL, Field, Way};
use crate::flow::Crew;
use crate::frame::{PixelFormat, Size};

/// Pixels of the picture, along each side, that one of a plane stands for.
pub(super) fn subsampling(pixels: PixelFormat, plane: usize) -> usize {
    match (pixels, plane) {
        (PixelFormat::Rgbx, _) | (_, 0) => 1,
        (PixelFormat::I420 | PixelFormat::Nv12, _) => 2,
    }
}

/// Columns and rows of an input of size `original` that one of a plane of a picture of `size` is.
pub(super) fn plane_scale(pixels: PixelFormat, plane: usize, size: Size, original: Size) -> [f32; 2] {
    let scale = |side: u32, of: u32| subsampling(pixels, plane) as f32 * side as f32 / of as f32;
    [scale(original.width, size.width), scale(original.height, size.height)]
}

/// A motion for each cell of a painting, in pixels of the input.
#[derive(Debug, Default)]
pub(super) struct Cells {
    columns: usize,
    ways: Vec<Way>,
}

impl Cells {
    /// Becomes that of a picture of `size` pixels, if `scale` columns and rows of the input are one of it. The crew shares the rows.
    pub fn spread(&mut self, crew: &Crew, field: &Field, size: [usize; 2], scale: [f32; 2]) {
        let [columns, rows] = [size[0].div_ceil(CELL[0]), size[1].div_ceil(CELL[1])];
        let [across, down] = [CELL[0] as f32 * scale[0], CELL[1] as f32 * scale[1]];
        self.columns = columns;
        self.ways.resize(columns * rows, Way::default());
        crew.each_row((&mut self.ways, columns), |row, ways| {
            let y = (row as f32 + 0.5) * down;
            for (column, way) in ways.iter_mut().enumerate() {
                *way = field.at((column as f32 + 0.5) * across, y);
            }
        });
    }

    /// Cells in a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of cells.
    pub fn rows(&self) -> usize {
        self.ways.len() / self.columns
    }

    /// The ways of row `row` of cells, in a plane in which `scale` columns and rows go for one of the input.
    pub fn ways(&self, row: usize, scale: [f32; 2], ways: &mut Vec<Way>) {
        let own = &self.ways[row * self.columns..][..self.columns];
        ways.clear();
        ways.extend(own.iter().map(|[dx, dy]| [nearest(*dx as f32 * scale[0]), nearest(*dy as f32 * scale[1])]));
    }
}

/// Rounded, halves up.
fn nearest(side: f32) -> i32 {
    // Rounded down from far above 0: `f32::round` is a call where the processor has no instruction for it.
    const FAR: i32 = 1 << 16;
    (side + (FAR as f32 + 0.5)) as i32 - FAR
}
