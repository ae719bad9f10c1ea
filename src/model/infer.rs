//! The stage that runs the network.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::session::Session;
use crate::error::Result;
use crate::flow::Stage;
use crate::frame::Timed;
use crate::report::Meter;
use crate::tensor::{Packed, Styled, TensorPool};

/// Runs a session on each frame. Several of them share the work: on a processor with a session each, on a card, which does one frame
/// after the other, with the same one.
#[derive(Debug)]
pub struct Infer {
    session: Arc<Mutex<Session>>,
    pool: TensorPool,
    meter: Meter,
}

impl Infer {
    /// A stage that runs `session`, takes the memory of its results from `pool`, and tells `meter` how long it runs: to wait for a
    /// session that others use is none of that.
    pub fn new(session: Arc<Mutex<Session>>, pool: TensorPool, meter: Meter) -> Self {
        Self { session, pool, meter }
    }
}

impl Stage for Infer {
    type In = Packed;
    type Out = Styled;

    fn process(&mut self, frame: Timed<Packed>) -> Result<Timed<Styled>> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let since = Instant::now();
        let mut tensor = self.pool.lend(session.output_format(), session.output_size());
        session.run(&frame.item.tensor, &mut tensor)?;
        self.meter.spent("infer", since.elapsed());
        let border = session.output_border();
        Ok(frame.map(|packed| Styled { original: packed.original, tensor, border }))
    }
}
