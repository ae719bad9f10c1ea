//! Planar pictures at other sizes.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions};

use crate::convert::planar::{planes, planes_mut};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::frame::Size;
use crate::tensor::Tensor;

/// Resizes planes; what it needs in between it keeps.
#[derive(Debug, Default)]
pub struct Resizer(fast_image_resize::Resizer);

impl Resizer {
    /// Holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the planar picture `from` to `to`, at the size of that; width and height each by their own factor. Values
    /// may leave 0..=1 a little.
    ///
    /// # Errors
    /// When a picture has more pixels than can be addressed.
    pub fn resize(&mut self, from: &Tensor, to: &mut Tensor) -> Result<()> {
        let (from_size, to_size) = (from.size, to.size);
        for (from, to) in planes(from).into_iter().zip(planes_mut(to)) {
            self.resize_plane(from, from_size, to, to_size, Filter::Lanczos3)?;
        }
        Ok(())
    }

    /// Writes a plane of `from_size` to one of `to_size`.
    ///
    /// # Errors
    /// When a plane has not the size that is said.
    pub fn resize_plane(
        &mut self,
        from: &[f32],
        from_size: Size,
        to: &mut [f32],
        to_size: Size,
        filter: Filter,
    ) -> Result<()> {
        let fault = |error: &dyn std::fmt::Display| {
            Error::Internal(format!("a plane of {from_size} could not be resized to {to_size}: {error}"))
        };
        let bytes = bytemuck::cast_slice(from);
        let source = ImageRef::new(from_size.width, from_size.height, bytes, PixelType::F32).map_err(|e| fault(&e))?;
        let bytes = bytemuck::cast_slice_mut(to);
        let mut target =
            Image::from_slice_u8(to_size.width, to_size.height, bytes, PixelType::F32).map_err(|e| fault(&e))?;
        let filter = match filter {
            Filter::Lanczos3 => FilterType::Lanczos3,
            Filter::Bilinear => FilterType::Bilinear,
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        self.0.resize(&source, &mut target, &options).map_err(|e| fault(&e))
    }
}
