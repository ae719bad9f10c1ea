//! A video goes in, a moving painting comes out.
//!
//! ```text
//!          one gst::Pipeline                                                      the same gst::Pipeline
//! file ─┐                        ┌──────────── Stylizer (no GStreamer inside) ───────────┐
//!       ├─ demux ─ decode ─ appsink ─► pack ──► infer ──► compose ──► unpack ─► appsrc ─ encode ─ mux ─ file
//! still ┘     │                  (YUV→tensor)  (ORT)  (strength, colour) (→YUV)                    │
//!             └─ audio: copied, or converted by GStreamer; never in Rust ──────────────────────────┘
//! ```
//!
//! The modules stand in layers: each imports from its own or from those above it.
//!
//! # Using it
//!
//! ```toml
//! [dependencies]
//! stylize = { path = "../stylize" } # a clone of the project
//! ```
//!
//! [`Job::new`] and [`job::run`] stylize a clip; [`Studio::stylizer`](job::Studio::stylizer) paints frames that a program has
//! itself. The folder `examples` has a program for each.
//!
//! - To build, the headers of GStreamer 1.22 or newer must be there (`gstreamer-1.0`, `-base`, `-app`, `-video` and `-pbutils`, as
//!   pkg-config finds them); to run, its plugins.
//! - ONNX Runtime 1.24 or newer is loaded when a network is opened, and not linked. `job.engine.runtime` names its library or the
//!   folder that it is in; else `ORT_DYLIB_PATH` does; else it is looked for beside the executable and in other places
//!   ([`Runtime::load_for`] lists them). What `make setup` fetches lies in `.runtime` of the clone, where a program of another
//!   project does not look by itself.

pub mod frame;
pub mod pattern;
pub mod options;
pub mod control;
mod about;
mod text;
mod folders;

pub mod pool;
pub mod tensor;
pub mod colour;
pub mod filter;

mod isobmff;
mod matroska;
pub mod resume;

pub mod error;
pub mod report;
pub mod flow;
mod child;

#[doc(hidden)]
pub mod gpu;
pub mod memory;
pub mod model;
pub mod convert;
pub mod compose;
pub mod stabilise;
pub mod stylizer;

mod media;
pub mod source;
pub mod sink;

pub mod job;
pub mod live;

// For the programs of this package.
#[doc(hidden)]
pub mod bench;
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
pub use job::{Job, Observer, Plan};
pub use model::{Model, Runtime};
pub use options::{Output, Provider};
pub use report::{Meter, Report};
pub use stylizer::Stylizer;
