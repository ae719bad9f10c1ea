//! Why an input cannot be read.

use std::path::{Path, PathBuf};

use super::{Sum, io_reason};
use crate::frame::Size;

/// The input cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file cannot be opened.
    #[error("cannot read {path:?}: {reason}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// No demuxer or decoder understands it.
    #[error("cannot read {path:?}: {reason}; is it a video, and whole? `ffprobe` or a player can tell")]
    NotMedia {
        /// The file.
        path: PathBuf,
        /// In GStreamer's words.
        reason: String,
    },
    /// There is nothing to stylize in it.
    #[error("{path:?} has no video stream{what}")]
    NoVideo {
        /// The file.
        path: PathBuf,
        /// What is there instead.
        what: String,
    },
    /// The codec is known, but its decoder is not installed.
    #[error(
        "no decoder for {codec} in {path:?}; install GStreamer's libav and bad plugins (`stylize doctor` names them)"
    )]
    NoDecoder {
        /// The file.
        path: PathBuf,
        /// The codec, in words.
        codec: String,
    },
    /// The decoder that was asked for does not do it.
    #[error("--decoder {element}: {reason}; name another, or leave it at auto")]
    Decoder {
        /// GStreamer's name of it.
        element: String,
        /// Why not.
        reason: String,
    },
    /// The video is of a kind that would come out wrong.
    #[error("{path:?} is {what}, which is not supported yet; convert it first: {hint}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
        /// A way out.
        hint: String,
    },
    /// Not a single frame could be decoded.
    #[error("no frame of {path:?} could be decoded: {reason}")]
    Undecodable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Its pictures take more memory than there is.
    #[error("{path:?} is {size}, which takes {sum}, however small the output; scale it down first")]
    Memory {
        /// The file.
        path: PathBuf,
        /// Size of its pictures.
        size: Size,
        /// What they take.
        sum: Sum,
    },
    /// The user did not want it any more before there was a frame.
    #[error("stopped before the first frame; nothing was written")]
    Stopped,
    /// The same while the frames of an unfinished run were put into the new file.
    #[error("stopped before the first new frame; what the unfinished run left is still there for --resume")]
    StoppedResuming,
    /// Nothing moves any more.
    #[error("reading {path:?} stalled: no frame for {seconds} s; try again with GST_DEBUG=3 to see where")]
    Stalled {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The process that read it was confined, and crashed.
    #[error("{input:?} made the confined process that read it crash ({signal}); nothing else was touched")]
    Crashed {
        /// The file, the first where there are several.
        input: String,
        /// Name of the signal.
        signal: String,
    },
    /// GStreamer itself does not work.
    #[error("GStreamer cannot be used: {0}; `stylize doctor` says what is missing")]
    Gstreamer(String),
}

impl SourceError {
    pub(crate) fn open(path: &Path, error: &std::io::Error) -> Self {
        Self::Open { path: path.into(), reason: io_reason(error) }
    }
}
