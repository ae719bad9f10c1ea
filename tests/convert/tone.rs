//! Raw pictures against the formulas of the standards in double precision, pixel by pixel.

use stylize::convert::raw::{Chroma, Narrow, RawFormat, RawFrame};
use stylize::convert::tone::Light;
use stylize::frame::{Primaries, Transfer};

use super::*;

/// A picture of `bits` bits whose samples `code` gives by plane, column and row.
fn raw_bytes(format: RawFormat, padding: usize, code: impl Fn(usize, usize, usize) -> u32) -> ([Plane; 3], Vec<u8>) {
    let mut planes = [Plane::default(); 3];
    let mut bytes = vec![0xA5; 2 * padding];
    for (index, plane) in planes.iter_mut().enumerate() {
        let (samples, rows) = match format.chroma {
            _ if index == 0 => PixelFormat::I420.plane_extent(0, format.size),
            Chroma::Quarter => PixelFormat::I420.plane_extent(index, format.size),
            Chroma::Half => (format.size.width.div_ceil(2) as usize, format.size.height as usize),
            Chroma::Full => PixelFormat::I420.plane_extent(0, format.size),
            Chroma::None => (0, 0),
        };
        let sample_bytes = if format.bits > 8 { 2 } else { 1 };
        *plane = Plane { offset_bytes: bytes.len(), stride_bytes: samples * sample_bytes + padding };
        for y in 0..rows {
            for x in 0..samples {
                bytes.extend_from_slice(&code(index, x, y).to_le_bytes()[..sample_bytes]);
            }
            bytes.extend(std::iter::repeat_n(0xA5, padding));
        }
    }
    (planes, bytes)
}

fn format(size: Size, bits: u32, light: Light) -> RawFormat {
    let colour = Colour {
        matrix: Matrix::Bt2020,
        range: Range::Limited,
        transfer: Transfer::Bt709,
        primaries: Primaries::Bt2020,
        chroma_site: ChromaSite::TopLeft,
    };
    RawFormat { size, bits, chroma: Chroma::Quarter, colour, light }
}

fn narrowed(format: RawFormat, padding: usize, code: impl Fn(usize, usize, usize) -> u32) -> Frame {
    let (planes, bytes) = raw_bytes(format, padding, code);
    let frame = RawFrame::new(format, planes, &bytes).unwrap();
    Narrow::new().narrow(&frame).unwrap()
}

/// R', G', B' of every pixel of a raw picture, held in 0..=1.
fn signal_of(format: RawFormat, code: impl Fn(usize, usize, usize) -> u32) -> reference::Rgb {
    let (width, height) = (format.size.width as usize, format.size.height as usize);
    let (dx, dy) = reference::shift(format.colour.chroma_site);
    let (kr, kb) = reference::weights(format.colour.matrix);
    let unit = f64::from(1u32 << (format.bits - 8));
    let (black, luma_gain, chroma_gain) = match format.colour.range {
        Range::Limited => (16.0 * unit, 219.0 * unit, 224.0 * unit),
        Range::Full => (0.0, 256.0 * unit - 1.0, 256.0 * unit - 1.0),
    };
    let pixel = |x: usize, y: usize| {
        let chroma = |plane: usize| {
            let along = |y: usize| {
                reference::between((x as f64 - dx) / 2.0, width.div_ceil(2), |column| f64::from(code(plane, column, y)))
            };
            let at = match format.chroma {
                Chroma::None => 128.0 * unit,
                Chroma::Quarter => reference::between((y as f64 - dy) / 2.0, height.div_ceil(2), along),
                Chroma::Half => along(y),
                Chroma::Full => f64::from(code(plane, x, y)),
            };
            (at - 128.0 * unit) / chroma_gain
        };
        let luma = (f64::from(code(0, x, y)) - black) / luma_gain;
        let (red, blue) = (luma + 2.0 * (1.0 - kr) * chroma(2), luma + 2.0 * (1.0 - kb) * chroma(1));
        let green = (luma - kr * red - kb * blue) / (1.0 - kr - kb);
        [red, green, blue].map(|value| value.clamp(0.0, 1.0))
    };
    (0..height).map(|y| (0..width).map(|x| pixel(x, y)).collect()).collect()
}

