//! From the tensor of a network to the planes of a frame.

use pulp::Arch;

use super::chroma::Downsampler;
use super::kernel::{Greatest, byte_from, clamped, kernels};
use super::rows::RowReader;
use crate::convert::Finite;
use crate::convert::colour::{Bounds, Coefficients, codes_from_rgb, value_bounds};
use crate::frame::{FrameFormat, PixelFormat, Plane};
use crate::tensor::{Border, Tensor, TensorFormat};

/// Where row `y` of a plane lies, without padding.
pub(super) fn row_range(format: FrameFormat, planes: &[Plane], plane: usize, y: usize) -> std::ops::Range<usize> {
    let (row_bytes, _) = format.pixels.plane_extent(plane, format.size);
    let start = planes[plane].offset_bytes + y * planes[plane].stride_bytes;
    start..start + row_bytes
}

/// Writes what `border` leaves of `tensor` as a frame of this format: values held in the gamut, chroma brought down by
/// the triangle of its siting, rounded to nearest. Padding between rows is not touched; the fourth byte of Rgbx becomes
/// 255.
///
/// Says whether all values were numbers. Where one was not, the picture has some colour there.
///
/// # Panics
/// When the picture in `tensor` has not the size of `format`, or the planes do not fit `out`.
pub fn unpack(tensor: &Tensor, border: Border, format: FrameFormat, planes: &[Plane], out: &mut [u8]) -> Finite {
    assert_eq!(tensor.size, border.outer(format.size), "size of the tensor for a picture of {}", format.size);
    let arch = Arch::new();
    let TensorFormat { gain, bias, .. } = tensor.format;
    let map = codes_from_rgb(format.pixels, format.colour).after_scaled(gain, bias).coefficients();
    let bounds = value_bounds(&tensor.format);
    let mut reader = RowReader::new(arch, tensor, border);
    let mut greatest = Greatest::default();
    if format.pixels == PixelFormat::Rgbx {
        for y in 0..format.size.height as usize {
            let rgb = reader.row(y);
            let pixels = &mut out[row_range(format, planes, 0, y)];
            to_rgbx(arch, rgb, &map, &bounds, pixels, &mut greatest);
        }
    } else {
        let mut chroma = Downsampler::new(arch, format.size, format.colour.chroma_site);
        for y in 0..format.size.height as usize {
            let rgb = reader.row(y);
            let luma = &mut out[row_range(format, planes, 0, y)];
            to_yuv(arch, rgb, &map, &bounds, luma, chroma.next_row(), &mut greatest);
            for j in chroma.push(y) {
                write_chroma(&chroma, j, format, planes, out);
            }
        }
    }
    if greatest.is_finite() { Finite::Yes } else { Finite::No }
}

/// Writes row `j` of chroma, which is complete.
pub(super) fn write_chroma(chroma: &Downsampler, j: usize, format: FrameFormat, planes: &[Plane], out: &mut [u8]) {
    if format.pixels == PixelFormat::Nv12 {
        chroma.write_pairs(j, &mut out[row_range(format, planes, 1, j)]);
    } else {
        for plane in [1, 2] {
            chroma.write_plane(j, plane - 1, &mut out[row_range(format, planes, plane, j)]);
        }
    }
}

kernels! {
    fn to_rgbx<'a>(
        rgb: [&'a [f32]; 3],
        map: &'a Coefficients,
        bounds: &'a Bounds,
        pixels: &'a mut [u8],
        greatest: &'a mut Greatest,
    ) {
        let [r, g, b] = rgb;
        let code = |channel: usize, value: f32| {
            let (low, high) = bounds[channel];
            byte_from(map[channel][channel] * clamped(value, low, high) + map[channel][3])
        };
        let mut seen = *greatest;
        for (((pixel, &r), &g), &b) in pixels.chunks_exact_mut(4).zip(r).zip(g).zip(b) {
            seen.see(r);
            seen.see(g);
            seen.see(b);
            pixel.copy_from_slice(&[code(0, r), code(1, g), code(2, b), u8::MAX]);
        }
        *greatest = seen;
    }

    /// Luma as bytes, chroma as floats.
    pub fn to_yuv<'a>(
        rgb: [&'a [f32]; 3],
        map: &'a Coefficients,
        bounds: &'a Bounds,
        luma: &'a mut [u8],
        chroma: [&'a mut [f32]; 2],
        greatest: &'a mut Greatest,
    ) {
        let [r, g, b] = rgb;
        let [cb, cr] = chroma;
        let [y_row, u_row, v_row] = *map;
        let [(r_low, r_high), (g_low, g_high), (b_low, b_high)] = *bounds;
        let mut seen = *greatest;
        for (((((&r, &g), &b), luma), cb), cr) in r.iter().zip(g).zip(b).zip(luma).zip(cb).zip(cr) {
            seen.see(r);
            seen.see(g);
            seen.see(b);
            let (r, g, b) = (clamped(r, r_low, r_high), clamped(g, g_low, g_high), clamped(b, b_low, b_high));
            *luma = byte_from(y_row[0] * r + y_row[1] * g + y_row[2] * b + y_row[3]);
            *cb = u_row[0] * r + u_row[1] * g + u_row[2] * b + u_row[3];
            *cr = v_row[0] * r + v_row[1] * g + v_row[2] * b + v_row[3];
        }
        *greatest = seen;
    }
}
