//! The video encoders and how they are set.

use std::thread::available_parallelism;

use gst::prelude::*;

use super::{Container, hardware};
use crate::error::{Error, Result, SinkError};
use crate::frame::Size;
use crate::media::pipeline;
use crate::options::{Codec, Encoding};

/// An encoder as GStreamer has it.
struct Recipe {
    codec: Codec,
    element: &'static str,
    /// Debian's package.
    package: &'static str,
    /// Name in messages.
    name: &'static str,
    /// Property of constant quality, and its default.
    quality: (&'static str, u32),
    /// Other properties.
    settings: &'static [(&'static str, &'static str)],
    /// Caps behind the encoder, so that it picks nothing exotic.
    caps: &'static str,
    /// Parser before the muxer.
    parser: Option<&'static str>,
}

// The defaults give a styled clip of 1280x720 an SSIM of .95 to .97 in all codecs.
// x264: "superfast" takes 12 ms of a core for a styled frame of 1280x720, "veryfast" 25, the network 24; at equal quality (SSIM .95)
// the file is 4 % larger ("ultrafast": 5 ms, 80 %; with CABAC 9 ms, 60 %). Without a buffer of 0 GStreamer caps what is
// to be constant quality at 2 Mbit/s. Strokes are hard to predict from both sides: without B-frames, and with nothing to look ahead
// for, a fifth of its time and 60 MB at 1920x1080 are saved, and files of equal SSIM are 1 to 2 % larger. Blocks of 4x4 are as hard to
// predict from their neighbours: without, a twentieth of its time is saved, and the files are 1 % smaller.
const RECIPES: [Recipe; 5] = [
    Recipe {
        codec: Codec::H264,
        element: "x264enc",
        package: "gstreamer1.0-plugins-ugly",
        name: "H.264",
        quality: ("quantizer", 20),
        settings: &[
            ("pass", "qual"),
            ("vbv-buf-capacity", "0"),
            ("speed-preset", "superfast"),
            ("bframes", "0"),
            ("sync-lookahead", "0"),
            ("rc-lookahead", "0"),
            ("option-string", "partitions=i8x8"),
        ],
        caps: "video/x-h264,profile=high",
        parser: Some("h264parse"),
    },
    Recipe {
        codec: Codec::Hevc,
        element: "x265enc",
        package: "gstreamer1.0-plugins-bad",
        name: "HEVC",
        quality: ("crf", 23),
        settings: &[("speed-preset", "veryfast")],
        caps: "video/x-h265,profile=main",
        parser: Some("h265parse"),
    },
    Recipe {
        codec: Codec::Vp9,
        element: "vp9enc",
        package: "gstreamer1.0-plugins-good",
        name: "VP9",
        quality: ("cq-level", 36),
        // GStreamer has no constant quality of libvpx's, only one that a bit rate bounds; and 0 is a low one. 50 Mbit/s bound nothing
        // that is watched, while from 100 on the level counts for less. "Good" at speed 5 with row threads.
        settings: &[
            ("end-usage", "cq"),
            ("target-bitrate", "50000000"),
            ("deadline", "1000000"),
            ("cpu-used", "5"),
            ("row-mt", "true"),
            ("tile-columns", "2"),
            ("keyframe-max-dist", "250"),
            // With more, GStreamer 1.22 does not get all of the last frames out of libvpx.
            ("lag-in-frames", "0"),
        ],
        caps: "video/x-vp9,profile=(string)0",
        parser: None,
    },
    Recipe {
        codec: Codec::Av1,
        element: "av1enc",
        package: "gstreamer1.0-plugins-bad",
        name: "AV1",
        quality: ("max-quantizer", 33),
        settings: &[("end-usage", "q"), ("cpu-used", "8"), ("row-mt", "true"), ("keyframe-max-dist", "250")],
        caps: "video/x-av1",
        parser: Some("av1parse"),
    },
    Recipe {
        codec: Codec::Ffv1,
        element: "avenc_ffv1",
        package: "gstreamer1.0-libav",
        name: "FFV1",
        quality: ("", 0),
        settings: &[("slices", "4"), ("slicecrc", "1")],
        caps: "video/x-ffv",
        parser: None,
    },
];

/// Smallest side that all but FFV1 take: x264, x265 and libaom refuse less, and of libvpx with less GStreamer 1.22 does not
/// get out what it encoded.
const SMALLEST: u32 = 16;

/// Smallest side of FFV1 in four slices, two by two.
const FFV1_SMALLEST: u32 = 2;

/// The codec that `encoding` means in a file of `container`: that of `--codec`, else that of `--encoder`, else the
/// container's own. Its encoder is installed.
///
/// # Errors
/// [`Error::Usage`] when the options contradict each other or the container; [`SinkError::NoEncoder`].
pub(crate) fn settle(container: Container, encoding: &Encoding) -> Result<Codec> {
    pipeline::init()?;
    let codec = match encoding.encoder.name() {
        _ if encoding.lossless => Codec::Ffv1,
        Some(encoder) => codec_of(encoder, container, encoding.codec)?,
        None => encoding.codec.unwrap_or_else(|| container.default_codec()),
    };
    if !container.holds(codec) {
        let (name, encoder) = (name(codec), encoding.encoder.name().unwrap_or_default());
        return Err(Error::Usage(format!(
            "--encoder {encoder} gives {name}, which a {container} cannot hold; .mkv can"
        )));
    }
    if encoding.encoder.name().is_none() && !hardware::may_encode(codec, encoding) {
        let Recipe { element, name, package, .. } = recipe(codec);
        factory(element, name, package)?;
    }
    Ok(codec)
}

/// What the encoder that the user named gives; of several, `wanted`, or what `container` has anyway.
fn codec_of(encoder: &str, container: Container, wanted: Option<Codec>) -> Result<Codec> {
    let what = wanted.map_or("the output", name);
    let factory = factory(encoder, what, "the plugin that has it (gst-inspect-1.0 lists what is there)")?;
    if !factory.has_type(gst::ElementFactoryType::VIDEO_ENCODER) {
        return Err(SinkError::NotEncoder { element: encoder.into() }.into());
    }
    let gives: Vec<Codec> = RECIPES
        .iter()
        .filter(|recipe| recipe.caps.parse::<gst::Caps>().is_ok_and(|caps| gives(&factory, &caps)))
        .map(|recipe| recipe.codec)
        .collect();
    let default = [container.default_codec()].into_iter().find(|codec| gives.contains(codec));
    match (wanted, default.or(gives.first().copied())) {
        (Some(codec), Some(given)) if !gives.contains(&codec) => Err(Error::Usage(format!(
            "--encoder {encoder} gives {}, not {}; leave --codec out, or name another encoder",
            name(given),
            name(codec)
        ))),
        (Some(codec), Some(_)) | (None, Some(codec)) => Ok(codec),
        (_, None) => Err(Error::Usage(format!(
            "--encoder {encoder} gives none of the codecs that are written (H.264, HEVC, VP9, AV1, FFV1); name another"
        ))),
    }
}

/// Whether what comes out of elements of `factory` is of the kind of `caps`.
fn gives(factory: &gst::ElementFactory, caps: &gst::Caps) -> bool {
    let kind = caps.structure(0).map(gst::StructureRef::name);
    let outputs = factory.static_pad_templates().into_iter().filter(|pad| pad.direction() == gst::PadDirection::Src);
    outputs
        .flat_map(|pad| pad.caps().iter().map(|s| s.name().to_string()).collect::<Vec<_>>())
        .any(|name| kind.is_some_and(|kind| name == kind.as_str()))
}

fn factory(element: &str, what: &str, package: &'static str) -> Result<gst::ElementFactory, SinkError> {
    gst::ElementFactory::find(element).ok_or_else(|| SinkError::NoEncoder {
        codec: what.into(),
        element: element.into(),
        package,
    })
}

/// The elements from raw frames to a stream that a muxer takes; `element` encodes ([`hardware::element`]).
pub(super) fn chain(codec: Codec, encoding: &Encoding, element: &str) -> Result<Vec<gst::Element>, SinkError> {
    let recipe = recipe(codec);
    let is_named = encoding.encoder.name().is_some();
    let encoders = match hardware::chain(element, codec, encoding.quality) {
        Some(chip) if !is_named => chip?,
        // As it comes, without settings of ours; but chips take few formats.
        _ if is_named => vec![
            make("videoconvert", "video conversion", "gstreamer1.0-plugins-base")?,
            make(element, recipe.name, "the plugin that has it")?,
        ],
        _ => vec![encoder(recipe, encoding.quality)?],
    };
    let mut chain = Vec::new();
    if codec == Codec::Ffv1 {
        // FFV1 stores RGB as BGRx; the change of byte order loses nothing.
        chain.push(make("videoconvert", "video conversion", "gstreamer1.0-plugins-base")?);
    }
    if encoding.lossless {
        // Left to choose, the converter takes 4:2:0, which FFV1 lists first.
        let filter = make("capsfilter", "caps", "libgstreamer1.0-0")?;
        filter.set_property_from_str("caps", "video/x-raw,format=BGRx");
        chain.push(filter);
    }
    chain.extend(encoders);
    if element == recipe.element && !is_named {
        let filter = make("capsfilter", "caps", "libgstreamer1.0-0")?;
        filter.set_property_from_str("caps", recipe.caps);
        chain.push(filter);
    }
    if let Some(parser) = parser(codec) {
        chain.push(make(parser, recipe.name, "gstreamer1.0-plugins-bad")?);
    }
    Ok(chain)
}

/// The parser before the muxer.
pub(super) fn parser(codec: Codec) -> Option<&'static str> {
    recipe(codec).parser
}

