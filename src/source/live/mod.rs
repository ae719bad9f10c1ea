//! Where frames come from as they happen: cameras, the scene that needs none, a file at its own pace, an address, the screen.

pub mod cameras;
mod choice;
mod modes;
mod camera;
mod inputs;
mod scene;
mod feed;
mod moment;
mod dark;
mod keeper;

use std::fmt;
use std::num::NonZeroU32;

use crate::error::Result;
use crate::flow::{Source, Stop};
use crate::frame::{FrameFormat, FrameRate, Size};
use crate::options::{LiveInput, Mode};
use crate::report::Meter;

/// How a camera films if nobody says.
pub const USUAL: Mode = Mode {
    size: Size::new(1280, 720),
    rate: FrameRate { frames: NonZeroU32::MIN.saturating_add(29), seconds: NonZeroU32::MIN },
};

/// A live input that gives frames.
///
/// Each is the newest at its moment: who is slow misses some. Their times are those of their capture since that of the
/// first, and go forward. Where the input is lost on the way, a darkened picture goes on in its place until it is back.
pub struct Live {
    /// Gives the frames.
    pub source: Box<dyn Source>,
    /// Format of all frames: I420, square pixels, size and colours of the first.
    pub format: FrameFormat,
    /// Nominal rate. Never used for time stamps.
    pub rate: FrameRate,
    /// Name of the camera, or what else is filmed.
    pub name: String,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, rate, name, .. } = self;
        f.debug_struct("Live").field("format", format).field("rate", rate).field("name", name).finish_non_exhaustive()
    }
}

/// Opens `input`, and waits for its first frame. Where `mode` is given a camera films so or not at all.
///
/// # Errors
/// [`Error::Device`](crate::Error::Device) when a camera or the screen is absent, busy or not ours; [`Error::Source`](crate::Error::Source) when a file or an address
/// cannot be read.
pub fn open(input: &LiveInput, mode: Option<Mode>, stop: &Stop, meter: &Meter) -> Result<Live> {
    match input {
        LiveInput::Test => scene::open(mode.unwrap_or(USUAL), stop),
        LiveInput::File(path) => inputs::open_file(path, false, stop, meter),
        LiveInput::Loop(path) => inputs::open_file(path, true, stop, meter),
        LiveInput::Camera(choice) => camera::open(choice, mode, stop, meter),
        LiveInput::Address(address) => inputs::open_address(address, stop, meter),
        LiveInput::Screen => inputs::open_screen(mode, stop, meter),
    }
}

/// A rate as caps say it; none for one that varies.
fn nominal(rate: gst::Fraction) -> Option<FrameRate> {
    let side = |n: i32| u32::try_from(n).ok().and_then(NonZeroU32::new);
    Some(FrameRate { frames: side(rate.numer())?, seconds: side(rate.denom())? })
}
