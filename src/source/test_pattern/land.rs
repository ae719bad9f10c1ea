//! What is far away: the sky with its clouds and the sun, and the ridges of the mountains.

use super::canvas::{Canvas, Rgb, mix};
use super::noise::{Noise, drift, smoothstep};
use super::scene::{HORIZON, SUN_V, Textures, sun_u};

const SKY: [(f32, Rgb); 4] =
    [(0.0, [0.12, 0.27, 0.55]), (0.40, [0.45, 0.52, 0.69]), (0.70, [0.95, 0.66, 0.51]), (1.0, [1.0, 0.84, 0.48])];
const CLOUD_LIT: Rgb = [1.0, 0.83, 0.67];
const CLOUD_SHADE: Rgb = [0.45, 0.39, 0.56];
const SUNLIGHT: Rgb = [1.0, 0.91, 0.62];
const SUN: Rgb = [1.0, 0.985, 0.88];

/// A chain of hills, one behind another.
struct Ridge {
    /// How far down the mean crest lies.
    crest_v: f32,
    /// From the lowest to the highest crest.
    relief: f32,
    /// Waves a height.
    steepness: f32,
    /// Heights a second that it moves by.
    speed: f64,
    /// Its line of the profile noise.
    line: f32,
    shade: Rgb,
    lit: Rgb,
    /// Size of its forests and rocks: periods a height.
    grain: f32,
    /// How much of it the air hides at its foot.
    haze: f32,
}

const RIDGES: [Ridge; 3] = [
    Ridge {
        crest_v: 0.41,
        relief: 0.36,
        steepness: 0.30,
        speed: 0.004,
        line: 0.13,
        shade: [0.38, 0.38, 0.58],
        lit: [0.86, 0.66, 0.62],
        grain: 0.55,
        haze: 0.75,
    },
    Ridge {
        crest_v: 0.485,
        relief: 0.20,
        steepness: 0.27,
        speed: 0.010,
        line: 0.47,
        shade: [0.20, 0.28, 0.42],
        lit: [0.62, 0.50, 0.42],
        grain: 0.8,
        haze: 0.55,
    },
    Ridge {
        crest_v: 0.535,
        relief: 0.10,
        steepness: 0.36,
        speed: 0.020,
        line: 0.81,
        shade: [0.08, 0.19, 0.17],
        lit: [0.50, 0.47, 0.18],
        grain: 1.3,
        haze: 0.20,
    },
];

/// Paints the sky down to the horizon.
pub(super) fn sky(canvas: &mut Canvas, textures: &Textures, seconds: f64) {
    let sun_u = sun_u(canvas);
    let (near, far) = (drift(seconds, 0.012), drift(seconds, 0.031));
    let middle_u = canvas.aspect() / 2.0;
    for y in 0..canvas.row_at(HORIZON) {
        let v = canvas.centre(y);
        let air = gradient(v / HORIZON);
        // The clouds are a ceiling: the nearer to the horizon, the farther away and the smaller.
        let distance = 0.115 / (HORIZON + 0.09 - v);
        let thin = smoothstep(0.0, 0.12, v) * smoothstep(HORIZON, HORIZON - 0.17, v);
        for x in 0..canvas.width {
            let u = canvas.centre(x);
            let [cx, cy] = [(u - middle_u) * distance, distance * 1.9];
            let bulk = textures.soft.at(cx + near, cy);
            let wisps = textures.soft.at(cx * 2.6 + far, cy * 2.6 + 0.37);
            let cloud = smoothstep(0.46, 0.74, bulk * 0.72 + wisps * 0.28 + 0.05) * (0.35 + 0.65 * thin);
            let sunwards = textures.soft.at(cx + near + (sun_u - u) * 0.022, cy + 0.018);
            let relief = (0.5 + (bulk - sunwards) * 5.0 + (wisps - 0.5) * 0.8).clamp(0.0, 1.0);
            let mut colour = mix(air, mix(CLOUD_SHADE, CLOUD_LIT, relief), cloud);
            let [halo, disc] = sunlight(u - sun_u, v - SUN_V, cloud);
            colour = mix(mix(colour, SUNLIGHT, halo), SUN, disc);
            canvas.pixels[y * canvas.width + x] = colour;
        }
    }
}

