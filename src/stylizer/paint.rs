//! Compose, unpack and stabilise on a graphics card: what lies between them never comes down from it, and the painting before stays
//! there. Two stages, so that a frame is on the card while the next one goes up: the first hands frames to the card, one behind the
//! other as they follow each other, the second waits for them.

use std::sync::Arc;

use crate::compose::{Compose, LiveControls, gpu};
use crate::convert::Unpack;
use crate::convert::gpu::copy_planes;
use crate::error::Result;
use crate::flow::{Crew, Stage};
use crate::frame::{Frame, FrameFormat, Stamp, Timed};
use crate::gpu::card::Card;
use crate::gpu::passes::{Inputs, Place, RESERVED};
use crate::gpu::workshop::{Flight, Workshop};
use crate::report::Meter;
use crate::stabilise::{self, Stabilise};
use crate::tensor::{Finite, Styled};

/// Hands frames to the card.
pub(crate) struct Submit {
    card: Card,
    controls: LiveControls,
    format: FrameFormat,
    meter: Meter,
    stabilise: stabilise::gpu::Stabilise,
    /// What the stabiliser's kernel looks up, from frame to frame the same memory.
    table: Vec<u32>,
}

/// A frame that is on the card, if that has taken it.
pub(crate) struct Submitted {
    styled: Styled,
    flight: Option<(Arc<Workshop>, Flight)>,
}

impl Submit {
    /// Makes frames of `format` on `card`, while `crew` looks for motion; faults are counted in `meter`.
    pub fn new((card, crew): (Card, Crew), controls: LiveControls, format: FrameFormat, meter: Meter) -> Self {
        let stabilise = stabilise::gpu::Stabilise::new(controls.clone()).with(crew);
        Self { card, controls, format, meter, stabilise, table: Vec::new() }
    }

    /// Hands a frame to the card; none where that does not work.
    fn begin(&mut self, styled: &Timed<&Styled>) -> Option<(Arc<Workshop>, Flight)> {
        let Self { card, controls, format, meter, stabilise, table } = self;
        let Timed { stamp, item: Styled { original, tensor, border } } = styled;
        let controls = controls.get();
        card.attempt(meter, |workshop| {
            table.clear();
            let mix = stabilise.mix(workshop, (stamp, original), (*format, RESERVED[0]), table);
            let to = if mix.is_some() { RESERVED[0] } else { Place::Target };
            let mut passes = gpu::passes(workshop, (original.format(), controls), (tensor, *border), (*format, to));
            let kept = mix.map(|mix| {
                passes.extend(mix.passes);
                mix.kept
            });
            let frame = passes.iter().any(|pass| pass.reads.contains(&Place::Frame)).then_some(original);
            let flight = workshop.begin(Inputs { frame, tensor: Some(tensor), table }, &passes, kept)?;
            Ok((Arc::clone(workshop), flight))
        })
    }
}

impl Stage for Submit {
    type In = Styled;
    type Out = Submitted;

    fn process(&mut self, styled: Timed<Styled>) -> Result<Timed<Submitted>> {
        let flight = self.begin(&Timed { stamp: styled.stamp, item: &styled.item });
        if flight.is_none() {
            // What comes next does not follow a painting of the card's.
            self.stabilise.forget();
        }
        Ok(styled.map(|styled| Submitted { styled, flight }))
    }
}

/// Waits for what the card makes, and has the processor do what it does not. The processor begins anew there: it knows nothing of the
/// paintings that came from the card.
pub(crate) struct Collect {
    pub card: Card,
    pub format: FrameFormat,
    pub meter: Meter,
    pub compose: Box<Compose>,
    pub unpack: Box<Unpack>,
    pub stabilise: Box<Stabilise>,
}

impl Stage for Collect {
    type In = Submitted;
    type Out = Frame;

    fn process(&mut self, submitted: Timed<Submitted>) -> Result<Timed<Frame>> {
        let Timed { stamp, item: Submitted { styled, flight } } = submitted;
        if let Some((workshop, flight)) = flight {
            let made = self.unpack.frame(&styled.original, |planes, out| {
                let done = workshop.finish(flight, |bytes| copy_planes(bytes, self.format, planes, out));
                self.card.settle(&workshop, done, &self.meter)
            })?;
            if let Some((item, finite)) = made {
                self.stabilise.forget();
                let stamp = Stamp { substituted: finite == Finite::No, ..stamp };
                return Ok(Timed { stamp, item });
            }
        }
        let composed = self.compose.process(Timed { stamp, item: styled })?;
        self.stabilise.process(self.unpack.process(composed)?)
    }
}

#[cfg(test)]
mod tests;
