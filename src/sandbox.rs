//! Confinement of this process, for input that nobody trusts: demuxers and decoders are large, written in C, and read
//! whatever they are given.
//!
//! Two walls, both of the Linux kernel, neither of which comes down again: Landlock leaves of all files only those that
//! the run needs ([`Access`]); seccomp leaves of all system calls those that reading, calculating and writing take, so no
//! network, no other programs, no other processes. What is open already stays open.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;

use std::path::PathBuf;

use crate::error::{Error, Result};

/// What a confined process may still reach. What is not there is left out.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Files, and folders with all that is in them, to read.
    pub read: Vec<PathBuf>,
    /// Folders to read and write in, files in them to make and remove.
    pub write: Vec<PathBuf>,
}

/// Confines this thread, and those that it makes from now on. To confine a process this is called before it has others.
///
/// # Errors
/// When the kernel cannot do it. The thread may be confined in part then: end the program.
#[cfg(target_os = "linux")]
pub fn confine(access: &Access) -> Result<()> {
    use nix::sys::resource::{Resource, setrlimit};

    // What is in memory is not written to a file when the decoder crashes.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|error| failed("core dumps cannot be switched off", &error))?;
    files::confine(access)?;
    calls::confine()
}

/// Confines this thread: on Linux only.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn confine(_access: &Access) -> Result<()> {
    Err(Error::Usage("--sandbox works on Linux only; leave it out".into()))
}

#[cfg(target_os = "linux")]
fn failed(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Device(format!("--sandbox: {what} ({error}); leave it out only for files that you trust"))
}
