//! From a parsed video stream to raw frames that [`Frame`](crate::frame::Frame) can hold.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;

use super::alpha;
use super::demux::unreadable;
use super::turn::Orientation;
use crate::error::SourceError;
use crate::flow::Stop;
use crate::media::caps::{Stated, light, peak_nits, stated_colorimetry, wanted, without_colorimetry};
use crate::media::origin::Origin;
use crate::media::pipeline::Media;
use crate::media::{Stream, element, pad};
use crate::report::Meter;

/// Longest time that the first frame may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Compressed data between the demuxer and the decoder.
const QUEUE_BYTES: u32 = 8 << 20;

/// Decoded frames that may wait before the stylizer.
const DECODED_AHEAD: u32 = 1;

/// A stream, decoded.
pub(super) struct Decoded {
    /// Where its frames arrive.
    pub(super) sink: gst_app::AppSink,
    /// What is known of them beside their caps.
    pub(super) stated: Stated,
    /// How their pictures lie, where the container has said so.
    pub(super) orientation: Option<Orientation>,
}

/// Decodes `stream` by `decoder`.
pub(super) fn decode(
    media: &Media,
    (stream, decoder): (Stream, gst::Element),
    origin: &Origin,
    path: &Path,
    stop: &Stop,
    meter: &Meter,
) -> Result<Decoded, SourceError> {
    let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
    let codec = stream.codec();
    let container = stream.caps.clone();
    let queue = element("queue")?;
    queue.set_property("max-size-buffers", 0u32);
    queue.set_property("max-size-time", 0u64);
    queue.set_property("max-size-bytes", QUEUE_BYTES);
    let mut chain = vec![queue.clone()];
    chain.extend(bitstream_colour(&stream.caps, &queue)?);
    chain.push(decoder.clone());
    media.input.add_many(&chain).map_err(gstreamer)?;
    gst::Element::link_many(&chain).map_err(gstreamer)?;
    give_no_more_after_failure(media, &pad(&decoder, "sink")?);
    let decoded = pad(&decoder, "src")?;
    let block = hold_first_frame(media, &decoded);
    for element in chain.iter().rev() {
        element.sync_state_with_parent().map_err(gstreamer)?;
    }
    let (sink, src) = (pad(&queue, "sink")?, pad(&queue, "src")?);
    origin.watch(media, &sink);
    origin.follow(&src);
    let hold = src.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
    stream.link(&sink)?;
    origin.settle(media, &queue, stop)?;
    if let Some(hold) = hold {
        src.remove_probe(hold);
    }

    let said = media.wait(stop, PATIENCE, |said| said.format_known || said.failed())?;
    let caps = decoded.current_caps().filter(|_| said.format_known);
    let Some(caps) = caps else {
        return Err(match said.input_error.or(said.output_error) {
            Some(failure) => unreadable(path, &failure),
            None if said.format_known => SourceError::Undecodable {
                path: path.into(),
                reason: format!("the {codec} data is damaged or missing"),
            },
            None => SourceError::Stalled { path: path.into(), seconds: PATIENCE.as_secs() },
        });
    };
    // The parser beside the decoder knows what stands in the bitstream.
    let parsed = pad(&decoder, "sink")?.current_caps();
    let stated = Stated {
        colorimetry: stated_colorimetry(&container),
        peak_nits: parsed.as_deref().and_then(peak_nits).or_else(|| peak_nits(&container)),
    };
    let sink = finish(media, &decoded, &caps, &stated, meter)?;
    if let Some(block) = block {
        decoded.remove_probe(block);
    }
    Ok(Decoded { sink, stated, orientation: Orientation::of_tags(&decoded) })
}

/// For H.264 and HEVC: a second parser that does not hear what the container says of colours, and so tells what stands in
/// the bitstream, which players follow. (GStreamer 1.22 also reads the full-range flag of MP4's `colr` box wrongly.)
fn bitstream_colour(caps: &gst::Caps, queue: &gst::Element) -> Result<Option<gst::Element>, SourceError> {
    let parser = match caps.structure(0).map_or("", |s| s.name().as_str()) {
        "video/x-h264" => "h264parse",
        "video/x-h265" => "h265parse",
        _ => return Ok(None),
    };
    pad(queue, "src")?.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &mut info.data
            && let gst::EventView::Caps(caps) = event.view()
        {
            let bare = without_colorimetry(caps.caps());
            if bare.as_ref() != caps.caps() {
                *event = gst::event::Caps::builder(&bare).seqnum(event.seqnum()).build();
            }
        }
        gst::PadProbeReturn::Ok
    });
    element(parser).map(Some)
}