/// ST 2084, in cd/m².
fn pq(signal: f64) -> f64 {
    let root = signal.powf(32.0 / 2523.0);
    10_000.0 * ((root - 0.8359375).max(0.0) / (18.8515625 - 18.6875 * root)).powf(8192.0 / 1305.0)
}

fn pq_signal(nits: f64) -> f64 {
    let root = (nits / 10_000.0).powf(1305.0 / 8192.0);
    ((0.8359375 + 18.8515625 * root) / (1.0 + 18.6875 * root)).powf(2523.0 / 32.0)
}

/// BT.2100: inverse OETF and OOTF for 1000 cd/m².
fn hlg(rgb: [f64; 3]) -> [f64; 3] {
    let scene = rgb.map(|signal| match signal {
        low if low <= 0.5 => low * low / 3.0,
        high => (((high - 0.55991073) / 0.17883277).exp() + 0.28466892) / 12.0,
    });
    let luminance: f64 = scene.iter().zip([0.2627, 0.678, 0.0593]).map(|(value, weight)| value * weight).sum();
    scene.map(|value| 1000.0 * luminance.powf(0.2) * value)
}

/// BT.2390: what a display of 203 cd/m² shows for `nits`.
fn eetf(nits: f64, peak: f64) -> f64 {
    let (most, e1) = (pq_signal(203.0) / pq_signal(peak), (pq_signal(nits) / pq_signal(peak)).min(1.0));
    let knee = 1.5 * most - 0.5;
    if e1 < knee || knee >= 1.0 {
        return nits.min(203.0);
    }
    let t = (e1 - knee) / (1.0 - knee);
    let e2 = (2.0 * t.powi(3) - 3.0 * t.powi(2) + 1.0) * knee
        + (t.powi(3) - 2.0 * t.powi(2) + t) * (1.0 - knee)
        + (-2.0 * t.powi(3) + 3.0 * t.powi(2)) * most;
    pq(e2 * pq_signal(peak))
}

/// R', G', B' in BT.709 for light in BT.2020.
fn shown(nits: [f64; 3], peak: f64) -> [f64; 3] {
    // BT.2087, to more digits than it prints.
    const MATRIX: [[f64; 3]; 3] = [
        [1.660_491_002_108, -0.587_641_138_789, -0.072_849_863_320],
        [-0.124_550_474_522, 1.132_899_897_126, -0.008_349_422_604],
        [-0.018_150_763_355, -0.100_578_898_008, 1.118_729_661_363],
    ];
    /// How far red, green and blue of BT.2020 lie from grey: cyan's red, magenta's green, yellow's blue.
    const FARTHEST: [f64; 3] = [1.587_337_800_368, 1.083_709_028_369, 1.110_667_545_779];
    let rgb = MATRIX.map(|row| (0..3).map(|i| row[i] * nits[i]).sum::<f64>());
    let most = rgb.iter().copied().fold(0.0, f64::max);
    if most < 1e-6 {
        return [0.0; 3];
    }
    let scale = eetf(most, peak) / most;
    std::array::from_fn(|i| {
        let distance = (most - rgb[i]) / most;
        let beyond = (distance - 0.9).max(0.0);
        // A hyperbola through (0.9, 0.9) with slope 1 and through (farthest, 1).
        let bend = 0.1 * (FARTHEST[i] - 0.9) / (FARTHEST[i] - 1.0);
        let squeezed = distance.min(0.9) + beyond / (1.0 + beyond / bend);
        ((1.0 - squeezed).max(0.0) * most * scale / 203.0).powf(1.0 / 2.4)
    })
}

fn tone_mapped(rgb: [f64; 3], light: Light) -> [f64; 3] {
    match light {
        Light::Relative => rgb,
        Light::Pq { peak_nits } => shown(rgb.map(pq), peak_nits.unwrap_or(1000.0)),
        Light::Hlg => shown(hlg(rgb), 1000.0),
    }
}

