//! Video with an alpha channel, put over black.

use gst::prelude::*;
use gst_video::prelude::*;
use gst_video::{VideoColorRange, VideoFlags, VideoFormat, VideoFrameRef, VideoInfo};

use crate::error::SourceError;
use crate::frame::Size;
use crate::media::{element, pad};
use crate::report::Meter;

/// What the user is told.
const TRANSPARENT: &str = "the input is partly transparent: composited over black";

/// Whether `caps` say that the alpha channel is a stream of its own beside the picture, as in WebM.
fn is_apart(caps: &gst::Caps) -> bool {
    caps.structure(0).and_then(|structure| structure.get("codec-alpha").ok()).unwrap_or(false)
}

/// Whether `factory` decodes such a channel, too. The decoder of the plain picture would do; it leaves the channel out.
fn knows_alpha(factory: &gst::ElementFactory) -> bool {
    let mut sinks = factory.static_pad_templates().into_iter().filter(|t| t.direction() == gst::PadDirection::Sink);
    sinks.any(|template| template.caps().iter().any(|structure| structure.has_field("codec-alpha")))
}

/// Says so where `decoder`, which was asked for by name, leaves out the alpha channel of `caps`.
pub(super) fn warn_of_loss(decoder: &gst::ElementFactory, caps: &gst::Caps, meter: &Meter) {
    if is_apart(caps) && !knows_alpha(decoder) {
        let name = decoder.name();
        meter.warn(format!("--decoder {name} does not decode the alpha channel: the picture is painted without it"));
    }
}

/// The decoder for `caps` with an alpha channel that is a stream of its own.
pub(super) fn decoder_for(caps: &gst::Caps, meter: &Meter) -> Option<gst::ElementFactory> {
    if !is_apart(caps) {
        return None;
    }
    let decoders = gst::ElementFactory::factories_with_type(gst::ElementFactoryType::DECODER, gst::Rank::MARGINAL);
    let found = decoders.into_iter().find(|factory| knows_alpha(factory) && factory.can_sink_any_caps(caps));
    if found.is_none() {
        meter.warn("no decoder for the alpha channel is installed: the picture is painted without it");
    }
    found
}

/// The elements that put decoded video of `caps`, which `info` describes, over black, and what describes it then; none, and
/// the same, where it has no alpha channel.
pub(super) fn over_black(
    caps: &gst::CapsRef,
    info: VideoInfo,
    meter: &Meter,
) -> Result<(Vec<gst::Element>, VideoInfo), SourceError> {
    if !info.has_alpha() {
        return Ok((Vec::new(), info));
    }
    let format = if info.is_rgb() { VideoFormat::Rgba } else { VideoFormat::A420 };
    let mut caps = caps.to_owned();
    caps.make_mut().set("format", format.to_str());
    let info = VideoInfo::from_caps(&caps).map_err(|error| SourceError::Gstreamer(error.to_string()))?;
    let filter = element("capsfilter")?;
    filter.set_property("caps", gst_video::VideoCapsBuilder::new().format(format).build());
    let meter = meter.clone();
    pad(&filter, "src")?.add_probe(gst::PadProbeType::BUFFER, move |pad, probe| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut probe.data
            && let Some(info) = pad.current_caps().and_then(|caps| VideoInfo::from_caps(&caps).ok())
        {
            match composite(buffer, &info) {
                Ok(true) => meter.warn(TRANSPARENT),
                Ok(false) => {}
                Err(error) => meter.warn(format!("an alpha channel is left out, since it cannot be read: {error}")),
            }
        }
        gst::PadProbeReturn::Ok
    });
    Ok((vec![element("videoconvert")?, filter], info))
}

/// Puts the picture in `buffer` over black, and says whether anything of it was transparent.
fn composite(buffer: &mut gst::Buffer, info: &VideoInfo) -> Result<bool, gst::glib::BoolError> {
    // Colours that were multiplied already are what they are over black.
    let multiplied = info.flags().contains(VideoFlags::PREMULTIPLIED_ALPHA);
    let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), info)?;
    let strides =
        [0, 1, 2, 3].map(|plane| frame.plane_stride().get(plane).map_or(1, |stride| stride.unsigned_abs() as usize));
    let size = Size::new(info.width(), info.height());
    let planes = frame.planes_data_mut();
    Ok(match info.format() {
        VideoFormat::Rgba => fade_rgba(planes, strides, size, multiplied),
        _ => {
            let black = if info.colorimetry().range() == VideoColorRange::Range0_255 { 0 } else { 16 };
            fade_a420(planes, strides, size, black, multiplied)
        }
    })
}

type Planes<'a> = [&'a mut [u8]; 4];

