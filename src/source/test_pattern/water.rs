//! The lake, which mirrors what lies behind it, and a boat that crosses it.

use super::canvas::{Canvas, Rgb, mix, scale};
use super::noise::{drift, smoothstep};
use super::scene::{HORIZON, SHORE, Textures, sun_u};

const DEEP: Rgb = [0.05, 0.23, 0.33];
const GLITTER: Rgb = [1.0, 0.93, 0.70];

/// Paints the lake from the horizon down to where the meadow hides it.
pub(super) fn lake(canvas: &mut Canvas, textures: &Textures, seconds: f64) {
    let (slow, quick) = (drift(seconds, 0.05), drift(seconds, 0.085));
    let (sun_u, middle_u) = (sun_u(canvas), canvas.aspect() / 2.0);
    let (width, height) = (canvas.width, canvas.height as f32);
    let horizon_row = canvas.row_at(HORIZON);
    for y in horizon_row..canvas.row_at(SHORE + 0.08) {
        let below = canvas.centre(y) - HORIZON;
        let distance = 0.10 / (below + 0.045);
        let sway = 0.012 + 0.16 * below;
        let path = 0.030 + 0.22 * below;
        for x in 0..width {
            let u = canvas.centre(x);
            let across = (u - middle_u) * distance;
            let swell = textures.soft.at(across * 0.7 + slow * 0.5, distance * 2.6 + slow) - 0.5;
            let ripple = textures.rough.at(across * 0.9 - slow, distance * 3.1 + quick) - 0.5;
            let wave = swell * 0.6 + ripple * 0.7;
            let mirrored = (HORIZON - below * 1.05 + wave * sway) * height;
            let row = (mirrored.max(0.0) as usize).min(horizon_row.saturating_sub(1));
            let column = ((x as f32 + wave * sway * 0.35 * height).max(0.0) as usize).min(width - 1);
            let mirror = scale(canvas.pixels[row * width + column], 0.93);
            let depth = (0.18 + 0.9 * below - wave * 0.55).clamp(0.0, 0.85);
            let off_path = (u - sun_u) / path;
            let sparkle = smoothstep(0.02, 0.17, wave) / (1.0 + off_path * off_path);
            canvas.pixels[y * width + x] = mix(mix(mirror, DEEP, depth), GLITTER, sparkle * 0.95);
        }
    }
}

/// A part of the boat: a triangle in units of the boat's height, x to starboard, y down from the waterline.
struct Part([[f32; 2]; 3], Rgb);

const BOAT: [Part; 9] = [
    Part([[-0.012, -0.10], [0.012, -0.10], [0.006, -1.03]], [0.30, 0.18, 0.12]),
    Part([[0.03, -0.19], [0.02, -1.0], [0.43, -0.21]], [0.99, 0.93, 0.80]),
    Part([[0.03, -0.19], [0.02, -0.62], [0.23, -0.20]], [0.93, 0.82, 0.66]),
    Part([[-0.03, -0.20], [-0.02, -0.90], [-0.40, -0.17]], [0.90, 0.36, 0.18]),
    Part([[-0.03, -0.20], [-0.02, -0.52], [-0.21, -0.19]], [0.76, 0.26, 0.16]),
    Part([[-0.46, -0.15], [0.44, -0.13], [0.34, 0.03]], [0.42, 0.14, 0.11]),
    Part([[-0.46, -0.15], [0.34, 0.03], [-0.32, 0.03]], [0.34, 0.10, 0.09]),
    Part([[-0.46, -0.15], [0.44, -0.13], [0.43, -0.10]], [0.97, 0.88, 0.70]),
    Part([[-0.46, -0.15], [0.43, -0.10], [-0.44, -0.12]], [0.97, 0.88, 0.70]),
];
const BOAT_HEIGHT: f32 = 0.235;
const BOAT_V: f32 = 0.685;

/// Paints the boat and its reflection.
pub(super) fn boat(canvas: &mut Canvas, textures: &Textures, seconds: f64) {
    // It comes back after it has left the picture on the right.
    let way = f64::from(canvas.aspect()) + 0.4;
    let u = (way * 0.42 + seconds * 0.055).rem_euclid(way) as f32 - 0.2;
    let v = BOAT_V + 0.0035 * (seconds * 1.7).sin() as f32;
    let (sin, cos) = (0.05 * (seconds * 1.1).sin() as f32).sin_cos();
    let place = |[x, y]: [f32; 2]| [(x * cos - y * sin) * BOAT_HEIGHT + u, (x * sin + y * cos) * BOAT_HEIGHT + v];
    wake(canvas, textures, [u, v], seconds);
    let ripples = drift(seconds, 0.13);
    for Part(corners, colour) in &BOAT {
        let mirrored = corners.map(|corner| {
            let [x, y] = place(corner);
            let shake = textures.soft.at(x * 0.4, y * 1.3 + ripples) - 0.5;
            [x + shake * 0.035, (2.0 * v - y).min(v + (v - y) * 0.62)]
        });
        canvas.triangle(mirrored, mix(*colour, DEEP, 0.42), 0.72);
    }
    for Part(corners, colour) in &BOAT {
        canvas.triangle(corners.map(place), *colour, 1.0);
    }
}

/// The foam that trails behind the hull at `bow`.
fn wake(canvas: &mut Canvas, textures: &Textures, [u, v]: [f32; 2], seconds: f64) {
    let flow = drift(seconds, 0.09);
    canvas.paint_box([u - 0.13, v + 0.006], [0.22, 0.012], |du, dv| {
        let foam = textures.rough.at(du * 1.4 + flow, dv * 7.0);
        let fall = smoothstep(-0.22, 0.12, du) * smoothstep(0.012, 0.002, dv.abs());
        Some(([0.98, 0.93, 0.85], smoothstep(0.42, 0.66, foam) * fall * 0.8))
    });
}
