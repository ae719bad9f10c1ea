//! What the scene is painted on.

use super::noise::lerp;
use crate::frame::Size;

/// R', G', B' in 0..=1.
pub(super) type Rgb = [f32; 3];

/// From `a` at 0 to `b` at 1.
#[inline]
pub(super) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [lerp(a[0], b[0], t), lerp(a[1], b[1], t), lerp(a[2], b[2], t)]
}

/// `colour` made lighter (above 1) or darker (below).
#[inline]
pub(super) fn scale(colour: Rgb, by: f32) -> Rgb {
    colour.map(|c| c * by)
}

/// A picture in memory. Places on it are (u, v) in heights of the picture from its upper left corner: v ends at 1, u at
/// the aspect ratio.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<Rgb>,
}

impl Canvas {
    pub(super) fn new(size: Size) -> Self {
        let (width, height) = (size.width as usize, size.height as usize);
        Self { width, height, pixels: vec![[0.0; 3]; size.pixels()] }
    }

    /// One pixel, in heights.
    pub(super) fn pixel(&self) -> f32 {
        1.0 / self.height as f32
    }

    /// Width, in heights.
    pub(super) fn aspect(&self) -> f32 {
        self.width as f32 / self.height as f32
    }

    /// The centre of pixel row or column `index`.
    #[inline]
    pub(super) fn centre(&self, index: usize) -> f32 {
        (index as f32 + 0.5) / self.height as f32
    }

    /// The first row whose centre is at or below `v`.
    pub(super) fn row_at(&self, v: f32) -> usize {
        cell(v * self.height as f32 + 0.5, self.height)
    }

    /// Paints over pixel (`x`, `y`).
    #[inline]
    pub(super) fn blend(&mut self, x: usize, y: usize, colour: Rgb, alpha: f32) {
        let pixel = &mut self.pixels[y * self.width + x];
        *pixel = mix(*pixel, colour, alpha);
    }

    /// Calls `paint` for every pixel of the box around `centre`, with the pixel's place relative to it, and paints the
    /// colour and alpha that come back.
    pub(super) fn paint_box(
        &mut self,
        centre: [f32; 2],
        half: [f32; 2],
        mut paint: impl FnMut(f32, f32) -> Option<(Rgb, f32)>,
    ) {
        let height = self.height as f32;
        let first = |axis: usize, limit| cell((centre[axis] - half[axis]) * height, limit);
        let end = |axis: usize, limit| cell((centre[axis] + half[axis]) * height + 1.0, limit);
        for y in first(1, self.height)..end(1, self.height) {
            let dv = self.centre(y) - centre[1];
            for x in first(0, self.width)..end(0, self.width) {
                if let Some((colour, alpha)) = paint(self.centre(x) - centre[0], dv) {
                    self.blend(x, y, colour, alpha);
                }
            }
        }
    }

    /// Fills a triangle with smooth edges.
    pub(super) fn triangle(&mut self, corners: [[f32; 2]; 3], colour: Rgb, alpha: f32) {
        let [a, b, c] = corners;
        let area = cross(a, b, c);
        let centre = [0, 1].map(|axis| (a[axis].min(b[axis]).min(c[axis]) + a[axis].max(b[axis]).max(c[axis])) / 2.0);
        let half = [0, 1].map(|axis| (a[axis].max(b[axis]).max(c[axis]) - centre[axis]) + self.pixel());
        let height = self.height as f32;
        // Pixels from each edge, positive inside, whichever way round the corners go.
        let edges = [[a, b], [b, c], [c, a]].map(|[from, to]| {
            let length = (to[0] - from[0]).hypot(to[1] - from[1]).max(f32::EPSILON);
            (from, to, height * area.signum() / length)
        });
        self.paint_box(centre, half, |du, dv| {
            let place = [centre[0] + du, centre[1] + dv];
            let inside =
                edges.iter().fold(1.0f32, |inside, &(from, to, gain)| inside.min(cross(from, to, place) * gain + 0.5));
            (inside > 0.0).then_some((colour, inside * alpha))
        });
    }
}

/// Twice the area of the triangle, signed by its sense of rotation.
fn cross(a: [f32; 2], b: [f32; 2], c: [f32; 2]) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// `position`, in pixels, as an index that is at most `limit`.
fn cell(position: f32, limit: usize) -> usize {
    (position.max(0.0) as usize).min(limit)
}
