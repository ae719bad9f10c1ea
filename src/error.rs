//! What can go wrong, and the exit code that says so.

use crate::model::ModelError;
use crate::sink::SinkError;
use crate::source::SourceError;

/// Result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of a job. Its text is one line: what, which file or option, what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request contradicts itself or cannot be meant.
    #[error("{0}")]
    Usage(String),
    /// The input cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The output cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The model or the runtime cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A camera, a display or a graphics card cannot be used.
    #[error("{0}")]
    Device(String),
    /// A fault of this program.
    #[error("{0}; this is a fault of stylize, please report it")]
    Internal(String),
}

impl Error {
    /// Exit code of a program that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Source(SourceError::Stopped | SourceError::StoppedResuming) => 130,
            Self::Source(_) => 3,
            Self::Sink(error) if error.is_of_input() => 3,
            Self::Sink(_) => 4,
            Self::Model(_) => 5,
            Self::Device(_) => 6,
            Self::Internal(_) => 70,
        }
    }
}
