//! Pictures at other sizes on a card, as [`super::super::guide`] draws it: each arrow there is a pass here.

use super::Picture;
use crate::compose::slopes::{BLOCK, FLAT, MEANS, NONE, STEEPEST};
use crate::convert::gpu::Source;
use crate::convert::gpu::resample::{Part, Planes, Recorder, plane_bytes};
use crate::filter::Filter;
use crate::frame::Size;
use crate::gpu::kernels::{Kernel, Params, Variant};
use crate::gpu::passes::{Pass, Place};
use crate::tensor::{Border, TensorFormat};

impl Recorder<'_> {
    /// The picture at size `out`; where `source` has more than it shows, that comes back in.
    pub(super) fn resize(&mut self, source: &mut Source, picture: Picture, out: Size) -> Picture {
        let net = picture.border.inner(picture.size);
        let full = source.format.size;
        let sharper = full.pixels() > net.pixels() && out.pixels() > net.pixels();
        let styled = Planes { place: self.fresh(), count: if sharper { 4 } else { 3 }, size: net };
        self.planar(picture, styled);
        if !sharper {
            let resized = self.resample(styled, out, Filter::Lanczos3, None);
            return Picture::planar(resized.place, out);
        }
        self.luma(source, styled);
        let slopes = self.slopes(styled, out.width);
        let enlarged = self.resample(styled, out, Filter::Lanczos3, None);
        self.bring(source, out);
        Picture::planar(self.detail(source, enlarged, slopes), out)
    }

    /// Writes the first three planes of `to`.
    fn planar(&mut self, picture: Picture, to: Planes) {
        let params = Params {
            invocations: to.size.pixels() as u32,
            ..Params::of(&picture.format, picture.size, picture.border)
        };
        self.passes.push(Pass {
            variant: Variant::new(Kernel::Planar, None, &picture.format),
            params,
            reads: vec![picture.place],
            writes: to.place,
            bytes: to.bytes(),
        });
    }

    /// Writes luma of the original, as the network saw it, to the last plane of `to`.
    fn luma(&mut self, source: &Source, to: Planes) {
        let full = Planes { place: self.fresh(), count: 1, size: source.format.size };
        let params = Params {
            invocations: full.size.pixels() as u32,
            ..source.told(Params::of(&TensorFormat::PLANAR, full.size, Border::default()))
        };
        self.passes.push(Pass {
            variant: source.variant(Kernel::Luma, &TensorFormat::PLANAR),
            params,
            reads: vec![source.place],
            writes: full.place,
            bytes: full.bytes(),
        });
        let last = Part { place: to.place, first: to.count - 1, of: to.count };
        self.resample(full, to.size, Filter::Lanczos3, Some(last));
    }

    /// The slopes of the first three of `styled` over the fourth, as wide as the output.
    fn slopes(&mut self, styled: Planes, out_width: u32) -> Planes {
        let block = BLOCK as u32;
        let grid = Size::new(styled.size.width.div_ceil(block), styled.size.height.div_ceil(block));
        let means = Planes { place: self.fresh(), count: MEANS, size: grid };
        let lookup = [styled.size.width, styled.size.height, grid.width, block];
        self.by_block(Kernel::Blocks, styled, means, (lookup, [0.0; 4]));
        let slopes = Planes { place: self.fresh(), count: 3, size: grid };
        let lookup = [grid.width, grid.height, 0, 0];
        self.by_block(Kernel::Slopes, means, slopes, (lookup, [FLAT, STEEPEST, NONE, 0.0]));
        self.resample(slopes, Size::new(out_width, grid.height), Filter::Bilinear, None)
    }

    fn by_block(&mut self, kernel: Kernel, from: Planes, to: Planes, (lookup, mixing): ([u32; 4], [f32; 4])) {
        let params = Params {
            invocations: to.size.pixels() as u32,
            mixing,
            lookup: [lookup, [0; 4], [0; 4], [0; 4]],
            ..Params::default()
        };
        self.passes.push(Pass {
            variant: Variant::planar(kernel),
            params,
            reads: vec![from.place],
            writes: to.place,
            bytes: to.bytes(),
        });
    }

    /// Adds what the original, at the size of `enlarged`, has more.
    fn detail(&mut self, source: &Source, enlarged: Planes, slopes: Planes) -> Place {
        let to = self.fresh();
        let size = enlarged.size;
        let params = Params {
            invocations: size.pixels() as u32,
            lookup: [[slopes.size.height, 0, 0, 0], [0; 4], [0; 4], [0; 4]],
            ..source.told(Params::of(&TensorFormat::PLANAR, size, Border::default()))
        };
        self.passes.push(Pass {
            variant: source.variant(Kernel::Detail, &TensorFormat::PLANAR),
            params,
            reads: vec![source.place, enlarged.place, slopes.place],
            writes: to,
            bytes: plane_bytes(3, size),
        });
        to
    }
}
