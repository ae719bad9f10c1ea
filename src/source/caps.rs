//! GStreamer's words for formats and colours, and ours.

use gst_video::{
    VideoChromaSite, VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoFormat, VideoInfo,
    VideoTransferFunction,
};

use crate::frame::{ChromaSite, Colour, FrameFormat, Matrix, PixelFormat, Primaries, Range, Size, Transfer};

/// The format of frames of `caps`, or none when they are of a kind that frames are not.
///
/// What the decoder leaves open follows `container`, and what that leaves open too, [`Colour::assumed_for`]. The fields of
/// the caps are read, not a [`VideoInfo`]: that fills in assumptions of its own.
pub(super) fn frame_format(caps: &gst::CapsRef, container: Option<&VideoColorimetry>) -> Option<FrameFormat> {
    let info = VideoInfo::from_caps(caps).ok()?;
    let size = Size::new(info.width(), info.height());
    let pixels = match info.format() {
        VideoFormat::I420 => PixelFormat::I420,
        VideoFormat::Nv12 => PixelFormat::Nv12,
        VideoFormat::Rgbx => return Some(FrameFormat { size, pixels: PixelFormat::Rgbx, colour: Colour::SRGB }),
        _ => return None,
    };
    Some(FrameFormat { size, pixels, colour: colour(caps, container, size) })
}

/// The colorimetry that `caps` state.
pub(super) fn stated_colorimetry(caps: &gst::CapsRef) -> Option<VideoColorimetry> {
    caps.structure(0)?.get::<&str>("colorimetry").ok()?.parse().ok()
}

fn colour(caps: &gst::CapsRef, container: Option<&VideoColorimetry>, size: Size) -> Colour {
    let decoder = stated_colorimetry(caps);
    let stated = || decoder.iter().chain(container);
    let assumed = Colour::assumed_for(size);
    let matrix = stated().find_map(matrix).unwrap_or(assumed.matrix);
    let implied = match matrix {
        Matrix::Bt709 => Primaries::Bt709,
        Matrix::Bt2020 => Primaries::Bt2020,
        Matrix::Bt601 if size.height > 480 => Primaries::Bt470bg,
        Matrix::Bt601 => Primaries::Smpte170m,
    };
    let full = stated().map(VideoColorimetry::range).find(|&range| range != VideoColorRange::Unknown)
        == Some(VideoColorRange::Range0_255);
    let srgb = stated().map(VideoColorimetry::transfer).find(|&t| t != VideoTransferFunction::Unknown)
        == Some(VideoTransferFunction::Srgb);
    let site = caps.structure(0).and_then(|s| s.get::<&str>("chroma-site").ok());
    Colour {
        matrix,
        range: if full { Range::Full } else { Range::Limited },
        transfer: if srgb { Transfer::Srgb } else { Transfer::Bt709 },
        primaries: stated().find_map(primaries).unwrap_or(implied),
        chroma_site: site.map_or(assumed.chroma_site, chroma_site),
    }
}

fn matrix(from: &VideoColorimetry) -> Option<Matrix> {
    match from.matrix() {
        VideoColorMatrix::Bt601 | VideoColorMatrix::Fcc => Some(Matrix::Bt601),
        VideoColorMatrix::Bt709 => Some(Matrix::Bt709),
        VideoColorMatrix::Bt2020 => Some(Matrix::Bt2020),
        _ => None,
    }
}

fn primaries(from: &VideoColorimetry) -> Option<Primaries> {
    match from.primaries() {
        VideoColorPrimaries::Bt709 => Some(Primaries::Bt709),
        VideoColorPrimaries::Smpte170m | VideoColorPrimaries::Smpte240m => Some(Primaries::Smpte170m),
        VideoColorPrimaries::Bt470bg => Some(Primaries::Bt470bg),
        VideoColorPrimaries::Bt2020 => Some(Primaries::Bt2020),
        _ => None,
    }
}

/// GStreamer's names: `jpeg` and `none` are "centre", `dv` and `cosited` lie on the even rows too.
fn chroma_site(name: &str) -> ChromaSite {
    match name {
        "jpeg" | "none" => ChromaSite::Centre,
        "cosited" | "dv" => ChromaSite::TopLeft,
        _ => ChromaSite::Left,
    }
}

/// Caps of raw video of `format`.
pub(crate) fn caps_of(format: FrameFormat, rate: gst::Fraction, aspect: gst::Fraction) -> gst::Caps {
    let FrameFormat { size, pixels, colour } = format;
    let gst_format = match pixels {
        PixelFormat::I420 => VideoFormat::I420,
        PixelFormat::Nv12 => VideoFormat::Nv12,
        PixelFormat::Rgbx => VideoFormat::Rgbx,
    };
    let mut caps = gst_video::VideoCapsBuilder::new()
        .format(gst_format)
        .width(size.width.cast_signed())
        .height(size.height.cast_signed())
        .framerate(rate)
        .pixel_aspect_ratio(aspect)
        .field("interlace-mode", "progressive")
        .field("colorimetry", colorimetry(pixels, colour).to_string());
    if pixels != PixelFormat::Rgbx {
        let site = match colour.chroma_site {
            ChromaSite::Left => VideoChromaSite::H_COSITED,
            ChromaSite::Centre => VideoChromaSite::NONE,
            ChromaSite::TopLeft => VideoChromaSite::H_COSITED | VideoChromaSite::V_COSITED,
        };
        caps = caps.field("chroma-site", site.to_str());
    }
    caps.build()
}

