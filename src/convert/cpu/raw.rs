//! From raw planes to those of a frame: 8 bits, chroma of 4:2:0, SDR.

use pulp::Arch;

use super::chroma::{Downsampler, Samples, Upsampler};
use super::frame_rows::FrameRows;
use super::kernel::{Greatest, byte_from, clamped, kernels};
use super::unpack::{to_yuv, write_chroma};
use crate::colour::{Coefficients, bytes_from_codes, codes_from_rgb};
use crate::convert::raw::{Chroma, RawFrame};
use crate::convert::tone::{Octaves, Squeeze, Steps, Tone};
use crate::frame::{FrameFormat, Plane};

/// Code of 8 bits for chroma where there is no colour.
const NEUTRAL: u8 = 128;

/// Writes `raw`, whose light is relative, as planes of the frame that [`RawFormat::narrowed`] describes: codes rounded to
/// nearest, chroma brought down by the triangle of its siting.
///
/// # Panics
/// When the planes do not fit `out`.
///
/// [`RawFormat::narrowed`]: crate::convert::raw::RawFormat::narrowed
pub fn narrow(raw: &RawFrame<'_>, planes: &[Plane], out: &mut [u8]) {
    let arch = Arch::new();
    let (format, narrowed) = (raw.format(), raw.format().narrowed());
    let [luma, chroma] =
        bytes_from_codes(format.bits, format.colour.range).map(|(gain, bias)| (gain as f32, bias as f32));
    let rows = &mut FrameRows::whole(narrowed, planes, out);
    narrow_plane(arch, raw, 0, luma, narrowed, rows);
    let size = format.size;
    let mut down = match format.chroma {
        Chroma::None => {
            for plane in [1, 2] {
                for y in 0..size.halved().height as usize {
                    rows.row(plane, y).fill(NEUTRAL);
                }
            }
            return;
        }
        Chroma::Quarter => {
            for plane in [1, 2] {
                narrow_plane(arch, raw, plane, chroma, narrowed, rows);
            }
            return;
        }
        Chroma::Half => Downsampler::of_half_width(arch, size, format.colour.chroma_site),
        Chroma::Full => Downsampler::new(arch, size, format.colour.chroma_site),
    };
    for y in 0..size.height as usize {
        for (plane, row) in [1, 2].into_iter().zip(down.next_row()) {
            load(arch, raw, plane, y, chroma, row);
        }
        for j in down.push(y) {
            write_chroma(&down, j, narrowed.pixels, rows);
        }
    }
}

/// Writes a plane that has the size it is to have.
fn narrow_plane(
    arch: Arch,
    raw: &RawFrame<'_>,
    plane: usize,
    map: (f32, f32),
    narrowed: FrameFormat,
    rows: &mut FrameRows<'_>,
) {
    let (_, count) = narrowed.pixels.plane_extent(plane, narrowed.size);
    for y in 0..count {
        let bytes = rows.row(plane, y);
        if raw.format().bits > 8 {
            bytes_from_words(arch, raw.row(plane, y), map, bytes);
        } else {
            bytes.copy_from_slice(raw.row(plane, y));
        }
    }
}

/// The codes of a row, times a gain and with an offset.
fn load(arch: Arch, raw: &RawFrame<'_>, plane: usize, y: usize, map: (f32, f32), row: &mut [f32]) {
    if raw.format().bits > 8 {
        scale_words(arch, raw.row(plane, y), map, row);
    } else {
        scale_bytes(arch, raw.row(plane, y), map, row);
    }
}

/// Chroma of a raw picture, row by row at the size of its luma.
enum ChromaRows<'a> {
    /// From planes that are smaller.
    Up(Upsampler<'a>),
    /// From planes of that size.
    Same([Vec<f32>; 2]),
    /// There is none: these rows hold the code of no colour.
    None([Vec<f32>; 2]),
}

