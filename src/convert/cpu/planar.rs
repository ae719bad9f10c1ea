//! Between the tensor of a network and the planar picture that is resized and mixed.

use pulp::Arch;

use super::border::reflect_above_and_below;
use super::kernel::{Greatest, clamped, kernels};
use super::rows::{RowReader, RowWriter};
use crate::colour::{Affine, value_bounds};
use crate::tensor::{Border, Finite, Tensor};

/// Writes what `border` leaves of `tensor` to `out`, a tensor of [`TensorFormat::PLANAR`], held in 0..=1. Says whether
/// all values were numbers.
///
/// # Panics
/// When `out` has not the size of the picture in `tensor`.
///
/// [`TensorFormat::PLANAR`]: crate::tensor::TensorFormat::PLANAR
pub fn planar(tensor: &Tensor, border: Border, out: &mut Tensor) -> Finite {
    copy(tensor, border, out, Border::default())
}

/// Writes `planar`, a tensor of [`TensorFormat::PLANAR`], to `out` in the format of that, held in 0..=1 before, with a
/// reflected border round it.
///
/// # Panics
/// When the size of `out` is not that of the picture with the border round it.
///
/// [`TensorFormat::PLANAR`]: crate::tensor::TensorFormat::PLANAR
pub fn tensor_from_planar(planar: &Tensor, border: Border, out: &mut Tensor) {
    // What is not a number becomes black; the stages never make such a picture.
    let _ = copy(planar, Border::default(), out, border);
}

/// The picture in `from` in the format of `to`.
fn copy(from: &Tensor, from_border: Border, to: &mut Tensor, to_border: Border) -> Finite {
    let arch = Arch::new();
    let bounds = value_bounds(&from.format);
    let map = Affine::IDENTITY
        .after_scaled(from.format.gain, from.format.bias)
        .then_scaled(to.format.gain, to.format.bias)
        .coefficients();
    let size = from_border.inner(from.size);
    let mut reader = RowReader::new(arch, from, from_border);
    let mut greatest = Greatest::default();
    let all = 0..size.height as usize;
    for writer in &mut RowWriter::of_bands(arch, to, to_border, size, std::slice::from_ref(&all)) {
        for y in writer.rows() {
            let row = reader.row(y);
            writer.write(y, |out| {
                for (channel, (values, out)) in row.into_iter().zip(out).enumerate() {
                    let (gain, bias) = (map[channel][channel], map[channel][3]);
                    scale(arch, values, bounds[channel], gain, bias, out, &mut greatest);
                }
            });
        }
    }
    reflect_above_and_below(to, to_border);
    if greatest.is_finite() { Finite::Yes } else { Finite::No }
}

kernels! {
    fn scale<'a>(
        values: &'a [f32],
        bounds: (f32, f32),
        gain: f32,
        bias: f32,
        out: &'a mut [f32],
        greatest: &'a mut Greatest,
    ) {
        let (low, high) = bounds;
        let mut seen = *greatest;
        for (out, &value) in out.iter_mut().zip(values) {
            seen.see(value);
            *out = gain * clamped(value, low, high) + bias;
        }
        *greatest = seen;
    }
}
