//! What can go wrong, and the exit code that says so.

use std::any::Any;
use std::fmt;

mod model;
mod sink;
mod source;

pub use model::{ModelError, Origin, SpecError};
pub use sink::SinkError;
pub use source::SourceError;

/// Result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of a job. Its text is one line: what, which file or option, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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

/// An I/O error in plain words, without the errno.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "no such file or directory".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::StorageFull => "no space left on the disk".into(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        _ => match error.to_string().split_once(" (os error") {
            Some((reason, _)) => reason.to_lowercase(),
            None => error.to_string(),
        },
    }
}

/// What a panic says.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic")
}

/// What is needed and what there is, for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Needed.
    pub bytes: u64,
    /// There.
    pub limit_bytes: u64,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        let (needed, there) = (gigabytes(self.bytes), gigabytes(self.limit_bytes));
        write!(f, "about {needed:.1} GB of memory, and {there:.1} GB can be had")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_io_error_has_no_number_in_it() {
        let reason = |errno| io_reason(&io::Error::from_raw_os_error(errno));
        assert_eq!(reason(2), "no such file or directory");
        assert_eq!(reason(5), "input/output error");
        // Tempfile says where it was, too.
        let within = io::Error::other(format!("{} at path \"/x\"", io::Error::from_raw_os_error(24)));
        assert_eq!(io_reason(&within), "too many open files");
        assert_eq!(io_reason(&io::Error::other("Mine.MP4 is odd")), "Mine.MP4 is odd");
        assert_eq!(io_reason(&io::ErrorKind::IsADirectory.into()), "is a directory");
    }
}
