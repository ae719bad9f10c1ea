//! The kernels of `shaders/`, and the numbers that they are given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::{
    ComputePipeline, ComputePipelineDescriptor, Device, PipelineCompilationOptions, ShaderModuleDescriptor,
    ShaderSource,
};

use crate::colour::{Coefficients, value_bounds};
use crate::frame::{PixelFormat, Plane, Size, aligned_planes};
use crate::tensor::{Border, DType, Layout, TensorFormat};

/// What stands before every kernel.
macro_rules! source {
    ($kernel:literal) => {
        concat!(
            include_str!("../../shaders/shared/bindings.wgsl"),
            include_str!("../../shaders/shared/frame.wgsl"),
            include_str!("../../shaders/shared/tensor.wgsl"),
            include_str!(concat!("../../shaders/", $kernel, ".wgsl")),
        )
    };
}

/// Bindings, as the shaders number them.
pub(super) const PARAMS: u32 = 0;
const FRAME: u32 = 1;
const TENSOR: u32 = 2;
pub(super) const TARGET: u32 = 3;
pub(super) const FLAWS: u32 = 4;
const TABLE: u32 = 5;
const EARLIER: u32 = 6;

/// Invocations in a group, as the shaders say it.
const GROUP: u32 = 64;
/// Groups that lie in one dimension.
const MOST_GROUPS: u32 = 65_535;

/// One of `shaders/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Frame to tensor.
    Pack,
    /// Tensor to frame.
    Unpack,
    /// Tensor to planar picture.
    Planar,
    /// Frame to plane of luma.
    Luma,
    /// Planes to planes of another width, or height.
    Resample,
    /// Planar picture and luma to means over blocks.
    Blocks,
    /// Means to slopes.
    Slopes,
    /// Planar picture, frame and slopes to planar picture.
    Detail,
    /// Tensor and frame to planar picture.
    Compose,
    /// Frame, and the one before it, to frame.
    Steady,
    /// Frame, and what was mixed of it, to texture in blocks.
    Texture,
    /// Texture in blocks to means, what comes back and enlargement in blocks.
    Weigh,
    /// Mixed frame, the frame itself, and what was weighed in blocks, to frame.
    Restore,
}

impl Kernel {
    /// Name of its file and of its entry point.
    const fn name(self) -> &'static str {
        match self {
            Self::Pack => "pack",
            Self::Unpack => "unpack",
            Self::Planar => "planar",
            Self::Luma => "luma",
            Self::Resample => "resample",
            Self::Blocks => "blocks",
            Self::Slopes => "slopes",
            Self::Detail => "detail",
            Self::Compose => "compose",
            Self::Steady => "steady",
            Self::Texture => "texture",
            Self::Weigh => "weigh",
            Self::Restore => "restore",
        }
    }

    const fn source(self) -> &'static str {
        match self {
            Self::Pack => source!("pack"),
            Self::Unpack => source!("unpack"),
            Self::Planar => source!("planar"),
            Self::Luma => source!("luma"),
            Self::Resample => source!("resample"),
            Self::Blocks => source!("blocks"),
            Self::Slopes => source!("slopes"),
            Self::Detail => source!("detail"),
            Self::Compose => source!("compose"),
            Self::Steady => source!("steady"),
            Self::Texture => source!("texture"),
            Self::Weigh => source!("weigh"),
            Self::Restore => source!("restore"),
        }
    }

    /// The bindings of what it reads, in the order of [`super::passes::Pass::reads`].
    pub(super) const fn reads(self) -> &'static [u32] {
        match self {
            Self::Pack | Self::Luma => &[FRAME],
            Self::Unpack | Self::Planar | Self::Blocks | Self::Slopes => &[TENSOR],
            Self::Resample => &[TENSOR, TABLE],
            Self::Detail => &[FRAME, TENSOR, TABLE],
            Self::Compose => &[FRAME, TENSOR],
            Self::Steady => &[FRAME, EARLIER, TABLE],
            Self::Weigh => &[EARLIER],
            Self::Texture => &[FRAME, EARLIER],
            Self::Restore => &[FRAME, TABLE, EARLIER],
        }
    }

    /// Whether it tells of what is no number.
    pub(super) const fn tells_flaws(self) -> bool {
        matches!(self, Self::Unpack | Self::Planar | Self::Compose)
    }
}

/// A kernel, compiled for the formats it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Which one.
    pub kernel: Kernel,
    /// Of the frame; none: planar.
    pub pixels: Option<PixelFormat>,
    /// Of the tensor's values.
    pub dtype: DType,
    /// Of the tensor.
    pub layout: Layout,
    /// Whether only lightness is taken from the style.
    pub keep_colour: bool,
    /// Whether it is the width that changes.
    pub along_rows: bool,
}

impl Variant {
    /// For frames of `pixels` and tensors of `format`.
    pub const fn new(kernel: Kernel, pixels: Option<PixelFormat>, format: &TensorFormat) -> Self {
        let TensorFormat { dtype, layout, .. } = *format;
        Self { kernel, pixels, dtype, layout, keep_colour: false, along_rows: false }
    }

    /// For planar pictures.
    pub const fn planar(kernel: Kernel) -> Self {
        Self::new(kernel, None, &TensorFormat::PLANAR)
    }

