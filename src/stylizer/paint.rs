//! Compose and unpack as one stage, for a graphics card: the mix never comes down from it.

use std::sync::Arc;

use crate::compose::{Compose, LiveControls, gpu};
use crate::convert::{Finite, Unpack};
use crate::error::{Error, Result};
use crate::flow::Stage;
use crate::frame::{Frame, FrameFormat, Painted, Timed, tight_planes};
use crate::gpu::card::Card;
use crate::pool::Pool;
use crate::report::Meter;
use crate::tensor::Styled;

/// What one worker of the stage has.
pub(super) struct Paint {
    pub card: Card,
    pub controls: LiveControls,
    pub format: FrameFormat,
    pub bytes: Pool<u8>,
    pub meter: Meter,
    /// For pictures that are resized, which the processor does, and for what the card does not do.
    pub compose: Compose,
    /// Works on the card as long as that works.
    pub unpack: Unpack,
}

impl Paint {
    /// The frame, if the card made it.
    fn paint(&self, styled: &Styled) -> Result<Option<Frame>> {
        let Styled { original, tensor, border } = styled;
        let controls = self.controls.get();
        let mixed = controls.keep_colour || controls.strength < 1.0;
        let size = self.format.size;
        if !mixed || border.inner(tensor.size) != size || original.size() != size {
            return Ok(None);
        }
        let (planes, len) = tight_planes(self.format.pixels, size);
        let mut bytes = self.bytes.lend(len);
        let painted = self.card.attempt(&self.meter, |workshop| {
            gpu::paint(workshop, (original, controls), (tensor, *border), self.format, &planes, &mut bytes)
        });
        if painted != Some(Finite::Yes) {
            return Ok(None);
        }
        let frame = Frame::new(self.format, planes, Arc::new(bytes))
            .map_err(|error| Error::Internal(format!("painted frame: {error}")))?;
        Ok(Some(frame))
    }
}

impl Stage for Paint {
    type In = Styled;
    type Out = Painted;

    fn process(&mut self, styled: Timed<Styled>) -> Result<Timed<Painted>> {
        match self.paint(&styled.item)? {
            Some(frame) => Ok(styled.map(|styled| Painted { original: styled.original, frame })),
            None => self.unpack.process(self.compose.process(styled)?),
        }
    }
}
