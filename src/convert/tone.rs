//! From the light of an HDR picture to the signal of a BT.709 one: the curves, in double precision.
//!
//! ```text
//! R'G'B' ─ PQ or HLG ─► light ─ matrix ─► BT.709 light ─ reach ─ shoulder ─► 0..=1 ─ gamma 2.4 ─► R'G'B'
//! ```
//! - PQ is SMPTE ST 2084; HLG is ARIB STD-B67 with the OOTF of BT.2100 for a display of 1000 cd/m².
//! - The reference white of BT.2408, 203 cd/m², is the white of the SDR picture.
//! - The shoulder is the EETF of BT.2390: a Hermite spline in PQ, from a knee up to the peak of the picture. It follows
//!   the greatest of red, green and blue and scales all three, so that hues hold and nothing clips.
//! - Colours that BT.709 cannot show keep their hue and lose saturation, the most saturated most: the compression of the
//!   ACES reference gamut (distance from the achromatic axis), with a rational curve.
//!
//! The kernels look the curves up ([`Tone`]).

use super::cpu::kernel::clamped;
use super::raw::RawFormat;
use crate::colour::{Coefficients, luma_weights, rgb_from_yuv_codes};
use crate::frame::{Colour, Matrix, Primaries, Transfer};

/// Light of SDR white, in cd/m² (BT.2408).
const WHITE_NITS: f64 = 203.0;

/// Light that PQ can state, in cd/m².
const PQ_NITS: f64 = 10_000.0;

/// Peak of the display that HLG is shown on, in cd/m²; its system gamma is 1.2.
const HLG_NITS: f64 = 1000.0;
const HLG_GAMMA: f64 = 1.2;

/// Peak of a picture that does not say: that of most mastering displays.
const USUAL_PEAK_NITS: f64 = 1000.0;

/// Gamma of an SDR display (BT.1886 with no black of its own).
const SDR_GAMMA: f64 = 2.4;

/// Distance from grey, relative to the border of BT.709, from which on colours are compressed.
const REACH: f64 = 0.9;

/// How the signal of a picture becomes light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Light {
    /// Relative to a white, as in SDR: nothing is to be done.
    Relative,
    /// PQ.
    Pq {
        /// Greatest light of the picture in cd/m², as far as it says.
        peak_nits: Option<f64>,
    },
    /// HLG.
    Hlg,
}

impl Light {
    /// Name of an HDR transfer function.
    pub fn hdr_name(self) -> Option<&'static str> {
        match self {
            Self::Relative => None,
            Self::Pq { .. } => Some("PQ"),
            Self::Hlg => Some("HLG"),
        }
    }

    /// Greatest light that is told apart, in cd/m².
    pub fn peak_nits(self) -> f64 {
        match self {
            Self::Relative => WHITE_NITS,
            Self::Pq { peak_nits } => peak_nits.unwrap_or(USUAL_PEAK_NITS).clamp(WHITE_NITS, PQ_NITS),
            Self::Hlg => HLG_NITS,
        }
    }
}

/// The constants of ST 2084.
const M1: f64 = 2610.0 / 16384.0;
const M2: f64 = 2523.0 / 4096.0 * 128.0;
const C1: f64 = 3424.0 / 4096.0;
const C2: f64 = 2413.0 / 4096.0 * 32.0;
const C3: f64 = 2392.0 / 4096.0 * 32.0;

fn nits_from_pq(signal: f64) -> f64 {
    let root = signal.max(0.0).powf(1.0 / M2);
    PQ_NITS * ((root - C1).max(0.0) / (C2 - C3 * root)).powf(1.0 / M1)
}

fn pq_from_nits(nits: f64) -> f64 {
    let root = (nits.max(0.0) / PQ_NITS).powf(M1);
    ((C1 + C2 * root) / (1.0 + C3 * root)).powf(M2)
}

