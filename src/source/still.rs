//! Pictures: a still as a video of one frame, an animated GIF as a video of its frames.

use std::convert::Infallible;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbaImage};

use super::cut::Cut;
use super::{Opened, Request, SourceError, Timing};
use crate::error::{Error, Result};
use crate::flow::Source;
use crate::frame::{Colour, Frame, FrameFormat, PixelFormat, Size, Stamp, Timed, tight_planes};
use crate::job::Part;
use crate::memory;
use crate::report::Meter;

/// How long a still is shown when it becomes a video.
const STILL_NANOS: u64 = 40_000_000;

/// Frames of a GIF that are shown shorter than this are shown for a tenth of a second, as browsers do it.
const SHORTEST_GIF_NANOS: u64 = 20_000_000;

/// Memory that the frames of a GIF may take; they are decoded at once.
const MOST_GIF_BYTES: usize = 1 << 30;

fn format_of(path: &Path) -> Option<ImageFormat> {
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(16).read_to_end(&mut start)).ok()?;
    image::guess_format(&start).ok().filter(|f| matches!(f, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif))
}

/// Whether the file starts like a PNG, JPEG or GIF.
pub(super) fn is_picture(path: &Path) -> bool {
    format_of(path).is_some()
}

/// Decodes the picture: EXIF orientation is applied, alpha is composited over black.
pub(super) fn open(path: &Path, request: Request, meter: &Meter) -> Result<Opened> {
    let part = request.part;
    check_room(path, request.room_bytes)?;
    let animated = format_of(path) == Some(ImageFormat::Gif);
    let decoded =
        if animated { decode_gif(path, meter) } else { decode_still(path, path, meter).map(|frame| vec![frame]) };
    let frames = decoded.map_err(|error| match error {
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

fn decode_gif(path: &Path, meter: &Meter) -> Result<Vec<Timed<Frame>>, ImageError> {
    let mut frames = Vec::new();
    let (mut pts_nanos, mut bytes) = (0, 0);
    for picture in GifDecoder::new(BufReader::new(File::open(path)?))?.into_frames() {
        let picture = picture?;
        let (numerator, denominator) = picture.delay().numer_denom_ms();
        let stated = u64::from(numerator) * 1_000_000 / u64::from(denominator.max(1));
        let shown = if stated < SHORTEST_GIF_NANOS { 100_000_000 } else { stated };
        let pixels = picture.into_buffer();
        bytes += pixels.len();
        if bytes > MOST_GIF_BYTES {
            return Err(ImageError::IoError(std::io::Error::other(
                "this GIF is too long; convert it to a video first",
            )));
        }
        let stamp = Stamp { duration_nanos: Some(shown), ..stamp(frames.len() as u64, pts_nanos) };
        frames.push(Timed { stamp, item: frame(pixels, path, meter)? });
        pts_nanos += shown;
    }
    Ok(frames)
}

fn stamp(seq: u64, pts_nanos: u64) -> Stamp {
    Stamp { seq, pts_nanos: Some(pts_nanos), duration_nanos: None, discontinuity: seq == 0 }
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
        let Ok(next) = cut.next(|| Ok::<_, Infallible>(frames.next()));
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
