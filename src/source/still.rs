//! Pictures: a still as a video of one frame, an animated one as a video of its frames.

use std::convert::Infallible;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbaImage};

use super::cut::Cut;
use super::{Opened, Request, animation, several};
use crate::error::{Error, Result, SourceError};
use crate::flow::Source;
use crate::frame::{Colour, Frame, FrameFormat, PixelFormat, Size, Stamp, Timed, tight_planes};
use crate::media::Timing;
use crate::memory;
use crate::options::Part;
use crate::report::Meter;

/// How long a still is shown when it becomes a video.
const STILL_NANOS: u64 = 40_000_000;

/// Bytes by which a picture is known.
pub(super) const START: usize = 16;

/// The kind of picture that begins with `start`; none if it is none, or of a kind that is not read.
pub(super) fn format_in(start: &[u8]) -> Option<ImageFormat> {
    let known = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP];
    image::guess_format(start).ok().filter(|format| known.contains(format))
}

fn format_of(path: &Path) -> Option<ImageFormat> {
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(START as u64).read_to_end(&mut start)).ok()?;
    format_in(&start)
}

/// Whether the file is a PNG, JPEG, GIF or WebP, and not a row of them.
pub(super) fn is_picture(path: &Path) -> bool {
    format_of(path).is_some_and(|format| !several::follow(path, format))
}

/// Decodes the picture: EXIF orientation is applied, alpha is composited over black.
pub(super) fn open(path: &Path, request: Request<'_>, meter: &Meter) -> Result<Opened> {
    let part = request.part;
    check_room(path, request.room_bytes)?;
    let frames = decode(path, request.room_bytes, meter).map_err(|error| match error {
        ImageError::IoError(error) => SourceError::open(path, &error),
        error => SourceError::Undecodable { path: path.into(), reason: error.to_string() },
    })?;
    let frames = cut(frames, part);
    let Some(first) = frames.first() else {
        return Err(Error::Usage(format!("{path:?} has no frame in the part that --start, --end and --frames name")));
    };
    let format = first.item.format();
    let end = frames.last().map(|last| last.stamp.pts_nanos.unwrap_or(0) + last.stamp.duration_nanos.unwrap_or(0));
    let timing = Timing { rate: None, aspect: gst::Fraction::new(1, 1), duration_nanos: end };
    let single = frames.len() == 1;
    Ok(Opened { source: Box::new(Pictures(frames.into_iter())), format, timing, single, number: 1, media: None })
}

/// All frames of the picture in `path`.
fn decode(path: &Path, room_bytes: Option<u64>, meter: &Meter) -> Result<Vec<Timed<Frame>>, ImageError> {
    let format = format_of(path).unwrap_or(ImageFormat::Png);
    let animation = animation::frames(path, format, meter)?;
    match animation {
        Some(pictures) => animation::decode(pictures, room_bytes, |picture| frame(picture, path, meter)),
        None => Ok(vec![decode_still(path, path, meter)?]),
    }
}

/// Whether there is room for the picture in `path`. A file that does not tell its size is told of when it is decoded.
pub(super) fn check_room(path: &Path, room_bytes: Option<u64>) -> Result<(), SourceError> {
    match reader(path).and_then(ImageReader::into_dimensions) {
        Ok((width, height)) => memory::check_decoding(path, Size::new(width, height), room_bytes),
        Err(_) => Ok(()),
    }
}

fn reader(path: &Path) -> Result<ImageReader<BufReader<File>>, ImageError> {
    Ok(ImageReader::new(BufReader::new(File::open(path)?)).with_guessed_format()?)
}

/// Decodes the picture in `path`; warnings call it `name`.
pub(super) fn decode_still(path: &Path, name: &Path, meter: &Meter) -> Result<Timed<Frame>, ImageError> {
    let mut reader = reader(path)?;
    // What there is of memory was compared with its size.
    reader.no_limits();
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let item = frame(picture.into_rgba8(), name, meter)?;
    Ok(Timed { stamp: Stamp { duration_nanos: Some(STILL_NANOS), ..stamp(0, 0) }, item })
}

pub(super) fn stamp(seq: u64, pts_nanos: u64) -> Stamp {
    Stamp { seq, pts_nanos: Some(pts_nanos), discontinuity: seq == 0, ..Stamp::default() }
}

fn frame(mut pixels: RgbaImage, path: &Path, meter: &Meter) -> Result<Frame, ImageError> {
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
    Frame::new(format, planes, Arc::new(pixels.into_raw())).map_err(|e| ImageError::IoError(std::io::Error::other(e)))
}

/// Keeps `part`, whose first moment becomes 0.
fn cut(frames: Vec<Timed<Frame>>, part: Part) -> Vec<Timed<Frame>> {
    let (mut frames, mut cut) = (frames.into_iter(), Cut::new(part, 0));
    std::iter::from_fn(|| {
        let Ok(next) = cut.next(|_| Ok::<_, Infallible>(frames.next()));
        next
    })
    .collect()
}

struct Pictures(std::vec::IntoIter<Timed<Frame>>);

impl Source for Pictures {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        Ok(self.0.next())
    }
}
