//! From the planes of a frame to the tensor of a network.

use std::ops::Range;

use pulp::Arch;

use super::border::reflect_above_and_below;
use super::chroma::{Samples, Upsampler};
use super::kernel::{clamped, kernels};
use super::rows::RowWriter;
use crate::colour::{Bounds, Coefficients, rgb_from_codes, value_bounds};
use crate::flow::Crew;
use crate::frame::{Frame, FrameFormat, PixelFormat};
use crate::tensor::{Border, Tensor};

/// Writes `frame` into `out`, whose format says how: `gain * c + bias` with c in 0..=1, chroma interpolated linearly at
/// its siting, bytes rounded to nearest. `border` is filled by reflection. The crew shares the rows.
///
/// # Panics
/// When the size of `out` is not that of the frame with the border round it.
pub fn pack(crew: &Crew, frame: &Frame, border: Border, out: &mut Tensor) {
    let arch = Arch::new();
    let FrameFormat { size, pixels, colour } = frame.format();
    let format = out.format;
    let map = rgb_from_codes(pixels, colour).then_scaled(format.gain, format.bias).coefficients();
    let bounds = value_bounds(&format);
    let bands = crew.bands(size.height as usize, 1);
    let mut writers = RowWriter::of_bands(arch, out, border, size, &bands);
    crew.each(&mut writers, |writer| match pixels {
        PixelFormat::Rgbx => pack_rgbx(arch, frame, &map, &bounds, writer),
        PixelFormat::I420 | PixelFormat::Nv12 => pack_yuv(arch, frame, &map, &bounds, writer),
    });
    drop(writers);
    reflect_above_and_below(out, border);
}

fn pack_rgbx(arch: Arch, frame: &Frame, map: &Coefficients, bounds: &Bounds, writer: &mut RowWriter<'_>) {
    for y in writer.rows() {
        let pixels = frame.row(0, y);
        writer.write(y, |mut rgb| {
            for block in blocks(rgb[0]) {
                let rgb = rgb.each_mut().map(|row| &mut row[block.clone()]);
                from_rgbx(arch, &pixels[4 * block.start..4 * block.end], map, bounds, rgb);
            }
        });
    }
}

fn pack_yuv(arch: Arch, frame: &Frame, map: &Coefficients, bounds: &Bounds, writer: &mut RowWriter<'_>) {
    let mut chroma = Upsampler::new(arch, Samples::Frame(frame));
    for y in writer.rows() {
        let luma = frame.row(0, y);
        chroma.seek(y);
        writer.write(y, |mut rgb| {
            for block in blocks(rgb[0]) {
                let rgb = rgb.each_mut().map(|row| &mut row[block.clone()]);
                from_yuv(arch, &luma[block.clone()], chroma.columns(block), map, bounds, rgb);
            }
        });
    }
}

/// Columns that are converted at a time. All that lies between two steps then fits into a corner of the first-level
/// cache.
const BLOCK: usize = 512;

/// Cuts a row into blocks that begin at even columns and, but for the first, on a cache line: wide stores that straddle
/// two lines cost twice.
fn blocks(row: &[f32]) -> impl Iterator<Item = Range<usize>> + use<> {
    const CACHE_LINE_BYTES: usize = 64;
    let width = row.len();
    let lead = row.as_ptr().align_offset(CACHE_LINE_BYTES);
    let lead = if lead.is_multiple_of(2) { lead.min(width) } else { 0 };
    let aligned = (lead..width).step_by(BLOCK).map(move |start| start..(start + BLOCK).min(width));
    std::iter::once(0..lead).filter(|block| !block.is_empty()).chain(aligned)
}

kernels! {
    fn from_rgbx<'a>(pixels: &'a [u8], map: &'a Coefficients, bounds: &'a Bounds, rgb: [&'a mut [f32]; 3]) {
        let [r, g, b] = rgb;
        let value = |channel: usize, code: u8| {
            let (low, high) = bounds[channel];
            clamped(map[channel][channel] * f32::from(code) + map[channel][3], low, high)
        };
        for (((pixel, r), g), b) in pixels.chunks_exact(4).zip(r).zip(g).zip(b) {
            *r = value(0, pixel[0]);
            *g = value(1, pixel[1]);
            *b = value(2, pixel[2]);
        }
    }

    /// Red does not depend on Cb, nor blue on Cr: these products are left out.
    fn from_yuv<'a>(
        luma: &'a [u8],
        chroma: [&'a [f32]; 2],
        map: &'a Coefficients,
        bounds: &'a Bounds,
        rgb: [&'a mut [f32]; 3],
    ) {
        let [cb, cr] = chroma;
        let [r, g, b] = rgb;
        let [[ry, _, rv, r0], [gy, gu, gv, g0], [by, bu, _, b0]] = *map;
        let [(r_low, r_high), (g_low, g_high), (b_low, b_high)] = *bounds;
        for (((((&y, &u), &v), r), g), b) in luma.iter().zip(cb).zip(cr).zip(r).zip(g).zip(b) {
            let y = f32::from(y);
            *r = clamped(ry * y + (rv * v + r0), r_low, r_high);
            *g = clamped(gy * y + (gu * u + gv * v + g0), g_low, g_high);
            *b = clamped(by * y + (bu * u + b0), b_low, b_high);
        }
    }
}
