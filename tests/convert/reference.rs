//! What conversion means, sample by sample in double precision; no thought of speed, and nothing shared with the
//! kernels.

use std::f64::consts::PI;

use stylize::frame::{ChromaSite, Frame, FrameFormat, Matrix, PixelFormat, Range};

/// Pixels by row and column.
pub type Rgb = Vec<Vec<[f64; 3]>>;

/// Steps back from the edges, which are not repeated, until it is inside.
pub fn reflected(mut i: i64, len: i64) -> usize {
    if len == 1 {
        return 0;
    }
    loop {
        if i < 0 {
            i = -i;
        } else if i >= len {
            i = 2 * (len - 1) - i;
        } else {
            return i as usize;
        }
    }
}

pub fn weights(matrix: Matrix) -> (f64, f64) {
    match matrix {
        Matrix::Fcc => (0.30, 0.11),
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Smpte240m => (0.212, 0.087),
        Matrix::Bt2020 => (0.2627, 0.0593),
    }
}

/// Distance of the first chroma sample from the first luma sample, in luma samples, along rows and columns.
pub fn shift(site: ChromaSite) -> (f64, f64) {
    match site {
        ChromaSite::Left => (0.0, 0.5),
        ChromaSite::Centre => (0.5, 0.5),
        ChromaSite::TopLeft => (0.0, 0.0),
    }
}

/// The value at `position` between samples, linearly; edges are repeated.
pub fn between(position: f64, len: usize, sample: impl Fn(usize) -> f64) -> f64 {
    let position = position.clamp(0.0, (len - 1) as f64);
    let (before, part) = (position.floor() as usize, position.fract());
    sample(before) * (1.0 - part) + sample((before + 1).min(len - 1)) * part
}

/// R', G', B' of every pixel, held in 0..=1.
pub fn rgb_of(frame: &Frame) -> Rgb {
    let FrameFormat { size, pixels, colour } = frame.format();
    let (width, height) = (size.width as usize, size.height as usize);
    if pixels == PixelFormat::Rgbx {
        let pixel = |x: usize, y: usize| [0, 1, 2].map(|channel| f64::from(frame.row(0, y)[4 * x + channel]) / 255.0);
        return (0..height).map(|y| (0..width).map(|x| pixel(x, y)).collect()).collect();
    }
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let chroma = |channel: usize, x: usize, y: usize| {
        f64::from(match pixels {
            PixelFormat::Nv12 => frame.row(1, y)[2 * x + channel],
            _ => frame.row(1 + channel, y)[x],
        })
    };
    let (dx, dy) = shift(colour.chroma_site);
    let (kr, kb) = weights(colour.matrix);
    let pixel = |x: usize, y: usize| {
        let at = |channel| {
            between((y as f64 - dy) / 2.0, half_height, |row| {
                between((x as f64 - dx) / 2.0, half_width, |column| chroma(channel, column, row))
            })
        };
        let code = f64::from(frame.row(0, y)[x]);
        let (luma, pb, pr) = match colour.range {
            Range::Limited => ((code - 16.0) / 219.0, (at(0) - 128.0) / 224.0, (at(1) - 128.0) / 224.0),
            Range::Full => (code / 255.0, (at(0) - 128.0) / 255.0, (at(1) - 128.0) / 255.0),
        };
        let red = luma + 2.0 * (1.0 - kr) * pr;
        let blue = luma + 2.0 * (1.0 - kb) * pb;
        let green = (luma - kr * red - kb * blue) / (1.0 - kr - kb);
        [red, green, blue].map(|value| value.clamp(0.0, 1.0))
    };
    (0..height).map(|y| (0..width).map(|x| pixel(x, y)).collect()).collect()
}

/// The sum of samples round chroma sample `i`, weighted by the triangle of its siting; edges are repeated.
pub fn triangle(i: usize, shift: f64, len: usize, sample: impl Fn(usize) -> f64) -> f64 {
    let taps: &[(i64, f64)] = if shift == 0.0 {
        &[(-1, 0.25), (0, 0.5), (1, 0.25)]
    } else {
        &[(-1, 0.125), (0, 0.375), (1, 0.375), (2, 0.125)]
    };
    taps.iter().map(|(tap, weight)| weight * sample((2 * i as i64 + tap).clamp(0, len as i64 - 1) as usize)).sum()
}

