//! The picture as the processor puts it into a window: for programs that imitate a card, which take many times as long for it
//! with a shader, and take the cores from the network meanwhile.

use std::ops::Range;

use wgpu::TextureFormat;

use super::fit::Area;
use crate::convert::cpu;
use crate::convert::rescale::Rescale;
use crate::error::Result;
use crate::flow::Crew;
use crate::frame::{Frame, Size};
use crate::pool::Pool;
use crate::tensor::{Border, Channels, DType, Layout, TensorFormat, TensorPool};

/// Bytes of a pixel of the window, of which the last has no meaning.
const PIXEL_BYTES: usize = 4;
const BLACK: [u8; PIXEL_BYTES] = [0, 0, 0, 255];
/// Bytes of a pixel of a packed picture.
const PACKED_BYTES: usize = 3;

/// Puts pictures into the pixels of a window.
pub(super) struct Sketch {
    packed: TensorFormat,
    rescale: Rescale,
    tensors: TensorPool,
    pixels: Vec<u8>,
}

/// A part of a window that shows a picture.
pub(super) struct Part<'a> {
    pub(super) frame: &'a Frame,
    /// Where all of the picture would be.
    pub(super) area: Area,
    /// The columns of the window in which it is seen.
    pub(super) columns: (f32, f32),
    /// As a mirror shows it.
    pub(super) mirror: bool,
}

impl Sketch {
    /// For windows whose pixels are of this format: red or blue first, a byte each.
    pub(super) fn new(target: TextureFormat) -> Self {
        let channels = match target {
            TextureFormat::Bgra8Unorm => Channels::Bgr,
            _ => Channels::Rgb,
        };
        let packed =
            TensorFormat { dtype: DType::U8, layout: Layout::Nhwc, channels, gain: [255.0; 3], ..TensorFormat::PLANAR };
        Self { packed, rescale: Rescale::new(Pool::new()), tensors: TensorPool::new(), pixels: Vec::new() }
    }

    /// The rows of a window of this `size`, black where no part is.
    ///
    /// # Errors
    /// None that checked frames can cause.
    pub(super) fn draw<'a>(&mut self, size: Size, parts: impl IntoIterator<Item = Part<'a>>) -> Result<&[u8]> {
        self.pixels.resize(size.pixels() * PIXEL_BYTES, 0);
        self.pixels.as_chunks_mut().0.fill(BLACK);
        for part in parts {
            self.put(size, &part)?;
        }
        Ok(&self.pixels)
    }

    fn put(&mut self, window: Size, part: &Part<'_>) -> Result<()> {
        let Part { frame, area, columns, mirror } = part;
        let inside = |x: f32| (x.clamp(area.left, area.left + area.width) - area.left) as usize;
        let seen = inside(columns.0)..inside(columns.1);
        if seen.is_empty() {
            return Ok(());
        }
        let size = Size::new(area.width as u32, area.height as u32);
        let frame = self.rescale.rescale(frame, size)?;
        let mut packed = self.tensors.lend(self.packed, size);
        cpu::pack(&Crew::alone(), &frame, Border::default(), &mut packed);
        let (row_bytes, window_bytes) = (size.width as usize * PACKED_BYTES, window.width as usize * PIXEL_BYTES);
        let from = area.left as usize + seen.start;
        let rows = self.pixels.chunks_exact_mut(window_bytes).skip(area.top as usize);
        for (out, row) in rows.zip(packed.values.bytes().chunks_exact(row_bytes)) {
            copy_row(row, seen.clone(), *mirror, &mut out[from * PIXEL_BYTES..]);
        }
        Ok(())
    }
}

/// Copies the columns `seen` of the picture, as it is shown, to the begin of `out`.
fn copy_row(row: &[u8], seen: Range<usize>, mirror: bool, out: &mut [u8]) {
    let (from, to) = if mirror {
        let width = row.len() / PACKED_BYTES;
        (width - seen.end, width - seen.start)
    } else {
        (seen.start, seen.end)
    };
    let pixels = row[from * PACKED_BYTES..to * PACKED_BYTES].chunks_exact(PACKED_BYTES);
    let copy = |(out, pixel): (&mut [u8], &[u8])| out.copy_from_slice(&[pixel[0], pixel[1], pixel[2], 255]);
    let out = out.chunks_exact_mut(PIXEL_BYTES);
    if mirror {
        out.zip(pixels.rev()).for_each(copy);
    } else {
        out.zip(pixels).for_each(copy);
    }
}
