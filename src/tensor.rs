//! The picture as a network takes and gives it.

use half::f16;

use crate::frame::{Frame, Size};
use crate::pool::{Lent, Pool};

/// Whether all values of a picture were numbers.
#[must_use = "a picture with NaN or infinity in it is none: the original takes its place"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finite {
    /// All were.
    Yes,
    /// At least one was NaN or infinite.
    No,
}

/// Type of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// Unsigned byte.
    U8,
    /// IEEE 754 half precision.
    F16,
    /// IEEE 754 single precision.
    F32,
}

impl DType {
    /// Bytes of one value.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Order of the dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Layout {
    /// Planes one after the other: \[N,\] C, H, W.
    Nchw,
    /// Channels side by side: \[N,\] H, W, C.
    Nhwc,
    /// Squares of 4x4 pixels one after the other, in each its rows one after the other: \[N,\] H/4, W/4, 16·C. For bytes
    /// that come out of a network.
    Blocks4,
}

/// Side of the squares of [`Layout::Blocks4`], in pixels.
pub const BLOCK_SIDE: usize = 4;

/// Order of the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Channels {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// What the values of a tensor mean: `value = gain * c + bias`, where c is R', G' or B' in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorFormat {
    /// Type of the values.
    pub dtype: DType,
    /// Order of the dimensions.
    pub layout: Layout,
    /// Order of the channels.
    pub channels: Channels,
    /// Gain of red, green, blue (in this order, whatever `channels` says); never 0.
    pub gain: [f32; 3],
    /// Bias of red, green, blue.
    pub bias: [f32; 3],
}

impl TensorFormat {
    /// Planar R, G, B as f32 in 0..=1: what the compose stage works in.
    pub const PLANAR: Self =
        Self { dtype: DType::F32, layout: Layout::Nchw, channels: Channels::Rgb, gain: [1.0; 3], bias: [0.0; 3] };

    /// Position of red, green, blue (in this order) among the three channels in memory.
    pub const fn channel_order(&self) -> [usize; 3] {
        match self.channels {
            Channels::Rgb => [0, 1, 2],
            Channels::Bgr => [2, 1, 0],
        }
    }
}

/// Host memory of a tensor.
#[derive(Debug)]
pub enum Values {
    /// Bytes.
    U8(Lent<u8>),
    /// Half precision.
    F16(Lent<f16>),
    /// Single precision.
    F32(Lent<f32>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::F32(v) => v.len(),
        }
    }

    /// The bytes that they are made of, in the order of this machine.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::U8(v) => v,
            Self::F16(v) => bytemuck::cast_slice(v),
            Self::F32(v) => bytemuck::cast_slice(v),
        }
    }

    /// The same, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::U8(v) => v,
            Self::F16(v) => bytemuck::cast_slice_mut(v),
            Self::F32(v) => bytemuck::cast_slice_mut(v),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A picture of three channels; `values` has `3 * size.pixels()` entries.
#[derive(Debug)]
pub struct Tensor {
    /// Meaning of the values.
    pub format: TensorFormat,
    /// Size, border included.
    pub size: Size,
    /// The numbers.
    pub values: Values,
}

/// Lends tensors of every type.
#[derive(Clone, Debug, Default)]
pub struct TensorPool {
    u8: Pool<u8>,
    f16: Pool<f16>,
    f32: Pool<f32>,
}

impl TensorPool {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tensor of this format and size; its values are whatever the last user left.
    pub fn lend(&self, format: TensorFormat, size: Size) -> Tensor {
        let len = 3 * size.pixels();
        let values = match format.dtype {
            DType::U8 => Values::U8(self.u8.lend(len)),
            DType::F16 => Values::F16(self.f16.lend(len)),
            DType::F32 => Values::F32(self.f32.lend(len)),
        };
        Tensor { format, size, values }
    }

    /// How often memory had to be allocated.
    pub fn misses(&self) -> u64 {
        self.u8.misses() + self.f16.misses() + self.f32.misses()
    }
}

/// Rows and columns around a picture that belong to the tensor only: reflected on the way in, cropped on the way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Border {
    /// Columns on the left.
    pub left: u32,
    /// Rows above.
    pub top: u32,
    /// Columns on the right.
    pub right: u32,
    /// Rows below.
    pub bottom: u32,
}

impl Border {
    /// `pad` pixels on each side, and on the right and below what makes the sides multiples of `multiple`.
    pub fn around(picture: Size, pad: u32, multiple: u32) -> Self {
        let padded = Size::new(picture.width + 2 * pad, picture.height + 2 * pad).round_up_to(multiple);
        Self {
            left: pad,
            top: pad,
            right: padded.width - picture.width - pad,
            bottom: padded.height - picture.height - pad,
        }
    }

    /// Size of the tensor that holds a picture and this border.
    pub const fn outer(self, picture: Size) -> Size {
        Size::new(picture.width + self.left + self.right, picture.height + self.top + self.bottom)
    }

    /// Size of the picture in a tensor of size `outer`.
    pub const fn inner(self, outer: Size) -> Size {
        Size::new(outer.width - self.left - self.right, outer.height - self.top - self.bottom)
    }
}

/// A frame on its way to the network.
#[derive(Debug)]
pub struct Packed {
    /// As it came from the source.
    pub original: Frame,
    /// As the network takes it.
    pub tensor: Tensor,
}

/// A frame on its way back.
#[derive(Debug)]
pub struct Styled {
    /// As it came from the source.
    pub original: Frame,
    /// As the network gave it, or as the compose stage left it.
    pub tensor: Tensor,
    /// What to crop from `tensor`.
    pub border: Border,
}
