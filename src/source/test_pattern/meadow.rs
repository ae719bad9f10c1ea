//! What is near: the bank with its grass and flowers, and the trees that stand on it.

use super::canvas::{Canvas, Rgb, mix, scale};
use super::noise::{Dice, drift, hash, lerp, smoothstep};
use super::scene::{SHORE, Textures, sun_u};

/// Heights a second that the near bank moves by.
const SPEED: f64 = 0.075;
const GRASS_DARK: Rgb = [0.07, 0.18, 0.07];
const GRASS_LIT: Rgb = [0.68, 0.66, 0.20];
const PETALS: [Rgb; 4] = [[0.92, 0.16, 0.10], [0.98, 0.80, 0.16], [0.97, 0.94, 0.88], [0.52, 0.28, 0.72]];

/// Paints the bank. `tops` is room for a number a column.
pub(super) fn bank(canvas: &mut Canvas, textures: &Textures, tops: &mut [f32], seconds: f64) {
    let scroll = |scale: f64| drift(seconds, SPEED * scale);
    let (hills, blades) = (scroll(0.18), scroll(1.5));
    let gusts = drift(seconds, 0.16);
    let mut highest = 1.0f32;
    for (x, top) in tops.iter_mut().enumerate() {
        let u = canvas.centre(x);
        let wind = (textures.soft.at(u * 0.35 - gusts, 0.2) - 0.5) * 0.02;
        let tips = textures.rough.at(u * 1.5 + blades + wind, 0.61) - 0.5;
        *top = SHORE - 0.09 * (textures.soft.at(u * 0.18 + hills, 0.9) - 0.5) - 0.055 * tips.max(-0.1);
        highest = highest.min(*top);
    }
    let height = canvas.height as f32;
    let sun_u = sun_u(canvas);
    for y in canvas.row_at(highest)..canvas.height {
        let v = canvas.centre(y);
        for (x, &top) in tops.iter().enumerate() {
            let cover = ((v - top) * height + 0.5).min(1.0);
            if cover <= 0.0 {
                continue;
            }
            let u = canvas.centre(x);
            let gust = textures.soft.at(u * 0.35 - gusts, v * 0.8) - 0.5;
            // Blades lean with the wind: the higher the point, the farther it is moved.
            let lean = gust * 0.05 + (v - top) * 0.16;
            let blade = textures.rough.at(u * 1.5 + blades + lean, v * 0.28);
            let patch = textures.soft.at(u * 0.5 + scroll(0.5), v * 0.9 + 0.3);
            let edge = smoothstep(0.05, 0.0, v - top) * 0.35;
            let warm = 0.10 / (0.35 + (u - sun_u).abs());
            let light = (blade * 1.5 - 0.62 + (patch - 0.5) * 0.8 + gust * 0.5 + edge + warm).clamp(0.0, 1.0);
            canvas.blend(x, y, mix(GRASS_DARK, GRASS_LIT, light), cover);
        }
    }
}

/// Paints the flowers: each cell of a grid that moves with the bank may hold one.
pub(super) fn flowers(canvas: &mut Canvas, seconds: f64) {
    const CELL: f64 = 0.042;
    const ROWS: u64 = 9;
    let moved = seconds * SPEED;
    let first = (moved / CELL).floor() as i64 - 1;
    let cells = (f64::from(canvas.aspect()) / CELL) as i64 + 3;
    for row in 0..ROWS {
        for column in first..first + cells {
            let mut dice = Dice::new(hash(row + 31, column.cast_unsigned()));
            if dice.roll() > 0.46 {
                continue;
            }
            let near = (row as f32 + dice.roll()) / ROWS as f32;
            let phase = dice.between(0.0, 6.3);
            let sway = 0.006 * (seconds as f32 * 1.9 + phase).sin();
            let u = ((column as f64 + f64::from(dice.roll())) * CELL - moved) as f32 + sway;
            let v = lerp(SHORE + 0.015, 1.01, near);
            let kind = &PETALS[(dice.roll() * dice.roll() * PETALS.len() as f32) as usize];
            flower(canvas, [u, v], lerp(0.004, 0.0115, near) * dice.between(0.7, 1.2), *kind, phase);
        }
    }
}

fn flower(canvas: &mut Canvas, centre: [f32; 2], radius: f32, petals: Rgb, phase: f32) {
    let pixel = canvas.pixel();
    let heart = if petals[1] > 0.6 { [0.75, 0.45, 0.10] } else { [0.16, 0.08, 0.10] };
    canvas.paint_box(centre, [radius * 1.3; 2], |du, dv| {
        let distance = du.hypot(dv * 1.25);
        let lobes = 1.0 + 0.25 * ((du * 3.0 - dv * 2.0) / radius + phase).sin() * (dv / radius);
        let alpha = ((radius * lobes - distance) / pixel + 0.5).clamp(0.0, 1.0);
        let shaded = scale(petals, 1.08 - 0.3 * (dv / radius).max(0.0));
        (alpha > 0.0).then(|| (mix(heart, shaded, smoothstep(0.2, 0.45, distance / radius)), alpha))
    });
}

/// Distance between two trees.
const TREE_SPACING: f64 = 2.45;
const LEAVES: u64 = 170;