/// How much the light around the sun and its disc hide of what is (`du`, `dv`) away from it.
fn sunlight(du: f32, dv: f32, cloud: f32) -> [f32; 2] {
    let square = du * du + dv * dv;
    let halo = 0.0145 / (square + 0.0175) * (1.0 - 0.3 * cloud);
    let disc = smoothstep(0.0021, 0.0012, square) * (1.0 - 0.4 * cloud);
    [halo, disc]
}

fn gradient(t: f32) -> Rgb {
    let upper = SKY.iter().rposition(|&(stop, _)| stop <= t).unwrap_or(0).min(SKY.len() - 2);
    let ((start, above), (end, below)) = (SKY[upper], SKY[upper + 1]);
    mix(above, below, smoothstep(start, end, t))
}

/// Paints the ridges, the farthest first. `crests` is room for a number a column.
pub(super) fn ridges(canvas: &mut Canvas, textures: &Textures, crests: &mut [f32], seconds: f64) {
    for ridge in &RIDGES {
        ridge.paint(canvas, textures, crests, seconds);
    }
}

impl Ridge {
    fn crest(&self, textures: &Textures, u: f32, offset: f32) -> f32 {
        let x = u * self.steepness + offset;
        let shape = textures.soft.at(x, self.line);
        let trees = textures.rough.at(x * 4.0, self.line + 0.5) - 0.5;
        // Folded, so that crests are sharper than valleys.
        let folded = 1.0 - (2.0 * shape - 1.0).abs();
        self.crest_v - self.relief * (0.6 * folded + 0.4 * shape - 0.5) - self.relief * 0.09 * trees
    }

    fn paint(&self, canvas: &mut Canvas, textures: &Textures, crests: &mut [f32], seconds: f64) {
        let offset = drift(seconds, self.speed * f64::from(self.steepness));
        let ground = drift(seconds, self.speed * f64::from(self.grain));
        let mut highest = HORIZON;
        for (x, crest) in crests.iter_mut().enumerate() {
            *crest = self.crest(textures, canvas.centre(x), offset);
            highest = highest.min(*crest);
        }
        let sun_u = sun_u(canvas);
        let height = canvas.height as f32;
        for y in canvas.row_at(highest)..canvas.row_at(HORIZON) {
            let v = canvas.centre(y);
            for (x, &crest) in crests.iter().enumerate() {
                let cover = ((v - crest) * height + 0.5).min(1.0);
                if cover > 0.0 {
                    let colour = self.ground(&textures.rough, [canvas.centre(x), v], v - crest, ground, sun_u);
                    canvas.blend(x, y, colour, cover);
                }
            }
        }
    }

    /// Colour at `place`, `below` its crest: slopes that face the sun are lit, the foot fades into the air.
    #[inline]
    fn ground(&self, rough: &Noise, place: [f32; 2], below: f32, offset: f32, sun_u: f32) -> Rgb {
        let side = ((sun_u - place[0]) * 3.0).clamp(-1.0, 1.0);
        let [x, y] = [place[0] * self.grain + offset, below * self.grain * 1.5 + self.line];
        let here = rough.at(x, y);
        let slope = (here - rough.at(x + side * 0.010, y - 0.004)) * 3.2;
        let light = (0.34 + slope + (here - 0.5) * 0.5).clamp(0.0, 1.0);
        let colour = mix(self.shade, self.lit, light);
        let foot = (below / (HORIZON - self.crest_v + self.relief * 0.5)).clamp(0.0, 1.0);
        let haze = mix([0.72, 0.62, 0.66], [1.0, 0.80, 0.52], 0.08 / (0.08 + (place[0] - sun_u).powi(2)));
        mix(colour, haze, self.haze * foot * foot)
    }
}
