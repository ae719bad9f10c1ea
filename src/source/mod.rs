//! Where frames come from.

use std::path::Path;

use crate::error::{Result, SourceError};
use crate::flow::{Source, Stop};
use crate::frame::FrameFormat;
use crate::media::{OpenMedia, Timing};
use crate::options::{CodecChoice, Input, Part};
use crate::report::Meter;

pub mod test_pattern;
mod damage;
mod cut;
mod demux;
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

pub(crate) use whole::stated_len;

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
    check_readable(path)?;
    if still::is_picture(path) {
        return still::open(path, request, meter);
    }
    file::open(path, None, request, stop, meter)
}

/// Whether `path` can be read at all, before GStreamer is asked.
pub(super) fn check_readable(path: &Path) -> Result<(), SourceError> {
    let cannot = |reason: &str| SourceError::Open { path: path.into(), reason: reason.into() };
    let meta = std::fs::metadata(path).map_err(|error| SourceError::open(path, &error))?;
    if meta.is_dir() {
        return Err(cannot("it is a directory; name a video or a picture"));
    }
    if !meta.is_file() {
        return Err(cannot("it is not a regular file; copy it to one first"));
    }
    if meta.len() == 0 {
        return Err(cannot("it is empty (0 bytes)"));
    }
    std::fs::File::open(path).map(drop).map_err(|error| SourceError::open(path, &error))
}
