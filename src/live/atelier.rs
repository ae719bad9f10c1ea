//! Makes hands ready while others paint, and keeps those that may be wanted again.

use super::hand::{Hand, Key};
use crate::compose::LiveControls;
use crate::convert::RunCard;
use crate::error::{Error, Result};
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
    styles: Vec<StyleChoice>,
    format: FrameFormat,
    controls: LiveControls,
    card: RunCard,
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
        styles: Vec<StyleChoice>,
        format: FrameFormat,
        controls: LiveControls,
        meter: Meter,
    ) -> Self {
        let (card, frames) = (RunCard::default(), Pool::new());
        let workshop = Workshop { engine, styles, format, controls, card, frames, meter };
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

    /// Where it is told what cannot be had.
    pub(super) fn meter(&self) -> &Meter {
        &self.workshop.meter
    }
}

impl Workshop {
    fn network(&self, key: Key) -> Result<Network> {
        let style = self.styles.get(key.style);
        let style = style.ok_or_else(|| Error::Internal(format!("there is no style at place {}", key.style)))?;
        if *style == self.engine.style {
            return Network::open_beside(&self.engine);
        }
        // What was said of a model of the user's own holds for that alone.
        let overrides = SpecOverrides::default();
        Network::open_beside(&Engine { style: style.clone(), overrides, ..self.engine.clone() })
    }

    fn hand(&self, key: Key, network: &Network) -> Result<Hand> {
        let format = FrameFormat { size: key.net, ..self.format };
        let (controls, card) = (self.controls.clone(), self.card.clone());
        let stylizer = network.live(&self.engine, format, controls, card, &self.meter)?;
        Ok(Hand::new(key, network.label(), network.bytes_at(key.net), stylizer, &self.frames))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, PixelFormat, Size};
    use crate::model::ValueRange;
    use crate::options::Provider;

    #[test]
    fn each_place_has_its_network_and_that_of_the_users_own_model_is_opened_as_at_the_start() {
        let own = StyleChoice::File(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/models/no_range.onnx").into());
        let overrides = SpecOverrides { range: Some(ValueRange::Unit), ..SpecOverrides::default() };
        let engine = Engine { style: own.clone(), overrides, provider: Provider::Cpu, ..Engine::default() };
        let label = Network::open(&engine).unwrap().label();
        let net = Size::new(6, 4);
        let format = FrameFormat { size: net, pixels: PixelFormat::I420, colour: Colour::assumed_for(net) };
        let styles = vec![StyleChoice::Zoo(Some("udnie".into())), own];
        let atelier = Atelier::new(engine, styles, format, LiveControls::default(), Meter::new());
        let network = |style| atelier.workshop.network(Key { style, net });
        assert_eq!([0, 1].map(|style| network(style).unwrap().label()), ["udnie".into(), label]);
        assert!(network(2).is_err());
    }
}
