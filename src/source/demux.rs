//! Takes a container apart: which stream is the video, which are sound, and what is left out.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use super::pipeline::{Failure, Media, Said};
use super::stdin::Pipe;
use super::{SourceError, pipeline};
use crate::flow::Stop;
use crate::frame::Size;
use crate::isobmff::{Hidden, Priming};
use crate::report::Meter;

/// Longest time that a demuxer may take to show its streams.
const PATIENCE: Duration = Duration::from_secs(20);

/// A parsed stream. Its pad is blocked until somebody links it.
pub(super) struct Stream {
    pad: gst::Pad,
    block: Option<gst::PadProbeId>,
    pub(super) caps: gst::Caps,
}

impl Stream {
    fn media_type(&self) -> &str {
        self.caps.structure(0).map_or("", |s| s.name().as_str())
    }

    fn is_video(&self) -> bool {
        self.media_type().starts_with("video/") || self.media_type().starts_with("image/")
    }

    fn is_audio(&self) -> bool {
        self.media_type().starts_with("audio/")
    }

    /// A picture without a rate beside sound is the cover.
    fn is_cover(&self) -> bool {
        let rate = self.caps.structure(0).and_then(|s| s.get::<gst::Fraction>("framerate").ok());
        self.media_type().starts_with("image/") && rate.is_none_or(|rate| rate.numer() == 0)
    }

    /// Size of its pictures, as far as the container tells.
    pub(super) fn size(&self) -> Option<Size> {
        let side = |name: &str| u32::try_from(self.caps.structure(0)?.get::<i32>(name).ok()?).ok();
        Some(Size::new(side("width")?, side("height")?))
    }

    /// Codec in words.
    pub(super) fn codec(&self) -> String {
        gst_pbutils::pb_utils_get_codec_description(&self.caps).to_string()
    }

    /// Whether it is the track of this number in an MP4 or QuickTime file.
    pub(super) fn is_track(&self, track_id: u32) -> bool {
        let id = self.pad.stream_id();
        id.and_then(|id| id.rsplit('/').next()?.parse().ok()) == Some(track_id)
    }

    /// Lets the data flow to `sink`.
    pub(super) fn link(mut self, sink: &gst::Pad) -> Result<(), SourceError> {
        self.pad
            .link(sink)
            .map_err(|error| SourceError::Gstreamer(format!("cannot link {}: {error}", self.codec())))?;
        if self.pad.sticky_event::<gst::event::Eos>(0).is_some() {
            // It ended before it was linked: nothing comes any more that would bring the end along.
            self.pad.sticky_events_foreach(|event| {
                sink.send_event(event.clone());
                std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
            });
        }
        if let Some(block) = self.block.take() {
            self.pad.remove_probe(block);
        }
        Ok(())
    }
}

/// What a container holds, sorted.
pub(super) struct Streams {
    pub(super) video: Stream,
    pub(super) audio: Vec<Stream>,
    /// Linked to nowhere.
    pub(super) rest: Vec<Stream>,
}

/// Opens `path`, or `pipe`, and waits until the demuxer has shown all streams; it does not see the edit lists in `hidden`.
pub(super) fn open(
    media: &Media,
    path: &Path,
    pipe: Option<&Pipe>,
    hidden: Hidden,
    stop: &Stop,
) -> Result<Streams, SourceError> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let file = match pipe {
        Some(pipe) => pipe.element()?,
        None => {
            let file = element("filesrc")?;
            file.set_property("location", path);
            file
        }
    };
    if !hidden.primings.is_empty() {
        hide(&file, hidden)?;
    }
    let parse = element("parsebin")?;
    connect(&parse, media, &found);
    let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
    media.input.add_many([&file, &parse]).map_err(gstreamer)?;
    file.link(&parse).map_err(gstreamer)?;
    // Errors of the state change are on the bus, with a better text.
    let _ = media.pipeline.set_state(gst::State::Playing);
    let said = media.wait(stop, PATIENCE, |said| said.streams_known || said.failed())?;
    let streams = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    if !said.streams_known {
        return Err(why_no_streams(path, &said, media.moves()));
    }
    match (sort(path, streams), said.missing) {
        // Streams that nothing understands are not shown.
        (Err(SourceError::NoVideo { path, .. }), Some(codec)) => Err(SourceError::NoDecoder { path, codec }),
        (sorted, _) => sorted,
    }
}

