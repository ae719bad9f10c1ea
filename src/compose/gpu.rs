//! The kernels of the compose stage on a graphics card, with that of `unpack` behind them: what lies between them stays
//! there.

mod resize;

use crate::compose::Controls;
use crate::convert::gpu::resample::{Recorder, plane_bytes};
use crate::convert::gpu::{Source, copy_planes, unpack_pass};
use crate::frame::{Frame, FrameFormat, Plane, Size};
use crate::gpu::context::Fault;
use crate::gpu::kernels::{Kernel, Params, Variant};
use crate::gpu::passes::{Inputs, Pass, Place};
use crate::gpu::workshop::Workshop;
use crate::tensor::{Border, Finite, Tensor, TensorFormat};

/// Brings the picture that `border` leaves of `styled` to the size of `format`, as [`super::guide::Upscaler`] does, mixes
/// `original` into it, as [`super::cpu::mix`] does, and writes it as a frame of `format`, as [`crate::convert::cpu::unpack`]
/// does. Says whether all values were numbers.
///
/// # Errors
/// The fault of the device; `out` is as it was then.
///
/// # Panics
/// When the planes do not fit `out`.
pub fn paint(
    workshop: &Workshop,
    (original, controls): (&Frame, Controls),
    (styled, border): (&Tensor, Border),
    format: FrameFormat,
    planes: &[Plane],
    out: &mut [u8],
) -> Result<Finite, Fault> {
    let passes = passes(workshop, (original.format(), controls), (styled, border), (format, Place::Target));
    let inputs = Inputs { frame: Some(original), tensor: Some(styled), ..Inputs::default() };
    workshop.run(inputs, &passes, |bytes| copy_planes(bytes, format, planes, out))
}

/// What [`paint`] runs on `workshop`; the frame goes `to` a place.
pub(crate) fn passes(
    workshop: &Workshop,
    (original, controls): (FrameFormat, Controls),
    (styled, border): (&Tensor, Border),
    (format, to): (FrameFormat, Place),
) -> Vec<Pass> {
    let size = format.size;
    let mut source = Source::of(original);
    let mut picture = Picture { place: Place::Tensor, format: styled.format, size: styled.size, border };
    let mut recorder = Recorder::new(workshop);
    if border.inner(styled.size) != size {
        picture = recorder.resize(&mut source, picture, size);
    }
    if controls.mix() {
        recorder.bring(&mut source, size);
        let mixed = recorder.fresh();
        recorder.passes.push(compose_pass((source, controls), picture, mixed));
        picture = Picture::planar(mixed, size);
    }
    let params = Params::of(&picture.format, picture.size, picture.border);
    recorder.passes.push(unpack_pass(picture.format, params, format, [picture.place, to]));
    recorder.passes
}

/// A styled picture on the card.
#[derive(Clone, Copy)]
struct Picture {
    place: Place,
    format: TensorFormat,
    /// Border included.
    size: Size,
    border: Border,
}

impl Picture {
    fn planar(place: Place, size: Size) -> Self {
        Self { place, format: TensorFormat::PLANAR, size, border: Border::default() }
    }
}

fn compose_pass((source, controls): (Source, Controls), picture: Picture, to: Place) -> Pass {
    let size = source.format.size;
    let mut params = source.told(Params::of(&picture.format, picture.size, picture.border));
    params.invocations = size.pixels() as u32;
    // NaN is no strength: it passes for 0, as the least.
    params.mixing[3] = if controls.strength > 0.0 { controls.strength.min(1.0) } else { 0.0 };
    let variant = Variant { keep_colour: controls.keep_colour, ..source.variant(Kernel::Compose, &picture.format) };
    Pass { variant, params, reads: vec![source.place, picture.place], writes: to, bytes: plane_bytes(3, size) }
}
