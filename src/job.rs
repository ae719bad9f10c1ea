//! What to do, resolved and checked; and doing it.

use std::fmt;
use std::time::{Duration, Instant};

use crate::compose::LiveControls;
use crate::convert::{Convert, RunCard};
use crate::error::{Error, Result, SinkError};
use crate::flow::{Flow, Sink, Stop};
use crate::frame::{Colour, FrameFormat, PixelFormat, Size};
use crate::memory;
use crate::options::{Codec, Output};
use crate::report::{Meter, Report};
use crate::resume::Unlike;
use crate::sink::{self, Claim, Container, Goal, Place};
use crate::source::{self, Opened, Request};
use crate::stylizer::Stylizer;

mod network;
mod resume;
mod words;

pub(crate) use network::Network;
pub use words::{Engine, Job, Look, StyleChoice};

/// What is about to be done, known once input and model are open.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Size of the input's picture.
    pub size: Size,
    /// Size that the network works at.
    pub net_size: Size,
    /// Size of the output.
    pub out_size: Size,
    /// Style, or file of the model.
    pub style: String,
    /// Who runs the network.
    pub provider: String,
    /// On what it calculates; empty where that is not known.
    pub device: String,
    /// Who converts colours.
    pub convert: Convert,
    /// Why that is the processor, where a card was to be expected; else empty.
    pub convert_excuse: String,
    /// Length of the part that is worked on.
    pub duration_nanos: Option<u64>,
    /// Number of frames, as far as the container tells.
    pub frames: Option<u64>,
    /// Nominal frames a second, as far as the container tells.
    pub fps: Option<f64>,
    /// Frames of it that an unfinished run has done already.
    pub frames_resumed: u64,
}

/// Watches a job.
pub trait Observer {
    /// It begins.
    fn started(&mut self, plan: &Plan);
    /// Called about ten times a second while it runs.
    fn tick(&mut self, meter: &Meter);
}

/// Nobody watches.
impl Observer for () {
    fn started(&mut self, _plan: &Plan) {}
    fn tick(&mut self, _meter: &Meter) {}
}

/// Does it, and returns what was measured.
///
/// # Errors
/// Whatever made it impossible. A file at the output's place is untouched then; of numbered pictures those that were written
/// before stay, each whole, and what went to standard output is gone.
pub fn run(job: &Job, stop: &Stop, meter: &Meter, observer: &mut dyn Observer) -> Result<Report> {
    let claimed = claim(job)?;
    paint(job, claimed, &Network::open(&job.engine)?, stop, meter, observer)
}

/// Does one job after the other with a network that is opened once.
pub struct Studio(Network);

impl fmt::Debug for Studio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Studio").field(&self.0.label()).finish()
    }
}

impl Studio {
    /// Opens the network.
    ///
    /// # Errors
    /// When the model or the runtime cannot be used.
    pub fn open(engine: &Engine) -> Result<Self> {
        Network::open(engine).map(Self)
    }

    /// Does as [`run`], with this network whatever the job says.
    ///
    /// # Errors
    /// As [`run`].
    pub fn run(&self, job: &Job, stop: &Stop, meter: &Meter, observer: &mut dyn Observer) -> Result<Report> {
        paint(job, claim(job)?, &self.0, stop, meter, observer)
    }

    /// The stages alone, for frames of `format` that a program has itself: one at a time on its own thread
    /// ([`Stage::process`](crate::Stage::process)), with all threads that `engine` allows. Painted frames have the same format.
    ///
    /// # Errors
    /// When the network does not run at this size.
    pub fn stylizer(
        &self,
        engine: &Engine,
        format: FrameFormat,
        controls: LiveControls,
        meter: &Meter,
    ) -> Result<Stylizer> {
        self.0.live(engine, format, controls, RunCard::default(), meter)
    }
}

/// The codec of the output, if it is a video. Its encoder is installed.
fn codec(job: &Job) -> Result<Option<Codec>> {
    let container = match &job.output {
        Output::File(path) if !sink::is_still(path) => Container::of(path),
        Output::Stdout => Some(Container::Mkv),
        Output::File(_) | Output::Pictures(_) | Output::Null => None,
    };
    container.map(|container| sink::codec(container, &job.encoding)).transpose()
}

/// Whether a single picture comes out.
fn is_still(output: &Output) -> bool {
    matches!(output, Output::File(path) if sink::is_still(path))
}

/// The output's place, taken before any work.
enum Claimed {
    Goal(Goal),
    Pictures(sink::Pictures),
    Nothing,
}

fn claim(job: &Job) -> Result<Claimed> {
    codec(job)?;
    match &job.output {
        Output::File(path) => {
            sink::refuse_pictures(&job.input, |_| path.clone())?;
            let claim = Claim { force: job.force, resume: job.resume, once: false };
            Place::claim(path, job.input.path(), claim).map(|place| Claimed::Goal(Goal::File(place)))
        }
        Output::Stdout => Goal::stdout(job.input.path()).map(Claimed::Goal),
        Output::Pictures(pattern) => sink::Pictures::claim(pattern, &job.input, job.force).map(Claimed::Pictures),
        Output::Null => Ok(Claimed::Nothing),
    }
}

/// Does it; what an unfinished run left and turns out useless only under way is thrown away, and the job starts over.
fn paint(
    job: &Job,
    claimed: Claimed,
    network: &Network,
    stop: &Stop,
    meter: &Meter,
    observer: &mut dyn Observer,
) -> Result<Report> {
    match attempt(job, (claimed, job.resume), network, stop, meter, observer) {
        Err(Error::Sink(SinkError::Unlike { reason, .. })) if job.resume => {
            resume::warn_of_new_start(&Unlike(reason), meter);
            meter.start_over();
            attempt(job, (claim(job)?, false), network, stop, meter, observer)
        }
        done => done,
    }
}

