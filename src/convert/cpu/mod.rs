//! The kernels on the CPU: one pass over the picture, row by row, so that what lies between two steps stays in the
//! first-level cache.
//!
//! The inner loops are plain loops over equally long slices, compiled for the least processor and again for the wide
//! instructions of better ones ([`pulp::Arch`]); whatever differs between formats is decided outside of them.

mod border;
mod chroma;
mod frame_rows;
pub(crate) mod kernel;
mod pack;
mod planar;
mod raw;
mod rows;
mod unpack;

pub use border::reflect;
pub use pack::pack;
pub use planar::{planar, tensor_from_planar};
pub use raw::{narrow, tone_map};
pub use unpack::unpack;
