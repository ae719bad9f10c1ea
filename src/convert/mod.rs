//! Colours, sizes and borders: from the planes of a frame to the tensor of a network, and back.
//!
//! ```text
//! Frame ──pack──► Tensor                            Tensor ──unpack──► planes
//!   └─pack─► planar ─resize─► planar ─tensor_from_planar─► Tensor      (other size)
//! ```
//!
//! What frames do not hold (more bits, other chroma, HDR) becomes one before that: [`raw`], by the curves of [`tone`].
//!
//! [`colour`](crate::colour) holds the one matrix; [`cpu`] the kernels that walk a picture once, [`gpu`] their twins on a graphics
//! card; [`resize`] other sizes; [`Pack`] and [`Unpack`] are the stages at both ends of the flow. "Planar" is
//! [`TensorFormat::PLANAR`]: what can be resized and mixed.
//!
//! [`TensorFormat::PLANAR`]: crate::tensor::TensorFormat::PLANAR

pub mod chroma;
pub mod cpu;
pub mod gpu;
pub mod planar;
pub mod raw;
pub mod resize;
pub mod rescale;
pub mod tone;

pub(crate) mod choice;
mod pack;
mod unpack;

pub use choice::{Convert, ConvertChoice, RunCard};
pub use pack::Pack;
pub use unpack::Unpack;
