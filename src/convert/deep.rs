//! Pictures of more than 8 bits a sample, and of HDR: what they are, and how they become frames.

use std::sync::Arc;

use super::cpu;
use super::tone::{self, Light, Tone};
use crate::frame::{Colour, Frame, FrameError, FrameFormat, PixelFormat, Plane, Size, check_plane, tight_planes};
use crate::pool::Pool;

/// Everything about a deep picture but its bytes. It has three planes Y, Cb, Cr, chroma at half width and half height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeepFormat {
    /// Size of the picture.
    pub size: Size,
    /// Bits a sample, 8 to 16; more than 8 stand in two bytes, the lower one first.
    pub bits: u32,
    /// Meaning of the samples; the transfer function is that of `light` if that is not relative.
    pub colour: Colour,
    /// How the signal becomes light.
    pub light: Light,
}

impl DeepFormat {
    /// Format of the frame that comes of it.
    pub fn narrowed(&self) -> FrameFormat {
        let colour = if self.light == Light::Relative { self.colour } else { tone::sdr(self.colour) };
        FrameFormat { size: self.size, pixels: PixelFormat::I420, colour }
    }

    /// Bytes in a row of `plane` that carry picture, and the number of rows.
    fn plane_extent(&self, plane: usize) -> (usize, usize) {
        let (samples, rows) = PixelFormat::I420.plane_extent(plane, self.size);
        (samples * self.sample_bytes(), rows)
    }

    fn sample_bytes(&self) -> usize {
        if self.bits > 8 { 2 } else { 1 }
    }
}

/// A deep picture over borrowed bytes. The planes are checked once, in [`DeepFrame::new`], and trusted after.
#[derive(Clone, Copy, Debug)]
pub struct DeepFrame<'a> {
    format: DeepFormat,
    planes: [Plane; 3],
    bytes: &'a [u8],
}

impl<'a> DeepFrame<'a> {
    /// A picture over `bytes`, whose planes lie as `planes` says.
    ///
    /// # Errors
    /// When a plane does not fit the bytes or its stride is shorter than its row.
    pub fn new(format: DeepFormat, planes: [Plane; 3], bytes: &'a [u8]) -> Result<Self, FrameError> {
        if format.size.pixels() == 0 {
            return Err(FrameError::Empty { size: format.size });
        }
        for (index, plane) in planes.iter().enumerate() {
            check_plane(index, *plane, format.plane_extent(index), bytes.len())?;
        }
        Ok(Self { format, planes, bytes })
    }

    /// Size, depth, colour and light.
    pub fn format(&self) -> DeepFormat {
        self.format
    }

    /// Row `y` of plane `plane`, without padding.
    pub(super) fn row(&self, plane: usize, y: usize) -> &'a [u8] {
        let Plane { offset_bytes, stride_bytes } = self.planes[plane];
        &self.bytes[offset_bytes + y * stride_bytes..][..self.format.plane_extent(plane).0]
    }
}

/// Makes frames of deep pictures, in memory that is lent: fewer bits are rounded, HDR is tone-mapped.
#[derive(Debug, Default)]
pub struct Narrow {
    bytes: Pool<u8>,
    /// The curves, and the format that they are for.
    tone: Option<(DeepFormat, Option<Tone>)>,
}

impl Narrow {
    /// Knows no format yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frame of [`DeepFormat::narrowed`] that shows `deep`.
    ///
    /// # Errors
    /// None that a checked picture can cause; that of [`Frame::new`] all the same.
    pub fn narrow(&mut self, deep: &DeepFrame<'_>) -> Result<Frame, FrameError> {
        let format = deep.format();
        let narrowed = format.narrowed();
        let (planes, len) = tight_planes(narrowed.pixels, narrowed.size);
        let mut bytes = self.bytes.lend(len);
        let known = self.tone.take().filter(|(known, _)| *known == format);
        let (_, tone) = self.tone.insert(known.unwrap_or_else(|| (format, Tone::of(&format))));
        match tone {
            Some(tone) => cpu::tone_map(deep, tone, &planes, &mut bytes),
            None => cpu::narrow(deep, &planes, &mut bytes),
        }
        Frame::new(narrowed, planes, Arc::new(bytes))
    }
}
