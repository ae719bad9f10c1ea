//! Where frames go.

use std::path::PathBuf;

mod container;

pub use container::Container;

/// The output cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The place cannot be written to.
    #[error("cannot write {path:?}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
}
