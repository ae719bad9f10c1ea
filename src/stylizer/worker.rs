//! A frame's way from planes to planes on one thread: what a stage leaves in the cache the next one finds there, and no frame waits
//! between them.

use crate::compose::Compose;
use crate::convert::{Pack, Unpack};
use crate::error::Result;
use crate::flow::{Measured, Stage};
use crate::frame::{Frame, Painted, Timed};
use crate::model::Infer;
use crate::report::Meter;

/// Packs, infers, composes and unpacks.
pub(super) struct Worker {
    pack: Measured<Pack>,
    infer: Infer,
    compose: Measured<Compose>,
    unpack: Measured<Unpack>,
}

impl Worker {
    /// Tells `meter` what each stage takes.
    pub(super) fn new((pack, infer): (Pack, Infer), (compose, unpack): (Compose, Unpack), meter: &Meter) -> Self {
        Self {
            pack: Measured::new("pack", pack, meter),
            infer,
            compose: Measured::new("compose", compose, meter),
            unpack: Measured::new("unpack", unpack, meter),
        }
    }

    /// The stages.
    pub(super) fn into_parts(self) -> (Pack, Infer, Compose, Unpack) {
        (self.pack.stage, self.infer, self.compose.stage, self.unpack.stage)
    }
}

impl Stage for Worker {
    type In = Frame;
    type Out = Painted;

    fn process(&mut self, frame: Timed<Frame>) -> Result<Timed<Painted>> {
        let styled = self.infer.process(self.pack.process(frame)?)?;
        self.unpack.process(self.compose.process(styled)?)
    }
}
