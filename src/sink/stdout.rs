//! Standard output, for a video that another program reads as it comes: Matroska without an index.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::encoder::make;
use crate::error::{Error, Result, SinkError};

/// Its name in messages.
pub(super) const NAME: &str = "<stdout>";

/// The name that it is found under where it is a file.
const DEVICE: &str = "/dev/stdout";

/// Makes sure that a video made of `input` can go to standard output.
pub(super) fn check(input: &Path) -> Result<()> {
    if io::stdout().is_terminal() {
        let why = "OUT is -, but stdout is a terminal; pipe it into another program or redirect it into a file";
        return Err(Error::Usage(why.into()));
    }
    if let (Ok(input), Ok(output)) = (input.metadata(), Path::new(DEVICE).metadata())
        && output.is_file()
        && (input.dev(), input.ino()) == (output.dev(), output.ino())
    {
        return Err(Error::Usage("stdout goes into the input itself; redirect it into another file".into()));
    }
    Ok(())
}

/// The element that writes to it.
pub(super) fn element() -> Result<gst::Element, SinkError> {
    use gst::prelude::*;
    let element = make("fdsink", "files", "libgstreamer1.0-0")?;
    element.set_property("fd", io::stdout().as_raw_fd());
    Ok(element)
}

/// Whether nobody reads it any more.
pub(super) fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut asked = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
    let answered = poll(&mut asked, PollTimeout::ZERO).is_ok();
    answered && asked[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
}
