//! The stabiliser: where the input stands still the painting stands still, where it moves the strokes move along.
//!
//! A network paints each frame afresh, so that camera noise makes its strokes shimmer. Here the painting before, brought to
//! where each part of it is now (`motion`), is mixed into the painting of now, as far as the input says that it is still the
//! same (`weights`), and given back the contrast that mixing takes (`texture`). It looks back one frame, never forward, and
//! forgets at cuts, at what does not continue, and at what is no painting.
//!
//! ```text
//! input ─► gray ─► motion ─► cells ─┐
//!                    └─► weights ───┴─► blend ─► texture, or their twins on a graphics card (gpu)
//! ```

mod blend;
mod cells;
mod follow;
pub mod gpu;
mod gray;
mod motion;
mod texture;
mod weights;

use std::sync::Arc;

use pulp::Arch;

use crate::compose::LiveControls;
use crate::error::{Error, Result};
use crate::flow::{Crew, Stage};
use crate::frame::{Frame, Painted, Timed, tight_planes};
use crate::pool::Pool;
use blend::{Earlier, Plane, ROW_TURN, mix, moved};
use cells::{Cells, plane_scale, subsampling};
use follow::{Follow, amount};
use motion::{CELL, Way};
use texture::Texture;
use weights::Spread;

/// Mixes each painting with the one before it.
#[derive(Debug)]
pub struct Stabilise {
    controls: LiveControls,
    pool: Pool<u8>,
    last: Option<Frame>,
    follow: Follow,
    cells: Cells,
    texture: Texture,
    scratch: Vec<Scratch>,
}

/// What one band of a plane needs.
#[derive(Debug, Default)]
struct Scratch {
    ways: Vec<Way>,
    edge: Vec<u8>,
    spread: Spread,
}

impl Stabilise {
    /// As much as `controls` say; frames are lent by `pool`.
    pub fn new(controls: LiveControls, pool: Pool<u8>) -> Self {
        let (cells, texture, scratch) = (Cells::default(), Texture::default(), Vec::new());
        Self { controls, pool, last: None, follow: Follow::default(), cells, texture, scratch }
    }

    /// Shares the rows of a frame among `crew`.
    #[must_use]
    pub fn with(self, crew: Crew) -> Self {
        Self { follow: self.follow.with(crew), ..self }
    }

    /// What follows does not continue what was.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// Mixes `last` into the painting, which is number `seq`.
    fn mix(&mut self, last: &Frame, painted: &Painted, seq: u64) -> Result<Frame> {
        let format = painted.frame.format();
        let (planes, len) = tight_planes(format.pixels, format.size);
        let mut bytes = self.pool.lend(len);
        let size = format.size;
        let scale = plane_scale(format.pixels, 0, size, painted.original.size());
        self.cells.spread(
            &self.follow.crew,
            &self.follow.motion.field,
            [size.width as usize, size.height as usize],
            scale,
        );
        for (index, plane) in planes.iter().enumerate().take(format.pixels.planes()) {
            let (row_bytes, rows) = format.pixels.plane_extent(index, format.size);
            let out = &mut bytes[plane.offset_bytes..][..row_bytes * rows];
            self.mix_plane((index, seq as usize), last, painted, out);
            // Strokes are seen by their luma.
            if index == 0 {
                self.texture.restore(&self.follow.crew, Plane::of(&painted.frame, 0), out);
            }
        }
        Frame::new(format, planes, Arc::new(bytes)).map_err(|error| Error::Internal(format!("steadied frame: {error}")))
    }

    fn mix_plane(&mut self, (index, seq): (usize, usize), last: &Frame, painted: &Painted, out: &mut [u8]) {
        let (format, original) = (painted.frame.format(), painted.original.size());
        let before = Plane::of(last, index);
        let Plane { width, step, .. } = before;
        let row_bytes = width * step;
        let scale = plane_scale(format.pixels, index, format.size, original);
        let cell = CELL.map(|side| side / subsampling(format.pixels, index));
        let (cells, weights) = (&self.cells, &self.follow.weights);
        self.follow.crew.each_band((out, row_bytes), cell[1], &mut self.scratch, |rows, out, scratch| {
            let Scratch { ways, edge, spread } = scratch;
            spread.begin_plane(weights, width, scale[0], step);
            for (y, out) in rows.step_by(cell[1]).zip(out.chunks_mut(cell[1] * row_bytes)) {
                cells.ways(y / cell[1], scale.map(f32::recip), ways);
                moved(Arch::new(), &Earlier { plane: before, ways, cell }, y, edge, out);
                for (y, out) in (y..).zip(out.chunks_exact_mut(row_bytes)) {
                    let now = painted.frame.row(index, y);
                    mix(Arch::new(), now, spread.row(weights, y, scale[1]), seq.wrapping_add(y * ROW_TURN), out);
                }
            }
        });
    }
}

impl Stage for Stabilise {
    type In = Painted;
    type Out = Frame;

    fn process(&mut self, painted: Timed<Painted>) -> Result<Timed<Frame>> {
        let last = self.last.take().filter(|_| !painted.stamp.discontinuity);
        let Timed { stamp, item } = painted;
        let Some(amount) = amount(self.controls.get()).filter(|_| !stamp.substituted) else {
            return Ok(Timed { stamp, item: item.frame });
        };
        let last = last.filter(|last| last.format() == item.frame.format());
        let continues = self.follow.look(&item.original, last.is_some(), amount);
        let frame = match last.filter(|_| continues) {
            Some(last) => self.mix(&last, &item, stamp.seq)?,
            None => item.frame,
        };
        self.last = Some(frame.clone());
        Ok(Timed { stamp, item: frame })
    }
}
