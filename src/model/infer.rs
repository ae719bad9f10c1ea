//! The stage that runs the network.

use super::session::Session;
use crate::error::Result;
use crate::flow::Stage;
use crate::frame::Timed;
use crate::tensor::{Packed, Styled, TensorPool};

/// Runs a session on each frame. Several of them, a session each, share the work under `Flow::via_each`.
#[derive(Debug)]
pub struct Infer {
    session: Session,
    pool: TensorPool,
}

impl Infer {
    /// A stage that runs `session` and takes the memory of its results from `pool`.
    pub fn new(session: Session, pool: TensorPool) -> Self {
        Self { session, pool }
    }
}

impl Stage for Infer {
    type In = Packed;
    type Out = Styled;

    fn process(&mut self, frame: Timed<Packed>) -> Result<Timed<Styled>> {
        let mut tensor = self.pool.lend(self.session.output_format(), self.session.output_size());
        self.session.run(&frame.item.tensor, &mut tensor)?;
        let border = self.session.output_border();
        Ok(frame.map(|packed| Styled { original: packed.original, tensor, border }))
    }
}
