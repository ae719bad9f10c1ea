//! Measures the pipeline on this machine: what each part costs by itself, and how much of that the whole run keeps.
//!
//! Pipeline efficiency is the CPU time of decoding, converting, inference and encoding, each alone, over the CPU time
//! that the machine offered during the whole run (cores times seconds): 1 means that no core ever waited.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crate::compose::LiveControls;
use crate::convert::RunCard;
use crate::error::{Error, Result};
use crate::flow::{Flow, Sink, Source, Stage, Stop};
use crate::frame::{Frame, FrameFormat, FrameRate, Size, Timed};
use crate::job::{self, Job, Network};
use crate::media::Timing;
use crate::options::{CodecChoice, Input, Output, Part};
use crate::report::{Meter, cpu_time, peak_rss_mb};
use crate::sink::{self, Claim, Goal, Null, Place};
use crate::source::test_pattern::TestPattern;
use crate::source::{self, Opened, Request};
use crate::stylizer::{Ends, Stylizer};
use crate::tensor::Styled;

mod inside;

pub use inside::{Inside, inside};

/// Frames a second of the clip that is measured with.
const RATE: FrameRate = FrameRate { frames: NonZeroU32::new(25).unwrap(), seconds: NonZeroU32::MIN };

/// How many times a frame goes through the stages while no other is under way.
const TRIES: usize = 50;

/// Different frames of the clip that do so.
const FRAMES: usize = 8;

/// What was measured.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Size of the clip.
    pub size: Size,
    /// Frames of the clip.
    pub frames: u64,
    /// Style, or file of the model.
    pub style: String,
    /// Who ran the network, and on what.
    pub provider: String,
    /// Who converted colours: where a card did, its time is not among the CPU times.
    pub converts_on: String,
    /// Frames that the network worked on at once.
    pub workers: usize,
    /// CPU cores.
    pub cores: usize,
    /// CPU time of decoding the clip.
    pub decode: Duration,
    /// CPU time of converting all frames to tensors and back.
    pub convert: Duration,
    /// CPU time of the network.
    pub infer: Duration,
    /// CPU time of encoding the styled clip.
    pub encode: Duration,
    /// What the network takes for a live frame, all cores being its own: the median.
    pub live_network: Duration,
    /// What a live frame takes beyond that: all stages but inference, the median.
    pub added_latency: Duration,
    /// Wall time of the whole run, from opening the network to the finished file.
    pub wall: Duration,
    /// CPU time of the whole run.
    pub whole: Duration,
    /// Greatest memory of this process, all measurements included.
    pub peak_rss_mb: f64,
    /// What went wrong meanwhile.
    pub mishaps: Mishaps,
}

/// What went wrong while something was measured, and did not end that: the figures may be of something else than was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mishaps {
    /// What was warned of.
    pub warnings: Vec<String>,
    /// Frames whose original passed instead.
    pub frames_substituted: u64,
    /// How often the graphics card failed.
    pub gpu_faults: u64,
}

impl Mishaps {
    fn of(meter: &Meter) -> Self {
        Self {
            warnings: meter.warnings(),
            frames_substituted: meter.frames_substituted(),
            gpu_faults: meter.gpu_faults(),
        }
    }
}

impl Figures {
    /// Pipeline efficiency, 0 to 1.
    pub fn efficiency(&self) -> f64 {
        let parts = self.decode + self.convert + self.infer + self.encode;
        parts.as_secs_f64() / (self.cores as f64 * self.wall.as_secs_f64())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, frames, style, provider, converts_on, workers, cores, .. } = self;
        writeln!(f, "{frames} frames of {size}, style {style} on {provider}, {workers} at a time, {cores} cores")?;
        writeln!(f, "colours on {converts_on}")?;
        writeln!(f, "{:<28}{:>10}{:>14}", "CPU time", "s", "ms a frame")?;
        let mut row = |name: &str, time: Duration| {
            let ms = time.as_secs_f64() * 1000.0 / *frames as f64;
            writeln!(f, "  {name:<26}{:>10.2}{ms:>14.2}", time.as_secs_f64())
        };
        row("decoding alone", self.decode)?;
        row("conversion alone", self.convert)?;
        row("inference alone", self.infer)?;
        row("encoding alone", self.encode)?;
        row("the whole run", self.whole)?;
        let [network_ms, added_ms] = [self.live_network, self.added_latency].map(|time| time.as_secs_f64() * 1000.0);
        writeln!(f, "a live frame takes {network_ms:.2} ms of inference and {added_ms:.2} ms beyond (medians)")?;
        let wall = self.wall.as_secs_f64();
        writeln!(f, "wall {wall:.2} s, {:.1} fps, peak memory {:.0} MB", *frames as f64 / wall, self.peak_rss_mb)?;
        write!(f, "pipeline efficiency {:.2}", self.efficiency())
    }
}