/// Blocks `decoded` at its first frame (or its end); events pass, so that caps and tags are known then.
fn hold_first_frame(media: &Media, decoded: &gst::Pad) -> Option<gst::PadProbeId> {
    let status = Arc::clone(&media.status);
    decoded.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, move |_, info| {
        let ended = info.event().is_some_and(|event| event.type_() == gst::EventType::Eos);
        if info.event().is_some() && !ended {
            return gst::PadProbeReturn::Pass;
        }
        status.note(|said| said.format_known = true);
        gst::PadProbeReturn::Ok
    })
}

/// Drops what comes at `input` of a decoder that has failed for good. One of libav that found no room for a frame of a
/// format unknown to GStreamer crashes at the next.
fn give_no_more_after_failure(media: &Media, input: &gst::Pad) {
    let status = Arc::clone(&media.status);
    input.add_probe(gst::PadProbeType::BUFFER, move |_, _| match status.said().decoder_failed {
        true => gst::PadProbeReturn::Drop,
        false => gst::PadProbeReturn::Ok,
    });
}

/// The best software decoder for `caps`, which may be of frames that are decoded already.
pub(super) fn decoder_for(caps: &gst::Caps) -> Option<gst::ElementFactory> {
    if caps.structure(0).is_some_and(|structure| structure.name() == "video/x-raw") {
        return gst::ElementFactory::find("identity"); // stored as it is
    }
    let kinds =
        gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO | gst::ElementFactoryType::MEDIA_IMAGE;
    // The list comes in the order of rank.
    let factories: Vec<_> = gst::ElementFactory::factories_with_type(kinds, gst::Rank::MARGINAL)
        .into_iter()
        .filter(|factory| !factory.metadata("klass").is_some_and(|klass| klass.contains("Hardware")))
        .collect();
    // "All" keeps out decoders for a special kind, such as VP9 with alpha. A demuxer that says too little of a stream, as
    // that of MPEG-TS does, leaves "any"; the parsers find out the rest.
    let all = factories.iter().find(|factory| factory.can_sink_all_caps(caps));
    all.or_else(|| factories.iter().find(|factory| factory.can_sink_any_caps(caps))).cloned()
}

/// Links what stands between the decoder and the sink: conversion to what frames hold.
fn finish(
    media: &Media,
    decoded: &gst::Pad,
    caps: &gst::Caps,
    stated: &Stated,
    meter: &Meter,
) -> Result<gst_app::AppSink, SourceError> {
    let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
    let info = gst_video::VideoInfo::from_caps(caps).map_err(gstreamer)?;
    let light = light(caps, stated);
    if let Some(name) = light.hdr_name() {
        let peak = light.peak_nits();
        meter.warn(format!("the input is HDR ({name}, up to {peak:.0} cd/m²): tone-mapped to SDR (BT.2390 to BT.709)"));
    }
    let (mut chain, info) = alpha::over_black(caps, info, meter)?;
    // Converts what frames cannot hold; lets the rest pass.
    chain.push(element("videoconvert")?);
    let filter = element("capsfilter")?;
    filter.set_property("caps", wanted(&info, light));
    chain.push(filter);
    let sink = gst_app::AppSink::builder().sync(false).async_(false).max_buffers(DECODED_AHEAD).drop(false).build();
    sink.set_enable_last_sample(false);
    offer_video_meta(&sink);
    chain.push(sink.clone().upcast());
    media.input.add_many(&chain).map_err(gstreamer)?;
    gst::Element::link_many(&chain).map_err(gstreamer)?;
    for element in chain.iter().rev() {
        element.sync_state_with_parent().map_err(gstreamer)?;
    }
    decoded
        .link(&pad(&chain[0], "sink")?)
        .map_err(|error| SourceError::Gstreamer(format!("cannot link the decoder: {error}")))?;
    Ok(sink)
}

/// Tells decoders that any stride will do, so that they need not copy into tight rows. (The appsink of GStreamer 1.22
/// has no callback for this.)
fn offer_video_meta(sink: &gst_app::AppSink) {
    if let Some(pad) = sink.static_pad("sink") {
        pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
            if let Some(query) = info.query_mut()
                && let gst::QueryViewMut::Allocation(allocation) = query.view_mut()
            {
                allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
                return gst::PadProbeReturn::Handled;
            }
            gst::PadProbeReturn::Ok
        });
    }
}