/// Light of the scene in 0..=1 (BT.2100, table 5).
fn scene_from_hlg(signal: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 0.284_668_92;
    const C: f64 = 0.559_910_73;
    if signal <= 0.5 { signal.max(0.0).powi(2) / 3.0 } else { (((signal - C) / A).exp() + B) / 12.0 }
}

/// The light on a display with the white of SDR for `nits` of a picture that reaches `peak_nits` (BT.2390, 5.4.1; both
/// blacks are 0).
fn toned_nits(nits: f64, peak_nits: f64) -> f64 {
    let peak = pq_from_nits(peak_nits);
    let most = pq_from_nits(WHITE_NITS) / peak;
    let knee = 1.5 * most - 0.5;
    let signal = (pq_from_nits(nits) / peak).min(1.0);
    if knee >= 1.0 || signal < knee {
        return nits.min(WHITE_NITS);
    }
    let t = (signal - knee) / (1.0 - knee);
    let (t2, t3) = (t * t, t * t * t);
    let spline = (2.0 * t3 - 3.0 * t2 + 1.0) * knee + (t3 - 2.0 * t2 + t) * (1.0 - knee) + (3.0 * t2 - 2.0 * t3) * most;
    nits_from_pq(spline * peak)
}

type Matrix3 = [[f64; 3]; 3];

/// Chromaticities of red, green, blue and white (H.273, table 2).
const fn chromaticities(primaries: Primaries) -> [[f64; 2]; 4] {
    const D65: [f64; 2] = [0.3127, 0.3290];
    const C: [f64; 2] = [0.310, 0.316];
    match primaries {
        Primaries::Bt709 => [[0.640, 0.330], [0.300, 0.600], [0.150, 0.060], D65],
        Primaries::Bt470m => [[0.67, 0.33], [0.21, 0.71], [0.14, 0.08], C],
        Primaries::Bt470bg => [[0.64, 0.33], [0.29, 0.60], [0.15, 0.06], D65],
        Primaries::Smpte170m | Primaries::Smpte240m => [[0.630, 0.340], [0.310, 0.595], [0.155, 0.070], D65],
        Primaries::Film => [[0.681, 0.319], [0.243, 0.692], [0.145, 0.049], C],
        Primaries::Bt2020 => [[0.708, 0.292], [0.170, 0.797], [0.131, 0.046], D65],
        Primaries::Smpte428 => [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0 / 3.0, 1.0 / 3.0]],
        Primaries::DciP3 => [[0.680, 0.320], [0.265, 0.690], [0.150, 0.060], [0.314, 0.351]],
        Primaries::DisplayP3 => [[0.680, 0.320], [0.265, 0.690], [0.150, 0.060], D65],
        Primaries::Ebu3213 => [[0.630, 0.340], [0.295, 0.605], [0.155, 0.077], D65],
    }
}

/// CIE XYZ from linear RGB; white has Y = 1.
fn xyz_from_rgb(primaries: Primaries) -> Matrix3 {
    let [red, green, blue, [wx, wy]] = chromaticities(primaries);
    let column = |[x, y]: [f64; 2]| [x, y, 1.0 - x - y];
    let columns = [red, green, blue].map(column);
    let unscaled: Matrix3 = std::array::from_fn(|row| columns.map(|column| column[row]));
    let scale = times(&inverse(&unscaled), [wx / wy, 1.0, (1.0 - wx - wy) / wy]);
    unscaled.map(|row| std::array::from_fn(|i| row[i] * scale[i]))
}

/// Linear BT.709 from linear light of other primaries; white stays white, whatever its colour was.
fn bt709_from(primaries: Primaries) -> Matrix3 {
    let (back, there) = (inverse(&xyz_from_rgb(Primaries::Bt709)), xyz_from_rgb(primaries));
    let product: Matrix3 = back.map(|row| std::array::from_fn(|i| (0..3).map(|k| row[k] * there[k][i]).sum::<f64>()));
    product.map(|row| row.map(|value| value / row.iter().sum::<f64>()))
}

fn times(matrix: &Matrix3, vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
}