/// Lets what `file` gives be read without the edit lists in `hidden`.
fn hide(file: &gst::Element, hidden: Hidden) -> Result<(), SourceError> {
    pad(file, "src")?.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && hidden.touches(buffer.offset(), buffer.size())
        {
            let offset = buffer.offset();
            if let Ok(mut bytes) = buffer.make_mut().map_writable() {
                hidden.apply(offset, &mut bytes);
            }
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Collects the streams that `parse` shows. It shows all of them before the first data flows, so the first data (or the
/// end) says that they are complete; there is no other sign of it in GStreamer 1.22.
fn connect(parse: &gst::Element, media: &Media, found: &Arc<Mutex<Vec<Stream>>>) {
    let (list, status) = (Arc::clone(found), Arc::clone(&media.status));
    parse.connect_pad_added(move |_, pad| {
        let ended = Arc::clone(&status);
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if info.event().is_some_and(|event| event.type_() == gst::EventType::Eos) {
                ended.note(|said| said.streams_known = true);
            }
            gst::PadProbeReturn::Ok
        });
        // Only data is held: parsebin pushes events while it still shows its pads, and must not be stopped there.
        let data = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        let known = Arc::clone(&status);
        let block = pad.add_probe(data, move |_, _| {
            known.note(|said| said.streams_known = true);
            gst::PadProbeReturn::Ok
        });
        let caps = pad.stream().and_then(|s| s.caps()).or_else(|| pad.current_caps());
        let caps = caps.unwrap_or_else(|| pad.query_caps(None));
        list.lock().unwrap_or_else(PoisonError::into_inner).push(Stream { pad: pad.clone(), block, caps });
    });
}

fn sort(path: &Path, streams: Vec<Stream>) -> Result<Streams, SourceError> {
    if streams.iter().any(|s| s.media_type().contains("cenc") || s.media_type().contains("webm-enc")) {
        return Err(SourceError::Unsupported {
            path: path.into(),
            what: "encrypted".into(),
            hint: "decrypt it with its key".into(),
        });
    }
    let (audio, others): (Vec<_>, Vec<_>) = streams.into_iter().partition(Stream::is_audio);
    let (mut videos, mut rest): (Vec<_>, Vec<_>) = others.into_iter().partition(Stream::is_video);
    let with_sound = !audio.is_empty();
    let chosen = videos
        .iter()
        .position(|s| s.media_type().starts_with("video/"))
        .or_else(|| videos.iter().position(|s| !(with_sound && s.is_cover())));
    let Some(chosen) = chosen else {
        let what = if with_sound { ", only sound" } else { "" };
        return Err(SourceError::NoVideo { path: path.into(), what: what.into() });
    };
    let video = videos.remove(chosen);
    rest.extend(videos);
    Ok(Streams { video, audio, rest })
}

fn why_no_streams(path: &Path, said: &Said, moves: bool) -> SourceError {
    match said {
        Said { missing: Some(codec), .. } => SourceError::NoDecoder { path: path.into(), codec: codec.clone() },
        Said { input_error: Some(failure), .. } | Said { output_error: Some(failure), .. } => unreadable(path, failure),
        _ if moves => SourceError::Stalled { path: path.into(), seconds: PATIENCE.as_secs() },
        _ => SourceError::NotMedia { path: path.into(), reason: "it holds no stream that can be read".into() },
    }
}

/// The error of a file that gave nothing.
pub(super) fn unreadable(path: &Path, failure: &Failure) -> SourceError {
    if failure.encrypted {
        let (what, hint) = ("encrypted".into(), "decrypt it with its key".into());
        return SourceError::Unsupported { path: path.into(), what, hint };
    }
    let reason = failure.text.clone();
    if failure.not_media {
        SourceError::NotMedia { path: path.into(), reason }
    } else {
        SourceError::Undecodable { path: path.into(), reason }
    }
}

/// A sound track on its way to a muxer. It waits, blocked, until a sink takes it; its queue has no bound, since a
/// bounded one can stop the demuxer while the muxer waits for video: back-pressure comes from the video alone.
pub(crate) struct Track {
    pub(crate) pad: gst::GhostPad,
    pub(crate) caps: gst::Caps,
    /// Run-up at its start that nobody is to hear.
    pub(crate) priming: Option<Priming>,
    queue: gst::Element,
    block: Option<gst::PadProbeId>,
    /// The moment of the input's time that becomes 0.
    begin_nanos: u64,
}

impl Track {
    /// Lets the sound flow.
    pub(crate) fn open(&mut self) {
        if let Some(block) = self.block.take() {
            self.pad.remove_probe(block);
        }
    }

    /// Leaves out what begins before `nanos` of the input's time, which becomes 0.
    pub(super) fn begin_at(&mut self, nanos: u64) {
        self.begin_nanos = nanos;
        self.pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let pts = info.buffer().and_then(|buffer| buffer.pts());
            match pts.and_then(|pts| running_time(pad, pts)) {
                Some(time) if time.nseconds() < nanos => gst::PadProbeReturn::Drop,
                _ => gst::PadProbeReturn::Ok,
            }
        });
    }

    /// Shifts the track to a later time.
    pub(crate) fn shift(&self, nanos: u64) {
        let [nanos, begin] = [nanos, self.begin_nanos].map(|nanos| i64::try_from(nanos).unwrap_or(i64::MAX));
        self.pad.set_offset(nanos - begin);
    }

    /// Ends the track at `end_nanos` of the part's time: what begins later is dropped, and the end follows. For a video that ends before
    /// its container does.
    pub(crate) fn end_at(&self, end_nanos: u64) {
        let end_nanos = end_nanos + self.begin_nanos;
        self.pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let pts = info.buffer().and_then(|buffer| buffer.pts());
            let running = pts.and_then(|pts| running_time(pad, pts));
            match running {
                Some(time) if time.nseconds() >= end_nanos => gst::PadProbeReturn::Drop,
                _ => gst::PadProbeReturn::Ok,
            }
        });
        if let Some(sink) = self.queue.static_pad("sink") {
            sink.send_event(gst::event::Eos::new());
        }
    }
}

