//! Reads a finished file back, without decoding it: what was written must be there.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use gst::prelude::*;

use super::container::Container;
use super::stall::Stall;
use crate::isobmff;
use crate::media::parsebin;
use crate::media::pipeline::{POLL, STALL};

/// What a file was found to hold.
#[derive(Default)]
struct Found {
    frames: AtomicU64,
    sound_tracks: AtomicUsize,
    /// Buffers of all streams: as long as they come, reading goes on.
    buffers: AtomicU64,
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
    let parse = parsebin().map_err(|error| error.to_string())?;
    pipeline.add_many([&file, &parse]).map_err(text)?;
    file.link(&parse).map_err(text)?;
    let (weak, counted) = (pipeline.downgrade(), Arc::clone(found));
    parse.connect_pad_added(move |_, pad| {
        if let Some(pipeline) = weak.upgrade() {
            count(&pipeline, pad, &counted);
        }
    });
    let result = play(&pipeline, found, STALL);
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
    let (found, frames) = (Arc::clone(found), u64::from(kind.contains(gst::StreamType::VIDEO)));
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        found.frames.fetch_add(frames, Ordering::Relaxed);
        found.buffers.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
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

/// Runs `pipeline` to its end, however long that takes, unless nothing is `found` for as long as `patience`.
fn play(pipeline: &gst::Pipeline, found: &Found, patience: Duration) -> Result<(), String> {
    let bus = pipeline.bus().ok_or("no bus")?;
    pipeline.set_state(gst::State::Playing).map_err(|error| error.to_string())?;
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let poll = gst::ClockTime::from_mseconds(POLL.as_millis() as u64);
    let mut stall = Stall::from(0);
    loop {
        if let Some(message) = bus.timed_pop_filtered(poll, &ends) {
            return match message.view() {
                gst::MessageView::Error(error) => Err(error.error().to_string()),
                _ => Ok(()),
            };
        }
        if stall.outlasts(patience, found.buffers.load(Ordering::Relaxed)) {
            return Err("reading stalls".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays what `elements` give.
    fn played(elements: &str, patience: Duration) -> (Result<(), String>, u64) {
        crate::media::pipeline::init().unwrap();
        let pipeline = gst::parse::launch(elements).unwrap().downcast::<gst::Pipeline>().unwrap();
        let found = Arc::new(Found::default());
        count(&pipeline, &pipeline.by_name("last").unwrap().static_pad("src").unwrap(), &found);
        let result = play(&pipeline, &found, patience);
        pipeline.set_state(gst::State::Null).unwrap();
        (result, found.buffers.load(Ordering::Relaxed))
    }

    #[test]
    fn reading_may_take_longer_than_a_stall_as_long_as_it_goes_on() {
        // Three seconds in all, and a tenth of one between two buffers.
        let slow = "fakesrc num-buffers=30 ! queue ! identity name=last sleep-time=100000";
        assert_eq!(played(slow, Duration::from_secs(2)), (Ok(()), 30));
        let silent = "appsrc ! identity name=last";
        assert_eq!(played(silent, Duration::from_millis(300)), (Err("reading stalls".into()), 0));
    }
}
