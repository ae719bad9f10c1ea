//! The stage at the head of the flow: from a frame to what the network takes.

use crate::convert::cpu;
use crate::convert::planar::{Canvas, Scaler};
use crate::error::Result;
use crate::flow::Stage;
use crate::frame::{Frame, Size, Timed};
use crate::tensor::{Border, Packed, TensorFormat, TensorPool};

/// Makes tensors of frames.
pub struct Pack {
    net: Size,
    border: Border,
    format: TensorFormat,
    pool: TensorPool,
    scaler: Scaler,
    picture: Canvas,
}

impl Pack {
    /// Makes tensors of `format`, lent by `pool`, that hold the picture at size `net` and `border` round it.
    pub fn new(net: Size, border: Border, format: TensorFormat, pool: TensorPool) -> Self {
        let (scaler, picture) = (Scaler::new(pool.clone()), Canvas::new(pool.clone()));
        Self { net, border, format, pool, scaler, picture }
    }
}

impl Stage for Pack {
    type In = Frame;
    type Out = Packed;

    fn process(&mut self, frame: Timed<Frame>) -> Result<Timed<Packed>> {
        let original = frame.item;
        let mut tensor = self.pool.lend(self.format, self.border.outer(self.net));
        if original.size() == self.net {
            cpu::pack(&original, self.border, &mut tensor);
        } else {
            let picture = self.picture.sized(self.net);
            self.scaler.scale(&original, picture)?;
            cpu::tensor_from_planar(picture, self.border, &mut tensor);
        }
        Ok(Timed { stamp: frame.stamp, item: Packed { original, tensor } })
    }
}