fn inverse(m: &Matrix3) -> Matrix3 {
    let minor = |r: usize, c: usize| {
        let ([r0, r1], [c0, c1]) = ([(r + 1) % 3, (r + 2) % 3], [(c + 1) % 3, (c + 2) % 3]);
        m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0]
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    std::array::from_fn(|row| std::array::from_fn(|column| minor(column, row) / determinant))
}

/// How far red, green and blue of `primaries` come to lie from grey in BT.709, relative to its border; at least 1. The
/// farthest are corners of the cube.
fn farthest(matrix: &Matrix3) -> [f64; 3] {
    let mut farthest = [1.0; 3];
    for corner in 1..7u8 {
        let rgb = times(matrix, [0, 1, 2].map(|channel| f64::from(corner >> channel & 1)));
        let greatest = rgb.iter().copied().fold(f64::MIN, f64::max);
        for (farthest, value) in farthest.iter_mut().zip(rgb) {
            *farthest = f64::max(*farthest, (greatest - value) / greatest);
        }
    }
    farthest
}

/// How colours beyond BT.709 are brought into it: of the distance from grey what exceeds `reach` becomes
/// `x / (1 + x / bend)`, so that the farthest colour comes to lie on the border.
#[derive(Clone, Copy, Debug)]
pub(super) struct Squeeze {
    /// Where it begins, for red, green and blue.
    pub reach: [f32; 3],
    /// How strongly it bends.
    pub bend: [f32; 3],
}

impl Squeeze {
    fn of(matrix: &Matrix3) -> Self {
        // What BT.709 holds anyway is left as it is.
        let farthest = farthest(matrix).map(|far| if far > 1.0 + 1e-6 { far } else { 1.0 });
        let reach = farthest.map(|far| if far > 1.0 { REACH } else { 1.0 });
        let bend: [f64; 3] = std::array::from_fn(|i| match farthest[i] {
            far if far > 1.0 => (1.0 - REACH) * (far - REACH) / (far - 1.0),
            _ => 1.0,
        });
        Self { reach: reach.map(|v| v as f32), bend: bend.map(|v| v as f32) }
    }
}

/// A function on 0..=1, looked up at even steps; what lies outside has the value of the end.
#[derive(Clone, Debug)]
pub(super) struct Steps(Box<[f32; Self::COUNT + 2]>);

impl Steps {
    /// One for each code of 10 bits.
    const COUNT: usize = 1024;

    fn of(function: impl Fn(f64) -> f64) -> Self {
        Self(Box::new(std::array::from_fn(|i| function((i as f64 / Self::COUNT as f64).min(1.0)) as f32)))
    }

    /// Replaces each value by that of the function there, linearly between the steps.
    #[inline(always)]
    pub(super) fn look_up(&self, row: &mut [f32]) {
        // From 2^23 on a float has no fraction: the lowest bits of the sum are the number of the step.
        const ROUND: f32 = 8_388_608.0;
        const STEPS: f32 = Steps::COUNT as f32;
        for value in row {
            let position = clamped(*value, 0.0, 1.0) * STEPS;
            let rounded = clamped(position - 0.5, 0.0, STEPS) + ROUND;
            let step = (rounded.to_bits() as usize & (2 * Self::COUNT - 1)).min(Self::COUNT);
            let (low, high) = (self.0[step], self.0[step + 1]);
            *value = low + (position - (rounded - ROUND)) * (high - low);
        }
    }
}

/// A function of light, looked up at steps that are a thirty-second of an octave or less.
#[derive(Clone, Debug)]
pub(super) struct Octaves(Box<[f32; Self::COUNT + 1]>);

impl Octaves {
    /// Steps in an octave, as a power of two.
    const STEP_BITS: u32 = 5;
    /// The first octave is that of 2^-30: less light is none in 8 bits.
    const FIRST: i32 = -30;
    /// The last one ends at 2^7: PQ's greatest light is 49 times SDR white, red of BT.2020 1.7 times that in BT.709.
    const END: i32 = 7;
    const COUNT: usize = ((Self::END - Self::FIRST) as usize) << Self::STEP_BITS;
    /// Bits of a float below those that count steps.
    const BELOW: u32 = f32::MANTISSA_DIGITS - 1 - Self::STEP_BITS;
    /// The bits of the first step.
    const BASE: u32 = ((127 + Self::FIRST) as u32) << (f32::MANTISSA_DIGITS - 1);

