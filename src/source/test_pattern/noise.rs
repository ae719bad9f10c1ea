//! Noise of our own: the same numbers on every machine and in every year.

use std::f32::consts::TAU;

/// Texels on each side of a noise texture; a power of two.
const SIDE: usize = 512;

/// A well-mixed number that depends on `seed` and `index` alone (SplitMix64).
pub(super) fn hash(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_mul(0xd1b5_4a32_d192_ed03).wrapping_add(index).wrapping_add(1);
    z = z.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// An endless row of numbers in 0..1 that begins with `seed`.
pub(super) struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, thrown: 0 }
    }

    /// The next number, 0..1.
    pub(super) fn roll(&mut self) -> f32 {
        self.thrown += 1;
        (hash(self.seed, self.thrown) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// The next number, `low..high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.roll()
    }
}

/// Fractal gradient noise in 0..1 that repeats with period 1 in both directions, kept as a texture.
pub(super) struct Noise {
    texels: Vec<f32>,
}

impl Noise {
    /// Octaves from 4 cells a period up to 4 texels a cell; each is `persistence` times as strong as the one before.
    pub(super) fn new(seed: u64, persistence: f32) -> Self {
        let mut texels = vec![0.0; SIDE * SIDE];
        let mut strength = 1.0;
        let mut cells = 4;
        while cells <= SIDE / 4 {
            add_octave(&mut texels, hash(seed, cells as u64), cells, strength);
            strength *= persistence;
            cells *= 2;
        }
        let (low, high) =
            texels.iter().fold((f32::MAX, f32::MIN), |(low, high), &texel| (low.min(texel), high.max(texel)));
        for texel in &mut texels {
            *texel = (*texel - low) / (high - low);
        }
        Self { texels }
    }

    /// The value at (`x`, `y`), in periods from -64 on, interpolated between texels.
    #[inline]
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        const MASK: usize = SIDE - 1;
        // Adding whole periods first makes truncation the same as rounding down.
        let x = (x + 64.0) * SIDE as f32;
        let y = (y + 64.0) * SIDE as f32;
        let (column, row) = (x as usize, y as usize);
        let (fx, fy) = (x - column as f32, y - row as f32);
        let (left, right) = (column & MASK, (column + 1) & MASK);
        let (upper, lower) = ((row & MASK) * SIDE, ((row + 1) & MASK) * SIDE);
        let above = lerp(self.texels[upper + left], self.texels[upper + right], fx);
        let below = lerp(self.texels[lower + left], self.texels[lower + right], fx);
        lerp(above, below, fy)
    }
}

fn add_octave(texels: &mut [f32], seed: u64, cells: usize, strength: f32) {
    let gradients: Vec<[f32; 2]> = (0..cells * cells)
        .map(|cell| {
            let (sin, cos) = (Dice::new(hash(seed, cell as u64)).roll() * TAU).sin_cos();
            [cos, sin]
        })
        .collect();
    let cell_texels = SIDE / cells;
    for (index, texel) in texels.iter_mut().enumerate() {
        let (x, y) = (index % SIDE, index / SIDE);
        let (column, row) = (x / cell_texels, y / cell_texels);
        let fx = (x % cell_texels) as f32 / cell_texels as f32;
        let fy = (y % cell_texels) as f32 / cell_texels as f32;
        let corner = |right: usize, down: usize| {
            let [gx, gy] = gradients[(row + down) % cells * cells + (column + right) % cells];
            gx * (fx - right as f32) + gy * (fy - down as f32)
        };
        let (sx, sy) = (fade(fx), fade(fy));
        *texel += strength * lerp(lerp(corner(0, 0), corner(1, 0), sx), lerp(corner(0, 1), corner(1, 1), sx), sy);
    }
}

/// Perlin's quintic, whose first and second derivative vanish at 0 and 1.
fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// From `a` at 0 to `b` at 1.
#[inline]
pub(super) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 up to `low`, 1 from `high` on, smooth between.
#[inline]
pub(super) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// `seconds * speed` in periods, without whole ones: noise keeps its detail however long the clip runs.
pub(super) fn drift(seconds: f64, speed: f64) -> f32 {
    (seconds * speed).rem_euclid(1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_fills_its_range_and_repeats() {
        let noise = Noise::new(7, 0.5);
        let samples = || (0..2000).map(|i| (i as f32 * 0.0137, i as f32 * 0.0071));
        assert!(samples().any(|(x, y)| noise.at(x, y) < 0.25) && samples().any(|(x, y)| noise.at(x, y) > 0.75));
        assert!(samples().all(|(x, y)| (noise.at(x, y) - noise.at(x - 2.0, y + 1.0)).abs() < 0.01));
    }
}
