//! How a sound track gets into a container: as it is, or converted where the container cannot hold it.

use gst::prelude::*;

use super::SinkError;
use super::container::Container;
use super::encoder::make;

/// The elements between a track of `caps` and a muxer of `container`, which takes `accepted`; and in words what is
/// converted, if anything.
pub(super) fn chain(
    caps: &gst::Caps,
    accepted: &gst::Caps,
    container: Container,
) -> Result<(Vec<gst::Element>, Option<String>), SinkError> {
    if let Some(parser) = passing(caps, accepted) {
        return Ok((parser, None));
    }
    let from = gst_pbutils::pb_utils_get_codec_description(caps).to_string();
    let target = Target::for_source(caps, container);
    let mut chain = Vec::new();
    if let Some(decoder) = factory(gst::ElementFactoryType::DECODER, caps) {
        chain.push(make(&decoder.name(), &from, "gstreamer1.0-libav")?);
    }
    for element in ["audioconvert", "audioresample"] {
        chain.push(make(element, "sound conversion", "gstreamer1.0-plugins-base")?);
    }
    chain.extend(target.encoder()?);
    Ok((chain, Some(format!("sound converted from {from} to {}: {container} cannot hold it", target.name))))
}

/// What lets `caps` into the muxer unchanged: nothing, or a parser that puts it into another form.
fn passing(caps: &gst::Caps, accepted: &gst::Caps) -> Option<Vec<gst::Element>> {
    if let Some(parser) = factory(gst::ElementFactoryType::PARSER, caps) {
        let gives = parser.static_pad_templates();
        let fits = gives.iter().any(|t| t.direction() == gst::PadDirection::Src && t.caps().can_intersect(accepted));
        let same_codec = caps.structure(0)?.name();
        let keeps = accepted.iter().any(|s| s.name() == same_codec && versions_agree(caps, s));
        if fits && keeps {
            return parser.create().build().ok().map(|parser| vec![parser]);
        }
    }
    caps.can_intersect(accepted).then(Vec::new)
}

/// MPEG audio shares a name between AAC (versions 2 and 4) and MP3 (version 1).
fn versions_agree(caps: &gst::Caps, accepted: &gst::StructureRef) -> bool {
    let wanted = caps.structure(0).and_then(|s| s.value("mpegversion").ok());
    let offered = accepted.value("mpegversion").ok();
    match (wanted, offered) {
        (Some(wanted), Some(offered)) => wanted.can_intersect(offered),
        _ => true,
    }
}

/// The best element of `kind` for sound of `caps`.
fn factory(kind: gst::ElementFactoryType, caps: &gst::Caps) -> Option<gst::ElementFactory> {
    gst::ElementFactory::factories_with_type(kind | gst::ElementFactoryType::MEDIA_AUDIO, gst::Rank::MARGINAL)
        .into_iter()
        .find(|factory| factory.can_sink_any_caps(caps))
}

/// What sound is converted to.
struct Target {
    name: &'static str,
    /// Encoders in the order of preference.
    encoders: &'static [&'static str],
    parser: Option<&'static str>,
    package: &'static str,
}

const AAC: Target = Target {
    name: "AAC",
    encoders: &["fdkaacenc", "avenc_aac", "voaacenc"],
    parser: Some("aacparse"),
    package: "gstreamer1.0-libav",
};
const ALAC: Target =
    Target { name: "ALAC (lossless)", encoders: &["avenc_alac"], parser: None, package: "gstreamer1.0-libav" };
const OPUS: Target =
    Target { name: "Opus", encoders: &["opusenc"], parser: Some("opusparse"), package: "gstreamer1.0-plugins-base" };
const FLAC: Target = Target {
    name: "FLAC (lossless)",
    encoders: &["flacenc"],
    parser: Some("flacparse"),
    package: "gstreamer1.0-plugins-good",
};

impl Target {
    fn for_source(caps: &gst::Caps, container: Container) -> Self {
        let kind = caps.structure(0).map_or("", |s| s.name().as_str());
        let lossless =
            ["audio/x-raw", "audio/x-flac", "audio/x-alac", "audio/x-tta", "audio/x-wavpack"].contains(&kind);
        match container {
            Container::WebM => OPUS,
            Container::Mkv => FLAC,
            Container::Mp4 | Container::Mov if lossless => ALAC,
            Container::Mp4 | Container::Mov => AAC,
        }
    }

    fn encoder(&self) -> Result<Vec<gst::Element>, SinkError> {
        let installed = self.encoders.iter().find(|name| gst::ElementFactory::find(name).is_some());
        let name = installed.unwrap_or(&self.encoders[self.encoders.len() - 1]);
        let mut chain = vec![make(name, self.name, self.package)?];
        if let Some(parser) = self.parser {
            chain.push(make(parser, self.name, "gstreamer1.0-plugins-good")?);
        }
        Ok(chain)
    }
}
