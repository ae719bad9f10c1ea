//! A file at its own pace, what comes from an address, and the screen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::feed::{Feed, Intake, Pace};
use super::keeper::{self, Origin, WATCH};
use super::{Live, USUAL};
use crate::error::{Error, Result, SourceError};
use crate::flow::Stop;
use crate::media::element;
use crate::media::pipeline::{Failure, STALL};
use crate::options::{ADDRESS_SCHEMES, Mode};
use crate::report::Meter;
use crate::source::check_readable;
use crate::source::demux::unreadable;

/// How long a first frame may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is on the web may be a recording that pauses, or a camera that is gone: it counts as lost when it gave nothing for so long.
const WEB_WATCH: Duration = Duration::from_secs(10);

/// Time between two attempts to open it again.
const ATTEMPTS: Duration = Duration::from_secs(1);

/// What RTSP packets that come late are waited for, in milliseconds.
const JITTER_MS: u32 = 200;

/// Opens the file at `path`, which is played once, or again and again if it `repeats`.
pub(super) fn open_file(path: &Path, repeats: bool, stop: &Stop, meter: &Meter) -> Result<Live> {
    check_readable(path)?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let absolute = std::path::absolute(path).map_err(|error| SourceError::open(path, &error))?;
    let uri = gst::glib::filename_to_uri(&absolute, None)
        .map_err(|error| SourceError::Open { path: path.into(), reason: error.to_string() })?;
    let recorded = Recorded { path: path.into(), name, uri: uri.into(), repeats };
    let feed = Feed::start(recorded.intake()?, Pace::Time, &recorded.name)?;
    keeper::open(Box::new(recorded), feed, stop, meter)
}

/// Opens what comes from `address`.
pub(super) fn open_address(address: &str, stop: &Stop, meter: &Meter) -> Result<Live> {
    let (scheme, rest) = address.split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    if !ADDRESS_SCHEMES.contains(&scheme.as_str()) || rest.is_empty() {
        let known = ADDRESS_SCHEMES.map(|scheme| format!("{scheme}://")).join(", ");
        return Err(Error::Usage(format!("{:?} is no address of {known}", without_password(address))));
    }
    // What is on the web may be a recording as well: it is played by its own time, and has an end.
    let is_recorded = scheme.starts_with("http");
    let pace = if is_recorded { Pace::Time } else { Pace::Arrival };
    let name = without_password(address);
    let remote = Remote { address: address.into(), name, pace, ends: is_recorded, next_attempt: Instant::now() };
    let feed = Feed::start(remote.intake()?, pace, &remote.name)?;
    keeper::open(Box::new(remote), feed, stop, meter)
}

/// `rtsp://user:secret@host/path` without user and secret.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.into() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Opens the screen, whole, at the rate of `mode`.
pub(super) fn open_screen(mode: Option<Mode>, stop: &Stop, meter: &Meter) -> Result<Live> {
    let screen = Screen { mode, next_attempt: Instant::now() };
    let feed = screen.feed()?;
    keeper::open(Box::new(screen), feed, stop, meter)
}

/// What shows the streams behind `uri`.
fn streams(uri: &str) -> Result<gst::Element, SourceError> {
    let source = element("uridecodebin")?;
    source.set_property("uri", uri);
    // Into memory that everybody can read, whoever decodes.
    source.set_property("caps", gst::Caps::new_empty_simple("video/x-raw"));
    source.connect("source-setup", false, |values| {
        let reader = values.get(1).and_then(|value| value.get::<gst::Element>().ok())?;
        if reader.factory().is_some_and(|factory| factory.name() == "rtspsrc") {
            reader.set_property("latency", JITTER_MS);
            reader.set_property("drop-on-latency", true);
        }
        None
    });
    Ok(source)
}

/// Whether it is time for another attempt; then the next is put off.
fn is_due(next_attempt: &mut Instant) -> bool {
    let is_due = Instant::now() >= *next_attempt;
    if is_due {
        *next_attempt = Instant::now() + ATTEMPTS;
    }
    is_due
}

/// A file: what it does not give any more does not come again.
struct Recorded {
    path: PathBuf,
    name: String,
    uri: String,
    /// When it has ended, it begins anew.
    repeats: bool,
}

impl Recorded {
    fn intake(&self) -> Result<Intake, SourceError> {
        streams(&self.uri).map(Intake::Streams)
    }
}

