//! What makes a job one that can go on where an unfinished run ended, or not.

use std::path::PathBuf;

use super::{Engine, Job, Network, Plan, StyleChoice, codec, is_still};
use crate::error::{Error, Result, SourceError, io_reason};
use crate::frame::FrameFormat;
use crate::media::elements;
use crate::options::{Input, Output};
use crate::report::Meter;
use crate::resume::{Identity, Unlike, identity};
use crate::sink::{self, Found, Kept, Place};

/// Says that the work of an unfinished run is lost, and why.
pub(super) fn warn_of_new_start(why: &Unlike, meter: &Meter) {
    meter.warn(format!("--resume starts over, as it cannot go on where the unfinished run ended: {why}"));
}

/// What the run is, and what is to be kept of an unfinished run's work at `place`; the new files begin there.
pub(super) fn prepare(
    job: &Job,
    place: &mut Place,
    resuming: bool,
    network: &Network,
    (plan, out): (&Plan, FrameFormat),
    meter: &Meter,
) -> Result<(Option<Identity>, Option<Kept>)> {
    let identity = identity_of(job, network, (plan, out), meter)?;
    let kept = kept(place, resuming, identity.as_ref(), meter)?;
    Ok((identity, kept))
}

fn kept(place: &mut Place, resuming: bool, identity: Option<&Identity>, meter: &Meter) -> Result<Option<Kept>> {
    let Some(identity) = identity.filter(|_| resuming) else {
        place.start_over()?;
        return Ok(None);
    };
    match place.find_kept(identity)? {
        Found::Kept(kept) => return Ok(Some(kept)),
        Found::Useless(why) => warn_of_new_start(&why, meter),
        Found::Nothing => tracing::info!("--resume: no unfinished run left anything to go on with"),
    }
    Ok(None)
}

/// Everything that decides how the output of `job` comes out; none if its input cannot be read a second time, or the
/// output is a single picture.
fn identity_of(
    job: &Job,
    network: &Network,
    (plan, out): (&Plan, FrameFormat),
    meter: &Meter,
) -> Result<Option<Identity>> {
    let input = match &job.input {
        _ if is_still(&job.output) => return Ok(None),
        Input::Stdin => return Ok(None),
        Input::File(path) => identity::content(path),
        Input::Pictures { pattern, .. } => pattern
            .numbers()
            .and_then(|numbers| identity::listing(numbers.into_iter().map(|number| pattern.path(number)))),
    };
    let input = input.map_err(|error| SourceError::open(job.input.path(), &error))?;
    let Job { engine, look, size, encoding, audio, part, .. } = job;
    let engine = Engine {
        style: StyleChoice::Zoo(None),
        threads: None,
        runtime: None,
        memory_limit_bytes: None,
        ..engine.clone()
    };
    // The parts that a user can name first; the whole holds the rest.
    let input_path = Input::File(PathBuf::new());
    let whole = Job { input: input_path, output: Output::Null, force: false, resume: false, engine, ..job.clone() };
    let identity = Identity::new()
        .with("the input", &input)
        .with("the model", &model(network)?)
        .with("--strength, --keep-colour, --stabilise or --net-size", look)
        .with("--size", size)
        .with("--codec, --quality, --encoder or --lossless", encoding)
        .with("the encoder", &encoder(job, out, meter)?)
        .with("--start, --end or --frames", part)
        .with("--no-audio", audio)
        .with("the provider", &plan.provider)
        .with("the picture", &(plan.net_size, out))
        .with("GStreamer", &elements::version())
        .with("an option", &whole);
    Ok(Some(identity))
}

/// The element that encodes: another one, though of the same codec, does not continue what one has begun.
fn encoder(job: &Job, out: FrameFormat, meter: &Meter) -> Result<Option<String>> {
    Ok(codec(job)?.map(|codec| sink::encoder(codec, &job.encoding, out.size, meter)))
}

/// What tells the model of a network from others: its weights, and how they are used.
fn model(Network { model, .. }: &Network) -> Result<String> {
    let weights = model.source().fingerprint().map_err(|error| {
        Error::Internal(format!("{} cannot be read any more ({})", model.label(), io_reason(&error)))
    })?;
    Ok(format!("{weights} {:?}", model.spec()))
}
