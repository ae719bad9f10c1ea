//! The one matrix between the codes of a frame and R', G', B', derived from Kr, Kb and the range (ITU-T H.273, 8.3).
//!
//! Computed in double precision; the kernels, on whatever device, multiply with its [`Coefficients`] and hold no colour
//! constants themselves.

use crate::frame::{Colour, Matrix, PixelFormat, Range};
use crate::tensor::TensorFormat;

/// The rows of a 3x3 matrix, each with its offset as fourth value.
pub type Coefficients = [[f32; 4]; 3];

/// Least and greatest value of red, green and blue.
pub type Bounds = [(f32, f32); 3];

/// `out[i] = rows[i][0..3] · in + rows[i][3]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Matrix, and offset in the fourth column.
    pub rows: [[f64; 4]; 3],
}

impl Affine {
    /// Changes nothing.
    pub const IDENTITY: Self = Self::diagonal(1.0);

    /// Multiplies result `i` by `gain[i]`, then adds `bias[i]`.
    #[must_use]
    pub fn then_scaled(self, gain: [f32; 3], bias: [f32; 3]) -> Self {
        let mut rows = self.rows;
        for (row, (gain, bias)) in rows.iter_mut().zip(gain.into_iter().zip(bias)) {
            *row = row.map(|value| value * f64::from(gain));
            row[3] += f64::from(bias);
        }
        Self { rows }
    }

    /// Takes arguments that were multiplied by `gain` and increased by `bias`, and undoes both first.
    #[must_use]
    pub fn after_scaled(self, gain: [f32; 3], bias: [f32; 3]) -> Self {
        let mut rows = self.rows;
        for row in &mut rows {
            for argument in 0..3 {
                row[argument] /= f64::from(gain[argument]);
                row[3] -= row[argument] * f64::from(bias[argument]);
            }
        }
        Self { rows }
    }

    /// Single precision, for the kernels.
    pub fn coefficients(&self) -> Coefficients {
        self.rows.map(|row| row.map(|value| value as f32))
    }

    /// Multiplies argument and result by constants, without offset.
    const fn diagonal(value: f64) -> Self {
        Self { rows: [[value, 0.0, 0.0, 0.0], [0.0, value, 0.0, 0.0], [0.0, 0.0, value, 0.0]] }
    }
}

/// What red, green and blue weigh in luma.
pub const fn luma_weights(matrix: Matrix) -> [f64; 3] {
    let (kr, kb) = match matrix {
        Matrix::Fcc => (0.30, 0.11),
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Smpte240m => (0.212, 0.087),
        Matrix::Bt2020 => (0.2627, 0.0593),
    };
    [kr, 1.0 - kr - kb, kb]
}

/// Where the codes of Y', Cb and Cr lie (H.273, 8.3).
struct CodeScale {
    luma_gain: f64,
    black: f64,
    chroma_gain: f64,
    /// Code of chroma where there is no colour.
    neutral: f64,
}

impl CodeScale {
    /// For codes of `bits` bits, at least 8.
    const fn of(range: Range, bits: u32) -> Self {
        let step = (1u64 << (bits - 8)) as f64;
        let greatest = 256.0 * step - 1.0;
        let (luma_gain, black, chroma_gain) = match range {
            Range::Limited => (219.0 * step, 16.0 * step, 224.0 * step),
            Range::Full => (greatest, 0.0, greatest),
        };
        Self { luma_gain, black, chroma_gain, neutral: 128.0 * step }
    }
}

/// R', G', B' in 0..=1 from the codes 0..=255 of Y', Cb, Cr, or of R, G, B when `pixels` holds these.
pub fn rgb_from_codes(pixels: PixelFormat, colour: Colour) -> Affine {
    if pixels == PixelFormat::Rgbx {
        return Affine::diagonal(1.0 / 255.0);
    }
    rgb_from_yuv_codes(8, colour)
}

/// R', G', B' in 0..=1 from the codes of Y', Cb, Cr of `bits` bits, at least 8.
pub fn rgb_from_yuv_codes(bits: u32, colour: Colour) -> Affine {
    let [kr, kg, kb] = luma_weights(colour.matrix);
    let CodeScale { luma_gain, black, chroma_gain, neutral } = CodeScale::of(colour.range, bits);
    let (red_from_cr, blue_from_cb) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
    let chroma = [[0.0, red_from_cr], [-blue_from_cb * kb / kg, -red_from_cr * kr / kg], [blue_from_cb, 0.0]];
    let rows = chroma.map(|[cb, cr]| {
        let (y, cb, cr) = (1.0 / luma_gain, cb / chroma_gain, cr / chroma_gain);
        [y, cb, cr, -y * black - (cb + cr) * neutral]
    });
    Affine { rows }
}

