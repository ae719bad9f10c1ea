//! Reads a finished file back, without decoding it: what was written must be there.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use gst::prelude::*;

use super::container::Container;
use crate::isobmff;
use crate::source::pipeline::STALL;

/// What a file was found to hold.
#[derive(Default)]
struct Found {
    frames: AtomicU64,
    sound_tracks: AtomicUsize,
}

/// Checks that `path` holds `frames` frames of video and so many tracks of sound.
///
/// # Errors
/// What differs, in words.
pub(super) fn check(
    path: &Path,
    container: Container,
    frames: u64,
    sound_tracks: RangeInclusive<usize>,
) -> Result<(), String> {
    let found = Arc::new(Found::default());
    let read = if container.is_isobmff() { read_boxes(path, &found) } else { read(path, &found) };
    read.map_err(|error| format!("it cannot be read back ({error})"))?;
    let counted = found.frames.load(Ordering::Relaxed);
    if counted != frames {
        return Err(format!("it holds {counted} of {frames} frames"));
    }
    let counted = found.sound_tracks.load(Ordering::Relaxed);
    if !sound_tracks.contains(&counted) {
        return Err(format!("it holds {counted} of {} sound tracks", sound_tracks.end()));
    }
    Ok(())
}

/// By its index: GStreamer's demuxer takes a track that is much shorter than the others for a preview and leaves it out.
fn read_boxes(path: &Path, found: &Found) -> Result<(), String> {
    for (kind, samples) in isobmff::tracks(path).map_err(|error| error.to_string())? {
        match &kind {
            b"vide" => _ = found.frames.fetch_add(samples, Ordering::Relaxed),
            b"soun" => _ = found.sound_tracks.fetch_add(1, Ordering::Relaxed),
            _ => {}
        }
    }
    Ok(())
}

fn read(path: &Path, found: &Arc<Found>) -> Result<(), String> {
    let text = |error: gst::glib::BoolError| error.to_string();
    let pipeline = gst::Pipeline::new();
    let file = gst::ElementFactory::make("filesrc").property("location", path).build().map_err(text)?;
    let parse = gst::ElementFactory::make("parsebin").build().map_err(text)?;
    pipeline.add_many([&file, &parse]).map_err(text)?;
    file.link(&parse).map_err(text)?;
    let (weak, found) = (pipeline.downgrade(), Arc::clone(found));
    parse.connect_pad_added(move |_, pad| {
        if let Some(pipeline) = weak.upgrade() {
            count(&pipeline, pad, &found);
        }
    });
    let result = play(&pipeline);
    // Nothing to be done if it does not stop.
    let _ = pipeline.set_state(gst::State::Null);
    result
}

/// Lets the stream of `pad` run into nowhere, counted.
fn count(pipeline: &gst::Pipeline, pad: &gst::Pad, found: &Arc<Found>) {
    let kind = pad.stream().map_or(gst::StreamType::UNKNOWN, |stream| stream.stream_type());
    if kind.contains(gst::StreamType::AUDIO) {
        found.sound_tracks.fetch_add(1, Ordering::Relaxed);
    }
    if kind.contains(gst::StreamType::VIDEO) {
        let found = Arc::clone(found);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            found.frames.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
    }
    let nowhere = gst::ElementFactory::make("fakesink").property("sync", false).property("async", false).build();
    if let Ok(nowhere) = nowhere
        && pipeline.add(&nowhere).is_ok()
        && nowhere.sync_state_with_parent().is_ok()
        && let Some(sink) = nowhere.static_pad("sink")
    {
        // If it does not link, the count tells.
        let _ = pad.link(&sink);
    }
}

fn play(pipeline: &gst::Pipeline) -> Result<(), String> {
    let bus = pipeline.bus().ok_or("no bus")?;
    pipeline.set_state(gst::State::Playing).map_err(|error| error.to_string())?;
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let patience = gst::ClockTime::from_seconds(STALL.as_secs());
    match bus.timed_pop_filtered(patience, &ends) {
        Some(message) => match message.view() {
            gst::MessageView::Error(error) => Err(error.error().to_string()),
            _ => Ok(()),
        },
        None => Err("reading stalls".into()),
    }
}
