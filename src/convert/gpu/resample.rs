//! Planes at other sizes on a card, twin of [`crate::convert::resize`]: passes, by weights that are looked up.

use super::{Source, pack_pass};
use crate::filter::Filter;
use crate::frame::Size;
use crate::gpu::kernels::{Kernel, Params, Variant};
use crate::gpu::passes::{Pass, Place, RESERVED};
use crate::gpu::workshop::Workshop;
use crate::tensor::{Border, TensorFormat};

/// Lists passes, and numbers what lies between them.
pub(crate) struct Recorder<'a> {
    pub passes: Vec<Pass>,
    workshop: &'a Workshop,
    between: usize,
}

/// Planes of f32, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Planes {
    pub place: Place,
    pub count: usize,
    pub size: Size,
}

impl Planes {
    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        plane_bytes(self.count, self.size)
    }
}

/// Where planes go that are made one by one.
pub(crate) struct Part {
    pub place: Place,
    /// Number of the first of them there, and of all that there will be.
    pub first: usize,
    pub of: usize,
}

/// Bytes of so many planes of f32.
pub(crate) fn plane_bytes(planes: usize, size: Size) -> usize {
    planes * size_of::<f32>() * size.pixels()
}

impl<'a> Recorder<'a> {
    /// Nothing yet; it is for `workshop`.
    pub fn new(workshop: &'a Workshop) -> Self {
        Self { passes: Vec::new(), workshop, between: RESERVED.len() }
    }

    /// Where nothing lies yet.
    pub fn fresh(&mut self) -> Place {
        self.between += 1;
        Place::Between(self.between - 1)
    }

    /// Brings a frame to size `out`, as [`crate::convert::planar::Scaler`] does: it is planar then, unless it has that size.
    pub fn bring(&mut self, source: &mut Source, out: Size) {
        if source.format.size == out {
            return;
        }
        let full = Planes { place: self.fresh(), count: 3, size: source.format.size };
        self.passes.push(pack_pass(source, TensorFormat::PLANAR, Border::default(), full.place));
        let Planes { place, .. } = self.resample(full, out, Filter::Lanczos3, None);
        (source.place, source.planar, source.format.size) = (place, true, out);
    }

    /// Brings planes to another size, and to a part of a place if one is given: first to the width, then to the height.
    pub fn resample(&mut self, planes: Planes, out: Size, filter: Filter, part: Option<Part>) -> Planes {
        let across = Size::new(out.width, planes.size.height);
        let (wide, high) = (planes.size.width != out.width, planes.size.height != out.height);
        match (wide, high) {
            (true, true) => {
                let planes = self.along(true, planes, across, filter, None);
                self.along(false, planes, out, filter, part)
            }
            (true, false) => self.along(true, planes, out, filter, part),
            (false, true) => self.along(false, planes, out, filter, part),
            (false, false) => planes,
        }
    }

    /// Along rows or along columns.
    fn along(&mut self, along_rows: bool, from: Planes, out: Size, filter: Filter, part: Option<Part>) -> Planes {
        let Part { place, first, of } = match part {
            Some(part) => part,
            None => Part { place: self.fresh(), first: 0, of: from.count },
        };
        let Size { width, height } = from.size;
        let (before, after) = if along_rows { (width, out.width) } else { (height, out.height) };
        let taps = self.workshop.taps(before, after, filter);
        let params = Params {
            invocations: (from.count * out.pixels()) as u32,
            lookup: [
                [width, height, out.width, out.height],
                [taps.first, taps.count, (first * out.pixels()) as u32, 0],
                [0; 4],
                [0; 4],
            ],
            ..Params::default()
        };
        self.passes.push(Pass {
            variant: Variant { along_rows, ..Variant::planar(Kernel::Resample) },
            params,
            reads: vec![from.place, Place::Taps],
            writes: place,
            bytes: plane_bytes(of, out),
        });
        Planes { place, count: from.count, size: out }
    }
}
