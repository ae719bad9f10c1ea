//! A track that is not decoded, on its way from the demuxer to a muxer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

use super::origin::Origin;
use super::pipeline::Media;
use super::{Stream, element, labels, pad};
use crate::about::Label;
use crate::error::SourceError;
use crate::isobmff::Priming;

/// How often a track of text hears how far the picture is.
const TELL_NANOS: u64 = 200_000_000;

/// What a track holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sound.
    Sound,
    /// Subtitles, as text or pictures.
    Text,
}

/// A track on its way to a muxer. It waits, blocked, until a sink takes it; its queue has no bound, since a bounded one
/// can stop the demuxer while the muxer waits for video: back-pressure comes from the video alone.
pub(crate) struct Track {
    pub(crate) pad: gst::GhostPad,
    pub(crate) caps: gst::Caps,
    pub(crate) kind: Kind,
    /// What is said of it; may grow while its events pass.
    label: Arc<Mutex<Label>>,
    /// Run-up at its start that nobody is to hear.
    pub(crate) priming: Option<Priming>,
    /// Length of the run-up that an encoder puts before that.
    pub(crate) encoder_run_up_nanos: u64,
    queue: gst::Element,
    origin: Origin,
    block: Option<gst::PadProbeId>,
    told_nanos: u64,
    /// The moment of the input's time that becomes 0.
    begin_nanos: u64,
    /// It is heard now: samples as they come, which nobody wants to keep so.
    pub(crate) is_live: bool,
}

impl Track {
    /// All of the run-up at its start, for a muxer that can hide it.
    pub(crate) fn run_up(&self) -> Option<Priming> {
        let own = self.priming.unwrap_or(Priming { track_id: 0, nanos: 0, heard_nanos: 0 });
        let nanos = own.nanos + self.encoder_run_up_nanos;
        (nanos > 0).then_some(Priming { nanos, ..own })
    }

    /// Lets the data flow.
    pub(crate) fn open(&mut self) {
        if let Some(block) = self.block.take() {
            self.pad.remove_probe(block);
        }
    }

    /// Lets the data flow into nowhere.
    pub(crate) fn discard(mut self) {
        self.pad.add_probe(gst::PadProbeType::DATA_DOWNSTREAM, |_, _| gst::PadProbeReturn::Drop);
        self.open();
    }

