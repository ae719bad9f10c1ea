//! The styled picture meets the original: size, strength, colour.
//!
//! [`guide`] brings a styled picture to the size of the output; [`cpu`] mixes it with the original. With full strength,
//! the style's own colours and equal sizes there is nothing to do, and the tensor passes as it is.

pub mod cpu;
pub mod gpu;
pub mod guide;
pub mod slopes;

use std::sync::{Arc, Mutex, PoisonError};

use crate::colour;
use crate::convert::cpu as convert;
use crate::convert::planar::{Canvas, Scaler, planes, planes_mut};
use crate::error::Result;
use crate::flow::Stage;
use crate::frame::{Frame, Size, Timed};
use crate::tensor::{Border, Finite, Styled, Tensor, TensorFormat, TensorPool};
use guide::Upscaler;

/// What the user may change while it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controls {
    /// 0 gives back the source picture, 1 the styled one; held in 0..=1.
    pub strength: f32,
    /// Take only lightness from the style.
    pub keep_colour: bool,
    /// How much the painting before steadies this one: 0 is off, 1 the most; held in 0..=1.
    pub stabilise: f32,
}

impl Controls {
    /// Whether anything of the original is mixed in.
    pub(crate) fn mix(&self) -> bool {
        self.keep_colour || self.strength < 1.0
    }
}

impl Default for Controls {
    /// The styled picture as it is: all of the style, in its own colours, not steadied. The programs steady by default, as
    /// [`Look::default`](crate::job::Look) does.
    fn default() -> Self {
        Self { strength: 1.0, keep_colour: false, stabilise: 0.0 }
    }
}

/// The controls as they stand, for whoever changes them and whoever obeys. Clones are the same controls.
#[derive(Clone, Debug, Default)]
pub struct LiveControls(Arc<Mutex<Controls>>);

impl LiveControls {
    /// Begins with these.
    pub fn new(controls: Controls) -> Self {
        Self(Arc::new(Mutex::new(controls)))
    }

    /// As they stand now.
    pub fn get(&self) -> Controls {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the next frame on.
    pub fn set(&self, controls: Controls) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = controls;
    }
}

/// Mixes the styled picture with the original, at the size of the output. What is no number stays none.
#[derive(Debug)]
pub struct Compose {
    size: Size,
    controls: LiveControls,
    pool: TensorPool,
    scaler: Scaler,
    upscaler: Upscaler,
    styled: Canvas,
    original: Canvas,
}

impl Compose {
    /// Gives pictures of `size`, lent by `pool`.
    pub fn new(size: Size, controls: LiveControls, pool: TensorPool) -> Self {
        Self {
            size,
            controls,
            scaler: Scaler::new(pool.clone()),
            upscaler: Upscaler::new(pool.clone()),
            styled: Canvas::new(pool.clone()),
            original: Canvas::new(pool.clone()),
            pool,
        }
    }

    /// Writes the styled picture to `out`, at the size of that.
    fn write_styled(&mut self, original: &Frame, tensor: &Tensor, border: Border, out: &mut Tensor) -> Result<Finite> {
        let net = border.inner(tensor.size);
        if net == out.size {
            return Ok(convert::planar(tensor, border, out));
        }
        let styled = self.styled.sized(net);
        if convert::planar(tensor, border, styled) == Finite::No {
            return Ok(Finite::No);
        }
        self.upscaler.resize(styled, original, out)?;
        Ok(Finite::Yes)
    }

    /// Mixes the styled picture in `out` with the original.
    fn mix(&mut self, original: &Frame, controls: Controls, out: &mut Tensor) -> Result<()> {
        let source = self.original.sized(out.size);
        self.scaler.scale(original, source)?;
        let weights = colour::luma_weights(original.format().colour.matrix).map(|weight| weight as f32);
        cpu::mix(planes(source), weights, controls, planes_mut(out));
        Ok(())
    }
}

impl Stage for Compose {
    type In = Styled;
    type Out = Styled;

    fn process(&mut self, styled: Timed<Styled>) -> Result<Timed<Styled>> {
        let controls = self.controls.get();
        let mixed = controls.mix();
        let Styled { original, tensor, border } = styled.item;
        if !mixed && border.inner(tensor.size) == self.size {
            return Ok(Timed { stamp: styled.stamp, item: Styled { original, tensor, border } });
        }
        let mut out = self.pool.lend(TensorFormat::PLANAR, self.size);
        if self.write_styled(&original, &tensor, border, &mut out)? == Finite::No {
            // One NaN suffices: `Unpack` then substitutes the original.
            planes_mut(&mut out)[0][0] = f32::NAN;
        } else if mixed {
            self.mix(&original, controls, &mut out)?;
        }
        let item = Styled { original, tensor: out, border: Border::default() };
        Ok(Timed { stamp: styled.stamp, item })
    }
}