fn colorimetry(pixels: PixelFormat, colour: Colour) -> VideoColorimetry {
    let matrix = match colour.matrix {
        _ if pixels == PixelFormat::Rgbx => VideoColorMatrix::Rgb,
        Matrix::Bt601 => VideoColorMatrix::Bt601,
        Matrix::Bt709 => VideoColorMatrix::Bt709,
        Matrix::Bt2020 => VideoColorMatrix::Bt2020,
    };
    let range = match colour.range {
        Range::Limited => VideoColorRange::Range16_235,
        Range::Full => VideoColorRange::Range0_255,
    };
    let transfer = match (colour.transfer, colour.matrix) {
        (Transfer::Srgb, _) => VideoTransferFunction::Srgb,
        (Transfer::Bt709, Matrix::Bt601) => VideoTransferFunction::Bt601,
        (Transfer::Bt709, Matrix::Bt2020) => VideoTransferFunction::Bt202010,
        (Transfer::Bt709, Matrix::Bt709) => VideoTransferFunction::Bt709,
    };
    let primaries = match colour.primaries {
        Primaries::Bt709 => VideoColorPrimaries::Bt709,
        Primaries::Smpte170m => VideoColorPrimaries::Smpte170m,
        Primaries::Bt470bg => VideoColorPrimaries::Bt470bg,
        Primaries::Bt2020 => VideoColorPrimaries::Bt2020,
    };
    VideoColorimetry::new(range, matrix, transfer, primaries)
}

/// `caps` of a compressed stream without the colorimetry that its container states.
pub(super) fn without_colorimetry(caps: &gst::CapsRef) -> gst::Caps {
    let mut caps = caps.to_owned();
    for structure in caps.make_mut().iter_mut() {
        structure.remove_field("colorimetry");
    }
    caps
}

/// Name of the HDR transfer function of `info`, if it has one.
pub(super) fn hdr_name(info: &VideoInfo) -> Option<&'static str> {
    match info.colorimetry().transfer() {
        VideoTransferFunction::Smpte2084 => Some("PQ"),
        VideoTransferFunction::AribStdB67 => Some("HLG"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_say_what_the_frame_says_and_back() {
        gst::init().unwrap();
        let size = Size::new(34, 18);
        for pixels in [PixelFormat::I420, PixelFormat::Nv12] {
            for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
                for range in [Range::Limited, Range::Full] {
                    for chroma_site in [ChromaSite::Left, ChromaSite::Centre, ChromaSite::TopLeft] {
                        let colour = Colour {
                            matrix,
                            range,
                            transfer: Transfer::Bt709,
                            primaries: Primaries::Bt470bg,
                            chroma_site,
                        };
                        let format = FrameFormat { size, pixels, colour };
                        let caps = caps_of(format, gst::Fraction::new(25, 1), gst::Fraction::new(1, 1));
                        assert_eq!(frame_format(&caps, None), Some(format), "{caps}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_decoder_leaves_open_follows_the_container() {
        gst::init().unwrap();
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "I420")
            .field("width", 640)
            .field("height", 480)
            .field("colorimetry", "1:0:0:0")
            .build();
        let alone = frame_format(&caps, None).unwrap().colour;
        assert_eq!((alone.range, alone.matrix), (Range::Full, Matrix::Bt601));
        let container = VideoColorimetry::new(
            VideoColorRange::Range16_235,
            VideoColorMatrix::Bt709,
            VideoTransferFunction::Unknown,
            VideoColorPrimaries::Bt470bg,
        );
        let both = frame_format(&caps, Some(&container)).unwrap().colour;
        assert_eq!((both.range, both.matrix, both.primaries), (Range::Full, Matrix::Bt709, Primaries::Bt470bg));
        assert_eq!(both.chroma_site, ChromaSite::Left);
    }

    #[test]
    fn unknown_colour_follows_the_rule() {
        gst::init().unwrap();
        let format_of = |width: i32, height: i32| {
            let caps = gst_video::VideoCapsBuilder::new()
                .format(VideoFormat::I420)
                .width(width)
                .height(height)
                .framerate(gst::Fraction::new(25, 1))
                .field("colorimetry", "2:0:0:0")
                .build();
            frame_format(&caps, None).unwrap()
        };
        for (width, height) in [(640, 360), (720, 576), (640, 640), (1280, 534), (1920, 1080)] {
            let format = format_of(width, height);
            assert_eq!(format.colour, Colour::assumed_for(format.size), "{width}x{height}");
        }
    }
}
