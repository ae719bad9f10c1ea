//! Graphics cards, through wgpu.
//!
//! ```text
//! context ── a device, and what went wrong with it
//!    └─ workshop ── its kernels and its staging buffers: one frame goes up, passes run over it, one comes down
//!          └─ card ── opened again once when the device fails; after that the CPU goes on
//! ```

pub mod adapters;
pub mod card;
pub mod context;
pub mod kernels;
pub mod passes;
pub(crate) mod quiet;
pub mod staging;
pub mod workshop;