/// The bytes of every plane, row by row, before they are rounded; held in 0..=255.
pub fn codes_of(rgb: &Rgb, format: FrameFormat) -> Vec<Vec<Vec<f64>>> {
    let (height, width) = (rgb.len(), rgb[0].len());
    if format.pixels == PixelFormat::Rgbx {
        let pixel = |[r, g, b]: &[f64; 3]| [r * 255.0, g * 255.0, b * 255.0, 255.0];
        return vec![rgb.iter().map(|row| row.iter().flat_map(pixel).collect()).collect()];
    }
    let (kr, kb) = weights(format.colour.matrix);
    let luma = |[r, g, b]: [f64; 3]| kr * r + (1.0 - kr - kb) * g + kb * b;
    let (luma_gain, black, chroma_gain) = match format.colour.range {
        Range::Limited => (219.0, 16.0, 224.0),
        Range::Full => (255.0, 0.0, 255.0),
    };
    let (dx, dy) = shift(format.colour.chroma_site);
    let chroma = |channel: usize, i: usize, j: usize| {
        let difference = triangle(j, dy, height, |y| {
            triangle(i, dx, width, |x| {
                let pixel = rgb[y][x];
                match channel {
                    0 => (pixel[2] - luma(pixel)) / (2.0 * (1.0 - kb)),
                    _ => (pixel[0] - luma(pixel)) / (2.0 * (1.0 - kr)),
                }
            })
        });
        (128.0 + chroma_gain * difference).clamp(0.0, 255.0)
    };
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let plane = |samples: &dyn Fn(usize, usize) -> Vec<f64>| -> Vec<Vec<f64>> {
        (0..half_height).map(|j| (0..half_width).flat_map(|i| samples(i, j)).collect()).collect()
    };
    let first = rgb.iter().map(|row| row.iter().map(|pixel| black + luma_gain * luma(*pixel)).collect()).collect();
    match format.pixels {
        PixelFormat::Nv12 => vec![first, plane(&|i, j| vec![chroma(0, i, j), chroma(1, i, j)])],
        _ => vec![first, plane(&|i, j| vec![chroma(0, i, j)]), plane(&|i, j| vec![chroma(1, i, j)])],
    }
}

/// So much of `styled` in `original`, both held in 0..=1. With `keep_colour` the style gives luma alone, and as much of the original's
/// chroma goes with it as stays in 0..=1.
pub fn mixed(original: &Rgb, styled: &Rgb, matrix: Matrix, strength: f64, keep_colour: bool) -> Rgb {
    let (kr, kb) = weights(matrix);
    let luma = |[r, g, b]: [f64; 3]| kr * r + (1.0 - kr - kb) * g + kb * b;
    let pixel = |original: &[f64; 3], styled: &[f64; 3]| {
        let [original, mut styled] = [original, styled].map(|rgb| rgb.map(|value| value.clamp(0.0, 1.0)));
        if keep_colour {
            let (grey, target) = (luma(original), luma(styled));
            let chroma = original.map(|value| value - grey);
            let room = |chroma: &f64| if *chroma > 0.0 { (1.0 - target) / chroma } else { target / -chroma };
            let reach = chroma.iter().filter(|chroma| **chroma != 0.0).map(room).fold(1.0, f64::min);
            styled = chroma.map(|chroma| target + reach * chroma);
        }
        [0, 1, 2].map(|channel| original[channel] + strength * (styled[channel] - original[channel]))
    };
    let row = |(original, styled): (&Vec<_>, &Vec<_>)| {
        original.iter().zip(styled).map(|(original, styled)| pixel(original, styled)).collect()
    };
    original.iter().zip(styled).map(row).collect()
}

/// The picture at another size: along each axis a sum of samples under the window of Lanczos with three lobes, which is wider where the
/// picture shrinks; the weights of each sum are 1 together. Values may leave 0..=1.
pub fn resized(rgb: &Rgb, width: usize, height: usize) -> Rgb {
    let (columns, rows) = (lanczos_weights(rgb[0].len(), width), lanczos_weights(rgb.len(), height));
    let sum = |weights: &[f64], sample: &dyn Fn(usize) -> [f64; 3]| {
        [0, 1, 2]
            .map(|channel| weights.iter().enumerate().map(|(at, weight)| weight * sample(at)[channel]).sum::<f64>())
    };
    let wide: Rgb =
        rgb.iter().map(|row| columns.iter().map(|weights| sum(weights, &|at: usize| row[at])).collect()).collect();
    rows.iter().map(|weights| (0..width).map(|x| sum(weights, &|at: usize| wide[at][x])).collect()).collect()
}

/// For each of `to` places, the weights of all `from` samples.
fn lanczos_weights(from: usize, to: usize) -> Vec<Vec<f64>> {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    let window = |x: f64| if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 };
    let step = from as f64 / to as f64;
    let weights = |place: usize| {
        let centre = (place as f64 + 0.5) * step;
        let of: Vec<f64> = (0..from).map(|at| window((at as f64 + 0.5 - centre) / step.max(1.0))).collect();
        let sum: f64 = of.iter().sum();
        of.into_iter().map(|weight| weight / sum).collect()
    };
    (0..to).map(weights).collect()
}
