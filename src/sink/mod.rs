//! Where frames go.

/// The output cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// To be replaced.
    #[error("{0}")]
    Other(String),
}
