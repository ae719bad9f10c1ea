//! A parsed stream, and what parses it.

use gst::prelude::*;

use super::{element, labels};
use crate::about::Label;
use crate::error::SourceError;
use crate::frame::Size;

/// A parsed stream. Its pad is blocked until somebody links it.
pub(crate) struct Stream {
    pub(crate) pad: gst::Pad,
    block: Option<gst::PadProbeId>,
    pub(crate) caps: gst::Caps,
}

impl Stream {
    /// What `pad` of a parser shows, held by `block`.
    pub(crate) fn parsed(pad: gst::Pad, block: Option<gst::PadProbeId>, caps: gst::Caps) -> Self {
        Self { pad, block, caps }
    }

    /// What flows from `pad` of the input, whose caps will be `caps`.
    pub(crate) fn live(pad: gst::Pad, caps: gst::Caps) -> Self {
        Self { pad, block: None, caps }
    }

    pub(crate) fn media_type(&self) -> &str {
        self.caps.structure(0).map_or("", |s| s.name().as_str())
    }

    pub(crate) fn is_video(&self) -> bool {
        self.media_type().starts_with("video/") || self.media_type().starts_with("image/")
    }

    /// Sound of a kind that GStreamer has a name for. No decoder that could be installed would read another.
    pub(crate) fn is_audio(&self) -> bool {
        let kind = self.media_type();
        kind.starts_with("audio/") && !kind.ends_with("-unknown") && !kind.starts_with("audio/x-gst-fourcc-")
    }

    /// Subtitles of any kind.
    pub(crate) fn is_text(&self) -> bool {
        let kind = self.media_type();
        ["text/", "subpicture/", "subtitle/"].iter().any(|begin| kind.starts_with(begin)) || is_styled_text(kind)
    }

    /// A picture without a rate beside sound is the cover.
    pub(crate) fn is_cover(&self) -> bool {
        let rate = self.caps.structure(0).and_then(|s| s.get::<gst::Fraction>("framerate").ok());
        self.media_type().starts_with("image/") && rate.is_none_or(|rate| rate.numer() == 0)
    }

    /// Size of its pictures, as far as the container tells.
    pub(crate) fn size(&self) -> Option<Size> {
        let side = |name: &str| u32::try_from(self.caps.structure(0)?.get::<i32>(name).ok()?).ok();
        Some(Size::new(side("width")?, side("height")?))
    }

    /// Codec in words.
    pub(crate) fn codec(&self) -> String {
        if let Some(id) = self.caps.structure(0).and_then(|s| s.get::<&str>("codec-id").ok()) {
            return id.into();
        }
        if self.media_type() == "application/x-subtitle-unknown" {
            return "subtitles of an unknown kind".into();
        }
        self.codec_for_gstreamer()
    }

    /// Codec in the words of GStreamer's messages.
    pub(crate) fn codec_for_gstreamer(&self) -> String {
        gst_pbutils::pb_utils_get_codec_description(&self.caps).to_string()
    }

    /// What the file says of it.
    pub(crate) fn label(&self) -> Label {
        labels::label(&self.pad)
    }

    /// Whether it is the track of this number in an MP4 or QuickTime file.
    pub(crate) fn is_track(&self, track_id: u32) -> bool {
        let id = self.pad.stream_id();
        id.and_then(|id| id.rsplit('/').next()?.parse().ok()) == Some(track_id)
    }

    /// Lets the data flow to `sink`.
    pub(crate) fn link(mut self, sink: &gst::Pad) -> Result<(), SourceError> {
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

/// Subtitles that say how they look, which the parsers of GStreamer would take from them.
fn is_styled_text(kind: &str) -> bool {
    ["application/x-ass", "application/x-ssa", "application/x-usf"].contains(&kind)
}

/// What takes a container apart. It shows sound that nothing decodes, too, since that may only be copied.
pub(crate) fn parsebin() -> Result<gst::Element, SourceError> {
    let parse = element("parsebin")?;
    parse.connect("autoplug-continue", false, |values| {
        let caps = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
        Some(caps.is_none_or(|caps| goes_on(&caps)).to_value())
    });
    Ok(parse)
}

/// Whether parsebin is to look for something that reads a stream of `caps`. Where it looks for a decoder of sound and
/// finds nothing but the parser that was there already, it does not show the track.
fn goes_on(caps: &gst::Caps) -> bool {
    let Some(structure) = caps.structure(0) else { return true };
    let kind = structure.name().as_str();
    if !kind.starts_with("audio/") {
        return !is_styled_text(kind);
    }
    let is_parsed = ["framed", "parsed"].into_iter().any(|field| structure.get::<bool>(field).unwrap_or(false));
    gst::ElementFactory::factories_with_type(gst::ElementFactoryType::DECODABLE, gst::Rank::MARGINAL)
        .into_iter()
        .filter(|factory| factory.can_sink_all_caps(caps))
        .any(|factory| !(is_parsed && factory.has_type(gst::ElementFactoryType::PARSER)))
}
