//! Brings a styled picture to another size. Where it grows and the original has detail that the network never saw, that
//! detail comes back in the style's own contrast.
//!
//! ```text
//! styled (net) ── Lanczos ─────────────────────────────────────────────────► + ─► out
//! original ─► luma ─┬─► at the size of the output ───────────► − = detail ──► ×
//!                   └─► net ─┬─► to the size of the output ──► ┘              ▲
//! styled (net) ───────► slope of the style over luma, window by window ───────┘
//! ```
//!
//! The slope is that of the guided filter (He, Sun, Tang 2010), from statistics of small blocks as in its fast variant
//! (He, Sun 2015). Unlike the filter, which keeps of the picture only what the guide explains, this adds to a plain
//! enlargement only what the guide has more: brush strokes stay as they are, edges get as sharp as the original's, and
//! where the style does not follow the original the slope is nearly 0.

use pulp::Arch;

use super::cpu::{add_scaled, luma};
use super::slopes::Slopes;
use crate::colour::luma_weights;
use crate::convert::planar::{Canvas, Scaler, planes, planes_mut};
use crate::convert::resize::Resizer;
use crate::error::Result;
use crate::filter::Filter;
use crate::frame::Frame;
use crate::tensor::{Tensor, TensorPool};

/// Resizes styled pictures; what it needs in between it keeps.
#[derive(Debug)]
pub struct Upscaler {
    resizer: Resizer,
    scaler: Scaler,
    full: Canvas,
    /// Luma of the original: at its own size, as the network saw it, and that again at the size of the output.
    luma_full: Vec<f32>,
    luma_net: Vec<f32>,
    luma_out: Vec<f32>,
    luma_seen: Vec<f32>,
    slopes: Slopes,
}

impl Upscaler {
    /// Lends pictures from `pool`.
    pub fn new(pool: TensorPool) -> Self {
        Self {
            resizer: Resizer::new(),
            scaler: Scaler::new(pool.clone()),
            full: Canvas::new(pool),
            luma_full: Vec::new(),
            luma_net: Vec::new(),
            luma_out: Vec::new(),
            luma_seen: Vec::new(),
            slopes: Slopes::default(),
        }
    }

    /// Writes the planar picture `styled`, made of `original`, to `out` at the size of that.
    ///
    /// # Errors
    /// See [`Resizer::resize`].
    pub fn resize(&mut self, styled: &Tensor, original: &Frame, out: &mut Tensor) -> Result<()> {
        self.resizer.resize(styled, out)?;
        let net = styled.size.pixels();
        if original.size().pixels() > net && out.size.pixels() > net {
            self.add_detail(styled, original, out)?;
        }
        Ok(())
    }

    fn add_detail(&mut self, styled: &Tensor, original: &Frame, out: &mut Tensor) -> Result<()> {
        let arch = Arch::new();
        let (full_size, net_size, out_size) = (original.size(), styled.size, out.size);
        let full = self.full.sized(full_size);
        self.scaler.scale(original, full)?;
        let weights = luma_weights(original.format().colour.matrix).map(|weight| weight as f32);
        for (plane, size) in [
            (&mut self.luma_full, full_size),
            (&mut self.luma_net, net_size),
            (&mut self.luma_out, out_size),
            (&mut self.luma_seen, out_size),
        ] {
            plane.resize(size.pixels(), 0.0);
        }
        luma(arch, planes(full), weights, &mut self.luma_full);
        let resizer = &mut self.resizer;
        resizer.resize_plane(&self.luma_full, full_size, &mut self.luma_net, net_size, Filter::Lanczos3)?;
        resizer.resize_plane(&self.luma_net, net_size, &mut self.luma_seen, out_size, Filter::Lanczos3)?;
        if full_size != out_size {
            resizer.resize_plane(&self.luma_full, full_size, &mut self.luma_out, out_size, Filter::Lanczos3)?;
        }
        let luma_out = if full_size == out_size { &self.luma_full } else { &self.luma_out };

        self.slopes.measure(arch, &self.luma_net, planes(styled), net_size);
        for (channel, plane) in planes_mut(out).into_iter().enumerate() {
            let slopes = self.slopes.widened(resizer, channel, out_size.width)?;
            let width = out_size.width as usize;
            let rows = plane.chunks_exact_mut(width).zip(luma_out.chunks_exact(width));
            for (y, ((plane, detailed), seen)) in rows.zip(self.luma_seen.chunks_exact(width)).enumerate() {
                let [(above, from_above), (below, from_below)] = slopes.at(y, out_size.height as usize);
                add_scaled(arch, detailed, seen, [above, below], [from_above, from_below], plane);
            }
        }
        Ok(())
    }
}
