//! The stage that runs the network.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::session::Session;
use super::{Choice, Model, SessionOptions};
use crate::error::{ModelError, Result};
use crate::flow::Stage;
use crate::frame::{Size, Timed};
use crate::options::Provider;
use crate::report::Meter;
use crate::tensor::{Packed, Styled, Tensor, TensorPool};

/// Runs a session on each frame. Several of them share the work: on a processor with a session each, on a card, which does one frame
/// after the other, with the same one.
#[derive(Debug)]
pub struct Infer {
    session: Arc<Mutex<Session>>,
    stand_in: Option<Arc<StandIn>>,
    pool: TensorPool,
    meter: Meter,
}

/// The processor, which goes on where a card fails that nobody asked for by name.
#[derive(Debug)]
pub struct StandIn {
    model: Model,
    picture: Size,
    options: SessionOptions,
}

impl StandIn {
    /// For sessions of `model` on pictures of this size, set by `options`. It works alone, so that it has all `threads`.
    pub fn new(model: Model, picture: Size, threads: usize, options: SessionOptions) -> Self {
        // Where frames are under way already, a ceiling would end them.
        let options = SessionOptions { provider: Provider::Cpu, threads, ceiling_bytes: None, ..options };
        Self { model, picture, options }
    }

    /// A session in the place of `failed`, for as long as the process lives.
    fn take_over(&self, failed: &Session, error: &ModelError, meter: &Meter) -> Result<Session, ModelError> {
        let Choice { provider, .. } = failed.choice();
        let reason = match error {
            ModelError::ProviderFailed { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        meter.gpu_fault();
        meter.warn(format!("provider {provider} failed: {reason}; the CPU runs the network from there on"));
        self.model.provider_failed(failed.choice(), reason);
        self.model.session(self.picture, &self.options)
    }
}

impl Infer {
    /// A stage that runs `session`, takes the memory of its results from `pool`, and tells `meter` how long it runs: to wait for a
    /// session that others use is none of that.
    pub fn new(session: Arc<Mutex<Session>>, pool: TensorPool, meter: Meter) -> Self {
        Self { session, stand_in: None, pool, meter }
    }

    /// The same with somebody who goes on where a card fails.
    #[must_use]
    pub fn or(self, stand_in: Option<Arc<StandIn>>) -> Self {
        Self { stand_in, ..self }
    }

    fn run(&self, session: &mut Session, input: &Tensor) -> Result<Tensor, ModelError> {
        let mut output = self.pool.lend(session.output_format(), session.output_size());
        session.run(input, &mut output)?;
        Ok(output)
    }
}

impl Stage for Infer {
    type In = Packed;
    type Out = Styled;

    fn process(&mut self, frame: Timed<Packed>) -> Result<Timed<Styled>> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let since = Instant::now();
        let input = &frame.item.tensor;
        let tensor = match self.run(&mut session, input) {
            Ok(tensor) => tensor,
            Err(error) => {
                let stand_in = self.stand_in.as_ref().filter(|_| session.choice().on_card);
                let Some(stand_in) = stand_in else { return Err(error.into()) };
                // Whoever shares the session finds that of the processor there.
                *session = stand_in.take_over(&session, &error, &self.meter)?;
                self.run(&mut session, input)?
            }
        };
        self.meter.spent("infer", since.elapsed());
        let border = session.output_border();
        Ok(frame.map(|packed| Styled { original: packed.original, tensor, border }))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::frame::{Colour, Frame, FrameFormat, PixelFormat, Stamp, tight_planes};
    use crate::model::{ModelSource, Runtime, SpecOverrides};

    /// A network that paints what it sees, and what it is set by on pictures of 16x16.
    fn identity() -> (Model, Size, SessionOptions) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/identity.onnx");
        let runtime = Runtime::load(None).unwrap();
        let model = Model::open(&runtime, ModelSource::File(path), &SpecOverrides::default()).unwrap();
        let options = SessionOptions { provider: Provider::Cpu, threads: 1, ..SessionOptions::default() };
        (model, Size::new(16, 16), options)
    }

    /// A session that claims to be on a card and takes no picture of 16x16.
    fn broken(model: &Model, options: &SessionOptions) -> Arc<Mutex<Session>> {
        let mut session = model.session(Size::new(8, 8), options).unwrap();
        session.choice.on_card = true;
        Arc::new(Mutex::new(session))
    }

    fn packed(pool: &TensorPool, model: &Model, size: Size) -> Timed<Packed> {
        let format = FrameFormat { size, pixels: PixelFormat::Rgbx, colour: Colour::SRGB };
        let (planes, len) = tight_planes(format.pixels, size);
        let original = Frame::new(format, planes, Arc::new(vec![0; len])).unwrap();
        let mut tensor = pool.lend(model.spec().input.tensor_format(), size);
        tensor.values.bytes_mut().fill(0x3c);
        Timed { stamp: Stamp::default(), item: Packed { original, tensor } }
    }

    #[test]
    fn where_a_card_fails_the_processor_does_the_frame_and_all_that_follow() {
        let (model, size, options) = identity();
        let (pool, meter) = (TensorPool::new(), Meter::new());
        let session = broken(&model, &options);
        let stand_in = Some(Arc::new(StandIn::new(model.clone(), size, 1, options)));
        let infer = || Infer::new(Arc::clone(&session), pool.clone(), meter.clone()).or(stand_in.clone());
        // The second shares the session, and with that what stands in for it.
        for mut infer in [infer(), infer()] {
            let styled = infer.process(packed(&pool, &model, size)).unwrap().item;
            assert_eq!((styled.tensor.size, styled.tensor.values.bytes()[0]), (size, 0x3c));
        }
        assert!(!session.lock().unwrap().choice().on_card);
        let warnings = meter.warnings();
        assert_eq!((meter.gpu_faults(), warnings.len()), (1, 1), "{warnings:?}");
        assert!(warnings[0].ends_with("the CPU runs the network from there on"), "{warnings:?}");
    }

    #[test]
    fn where_nobody_stands_in_the_failure_is_an_error() {
        let (model, size, options) = identity();
        let (pool, meter) = (TensorPool::new(), Meter::new());
        let mut infer = Infer::new(broken(&model, &options), pool.clone(), meter.clone());
        assert!(infer.process(packed(&pool, &model, size)).is_err());
        assert_eq!(meter.gpu_faults(), 0);
    }
}
