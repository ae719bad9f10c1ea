//! GStreamer's words for formats and colours, and ours.

use gst_video::{
    VideoChromaSite, VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoContentLightLevel,
    VideoFormat, VideoInfo, VideoMasteringDisplayInfo, VideoTransferFunction,
};

use crate::convert::raw::{Chroma, RawFormat};
use crate::convert::tone::Light;
use crate::frame::{ChromaSite, Colour, FrameFormat, Matrix, PixelFormat, Primaries, Range, Size, Transfer};

/// Peaks of displays that there are, in cd/m².
const PLAUSIBLE_NITS: std::ops::RangeInclusive<f64> = 100.0..=10_000.0;

/// What is known of a stream beside the caps of its raw frames.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stated {
    /// What the container says of colours, where the decoder does not.
    pub(crate) colorimetry: Option<VideoColorimetry>,
    /// Greatest light of an HDR picture, in cd/m².
    pub(crate) peak_nits: Option<f64>,
}

/// How frames come from the decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layout {
    /// As frames.
    Frame(FrameFormat),
    /// As what becomes frames.
    Raw(RawFormat),
}

/// The layout of frames of `caps`, or none when they are of a kind that nothing becomes a frame of.
///
/// What the decoder leaves open follows `stated`, and what that leaves open too, [`Colour::assumed_for`]. The fields of
/// the caps are read, not a [`VideoInfo`]: that fills in assumptions of its own.
pub(crate) fn layout(caps: &gst::CapsRef, stated: &Stated) -> Option<Layout> {
    let info = VideoInfo::from_caps(caps).ok()?;
    let size = Size::new(info.width(), info.height());
    let light = light(caps, stated);
    let frame = |pixels, colour| Some(Layout::Frame(FrameFormat { size, pixels, colour }));
    let (bits, chroma) = match info.format() {
        VideoFormat::Rgbx => return frame(PixelFormat::Rgbx, Colour::SRGB),
        VideoFormat::Nv12 => return frame(PixelFormat::Nv12, colour(caps, stated, size)),
        VideoFormat::I420 if light == Light::Relative => return frame(PixelFormat::I420, colour(caps, stated, size)),
        format => samples(format)?,
    };
    Some(Layout::Raw(RawFormat { size, bits, chroma, colour: colour(caps, stated, size), light }))
}

/// Bits and chroma of the planar formats that become frames without GStreamer's help.
const fn samples(format: VideoFormat) -> Option<(u32, Chroma)> {
    Some(match format {
        VideoFormat::Gray8 => (8, Chroma::None),
        VideoFormat::Gray16Le => (16, Chroma::None),
        VideoFormat::I420 => (8, Chroma::Quarter),
        VideoFormat::I42010le => (10, Chroma::Quarter),
        VideoFormat::I42012le => (12, Chroma::Quarter),
        VideoFormat::Y42b => (8, Chroma::Half),
        VideoFormat::I42210le => (10, Chroma::Half),
        VideoFormat::I42212le => (12, Chroma::Half),
        VideoFormat::Y444 => (8, Chroma::Full),
        VideoFormat::Y44410le => (10, Chroma::Full),
        VideoFormat::Y44412le => (12, Chroma::Full),
        VideoFormat::Y44416le => (16, Chroma::Full),
        _ => return None,
    })
}