fn fade_rgba([pixels, ..]: Planes<'_>, strides: [usize; 4], size: Size, multiplied: bool) -> bool {
    let mut found = false;
    for row in pixels.chunks_mut(strides[0]).take(size.height as usize) {
        let row = &mut row[..size.width as usize * 4];
        let transparent = row.chunks_exact(4).any(|pixel| pixel[3] < 255);
        found |= transparent;
        if transparent && !multiplied {
            for pixel in row.chunks_exact_mut(4) {
                let alpha = pixel[3];
                pixel[..3].iter_mut().for_each(|value| *value = toward(*value, 0, alpha));
            }
        }
    }
    found
}

fn fade_a420(planes: Planes<'_>, strides: [usize; 4], size: Size, black: u8, multiplied: bool) -> bool {
    let (width, height) = (size.width as usize, size.height as usize);
    let [luma, cb, cr, alpha] = planes;
    let alpha: Vec<&[u8]> = alpha.chunks(strides[3]).take(height).map(|row| &row[..width]).collect();
    if alpha.iter().all(|row| row.iter().all(|&alpha| alpha == 255)) {
        return false;
    }
    if multiplied {
        return true;
    }
    for (row, alpha) in luma.chunks_mut(strides[0]).zip(&alpha) {
        row.iter_mut().zip(*alpha).for_each(|(value, &alpha)| *value = toward(*value, black, alpha));
    }
    for (plane, stride) in [(cb, strides[1]), (cr, strides[2])] {
        for (row, alpha) in plane.chunks_mut(stride).zip(alpha.chunks(2)) {
            for (x, value) in row.iter_mut().enumerate().take(width.div_ceil(2)) {
                *value = toward(*value, 128, mean(alpha, x));
            }
        }
    }
    true
}

/// The mean of the four (at odd ends fewer) pixels of a chroma sample.
fn mean(rows: &[&[u8]], x: usize) -> u8 {
    let pixels = rows.iter().flat_map(|row| row[2 * x..].iter().take(2));
    let (sum, count) = pixels.fold((0, 0), |(sum, count), &alpha| (sum + u32::from(alpha), count + 1));
    ((sum + count / 2) / count) as u8
}

/// `value` over `black`, as opaque as `alpha` says.
fn toward(value: u8, black: u8, alpha: u8) -> u8 {
    let (value, black, alpha) = (i32::from(value), i32::from(black), i32::from(alpha));
    let part = (value - black) * alpha;
    (black + (part + part.signum() * 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composited(format: VideoFormat, bytes: Vec<u8>, colorimetry: &str) -> (bool, Vec<u8>) {
        gst::init().unwrap();
        let info = VideoInfo::builder(format, 3, 3).colorimetry(&colorimetry.parse().unwrap()).build().unwrap();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        let found = composite(&mut buffer, &info).unwrap();
        (found, buffer.map_readable().unwrap().to_vec())
    }

    #[test]
    fn row_22_rgb_fades_to_black() {
        let picture: Vec<u8> = (0..9u8).flat_map(|n| [200, 100, 7, [255, 128, 0][usize::from(n) % 3]]).collect();
        let (found, out) = composited(VideoFormat::Rgba, picture, "sRGB");
        assert!(found);
        assert_eq!(&out[..12], [200, 100, 7, 255, 100, 50, 4, 128, 0, 0, 0, 0]);
        assert!(!composited(VideoFormat::Rgba, vec![255; 36], "sRGB").0);
    }

    #[test]
    fn row_22_luma_fades_to_black_and_chroma_to_grey() {
        // Rows of four bytes, an even number of them: luma 3x3, chroma 2x2 twice, alpha 3x3.
        let rows = |value: u8, count: usize| vec![value; 4 * count];
        let alpha = [[255, 255, 0, 9], [255, 255, 0, 9], [0, 0, 0, 9], [9, 9, 9, 9]].concat();
        for (colorimetry, black) in [("bt709", 16), ("1:3:5:1", 0)] {
            let picture = [rows(216, 4), rows(28, 2), rows(228, 2), alpha.clone()].concat();
            let (found, out) = composited(VideoFormat::A420, picture, colorimetry);
            assert!(found);
            assert_eq!(out[..3], [216, 216, black]);
            assert_eq!(out[8..11], [black; 3]);
            assert_eq!((&out[16..18], &out[20..22]), (&[28, 128][..], &[128, 128][..]));
            assert_eq!((&out[24..26], &out[28..30]), (&[228, 128][..], &[128, 128][..]));
        }
    }

    #[test]
    fn half_way_is_half_way_to_either_side() {
        assert_eq!([toward(216, 16, 128), toward(28, 128, 128), toward(228, 128, 128)], [116, 78, 178]);
        assert_eq!([toward(3, 16, 255), toward(255, 0, 0), toward(16, 16, 77)], [3, 0, 16]);
    }
}
