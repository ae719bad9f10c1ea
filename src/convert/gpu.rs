//! The kernels on a graphics card: twins of those of [`super::cpu`], with the same names and arguments behind the device
//! that they run on.

pub(crate) mod resample;

use crate::colour::{Affine, codes_from_rgb, luma_weights, rgb_from_codes};
use crate::convert::chroma::{down_weights, up_weights};
use crate::frame::{Frame, FrameFormat, Plane, aligned_planes};
use crate::gpu::context::Fault;
use crate::gpu::kernels::{Kernel, Params, Variant};
use crate::gpu::passes::{Inputs, Pass, Place};
use crate::gpu::workshop::{Workshop, frame_bytes};
use crate::tensor::{Border, Finite, Tensor, TensorFormat};
use resample::Recorder;

/// Does as [`super::cpu::pack`]; before that, a frame of another size is resized as [`super::planar::Scaler`] does.
///
/// # Errors
/// The fault of the device; `out` holds anything then.
pub fn pack(workshop: &Workshop, frame: &Frame, border: Border, out: &mut Tensor) -> Result<(), Fault> {
    let mut recorder = Recorder::new(workshop);
    let mut source = Source::of(frame.format());
    recorder.bring(&mut source, border.inner(out.size));
    recorder.passes.push(pack_pass(&source, out.format, border, Place::Target));
    let passes = recorder.passes;
    let values = out.values.bytes_mut();
    let target_bytes = values.len();
    // A frame is made of bytes: nothing in it is no number.
    let inputs = Inputs { frame: Some(frame), ..Inputs::default() };
    workshop.run(inputs, &passes, |bytes| values.copy_from_slice(&bytes[..target_bytes])).map(|_| ())
}

/// A picture on the card whose colours are a frame's.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pub place: Place,
    /// Of the frame; where it is planar already, size and matrix hold.
    pub format: FrameFormat,
    pub planar: bool,
}

impl Source {
    /// The frame that went up.
    pub fn of(format: FrameFormat) -> Self {
        Self { place: Place::Frame, format, planar: false }
    }

    /// What makes R', G', B' in 0..=1 of it.
    fn rgb(&self) -> Affine {
        if self.planar { Affine::IDENTITY } else { rgb_from_codes(self.format.pixels, self.format.colour) }
    }

    /// `params`, and what kernels are told that read it.
    pub fn told(&self, params: Params) -> Params {
        let FrameFormat { size, pixels, colour } = self.format;
        let [red, green, blue] = luma_weights(colour.matrix).map(|weight| weight as f32);
        let [across, along] = up_weights(colour.chroma_site);
        Params {
            matrix: self.rgb().coefficients(),
            across,
            along,
            mixing: [red, green, blue, 0.0],
            ..params.with_frame(pixels, size)
        }
    }

    /// A kernel that reads it.
    pub fn variant(&self, kernel: Kernel, format: &TensorFormat) -> Variant {
        Variant::new(kernel, (!self.planar).then_some(self.format.pixels), format)
    }
}

/// The kernel that makes a tensor, which goes `to` a place, of `source`.
pub(crate) fn pack_pass(source: &Source, tensor: TensorFormat, border: Border, to: Place) -> Pass {
    let outer = border.outer(source.format.size);
    let bytes = 3 * outer.pixels() * tensor.dtype.bytes();
    let params = Params {
        matrix: source.rgb().then_scaled(tensor.gain, tensor.bias).coefficients(),
        invocations: bytes.div_ceil(4) as u32,
        ..source.told(Params::of(&tensor, outer, border))
    };
    Pass { variant: source.variant(Kernel::Pack, &tensor), params, reads: vec![source.place], writes: to, bytes }
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