/// What GStreamer is to make of frames of `info`: nothing where [`layout`] knows them, RGBx of RGB, else the nearest that
/// it knows. Chroma of interlaced pictures must not be mixed across the fields; GStreamer sees to that.
pub(crate) fn wanted(info: &VideoInfo, light: Light) -> gst::Caps {
    let format = info.format();
    let (hdr, whole) = (light != Light::Relative, info.format_info().h_sub().get(1).is_none_or(|&shift| shift == 0));
    let bits = info.format_info().depth().iter().copied().max().unwrap_or(8);
    let mixed = info.is_interlaced() && whole && !info.is_gray();
    let same = (samples(format).is_some() && !mixed) || (format == VideoFormat::Nv12 && !hdr);
    let narrow = info.format_info().w_sub().get(1).is_some_and(|&shift| shift > 0);
    let wanted = match bits {
        _ if same => format,
        _ if info.is_rgb() && !hdr => VideoFormat::Rgbx,
        0..=8 if info.is_gray() => VideoFormat::Gray8,
        _ if info.is_gray() => VideoFormat::Gray16Le,
        0..=8 if mixed || !whole => VideoFormat::I420,
        0..=8 => {
            if narrow {
                VideoFormat::Y42b
            } else {
                VideoFormat::Y444
            }
        }
        9 | 10 if mixed || !whole => VideoFormat::I42010le,
        9 | 10 => {
            if narrow {
                VideoFormat::I42210le
            } else {
                VideoFormat::Y44410le
            }
        }
        _ if mixed || !whole => VideoFormat::I42012le,
        _ => {
            if narrow {
                VideoFormat::I42212le
            } else {
                VideoFormat::Y44412le
            }
        }
    };
    let mut caps = gst_video::VideoCapsBuilder::new().format(wanted);
    let site = info.chroma_site();
    if !same && !info.is_rgb() && !site.is_empty() {
        // Left to choose, GStreamer moves chroma to another place.
        caps = caps.field("chroma-site", site.to_str());
    }
    match light {
        Light::Pq { .. } if info.is_rgb() => caps.field("colorimetry", "bt2100-pq"),
        Light::Hlg if info.is_rgb() => caps.field("colorimetry", "bt2100-hlg"),
        // RGB of limited range exists; ours is full.
        _ if info.is_rgb() && info.colorimetry().range() == VideoColorRange::Range16_235 => {
            caps.field("colorimetry", "sRGB")
        }
        _ => caps,
    }
    .build()
}

/// How the signal of frames of `caps` becomes light.
pub(crate) fn light(caps: &gst::CapsRef, stated: &Stated) -> Light {
    let decoder = stated_colorimetry(caps);
    let transfers = decoder.iter().chain(&stated.colorimetry).map(VideoColorimetry::transfer);
    match transfers.into_iter().find(|&transfer| transfer != VideoTransferFunction::Unknown) {
        Some(VideoTransferFunction::Smpte2084) => Light::Pq { peak_nits: stated.peak_nits },
        Some(VideoTransferFunction::AribStdB67) => Light::Hlg,
        _ => Light::Relative,
    }
}

/// The greatest light that `caps` of a compressed stream state, in cd/m²: that of the content or of the display that it
/// was mastered on, whichever is less. Values that no display has are mistakes of unit and left alone.
pub(crate) fn peak_nits(caps: &gst::CapsRef) -> Option<f64> {
    let content = VideoContentLightLevel::from_caps(caps).ok().map(|level| f64::from(level.max_content_light_level()));
    let display = VideoMasteringDisplayInfo::from_caps(caps).ok();
    let display = display.map(|display| f64::from(display.max_display_mastering_luminance()) / 10_000.0);
    content.into_iter().chain(display).filter(|nits| PLAUSIBLE_NITS.contains(nits)).reduce(f64::min)
}

/// The colorimetry that `caps` state.
pub(crate) fn stated_colorimetry(caps: &gst::CapsRef) -> Option<VideoColorimetry> {
    caps.structure(0)?.get::<&str>("colorimetry").ok()?.parse().ok()
}

