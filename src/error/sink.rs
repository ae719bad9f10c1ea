//! Why an output cannot be written.

use std::path::{Path, PathBuf};

/// The output cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The place cannot be written to.
    #[error("cannot write {path:?}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// It is there already.
    #[error("{path:?} exists; --force replaces it")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another run writes to the same place.
    #[error("{path:?} is being written by another run; wait for it, or choose another name")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// An unfinished run left a part of it, which nobody said what to do with.
    #[error(
        "{path:?}: an unfinished run left {length} of it ({frames} frames); stylize-video --resume goes on from there, --force starts over"
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// Frames of it that were encoded.
        frames: usize,
        /// How long it is, such as `1:23`.
        length: String,
    },
    /// A run that was killed or failed left a part of it, which cannot be made again.
    #[error("{part:?} is what an unfinished run recorded; rename it to keep it, or throw it away with --force")]
    Recorded {
        /// The part.
        part: PathBuf,
    },
    /// What an unfinished run left turned out to be of no use while it was continued: the job starts over.
    #[error("{path:?} cannot go on where an unfinished run ended: {reason}; give --force to start over")]
    Unlike {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The encoder is not installed.
    #[error("no encoder for {codec}: GStreamer's element {element} is not installed; install {package}")]
    NoEncoder {
        /// The codec.
        codec: String,
        /// GStreamer's name of it.
        element: String,
        /// Debian's package.
        package: &'static str,
    },
    /// What the user named as encoder is none.
    #[error("--encoder {element}: GStreamer's element of that name is no video encoder; name one such as x264enc")]
    NotEncoder {
        /// GStreamer's name of it.
        element: String,
    },
    /// The encoder or muxer failed.
    #[error("encoding {path:?} failed: {reason}")]
    Encode {
        /// The file.
        path: PathBuf,
        /// In GStreamer's words.
        reason: String,
    },
    /// The sound of the input cannot be read, and this output needs it: a fault of the input.
    #[error("the sound for {path:?} cannot be read: {reason}; leave it out with --no-audio, or write .mkv")]
    Sound {
        /// The output.
        path: PathBuf,
        /// In GStreamer's words.
        reason: String,
    },
    /// Nothing moves any more.
    #[error("writing {path:?} stalled for {seconds} s; is its disk or network still there?")]
    Stalled {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// What was written is not what was meant.
    #[error("{path:?} came out wrong and was not put in its place: {reason}; please report it")]
    Check {
        /// The file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// It failed, and what there is of it was kept.
    #[error("{why}; {what} is in {part:?}")]
    Spared {
        /// How it failed.
        why: Box<SinkError>,
        /// What was kept.
        what: &'static str,
        /// Where it is.
        part: PathBuf,
    },
}

impl SinkError {
    /// The same, with what of the output was kept in `part`.
    pub(crate) fn sparing(self, what: &'static str, part: &Path) -> Self {
        Self::Spared { why: Box::new(self), what, part: part.into() }
    }

    /// Whether it is the input's fault.
    pub(crate) fn is_of_input(&self) -> bool {
        match self {
            Self::Sound { .. } => true,
            Self::Spared { why, .. } => why.is_of_input(),
            _ => false,
        }
    }
}
