//! Graphics cards, through wgpu.

pub mod adapters;
