//! A network that paints live frames: at its own size, behind and before which they are brought to that size and back.

use crate::convert::Convert;
use crate::convert::rescale::Rescale;
use crate::error::Result;
use crate::flow::Stage;
use crate::frame::{Frame, FrameFormat, Size, Timed};
use crate::pool::Pool;
use crate::stylizer::Stylizer;

/// What a hand paints: whose style, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Place of the style in the list.
    pub(super) style: usize,
    /// Size that frames have on their way through the stylizer.
    pub(super) net: Size,
}

/// A stylizer that is ready.
pub(super) struct Hand {
    pub(super) key: Key,
    /// Name of the style.
    pub(super) name: String,
    /// Who runs the network.
    pub(super) provider: String,
    /// On what it calculates.
    pub(super) device: String,
    /// Size that the network works at: that in `key`, but for a model that takes one size only.
    pub(super) net: Size,
    /// Memory that it takes.
    pub(super) bytes: u64,
    stylizer: Stylizer,
    before: Rescale,
    behind: Rescale,
    /// It has not painted the frame before the next one.
    rested: bool,
}

impl Hand {
    /// Paints by `stylizer`, which takes and gives frames of the size in `key`; frames are lent by `frames`.
    pub(super) fn new(key: Key, name: String, bytes: u64, stylizer: Stylizer, frames: &Pool<u8>) -> Self {
        let choice = stylizer.choice();
        let (provider, device) = (choice.provider.to_string(), choice.device.clone());
        let net = stylizer.net_size();
        let [before, behind] = [0, 1].map(|_| Rescale::new(frames.clone()));
        Self { key, name, provider, device, net, bytes, stylizer, before, behind, rested: true }
    }

    /// Who converts colours, and why not a card, where one was to be expected.
    pub(super) fn converts(&self) -> (Convert, &str) {
        (self.stylizer.converts_on(), self.stylizer.convert_excuse())
    }

    /// Paints `frame`; the painting is as large.
    ///
    /// # Errors
    /// Those of the stages.
    pub(super) fn paint(&mut self, frame: &Timed<Frame>) -> Result<Frame> {
        let FrameFormat { size, .. } = frame.item.format();
        let mut stamp = frame.stamp;
        stamp.discontinuity |= std::mem::take(&mut self.rested);
        let item = self.before.rescale(&frame.item, self.key.net)?;
        let painted = self.stylizer.process(Timed { stamp, item })?;
        self.behind.rescale(&painted.item, size)
    }

    /// It will not see the next frames: what it remembers of the last one will not go on.
    pub(super) fn rest(mut self) -> Self {
        self.rested = true;
        self
    }
}
