//! The window: what it shows, pixel by pixel, and what it does when keys are pressed.
//!
//! Pixels are checked on a texture, which needs an adapter (Mesa's llvmpipe is one); the window itself in a display of
//! its own (Xvfb). Where one is missing, a test says so.
#![allow(clippy::unwrap_used, reason = "a test says where it failed")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

#[path = "window/display.rs"]
mod display;
#[path = "window/picture.rs"]
mod picture;
