//! A live run from its beginning to its end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::atelier::Atelier;
use super::desk::{Desk, Wanted};
use super::fan::{self, Fan, Named, Opened, Recorder, RecordingOrder};
use super::hand::Key;
use super::job::LiveJob;
use super::ladder::Ladder;
use super::painter::Painter;
use crate::control::{Board, Screen};
use crate::convert::Convert;
use crate::error::{Error, Result};
use crate::flow::{Flow, Running, Sink, Stop};
use crate::frame::{FrameFormat, FrameRate};
use crate::job::{self, Engine, Network, Observer, Plan, StyleChoice};
use crate::media::microphone;
use crate::memory;
use crate::model::zoo;
use crate::options::{Encoding, Microphone};
use crate::report::{Meter, Report};
use crate::sink::window::{self, Window};
use crate::sink::{self, Claim, Container, Place, live as live_file, virtual_camera};
use crate::source::live::{self as live_source, Live};

/// Films, paints and shows until the source or the user ends it, and returns what was measured. The window, if there is
/// one, belongs to the calling thread, which must be the main one. A recording that failed does not end it: its error is
/// left with the `meter` ([`Meter::take_failure`]).
///
/// # Errors
/// Whatever made it impossible, or ended it; recordings are complete nevertheless.
pub fn run(job: &LiveJob, stop: &Stop, meter: &Meter, observer: &mut dyn Observer) -> Result<Report> {
    job.stream.as_deref().map_or(Ok(()), live_file::check_stream)?;
    let named = job.record.as_deref().map(|path| claim(path, job)).transpose()?;
    check_recordings(job)?;
    let network = Network::open(&job.engine)?;
    let Live { source, format, rate, name } = live_source::open(&job.input, job.mode, stop, meter)?;
    // The end that was planned, or wished for at the window, is none that a signal asks for.
    let end = Stop::new();
    let (styles, style) = styles(&job.engine);
    let wanted = Wanted { style, recording: named.is_some(), streaming: job.stream.is_some(), ..Wanted::default() };
    let desk = Desk::new(job.look.controls, wanted, board(&styles), end.clone());
    let painter = painter(job, styles, &network, &desk, (format, rate), meter)?;
    let plan = plan(job, &desk, painter.converts(), (format, rate));
    let others = others(job, (format, rate), [stop.clone(), end.clone()], meter)?;
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
        let lost = |why: &Error| meter.warn_each_time(format!("the window was lost ({why}) and is there again"));
        let wish = |wish| {
            desk.wish(wish);
            desk.is_over()
        };
        let shown = window.run(&mut *tick, wish, |latency| meter.latency(latency), lost);
        if let Err(error) = shown {
            meter.warn(format!("the window closed: {error}; everything else goes on"));
        }
    }
    running.wait(tick)
}

fn claim(path: &Path, job: &LiveJob) -> Result<Place> {
    let input = job.input.file().unwrap_or(Path::new(""));
    Place::claim(path, input, Claim { force: job.force, resume: false, once: true })
}

/// Checks what sound and recordings take, which may begin much later, as far as the user has chosen it.
fn check_recordings(job: &LiveJob) -> Result<()> {
    job.microphone.as_ref().map_or(Ok(()), microphone::check)?;
    let container = job.record.as_deref().map_or(Some(Container::Mkv), Container::of);
    match container {
        Some(container) if job.encoding != Encoding::default() => sink::codec(container, &job.encoding).map(drop),
        _ => Ok(()),
    }
}