fn colour(caps: &gst::CapsRef, beside: &Stated, size: Size) -> Colour {
    let decoder = stated_colorimetry(caps);
    let stated = || decoder.iter().chain(&beside.colorimetry);
    let assumed = match light(caps, beside) {
        Light::Relative => Colour::assumed_for(size),
        // HDR is BT.2100, which has these primaries and this matrix.
        Light::Pq { .. } | Light::Hlg => Colour { matrix: Matrix::Bt2020, ..Colour::assumed_for(size) },
    };
    let matrix = stated().find_map(matrix).unwrap_or(assumed.matrix);
    let implied = match matrix {
        Matrix::Bt709 => Primaries::Bt709,
        Matrix::Bt2020 => Primaries::Bt2020,
        Matrix::Smpte240m => Primaries::Smpte240m,
        Matrix::Fcc => Primaries::Bt470m,
        Matrix::Bt601 if size.height > 480 => Primaries::Bt470bg,
        Matrix::Bt601 => Primaries::Smpte170m,
    };
    let range = stated().map(VideoColorimetry::range).find(|&range| range != VideoColorRange::Unknown);
    let site = caps.structure(0).and_then(|s| s.get::<&str>("chroma-site").ok());
    Colour {
        matrix,
        range: match range {
            Some(VideoColorRange::Range0_255) => Range::Full,
            Some(_) => Range::Limited,
            None if is_gray(caps) => Range::Full,
            None => assumed.range,
        },
        transfer: stated().find_map(transfer).unwrap_or(assumed.transfer),
        primaries: stated().find_map(primaries).unwrap_or(implied),
        chroma_site: site.map_or(assumed.chroma_site, chroma_site),
    }
}

/// Whether frames of `caps` have luma alone. Formats of that kind come from pictures, whose range is full.
fn is_gray(caps: &gst::CapsRef) -> bool {
    VideoInfo::from_caps(caps).is_ok_and(|info| info.is_gray())
}

fn matrix(from: &VideoColorimetry) -> Option<Matrix> {
    match from.matrix() {
        VideoColorMatrix::Fcc => Some(Matrix::Fcc),
        VideoColorMatrix::Bt601 => Some(Matrix::Bt601),
        VideoColorMatrix::Bt709 => Some(Matrix::Bt709),
        VideoColorMatrix::Smpte240m => Some(Matrix::Smpte240m),
        VideoColorMatrix::Bt2020 => Some(Matrix::Bt2020),
        _ => None,
    }
}

/// What is none of ours (linear, logarithmic, Adobe's) is carried along as BT.709: the picture is left as it is.
fn transfer(from: &VideoColorimetry) -> Option<Transfer> {
    match from.transfer() {
        VideoTransferFunction::Unknown => None,
        VideoTransferFunction::Srgb => Some(Transfer::Srgb),
        VideoTransferFunction::Smpte240m => Some(Transfer::Smpte240m),
        VideoTransferFunction::Gamma22 => Some(Transfer::Gamma22),
        VideoTransferFunction::Gamma28 => Some(Transfer::Gamma28),
        _ => Some(Transfer::Bt709),
    }
}

