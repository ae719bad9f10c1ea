//! Whether PipeWire runs, and whether it is still the one that ran before.

use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The socket of a daemon: another file once another daemon has made it. File systems give the number of a file that is gone
/// to the next one, so the moment at which it was made counts as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Daemon {
    device: u64,
    inode: u64,
    changed_nanos: i128,
}

impl Daemon {
    /// The one that runs, if one does.
    pub(super) fn running() -> Option<Self> {
        let meta = std::fs::metadata(socket()?).ok()?;
        let changed_nanos = i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
        Some(Self { device: meta.dev(), inode: meta.ino(), changed_nanos })
    }
}

/// Where the socket is, by PipeWire's own rules.
fn socket() -> Option<PathBuf> {
    let name = env::var_os("PIPEWIRE_REMOTE").unwrap_or_else(|| "pipewire-0".into());
    if PathBuf::from(&name).is_absolute() {
        return Some(name.into());
    }
    let folder = env::var_os("PIPEWIRE_RUNTIME_DIR").or_else(|| env::var_os("XDG_RUNTIME_DIR"))?;
    Some(PathBuf::from(folder).join(name))
}

/// Whether a camera of PipeWire can be had.
///
/// # Errors
/// Why not, and what to do.
pub(super) fn check() -> Result<(), String> {
    if gst::ElementFactory::find("pipewiresink").is_none() {
        return Err("GStreamer has no pipewiresink: install gstreamer1.0-pipewire".into());
    }
    match Daemon::running() {
        Some(_) => Ok(()),
        None => Err("PipeWire does not run in this session: start pipewire and wireplumber".into()),
    }
}
