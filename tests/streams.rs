//! Time and streams: what comes out lies where it lay, every track is there, and says what it said. FFmpeg makes the
//! files and judges what becomes of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

#[path = "streams/said.rs"]
mod said;
#[path = "streams/subtitles.rs"]
mod subtitles;
#[path = "streams/time.rs"]
mod time;
#[path = "streams/tracks.rs"]
mod tracks;
