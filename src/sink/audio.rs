//! How a sound track gets into a container: as it is, or converted where the container cannot hold it.

use std::path::Path;

use gst::prelude::*;

use super::container::Container;
use super::encoder::make;
use crate::error::SinkError;

/// How a track gets into a container.
pub(super) struct Way {
    /// The elements between the track and the muxer.
    pub(super) chain: Vec<gst::Element>,
    /// In words what is converted, if anything.
    pub(super) converted: Option<String>,
    /// Samples that the encoder puts before the first, at the rate of the track.
    pub(super) run_up_samples: u64,
}

/// The way of a track of `caps` to the muxer of `output`, a `container`, which takes `accepted`.
///
/// # Errors
/// When it has to be converted, and what does that is not installed.
pub(super) fn way(
    caps: &gst::Caps,
    accepted: &gst::Caps,
    container: Container,
    output: &Path,
) -> Result<Way, SinkError> {
    if let Some(chain) = passing(caps, accepted) {
        return Ok(Way { chain, converted: None, run_up_samples: 0 });
    }
    let from = gst_pbutils::pb_utils_get_codec_description(caps).to_string();
    let target = Target::for_source(caps, container);
    let mut chain = Vec::new();
    if kind(caps) != "audio/x-raw" {
        let decoder = factory(gst::ElementFactoryType::DECODER, caps);
        let decoder = decoder.ok_or_else(|| no_decoder(caps, &from, output))?;
        chain.push(make(&decoder.name(), &from, package_of_decoder(caps))?);
    }
    let run_up_samples = target.convert(&mut chain)?;
    let converted = Some(format!("sound converted from {from} to {}: {container} cannot hold it", target.name));
    Ok(Way { chain, converted, run_up_samples })
}

/// The way of raw sound that is heard now into `container`.
pub(super) fn live(container: Container) -> Result<Way, SinkError> {
    let target = match container {
        Container::WebM | Container::Mkv => OPUS,
        Container::Mp4 | Container::Mov => AAC,
    };
    let mut chain = Vec::new();
    let run_up_samples = target.convert(&mut chain)?;
    Ok(Way { chain, converted: None, run_up_samples })
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

/// The codec, by GStreamer's name.
fn kind(caps: &gst::Caps) -> &str {
    caps.structure(0).map_or("", |s| s.name().as_str())
}

/// The error of sound that `output` cannot hold as it is, and that nothing here decodes.
fn no_decoder(caps: &gst::Caps, codec: &str, output: &Path) -> SinkError {
    let reason = format!("no decoder for {codec} is installed (it comes with {})", package_of_decoder(caps));
    SinkError::Sound { path: output.into(), reason }
}

/// Debian's package with a decoder of sound.
fn package_of_decoder(caps: &gst::Caps) -> &'static str {
    match kind(caps) {
        // GStreamer does not offer the one of libav.
        "audio/x-vorbis" => "gstreamer1.0-plugins-base",
        _ => "gstreamer1.0-libav",
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
    /// Encoders in the order of preference, and the samples that each puts before the first.
    encoders: &'static [(&'static str, u64)],
    parser: Option<&'static str>,
    package: &'static str,
}

const AAC: Target = Target {
    name: "AAC",
    // Those of libav and VisualOn were measured, that of Fraunhofer is as its makers say.
    encoders: &[("avenc_aac", 1024), ("fdkaacenc", 2048), ("voaacenc", 1600)],
    parser: Some("aacparse"),
    package: "gstreamer1.0-libav",
};
const ALAC: Target =
    Target { name: "ALAC (lossless)", encoders: &[("avenc_alac", 0)], parser: None, package: "gstreamer1.0-libav" };
const OPUS: Target = Target {
    name: "Opus", // What it puts before stands in its header.
    encoders: &[("opusenc", 0)],
    parser: Some("opusparse"),
    package: "gstreamer1.0-plugins-base",
};
/// For lossless sound of so many channels that GStreamer puts it into MP4 and QuickTime neither as ALAC nor as it is.
const AAC_OF_MANY: Target = Target { name: "AAC (no lossless kind there holds more than two channels)", ..AAC };
const FLAC: Target = Target {
    name: "FLAC (lossless)",
    encoders: &[("flacenc", 0)],
    parser: Some("flacparse"),
    package: "gstreamer1.0-plugins-good",
};

impl Target {
    fn for_source(caps: &gst::Caps, container: Container) -> Self {
        let lossless =
            ["audio/x-raw", "audio/x-flac", "audio/x-alac", "audio/x-tta", "audio/x-wavpack"].contains(&kind(caps));
        let channels = caps.structure(0).and_then(|s| s.get::<i32>("channels").ok()).unwrap_or(2);
        match container {
            Container::WebM => OPUS,
            Container::Mkv => FLAC,
            Container::Mp4 | Container::Mov if lossless && channels > 2 => AAC_OF_MANY,
            Container::Mp4 | Container::Mov if lossless => ALAC,
            Container::Mp4 | Container::Mov => AAC,
        }
    }

    /// Adds what makes it of raw sound to `chain`; returns the samples that its encoder puts before the first.
    fn convert(&self, chain: &mut Vec<gst::Element>) -> Result<u64, SinkError> {
        for element in ["audioconvert", "audioresample"] {
            chain.push(make(element, "sound conversion", "gstreamer1.0-plugins-base")?);
        }
        self.encoder(chain)
    }

    /// Adds the encoder to `chain`; returns the samples that it puts before the first.
    fn encoder(&self, chain: &mut Vec<gst::Element>) -> Result<u64, SinkError> {
        let is_here = |(name, _): &&(&str, u64)| gst::ElementFactory::find(name).is_some();
        let (name, run_up_samples) = self.encoders.iter().find(is_here).unwrap_or(&self.encoders[0]);
        chain.push(make(name, self.name, self.package)?);
        if let Some(parser) = self.parser {
            chain.push(make(parser, self.name, "gstreamer1.0-plugins-good")?);
        }
        Ok(*run_up_samples)
    }
}
