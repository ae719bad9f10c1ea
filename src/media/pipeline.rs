//! The one pipeline that a file source and a file sink share, and what its bus has said.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::error::SourceError;
use crate::flow::Stop;

/// Longest time that nothing may move before the pipeline counts as hung.
pub(crate) const STALL: Duration = Duration::from_secs(120);

/// An input in which no thread has run for so long has come to its end: elements start threads at once.
const IDLE: Duration = Duration::from_secs(2);

/// How often somebody who waits looks round.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// A running `gst::Pipeline`. Its source elements stand in one bin, so that an error tells its side. Dropping the last
/// handle stops everything, from outside the streaming threads, which also frees whoever is blocked inside.
pub(crate) struct Media {
    pub(crate) pipeline: gst::Pipeline,
    /// Everything up to and including the appsink.
    pub(crate) input: gst::Bin,
    pub(crate) status: Arc<Status>,
}

impl Media {
    pub(crate) fn new() -> Result<Self, SourceError> {
        init()?;
        let pipeline = gst::Pipeline::new();
        // Without this the pipeline swallows the end of one sink until all have ended; the file's end is what counts.
        pipeline.set_property("message-forward", true);
        let input = gst::Bin::with_name("input");
        pipeline.add(&input).map_err(|error| SourceError::Gstreamer(error.to_string()))?;
        let status = Arc::new(Status::default());
        if let Some(bus) = pipeline.bus() {
            let (status, input) = (Arc::clone(&status), input.downgrade());
            bus.set_sync_handler(move |_, message| {
                status.hear(message, input.upgrade().as_ref());
                gst::BusSyncReply::Drop
            });
        }
        Ok(Self { pipeline, input, status })
    }

    /// Whether an element of one of these kinds is on the way in.
    pub(crate) fn has_any(&self, factories: &[&str]) -> bool {
        let elements = self.input.iterate_recurse().into_iter().flatten();
        elements.filter_map(|element| element.factory()).any(|factory| factories.contains(&factory.name().as_str()))
    }

    /// Waits until `ready`, or until no thread of the input moves any more; returns the state then, or after the timeout.
    ///
    /// An error that an element posts while parsebin still plugs it in is swallowed by parsebin (GStreamer 1.22), when it
    /// comes at the wrong moment. Nothing comes any more then, and only that tells of it.
    pub(crate) fn wait(
        &self,
        stop: &Stop,
        timeout: Duration,
        ready: impl Fn(&Said) -> bool,
    ) -> Result<Said, SourceError> {
        let since = Instant::now();
        let mut moved = since;
        loop {
            let said = self.status.wait(POLL, &ready);
            if self.moves() {
                moved = Instant::now();
            }
            if ready(&said) || since.elapsed() > timeout || moved.elapsed() > IDLE {
                return Ok(said);
            }
            if stop.asked() {
                return Err(SourceError::Stopped);
            }
        }
    }

    /// Whether any pad of the input has a thread at work, be it one that waits.
    pub(crate) fn moves(&self) -> bool {
        let mut elements = self.input.iterate_recurse();
        loop {
            match elements.next() {
                Ok(Some(element)) if element.pads().iter().any(|pad| pad.task_state() == gst::TaskState::Started) => {
                    return true;
                }
                Ok(Some(_)) => {}
                Ok(None) => return false,
                // Elements come and go.
                Err(_) => return true,
            }
        }
    }

    /// Stops all streaming threads and closes all files.
    pub(crate) fn halt(&self) {
        // Going to Null cannot fail for elements that went up, and there is nothing to do if it did.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.halt();
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// Starts GStreamer. Its warnings about itself do not belong on the user's terminal.
pub(crate) fn init() -> Result<(), SourceError> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        gst::glib::log_set_default_handler(|domain, level, text| {
            tracing::debug!(target: "glib", ?level, domain, text);
        });
    });
    gst::init().map_err(|error| SourceError::Gstreamer(error.to_string()))
}

/// What the elements have reported. Written by the bus, in whichever thread posts; nobody polls.
#[derive(Default)]
pub(crate) struct Status {
    said: Mutex<Said>,
    changed: Condvar,
}