/// Renders a clip of `frames` frames at `size`, stylizes it as `template` says (its input and output are replaced), and
/// measures the parts. `folder` holds the clips.
///
/// # Errors
/// When any part of it fails.
pub fn measure(template: &Job, size: Size, frames: u64, folder: &Path) -> Result<Figures> {
    let (clip, styled) = (folder.join("clip.mp4"), folder.join("styled.mp4"));
    render(template, size, frames, &clip)?;
    let job =
        Job { input: Input::File(clip.clone()), output: Output::File(styled.clone()), force: true, ..template.clone() };

    let meter = Meter::new();
    let (wall, since) = (Instant::now(), cpu_time());
    let report = job::run(&job, &Stop::new(), &meter, &mut ())?;
    let (wall, whole) = (wall.elapsed(), cpu_time() - since);

    let decode = cpu_of(|| decode(&clip))?;
    let stylizer = stylizer(&job, &meter)?;
    let workers = stylizer.workers();
    let [convert, infer] = parts(stylizer, &clip, frames)?;
    let styled_decode = cpu_of(|| self::decode(&styled))?;
    let encode = cpu_of(|| encode(&job, &styled, &folder.join("again.mp4")))?.saturating_sub(styled_decode);
    let live = live(&job, &clip, &meter)?;
    Ok(Figures {
        size,
        frames,
        style: report.style,
        provider: on_device(&report.provider, &report.device),
        converts_on: report.convert,
        workers,
        cores: available_parallelism().map_or(1, NonZeroUsize::get),
        decode,
        convert,
        infer,
        encode,
        live_network: live.network,
        added_latency: live.beyond,
        wall,
        whole,
        peak_rss_mb: peak_rss_mb(),
        mishaps: Mishaps::of(&meter),
    })
}

/// `cuda (NVIDIA H200)`.
fn on_device(provider: &str, device: &str) -> String {
    if device.is_empty() { provider.to_owned() } else { format!("{provider} ({device})") }
}

fn cpu_of(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let since = cpu_time();
    work()?;
    Ok(cpu_time() - since)
}

fn open(path: &Path) -> Result<Opened> {
    let request = Request {
        part: Part::default(),
        audio: false,
        priming: false,
        deinterlace: true,
        room_bytes: None,
        decoder: &CodecChoice::Software,
    };
    source::open(&Input::File(path.into()), request, &Stop::new(), &Meter::new())
}

fn flow(source: impl Source + 'static) -> Flow<Frame> {
    Flow::from(source, Stop::new(), 1, Meter::new())
}

/// Encodes the rendered scene.
fn render(template: &Job, size: Size, frames: u64, clip: &Path) -> Result<()> {
    let scene = TestPattern::new(size, RATE, Some(frames))?;
    let sink = file_sink(template, clip, (scene.format(), Timing::constant(RATE)))?;
    flow(scene).into(sink).wait(|| {})
}

/// A file of frames without sound, in a pipeline of its own.
fn file_sink(job: &Job, output: &Path, (format, timing): (FrameFormat, Timing)) -> Result<Box<dyn Sink>> {
    let place = Place::claim(output, Path::new(""), Claim { force: true, ..Claim::default() })?;
    let meter = Meter::new();
    let order =
        sink::Order { format, timing, encoding: &job.encoding, media: None, meter: &meter, identity: None, kept: None };
    Ok(sink::open(Goal::File(place), order)?.sink)
}

fn decode(path: &Path) -> Result<()> {
    let mut opened = open(path)?;
    while opened.source.next()?.is_some() {}
    Ok(())
}