impl Origin for Recorded {
    fn name(&self) -> &str {
        &self.name
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// It has pauses of its own, and tells its end.
    fn watch(&self) -> Duration {
        STALL
    }

    fn next_round(&self) -> Result<Option<Feed>, SourceError> {
        self.repeats.then(|| Feed::go_on(self.intake()?, Pace::Time, &self.name)).transpose()
    }

    fn ends(&self, _failed: bool) -> bool {
        true
    }

    fn again(&mut self, _held: bool) -> Option<Feed> {
        None
    }

    fn refusal(&self, failure: Option<&Failure>, missing: Option<String>) -> Error {
        refused(&self.path, failure, missing)
    }
}

/// The error of a stream that gives no picture.
fn refused(path: &Path, failure: Option<&Failure>, missing: Option<String>) -> Error {
    let path = path.to_path_buf();
    match (missing, failure) {
        (Some(codec), _) => SourceError::NoDecoder { path, codec }.into(),
        (None, Some(failure)) => unreadable(&path, failure).into(),
        (None, None) => SourceError::NoVideo { path, what: String::new() }.into(),
    }
}

/// What comes from an address.
struct Remote {
    address: String,
    /// The address, for everybody's eyes.
    name: String,
    pace: Pace,
    ends: bool,
    next_attempt: Instant,
}

impl Remote {
    fn intake(&self) -> Result<Intake, SourceError> {
        streams(&self.address).map(Intake::Streams)
    }
}

impl Origin for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn watch(&self) -> Duration {
        match self.pace {
            Pace::Arrival => WATCH,
            Pace::Time => WEB_WATCH,
        }
    }

    fn ends(&self, failed: bool) -> bool {
        self.ends && !failed
    }

    fn again(&mut self, held: bool) -> Option<Feed> {
        if held || !is_due(&mut self.next_attempt) {
            return None;
        }
        Feed::go_on(self.intake().ok()?, self.pace, &self.name).ok()
    }

    fn refusal(&self, failure: Option<&Failure>, missing: Option<String>) -> Error {
        match (failure, &missing) {
            (None, None) => SourceError::Stalled { path: self.name.clone().into(), seconds: PATIENCE.as_secs() }.into(),
            (Some(failure), None) if !failure.not_media => {
                SourceError::Open { path: self.name.clone().into(), reason: failure.text.clone() }.into()
            }
            _ => refused(Path::new(&self.name), failure, missing),
        }
    }
}

/// The screen.
struct Screen {
    mode: Option<Mode>,
    next_attempt: Instant,
}

impl Screen {
    /// The element that films it here.
    fn element() -> Result<gst::Element> {
        let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let device = |text: &str| Error::Device(text.into());
        let (factory, settings): (_, &[(&str, &str)]) = if cfg!(target_os = "macos") {
            ("avfvideosrc", &[("capture-screen", "true"), ("capture-screen-cursor", "true")])
        } else if cfg!(windows) {
            ("d3d11screencapturesrc", &[("show-cursor", "true")])
        } else if has("WAYLAND_DISPLAY") {
            return Err(device(
                "a Wayland session does not let programs film its screen; film a window of OBS, or use X11",
            ));
        } else if has("DISPLAY") {
            ("ximagesrc", &[("use-damage", "false"), ("show-pointer", "true")])
        } else {
            return Err(device("there is no screen to film: no DISPLAY is set"));
        };
        let source = element(factory)?;
        settings.iter().for_each(|(name, value)| source.set_property_from_str(name, value));
        Ok(source)
    }

    fn feed(&self) -> Result<Feed> {
        let rate = self.mode.unwrap_or(USUAL).rate;
        let side = |number: std::num::NonZeroU32| i32::try_from(number.get()).unwrap_or(i32::MAX);
        let rate = gst::Fraction::new(side(rate.frames), side(rate.seconds));
        let filter = element("capsfilter")?;
        filter.set_property("caps", gst::Caps::builder("video/x-raw").field("framerate", rate).build());
        let mut chain = vec![Self::element()?, filter];
        if let Some(Mode { size, .. }) = self.mode {
            let sized = element("capsfilter")?;
            let (width, height) = (size.width.cast_signed(), size.height.cast_signed());
            let caps = gst::Caps::builder("video/x-raw").field("width", width).field("height", height);
            sized.set_property("caps", caps.field("pixel-aspect-ratio", gst::Fraction::new(1, 1)).build());
            chain.extend([element("videoscale")?, sized]);
        }
        Ok(Feed::start(Intake::Chain(chain), Pace::Arrival, self.name())?)
    }
}

impl Origin for Screen {
    fn name(&self) -> &str {
        "screen"
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn ends(&self, _failed: bool) -> bool {
        false
    }

    fn again(&mut self, held: bool) -> Option<Feed> {
        if held || !is_due(&mut self.next_attempt) { None } else { self.feed().ok() }
    }

    fn refusal(&self, failure: Option<&Failure>, _missing: Option<String>) -> Error {
        let reason = failure.map_or("it gives no frame", |failure| &failure.text);
        Error::Device(format!("the screen cannot be filmed: {reason}; film a camera, or --camera test"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_streams_are_opened() {
        for address in ["file:///etc/passwd", "v4l2:///dev/video0", "in.mp4", "rtsp://", "://x", "rtmp://host/a"] {
            let error = open_address(address, &Stop::new(), &Meter::new()).err().unwrap();
            assert_eq!(error.exit_code(), 2, "{address}: {error}");
        }
    }

    #[test]
    fn secrets_are_not_said() {
        for (address, shown) in [
            ("rtsp://user:p@ss@host:554/a@b?c", "rtsp://host:554/a@b?c"),
            ("srt://host:9000", "srt://host:9000"),
            ("https://host/path", "https://host/path"),
            ("a file", "a file"),
        ] {
            assert_eq!(without_password(address), shown);
        }
    }
}
