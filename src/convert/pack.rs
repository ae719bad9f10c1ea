//! The stage at the head of the flow: from a frame to what the network takes.

use crate::convert::planar::{Canvas, Scaler};
use crate::convert::{cpu, gpu};
use crate::error::Result;
use crate::flow::{Crew, Stage};
use crate::frame::{Frame, Size, Timed};
use crate::gpu::card::Card;
use crate::report::Meter;
use crate::tensor::{Border, Packed, Tensor, TensorFormat, TensorPool};

/// Makes tensors of frames.
#[derive(Debug)]
pub struct Pack {
    net: Size,
    border: Border,
    format: TensorFormat,
    pool: TensorPool,
    scaler: Scaler,
    picture: Canvas,
    card: Option<(Card, Meter)>,
    crew: Crew,
}

impl Pack {
    /// Makes tensors of `format`, lent by `pool`, that hold the picture at size `net` and `border` round it.
    pub fn new(net: Size, border: Border, format: TensorFormat, pool: TensorPool) -> Self {
        let (scaler, picture) = (Scaler::new(pool.clone()), Canvas::new(pool.clone()));
        Self { net, border, format, pool, scaler, picture, card: None, crew: Crew::alone() }
    }

    /// Does it on `card`; faults are counted in `meter`.
    #[must_use]
    pub fn on(self, card: Card, meter: &Meter) -> Self {
        Self { card: Some((card, meter.clone())), ..self }
    }

    /// Shares the rows of a frame among `crew`.
    #[must_use]
    pub fn with(self, crew: Crew) -> Self {
        Self { crew, ..self }
    }

    /// Whether the card did it.
    fn pack_on_card(&self, original: &Frame, tensor: &mut Tensor) -> bool {
        let Self { card: Some((card, meter)), border, .. } = self else { return false };
        card.attempt(meter, |workshop| gpu::pack(workshop, original, *border, tensor)).is_some()
    }

    fn pack_on_cpu(&mut self, original: &Frame, tensor: &mut Tensor) -> Result<()> {
        if original.size() == self.net {
            cpu::pack(&self.crew, original, self.border, tensor);
            return Ok(());
        }
        let picture = self.picture.sized(self.net);
        self.scaler.scale(original, picture)?;
        cpu::tensor_from_planar(picture, self.border, tensor);
        Ok(())
    }
}

impl Stage for Pack {
    type In = Frame;
    type Out = Packed;

    fn process(&mut self, frame: Timed<Frame>) -> Result<Timed<Packed>> {
        let original = frame.item;
        let mut tensor = self.pool.lend(self.format, self.border.outer(self.net));
        if !self.pack_on_card(&original, &mut tensor) {
            self.pack_on_cpu(&original, &mut tensor)?;
        }
        Ok(Timed { stamp: frame.stamp, item: Packed { original, tensor } })
    }
}
