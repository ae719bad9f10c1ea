//! A file at its own pace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gst::prelude::*;

use super::Live;
use super::feed::{Feed, Intake, Pace};
use super::keeper::{self, Origin};
use crate::error::{Error, Result};
use crate::flow::Stop;
use crate::report::Meter;
use crate::source::SourceError;
use crate::source::demux::{element, unreadable};
use crate::source::pipeline::{Failure, check_readable};

/// Opens the file at `path`.
pub(super) fn open_file(path: &Path, stop: &Stop, meter: &Meter) -> Result<Live> {
    check_readable(path)?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let absolute = std::path::absolute(path).map_err(|error| SourceError::open(path, &error))?;
    let uri = gst::glib::filename_to_uri(&absolute, None)
        .map_err(|error| SourceError::Open { path: path.into(), reason: error.to_string() })?;
    let feed = Feed::start(Intake::Streams(streams(&uri)?), Pace::Time, &name)?;
    keeper::open(Box::new(Recorded { path: path.into(), name }), feed, stop, meter)
}

/// What shows the streams behind `uri`.
fn streams(uri: &str) -> Result<gst::Element, SourceError> {
    let source = element("uridecodebin")?;
    source.set_property("uri", uri);
    source.set_property("caps", gst::Caps::new_empty_simple("video/x-raw"));
    Ok(source)
}

/// A file: what it does not give any more does not come again.
struct Recorded {
    path: PathBuf,
    name: String,
}

impl Origin for Recorded {
    fn name(&self) -> &str {
        &self.name
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(20)
    }

    fn ends(&self) -> bool {
        true
    }

    fn again(&mut self, _held: bool) -> Option<Feed> {
        None
    }

    fn refusal(&self, failure: Option<&Failure>, missing: Option<String>) -> Error {
        let path = self.path.clone();
        match (missing, failure) {
            (Some(codec), _) => SourceError::NoDecoder { path, codec }.into(),
            (None, Some(failure)) => unreadable(&path, failure).into(),
            (None, None) => SourceError::NoVideo { path, what: String::new() }.into(),
        }
    }
}
