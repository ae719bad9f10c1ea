//! The stage at the end of the flow: from a styled picture to a frame.

use std::sync::Arc;

use crate::convert::cpu;
use crate::convert::planar::{Canvas, Scaler};
use crate::error::{Error, Result};
use crate::flow::{Crew, Stage};
use crate::frame::{Frame, FrameFormat, Painted, Plane, Stamp, Timed, tight_planes};
use crate::pool::Pool;
use crate::report::Meter;
use crate::tensor::{Border, Finite, Styled, TensorPool};

/// Makes frames of tensors. Where a tensor holds what is not a number, the original takes its place and is counted.
#[derive(Debug)]
pub struct Unpack {
    format: FrameFormat,
    bytes: Pool<u8>,
    meter: Meter,
    scaler: Scaler,
    substitute: Canvas,
    crew: Crew,
}

impl Unpack {
    /// Makes frames of `format`, without padding, in memory lent by `bytes`; counts substituted frames in `meter`. What
    /// substitutes need comes from `tensors`.
    pub fn new(format: FrameFormat, bytes: Pool<u8>, tensors: TensorPool, meter: Meter) -> Self {
        let (scaler, substitute) = (Scaler::new(tensors.clone()), Canvas::new(tensors));
        Self { format, bytes, meter, scaler, substitute, crew: Crew::alone() }
    }

    /// Shares the rows of a frame among `crew`.
    #[must_use]
    pub fn with(self, crew: Crew) -> Self {
        Self { crew, ..self }
    }

    /// The frame that `write` writes, as planes of our format; where that met what is no number, the original, and which of
    /// the two. None where it gives none: then it may have written anything.
    ///
    /// # Errors
    /// See [`Scaler::scale`].
    pub(crate) fn frame(
        &mut self,
        original: &Frame,
        write: impl FnOnce(&[Plane], &mut [u8]) -> Option<Finite>,
    ) -> Result<Option<(Frame, Finite)>> {
        let (planes, len) = tight_planes(self.format.pixels, self.format.size);
        let mut bytes = self.bytes.lend(len);
        let Some(finite) = write(&planes, &mut bytes) else { return Ok(None) };
        if finite == Finite::No {
            self.meter.frame_substituted();
            self.write_original(original, &planes, &mut bytes)?;
        }
        let frame = Frame::new(self.format, planes, Arc::new(bytes))
            .map_err(|error| Error::Internal(format!("unpacked frame: {error}")))?;
        Ok(Some((frame, finite)))
    }

    /// Writes the original as planes of our format: byte for byte where it has that already.
    fn write_original(&mut self, original: &Frame, planes: &[Plane], out: &mut [u8]) -> Result<()> {
        if original.format() == self.format {
            copy_planes(original, planes, out);
            return Ok(());
        }
        let picture = self.substitute.sized(self.format.size);
        self.scaler.scale(original, picture)?;
        match cpu::unpack(&self.crew, picture, Border::default(), self.format, planes, out) {
            Finite::Yes => Ok(()),
            Finite::No => Err(Error::Internal("a frame of bytes became a picture with NaN in it".into())),
        }
    }
}

impl Stage for Unpack {
    type In = Styled;
    type Out = Painted;

    fn process(&mut self, styled: Timed<Styled>) -> Result<Timed<Painted>> {
        let Styled { original, tensor, border } = styled.item;
        let format = self.format;
        if tensor.size != border.outer(format.size) {
            let (found, wanted) = (tensor.size, format.size);
            return Err(Error::Internal(format!(
                "a tensor of {found} with {border:?} was to become a frame of {wanted}"
            )));
        }
        let crew = self.crew.clone();
        let (frame, finite) = self
            .frame(&original, |planes, out| Some(cpu::unpack(&crew, &tensor, border, format, planes, out)))?
            .ok_or_else(|| Error::Internal("a frame was not written".into()))?;
        let stamp = Stamp { substituted: finite == Finite::No, ..styled.stamp };
        Ok(Timed { stamp, item: Painted { original, frame } })
    }
}

/// Copies the rows of a frame, without its padding.
fn copy_planes(frame: &Frame, planes: &[Plane], out: &mut [u8]) {
    let format = frame.format();
    for (index, plane) in planes.iter().enumerate().take(format.pixels.planes()) {
        let (row_bytes, rows) = format.pixels.plane_extent(index, format.size);
        for y in 0..rows {
            out[plane.offset_bytes + y * plane.stride_bytes..][..row_bytes].copy_from_slice(frame.row(index, y));
        }
    }
}
