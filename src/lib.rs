//! A video goes in, a moving painting comes out.
//!
//! ```text
//!          one gst::Pipeline                                                      the same gst::Pipeline
//! file ─┐                        ┌──────────── Stylizer (no GStreamer inside) ───────────┐
//!       ├─ demux ─ decode ─ appsink ─► pack ──► infer ──► compose ──► unpack ─► appsrc ─ encode ─ mux ─ file
//! still ┘     │                  (YUV→tensor)  (ORT)  (strength, colour) (→YUV)                    │
//!             └─ audio: parsed, never decoded, never in Rust ──────────────────────────────────────┘
//! ```
//!
//! The modules stand in the order in which a frame meets them.

pub mod frame;
pub mod pool;
pub mod tensor;

pub mod pattern;
mod about;
mod isobmff;
mod matroska;
pub mod resume;
pub mod source;
pub mod convert;
pub mod model;
pub mod compose;
pub mod stabilise;
pub mod sink;
#[doc(hidden)]
pub mod gpu;

pub mod flow;
pub mod stylizer;
pub mod memory;
pub mod job;
pub mod live;
pub mod report;
#[doc(hidden)]
pub mod bench;
pub mod error;

// For the programs of this package.
#[doc(hidden)]
pub mod progress;
#[doc(hidden)]
pub mod doctor;
#[doc(hidden)]
pub mod sandbox;
#[doc(hidden)]
pub mod fuzz;
#[doc(hidden)]
pub mod cli;

// What tests of the library share with those beside it calls it by its name.
#[cfg(test)]
extern crate self as stylize;

pub use error::{Error, Result};
pub use flow::{Flow, Sink, Source, Stage, Stop};
pub use frame::{Frame, FrameFormat, Size, Timed};
pub use job::{Job, Observer, Output, Plan};
pub use model::{Model, Provider, Runtime};
pub use report::{Meter, Report};
pub use stylizer::Stylizer;