impl<'a> ChromaRows<'a> {
    fn of(arch: Arch, raw: &'a RawFrame<'a>) -> Self {
        let format = raw.format();
        let rows = |code: f32| std::array::from_fn(|_| vec![code; format.size.width as usize]);
        match format.chroma {
            Chroma::None => Self::None(rows((u32::from(NEUTRAL) << (format.bits - 8)) as f32)),
            Chroma::Quarter | Chroma::Half => Self::Up(Upsampler::new(arch, Samples::Raw(raw))),
            Chroma::Full => Self::Same(rows(0.0)),
        }
    }

    /// Cb and Cr of row `y`, in the codes of the picture; at least as many as it has columns.
    fn row(&mut self, arch: Arch, raw: &RawFrame<'_>, y: usize) -> [&[f32]; 2] {
        match self {
            Self::Up(up) => {
                up.seek(y);
                up.columns(0..raw.format().size.width as usize)
            }
            Self::Same(rows) => {
                for (plane, row) in [1, 2].into_iter().zip(&mut *rows) {
                    load(arch, raw, plane, y, (1.0, 0.0), row);
                }
                rows.each_ref().map(Vec::as_slice)
            }
            Self::None(rows) => rows.each_ref().map(Vec::as_slice),
        }
    }
}

/// Writes `raw`, a picture of HDR that `tone` is for, as planes of the frame that [`RawFormat::narrowed`] describes.
///
/// # Panics
/// When the planes do not fit `out`.
///
/// [`RawFormat::narrowed`]: crate::convert::raw::RawFormat::narrowed
pub fn tone_map(raw: &RawFrame<'_>, tone: &Tone, planes: &[Plane], out: &mut [u8]) {
    let arch = Arch::new();
    let narrowed = raw.format().narrowed();
    let (width, height) = (narrowed.size.width as usize, narrowed.size.height as usize);
    let codes = codes_from_rgb(narrowed.pixels, narrowed.colour).coefficients();
    let mut chroma = ChromaRows::of(arch, raw);
    let mut down = Downsampler::new(arch, narrowed.size, narrowed.colour.chroma_site);
    let mut luma = vec![0.0; width];
    let out = &mut FrameRows::whole(narrowed, planes, out);
    let mut rows = [vec![0.0; width], vec![0.0; width], vec![0.0; width]];
    for y in 0..height {
        load(arch, raw, 0, y, (1.0, 0.0), &mut luma);
        let rgb = rows.each_mut().map(Vec::as_mut_slice);
        signal(arch, &luma, chroma.row(arch, raw, y), &tone.signal, rgb);
        show(arch, tone, &mut luma, rows.each_mut().map(Vec::as_mut_slice));
        let (rgb, bounds) = (rows.each_ref().map(Vec::as_slice), [(0.0, 1.0); 3]);
        // All values come from tables of numbers: whether they are finite need not be asked.
        let mut greatest = Greatest::default();
        to_yuv(arch, rgb, &codes, &bounds, out.row(0, y), down.next_row(), &mut greatest);
        for j in down.push(y) {
            write_chroma(&down, j, narrowed.pixels, out);
        }
    }
}

/// Turns R', G', B' of HDR into those of SDR; `scratch` is a row for what lies in between.
fn show(arch: Arch, tone: &Tone, scratch: &mut [f32], rgb: [&mut [f32]; 3]) {
    let [r, g, b] = rgb;
    for row in [&mut *r, &mut *g, &mut *b] {
        look_up_signal(arch, &tone.light, row);
    }
    if let Some((weights, gain)) = &tone.ootf {
        weigh(arch, [&*r, &*g, &*b], *weights, scratch);
        look_up_light(arch, gain, scratch);
        scale(arch, scratch, [&mut *r, &mut *g, &mut *b]);
    }
    to_bt709(arch, &tone.matrix, tone.squeeze, [&mut *r, &mut *g, &mut *b], scratch);
    look_up_light(arch, &tone.shoulder, scratch);
    scale(arch, scratch, [&mut *r, &mut *g, &mut *b]);
    for row in [r, g, b] {
        look_up_light(arch, &tone.gamma, row);
    }
}

