//! Where frames come from.

/// The input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// To be replaced.
    #[error("{0}")]
    Other(String),
}

pub mod test_pattern;
