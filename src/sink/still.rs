//! A still picture: the one frame of the flow.

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};

use super::Place;
use super::place::Unnamed;
use crate::error::{Error, Result, SinkError, SourceError, io_reason};
use crate::flow::Sink;
use crate::frame::{Frame, PixelFormat, Timed};

/// JPEG quality: past this, files grow and pictures do not get better.
const JPEG_QUALITY: u8 = 92;

fn format_of(path: &Path) -> Option<ImageFormat> {
    ImageFormat::from_path(path).ok().filter(|format| matches!(format, ImageFormat::Png | ImageFormat::Jpeg))
}

/// Whether the ending of `path` names a picture that can be written.
pub(super) fn is_still(path: &Path) -> bool {
    format_of(path).is_some()
}

pub(super) struct StillSink {
    place: Option<Place>,
}

impl StillSink {
    pub(super) fn new(place: Place) -> Self {
        Self { place: Some(place) }
    }
}

impl Sink for StillSink {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        let Some(place) = self.place.take() else {
            return Err(Error::Usage("a picture holds one frame; use --frames 1, or write a video".into()));
        };
        write(&place, &frame.item)
            .map_err(|error| SinkError::Write { path: place.target().into(), reason: reason(&error) })?;
        place.publish(Unnamed::Goes)
    }

    fn finish(&mut self) -> Result<()> {
        self.place.as_ref().map_or(Ok(()), |_| Err(SourceError::Stopped.into()))
    }
}

fn write(place: &Place, frame: &Frame) -> Result<(), image::ImageError> {
    debug_assert_eq!(frame.format().pixels, PixelFormat::Rgbx);
    let (width, height) = (frame.size().width, frame.size().height);
    let rows = (0..height as usize).map(|y| frame.row(0, y));
    let rgb: Vec<u8> = rows.flat_map(|row| row.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]])).collect();
    let mut file = std::io::BufWriter::new(std::fs::File::create(place.part())?);
    let size = (width, height);
    match format_of(place.target()) {
        Some(ImageFormat::Jpeg) => encode(JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY), &rgb, size)?,
        _ => encode(PngEncoder::new(&mut file), &rgb, size)?,
    }
    std::io::Write::flush(&mut file)?;
    Ok(())
}

fn encode(encoder: impl ImageEncoder, rgb: &[u8], (width, height): (u32, u32)) -> Result<(), image::ImageError> {
    encoder.write_image(rgb, width, height, ExtendedColorType::Rgb8)
}

fn reason(error: &image::ImageError) -> String {
    if let image::ImageError::IoError(error) = error { io_reason(error) } else { error.to_string() }
}