    /// What is said of it.
    pub(crate) fn label(&self) -> Label {
        self.label.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it plays unless the user chooses another of its kind.
    pub(crate) fn choose(&self, chosen: bool) {
        self.label.lock().unwrap_or_else(PoisonError::into_inner).chosen = chosen;
    }

    /// Opus of Matroska begins before the time of its first packet, by its run-up (RFC 9559, CodecDelay). No time stamp
    /// of GStreamer is negative, so that packet is said to begin at 0, too late. MP4 holds the run-up and hides it.
    pub(crate) fn keep_opus_run_up(&mut self) {
        let Some(nanos) = opus_run_up_nanos(&self.caps).filter(|&nanos| nanos > 0) else { return };
        self.priming = Some(Priming { track_id: 0, nanos, heard_nanos: 0 });
        let later = gst::ClockTime::from_nseconds(nanos);
        let begun = AtomicBool::new(false);
        self.pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
                && let Some(pts) = buffer.pts()
            {
                let first = !begun.swap(true, Ordering::Relaxed);
                if !first || running_time(pad, pts) != Some(gst::ClockTime::ZERO) {
                    buffer.make_mut().set_pts(pts.saturating_add(later));
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Lets `with` change the tags that pass, after they were read. What is said of chapters does not pass: it knows
    /// nothing of the part that is kept.
    pub(crate) fn relabel(&self, with: impl Fn(&mut gst::TagListRef, &Label) + Send + Sync + 'static) {
        let label = Arc::clone(&self.label);
        self.pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            let Some(gst::PadProbeData::Event(event)) = &mut info.data else { return gst::PadProbeReturn::Ok };
            match event.view() {
                gst::EventView::Toc(_) => return gst::PadProbeReturn::Drop,
                gst::EventView::Tag(tag) if tag.tag().scope() == gst::TagScope::Stream => {
                    let mut label = label.lock().unwrap_or_else(PoisonError::into_inner);
                    labels::read(tag.tag(), &mut label);
                    let mut tags = tag.tag_owned();
                    with(tags.make_mut(), &label);
                    *event = gst::event::Tag::builder(tags).seqnum(event.seqnum()).build();
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Codec in words.
    pub(crate) fn codec(&self) -> String {
        gst_pbutils::pb_utils_get_codec_description(&self.caps).to_string()
    }

    /// Leaves out what begins before `nanos` of the input's time, which becomes 0.
    pub(crate) fn begin_at(&mut self, nanos: u64) {
        self.begin_nanos = nanos;
        self.pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let pts = info.buffer().and_then(|buffer| buffer.pts());
            let is_early = pts.is_some_and(|pts| match running_time(pad, pts) {
                Some(time) => time.nseconds() < nanos,
                // Before the place that was sought.
                None => nanos > 0,
            });
            if is_early { gst::PadProbeReturn::Drop } else { gst::PadProbeReturn::Ok }
        });
    }

    /// Whether what it holds at first may be left out.
    pub(crate) fn begins_later(&self) -> bool {
        self.begin_nanos > 0
    }

    /// Shifts the track to a later time.
    pub(crate) fn shift(&self, nanos: u64) {
        let [nanos, begin] = [nanos, self.begin_nanos].map(|nanos| i64::try_from(nanos).unwrap_or(i64::MAX));
        self.pad.set_offset(nanos - begin);
    }

    /// The picture has come to `nanos` of the part's time. Text is sparse, and a muxer waits for the next line of it: so
    /// it hears that there is none up to here.
    pub(crate) fn passed(&mut self, nanos: u64) {
        if self.kind != Kind::Text || (nanos < self.told_nanos + TELL_NANOS && nanos > 0) {
            return;
        }
        let Some(sink) = self.queue.static_pad("sink") else { return };
        let Some(event) = sink.sticky_event::<gst::event::Segment>(0) else { return };
        let Some(segment) = event.segment().downcast_ref::<gst::ClockTime>() else { return };
        let moved = self.origin.moved(segment);
        let here = gst::ClockTime::from_nseconds(nanos + self.begin_nanos);
        if let Some(position) = moved.as_ref().unwrap_or(segment).position_from_running_time(here) {
            self.told_nanos = nanos;
            // Refused when the track has ended, which says the same.
            sink.send_event(gst::event::Gap::builder(position).build());
        }
    }

    /// Ends the track at `end_nanos` of the part's time: what begins later is dropped, and the end follows. For a video
    /// that ends before its container does.
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

/// Length of what a decoder of Opus throws away at the begin (RFC 7845, 5.1), from the header in `caps`.
fn opus_run_up_nanos(caps: &gst::Caps) -> Option<u64> {
    let opus = caps.structure(0).filter(|s| s.name() == "audio/x-opus")?;
    let headers = opus.get::<gst::ArrayRef>("streamheader").ok()?;
    let header = headers.first()?.get::<gst::Buffer>().ok()?;
    let bytes = header.map_readable().ok()?;
    let samples = bytes.get(10..12)?;
    Some(u64::from(u16::from_le_bytes([samples[0], samples[1]])) * 1_000_000_000 / 48_000)
}

/// Gives `stream` a queue and a blocked pad on the outside of the input bin.
pub(crate) fn track(
    media: &Media,
    stream: Stream,
    kind: Kind,
    priming: Option<Priming>,
    origin: &Origin,
) -> Result<Track, SourceError> {
    let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
    let queue = element("queue")?;
    for bound in ["max-size-buffers", "max-size-bytes"] {
        queue.set_property(bound, 0u32);
    }
    queue.set_property("max-size-time", 0u64);
    media.input.add(&queue).map_err(gstreamer)?;
    let (sink, src) = (pad(&queue, "sink")?, pad(&queue, "src")?);
    origin.follow(&src);
    if kind == Kind::Sound {
        origin.watch(media, &sink);
    }
    // Named by its queue: the targets of all tracks are called the same.
    let outside = gst::GhostPad::builder_with_target(&src).map_err(gstreamer)?.name(queue.name()).build();
    let block = outside.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
    outside.set_active(true).map_err(gstreamer)?;
    media.input.add_pad(&outside).map_err(gstreamer)?;
    queue.sync_state_with_parent().map_err(gstreamer)?;
    let (caps, label) = (stream.caps.clone(), Arc::new(Mutex::new(stream.label())));
    stream.link(&sink)?;
    Ok(Track {
        pad: outside,
        caps,
        kind,
        label,
        priming,
        encoder_run_up_nanos: 0,
        queue,
        origin: origin.clone(),
        block,
        told_nanos: 0,
        begin_nanos: 0,
        is_live: false,
    })
}

/// A track of what is heard now, and the pad that it comes in by. It is encoded in every container, also in one that
/// could hold it as it is.
pub(crate) fn live(media: &Media, stream: Stream) -> Result<(Track, gst::Pad), SourceError> {
    let track = track(media, stream, Kind::Sound, None, &Origin::new(false))?;
    let way = pad(&track.queue, "sink")?;
    Ok((Track { is_live: true, ..track }, way))
}

/// Lets `stream` run into nowhere.
pub(crate) fn discard(media: &Media, stream: Stream) -> Result<(), SourceError> {
    let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
    let nowhere = element("fakesink")?;
    nowhere.set_property("sync", false);
    nowhere.set_property("async", false);
    media.input.add(&nowhere).map_err(gstreamer)?;
    nowhere.sync_state_with_parent().map_err(gstreamer)?;
    stream.link(&pad(&nowhere, "sink")?)
}
