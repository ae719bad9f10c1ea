//! A live run from its beginning to its end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::atelier::Atelier;
use super::desk::{Desk, Wanted};
use super::fan::{self, Fan, Named, Opened, Recorder, RecordingOrder};
use super::hand::Key;
use super::ladder::Ladder;
use super::painter::Painter;
use super::words::{Board, LiveInput, LiveJob, Screen};
use crate::convert::Convert;
use crate::error::{Error, Result};
use crate::flow::{Flow, Running, Sink, Stop};
use crate::frame::FrameFormat;
use crate::job::{self, Encoding, Network, Observer, Plan, StyleChoice};
use crate::memory;
use crate::model::zoo;
use crate::report::{Meter, Report};
use crate::sink::window::{self, Window};
use crate::sink::{self, Claim, Place, live as live_file, virtual_camera};
use crate::source::live::{self as live_source, Live};
use crate::source::microphone::Microphone;
use crate::source::test_pattern::FrameRate;

/// Films, paints and shows until the source or the user ends it, and returns what was measured. The window, if there is
/// one, belongs to the calling thread, which must be the main one.
///
/// # Errors
/// Whatever made it impossible, or ended it; recordings are complete nevertheless.
pub fn run(job: &LiveJob, stop: &Stop, meter: &Meter, observer: &mut dyn Observer) -> Result<Report> {
    job.stream.as_deref().map_or(Ok(()), live_file::check_stream)?;
    let named = job.record.as_deref().map(|path| claim(path, job)).transpose()?;
    let network = Network::open(&job.engine)?;
    let Live { source, format, rate, name } = live_source::open(&job.input, job.mode, stop, meter)?;
    // The end that was planned, or wished for at the window, is none that a signal asks for.
    let end = Stop::new();
    let desk = desk(job, &end, named.is_some());
    let painter = painter(job, &network, &desk, (format, rate), meter)?;
    let plan = plan(job, &desk, painter.converts_on(), (format, rate));
    let others = others(job, (format, rate), meter)?;
    let (window, screen) = open_window(job, &name, format, desk.board(), meter)?.unzip();
    let recording = named.map(|place| recording(job, place, (format, rate), meter)).transpose()?;
    let fan = Fan::new(fan::Order {
        desk: desk.clone(),
        meter: meter.clone(),
        screen,
        others,
        recording,
        recorder: recorder(job, (format, rate), meter),
        // Where the user is, as for every file that is named without a folder.
        folder: PathBuf::new(),
    });
    observer.started(&plan);
    let since = Instant::now();
    let running = Flow::newest(source, end.clone(), meter.clone()).via("paint", painter).into(fan);
    let mut over_limit = Ok(());
    let mut tick = || {
        if let (Ok(()), Some(limit)) = (&over_limit, job.engine.memory_limit_bytes) {
            over_limit = memory::check_resident(limit);
        }
        if stop.asked() || over_limit.is_err() {
            end.ask();
        }
        observer.tick(meter);
    };
    let ended = wait(window, running, &desk, meter, &mut tick);
    observer.tick(meter);
    ended?;
    over_limit?;
    let net_size = desk.board().read().net_size.unwrap_or(plan.net_size);
    Ok(job::report(&Plan { net_size, ..plan }, &network, stop, meter, since.elapsed()))
}

/// Waits for the end; meanwhile the window lives on this thread.
fn wait(window: Option<Window>, running: Running, desk: &Desk, meter: &Meter, tick: &mut dyn FnMut()) -> Result<()> {
    if let Some(window) = window {
        let lost = |why: &Error| meter.warn(format!("the window was lost ({why}) and is there again"));
        let shown = window.run(&mut *tick, |wish| desk.wish(wish), |latency| meter.latency(latency), lost);
        if let Err(error) = shown {
            meter.warn(format!("the window closed: {error}; everything else goes on"));
        }
    }
    running.wait(tick)
}

fn claim(path: &Path, job: &LiveJob) -> Result<Place> {
    let input = match &job.input {
        LiveInput::File(path) => path.as_path(),
        LiveInput::Camera(_) | LiveInput::Test | LiveInput::Address(_) | LiveInput::Screen => Path::new(""),
    };
    Place::claim(path, input, Claim { force: job.force, resume: false, once: true })
}

/// The recording that was named, at the `place` that was claimed for it.
fn recording(job: &LiveJob, mut place: Place, given: (FrameFormat, FrameRate), meter: &Meter) -> Result<Opened> {
    // What a killed run left there may be thrown away, or the claim would have been refused.
    place.start_over()?;
    record(place, job.microphone.as_ref(), given, &job.encoding, meter)
}

