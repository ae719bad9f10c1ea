//! Live sources: files at their own pace, and cameras that come, go, freeze and change. A node of PipeWire stands in for
//! the camera.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

#[path = "live_source/files.rs"]
mod files;
#[path = "live_source/session.rs"]
mod session;
#[path = "live_source/cameras.rs"]
mod cameras;
