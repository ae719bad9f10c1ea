//! The sound of a microphone, as a track of the file that it is recorded into.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::pipeline::{Media, POLL, Said, init};
use super::{About, OpenMedia, Stream, element, pad, track};
use crate::about::Label;
use crate::error::{Error, Result};
use crate::options::Microphone;

/// What is kept of the sound: enough for a voice and a room.
const SAMPLES: &str = "audio/x-raw,format=F32LE,layout=interleaved,rate=48000,channels=2";

/// A microphone that gives nothing for so long, not even silence, is gone; or never was there.
const SILENCE: Duration = Duration::from_secs(4);

/// A microphone at work.
pub(crate) struct Listening {
    media: Arc<Media>,
    /// The way to the muxer, which waits for each of its tracks.
    way: gst::Pad,
    /// Buffers that have come by it.
    heard: Arc<AtomicU64>,
    seen: u64,
    since: Instant,
    ended: bool,
}

impl Listening {
    /// `moment` in the time of the sound; none before its begin.
    pub(crate) fn moment_nanos(&self, moment: Instant) -> Option<u64> {
        let running = self.media.pipeline.current_running_time()?;
        let ago = u64::try_from(moment.elapsed().as_nanos()).ok()?;
        running.nseconds().checked_sub(ago)
    }

    /// What it is recorded with, whose clock says when.
    #[cfg(test)]
    pub(crate) fn pipeline(&self) -> &gst::Pipeline {
        &self.media.pipeline
    }

    /// Waits for its first sound, without which no file can begin.
    ///
    /// # Errors
    /// [`Error::Device`] when none comes.
    pub(crate) fn wait(&self) -> Result<()> {
        let wrong =
            |why: &str| Error::Device(format!("the microphone gives no sound: {why}; try without --microphone"));
        let heard = |said: &Said| said.input_error.is_some() || self.heard.load(Ordering::Relaxed) > 0;
        let since = Instant::now();
        loop {
            let said = self.media.status.wait(POLL, heard);
            if let Some(failure) = said.input_error {
                return Err(wrong(&failure.text));
            }
            if heard(&said) {
                return Ok(());
            }
            if since.elapsed() > SILENCE {
                return Err(wrong("nothing comes from it"));
            }
        }
    }

    /// Why there is no sound any more, once. The track has ended then, so that the muxer does not wait for it.
    pub(crate) fn lost(&mut self) -> Option<String> {
        if self.ended {
            return None;
        }
        let heard = self.heard.load(Ordering::Relaxed);
        if heard != self.seen {
            (self.seen, self.since) = (heard, Instant::now());
        }
        let failure = self.media.status.said().input_error.map(|failure| failure.text);
        let silent = || (self.since.elapsed() > SILENCE).then(|| "nothing comes from it any more".into());
        let why = failure.or_else(silent)?;
        self.ended = true;
        self.way.send_event(gst::event::Eos::new());
        Some(why)
    }
}

/// Checks that there is such a microphone, before anything of it is recorded.
///
/// # Errors
/// [`Error::Device`] when there is none.
pub(crate) fn check(microphone: &Microphone) -> Result<()> {
    init()?;
    // Some have been opened to be known.
    let _ = source(microphone)?.set_state(gst::State::Null);
    Ok(())
}

/// Opens `microphone`; the sink of the file lets it begin.
///
/// # Errors
/// [`Error::Device`] when there is none of that name; what it cannot do shows when it begins.
pub(crate) fn open(microphone: &Microphone) -> Result<(OpenMedia, Listening)> {
    let gstreamer = |error: gst::glib::BoolError| Error::Internal(format!("the microphone: {error}"));
    let media = Arc::new(Media::new()?);
    // The clock of our own instants, by which frames are placed beside the sound.
    media.pipeline.use_clock(Some(&gst::SystemClock::obtain()));
    let mut chain = vec![source(microphone)?];
    for factory in ["audioconvert", "audioresample", "audiorate", "capsfilter"] {
        chain.push(element(factory)?);
    }
    let filter = &chain[chain.len() - 1];
    let caps: gst::Caps = SAMPLES.parse().map_err(gstreamer)?;
    filter.set_property("caps", &caps);
    media.input.add_many(&chain).map_err(gstreamer)?;
    gst::Element::link_many(&chain).map_err(gstreamer)?;
    let src = pad(filter, "src")?;
    let (track, way) = track::live(&media, Stream::live(src, caps))?;
    let about = About { tags: gst::TagList::new(), video: Label::default(), chapters: Vec::new() };
    let open = OpenMedia { media: Arc::clone(&media), tracks: vec![track], about };
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    way.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    Ok((open, Listening { media, way, heard, seen: 0, since: Instant::now(), ended: false }))
}

fn source(microphone: &Microphone) -> Result<gst::Element> {
    match microphone {
        Microphone::Default => chosen(),
        Microphone::Test => synthetic("ticks"),
        Microphone::Silence => synthetic("silence"),
        Microphone::Named(name) => named(name),
    }
}

/// The one that the system has chosen. Where there is none, GStreamer takes silence, and does not tell.
fn chosen() -> Result<gst::Element> {
    let source = element("autoaudiosrc")?;
    let ready = source.set_state(gst::State::Ready);
    let children = source.downcast_ref::<gst::Bin>().map(GstBinExtManual::children).unwrap_or_default();
    let is_device = |child: &gst::Element| {
        let name = child.factory().map(|factory| factory.name());
        name.is_some_and(|name| !["audiotestsrc", "fakesrc"].contains(&name.as_str()))
    };
    if ready.is_ok() && children.iter().any(is_device) {
        return Ok(source);
    }
    let _ = source.set_state(gst::State::Null);
    Err(Error::Device("there is no microphone; connect one, or go without --microphone".into()))
}

fn synthetic(wave: &str) -> Result<gst::Element> {
    let source = element("audiotestsrc")?;
    source.set_property("is-live", true);
    source.set_property_from_str("wave", wave);
    Ok(source)
}

/// The one microphone with `name` in its name.
fn named(name: &str) -> Result<gst::Element> {
    let monitor = gst::DeviceMonitor::new();
    monitor.add_filter(Some("Audio/Source"), None);
    let devices = match monitor.start() {
        Ok(()) => monitor.devices(),
        Err(_) => Default::default(),
    };
    monitor.stop();
    let has = |device: &&gst::Device| device.display_name().to_lowercase().contains(&name.to_lowercase());
    let found: Vec<_> = devices.iter().filter(has).collect();
    match &found[..] {
        [device] => device
            .create_element(None)
            .map_err(|error| Error::Device(format!("the microphone {name:?} cannot be used: {error}"))),
        _ => {
            let names: Vec<_> = devices.iter().map(|device| format!("{:?}", device.display_name())).collect();
            let there = if names.is_empty() { "none".into() } else { names.join(", ") };
            let which = if found.is_empty() { "no microphone is called" } else { "several microphones are called" };
            Err(Error::Device(format!("{which} {name:?}; there is {there}")))
        }
    }
}