fn record(
    place: Place,
    microphone: Option<&Microphone>,
    given: (FrameFormat, FrameRate),
    encoding: &Encoding,
    meter: &Meter,
) -> Result<Opened> {
    let path = place.target().into();
    Ok((live_file::record(place, microphone, given, encoding, meter)?, path))
}

fn desk(job: &LiveJob, stop: &Stop, recording: bool) -> Desk {
    let styles: Vec<String> = zoo::styles().map(String::from).collect();
    let style = match &job.engine.style {
        StyleChoice::Zoo(None) => Some(0),
        StyleChoice::Zoo(Some(name)) => styles.iter().position(|style| style == name),
        StyleChoice::File(_) => None,
    };
    let board = Board::default();
    board.write(|status| status.styles = styles);
    Desk::new(job.look.controls, Wanted { style, recording, ..Wanted::default() }, board, stop.clone())
}

fn painter(
    job: &LiveJob,
    network: &Network,
    desk: &Desk,
    (format, rate): (FrameFormat, FrameRate),
    meter: &Meter,
) -> Result<Painter> {
    let net = job.look.net_size.resolve(format.size);
    let styles = desk.board().read().styles;
    let atelier = Atelier::new(job.engine.clone(), styles, format, desk.controls(), meter.clone());
    let hand = atelier.first(Key { style: desk.wanted().style, net }, network)?;
    let interval = interval(rate);
    let ladder = job.adapts.then(|| Ladder::new(net, interval));
    Ok(Painter::new(desk.clone(), atelier, hand, ladder, interval, job.frames))
}

/// Time from one frame to the next.
fn interval(rate: FrameRate) -> Duration {
    Duration::from_nanos(rate.nanos_at(1))
}

fn plan(job: &LiveJob, desk: &Desk, convert: Convert, (format, rate): (FrameFormat, FrameRate)) -> Plan {
    let status = desk.board().read();
    Plan {
        size: format.size,
        net_size: status.net_size.unwrap_or(format.size),
        out_size: format.size,
        style: status.style_name,
        provider: status.provider,
        device: status.device,
        convert,
        duration_nanos: None,
        frames: job.frames,
        fps: Some(f64::from(rate.frames.get()) / f64::from(rate.seconds.get())),
        frames_resumed: 0,
    }
}

/// Virtual camera and stream.
fn others(
    job: &LiveJob,
    (format, rate): (FrameFormat, FrameRate),
    meter: &Meter,
) -> Result<Vec<(Named, Box<dyn Sink>)>> {
    let mut others = Vec::new();
    if let Some(choice) = &job.virtual_camera {
        let (camera, name) = virtual_camera::open(choice, format, rate, meter)?;
        others.push((Named { name, reported: virtual_camera::REPORTED }, camera));
    }
    if let Some(address) = &job.stream {
        let stream = live_file::stream(address, job.microphone.as_ref(), (format, rate), &job.encoding, meter)?;
        let named = Named { name: format!("the stream to {address}"), reported: live_file::STREAM_REPORTED };
        others.push((named, stream));
    }
    Ok(others)
}

/// A window, where one is wanted and there is a display.
fn open_window(
    job: &LiveJob,
    camera: &str,
    format: FrameFormat,
    board: &Board,
    meter: &Meter,
) -> Result<Option<(Window, Box<dyn Screen>)>> {
    let Some(choice) = job.window else { return Ok(None) };
    let title = format!("stylize: {camera}");
    let options = window::Options { title, size: format.size, choice, board: board.clone() };
    match window::open(options) {
        Ok((window, screen)) => Ok(Some((window, Box::new(screen)))),
        Err(Error::Device(why)) => {
            meter.warn(format!("no window: {why}; everything else goes on"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What makes further recordings, beside the one that was named: their names are date and time.
fn recorder(job: &LiveJob, given: (FrameFormat, FrameRate), meter: &Meter) -> Recorder {
    let (microphone, encoding, meter) = (job.microphone.clone(), job.encoding.clone(), meter.clone());
    let folder = job.record.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let ending = job.record.as_deref().and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or("mkv").to_owned();
    Box::new(move || -> RecordingOrder {
        let (folder, ending) = (folder.clone(), ending.clone());
        let (microphone, encoding, meter) = (microphone.clone(), encoding.clone(), meter.clone());
        Box::new(move || record(sink::claim_of_now(&folder, &ending)?, microphone.as_ref(), given, &encoding, &meter))
    })
}
