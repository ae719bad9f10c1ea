//! How a video is encoded, and what decodes it.

use std::str::FromStr;

/// Codec of the output video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 / AVC.
    H264,
    /// H.265 / HEVC.
    Hevc,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
    /// FFV1 version 3, lossless.
    Ffv1,
}

/// What decodes or encodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CodecChoice {
    /// Hardware, where there is some that works; else software.
    #[default]
    Auto,
    /// No hardware.
    Software,
    /// A GStreamer element by name.
    Named(String),
}

impl CodecChoice {
    /// The same, but software where the choice is free.
    pub fn or_software(&self) -> &Self {
        if *self == Self::Auto { &Self::Software } else { self }
    }

    /// The element that was named.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Auto | Self::Software => None,
        }
    }
}

impl FromStr for CodecChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "software" => Self::Software,
            name => Self::Named(name.to_owned()),
        })
    }
}

/// How the output is encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoding {
    /// Codec; `None`: by the container.
    pub codec: Option<Codec>,
    /// Constant quality on the codec's own scale, smaller is better: H.264 1 to 51, HEVC 0 to 51, VP9 and AV1 0 to 63. `None`: 20,
    /// 23, 36 and 33. Without meaning for FFV1, and for an encoder that is named.
    pub quality: Option<u32>,
    /// What encodes.
    pub encoder: CodecChoice,
    /// Every styled frame comes back bit for bit.
    pub lossless: bool,
}