/// Compares with the reference, and returns the errors.
fn check(format: RawFormat, padding: usize, code: impl Fn(usize, usize, usize) -> u32 + Copy) -> Errors {
    let frame = narrowed(format, padding, code);
    let rgb = signal_of(format, code);
    let rgb: reference::Rgb =
        rgb.into_iter().map(|row| row.into_iter().map(|pixel| tone_mapped(pixel, format.light)).collect()).collect();
    let mut errors = Errors::default();
    for (plane, rows) in reference::codes_of(&rgb, frame.format()).iter().enumerate() {
        for (y, row) in rows.iter().enumerate() {
            for (x, wanted) in row.iter().enumerate() {
                errors.see(f64::from(frame.row(plane, y)[x]) - wanted);
            }
        }
    }
    errors
}

const LIGHTS: [Light; 4] = [
    Light::Pq { peak_nits: None },
    Light::Pq { peak_nits: Some(4000.0) },
    Light::Pq { peak_nits: Some(150.0) },
    Light::Hlg,
];

#[test]
fn hdr_is_the_reference_for_every_light_depth_siting_and_size() {
    for light in LIGHTS {
        for bits in [8, 10, 12] {
            for (range, chroma_site) in [(Range::Limited, ChromaSite::TopLeft), (Range::Full, ChromaSite::Left)] {
                for size in SIZES {
                    let mut format = format(size, bits, light);
                    (format.colour.range, format.colour.chroma_site) = (range, chroma_site);
                    // Any code at all, so any colour, most of them beyond BT.709.
                    let code = |plane: usize, x: usize, y: usize| {
                        let noise = (x * 7919 + y * 104_729 + plane * 15_485_863).wrapping_mul(2_654_435_761) >> 7;
                        noise as u32 & ((1 << bits) - 1)
                    };
                    let errors = check(format, 10, code);
                    let what = (light, bits, range, size);
                    // Half a step is rounding; where a colour ends at the border of BT.709, gamma makes much of the last
                    // bits of a float.
                    assert!(errors.greatest <= 0.8, "{what:?}: greatest error {}", errors.greatest);
                    assert!(size.pixels() < 1000 || errors.mean() <= 0.27, "{what:?}: mean error {}", errors.mean());
                }
            }
        }
    }
}

#[test]
fn hdr_is_the_reference_for_every_chroma() {
    for chroma in [Chroma::None, Chroma::Half, Chroma::Full] {
        for (bits, size) in [(8, Size::new(17, 33)), (10, Size::new(64, 48)), (12, Size::new(3, 5))] {
            let format = RawFormat { chroma, ..format(size, bits, Light::Hlg) };
            let code =
                |plane: usize, x: usize, y: usize| ((x * 37 + y * 11 + plane * 53) as u32 * 5) & ((1 << bits) - 1);
            let errors = check(format, 3, code);
            assert!(errors.greatest <= 0.8, "{chroma:?} {bits}: greatest error {}", errors.greatest);
        }
    }
}

#[test]
fn chroma_is_brought_down_by_the_triangle_of_its_siting() {
    for chroma in [Chroma::None, Chroma::Half, Chroma::Full] {
        for (bits, range, chroma_site) in [
            (8, Range::Limited, ChromaSite::Left),
            (10, Range::Limited, ChromaSite::TopLeft),
            (12, Range::Full, ChromaSite::Centre),
            (16, Range::Limited, ChromaSite::Left),
        ] {
            for size in SIZES {
                let mut format = RawFormat { chroma, ..format(size, bits, Light::Relative) };
                (format.colour.range, format.colour.chroma_site) = (range, chroma_site);
                let code = |plane: usize, x: usize, y: usize| {
                    let noise = (x * 7919 + y * 104_729 + plane * 15_485_863).wrapping_mul(2_654_435_761) >> 7;
                    noise as u32 & ((1 << bits) - 1)
                };
                check_chroma(format, code);
            }
        }
    }
}