/// The state behind [`Status`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// First error on the way in. Later ones, and an EOS after it, do not replace it.
    pub(crate) input_error: Option<Failure>,
    /// The error was that of a decoder.
    pub(crate) decoder_failed: bool,
    /// First error on the way out.
    pub(crate) output_error: Option<Failure>,
    /// A decoder or demuxer that is not installed, in words.
    pub(crate) missing: Option<String>,
    /// The demuxer has shown all its streams.
    pub(crate) streams_known: bool,
    /// Streams whose first time stamp is known.
    pub(crate) begun: usize,
    /// The video before the decoder takes no more, so that nothing else comes either.
    pub(crate) full: bool,
    /// The decoder has told its format.
    pub(crate) format_known: bool,
    /// The source has given its last frame.
    pub(crate) drained: bool,
    /// The file is complete.
    pub(crate) written: bool,
    /// Buffers that went from appsrc into the encoder.
    pub(crate) taken: u64,
    /// Frames of an unfinished run that went towards the muxer.
    pub(crate) replayed: u64,
    /// All frames of an unfinished run are on their way to the muxer.
    pub(crate) replay_over: bool,
    /// The encoder does not continue the stream of the unfinished run.
    pub(crate) encodes_otherwise: bool,
    /// Why sound of the input could not be read.
    pub(crate) sound_lost: Option<String>,
    /// Tracks of which sound has reached the muxer.
    pub(crate) sound_fed: usize,
    /// Warnings of elements on the way in: damaged data, mostly.
    pub(crate) input_warnings: u64,
}

impl Said {
    /// Whether anything went wrong. While the input is opened all errors are its own: those of elements that have been
    /// thrown out meanwhile come from nowhere, and so count as errors of the output.
    pub(crate) fn failed(&self) -> bool {
        self.input_error.is_some() || self.output_error.is_some()
    }
}

/// An error message of GStreamer.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// In one line.
    pub(crate) text: String,
    /// The disk is full.
    pub(crate) no_space: bool,
    /// A disk, a device or a network failed, whatever the stream is like.
    pub(crate) of_machine: bool,
    /// The stream is of a kind that nothing here understands.
    pub(crate) not_media: bool,
    /// Encrypted.
    pub(crate) encrypted: bool,
    /// It is the sound that could not be parsed or decoded.
    pub(crate) sound: bool,
    /// Why a device does not open, if it is that.
    pub(crate) access: Option<Access>,
}

/// Why a device does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Somebody else has it.
    Busy,
    /// It is not there.
    Absent,
    /// This user may not.
    Denied,
}

impl Failure {
    /// One of ours, in these words.
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            text: text.into(),
            no_space: false,
            of_machine: false,
            not_media: false,
            encrypted: false,
            sound: false,
            access: None,
        }
    }

    fn of(message: &gst::message::Error) -> Self {
        let error = message.error();
        let details = message.debug().map(|text| text.to_string()).unwrap_or_default();
        tracing::debug!("error on the bus: {error} ({details})");
        Self {
            text: system_reason(&error, &details).unwrap_or_else(|| one_line(&error.to_string())),
            no_space: error.matches(gst::ResourceError::NoSpaceLeft),
            of_machine: error.is::<gst::ResourceError>(),
            not_media: error.matches(gst::StreamError::TypeNotFound)
                || error.matches(gst::StreamError::WrongType)
                || error.matches(gst::StreamError::Demux),
            sound: message.src().is_some_and(reads_sound),
            encrypted: error.matches(gst::StreamError::Decrypt) || error.matches(gst::StreamError::DecryptNokey),
            access: Access::of(&error, &details),
        }
    }
}

impl Access {
    fn of(error: &gst::glib::Error, details: &str) -> Option<Self> {
        let is = |kind: gst::ResourceError| error.matches(kind);
        let opening = is(gst::ResourceError::OpenRead) || is(gst::ResourceError::OpenReadWrite);
        match () {
            () if is(gst::ResourceError::Busy) || details.contains("busy") => Some(Self::Busy),
            () if is(gst::ResourceError::NotAuthorized) => Some(Self::Denied),
            () if opening && details.contains("ermission") => Some(Self::Denied),
            () if is(gst::ResourceError::NotFound) => Some(Self::Absent),
            () => None,
        }
    }
}

