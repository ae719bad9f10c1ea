//! A source that needs no file and no camera: a scene that the program renders itself.
//!
//! A lake at the golden hour with clouds, hills, a boat, grass and trees in the wind. It is the clip of `make demo`, the
//! camera `test`, and input of the tests: the same picture on every machine.

mod canvas;
mod land;
mod meadow;
mod noise;
mod scene;
mod water;

use std::fmt;
use std::sync::Arc;

use self::canvas::Rgb;
use self::scene::Scene;
use crate::colour::luma_weights;
use crate::error::{Error, Result};
use crate::flow::Source;
use crate::frame::{Colour, Frame, FrameFormat, FrameRate, Matrix, PixelFormat, Size, Stamp, Timed, tight_planes};
use crate::pool::Pool;

/// Renders the scene as I420 in limited range, with the matrix that [`Colour::assumed_for`] its size.
pub struct TestPattern {
    size: Size,
    fps: FrameRate,
    frames: Option<u64>,
    next_seq: u64,
    scene: Scene,
    pool: Pool<u8>,
}

impl fmt::Debug for TestPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, fps, frames, next_seq, .. } = self;
        f.debug_struct("TestPattern")
            .field("size", size)
            .field("fps", fps)
            .field("frames", frames)
            .field("next_seq", next_seq)
            .finish_non_exhaustive()
    }
}

impl TestPattern {
    /// `frames` frames of `size` pixels at `fps`; endless without a count.
    ///
    /// # Errors
    /// When `size` has no pixels.
    pub fn new(size: Size, fps: FrameRate, frames: Option<u64>) -> Result<Self> {
        if size.pixels() == 0 {
            return Err(Error::Usage(format!("a test pattern of {size} has no pixels: choose a larger size")));
        }
        Ok(Self { size, fps, frames, next_seq: 0, scene: Scene::new(size), pool: Pool::new() })
    }

    /// Layout and colour of its frames.
    pub fn format(&self) -> FrameFormat {
        FrameFormat { size: self.size, pixels: PixelFormat::I420, colour: Colour::assumed_for(self.size) }
    }
}

impl Source for TestPattern {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        let seq = self.next_seq;
        if self.frames.is_some_and(|frames| seq >= frames) {
            return Ok(None);
        }
        self.next_seq += 1;
        let (pts_nanos, end_nanos) = (self.fps.nanos_at(seq), self.fps.nanos_at(seq + 1));
        let format = self.format();
        let (planes, len) = tight_planes(format.pixels, format.size);
        let mut bytes = self.pool.lend(len);
        write_i420(self.scene.paint(pts_nanos as f64 / 1e9), format, &mut bytes);
        let frame = Frame::new(format, planes, Arc::new(bytes)).map_err(|error| Error::Internal(error.to_string()))?;
        let stamp = Stamp {
            seq,
            pts_nanos: Some(pts_nanos),
            duration_nanos: Some(end_nanos - pts_nanos),
            discontinuity: seq == 0,
            ..Stamp::default()
        };
        Ok(Some(Timed { stamp, item: frame }))
    }
}

/// Codes of limited range per unit of R', G', B': `code = offset + r * R' + g * G' + b * B'`.
struct Weights {
    y: [f32; 3],
    cb: [f32; 3],
    cr: [f32; 3],
}

impl Weights {
    fn of(matrix: Matrix) -> Self {
        let [kr, kg, kb] = luma_weights(matrix).map(|weight| weight as f32);
        let (blue, red) = (112.0 / (1.0 - kb), 112.0 / (1.0 - kr));
        Self {
            y: [kr, kg, kb].map(|k| 219.0 * k),
            cb: [-kr * blue, -kg * blue, 112.0],
            cr: [112.0, -kg * red, -kb * red],
        }
    }
}

/// Writes `pixels` (clipped to 0..=1) as three tight planes. Chroma sits on the even columns: it is the mean of its two
/// rows, filtered 1-2-1 along them.
fn write_i420(pixels: &[Rgb], format: FrameFormat, out: &mut [u8]) {
    let (width, height) = (format.size.width as usize, format.size.height as usize);
    let half = format.size.halved();
    let (half_width, half_height) = (half.width as usize, half.height as usize);
    let weights = Weights::of(format.colour.matrix);
    let (luma, chroma) = out.split_at_mut(width * height);
    let (cb_plane, cr_plane) = chroma.split_at_mut(half_width * half_height);
    for (code, &pixel) in luma.iter_mut().zip(pixels) {
        *code = code_of(16.0, weights.y, pixel.map(clip));
    }
    for row in 0..half_height {
        let upper = &pixels[2 * row * width..][..width];
        let lower = &pixels[(2 * row + 1).min(height - 1) * width..][..width];
        let mean_of = |x: usize| [0, 1, 2].map(|c| (clip(upper[x][c]) + clip(lower[x][c])) / 2.0);
        let mut left = mean_of(0);
        for column in 0..half_width {
            let here = mean_of(2 * column);
            let right = mean_of((2 * column + 1).min(width - 1));
            let filtered = [0, 1, 2].map(|c| (left[c] + 2.0 * here[c] + right[c]) / 4.0);
            cb_plane[row * half_width + column] = code_of(128.0, weights.cb, filtered);
            cr_plane[row * half_width + column] = code_of(128.0, weights.cr, filtered);
            left = right;
        }
    }
}

