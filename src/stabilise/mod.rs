//! The stabiliser: where the input stands still the painting stands still, where it moves the strokes move along.
//!
//! A network paints each frame afresh, so that camera noise makes its strokes shimmer. Here the painting before, brought to
//! where each part of it is now ([`motion`]), is mixed into the painting of now, as far as the input says that it is still the
//! same ([`weights`]). It looks back one frame, never forward, and forgets at cuts and at what does not continue.

mod blend;
mod cells;
mod gray;
mod motion;
mod weights;

use std::sync::Arc;

use pulp::Arch;

use crate::compose::LiveControls;
use crate::error::{Error, Result};
use crate::flow::{Crew, Stage};
use crate::frame::{Frame, Painted, PixelFormat, Timed, tight_planes};
use crate::pool::Pool;
use blend::{Earlier, Edges, Plane, Way, mix, moved};
use cells::{CELL, Cells};
use gray::Pyramid;
use motion::{Field, Search};
use weights::{Spread, Weights};

/// Mixes each painting with the one before it.
pub struct Stabilise {
    controls: LiveControls,
    pool: Pool<u8>,
    now: Pyramid,
    before: Pyramid,
    last: Option<Frame>,
    search: Search,
    field: Field,
    weights: Weights,
    cells: Cells,
    scratch: Vec<Scratch>,
    crew: Crew,
}

/// What one band of a plane needs.
#[derive(Debug, Default)]
struct Scratch {
    ways: Vec<[Way; 2]>,
    edges: Edges,
    spread: Spread,
}

impl Stabilise {
    /// As much as `controls` say; frames are lent by `pool`.
    pub fn new(controls: LiveControls, pool: Pool<u8>) -> Self {
        Self {
            controls,
            pool,
            now: Pyramid::default(),
            before: Pyramid::default(),
            last: None,
            search: Search::default(),
            field: Field::default(),
            weights: Weights::default(),
            cells: Cells::default(),
            scratch: Vec::new(),
            crew: Crew::alone(),
        }
    }

    /// Shares the rows of a frame among `crew`.
    #[must_use]
    pub fn with(self, crew: Crew) -> Self {
        Self { crew, ..self }
    }

    /// The painting before, if it can be told where its parts are now.
    fn follow(&mut self, painted: &Painted, amount: f32) -> Option<Frame> {
        let last = self.last.take().filter(|last| last.format() == painted.frame.format())?;
        let (before, now) = (&self.before, &self.now);
        let same_size =
            (before.levels[0].width, before.levels[0].height) == (now.levels[0].width, now.levels[0].height);
        let found = same_size
            && self.search.find(&self.crew, before, now, &mut self.field)
            && self.weights.judge(&self.crew, [&before.levels[0], &now.levels[0]], &self.field, amount);
        found.then_some(last)
    }

    /// Mixes `last` into the painting.
    fn mix(&mut self, last: &Frame, painted: &Painted) -> Result<Frame> {
        let format = painted.frame.format();
        let (planes, len) = tight_planes(format.pixels, format.size);
        let mut bytes = self.pool.lend(len);
        let [size, original] = [format.size, painted.original.size()];
        let scale = [original.width as f32 / size.width as f32, original.height as f32 / size.height as f32];
        self.cells.spread(&self.field, [size.width as usize, size.height as usize], scale);
        for (index, plane) in planes.iter().enumerate().take(format.pixels.planes()) {
            let (row_bytes, rows) = format.pixels.plane_extent(index, format.size);
            let out = &mut bytes[plane.offset_bytes..][..row_bytes * rows];
            self.mix_plane(index, last, painted, out);
        }
        Frame::new(format, planes, Arc::new(bytes)).map_err(|error| Error::Internal(format!("steadied frame: {error}")))
    }

    fn mix_plane(&mut self, index: usize, last: &Frame, painted: &Painted, out: &mut [u8]) {
        let (format, original) = (painted.frame.format(), painted.original.size());
        let (row_bytes, height) = format.pixels.plane_extent(index, format.size);
        let (step, subsampled) = match (format.pixels, index) {
            (PixelFormat::Rgbx, _) => (4, 1),
            (_, 0) => (1, 1),
            (PixelFormat::I420, _) => (1, 2),
            (PixelFormat::Nv12, _) => (2, 2),
        };
        let width = row_bytes / step;
        let before = Plane {
            bytes: &last.bytes()[last.planes()[index].offset_bytes..],
            stride_bytes: last.planes()[index].stride_bytes,
            width,
            height,
            step,
        };
        // Pixels of the input to one of this plane.
        let scale = |side: u32, of: u32| subsampled as f32 * side as f32 / of as f32;
        let scale = [scale(original.width, format.size.width), scale(original.height, format.size.height)];
        let cell = CELL.map(|side| side / subsampled);
        let (cells, weights) = (&self.cells, &self.weights);
        self.crew.each_band((out, row_bytes), cell[1], &mut self.scratch, |rows, out, scratch| {
            let Scratch { ways, edges, spread } = scratch;
            spread.begin_plane(weights, width, scale[0], step);
            for (y, out) in rows.step_by(cell[1]).zip(out.chunks_mut(cell[1] * row_bytes)) {
                cells.ways(y / cell[1], scale.map(f32::recip), ways);
                moved(Arch::new(), &Earlier { plane: before, ways, cell }, y, edges, out);
                for (y, out) in (y..).zip(out.chunks_exact_mut(row_bytes)) {
                    mix(Arch::new(), painted.frame.row(index, y), spread.row(weights, y, scale[1]), out);
                }
            }
        });
    }
}

impl Stage for Stabilise {
    type In = Painted;
    type Out = Frame;

    fn process(&mut self, painted: Timed<Painted>) -> Result<Timed<Frame>> {
        let controls = self.controls.get();
        // What the original shows through is steady by itself: with strength 0 the source picture comes back as it is.
        let amount = controls.stabilise * controls.strength;
        let Timed { stamp, item } = painted;
        // NaN is no amount.
        if amount.is_nan() || amount <= 0.0 {
            self.last = None;
            return Ok(Timed { stamp, item: item.frame });
        }
        if stamp.discontinuity {
            self.last = None;
        }
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.read(&self.crew, &item.original);
        let frame = match self.follow(&item, amount) {
            Some(last) => self.mix(&last, &item)?,
            None => item.frame,
        };
        self.last = Some(frame.clone());
        Ok(Timed { stamp, item: frame })
    }
}
