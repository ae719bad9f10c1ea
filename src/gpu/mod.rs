//! Graphics cards, through wgpu.

pub mod adapters;
pub mod context;
