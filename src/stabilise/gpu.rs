//! The stabiliser's kernels on a graphics card, twin of the pixel work of [`super::Stabilise`] and bit for bit the same. The
//! painting before stays on the card. What the input says is found out on the processor, from grey pictures, and goes up as
//! a table of a few words for each cell.

use std::sync::Arc;

use super::cells::{Cells, plane_scale};
use super::follow::{Follow, amount};
use super::motion::{Search, Way};
use super::texture;
use crate::compose::LiveControls;
use crate::convert::gpu::copy_planes;
use crate::flow::Crew;
use crate::frame::{Frame, FrameFormat, Painted, Plane, Size, Stamp, Timed};
use crate::gpu::context::Fault;
use crate::gpu::kernels::{Kernel, Params, Variant};
use crate::gpu::passes::{Inputs, Pass, Place, RESERVED};
use crate::gpu::workshop::{Kept, Workshop, frame_bytes};
use crate::tensor::{Border, TensorFormat};

/// Mixes each painting with the one before it.
#[derive(Debug)]
pub struct Stabilise {
    controls: LiveControls,
    follow: Follow,
    cells: Cells,
    ways: Vec<Way>,
    before: Option<Before>,
}

/// The painting before.
#[derive(Debug)]
struct Before {
    /// Where it is.
    workshop: Arc<Workshop>,
    kept: Kept,
    format: FrameFormat,
}

/// What the card is to do.
#[derive(Debug)]
pub struct Mix<'a> {
    /// Mix, and give back the contrast that this takes.
    pub passes: [Pass; 4],
    /// The painting before, and when the passes have run, this one.
    pub kept: &'a mut Kept,
}

impl Stabilise {
    /// As much as `controls` say.
    pub fn new(controls: LiveControls) -> Self {
        Self { controls, follow: Follow::default(), cells: Cells::default(), ways: Vec::new(), before: None }
    }

    /// Shares the rows of the input among `crew`.
    #[must_use]
    pub fn with(self, crew: Crew) -> Self {
        Self { follow: self.follow.with(crew), ..self }
    }

    /// The painting before is gone, and with it its memory on the card.
    pub fn forget(&mut self) {
        self.before = None;
    }

    /// How the painting of this moment, whose input is `original`, is mixed on the card of `workshop`, if at all: it will lie at
    /// `from` as a frame of `format`. What the kernel looks up goes to the end of `table`.
    pub fn mix(
        &mut self,
        workshop: &Arc<Workshop>,
        (stamp, original): (&Stamp, &Frame),
        (format, from): (FrameFormat, Place),
        table: &mut Vec<u32>,
    ) -> Option<Mix<'_>> {
        let Some(amount) = amount(self.controls.get()) else {
            self.forget();
            return None;
        };
        let before = self.before.take_if(|before| Arc::ptr_eq(&before.workshop, workshop) && before.format == format);
        let remembers = before.is_some() && !stamp.discontinuity;
        let continues = self.follow.look(original, remembers, amount);
        let mut lookup = if continues { self.tell(format, original.size(), table) } else { Default::default() };
        let bytes = frame_bytes(format.pixels, format.size);
        lookup[3] = [u32::from(continues), (bytes / 4) as u32, stamp.seq as u32, 0];
        let [_, mixed, blocks, weighed] = RESERVED;
        let words = (bytes / 4) as u32;
        let (grid, told) = texture::told(format);
        let of_blocks = |words: usize| 4 * words * grid as usize;
        let passes = [
            pass(Kernel::Steady, format, (words, lookup), vec![from, Place::Kept, Place::Table], (mixed, bytes)),
            pass(Kernel::Texture, format, (grid, told), vec![from, mixed], (blocks, of_blocks(4))),
            pass(Kernel::Weigh, format, (grid, told), vec![blocks], (weighed, of_blocks(2))),
            pass(Kernel::Restore, format, (words, told), vec![mixed, from, weighed], (Place::Target, bytes)),
        ];
        let before = before.unwrap_or_else(|| Before { workshop: Arc::clone(workshop), kept: Kept::default(), format });
        Some(Mix { passes, kept: &mut self.before.insert(before).kept })
    }

    /// Writes to `table` what the input says of a painting of `format`; gives where that stands (`shaders/steady.wgsl`).
    fn tell(&mut self, format: FrameFormat, original: Size, table: &mut Vec<u32>) -> [[u32; 4]; 4] {
        let FrameFormat { size, pixels, .. } = format;
        let Self { follow: Follow { motion: Search { field, .. }, weights, crew, .. }, cells, ways, .. } = self;
        cells.spread(crew, field, [size.width as usize, size.height as usize], plane_scale(pixels, 0, size, original));
        let mut lookup = [[0; 4]; 4];
        // Both planes of chroma are alike.
        let planes = pixels.planes().min(2);
        for (index, places) in lookup.iter_mut().enumerate().take(planes) {
            let scale = plane_scale(pixels, index, size, original);
            let (row_bytes, rows) = pixels.plane_extent(index, size);
            places[0] = table.len() as u32;
            for row in 0..cells.rows() {
                cells.ways(row, scale.map(f32::recip), ways);
                table.extend(ways.iter().flatten().map(|&way| way as u32));
            }
            places[1] = table.len() as u32;
            table.extend(weights.columns(row_bytes / pixels.pixel_bytes(index), scale[0]));
            places[2] = table.len() as u32;
            table.extend(weights.rows(rows, scale[1]));
        }
        let grid = weights.grid();
        lookup[2] = [table.len() as u32, grid.width as u32, grid.height as u32, cells.columns() as u32];
        table.extend(grid.values.chunks(4).map(|bytes| {
            let word = std::array::from_fn(|index| bytes.get(index).copied().unwrap_or(0));
            u32::from_le_bytes(word)
        }));
        lookup
    }

    /// Does as the stage on the processor, for a painting in host memory: `out`, whose planes lie as `planes` says, becomes the frame.
    /// False where the painting stays as it is, and `out` too.
    ///
    /// # Errors
    /// The fault of the device; `out` is as it was then.
    ///
    /// # Panics
    /// When the planes do not fit `out`.
    pub fn process(
        &mut self,
        workshop: &Arc<Workshop>,
        painted: &Timed<Painted>,
        planes: &[Plane],
        out: &mut [u8],
    ) -> Result<bool, Fault> {
        let Timed { stamp, item: Painted { original, frame } } = painted;
        let (format, mut table) = (frame.format(), Vec::new());
        let Some(Mix { passes, kept }) = self.mix(workshop, (stamp, original), (format, Place::Frame), &mut table)
        else {
            return Ok(false);
        };
        let inputs = Inputs { frame: Some(frame), table: &table, tensor: None };
        let flight = workshop.begin(inputs, &passes, Some(kept))?;
        // A frame is made of bytes: nothing in it is no number.
        workshop.finish(flight, |bytes| copy_planes(bytes, format, planes, out)).map(|_| true)
    }
}

/// One kernel over a frame of `format`, as it is told, which writes so many bytes to a place.
fn pass(
    kernel: Kernel,
    format: FrameFormat,
    (invocations, lookup): (u32, [[u32; 4]; 4]),
    reads: Vec<Place>,
    (writes, bytes): (Place, usize),
) -> Pass {
    let FrameFormat { size, pixels, .. } = format;
    let none = TensorFormat::PLANAR;
    let params = Params { lookup, invocations, ..Params::of(&none, size, Border::default()) }.with_frame(pixels, size);
    Pass { variant: Variant::new(kernel, Some(pixels), &none), params, reads, writes, bytes }
}
