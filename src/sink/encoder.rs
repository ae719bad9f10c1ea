//! The video encoders and how they are set.

use std::thread::available_parallelism;

use gst::prelude::*;

use super::SinkError;
use crate::frame::Size;
use crate::job::{Codec, Encoding};

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

// x264 "veryfast" costs a tenth of what the shipped network does. Each frame that it looks ahead takes 12 MB at 1920x1080:
// three instead of ten frames made a styled clip 2 % larger.
const RECIPES: [Recipe; 5] = [
    Recipe {
        codec: Codec::H264,
        element: "x264enc",
        package: "gstreamer1.0-plugins-ugly",
        name: "H.264",
        quality: ("quantizer", 20),
        settings: &[("pass", "qual"), ("speed-preset", "veryfast"), ("sync-lookahead", "0"), ("rc-lookahead", "3")],
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
        quality: ("cq-level", 28),
        // libvpx's constant quality wants a bit rate of zero beside the level; "good" at speed 5 with row threads.
        settings: &[
            ("end-usage", "cq"),
            ("target-bitrate", "0"),
            ("deadline", "1000000"),
            ("cpu-used", "5"),
            ("row-mt", "true"),
            ("tile-columns", "2"),
            ("keyframe-max-dist", "250"),
            // With more, GStreamer 1.22 does not get the last frames of small pictures out of libvpx.
            ("lag-in-frames", "10"),
        ],
        caps: "video/x-vp9,profile=(string)0",
        parser: None,
    },
    Recipe {
        codec: Codec::Av1,
        element: "av1enc",
        package: "gstreamer1.0-plugins-bad",
        name: "AV1",
        quality: ("max-quantizer", 40),
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

/// Smallest side that x264 takes.
const H264_SMALLEST: u32 = 16;

/// The elements from raw frames to a stream that a muxer takes.
pub(super) fn chain(codec: Codec, encoding: &Encoding) -> Result<Vec<gst::Element>, SinkError> {
    let recipe = recipe(codec);
    let encoder = match &encoding.encoder {
        Some(name) => named(name, codec)?,
        None => encoder(recipe, encoding.quality)?,
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
    chain.push(encoder);
    if encoding.encoder.is_none() {
        let filter = make("capsfilter", "caps", "libgstreamer1.0-0")?;
        filter.set_property_from_str("caps", recipe.caps);
        chain.push(filter);
    }
    if let Some(parser) = recipe.parser {
        chain.push(make(parser, recipe.name, "gstreamer1.0-plugins-bad")?);
    }
    Ok(chain)
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
        // One thread a core; x264 would take half as many again, a frame of memory each.
        encoder.set_property("threads", available_parallelism().map_or(0, |n| n.get() as u32));
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

/// An encoder that the user named: as it comes, without settings of ours.
fn named(name: &str, codec: Codec) -> Result<gst::Element, SinkError> {
    let encoder = make(name, recipe(codec).name, "the plugin that has it (gst-inspect-1.0 lists what is there)")?;
    let is_encoder = encoder.factory().is_some_and(|factory| factory.has_type(gst::ElementFactoryType::VIDEO_ENCODER));
    if !is_encoder {
        return Err(SinkError::NotEncoder { element: name.into() });
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
    let small = size.width < H264_SMALLEST || size.height < H264_SMALLEST;
    (needs_even(codec) && small).then(|| {
        format!(
            "{} needs at least {H264_SMALLEST}x{H264_SMALLEST} pixels, this is {size}; write .webm, or use --size",
            name(codec)
        )
    })
}
