//! Makes hands ready while others paint, and keeps those that may be wanted again.

use super::hand::{Hand, Key};
use crate::compose::LiveControls;
use crate::error::Result;
use crate::flow::Errand;
use crate::frame::FrameFormat;
use crate::job::{Engine, Network, StyleChoice};
use crate::model::SpecOverrides;
use crate::pool::Pool;
use crate::report::Meter;

/// Memory that hands at rest may hold. At 1280x720 a style takes about 20 MB.
const RESTING_BYTES: u64 = 256 << 20;

/// Gives hands.
pub(super) struct Atelier {
    workshop: Workshop,
    /// The one that rests longest first.
    resting: Vec<Hand>,
}

/// What is needed to make a hand.
#[derive(Clone)]
struct Workshop {
    engine: Engine,
    styles: Vec<String>,
    format: FrameFormat,
    controls: LiveControls,
    frames: Pool<u8>,
    meter: Meter,
}

/// A hand, at once or later.
pub(super) enum Ordered {
    Ready(Box<Hand>),
    Later(Errand<Hand>),
}

impl Atelier {
    /// For frames of `format`, painted by `engine` in one of `styles`, as `controls` say.
    pub(super) fn new(
        engine: Engine,
        styles: Vec<String>,
        format: FrameFormat,
        controls: LiveControls,
        meter: Meter,
    ) -> Self {
        let workshop = Workshop { engine, styles, format, controls, frames: Pool::new(), meter };
        Self { workshop, resting: Vec::new() }
    }

    /// The first hand, from a network that is open already.
    ///
    /// # Errors
    /// When the network does not run.
    pub(super) fn first(&self, key: Key, network: &Network) -> Result<Hand> {
        self.workshop.hand(key, network)
    }

    /// The hand for `key`: one that rests, or a new one.
    pub(super) fn order(&mut self, key: Key) -> Ordered {
        if let Some(place) = self.resting.iter().position(|hand| hand.key == key) {
            return Ordered::Ready(Box::new(self.resting.remove(place)));
        }
        let workshop = self.workshop.clone();
        Ordered::Later(Errand::begin("style", move || workshop.hand(key, &workshop.network(key)?)))
    }

    /// Takes a hand back.
    pub(super) fn rest(&mut self, hand: Hand) {
        self.resting.push(hand.rest());
        let held = |hands: &[Hand]| hands.iter().map(|hand| hand.bytes).sum::<u64>();
        while held(&self.resting) > RESTING_BYTES {
            self.resting.remove(0);
        }
    }

    /// Frames for those who mix paintings.
    pub(super) fn frames(&self) -> Pool<u8> {
        self.workshop.frames.clone()
    }
}

impl Workshop {
    fn network(&self, key: Key) -> Result<Network> {
        let name = key.style.and_then(|place| self.styles.get(place));
        let engine = match name {
            // What was said of a model of the user's own holds for that alone.
            Some(name) => Engine {
                style: StyleChoice::Zoo(Some(name.clone())),
                overrides: SpecOverrides::default(),
                ..self.engine.clone()
            },
            None => self.engine.clone(),
        };
        Network::open_beside(&engine)
    }

    fn hand(&self, key: Key, network: &Network) -> Result<Hand> {
        let format = FrameFormat { size: key.net, ..self.format };
        let stylizer = network.live(&self.engine, format, self.controls.clone(), &self.meter)?;
        Ok(Hand::new(key, network.label(), network.bytes_at(key.net), stylizer, &self.frames))
    }
}