    fn of(function: impl Fn(f64) -> f64) -> Self {
        let light = |i: usize| f32::from_bits(Self::BASE + ((i as u32) << Self::BELOW));
        Self(Box::new(std::array::from_fn(|i| function(f64::from(light(i))) as f32)))
    }

    /// Replaces each value, none of which is negative, by that of the function there, linearly between the steps.
    #[inline(always)]
    pub(super) fn look_up(&self, row: &mut [f32]) {
        const LAST: u32 = ((Octaves::COUNT as u32) << Octaves::BELOW) - 1;
        for value in row {
            let bits = value.to_bits().saturating_sub(Self::BASE).min(LAST);
            let step = (bits >> Self::BELOW) as usize;
            let (low, high) = (self.0[step], self.0[step + 1]);
            let part = (bits & ((1 << Self::BELOW) - 1)) as f32 * (1.0 / (1u32 << Self::BELOW) as f32);
            *value = low + part * (high - low);
        }
    }
}

/// Everything that the kernels need to tone-map pictures of one format.
#[derive(Clone, Debug)]
pub struct Tone {
    /// R', G', B' from the codes.
    pub(super) signal: Coefficients,
    /// Light from the signal: for PQ that of the display, 1 being SDR white; for HLG that of the scene.
    pub(super) light: Steps,
    /// For HLG: weights of luminance, and what the light of the scene is multiplied with to become that of the display.
    pub(super) ootf: Option<([f32; 3], Octaves)>,
    /// To the primaries of BT.709.
    pub(super) matrix: [[f32; 3]; 3],
    /// Into its gamut.
    pub(super) squeeze: Squeeze,
    /// What light is multiplied with, by the greatest of red, green and blue.
    pub(super) shoulder: Octaves,
    /// The signal of light in 0..=1.
    pub(super) gamma: Octaves,
}

impl Tone {
    /// For pictures of `format`, or none if they are no HDR.
    pub fn of(format: &RawFormat) -> Option<Self> {
        let RawFormat { bits, colour, light, .. } = *format;
        let peak_nits = light.peak_nits();
        let (eotf, ootf) = match light {
            Light::Relative => return None,
            Light::Pq { .. } => (Steps::of(|signal| nits_from_pq(signal) / WHITE_NITS), None),
            Light::Hlg => {
                let gain = |luminance: f64| luminance.powf(HLG_GAMMA - 1.0) * HLG_NITS / WHITE_NITS;
                let weights = luma_weights(Matrix::Bt2020).map(|weight| weight as f32);
                (Steps::of(scene_from_hlg), Some((weights, Octaves::of(gain))))
            }
        };
        let matrix = bt709_from(colour.primaries);
        Some(Self {
            signal: rgb_from_yuv_codes(bits, colour).coefficients(),
            light: eotf,
            ootf,
            matrix: matrix.map(|row| row.map(|value| value as f32)),
            squeeze: Squeeze::of(&matrix),
            shoulder: Octaves::of(|light| toned_nits(light * WHITE_NITS, peak_nits) / (light * WHITE_NITS)),
            gamma: Octaves::of(|light| light.powf(1.0 / SDR_GAMMA)),
        })
    }
}

