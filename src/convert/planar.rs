//! Planar pictures ([`TensorFormat::PLANAR`]): their planes, and places for them that last from frame to frame.

use crate::convert::cpu;
use crate::convert::resize::Resizer;
use crate::error::Result;
use crate::flow::Crew;
use crate::frame::{Frame, Size};
use crate::tensor::{Border, Tensor, TensorFormat, TensorPool, Values};

/// Red, green and blue of a planar picture.
///
/// # Panics
/// When `tensor` is not of [`TensorFormat::PLANAR`].
pub fn planes(tensor: &Tensor) -> [&[f32]; 3] {
    assert_eq!(tensor.format, TensorFormat::PLANAR, "format of a planar picture");
    let Values::F32(values) = &tensor.values else { unreachable!("planar pictures are lent as f32") };
    let (red, rest) = values.split_at(tensor.size.pixels());
    let (green, blue) = rest.split_at(tensor.size.pixels());
    [red, green, blue]
}

/// Red, green and blue of a planar picture, to be changed.
///
/// # Panics
/// When `tensor` is not of [`TensorFormat::PLANAR`].
pub fn planes_mut(tensor: &mut Tensor) -> [&mut [f32]; 3] {
    assert_eq!(tensor.format, TensorFormat::PLANAR, "format of a planar picture");
    let Values::F32(values) = &mut tensor.values else { unreachable!("planar pictures are lent as f32") };
    let (red, rest) = values.split_at_mut(tensor.size.pixels());
    let (green, blue) = rest.split_at_mut(tensor.size.pixels());
    [red, green, blue]
}

/// A place for a planar picture that lasts from frame to frame; its memory is lent anew only when the size changes.
#[derive(Debug)]
pub struct Canvas {
    pool: TensorPool,
    tensor: Option<Tensor>,
}

impl Canvas {
    /// Lends from `pool`, at first use.
    pub fn new(pool: TensorPool) -> Self {
        Self { pool, tensor: None }
    }

    /// The picture, of this size; what it shows is what was last written if the size is as before.
    pub fn sized(&mut self, size: Size) -> &mut Tensor {
        if self.tensor.as_ref().is_some_and(|tensor| tensor.size != size) {
            self.tensor = None; // given back before more is lent
        }
        self.tensor.get_or_insert_with(|| self.pool.lend(TensorFormat::PLANAR, size))
    }
}

/// Turns frames into planar pictures of any size.
#[derive(Debug)]
pub struct Scaler {
    resizer: Resizer,
    full: Canvas,
}

impl Scaler {
    /// Lends what it needs in between from `pool`.
    pub fn new(pool: TensorPool) -> Self {
        Self { resizer: Resizer::new(), full: Canvas::new(pool) }
    }

    /// Writes `frame` to `out`, a planar picture, at the size of that.
    ///
    /// # Errors
    /// See [`Resizer::resize`].
    pub fn scale(&mut self, frame: &Frame, out: &mut Tensor) -> Result<()> {
        if frame.size() == out.size {
            cpu::pack(&Crew::alone(), frame, Border::default(), out);
            return Ok(());
        }
        let full = self.full.sized(frame.size());
        cpu::pack(&Crew::alone(), frame, Border::default(), full);
        self.resizer.resize(full, out)
    }
}
