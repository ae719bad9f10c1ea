//! What the input says: where its parts came from, and how much of what was painted there may stay.

use super::gray::Pyramid;
use super::motion::Search;
use super::weights::Weights;
use crate::compose::Controls;
use crate::flow::Crew;
use crate::frame::Frame;

/// Follows the input from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Follow {
    now: Pyramid,
    before: Pyramid,
    /// The motion from the input before to this one.
    pub motion: Search,
    /// How much may stay.
    pub weights: Weights,
    /// Who shares the rows.
    pub crew: Crew,
}

impl Follow {
    /// Shares the rows of the input among `crew`.
    pub fn with(self, crew: Crew) -> Self {
        Self { crew, ..self }
    }

    /// Looks at the input of another painting. True where it continues the one before, `remembers` being whether that was
    /// painted: then `motion` and `weights` are between both, scaled by `amount`.
    pub fn look(&mut self, original: &Frame, remembers: bool, amount: f32) -> bool {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.read(&self.crew, original);
        let (before, now) = (&self.before, &self.now);
        let same_size =
            (before.levels[0].width, before.levels[0].height) == (now.levels[0].width, now.levels[0].height);
        remembers
            && same_size
            && self.motion.find(&self.crew, before, now)
            && self.weights.judge(&self.crew, (before, now), &self.motion.field, amount)
    }
}

/// How much the painting before steadies this one; none where it does not at all.
pub(super) fn amount(controls: Controls) -> Option<f32> {
    // What the original shows through is steady by itself: with strength 0 the source picture comes back as it is.
    let amount = controls.stabilise * controls.strength;
    // NaN is no amount.
    (amount > 0.0).then_some(amount)
}
