//! What a run on the card consists of: what goes up, and kernels, one after the other, that read and write buffers there.

use super::kernels::{Params, Variant};
use crate::frame::Frame;
use crate::tensor::Tensor;

/// A buffer on the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The frame that goes up, as [`crate::frame::aligned_planes`] lays it out.
    Frame,
    /// The tensor that goes up.
    Tensor,
    /// The words that go up, for kernels to look up.
    Table,
    /// The weights that planes are resized by, which stay on the card ([`super::workshop::Workshop::taps`]).
    Taps,
    /// What an earlier run left ([`super::workshop::Kept`]).
    Kept,
    /// What lies between two passes, numbered from 0.
    Between(usize),
    /// What comes down.
    Target,
}

/// For what becomes of a painting once it is finished: nothing before that lies there.
pub(crate) const RESERVED: [Place; 4] = [Place::Between(0), Place::Between(1), Place::Between(2), Place::Between(3)];

/// One kernel over one picture.
#[derive(Debug)]
pub struct Pass {
    /// Which kernel.
    pub variant: Variant,
    /// What it is told.
    pub params: Params,
    /// What it reads, as `Kernel::reads` lists it.
    pub reads: Vec<Place>,
    /// What it writes, nothing of which it reads.
    pub writes: Place,
    /// Bytes that are written there, by this pass and others.
    pub bytes: usize,
}

/// What goes up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs<'a> {
    /// [`Place::Frame`].
    pub frame: Option<&'a Frame>,
    /// [`Place::Tensor`].
    pub tensor: Option<&'a Tensor>,
    /// [`Place::Table`].
    pub table: &'a [u32],
}

/// Bytes that are needed for [`Place::Between`] of each number.
pub(super) fn between_bytes(passes: &[Pass]) -> Vec<usize> {
    let mut bytes = Vec::new();
    for pass in passes {
        if let Place::Between(number) = pass.writes {
            bytes.resize(bytes.len().max(number + 1), 4);
            bytes[number] = bytes[number].max(pass.bytes.next_multiple_of(4));
        }
    }
    bytes
}

/// Bytes that come down, a multiple of four.
pub(super) fn target_bytes(passes: &[Pass]) -> usize {
    let written = passes.iter().filter(|pass| pass.writes == Place::Target);
    written.map(|pass| pass.bytes.next_multiple_of(4)).max().unwrap_or(0)
}
