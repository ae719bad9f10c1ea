//! The graphics card that tests use, or the program that imitates one.

use std::sync::OnceLock;

use stylize::gpu::card::Card;
use stylize::gpu::context::{Choice, Wanted};

/// A card of its own for a test that breaks it. None where there is no adapter: then the test says "skipped", or fails if
/// `STYLIZE_REQUIRE_GPU` is 1.
pub fn open() -> Option<Card> {
    let opened = Card::open(&Choice { wanted: Wanted::Best, software: true });
    let required = std::env::var_os("STYLIZE_REQUIRE_GPU").is_some_and(|value| value == "1");
    match opened {
        Ok(card) => Some(card),
        Err(error) if required => panic!("STYLIZE_REQUIRE_GPU is 1, but {error}"),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// The card that all tests of a program share.
pub fn shared() -> Option<Card> {
    static CARD: OnceLock<Option<Card>> = OnceLock::new();
    CARD.get_or_init(open).clone()
}