/// What the operating system said, which ends the details of an error: better than "could not write to resource".
fn system_reason(error: &gst::glib::Error, details: &str) -> Option<String> {
    if !error.matches(gst::ResourceError::Write) && !error.matches(gst::ResourceError::Read) {
        return None;
    }
    // The first line says where in GStreamer it happened.
    let (_, told) = details.split_once('\n')?;
    let (_, reason) = told.lines().last()?.rsplit_once(": ")?;
    let mut letters = reason.trim().chars();
    Some(letters.next()?.to_lowercase().chain(letters).collect())
}

/// `text` without line breaks and without the full stop that GStreamer's sentences end with.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

impl Status {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said so far.
    pub(crate) fn said(&self) -> Said {
        self.lock().clone()
    }

    /// Notes something and wakes who waits.
    pub(crate) fn note(&self, note: impl FnOnce(&mut Said)) {
        note(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `ready` or the timeout; returns the state then.
    pub(crate) fn wait(&self, timeout: Duration, ready: impl Fn(&Said) -> bool) -> Said {
        let guard = self.lock();
        let (guard, _) = self
            .changed
            .wait_timeout_while(guard, timeout, |said| !ready(said))
            .unwrap_or_else(PoisonError::into_inner);
        guard.clone()
    }

    fn hear(&self, message: &gst::Message, input: Option<&gst::Bin>) {
        use gst::MessageView;
        let from_input = || match (message.src(), input) {
            (Some(src), Some(input)) => src == input || src.has_as_ancestor(input),
            _ => false,
        };
        match message.view() {
            MessageView::Error(error) => {
                let failure = Failure::of(error);
                let (side, decoder) = (from_input(), is_decoder(message));
                self.note(|said| {
                    // Only the picture's decoder counts: without sound the picture goes on.
                    said.decoder_failed |= decoder && !failure.sound;
                    match side {
                        true if failure.sound => _ = said.sound_lost.get_or_insert(failure.text),
                        true => _ = said.input_error.get_or_insert(failure),
                        false => _ = said.output_error.get_or_insert(failure),
                    }
                });
            }
            MessageView::Warning(warning) => {
                tracing::debug!("warning on the bus: {} ({:?})", warning.error(), warning.debug());
                if from_input() {
                    self.note(|said| said.input_warnings += 1);
                }
            }
            MessageView::Element(_) if gst_pbutils::MissingPluginMessage::is(message) => {
                if let Ok(missing) = gst_pbutils::MissingPluginMessage::parse(message) {
                    let text = one_line(&missing.description());
                    let text = text.trim_end_matches(" decoder").to_owned();
                    self.note(|said| _ = said.missing.get_or_insert(text));
                }
            }
            MessageView::Element(element) => {
                let forwarded = element.structure().filter(|s| s.name() == "GstBinForwarded");
                let inner = forwarded.and_then(|s| s.get::<gst::Message>("message").ok());
                if inner.is_some_and(|m| m.type_() == gst::MessageType::Eos && is_file_sink(&m)) {
                    self.note(|said| said.written = true);
                }
            }
            _ => {}
        }
    }
}

fn reads_sound(element: &gst::Object) -> bool {
    use gst::ElementFactoryType as Type;
    let kinds = Type::DECODER | Type::PARSER | Type::MEDIA_AUDIO;
    let factory = element.downcast_ref::<gst::Element>().and_then(gst::Element::factory);
    factory.is_some_and(|factory| factory.has_type(kinds))
}

fn is_decoder(message: &gst::Message) -> bool {
    let element = message.src().and_then(|src| src.downcast_ref::<gst::Element>());
    let factory = element.and_then(ElementExt::factory);
    factory.is_some_and(|factory| factory.has_type(gst::ElementFactoryType::DECODER))
}

fn is_file_sink(message: &gst::Message) -> bool {
    message.src().is_some_and(|src| src.name() == FILE_SINK)
}

/// Name of the element whose end of stream means that the file is complete.
pub(crate) const FILE_SINK: &str = "file-sink";

/// Plays the pipeline of `text` to its end: a test makes a clip so.
#[cfg(test)]
pub(crate) fn play_out(text: &str) {
    init().unwrap();
    let pipeline = gst::parse::launch(text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(60), &ends).unwrap();
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    pipeline.set_state(gst::State::Null).unwrap();
}
