//! The main job: a clip goes in, a clip comes out, with every frame once, at its time, in its colours, with its sound.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

#[path = "video/endings.rs"]
mod endings;
#[path = "video/folder.rs"]
mod folder;
#[path = "video/formats.rs"]
mod formats;
#[path = "video/hdr.rs"]
mod hdr;
#[path = "video/messages.rs"]
mod messages;
#[path = "video/names.rs"]
mod names;
#[path = "video/options.rs"]
mod options;
#[path = "video/parts.rs"]
mod parts;
#[path = "video/picture.rs"]
mod picture;
#[path = "video/pipes.rs"]
mod pipes;
#[path = "video/refusals.rs"]
mod refusals;
#[path = "video/sequence.rs"]
mod sequence;
#[path = "video/sound.rs"]
mod sound;
#[path = "video/times.rs"]
mod times;
