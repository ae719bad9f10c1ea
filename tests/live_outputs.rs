//! Where live frames go beside the window: a virtual camera, a recording, a stream. Another reader of PipeWire stands in for
//! the conference program, a listener of FFmpeg or GStreamer for the server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

#[path = "live_outputs/camera.rs"]
mod camera;
#[path = "live_outputs/filter.rs"]
mod filter;
#[path = "live_outputs/recording.rs"]
mod recording;
#[path = "live_source/session.rs"]
mod session;
#[path = "live_outputs/stream.rs"]
mod stream;
