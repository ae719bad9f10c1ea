//! A still picture as a video of one frame.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::{Opened, SourceError, Timing};
use crate::error::Result;
use crate::flow::Source;
use crate::frame::{Colour, Frame, FrameFormat, PixelFormat, Size, Stamp, Timed, tight_planes};
use crate::report::Meter;

/// How long a still is shown when it becomes a video.
const SHOWN_NANOS: u64 = 40_000_000;

/// Whether the file starts like a PNG or JPEG.
pub(super) fn is_still(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
    read.is_ok() && matches!(image::guess_format(&start), Ok(ImageFormat::Png | ImageFormat::Jpeg))
}

/// Decodes the picture: EXIF orientation is applied, alpha is composited over black.
pub(super) fn open(path: &Path, meter: &Meter) -> Result<Opened> {
    let frame = decode(path, meter).map_err(|error| match error {
        image::ImageError::IoError(error) => SourceError::open(path, &error),
        error => SourceError::Undecodable { path: path.into(), reason: error.to_string() },
    })?;
    let format = frame.format();
    let timing = Timing { rate: None, aspect: gst::Fraction::new(1, 1), duration_nanos: Some(SHOWN_NANOS) };
    Ok(Opened { source: Box::new(Still(Some(frame))), format, timing, media: None })
}

fn decode(path: &Path, meter: &Meter) -> Result<Frame, image::ImageError> {
    let mut decoder = ImageReader::new(BufReader::new(File::open(path)?)).with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let mut pixels = picture.into_rgba8();
    let mut transparent = false;
    for pixel in pixels.pixels_mut() {
        let [r, g, b, alpha] = pixel.0;
        transparent |= alpha < 255;
        let over_black = |value: u8| ((u32::from(value) * u32::from(alpha) + 127) / 255) as u8;
        pixel.0 = [over_black(r), over_black(g), over_black(b), 255];
    }
    if transparent {
        meter.warn(format!("{path:?} is partly transparent: composited over black"));
    }
    let size = Size::new(pixels.width(), pixels.height());
    let format = FrameFormat { size, pixels: PixelFormat::Rgbx, colour: Colour::SRGB };
    let (planes, _) = tight_planes(PixelFormat::Rgbx, size);
    Frame::new(format, planes, Arc::new(pixels.into_raw()))
        .map_err(|error| image::ImageError::IoError(std::io::Error::other(error)))
}

struct Still(Option<Frame>);

impl Source for Still {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        let stamp = Stamp { seq: 0, pts_nanos: Some(0), duration_nanos: Some(SHOWN_NANOS), discontinuity: true };
        Ok(self.0.take().map(|item| Timed { stamp, item }))
    }
}
