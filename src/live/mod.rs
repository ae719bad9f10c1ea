//! The live filter: camera → stylizer → window, virtual camera and recording, all at once.
//!
//! ```text
//! camera ──newest──► painter ──► fan ─┬─ window (main thread)
//!                       ▲             ├─ virtual camera, stream: beside the flow, the newest frame
//!                 desk (wishes)       └─ recording: beside the flow, every frame
//! ```
//!
//! The painter works on one frame at a time, with all cores: what waits is latency. It changes hands (a style, a size of
//! the network) without a gap: the new one is made ready beside the flow, and one painting fades into the other.

mod atelier;
mod desk;
mod fan;
mod hand;
mod job;
mod ladder;
mod painter;
mod run;

pub use job::LiveJob;
pub use run::run;