/// The colour of a tone-mapped picture: BT.709, limited range; chroma sits where it sat.
pub(super) fn sdr(colour: Colour) -> Colour {
    Colour {
        matrix: Matrix::Bt709,
        range: crate::frame::Range::Limited,
        transfer: Transfer::Bt709,
        primaries: Primaries::Bt709,
        chroma_site: colour.chroma_site,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, wanted: f64, within: f64) {
        assert!((got - wanted).abs() <= within, "{got} is not {wanted}");
    }

    #[test]
    fn the_curves_have_the_values_of_the_standards() {
        // BT.2408, table 1: 203 cd/m² is 58 % of PQ and 75 % of HLG.
        close(pq_from_nits(203.0), 0.58, 0.005);
        close(nits_from_pq(0.751_827), 1000.0, 0.01);
        close(nits_from_pq(1.0), 10_000.0, 1e-6);
        close(scene_from_hlg(0.75).powf(HLG_GAMMA) * HLG_NITS, 203.0, 0.5);
        close(scene_from_hlg(0.5), 1.0 / 12.0, 1e-7);
        close(scene_from_hlg(1.0), 1.0, 1e-6);
        for nits in [0.0, 0.01, 1.0, 203.0, 4000.0] {
            close(nits_from_pq(pq_from_nits(nits)), nits, 1e-6 * (1.0 + nits));
        }
    }

    #[test]
    fn the_shoulder_leaves_the_dark_alone_and_brings_the_peak_to_white() {
        for peak in [203.0, 400.0, 1000.0, 4000.0, 10_000.0] {
            close(toned_nits(peak, peak), WHITE_NITS, 1e-6);
            close(toned_nits(2.0 * peak, peak), WHITE_NITS, 1e-6);
            close(toned_nits(1.0, peak), 1.0, 1e-9);
            let mut last = 0.0;
            for step in 1..=1000 {
                let here = toned_nits(nits_from_pq(f64::from(step) / 1000.0), peak);
                assert!(here >= last && here <= WHITE_NITS + 1e-6, "{peak}: {last} then {here}");
                last = here;
            }
        }
        // The knee of a picture of 1000 cd/m² lies at 0.495 of PQ.
        close(toned_nits(nits_from_pq(0.49), 1000.0), nits_from_pq(0.49), 1e-9);
        assert!(toned_nits(nits_from_pq(0.52), 1000.0) < nits_from_pq(0.52));
    }

    #[test]
    fn the_matrix_is_that_of_bt_2087() {
        let wanted = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]];
        for (row, wanted) in bt709_from(Primaries::Bt2020).into_iter().zip(wanted) {
            row.into_iter().zip(wanted).for_each(|(got, wanted)| close(got, wanted, 1e-4));
        }
        for (index, row) in bt709_from(Primaries::Bt709).into_iter().enumerate() {
            row.into_iter().enumerate().for_each(|(i, got)| close(got, f64::from(u8::from(i == index)), 1e-12));
        }
        for primaries in [Primaries::DciP3, Primaries::Film, Primaries::Smpte428] {
            times(&bt709_from(primaries), [1.0; 3]).into_iter().for_each(|white| close(white, 1.0, 1e-12));
        }
    }

    #[test]
    fn tables_follow_their_functions() {
        let steps = Steps::of(nits_from_pq);
        let at = |signal: f32| {
            let mut row = [signal];
            steps.look_up(&mut row);
            f64::from(row[0])
        };
        for signal in [0.0, 0.1003, 0.5, 0.580_69, 0.9999, 1.0] {
            close(at(signal), nits_from_pq(f64::from(signal)), 1e-3 * nits_from_pq(f64::from(signal)));
        }
        assert_eq!((at(-1.0), at(2.0), at(f32::NAN)), (0.0, 10_000.0, 0.0));
        let octaves = Octaves::of(|light| light.powf(1.0 / SDR_GAMMA));
        for light in [0.0, 1e-7, 0.001, 0.18, 0.999, 1.0, 1.01, 40.0] {
            let mut row = [light];
            octaves.look_up(&mut row);
            close(f64::from(row[0]), f64::from(light).powf(1.0 / SDR_GAMMA), 2e-4 + f64::from(light) * 1e-4);
        }
        let mut row = [1e9, f32::INFINITY, f32::NAN];
        octaves.look_up(&mut row);
        assert!(row.iter().all(|value| value.is_finite()));
    }
}
