//! Where frames go.

use std::path::Path;

use crate::error::Result;
use crate::flow::Sink;
use crate::frame::{Frame, FrameFormat, Timed};
use crate::media::{Kind, OpenMedia, Timing, Track};
use crate::options::Encoding;
use crate::report::Meter;
use crate::resume::Identity;

mod audio;
mod buffer;
mod builder;
mod check;
mod container;
mod encoder;
mod end;
mod file;
pub(crate) mod hardware;
pub(crate) mod live;
mod labels;
mod leftover;
mod place;
mod recorder;
mod replay;
mod sequence;
mod snapshot;
mod steady;
mod stored;
mod stdout;
mod stall;
mod still;
mod tally;
mod text;
pub mod virtual_camera;
#[doc(hidden)]
pub mod window;

pub use container::Container;
pub(crate) use encoder::settle as codec;
pub(crate) use hardware::element as encoder;
pub(crate) use leftover::{Found, Kept};
pub(crate) use place::{Claim, Place};
pub(crate) use replay::Replay;
pub(crate) use sequence::{Pictures, refuse_pictures};
pub(crate) use snapshot::{claim_of_now, save as save_snapshot};

/// What an output must know before its first frame.
pub(crate) struct Order<'a> {
    /// Format of the frames that will come.
    pub(crate) format: FrameFormat,
    /// Nominal rate and shape of a pixel.
    pub(crate) timing: Timing,
    /// How to encode.
    pub(crate) encoding: &'a Encoding,
    /// The pipeline of the source and its sound, to be continued.
    pub(crate) media: Option<OpenMedia>,
    /// Where warnings go.
    pub(crate) meter: &'a Meter,
    /// What this run is, if another one may go on with what it leaves when it is killed.
    pub(crate) identity: Option<Identity>,
    /// What an unfinished run did of it.
    pub(crate) kept: Option<Kept>,
}

/// An output, and what must be put before its source when an unfinished run is continued.
pub(crate) struct Opened {
    /// Takes the frames.
    pub(crate) sink: Box<dyn Sink>,
    /// Plays what is kept into the output.
    pub(crate) replay: Option<Replay>,
}

/// Where the bytes of an output go.
pub(crate) enum Goal {
    /// Into a file.
    File(Place),
    /// To whom reads them, as they come.
    Stdout,
}

impl Goal {
    /// Standard output, for what is made of `input`.
    pub(crate) fn stdout(input: &Path) -> Result<Self> {
        stdout::check(input).map(|()| Self::Stdout)
    }

    /// The place of the file, if it is one.
    fn place(self) -> Option<Place> {
        match self {
            Self::File(place) => Some(place),
            Self::Stdout => None,
        }
    }

    /// The file, or what stands for one in messages.
    fn name(&self) -> &Path {
        match self {
            Self::File(place) => place.target(),
            Self::Stdout => Path::new(stdout::NAME),
        }
    }
}

/// Opens the output that goes to `goal`.
pub(crate) fn open(goal: Goal, order: Order<'_>) -> Result<Opened> {
    match goal {
        Goal::File(place) if still::is_still(place.target()) => {
            discard(order.media);
            Ok(Opened { sink: Box::new(still::StillSink::new(place)), replay: None })
        }
        goal => {
            let (sink, replay) = file::FileSink::open(goal, order)?;
            Ok(Opened { sink: Box::new(sink), replay })
        }
    }
}

/// Opens the output of a sequence whose first picture has this `number`.
pub(crate) fn open_pictures(pictures: Pictures, number: u64, media: Option<OpenMedia>, meter: &Meter) -> Box<dyn Sink> {
    if discard(media).contains(&Kind::Sound) {
        meter.warn("left out: the sound (pictures hold none)");
    }
    Box::new(pictures.open(number, meter))
}

/// A sink that throws the frames of a source away, and with them its tracks.
pub(crate) fn nowhere(media: Option<OpenMedia>) -> Null {
    discard(media);
    Null
}

/// Lets the tracks of a source, of the kinds that are returned, run into nowhere. Their queues have no bound: what nobody
/// takes would pile up in them.
fn discard(media: Option<OpenMedia>) -> Vec<Kind> {
    let tracks = media.map(|media| media.tracks).unwrap_or_default();
    let kinds = tracks.iter().map(|track| track.kind).collect();
    tracks.into_iter().for_each(Track::discard);
    kinds
}

/// Whether `path` is to hold a single picture.
pub(crate) fn is_still(path: &Path) -> bool {
    still::is_still(path)
}

/// Takes frames and throws them away.
pub(crate) struct Null;

impl Sink for Null {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        drop(frame);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