#[inline]
fn clip(value: f32) -> f32 {
    value.clamp(0.0, 1.0)
}

/// The code, rounded; the weights keep it within 16..=240.
#[inline]
fn code_of(offset: f32, weights: [f32; 3], rgb: Rgb) -> u8 {
    (offset + weights[0] * rgb[0] + weights[1] * rgb[1] + weights[2] * rgb[2] + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn ntsc() -> FrameRate {
        FrameRate { frames: NonZeroU32::new(30_000).unwrap(), seconds: NonZeroU32::new(1001).unwrap() }
    }

    fn all(mut source: TestPattern) -> Vec<Timed<Frame>> {
        std::iter::from_fn(|| source.next().unwrap()).collect()
    }

    #[test]
    fn gives_the_frames_it_was_asked_for_and_no_more() {
        let mut source = TestPattern::new(Size::new(33, 17), ntsc(), Some(3)).unwrap();
        let stamps: Vec<Stamp> = std::iter::from_fn(|| source.next().unwrap()).map(|frame| frame.stamp).collect();
        assert_eq!(stamps.iter().map(|s| s.seq).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(stamps[2].pts_nanos, Some(66_733_333));
        assert!(
            stamps.windows(2).all(|w| w[0].pts_nanos.zip(w[0].duration_nanos).map(|(a, b)| a + b) == w[1].pts_nanos)
        );
        assert!(source.next().unwrap().is_none());
    }

    #[test]
    fn the_smallest_sizes_are_painted_and_nothing_is_refused() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2)] {
            assert_eq!(all(TestPattern::new(Size::new(width, height), ntsc(), Some(1)).unwrap()).len(), 1);
        }
        assert!(TestPattern::new(Size::new(0, 9), ntsc(), Some(1)).is_err());
    }

    #[test]
    fn the_same_moment_is_the_same_picture() {
        let two = || all(TestPattern::new(Size::new(96, 54), ntsc(), Some(2)).unwrap());
        let (a, b) = (two(), two());
        assert_eq!(a[1].item.bytes(), b[1].item.bytes());
        assert_ne!(a[0].item.bytes(), a[1].item.bytes());
    }

    #[test]
    fn a_frame_that_was_given_back_is_used_again() {
        let mut source = TestPattern::new(Size::new(64, 36), ntsc(), None).unwrap();
        for _ in 0..20 {
            drop(source.next().unwrap());
        }
        assert_eq!(source.pool.misses(), 1);
    }

    #[test]
    fn the_scene_has_light_dark_colour_and_texture() {
        let frames = all(TestPattern::new(Size::new(320, 180), ntsc(), Some(1)).unwrap());
        let frame = &frames[0].item;
        let luma: Vec<u8> = (0..180).flat_map(|y| frame.row(0, y).to_vec()).collect();
        assert!(luma.iter().min().unwrap() < &50 && luma.iter().max().unwrap() > &210);
        let steps: u32 = luma.windows(2).map(|w| u32::from(w[0].abs_diff(w[1]))).sum();
        assert!(steps / 57_600 >= 3, "mean step between neighbours: {}", steps as f32 / 57_600.0);
        for plane in [1, 2] {
            let codes: Vec<u8> = (0..90).flat_map(|y| frame.row(plane, y).to_vec()).collect();
            assert!(codes.iter().max().unwrap() - codes.iter().min().unwrap() > 60);
        }
    }

    #[test]
    fn flat_colours_have_the_codes_of_the_standard() {
        let codes = |rgb: Rgb, size: Size| {
            let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
            let mut out = vec![0; tight_planes(format.pixels, size).1];
            write_i420(&vec![rgb; size.pixels()], format, &mut out);
            [out[0], out[size.pixels()], out[out.len() - 1]]
        };
        let (sd, hd) = (Size::new(5, 3), Size::new(2, 720));
        assert_eq!(codes([1.0; 3], sd), [235, 128, 128]);
        assert_eq!(codes([-1.0; 3], hd), [16, 128, 128]);
        assert_eq!(codes([1.0, 0.0, 0.0], sd), [81, 90, 240]);
        assert_eq!(codes([1.0, 0.0, 0.0], hd), [63, 102, 240]);
        assert_eq!(codes([0.0, 0.0, 2.0], hd), [32, 240, 118]);
    }
}
