//! Takes a container apart: which stream is the video, which are sound, and what is left out.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use super::stdin::Pipe;
use crate::error::SourceError;
use crate::flow::Stop;
use crate::isobmff::Index;
use crate::media::pipeline::{Failure, Media, Said};
use crate::media::{Stream, element, pad, parsebin};
use crate::report::Meter;

/// Longest time that a demuxer may take to show its streams.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a container holds, sorted.
pub(super) struct Streams {
    pub(super) video: Stream,
    pub(super) audio: Vec<Stream>,
    pub(super) texts: Vec<Stream>,
    /// Linked to nowhere.
    pub(super) rest: Vec<Stream>,
    /// The container has a timeline that begins at 0.
    pub(super) has_timeline: bool,
}

impl Streams {
    pub(super) fn all(&self) -> impl Iterator<Item = &Stream> {
        std::iter::once(&self.video).chain(&self.audio).chain(&self.texts).chain(&self.rest)
    }

    /// Says in one sentence what of the file does not come along: what is no video, sound or subtitles, the tracks in
    /// `index` that the demuxer did not show at all, and the codec that GStreamer says it is `missing` a decoder for.
    pub(super) fn warn_of_rest(&self, index: &Index, missing: Option<String>, meter: &Meter) {
        let shown = self.rest.iter().map(Stream::codec);
        let hidden = index.tracks.iter().filter(|track| !self.all().any(|stream| stream.is_track(track.id)));
        let hidden = hidden.map(|track| format!("track {} ({})", track.id, track.kind.escape_ascii()));
        // Of some streams without a decoder GStreamer says so and shows them all the same.
        let missing = missing.filter(|codec| !self.all().any(|stream| stream.codec_for_gstreamer() == *codec));
        let missing = missing.map(|codec| format!("{codec} (no decoder for it is installed)"));
        let left_out: Vec<_> = shown.chain(hidden).chain(missing).collect();
        if !left_out.is_empty() {
            let kept = "one video, sound and subtitles are kept, as far as GStreamer can read them";
            meter.warn(format!("left out: {}; {kept}", left_out.join(", ")));
        }
    }
}

/// Opens `path`, or `pipe`, and waits until the demuxer has shown all streams; it reads what `index` would have it read.
pub(super) fn open(
    media: &Media,
    path: &Path,
    pipe: Option<&Pipe>,
    index: Index,
    stop: &Stop,
) -> Result<Streams, SourceError> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let file = match pipe {
        Some(pipe) => pipe.element()?,
        None => {
            let file = element("filesrc")?;
            file.set_property("location", path);
            hide(&file, index)?;
            file
        }
    };
    let parse = parsebin()?;
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
    let has_timeline = media.has_any(&["qtdemux"]);
    match (sort(path, streams), said.missing) {
        // Streams that nothing understands are not shown.
        (Err(SourceError::NoVideo { path, .. }), Some(codec)) => Err(SourceError::NoDecoder { path, codec }),
        (sorted, _) => Ok(Streams { has_timeline, ..sorted? }),
    }
}

/// Lets what `file` gives be read as `index` would have it.
fn hide(file: &gst::Element, index: Index) -> Result<(), SourceError> {
    pad(file, "src")?.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && index.touches(buffer.offset(), buffer.size())
        {
            let offset = buffer.offset();
            if let Ok(mut bytes) = buffer.make_mut().map_writable() {
                index.apply(offset, &mut bytes);
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
        list.lock().unwrap_or_else(PoisonError::into_inner).push(Stream::parsed(pad.clone(), block, caps));
    });
}

fn sort(path: &Path, streams: Vec<Stream>) -> Result<Streams, SourceError> {
    if streams.iter().any(|s| s.media_type().contains("cenc") || s.media_type().contains("webm-enc")) {
        return Err(encrypted(path));
    }
    let (audio, others): (Vec<_>, Vec<_>) = streams.into_iter().partition(Stream::is_audio);
    let (texts, others): (Vec<_>, Vec<_>) = others.into_iter().partition(Stream::is_text);
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
    Ok(Streams { video, audio, texts, rest, has_timeline: false })
}

fn why_no_streams(path: &Path, said: &Said, moves: bool) -> SourceError {
    match said {
        // A page that was saved in place of a video, say: no decoder to be installed would help.
        Said { missing: Some(kind), .. } if kind.starts_with("text/") => {
            SourceError::NotMedia { path: path.into(), reason: "it is text".into() }
        }
        Said { missing: Some(codec), .. } => SourceError::NoDecoder { path: path.into(), codec: codec.clone() },
        Said { input_error: Some(failure), .. } | Said { output_error: Some(failure), .. } => unreadable(path, failure),
        _ if moves => SourceError::Stalled { path: path.into(), seconds: PATIENCE.as_secs() },
        _ => SourceError::NotMedia { path: path.into(), reason: "it holds no stream that can be read".into() },
    }
}

/// The error of a file that only its key would open.
pub(super) fn encrypted(path: &Path) -> SourceError {
    let (what, hint) = ("encrypted".into(), "decrypt it with its key".into());
    SourceError::Unsupported { path: path.into(), what, hint }
}

/// The error of a file that gave nothing.
pub(super) fn unreadable(path: &Path, failure: &Failure) -> SourceError {
    if failure.encrypted {
        return encrypted(path);
    }
    let reason = failure.text.clone();
    if failure.not_media {
        SourceError::NotMedia { path: path.into(), reason }
    } else {
        SourceError::Undecodable { path: path.into(), reason }
    }
}
