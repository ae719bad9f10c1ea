//! What makes a killed run go on: what it was ([`Identity`]), and what it had done ([`Journal`]).
//!
//! While a video file is written, a journal beside it notes each encoded frame. A run with `--resume` reads both, takes
//! the frames that are whole, and stylizes the rest. Plain data; reading and writing the video itself is the sink's part.

pub mod identity;
pub mod journal;

pub use identity::Identity;
pub use journal::{Journal, Unit};

/// Why what a killed run left is of no use for this one; a phrase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unlike(pub String);
