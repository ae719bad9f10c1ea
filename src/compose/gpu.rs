//! The kernel of the compose stage on a graphics card, with that of `unpack` behind it: what lies between them stays
//! there.

use crate::compose::Controls;
use crate::convert::Finite;
use crate::convert::chroma::up_weights;
use crate::convert::colour::{luma_weights, rgb_from_codes};
use crate::convert::gpu::{copy_planes, unpack_pass};
use crate::frame::{Frame, FrameFormat, Plane, Size};
use crate::gpu::context::Fault;
use crate::gpu::kernels::{Kernel, Params, Variant};
use crate::gpu::workshop::{Inputs, Pass, Workshop};
use crate::tensor::{Border, Tensor, TensorFormat};

/// Mixes `original` into the picture that `border` leaves of `styled`, as [`super::cpu::mix`] does, and writes it as a
/// frame of `format`, as [`crate::convert::cpu::unpack`] does. Says whether all values were numbers.
///
/// # Errors
/// The fault of the device; `out` is as it was then.
///
/// # Panics
/// When original, styled picture and `format` have different sizes, or the planes do not fit `out`.
pub fn paint(
    workshop: &Workshop,
    (original, controls): (&Frame, Controls),
    (styled, border): (&Tensor, Border),
    format: FrameFormat,
    planes: &[Plane],
    out: &mut [u8],
) -> Result<Finite, Fault> {
    let FrameFormat { size, pixels, colour } = original.format();
    assert_eq!([size, border.inner(styled.size)], [format.size; 2], "sizes of original, styled picture and frame");
    let [red, green, blue] = luma_weights(colour.matrix).map(|weight| weight as f32);
    let [across, along] = up_weights(colour.chroma_site);
    // NaN is no strength: it passes for 0, as the least.
    let strength = if controls.strength > 0.0 { controls.strength.min(1.0) } else { 0.0 };
    let params = Params {
        matrix: rgb_from_codes(pixels, colour).coefficients(),
        across,
        along,
        mixing: [red, green, blue, strength],
        invocations: size.pixels() as u32,
        ..Params::of(&styled.format, styled.size, border).with_frame(pixels, size)
    };
    let variant =
        Variant { keep_colour: controls.keep_colour, ..Variant::new(Kernel::Compose, pixels, &styled.format) };
    let compose = Pass { variant, params, target_bytes: planar_bytes(size) };
    let passes = [
        compose,
        unpack_pass(TensorFormat::PLANAR, Params::of(&TensorFormat::PLANAR, size, Border::default()), format),
    ];
    let inputs = Inputs { frame: Some(original), tensor: Some(styled) };
    workshop.run(inputs, &passes, |bytes| copy_planes(bytes, format, planes, out))
}

/// Bytes of a planar picture.
pub fn planar_bytes(size: Size) -> usize {
    3 * size_of::<f32>() * size.pixels()
}