kernels! {
    fn bytes_from_words<'a>(words: &'a [u8], map: (f32, f32), bytes: &'a mut [u8]) {
        let (gain, bias) = map;
        for (byte, word) in bytes.iter_mut().zip(words.chunks_exact(2)) {
            *byte = byte_from(gain * f32::from(u16::from_le_bytes([word[0], word[1]])) + bias);
        }
    }

    fn scale_words<'a>(words: &'a [u8], map: (f32, f32), floats: &'a mut [f32]) {
        let (gain, bias) = map;
        for (float, word) in floats.iter_mut().zip(words.chunks_exact(2)) {
            *float = gain * f32::from(u16::from_le_bytes([word[0], word[1]])) + bias;
        }
    }

    fn scale_bytes<'a>(bytes: &'a [u8], map: (f32, f32), floats: &'a mut [f32]) {
        let (gain, bias) = map;
        for (float, &byte) in floats.iter_mut().zip(bytes) {
            *float = gain * f32::from(byte) + bias;
        }
    }

    /// R', G', B', held in 0..=1, from codes.
    fn signal<'a>(luma: &'a [f32], chroma: [&'a [f32]; 2], map: &'a Coefficients, rgb: [&'a mut [f32]; 3]) {
        let [cb, cr] = chroma;
        let [r, g, b] = rgb;
        let [[ry, _, rv, r0], [gy, gu, gv, g0], [by, bu, _, b0]] = *map;
        for (((((&y, &u), &v), r), g), b) in luma.iter().zip(cb).zip(cr).zip(r).zip(g).zip(b) {
            *r = clamped(ry * y + (rv * v + r0), 0.0, 1.0);
            *g = clamped(gy * y + (gu * u + gv * v + g0), 0.0, 1.0);
            *b = clamped(by * y + (bu * u + b0), 0.0, 1.0);
        }
    }

    fn look_up_signal<'a>(table: &'a Steps, row: &'a mut [f32]) {
        table.look_up(row);
    }

    fn look_up_light<'a>(table: &'a Octaves, row: &'a mut [f32]) {
        table.look_up(row);
    }

    /// The weighted sum of red, green and blue.
    fn weigh<'a>(rgb: [&'a [f32]; 3], weights: [f32; 3], sum: &'a mut [f32]) {
        let [r, g, b] = rgb;
        for (((&r, &g), &b), sum) in r.iter().zip(g).zip(b).zip(sum) {
            *sum = weights[0] * r + weights[1] * g + weights[2] * b;
        }
    }

    /// Multiplies red, green and blue by the same.
    fn scale<'a>(gain: &'a [f32], rgb: [&'a mut [f32]; 3]) {
        let [r, g, b] = rgb;
        for (((&gain, r), g), b) in gain.iter().zip(r).zip(g).zip(b) {
            *r *= gain;
            *g *= gain;
            *b *= gain;
        }
    }

    /// Changes the primaries, brings what they cannot show into reach, and writes the greatest of the three.
    fn to_bt709<'a>(
        matrix: &'a [[f32; 3]; 3],
        squeeze: Squeeze,
        rgb: [&'a mut [f32]; 3],
        greatest: &'a mut [f32],
    ) {
        let [r, g, b] = rgb;
        let [[rr, rg, rb], [gr, gg, gb], [br, bg, bb]] = *matrix;
        let Squeeze { reach, bend } = squeeze;
        for (((r, g), b), greatest) in r.iter_mut().zip(g).zip(b).zip(greatest) {
            let (or, og, ob) = (*r, *g, *b);
            let (nr, ng, nb) = (
                rr * or + rg * og + rb * ob,
                gr * or + gg * og + gb * ob,
                br * or + bg * og + bb * ob,
            );
            let most = nr.max(ng).max(nb).max(0.0);
            // The small number keeps black from 0/0.
            let inside = |value: f32, channel: usize| {
                let beyond = ((most - value) - reach[channel] * most).max(0.0);
                let room = bend[channel] * most + 1e-20;
                (value + beyond - beyond * room / (room + beyond)).max(0.0)
            };
            (*r, *g, *b, *greatest) = (inside(nr, 0), inside(ng, 1), inside(nb, 2), most);
        }
    }
}
