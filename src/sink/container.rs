//! The kinds of files, and what they hold.

use std::fmt;
use std::path::Path;

use crate::options::Codec;

/// A kind of video file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// MPEG-4 part 14.
    Mp4,
    /// QuickTime.
    Mov,
    /// Matroska.
    Mkv,
    /// WebM.
    WebM,
}

impl Container {
    /// The kind that the ending of `path` names.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "mp4" | "m4v" => Some(Self::Mp4),
            "mov" => Some(Self::Mov),
            "mkv" => Some(Self::Mkv),
            "webm" => Some(Self::WebM),
            _ => None,
        }
    }

    /// Codec when none is asked for.
    pub fn default_codec(self) -> Codec {
        match self {
            Self::Mp4 | Self::Mov | Self::Mkv => Codec::H264,
            Self::WebM => Codec::Vp9,
        }
    }

    /// Whether video of `codec` may stand in it.
    pub fn holds(self, codec: Codec) -> bool {
        match self {
            Self::Mkv => true,
            Self::WebM => matches!(codec, Codec::Vp9 | Codec::Av1),
            Self::Mp4 | Self::Mov => matches!(codec, Codec::H264 | Codec::Hevc | Codec::Av1),
        }
    }

    /// GStreamer's element that writes it.
    pub(super) fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4mux",
            Self::Mov => "qtmux",
            Self::Mkv => "matroskamux",
            Self::WebM => "webmmux",
        }
    }

    /// Whether it can hold the run-up of a sound track without that being heard.
    pub(crate) fn hides_priming(self) -> bool {
        self.is_isobmff()
    }

    /// Whether it belongs to the ISO base media family.
    pub(super) fn is_isobmff(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mov)
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mp4 => ".mp4",
            Self::Mov => ".mov",
            Self::Mkv => ".mkv",
            Self::WebM => ".webm",
        })
    }
}
