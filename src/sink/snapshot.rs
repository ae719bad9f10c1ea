//! Files of a live run that the user did not name: named by date and time, beside each other, never in place of another.

use std::path::{Path, PathBuf};

use super::place::{Claim, Place};
use super::still::StillSink;
use crate::convert::cpu;
use crate::convert::planar::{Canvas, Scaler};
use crate::error::{Error, Result, SinkError};
use crate::flow::Crew;
use crate::flow::Sink;
use crate::frame::{Colour, Frame, FrameFormat, PixelFormat, Stamp, Timed, tight_planes};
use crate::pool::Pool;
use crate::tensor::{Border, Finite, TensorPool};

/// Files of one second that are told apart by a number.
const MOST_A_SECOND: u32 = 100;

/// Claims a place in `folder` for a file of this moment with this `ending`.
///
/// # Errors
/// When nothing can be written there.
pub(crate) fn claim_of_now(folder: &Path, ending: &str) -> Result<Place> {
    let moment = gst::glib::DateTime::now_local().and_then(|now| now.format("%Y-%m-%d-%H%M%S"));
    let moment = moment.map_err(|error| Error::Internal(format!("the clock cannot be read: {error}")))?;
    let mut number = 1;
    loop {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let name: PathBuf = folder.join(format!("stylize-{moment}{again}.{ending}"));
        match Place::claim(&name, Path::new(""), Claim { once: true, ..Claim::default() }) {
            Err(Error::Sink(
                SinkError::Exists { .. }
                | SinkError::Busy { .. }
                | SinkError::Unfinished { .. }
                | SinkError::Recorded { .. },
            )) if number < MOST_A_SECOND => {
                number += 1;
            }
            done => return done,
        }
    }
}

/// Writes `frame` as a picture to `place`; returns where that is.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn save(frame: &Frame, place: Place) -> Result<PathBuf> {
    let target = place.target().to_owned();
    StillSink::new(place).accept(Timed { stamp: Stamp::default(), item: rgb(frame)? })?;
    Ok(target)
}

/// The same picture as still pictures are written.
fn rgb(frame: &Frame) -> Result<Frame> {
    let format = FrameFormat { size: frame.size(), pixels: PixelFormat::Rgbx, colour: Colour::SRGB };
    let tensors = TensorPool::new();
    let mut canvas = Canvas::new(tensors.clone());
    let picture = canvas.sized(format.size);
    Scaler::new(tensors).scale(frame, picture)?;
    let (planes, len) = tight_planes(format.pixels, format.size);
    let mut bytes = Pool::new().lend(len);
    if cpu::unpack(&Crew::alone(), picture, Border::default(), format, &planes, &mut bytes) == Finite::No {
        return Err(Error::Internal("a frame of bytes became a picture with NaN in it".into()));
    }
    Frame::new(format, planes, std::sync::Arc::new(bytes)).map_err(|e| Error::Internal(format!("a snapshot: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    #[test]
    fn snapshots_of_one_moment_stand_beside_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let size = Size::new(4, 2);
        let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
        let (planes, len) = tight_planes(format.pixels, size);
        let mut bytes = vec![128; len];
        bytes[..size.pixels()].fill(235);
        let frame = Frame::new(format, planes, std::sync::Arc::new(bytes)).unwrap();
        let mut paths: Vec<_> =
            (0..3).map(|_| save(&frame, claim_of_now(folder.path(), "png").unwrap()).unwrap()).collect();
        paths.dedup();
        assert_eq!(paths.len(), 3);
        for path in paths {
            assert_eq!(image::open(path).unwrap().to_rgb8().into_raw(), vec![255; 3 * size.pixels()]);
        }
    }
}
