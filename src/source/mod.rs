//! Where frames come from.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::flow::{Source, Stop};
use crate::frame::{FrameFormat, Size};
use crate::job::{CodecChoice, Input, Part, SizeChoice};
use crate::memory::Sum;
use crate::report::Meter;

pub mod elements;
pub mod test_pattern;
pub(crate) mod caps;
pub(crate) mod pipeline;
mod damage;
mod cut;
mod labels;
mod origin;
mod demux;
mod track;
mod decode;
pub(crate) mod hardware;
mod reader;
mod alpha;
mod file;
mod shape;
mod deinterlace;
mod turn;
mod fit;
mod sequence;
mod stdin;
mod still;
mod several;
mod animation;
mod whole;
#[doc(hidden)]
pub mod live;
pub(crate) mod microphone;

pub(crate) use demux::parsebin;
pub(crate) use labels::About;
pub(crate) use pipeline::Media;
use test_pattern::FrameRate;
pub(crate) use track::{Kind, Track};
pub(crate) use whole::stated_len;

/// The input cannot be read.
#[derive(Debug, thiserror::Error)]
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
    /// The same while the frames of a killed run were put into the new file.
    #[error("stopped before the first new frame; what the killed run left is still there for --resume")]
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

/// An I/O error in plain words, without the errno.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "no such file or directory".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::StorageFull => "no space left on the disk".into(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        _ => error.to_string(),
    }
}

/// An input that gives frames.
pub(crate) struct Opened {
    /// Gives the frames.
    pub(crate) source: Box<dyn Source>,
    /// Format of the first frame.
    pub(crate) format: FrameFormat,
    /// How time and pixels go.
    pub(crate) timing: Timing,
    /// There is one frame and no more.
    pub(crate) single: bool,
    /// Number of the first frame where frames are counted: that of its picture, else 1.
    pub(crate) number: u64,
    /// The pipeline and its sound, for a sink that writes into the same one; none for a still.
    pub(crate) media: Option<OpenMedia>,
}

/// What a container says of a video beside its format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Nominal frame rate. Never used for time stamps.
    pub(crate) rate: Option<gst::Fraction>,
    /// Shape of a pixel.
    pub(crate) aspect: gst::Fraction,
    /// Length of the part that is read.
    pub(crate) duration_nanos: Option<u64>,
}

impl Timing {
    /// Of frames at a constant rate, without an end that is known.
    pub(crate) fn constant(rate: FrameRate) -> Self {
        let side = |n: NonZeroU32| i32::try_from(n.get()).unwrap_or(i32::MAX);
        let rate = Some(gst::Fraction::new(side(rate.frames), side(rate.seconds)));
        Self { rate, aspect: gst::Fraction::new(1, 1), duration_nanos: None }
    }

    /// Nominal frames a second.
    pub(crate) fn frames_per_second(&self) -> Option<f64> {
        self.rate.map(|rate| f64::from(rate.numer()) / f64::from(rate.denom()))
    }

    /// For a video that was scaled from `size`. A height alone keeps the shape of the pixels, as it keeps the aspect;
    /// somebody who gives both sides means square pixels.
    pub(crate) fn resized(self, size: Size, choice: SizeChoice) -> Self {
        match choice {
            SizeChoice::Exact(exact) if exact != size => Self { aspect: gst::Fraction::new(1, 1), ..self },
            _ => self,
        }
    }
}

/// The parts of a pipeline that a sink continues.
pub(crate) struct OpenMedia {
    pub(crate) media: std::sync::Arc<Media>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) about: About,
}

/// What is wanted of an input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// Which part.
    pub(crate) part: Part,
    /// Whether its sound is wanted.
    pub(crate) audio: bool,
    /// Whether the sound may bring its run-up along: only a sink that can hide it again says yes.
    pub(crate) priming: bool,
    /// Whether interlaced video becomes progressive.
    pub(crate) deinterlace: bool,
    /// Memory that may be taken, where it is known.
    pub(crate) room_bytes: Option<u64>,
    /// What decodes.
    pub(crate) decoder: &'a CodecChoice,
}

/// Opens `input`.
pub(crate) fn open(input: &Input, request: Request<'_>, stop: &Stop, meter: &Meter) -> Result<Opened> {
    match input {
        Input::File(path) => open_file(path, request, stop, meter),
        Input::Pictures { pattern, rate } => sequence::open(pattern, *rate, request, meter),
        Input::Stdin => stdin::open(request, stop, meter),
    }
}

/// A file is a still picture by its content, else whatever GStreamer demuxes and decodes.
fn open_file(path: &Path, request: Request<'_>, stop: &Stop, meter: &Meter) -> Result<Opened> {
    pipeline::check_readable(path)?;
    if still::is_picture(path) {
        return still::open(path, request, meter);
    }
    file::open(path, None, request, stop, meter)
}
