//! A lake at the golden hour, painted from the far to the near. The camera glides to the right: what is near passes
//! faster than what is far.

use super::canvas::{Canvas, Rgb};
use super::noise::Noise;
use super::{land, meadow, water};
use crate::frame::Size;

/// Where the lake meets the hills, in heights from the top.
pub(super) const HORIZON: f32 = 0.56;
/// Where the meadow hides the lake.
pub(super) const SHORE: f32 = 0.875;
/// How far down the sun stands.
pub(super) const SUN_V: f32 = 0.30;

/// Where the sun stands, in heights from the left.
pub(super) fn sun_u(canvas: &Canvas) -> f32 {
    canvas.aspect() * 0.66
}

/// Noise that everything is textured with.
pub(super) struct Textures {
    /// Clouds, swell, gusts.
    pub(super) soft: Noise,
    /// Rock, bark, leaves, grass.
    pub(super) rough: Noise,
}

/// The scene and the memory that it is painted in.
pub(super) struct Scene {
    textures: Textures,
    canvas: Canvas,
    columns: Vec<f32>,
}

impl Scene {
    pub(super) fn new(size: Size) -> Self {
        let textures = Textures { soft: Noise::new(3, 0.5), rough: Noise::new(11, 0.78) };
        Self { textures, canvas: Canvas::new(size), columns: vec![0.0; size.width as usize] }
    }

    /// The picture at a moment, row by row.
    pub(super) fn paint(&mut self, seconds: f64) -> &[Rgb] {
        let Self { textures, canvas, columns } = self;
        land::sky(canvas, textures, seconds);
        land::ridges(canvas, textures, columns, seconds);
        water::lake(canvas, textures, seconds);
        water::boat(canvas, textures, seconds);
        meadow::trees(canvas, textures, seconds);
        meadow::bank(canvas, textures, columns, seconds);
        meadow::flowers(canvas, seconds);
        &self.canvas.pixels
    }
}
