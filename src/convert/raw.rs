//! Pictures as decoders give them that frames do not hold: other bits or other chroma than 8-bit 4:2:0, and HDR; and how
//! they become frames.

use std::sync::Arc;

use super::cpu;
use super::tone::{self, Light, Tone};
use crate::frame::{Colour, Frame, FrameError, FrameFormat, PixelFormat, Plane, Size, check_plane, tight_planes};
use crate::pool::Pool;

/// How much chroma there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// None: shades of grey.
    None,
    /// 4:2:0, half the columns and half the rows.
    Quarter,
    /// 4:2:2, half the columns.
    Half,
    /// 4:4:4, as much as luma.
    Full,
}

/// Everything about a raw picture but its bytes. It has planes Y, Cb, Cr, or Y alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawFormat {
    /// Size of the picture.
    pub size: Size,
    /// Bits a sample, 8 to 16; more than 8 stand in two bytes, the lower one first.
    pub bits: u32,
    /// Size of the chroma planes.
    pub chroma: Chroma,
    /// Meaning of the samples; the transfer function is that of `light` if that is not relative.
    pub colour: Colour,
    /// How the signal becomes light.
    pub light: Light,
}

impl RawFormat {
    /// Format of the frame that comes of it.
    pub fn narrowed(&self) -> FrameFormat {
        let colour = if self.light == Light::Relative { self.colour } else { tone::sdr(self.colour) };
        FrameFormat { size: self.size, pixels: PixelFormat::I420, colour }
    }

    fn planes(&self) -> usize {
        if self.chroma == Chroma::None { 1 } else { 3 }
    }

    /// Bytes in a row of `plane` that carry picture, and the number of rows.
    fn plane_extent(&self, plane: usize) -> (usize, usize) {
        let Size { width, height } = match self.chroma {
            _ if plane == 0 => self.size,
            Chroma::Quarter => self.size.halved(),
            Chroma::Half => Size::new(self.size.halved().width, self.size.height),
            Chroma::Full | Chroma::None => self.size,
        };
        let sample_bytes = if self.bits > 8 { 2 } else { 1 };
        (width as usize * sample_bytes, height as usize)
    }
}

/// A raw picture over borrowed bytes. The planes are checked once, in [`RawFrame::new`], and trusted after.
#[derive(Clone, Copy, Debug)]
pub struct RawFrame<'a> {
    format: RawFormat,
    planes: [Plane; 3],
    bytes: &'a [u8],
}

impl<'a> RawFrame<'a> {
    /// A picture over `bytes`, whose planes lie as `planes` says (those that the format has; the others are ignored).
    ///
    /// # Errors
    /// When a plane does not fit the bytes or its stride is shorter than its row.
    pub fn new(format: RawFormat, planes: [Plane; 3], bytes: &'a [u8]) -> Result<Self, FrameError> {
        if format.size.pixels() == 0 {
            return Err(FrameError::Empty { size: format.size });
        }
        for (index, plane) in planes.iter().enumerate().take(format.planes()) {
            check_plane(index, *plane, format.plane_extent(index), bytes.len())?;
        }
        Ok(Self { format, planes, bytes })
    }

    /// Size, samples, colour and light.
    pub fn format(&self) -> RawFormat {
        self.format
    }

    /// Row `y` of plane `plane`, without padding.
    pub(super) fn row(&self, plane: usize, y: usize) -> &'a [u8] {
        let Plane { offset_bytes, stride_bytes } = self.planes[plane];
        &self.bytes[offset_bytes + y * stride_bytes..][..self.format.plane_extent(plane).0]
    }
}

/// Makes frames of raw pictures, in memory that is lent: bits are rounded, chroma is brought down, HDR is tone-mapped.
#[derive(Debug, Default)]
pub struct Narrow {
    bytes: Pool<u8>,
    /// The curves, and the format that they are for.
    tone: Option<(RawFormat, Option<Tone>)>,
}

impl Narrow {
    /// Knows no format yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frame of [`RawFormat::narrowed`] that shows `raw`.
    ///
    /// # Errors
    /// None that a checked picture can cause; that of [`Frame::new`] all the same.
    pub fn narrow(&mut self, raw: &RawFrame<'_>) -> Result<Frame, FrameError> {
        let format = raw.format();
        let narrowed = format.narrowed();
        let (planes, len) = tight_planes(narrowed.pixels, narrowed.size);
        let mut bytes = self.bytes.lend(len);
        let known = self.tone.take().filter(|(known, _)| *known == format);
        let (_, tone) = self.tone.insert(known.unwrap_or_else(|| (format, Tone::of(&format))));
        match tone {
            Some(tone) => cpu::tone_map(raw, tone, &planes, &mut bytes),
            None => cpu::narrow(raw, &planes, &mut bytes),
        }
        Frame::new(narrowed, planes, Arc::new(bytes))
    }
}