    fn constants(&self) -> [(&'static str, f64); 5] {
        let pixels = match self.pixels {
            Some(PixelFormat::I420) => 0.0,
            Some(PixelFormat::Nv12) => 1.0,
            Some(PixelFormat::Rgbx) => 2.0,
            None => 3.0,
        };
        let layout = match self.layout {
            Layout::Nchw => 0.0,
            Layout::Nhwc => 1.0,
            Layout::Blocks4 => 2.0,
        };
        let value_bytes = self.dtype.bytes() as f64;
        let [keep_colour, along_rows] = [self.keep_colour, self.along_rows].map(|is| f64::from(u8::from(is)));
        [
            ("PIXELS", pixels),
            ("LAYOUT", layout),
            ("VALUE_BYTES", value_bytes),
            ("KEEP_COLOUR", keep_colour),
            ("ALONG_ROWS", along_rows),
        ]
    }
}

/// `Params` of `shaders/shared/bindings.wgsl`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params {
    /// Of the picture.
    pub size: [u32; 2],
    /// Of the tensor.
    pub outer: [u32; 2],
    /// First column and row of the picture in the tensor.
    pub origin: [u32; 2],
    /// Invocations that have something to do.
    pub invocations: u32,
    /// Place of red, green and blue in memory.
    pub order: [u32; 4],
    /// First byte and stride of the planes of the frame.
    pub planes: [[u32; 4]; 3],
    /// Colour matrix.
    pub matrix: Coefficients,
    /// What the tensor's values are held in.
    pub low: [f32; 4],
    /// See `low`.
    pub high: [f32; 4],
    /// What makes 0..=1 of the tensor's values.
    pub gain: [f32; 4],
    /// See `gain`.
    pub bias: [f32; 4],
    /// Weights of chroma samples along rows.
    pub across: [f32; 4],
    /// Weights of chroma samples along columns.
    pub along: [f32; 4],
    /// Luma weights, then strength.
    pub mixing: [f32; 4],
    /// What the kernel looks up, and where in its table: each says for itself.
    pub lookup: [[u32; 4]; 4],
}

impl Params {
    /// Bytes of it on the card; also what the offsets of uniforms must be multiples of.
    pub const BYTES: usize = 512;

    /// For the picture inside of `border` in a tensor of this format and size.
    pub fn of(format: &TensorFormat, outer: Size, border: Border) -> Self {
        let size = border.inner(outer);
        let order = format.channel_order().map(|place| place as u32);
        let bounds = value_bounds(format);
        let TensorFormat { gain, bias, .. } = *format;
        Self {
            size: [size.width, size.height],
            outer: [outer.width, outer.height],
            origin: [border.left, border.top],
            order: [order[0], order[1], order[2], 0],
            low: padded(bounds.map(|(low, _)| low)),
            high: padded(bounds.map(|(_, high)| high)),
            gain: padded(gain.map(f32::recip)),
            bias: padded(std::array::from_fn(|channel| -bias[channel] / gain[channel])),
            ..Self::default()
        }
    }

    /// And for a frame of this size, as [`aligned_planes`] lays it out.
    #[must_use]
    pub fn with_frame(self, pixels: PixelFormat, size: Size) -> Self {
        let (planes, _) = aligned_planes(pixels, size);
        let count = pixels.planes();
        let planes = std::array::from_fn(|index| {
            let Plane { offset_bytes, stride_bytes } = planes[index];
            // Nothing lies behind the last one.
            if index < count { [offset_bytes as u32, stride_bytes as u32, 0, 0] } else { [u32::MAX, 1, 0, 0] }
        });
        Self { planes, ..self }
    }

    pub(super) fn bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        let [size, outer, origin] = [self.size, self.outer, self.origin];
        let head = [size[0], size[1], outer[0], outer[1], origin[0], origin[1], self.invocations, 0];
        let integers = head.into_iter().chain(self.order).chain(self.planes.into_iter().flatten());
        let vectors = [self.low, self.high, self.gain, self.bias, self.across, self.along, self.mixing];
        let floats = self.matrix.into_iter().chain(vectors).flatten().map(f32::to_bits);
        let words = integers.chain(floats).chain(self.lookup.into_iter().flatten());
        for (place, word) in out.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        out
    }
}

fn padded([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, b, c, 0.0]
}

/// Groups along the two dimensions, enough for so many invocations.
pub(super) fn groups(invocations: u32) -> [u32; 2] {
    let groups = invocations.div_ceil(GROUP);
    let across = groups.clamp(1, MOST_GROUPS);
    [across, groups.div_ceil(across).max(1)]
}

/// The compiled variants, each made at first use.
#[derive(Debug, Default)]
pub(super) struct Pipelines(Mutex<HashMap<Variant, Arc<ComputePipeline>>>);

impl Pipelines {
    pub fn get(&self, device: &Device, variant: Variant) -> Arc<ComputePipeline> {
        let mut compiled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(compiled.entry(variant).or_insert_with(|| Arc::new(compile(device, variant))))
    }
}

fn compile(device: &Device, variant: Variant) -> ComputePipeline {
    let kernel = variant.kernel;
    let module = device.create_shader_module(ShaderModuleDescriptor {
        label: Some(kernel.name()),
        source: ShaderSource::Wgsl(kernel.source().into()),
    });
    device.create_compute_pipeline(&ComputePipelineDescriptor {
        label: Some(kernel.name()),
        layout: None,
        module: &module,
        entry_point: Some(kernel.name()),
        compilation_options: PipelineCompilationOptions { constants: &variant.constants(), ..Default::default() },
        cache: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_suffice_and_fit() {
        for invocations in [0, 1, 64, 65, 64 * MOST_GROUPS, 64 * MOST_GROUPS + 1, 100_000_000] {
            let [across, along] = groups(invocations);
            assert!(across <= MOST_GROUPS && along <= MOST_GROUPS);
            assert!(u64::from(across) * u64::from(along) * 64 >= u64::from(invocations));
        }
    }
}