fn running_time(pad: &gst::GhostPad, pts: gst::ClockTime) -> Option<gst::ClockTime> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    segment.to_running_time(pts)
}

/// Gives `stream` a queue and a blocked pad on the outside of the input bin.
pub(super) fn track(media: &Media, stream: Stream, priming: Option<Priming>) -> Result<Track, SourceError> {
    let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
    let queue = element("queue")?;
    for bound in ["max-size-buffers", "max-size-bytes"] {
        queue.set_property(bound, 0u32);
    }
    queue.set_property("max-size-time", 0u64);
    media.input.add(&queue).map_err(gstreamer)?;
    let (sink, src) = (pad(&queue, "sink")?, pad(&queue, "src")?);
    // Named by its queue: the targets of all tracks are called the same.
    let outside = gst::GhostPad::builder_with_target(&src).map_err(gstreamer)?.name(queue.name()).build();
    let block = outside.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
    outside.set_active(true).map_err(gstreamer)?;
    media.input.add_pad(&outside).map_err(gstreamer)?;
    queue.sync_state_with_parent().map_err(gstreamer)?;
    let caps = stream.caps.clone();
    stream.link(&sink)?;
    Ok(Track { pad: outside, caps, priming, queue, block, begin_nanos: 0 })
}

/// Lets `stream` run into nowhere.
pub(super) fn discard(media: &Media, stream: Stream) -> Result<(), SourceError> {
    let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
    let nowhere = element("fakesink")?;
    nowhere.set_property("sync", false);
    nowhere.set_property("async", false);
    media.input.add(&nowhere).map_err(gstreamer)?;
    nowhere.sync_state_with_parent().map_err(gstreamer)?;
    stream.link(&pad(&nowhere, "sink")?)
}

/// Says what of `streams` does not come along.
pub(super) fn warn_of_rest(streams: &[Stream], meter: &Meter) {
    for stream in streams {
        meter.warn(format!("left out: {} (only one video and the sound are kept)", stream.codec()));
    }
}

pub(super) fn element(factory: &str) -> Result<gst::Element, SourceError> {
    pipeline::init()?;
    gst::ElementFactory::make(factory)
        .build()
        .map_err(|_| SourceError::Gstreamer(format!("its element {factory} is not installed")))
}

pub(super) fn pad(element: &gst::Element, name: &str) -> Result<gst::Pad, SourceError> {
    element.static_pad(name).ok_or_else(|| SourceError::Gstreamer(format!("{} has no pad {name}", element.name())))
}
