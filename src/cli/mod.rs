//! The command line: what the user wrote (low: the clap structures), and what is meant by it (high: a
//! [`Job`](crate::job::Job)). Each program is one structure that implements [`Program`].

mod batch;
mod conduct;
mod encoding;
mod ending;
mod facts;
mod groups;
mod manual;
mod naming;
mod program;
mod report_file;
mod sandbox;
mod signals;
mod tool;
mod value;
mod video;
mod webcam;

pub use program::{Program, main};
pub use tool::ToolArgs;
pub use video::VideoArgs;
pub use webcam::WebcamArgs;