fn primaries(from: &VideoColorimetry) -> Option<Primaries> {
    match from.primaries() {
        VideoColorPrimaries::Bt709 => Some(Primaries::Bt709),
        VideoColorPrimaries::Bt470m => Some(Primaries::Bt470m),
        VideoColorPrimaries::Bt470bg => Some(Primaries::Bt470bg),
        VideoColorPrimaries::Smpte170m => Some(Primaries::Smpte170m),
        VideoColorPrimaries::Smpte240m => Some(Primaries::Smpte240m),
        VideoColorPrimaries::Film => Some(Primaries::Film),
        VideoColorPrimaries::Bt2020 => Some(Primaries::Bt2020),
        VideoColorPrimaries::Smptest428 => Some(Primaries::Smpte428),
        VideoColorPrimaries::Smpterp431 => Some(Primaries::DciP3),
        VideoColorPrimaries::Smpteeg432 => Some(Primaries::DisplayP3),
        VideoColorPrimaries::Ebu3213 => Some(Primaries::Ebu3213),
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
        Matrix::Fcc => VideoColorMatrix::Fcc,
        Matrix::Bt601 => VideoColorMatrix::Bt601,
        Matrix::Bt709 => VideoColorMatrix::Bt709,
        Matrix::Smpte240m => VideoColorMatrix::Smpte240m,
        Matrix::Bt2020 => VideoColorMatrix::Bt2020,
    };
    let range = match colour.range {
        Range::Limited => VideoColorRange::Range16_235,
        Range::Full => VideoColorRange::Range0_255,
    };
    let transfer = match (colour.transfer, colour.matrix) {
        (Transfer::Srgb, _) => VideoTransferFunction::Srgb,
        (Transfer::Smpte240m, _) => VideoTransferFunction::Smpte240m,
        (Transfer::Gamma22, _) => VideoTransferFunction::Gamma22,
        (Transfer::Gamma28, _) => VideoTransferFunction::Gamma28,
        (Transfer::Bt709, Matrix::Bt601 | Matrix::Fcc) => VideoTransferFunction::Bt601,
        (Transfer::Bt709, Matrix::Bt2020) => VideoTransferFunction::Bt202010,
        (Transfer::Bt709, Matrix::Bt709 | Matrix::Smpte240m) => VideoTransferFunction::Bt709,
    };
    let primaries = match colour.primaries {
        Primaries::Bt709 => VideoColorPrimaries::Bt709,
        Primaries::Bt470m => VideoColorPrimaries::Bt470m,
        Primaries::Bt470bg => VideoColorPrimaries::Bt470bg,
        Primaries::Smpte170m => VideoColorPrimaries::Smpte170m,
        Primaries::Smpte240m => VideoColorPrimaries::Smpte240m,
        Primaries::Film => VideoColorPrimaries::Film,
        Primaries::Bt2020 => VideoColorPrimaries::Bt2020,
        Primaries::Smpte428 => VideoColorPrimaries::Smptest428,
        Primaries::DciP3 => VideoColorPrimaries::Smpterp431,
        Primaries::DisplayP3 => VideoColorPrimaries::Smpteeg432,
        Primaries::Ebu3213 => VideoColorPrimaries::Ebu3213,
    };
    VideoColorimetry::new(range, matrix, transfer, primaries)
}

/// `caps` of a compressed stream without the colorimetry that its container states.
pub(crate) fn without_colorimetry(caps: &gst::CapsRef) -> gst::Caps {
    let mut caps = caps.to_owned();
    for structure in caps.make_mut().iter_mut() {
        structure.remove_field("colorimetry");
    }
    caps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour_of(caps: &gst::CapsRef, container: Option<VideoColorimetry>) -> Colour {
        match layout(caps, &Stated { colorimetry: container, peak_nits: None }) {
            Some(Layout::Frame(format)) => format.colour,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn caps_say_what_the_frame_says_and_back() {
        gst::init().unwrap();
        let size = Size::new(34, 18);
        for pixels in [PixelFormat::I420, PixelFormat::Nv12] {
            for matrix in Matrix::ALL {
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
                        assert_eq!(layout(&caps, &Stated::default()), Some(Layout::Frame(format)), "{caps}");
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
        let alone = colour_of(&caps, None);
        assert_eq!((alone.range, alone.matrix), (Range::Full, Matrix::Bt601));
        let container = VideoColorimetry::new(
            VideoColorRange::Range16_235,
            VideoColorMatrix::Bt709,
            VideoTransferFunction::Unknown,
            VideoColorPrimaries::Bt470bg,
        );
        let both = colour_of(&caps, Some(container));
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
            (Size::new(width.cast_unsigned(), height.cast_unsigned()), colour_of(&caps, None))
        };
        for (width, height) in [(640, 360), (720, 576), (640, 640), (1280, 534), (1920, 1080)] {
            let (size, colour) = format_of(width, height);
            assert_eq!(colour, Colour::assumed_for(size), "{width}x{height}");
        }
    }
}
