//! The stage that runs the network.

use std::sync::{Arc, Mutex, PoisonError};

use super::session::Session;
use crate::error::Result;
use crate::flow::Stage;
use crate::frame::Timed;
use crate::tensor::{Packed, Styled, TensorPool};

/// Runs a session on each frame. Several of them share the work: on a processor with a session each, on a card, which does one frame
/// after the other, with the same one.
#[derive(Debug)]
pub struct Infer {
    session: Arc<Mutex<Session>>,
    pool: TensorPool,
}

impl Infer {
    /// A stage that runs `session` and takes the memory of its results from `pool`.
    pub fn new(session: Arc<Mutex<Session>>, pool: TensorPool) -> Self {
        Self { session, pool }
    }
}

impl Stage for Infer {
    type In = Packed;
    type Out = Styled;

    fn process(&mut self, frame: Timed<Packed>) -> Result<Timed<Styled>> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tensor = self.pool.lend(session.output_format(), session.output_size());
        session.run(&frame.item.tensor, &mut tensor)?;
        let border = session.output_border();
        Ok(frame.map(|packed| Styled { original: packed.original, tensor, border }))
    }
}