/// Does it, `resuming` what an unfinished run left or throwing that away.
fn attempt(
    job: &Job,
    (claimed, resuming): (Claimed, bool),
    network: &Network,
    stop: &Stop,
    meter: &Meter,
    observer: &mut dyn Observer,
) -> Result<Report> {
    let opened = source::open(&job.input, request(job), stop, meter)?;
    if is_still(&job.output) && !opened.single {
        return Err(Error::Usage("a picture holds one frame of a video: add --frames 1, or write a video".into()));
    }
    let stylizer = network.stylizer(job, opened.format, meter)?;
    let out = out_format(opened.format, job);
    let mut plan = plan(&opened, &stylizer, network, out.size);
    let mut source = opened.source;
    let sink: Box<dyn Sink> = match claimed {
        Claimed::Goal(mut goal) => {
            let (identity, kept) = match &mut goal {
                Goal::File(place) => resume::prepare(job, place, resuming, network, (&plan, out), meter)?,
                Goal::Stdout => (None, None),
            };
            plan.frames_resumed = kept.as_ref().map_or(0, sink::Kept::frames);
            let timing = opened.timing.resized(opened.format.size, job.size);
            let encoding = &job.encoding;
            let order = sink::Order { format: out, timing, encoding, media: opened.media, meter, identity, kept };
            let sink::Opened { sink, replay } = sink::open(goal, order)?;
            if let Some(replay) = replay {
                source = replay.before(source, job.input.path(), stop, meter);
            }
            sink
        }
        Claimed::Pictures(pictures) => sink::open_pictures(pictures, opened.number, opened.media, meter),
        Claimed::Nothing => Box::new(sink::nowhere(opened.media)),
    };
    observer.started(&plan);
    let since = Instant::now();
    let flow = Flow::from(source, stop.clone(), DEPTH, meter.clone());
    stylizer.continue_flow(flow).into(sink).wait_checked(|| {
        observer.tick(meter);
        job.engine.memory_limit_bytes.map_or(Ok(()), |limit| memory::check_resident(limit).map_err(Error::from))
    })?;
    observer.tick(meter);
    Ok(report(&plan, network, stop, meter, since.elapsed()))
}

fn request(job: &Job) -> Request<'_> {
    let hides_priming =
        matches!(&job.output, Output::File(path) if Container::of(path).is_some_and(Container::hides_priming));
    Request {
        part: job.part,
        audio: job.audio,
        priming: hides_priming,
        deinterlace: job.deinterlace,
        room_bytes: memory::limit_bytes(job.engine.memory_limit_bytes),
        decoder: &job.decoder,
    }
}

/// Frames that may wait between two stages. With none each stage still has one in hand while the next works; more would
/// cost a tensor of memory each and gain nothing.
const DEPTH: usize = 0;

/// What comes out: RGB for pictures and lossless video, else the colours of the source.
fn out_format(source: FrameFormat, job: &Job) -> FrameFormat {
    let size = job.size.resolve(source.size);
    let pictures = is_still(&job.output) || matches!(job.output, Output::Pictures(_));
    if pictures || job.encoding.lossless {
        return FrameFormat { size, pixels: PixelFormat::Rgbx, colour: Colour::SRGB };
    }
    let colour = match source.pixels {
        PixelFormat::Rgbx => Colour::assumed_for(size),
        PixelFormat::I420 | PixelFormat::Nv12 => source.colour,
    };
    FrameFormat { size, pixels: PixelFormat::I420, colour }
}

fn plan(opened: &Opened, stylizer: &Stylizer, network: &Network, out_size: Size) -> Plan {
    let seconds = opened.timing.duration_nanos.map(|nanos| nanos as f64 / 1e9);
    let rate = opened.timing.frames_per_second();
    Plan {
        size: opened.format.size,
        net_size: stylizer.net_size(),
        out_size,
        style: network.label(),
        provider: stylizer.choice().provider.to_string(),
        device: stylizer.choice().device.clone(),
        convert: stylizer.converts_on(),
        convert_excuse: stylizer.convert_excuse().to_owned(),
        duration_nanos: opened.timing.duration_nanos,
        frames: seconds.zip(rate).map(|(seconds, rate)| (seconds * rate).round() as u64),
        fps: rate,
        frames_resumed: 0,
    }
}

/// What a run has to say that lasted `wall`.
pub(crate) fn report(plan: &Plan, network: &Network, stop: &Stop, meter: &Meter, wall: Duration) -> Report {
    let frames_out = meter.frames_out();
    Report {
        frames_in: meter.frames_in(),
        frames_out,
        frames_resumed: meter.frames_resumed(),
        frames_dropped: meter.frames_dropped(),
        frames_left_out: meter.left_out(),
        frames_substituted: meter.frames_substituted(),
        gpu_faults: meter.gpu_faults(),
        frames_damaged: meter.frames_damaged(),
        gaps: meter.gaps(),
        truncated: meter.is_truncated(),
        stopped: stop.asked(),
        wall_s: wall.as_secs_f64(),
        fps: (frames_out - meter.frames_resumed()) as f64 / wall.as_secs_f64().max(1e-9),
        net_width: plan.net_size.width,
        net_height: plan.net_size.height,
        style: plan.style.clone(),
        tier: network.tier(),
        provider: plan.provider.clone(),
        device: plan.device.clone(),
        precision: network.precision(),
        convert: plan.convert.to_string(),
        peak_rss_mb: crate::report::peak_rss_mb(),
        warnings: meter.warnings(),
        stages: meter.stages(),
        latency_ms: meter.latencies(),
    }
}
