//! Where frames come from.

pub mod elements;

/// The input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// GStreamer itself does not work.
    #[error("GStreamer cannot be used: {0}; `stylize doctor` says what is missing")]
    Gstreamer(String),
}