/// The element that encodes where no other is wanted.
pub(super) fn software(codec: Codec) -> &'static str {
    recipe(codec).element
}

/// The quality of a codec where no other is wanted, on its own scale.
pub(super) fn default_quality(codec: Codec) -> u32 {
    recipe(codec).quality.1
}

fn recipe(codec: Codec) -> &'static Recipe {
    let index = match codec {
        Codec::H264 => 0,
        Codec::Hevc => 1,
        Codec::Vp9 => 2,
        Codec::Av1 => 3,
        Codec::Ffv1 => 4,
    };
    &RECIPES[index]
}

fn encoder(recipe: &Recipe, quality: Option<u32>) -> Result<gst::Element, SinkError> {
    let encoder = make(recipe.element, recipe.name, recipe.package)?;
    for (property, value) in recipe.settings {
        if encoder.has_property(property) {
            encoder.set_property_from_str(property, value);
        }
    }
    if recipe.codec == Codec::H264 {
        // The network needs more of the cores than x264, which would take half as many again as there are, a frame of memory each.
        encoder.set_property("threads", available_parallelism().map_or(0, |n| n.get().div_ceil(2) as u32));
    }
    let (property, default) = recipe.quality;
    let quality = quality.unwrap_or(default);
    match recipe.codec {
        Codec::Ffv1 => {}
        Codec::Hevc => encoder.set_property_from_str("option-string", &format!("crf={quality}:log-level=none")),
        Codec::Av1 => {
            encoder.set_property_from_str("min-quantizer", &quality.to_string());
            encoder.set_property_from_str(property, &quality.to_string());
        }
        Codec::H264 | Codec::Vp9 => encoder.set_property_from_str(property, &quality.to_string()),
    }
    Ok(encoder)
}

pub(super) fn make(element: &str, what: &str, package: &'static str) -> Result<gst::Element, SinkError> {
    gst::ElementFactory::make(element).build().map_err(|_| SinkError::NoEncoder {
        codec: what.into(),
        element: element.into(),
        package,
    })
}

/// Name of a codec in messages.
pub(super) fn name(codec: Codec) -> &'static str {
    recipe(codec).name
}

/// Whether 4:2:0 video of this codec must have even sides.
pub(super) fn needs_even(codec: Codec) -> bool {
    matches!(codec, Codec::H264 | Codec::Hevc)
}

/// Why `codec` cannot hold a picture of `size`, if so.
pub(super) fn too_small(codec: Codec, size: Size) -> Option<String> {
    let (least, way_out) = match codec {
        Codec::Ffv1 => (FFV1_SMALLEST, "use --size"),
        _ => (SMALLEST, "use --size, or write .mkv with --lossless"),
    };
    let small = size.width < least || size.height < least;
    small.then(|| format!("{} needs at least {least}x{least} pixels, this is {size}; {way_out}", name(codec)))
}
