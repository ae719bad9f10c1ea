//! The kernels on a graphics card: twins of those of [`super::cpu`], with the same names and arguments behind the device
//! that they run on.

use crate::convert::Finite;
use crate::convert::chroma::{down_weights, up_weights};
use crate::convert::colour::{codes_from_rgb, rgb_from_codes};
use crate::frame::{Frame, FrameFormat, Plane, aligned_planes};
use crate::gpu::context::Fault;
use crate::gpu::kernels::{Kernel, Params, Variant};
use crate::gpu::passes::{Inputs, Pass, Place};
use crate::gpu::workshop::{Workshop, frame_bytes};
use crate::tensor::{Border, Tensor, TensorFormat};

/// Does as [`super::cpu::pack`].
///
/// # Errors
/// The fault of the device; `out` holds anything then.
///
/// # Panics
/// When the size of `out` is not that of the frame with the border round it.
pub fn pack(workshop: &Workshop, frame: &Frame, border: Border, out: &mut Tensor) -> Result<(), Fault> {
    let size = frame.size();
    assert_eq!(out.size, border.outer(size), "size of the tensor for a picture of {size} and {border:?}");
    let pass = pack_pass(frame.format(), out.format, border, Place::Target);
    let values = out.values.bytes_mut();
    let target_bytes = values.len();
    // A frame is made of bytes: nothing in it is no number.
    let inputs = Inputs { frame: Some(frame), ..Inputs::default() };
    workshop.run(inputs, &[pass], |bytes| values.copy_from_slice(&bytes[..target_bytes])).map(|_| ())
}

/// The kernel that makes a tensor, which goes `to` a place, of the frame that went up.
pub(crate) fn pack_pass(frame: FrameFormat, tensor: TensorFormat, border: Border, to: Place) -> Pass {
    let FrameFormat { size, pixels, colour } = frame;
    let outer = border.outer(size);
    let bytes = 3 * outer.pixels() * tensor.dtype.bytes();
    let [across, along] = up_weights(colour.chroma_site);
    let params = Params {
        matrix: rgb_from_codes(pixels, colour).then_scaled(tensor.gain, tensor.bias).coefficients(),
        across,
        along,
        invocations: bytes.div_ceil(4) as u32,
        ..Params::of(&tensor, outer, border).with_frame(pixels, size)
    };
    let variant = Variant::new(Kernel::Pack, Some(pixels), &tensor);
    Pass { variant, params, reads: vec![Place::Frame], writes: to, bytes }
}

/// Does as [`super::cpu::unpack`].
///
/// # Errors
/// The fault of the device; `out` is as it was then.
///
/// # Panics
/// When the picture in `tensor` has not the size of `format`, or the planes do not fit `out`.
pub fn unpack(
    workshop: &Workshop,
    tensor: &Tensor,
    border: Border,
    format: FrameFormat,
    planes: &[Plane],
    out: &mut [u8],
) -> Result<Finite, Fault> {
    assert_eq!(tensor.size, border.outer(format.size), "size of the tensor for a picture of {}", format.size);
    let params = Params::of(&tensor.format, tensor.size, border);
    let pass = unpack_pass(tensor.format, params, format, [Place::Tensor, Place::Target]);
    let inputs = Inputs { tensor: Some(tensor), ..Inputs::default() };
    workshop.run(inputs, &[pass], |bytes| copy_planes(bytes, format, planes, out))
}

/// The kernel that makes a frame of `format` of a tensor that `params` tell of; it goes `from` one place `to` another.
pub(crate) fn unpack_pass(tensor: TensorFormat, params: Params, format: FrameFormat, [from, to]: [Place; 2]) -> Pass {
    let bytes = frame_bytes(format.pixels, format.size);
    let [across, along] = down_weights(format.colour.chroma_site);
    let params = Params {
        matrix: codes_from_rgb(format.pixels, format.colour).after_scaled(tensor.gain, tensor.bias).coefficients(),
        across,
        along,
        invocations: (bytes / 4) as u32,
        ..params.with_frame(format.pixels, format.size)
    };
    let variant = Variant::new(Kernel::Unpack, Some(format.pixels), &tensor);
    Pass { variant, params, reads: vec![from], writes: to, bytes }
}

/// Copies the rows of a frame as it lies on the card to where `planes` says.
pub(crate) fn copy_planes(bytes: &[u8], format: FrameFormat, planes: &[Plane], out: &mut [u8]) {
    let (from, _) = aligned_planes(format.pixels, format.size);
    for (index, (from, to)) in from.iter().zip(planes).enumerate().take(format.pixels.planes()) {
        let (row_bytes, rows) = format.pixels.plane_extent(index, format.size);
        for y in 0..rows {
            let row = &bytes[from.offset_bytes + y * from.stride_bytes..][..row_bytes];
            out[to.offset_bytes + y * to.stride_bytes..][..row_bytes].copy_from_slice(row);
        }
    }
}