/// The recording that was named, at the `place` that was claimed for it.
fn recording(job: &LiveJob, mut place: Place, given: (FrameFormat, FrameRate), meter: &Meter) -> Result<Opened> {
    // What an unfinished run left there may be thrown away, or the claim would have been refused.
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

/// The styles that can be changed between, and the place of the one that `engine` begins with: those of the zoo that are here
/// as it wants them, and the model of the user's own.
fn styles(engine: &Engine) -> (Vec<StyleChoice>, usize) {
    let fits = |entry: &zoo::Entry| {
        engine.tier.is_none_or(|tier| tier == entry.tier)
            && engine.precision.is_none_or(|precision| precision == entry.precision)
    };
    let here = zoo::entries();
    let fitting = |name: &&str| here.iter().any(|entry| entry.style == *name && fits(entry));
    let mut styles: Vec<_> = zoo::styles().filter(fitting).map(|name| StyleChoice::Zoo(Some(name.into()))).collect();
    let first = match &engine.style {
        StyleChoice::Zoo(None) => StyleChoice::Zoo(zoo::styles().next().map(String::from)),
        named => named.clone(),
    };
    let place = styles.iter().position(|style| *style == first).unwrap_or(styles.len());
    if place == styles.len() {
        styles.push(first);
    }
    (styles, place)
}

/// A board that names `styles`.
fn board(styles: &[StyleChoice]) -> Board {
    let name = |style: &StyleChoice| match style {
        StyleChoice::Zoo(name) => name.clone().unwrap_or_default(),
        StyleChoice::File(path) => path.display().to_string(),
    };
    let board = Board::default();
    board.write(|status| status.styles = styles.iter().map(name).collect());
    board
}

fn painter(
    job: &LiveJob,
    styles: Vec<StyleChoice>,
    network: &Network,
    desk: &Desk,
    (format, rate): (FrameFormat, FrameRate),
    meter: &Meter,
) -> Result<Painter> {
    let net = job.look.net_size.resolve(format.size);
    network.tell_size(job.look.net_size, net, meter);
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

fn plan(
    job: &LiveJob,
    desk: &Desk,
    (convert, excuse): (Convert, &str),
    (format, rate): (FrameFormat, FrameRate),
) -> Plan {
    let status = desk.board().read();
    Plan {
        size: format.size,
        net_size: status.net_size.unwrap_or(format.size),
        out_size: format.size,
        style: status.style_name,
        provider: status.provider,
        device: status.device,
        convert,
        convert_excuse: excuse.to_owned(),
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
    stops: [Stop; 2],
    meter: &Meter,
) -> Result<Vec<(Named, Box<dyn Sink>)>> {
    let mut others = Vec::new();
    if let Some(choice) = &job.virtual_camera {
        let (camera, name) = virtual_camera::open(choice, format, rate, meter)?;
        others.push((Named { name, reported: virtual_camera::REPORTED }, camera));
    }
    if let Some(address) = &job.stream {
        let stream = live_file::stream(live_file::StreamOrder {
            address: address.clone(),
            microphone: job.microphone.clone(),
            format,
            rate,
            encoder: job.encoding.encoder.clone(),
            kbits: job.stream_kbits,
            meter: meter.clone(),
            stops,
        })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Precision, Tier};

    fn name(style: &StyleChoice) -> Option<&str> {
        match style {
            StyleChoice::Zoo(name) => name.as_deref(),
            StyleChoice::File(_) => None,
        }
    }

    #[test]
    fn every_style_that_is_listed_can_be_had_as_it_is_wanted() {
        let (tiers, precisions) = ([None, Some(Tier::Live), Some(Tier::Fine)], [None, Some(Precision::Int8)]);
        for (tier, precision) in tiers.into_iter().flat_map(|tier| precisions.map(|precision| (tier, precision))) {
            let order = zoo::best_first(false);
            let had = zoo::styles().filter(|name| zoo::find(Some(*name), tier, precision, order).is_ok());
            // A model of the user's own stands behind them, whatever they are.
            let own = StyleChoice::File("own.onnx".into());
            let (listed, place) = styles(&Engine { style: own.clone(), tier, precision, ..Engine::default() });
            assert_eq!(listed.iter().filter_map(name).collect::<Vec<_>>(), had.collect::<Vec<_>>());
            assert_eq!((place, &listed[place]), (listed.len() - 1, &own));
        }
    }

    #[test]
    fn a_run_begins_at_the_place_of_its_style() {
        let named = |name: &str| StyleChoice::Zoo(Some(name.into()));
        for (style, first) in [(StyleChoice::Zoo(None), named("wave")), (named("udnie"), named("udnie"))] {
            let (styles, place) = styles(&Engine { style, ..Engine::default() });
            assert_eq!((styles.len(), &styles[place]), (zoo::styles().count(), &first));
        }
    }
}
