//! The kernels of the compose stage on the CPU. Planes hold R', G', B' in 0..=1; what resizing let overshoot is held in
//! there.

use pulp::Arch;

use super::Controls;
use crate::convert::cpu::kernel::{clamped, kernels};

/// Pixels that are mixed at a time: six planes of them fit into the first-level cache.
const BLOCK: usize = 1024;

/// Mixes `original` into `styled`: first, where the controls say so, its colour, then all of it as much as they say.
/// `weights` are those of red, green and blue in luma.
///
/// # Panics
/// When the planes have different lengths.
pub fn mix(original: [&[f32]; 3], weights: [f32; 3], controls: Controls, styled: [&mut [f32]; 3]) {
    let arch = Arch::new();
    let [len, ..] = original.map(<[f32]>::len);
    assert!(original.iter().all(|plane| plane.len() == len), "planes of the original");
    assert!(styled.iter().all(|plane| plane.len() == len), "planes of the styled picture");
    // NaN is no strength: it passes for 0, as the least.
    let strength = clamped(controls.strength, 0.0, 1.0);
    let mut styled = styled;
    for start in (0..len).step_by(BLOCK) {
        let block = start..(start + BLOCK).min(len);
        let source = original.map(|plane| &plane[block.clone()]);
        if controls.keep_colour {
            let styled = styled.each_mut().map(|plane| &mut plane[block.clone()]);
            keep_colour(arch, source, weights, styled);
        }
        for (source, styled) in source.into_iter().zip(&mut styled) {
            lerp(arch, source, strength, &mut styled[block.clone()]);
        }
    }
}

kernels! {
    /// Gives each styled pixel the chroma of the original: all three channels move by the difference in luma. Where
    /// that leaves the gamut, the chroma is made smaller; luma and hue hold.
    fn keep_colour<'a>(original: [&'a [f32]; 3], weights: [f32; 3], styled: [&'a mut [f32]; 3]) {
        let luma = |r: f32, g: f32, b: f32| weights[0] * r + weights[1] * g + weights[2] * b;
        let unit = |value: f32| clamped(value, 0.0, 1.0);
        let [or, og, ob] = original;
        let [sr, sg, sb] = styled;
        for (((((&or, &og), &ob), sr), sg), sb) in or.iter().zip(og).zip(ob).zip(sr).zip(sg).zip(sb) {
            let (r, g, b) = (unit(or), unit(og), unit(ob));
            let grey = luma(r, g, b);
            let (r, g, b) = (r - grey, g - grey, b - grey);
            let target = unit(luma(unit(*sr), unit(*sg), unit(*sb)));
            // How far chroma can go before the first channel meets white or black. The small number keeps grey from
            // 0/0.
            let up = r.max(g).max(b).max(1e-6);
            let down = (-r).max(-g).max(-b).max(1e-6);
            let reach = ((1.0 - target) / up).min(target / down).min(1.0);
            (*sr, *sg, *sb) = (target + reach * r, target + reach * g, target + reach * b);
        }
    }

    /// Takes `strength` of the styled plane, and the rest of the original.
    fn lerp<'a>(original: &'a [f32], strength: f32, styled: &'a mut [f32]) {
        for (&original, styled) in original.iter().zip(styled) {
            let original = clamped(original, 0.0, 1.0);
            *styled = original + strength * (clamped(*styled, 0.0, 1.0) - original);
        }
    }

    /// Adds to `out` the difference of two planes, times a slope that is the weighted sum of two.
    pub fn add_scaled<'a>(
        detailed: &'a [f32],
        seen: &'a [f32],
        slopes: [&'a [f32]; 2],
        weights: [f32; 2],
        out: &'a mut [f32],
    ) {
        let [above, below] = slopes;
        for ((((&detailed, &seen), &above), &below), out) in detailed.iter().zip(seen).zip(above).zip(below).zip(out) {
            *out += (weights[0] * above + weights[1] * below) * (detailed - seen);
        }
    }

    /// Luma of R', G', B'.
    pub fn luma<'a>(rgb: [&'a [f32]; 3], weights: [f32; 3], out: &'a mut [f32]) {
        let [r, g, b] = rgb;
        for (((&r, &g), &b), out) in r.iter().zip(g).zip(b).zip(out) {
            *out = weights[0] * r + weights[1] * g + weights[2] * b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BT709: [f32; 3] = [0.2126, 0.7152, 0.0722];

    fn mixed(original: [f32; 3], controls: Controls, styled: [f32; 3]) -> [f32; 3] {
        let mut out = styled;
        let [r, g, b] = &mut out;
        mix(original.each_ref().map(std::slice::from_ref), BT709, controls, [r, g, b].map(std::slice::from_mut));
        out
    }

    fn luma_of(rgb: [f32; 3]) -> f32 {
        rgb.iter().zip(BT709).map(|(value, weight)| value * weight).sum()
    }

    #[test]
    fn strength_goes_from_the_original_to_the_style() {
        let (original, styled) = ([0.1, 0.6, 0.9], [0.8, 0.2, 0.4]);
        let at = |strength| mixed(original, Controls { strength, ..Controls::default() }, styled);
        assert_eq!(at(0.0), original);
        assert_eq!(at(-2.0), original);
        assert!(at(0.5).iter().zip([0.45, 0.4, 0.65]).all(|(got, wanted): (&f32, f32)| (got - wanted).abs() < 1e-6));
        assert!(at(1.0).iter().zip(styled).all(|(got, wanted)| (got - wanted).abs() < 1e-6));
    }

    #[test]
    fn kept_colour_has_the_luma_of_the_style_and_the_hue_of_the_original() {
        let controls = Controls { keep_colour: true, ..Controls::default() };
        for original in [[0.5, 0.4, 0.6], [1.0, 0.0, 0.0], [0.0, 0.1, 1.0], [0.3, 0.3, 0.3]] {
            for styled in [[0.5; 3], [0.0; 3], [1.0; 3], [0.9, 0.2, 0.1], [0.02, 0.03, 0.01]] {
                let got = mixed(original, controls, styled);
                assert!((luma_of(got) - luma_of(styled)).abs() < 1e-5, "{original:?} {styled:?} {got:?}");
                assert!(got.iter().all(|value| (-1e-6..=1.000_001).contains(value)), "{got:?}");
                // The same hue: the chroma is a multiple, not above 1, of the original's.
                let chroma = |rgb: [f32; 3]| rgb.map(|value| value - luma_of(rgb));
                let (got, source) = (chroma(got), chroma(original));
                for (a, b) in [(0, 1), (1, 2), (2, 0)] {
                    assert!((got[a] * source[b] - got[b] * source[a]).abs() < 1e-5);
                    assert!(got[a].abs() <= source[a].abs() + 1e-5 && got[a] * source[a] >= -1e-5);
                }
            }
        }
    }
}