/// Paints the trees that can be seen.
pub(super) fn trees(canvas: &mut Canvas, textures: &Textures, seconds: f64) {
    let moved = seconds * SPEED * 1.15;
    let first = ((moved - 0.9) / TREE_SPACING).floor() as i64;
    let last = ((moved + f64::from(canvas.aspect()) + 0.9) / TREE_SPACING).ceil() as i64;
    for number in first..=last {
        let seed = hash(77, number.cast_unsigned());
        let u = number as f64 * TREE_SPACING + 0.36 + f64::from(Dice::new(seed).between(-0.05, 0.35)) - moved;
        if (-0.6..f64::from(canvas.aspect()) + 0.6).contains(&u) {
            tree(canvas, textures, seed, u as f32, seconds);
        }
    }
}

fn tree(canvas: &mut Canvas, textures: &Textures, seed: u64, root_u: f32, seconds: f64) {
    const ROOT_V: f32 = 0.965;
    const FORK_V: f32 = 0.50;
    let bend = 0.012 * (seconds * 0.9).sin() as f32;
    let mut dice = Dice::new(hash(seed, 5));
    let fork_u = root_u + dice.between(-0.04, 0.05) + bend * 0.5;
    limb(canvas, textures, [[root_u, ROOT_V], [fork_u, FORK_V]], [0.031, 0.017]);
    for side in [-1.0, 0.15, 1.0] {
        let tip = [fork_u + side * dice.between(0.12, 0.19) + bend, FORK_V - dice.between(0.14, 0.27)];
        limb(canvas, textures, [[fork_u, FORK_V + 0.015], tip], [0.015, 0.004]);
    }
    let light_side = (sun_u(canvas) - root_u).signum();
    for leaf in 0..LEAVES {
        // From the dark inside of the crown to its lit outside.
        let outer = leaf as f32 / LEAVES as f32;
        let (sin, cos) = dice.between(0.0, std::f32::consts::TAU).sin_cos();
        let reach = dice.roll().sqrt() * lerp(0.86, 1.0, outer);
        let phase = dice.between(0.0, 6.3);
        let sway = 0.0055 * (seconds * 2.1 + f64::from(phase)).sin() as f32 + bend * 1.4;
        let centre = [fork_u + cos * reach * 0.27 + sway, 0.285 + sin * reach * 0.195 + sway * 0.4];
        let sunny = (0.16 + 0.42 * outer + 0.30 * cos * reach * light_side - 0.26 * sin * reach).clamp(0.0, 1.0);
        foliage(canvas, textures, centre, dice.between(0.030, 0.056), [sunny, phase]);
    }
}

/// A tapered branch along `axis` with half-widths at both ends.
fn limb(canvas: &mut Canvas, textures: &Textures, axis: [[f32; 2]; 2], widths: [f32; 2]) {
    let [from, to] = axis;
    let along = [to[0] - from[0], to[1] - from[1]];
    let square = along[0] * along[0] + along[1] * along[1];
    let centre = [(from[0] + to[0]) / 2.0, (from[1] + to[1]) / 2.0];
    let half = [along[0].abs() / 2.0 + widths[0] * 1.5, along[1].abs() / 2.0];
    let pixel = canvas.pixel();
    canvas.paint_box(centre, half, |du, dv| {
        let place = [centre[0] + du - from[0], centre[1] + dv - from[1]];
        let t = ((place[0] * along[0] + place[1] * along[1]) / square).clamp(0.0, 1.0);
        let off = place[0] - along[0] * t;
        let width = lerp(widths[0], widths[1], t) * (1.0 + 0.5 * smoothstep(0.15, 0.0, t));
        let distance = off.hypot(place[1] - along[1] * t);
        let alpha = ((width - distance) / pixel + 0.5).clamp(0.0, 1.0);
        (alpha > 0.0).then(|| {
            let bark = textures.rough.at(off * 2.4, place[1] * 0.35);
            let light = (0.35 + 0.45 * off / width + (bark - 0.5) * 1.3).clamp(0.0, 1.0);
            (mix([0.13, 0.08, 0.07], [0.62, 0.40, 0.24], light), alpha)
        })
    });
}

/// A tuft of leaves; `sunny` says how much light it has.
fn foliage(canvas: &mut Canvas, textures: &Textures, centre: [f32; 2], radius: f32, [sunny, phase]: [f32; 2]) {
    const SHADE: Rgb = [0.04, 0.12, 0.09];
    const LIT: Rgb = [0.86, 0.62, 0.16];
    const GREEN: Rgb = [0.22, 0.42, 0.12];
    let body = if sunny < 0.5 { mix(SHADE, GREEN, sunny * 2.0) } else { mix(GREEN, LIT, sunny * 2.0 - 1.0) };
    canvas.paint_box(centre, [radius; 2], |du, dv| {
        let distance = (du * du + dv * dv) / (radius * radius);
        if distance >= 1.0 {
            return None;
        }
        let leaf = textures.rough.at(du * 1.9 + phase, dv * 1.9 + phase * 0.7);
        let alpha = smoothstep(0.0, 0.10, leaf * 1.15 - 0.20 - distance * 0.55);
        let light = (1.0 + (leaf - 0.5) * 1.5 - dv / radius * 0.35).max(0.0);
        Some((scale(body, light), alpha))
    });
}
