//! The shape of the picture: whatever a file holds, an upright, opaque, progressive picture of one size comes out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

#[path = "shape/alpha.rs"]
mod alpha;
#[path = "shape/changes.rs"]
mod changes;
#[path = "shape/covers.rs"]
mod covers;
#[path = "shape/fields.rs"]
mod fields;
#[path = "shape/sizes.rs"]
mod sizes;
#[path = "shape/stills.rs"]
mod stills;