fn encode(job: &Job, from: &Path, to: &Path) -> Result<()> {
    let opened = open(from)?;
    let sink = file_sink(job, to, (opened.format, opened.timing))?;
    flow(opened.source).into(sink).wait(|| {})
}

fn stylizer(job: &Job, meter: &Meter) -> Result<Stylizer> {
    let opened = open(job.input.path())?;
    Network::open(&job.engine)?.stylizer(job, opened.format, meter)
}

fn ends(stylizer: Stylizer) -> Result<Ends> {
    stylizer.into_ends().ok_or_else(|| Error::Internal("a stylizer lacks a stage".into()))
}

/// CPU time of conversion and of the network, for `frames` times the first frame of the clip. The network runs with all
/// its workers, as in the whole run; the conversion that feeds it is taken off again.
fn parts(stylizer: Stylizer, clip: &Path, frames: u64) -> Result<[Duration; 2]> {
    let first = open(clip)?.source.next()?.ok_or_else(|| Error::Internal("the clip is empty".into()))?;
    let mut ends = ends(stylizer)?;
    let packed = cpu_of(|| (0..frames).try_for_each(|_| ends.pack.process(first.clone()).map(drop)))?;
    let finished = one_by_one(&mut ends, clip)?.finish.mul_f64(frames as f64);
    let Ends { pack, infer, .. } = ends;
    let again = Again { frame: first, left: frames };
    let both =
        cpu_of(|| flow(again).via("pack", pack).via_workers("infer", infer).via("back", Back).into(Null).wait(|| {}))?;
    Ok([packed + finished, both.saturating_sub(packed)])
}

/// What a live frame takes.
fn live(job: &Job, clip: &Path, meter: &Meter) -> Result<Alone> {
    let (format, controls) = (open(clip)?.format, LiveControls::new(job.look.controls));
    let live = Network::open(&job.engine)?.live(&job.engine, format, controls, RunCard::default(), meter)?;
    one_by_one(&mut ends(live)?, clip)
}

/// What one frame takes while no other is under way.
struct Alone {
    /// CPU time behind the network, the mean.
    finish: Duration,
    /// Time in the network, the median.
    network: Duration,
    /// Time before and behind the network, the median.
    beyond: Duration,
}

/// Frames that follow each other, there and back again, since how long the stabiliser looks for motion depends on them. They are decoded
/// before: a decoder that works ahead would take a core meanwhile.
fn one_by_one(ends: &mut Ends, clip: &Path) -> Result<Alone> {
    let mut source = open(clip)?.source;
    let mut frames = Vec::new();
    while let Some(frame) = source.next()?.filter(|_| frames.len() < FRAMES) {
        frames.push(frame);
    }
    drop(source);
    let (mut finish, mut network, mut beyond) = (Duration::ZERO, Vec::new(), Vec::new());
    for frame in there_and_back(frames).iter().cycle().take(TRIES).cloned() {
        let since = Instant::now();
        let packed = ends.pack.process(frame)?;
        let (before, since) = (since.elapsed(), Instant::now());
        let styled = ends.infer[0].process(packed)?;
        network.push(since.elapsed());
        let since = Instant::now();
        finish += cpu_of(|| ends.finish.process(styled).map(drop))?;
        beyond.push(before + since.elapsed());
    }
    let finish = finish.div_f64(beyond.len() as f64);
    Ok(Alone { finish, network: median(network), beyond: median(beyond) })
}

/// And again and again: neither end twice, and none that jumps or begins anew, since what does not move is found at once.
fn there_and_back(mut frames: Vec<Timed<Frame>>) -> Vec<Timed<Frame>> {
    frames.iter_mut().for_each(|frame| frame.stamp.discontinuity = false);
    let back: Vec<_> = frames.iter().skip(1).rev().skip(1).cloned().collect();
    frames.extend(back);
    frames
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The same frame over and over.
struct Again {
    frame: Timed<Frame>,
    left: u64,
}

impl Source for Again {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        Ok(Some(self.frame.clone()))
    }
}

/// Gives the original back.
struct Back;

impl Stage for Back {
    type In = Styled;
    type Out = Frame;

    fn process(&mut self, styled: Timed<Styled>) -> Result<Timed<Frame>> {
        Ok(styled.map(|styled| styled.original))
    }
}
