//! Animated pictures: GIF, PNG and WebP.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, ColorType, Frames, ImageDecoder, ImageError, ImageFormat, RgbaImage};

use super::still::stamp;
use crate::frame::{Frame, Stamp, Timed};
use crate::report::Meter;

/// Frames that are shown shorter than this are shown for a tenth of a second, as browsers do it.
const SHORTEST_NANOS: u64 = 20_000_000;

/// Memory that the frames may take; they are decoded at once.
const MOST_BYTES: u64 = 1 << 30;

/// The pictures of the file at `path`, or none if it holds only one.
pub(super) fn frames(path: &Path, format: ImageFormat, meter: &Meter) -> Result<Option<Frames<'static>>, ImageError> {
    let file = || File::open(path).map(BufReader::new);
    Ok(match format {
        ImageFormat::Gif => Some(GifDecoder::new(file()?)?.into_frames()),
        ImageFormat::WebP => {
            let decoder = WebPDecoder::new(file()?)?;
            decoder.has_animation().then(|| decoder.into_frames())
        }
        ImageFormat::Png => {
            let decoder = PngDecoder::new(file()?)?;
            let deep =
                !matches!(decoder.color_type(), ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8);
            let animated = decoder.is_apng()?;
            if animated && deep {
                meter.warn(format!(
                    "{path:?} is animated with 16 bits a channel, which cannot be read: one picture of it is"
                ));
            }
            if animated && !deep { Some(decoder.apng()?.into_frames()) } else { None }
        }
        _ => None,
    })
}

/// Decodes `pictures`, each shown as long as it says; `frame` makes frames of them.
pub(super) fn decode(
    pictures: Frames<'_>,
    room_bytes: Option<u64>,
    frame: impl Fn(RgbaImage) -> Result<Frame, ImageError>,
) -> Result<Vec<Timed<Frame>>, ImageError> {
    let most_bytes = room_bytes.map_or(MOST_BYTES, |room| room.min(MOST_BYTES));
    let mut frames = Vec::new();
    let (mut pts_nanos, mut bytes) = (0, 0);
    for picture in pictures {
        let picture = picture?;
        let (numerator, denominator) = picture.delay().numer_denom_ms();
        let stated = u64::from(numerator) * 1_000_000 / u64::from(denominator.max(1));
        let shown = if stated < SHORTEST_NANOS { 100_000_000 } else { stated };
        let pixels = picture.into_buffer();
        bytes += pixels.len() as u64;
        if bytes > most_bytes {
            let reason = "its frames take more memory than there is; convert it to a video first";
            return Err(ImageError::IoError(std::io::Error::other(reason)));
        }
        let stamp = Stamp { duration_nanos: Some(shown), ..stamp(frames.len() as u64, pts_nanos) };
        frames.push(Timed { stamp, item: frame(pixels)? });
        pts_nanos += shown;
    }
    Ok(frames)
}
