//! From the tensor of a network to the planes of a frame.

use pulp::Arch;

use super::chroma::Downsampler;
use super::frame_rows::FrameRows;
use super::kernel::{Greatest, byte_from, clamped, kernels};
use super::rows::RowReader;
use crate::colour::{Bounds, Coefficients, codes_from_rgb, value_bounds};
use crate::flow::Crew;
use crate::frame::{FrameFormat, PixelFormat, Plane};
use crate::tensor::{Border, Finite, Tensor, TensorFormat};

/// Writes what `border` leaves of `tensor` as a frame of this format: values held in the gamut, chroma brought down by
/// the triangle of its siting, rounded to nearest. Padding between rows is not touched; the fourth byte of Rgbx becomes
/// 255. The crew shares the rows.
///
/// Says whether all values were numbers. Where one was not, the picture has some colour there.
///
/// # Panics
/// When the picture in `tensor` has not the size of `format`, or the planes do not fit `out`.
pub fn unpack(
    crew: &Crew,
    tensor: &Tensor,
    border: Border,
    format: FrameFormat,
    planes: &[Plane],
    out: &mut [u8],
) -> Finite {
    assert_eq!(tensor.size, border.outer(format.size), "size of the tensor for a picture of {}", format.size);
    let arch = Arch::new();
    let TensorFormat { gain, bias, .. } = tensor.format;
    let map = codes_from_rgb(format.pixels, format.colour).after_scaled(gain, bias).coefficients();
    let bounds = value_bounds(&tensor.format);
    let bands = crew.bands(format.size.height as usize, 2);
    let rows = FrameRows::of_bands(format, planes, out, &bands);
    let mut parts: Vec<_> = rows.into_iter().map(|rows| (rows, Greatest::default())).collect();
    crew.each(&mut parts, |(rows, greatest)| {
        let reader = RowReader::new(arch, tensor, border);
        match format.pixels {
            PixelFormat::Rgbx => unpack_rgbx(arch, reader, &map, &bounds, rows, greatest),
            PixelFormat::I420 | PixelFormat::Nv12 => unpack_yuv(arch, reader, (&map, &bounds), format, rows, greatest),
        }
    });
    if parts.iter().all(|(_, greatest)| greatest.is_finite()) { Finite::Yes } else { Finite::No }
}

fn unpack_rgbx(
    arch: Arch,
    mut reader: RowReader<'_>,
    map: &Coefficients,
    bounds: &Bounds,
    rows: &mut FrameRows<'_>,
    greatest: &mut Greatest,
) {
    for y in rows.rows() {
        to_rgbx(arch, reader.row(y), map, bounds, rows.row(0, y), greatest);
    }
}

fn unpack_yuv(
    arch: Arch,
    mut reader: RowReader<'_>,
    (map, bounds): (&Coefficients, &Bounds),
    format: FrameFormat,
    rows: &mut FrameRows<'_>,
    greatest: &mut Greatest,
) {
    let mut chroma = Downsampler::new(arch, format.size, format.colour.chroma_site);
    let (own, last) = (rows.rows(), format.size.height as usize);
    // A row of chroma is made of its two rows of luma, of the one above and of the one below them. What these neighbours have of luma goes nowhere.
    let mut nowhere = vec![0; format.size.width as usize];
    for y in own.start.saturating_sub(1)..(own.end + 1).min(last) {
        let luma = if own.contains(&y) { rows.row(0, y) } else { &mut nowhere };
        to_yuv(arch, reader.row(y), map, bounds, luma, chroma.next_row(), greatest);
        for j in chroma.push(y).filter(|j| own.contains(&(2 * j))) {
            write_chroma(&chroma, j, format.pixels, rows);
        }
    }
}

/// Writes row `j` of chroma, which is complete.
pub(super) fn write_chroma(chroma: &Downsampler, j: usize, pixels: PixelFormat, rows: &mut FrameRows<'_>) {
    if pixels == PixelFormat::Nv12 {
        chroma.write_pairs(j, rows.row(1, j));
    } else {
        for plane in [1, 2] {
            chroma.write_plane(j, plane - 1, rows.row(plane, j));
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