/// Compares the chroma of a frame with that of the planes that it was made of.
fn check_chroma(format: RawFormat, code: impl Fn(usize, usize, usize) -> u32 + Copy) {
    let frame = narrowed(format, 5, code);
    let (width, height) = (format.size.width as usize, format.size.height as usize);
    let (dx, dy) = reference::shift(format.colour.chroma_site);
    let unit = f64::from(1u32 << (format.bits - 8));
    let gain = if format.colour.range == Range::Full { 255.0 / (256.0 * unit - 1.0) } else { 1.0 / unit };
    for plane in [1, 2] {
        for j in 0..height.div_ceil(2) {
            for (i, byte) in frame.row(plane, j).iter().enumerate() {
                let wanted = match format.chroma {
                    Chroma::None => 128.0 * unit,
                    Chroma::Quarter => f64::from(code(plane, i, j)),
                    Chroma::Half => reference::triangle(j, dy, height, |y| f64::from(code(plane, i, y))),
                    Chroma::Full => reference::triangle(j, dy, height, |y| {
                        reference::triangle(i, dx, width, |x| f64::from(code(plane, x, y)))
                    }),
                };
                let wanted = (128.0 + gain * (wanted - 128.0 * unit)).clamp(0.0, 255.0);
                let error = f64::from(*byte) - wanted;
                assert!(error.abs() <= 0.501, "{format:?}: {plane} {i},{j}: {byte} is not {wanted}");
            }
        }
    }
}

#[test]
fn greys_of_hdr_stay_grey_and_go_from_black_to_white() {
    for light in LIGHTS {
        let format = format(Size::new(1024, 2), 10, light);
        let frame = narrowed(format, 0, |plane, x, _| if plane == 0 { x as u32 } else { 512 });
        assert_eq!(
            frame.format().colour,
            Colour { chroma_site: ChromaSite::TopLeft, ..Colour::assumed_for(Size::new(1920, 1080)) }
        );
        let luma = frame.row(0, 0);
        assert!(luma.is_sorted(), "{light:?}");
        assert_eq!((luma[0], luma[64], luma[1023]), (16, 16, 235), "{light:?}");
        assert!(frame.row(1, 0).iter().chain(frame.row(2, 0)).all(|code| *code == 128), "{light:?}");
    }
    // Reference white is bright, but leaves room for highlights: 90 % of the signal where the picture reaches 1000 cd/m².
    let format = format(Size::new(2, 2), 10, LIGHTS[0]);
    let white = narrowed(format, 0, |plane, _, _| if plane == 0 { 64 + 509 } else { 512 }).row(0, 0)[0];
    assert_eq!(white, 214);
}

#[test]
fn fewer_bits_are_rounded_to_nearest() {
    for (range, bits) in [(Range::Limited, 10), (Range::Limited, 12), (Range::Full, 10), (Range::Full, 12)] {
        let mut format = format(Size::new(1 << bits, 2), bits, Light::Relative);
        format.colour.range = range;
        let frame = narrowed(format, 6, |_, x, _| x as u32);
        let unit = f64::from(1u32 << (bits - 8));
        for (plane, zero) in [(0, 0.0), (1, 128.0)] {
            for (x, byte) in frame.row(plane, 0).iter().enumerate() {
                let wanted = match range {
                    Range::Limited => x as f64 / unit,
                    Range::Full => zero + (x as f64 - zero * unit) * 255.0 / (256.0 * unit - 1.0),
                };
                let error = f64::from(*byte) - wanted.clamp(0.0, 255.0);
                assert!(error.abs() <= 0.5001, "{range:?} {bits} {plane}: {x} became {byte}");
            }
        }
        assert_eq!(frame.format().colour, format.colour);
    }
}

#[test]
fn raw_planes_that_do_not_fit_are_refused() {
    let format = format(Size::new(6, 4), 10, Light::Hlg);
    let (planes, bytes) = raw_bytes(format, 0, |_, _, _| 0);
    assert!(RawFrame::new(format, planes, &bytes).is_ok());
    assert!(RawFrame::new(format, planes, &bytes[..bytes.len() - 1]).is_err());
    let mut narrow = planes;
    narrow[0].stride_bytes = 6;
    assert!(RawFrame::new(format, narrow, &bytes).is_err());
    assert!(RawFrame::new(RawFormat { size: Size::new(0, 4), ..format }, planes, &bytes).is_err());
}