/// Gain and offset that make 8-bit codes of luma, and of chroma, of those of `bits` bits; not rounded.
pub fn bytes_from_codes(bits: u32, range: Range) -> [(f64, f64); 2] {
    let (from, to) = (CodeScale::of(range, bits), CodeScale::of(range, 8));
    let map = |(from_gain, from_zero): (f64, f64), (to_gain, to_zero): (f64, f64)| {
        let gain = to_gain / from_gain;
        (gain, to_zero - gain * from_zero)
    };
    [
        map((from.luma_gain, from.black), (to.luma_gain, to.black)),
        map((from.chroma_gain, from.neutral), (to.chroma_gain, to.neutral)),
    ]
}

/// The codes 0..=255 of Y', Cb, Cr, or of R, G, B when `pixels` holds these, from R', G', B' in 0..=1. Not rounded; Cb
/// and Cr of full range reach 255.5.
pub fn codes_from_rgb(pixels: PixelFormat, colour: Colour) -> Affine {
    if pixels == PixelFormat::Rgbx {
        return Affine::diagonal(255.0);
    }
    let [kr, kg, kb] = luma_weights(colour.matrix);
    let CodeScale { luma_gain, black, chroma_gain, neutral } = CodeScale::of(colour.range, 8);
    let cb = [-kr, -kg, 1.0 - kb].map(|weight| weight / (2.0 * (1.0 - kb)) * chroma_gain);
    let cr = [1.0 - kr, -kg, -kb].map(|weight| weight / (2.0 * (1.0 - kr)) * chroma_gain);
    let y = [kr, kg, kb].map(|weight| weight * luma_gain);
    Affine { rows: [with_offset(y, black), with_offset(cb, neutral), with_offset(cr, neutral)] }
}

const fn with_offset([a, b, c]: [f64; 3], offset: f64) -> [f64; 4] {
    [a, b, c, offset]
}

/// What the values of a tensor of this format are held in.
pub fn value_bounds(format: &TensorFormat) -> Bounds {
    std::array::from_fn(|channel| {
        let (at_zero, at_one) = (format.bias[channel], format.gain[channel] + format.bias[channel]);
        (at_zero.min(at_one), at_zero.max(at_one))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn colour(matrix: Matrix, range: Range) -> Colour {
        Colour { matrix, range, ..Colour::assumed_for(Size::new(16, 16)) }
    }

    fn apply(affine: &Affine, [a, b, c]: [f64; 3]) -> [f64; 3] {
        affine.rows.map(|row| row[0] * a + row[1] * b + row[2] * c + row[3])
    }

    fn assert_close(got: [f64; 3], wanted: [f64; 3]) {
        assert!(got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-9), "{got:?} is not {wanted:?}");
    }

    #[test]
    fn black_white_and_red_have_the_codes_of_the_standards() {
        for matrix in Matrix::ALL {
            let limited = codes_from_rgb(PixelFormat::I420, colour(matrix, Range::Limited));
            assert_close(apply(&limited, [0.0; 3]), [16.0, 128.0, 128.0]);
            assert_close(apply(&limited, [1.0; 3]), [235.0, 128.0, 128.0]);
            assert_close([apply(&limited, [1.0, 0.0, 0.0])[2], 0.0, 0.0], [240.0, 0.0, 0.0]);
            let full = codes_from_rgb(PixelFormat::I420, colour(matrix, Range::Full));
            assert_close(apply(&full, [1.0; 3]), [255.0, 128.0, 128.0]);
        }
        // BT.601, limited: the well-known 81, 90, 240.
        let red = apply(&codes_from_rgb(PixelFormat::Nv12, colour(Matrix::Bt601, Range::Limited)), [1.0, 0.0, 0.0]);
        assert_close(red.map(f64::round), [81.0, 90.0, 240.0]);
    }

    #[test]
    fn there_and_back_is_where_it_began() {
        for matrix in Matrix::ALL {
            for range in [Range::Limited, Range::Full] {
                for pixels in PixelFormat::ALL {
                    let colour = colour(matrix, range);
                    let codes = apply(&codes_from_rgb(pixels, colour), [0.2, 0.7, 0.4]);
                    assert_close(apply(&rgb_from_codes(pixels, colour), codes), [0.2, 0.7, 0.4]);
                }
            }
        }
    }

    #[test]
    fn scaling_after_and_before_are_inverse() {
        let (gain, bias) = ([2.0, 0.5, 255.0], [-1.0, 3.0, 0.25]);
        let one = Affine::IDENTITY;
        let scaled = apply(&one.then_scaled(gain, bias), [0.1, 0.2, 0.3]);
        assert_close(scaled, [-0.8, 3.1, 76.75]);
        assert_close(apply(&one.after_scaled(gain, bias), scaled), [0.1, 0.2, 0.3]);
    }
}
