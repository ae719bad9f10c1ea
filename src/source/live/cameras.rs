//! Which cameras there are. Drivers crash: they are asked in a process of its own.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use gst::prelude::*;
use serde::{Deserialize, Serialize};

use super::choice;
use super::modes::{self, Coding, Offer, Span};
use crate::child::{Asked, Silence};
use crate::error::{Error, Result, SourceError, io_reason};
use crate::flow::Stop;
use crate::frame::FrameRate;
use crate::media::pipeline::{self, POLL};
use crate::options::CameraChoice;

/// The verb of `stylize` that prints [`list`].
pub const VERB: &str = "camera-list";

/// Who has not answered by then does not any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// More than any camera offers.
const MOST_OFFERS: usize = 2000;

/// Rates above are none.
const MOST_FPS: i32 = 1000;

/// What tells a camera from another of the same name, in the order of trust.
const IDENTITIES: [&str; 6] =
    ["node.name", "object.path", "api.libcamera.path", "device.bus_path", "device.path", "device.unique-id"];

/// What is the program's own is no camera.
const OURS: &str = "stylize";

/// A camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// As its driver calls it.
    pub name: String,
    /// What stays the same when it is unplugged and plugged in again.
    pub(super) identity: String,
    /// The element of GStreamer that films with it.
    pub(super) element: String,
    /// Properties of that element, as text.
    pub(super) properties: Vec<(String, String)>,
    pub(super) offers: Vec<Offer>,
}

impl Camera {
    /// Its modes for reading, a line a size, the largest first.
    pub fn modes(&self) -> Vec<String> {
        modes::in_words(&self.offers)
    }

    /// Whether `other` is opened in the same way.
    pub(super) fn is_at_the_place_of(&self, other: &Self) -> bool {
        (&self.element, &self.properties) == (&other.element, &other.properties)
    }
}

/// All cameras that GStreamer's providers show. A driver that crashes takes this process along.
///
/// # Errors
/// When GStreamer does not start.
pub fn list() -> Result<Vec<Camera>, SourceError> {
    pipeline::init()?;
    let monitor = gst::DeviceMonitor::new();
    monitor.add_filter(Some("Video/Source"), None);
    monitor.start().map_err(|error| SourceError::Gstreamer(error.to_string()))?;
    let devices = monitor.devices();
    monitor.stop();
    let ours = |device: &gst::Device| {
        let name = device.properties().and_then(|known| known.get::<String>("node.name").ok());
        name.is_some_and(|name| name.starts_with(OURS))
    };
    Ok(devices.iter().filter(|device| !ours(device)).filter_map(camera).collect())
}

/// The list, for another process.
pub fn to_json(cameras: &[Camera]) -> String {
    serde_json::to_string(cameras).unwrap_or_default()
}

fn camera(device: &gst::Device) -> Option<Camera> {
    let element = device.create_element(None).ok()?;
    let known = device.properties();
    let known = |name: &str| known.as_ref().and_then(|known| known.get::<String>(name).ok());
    let name = device.display_name().to_string();
    let identity = IDENTITIES.iter().find_map(|name| known(name)).unwrap_or_else(|| name.clone());
    let offers = device.caps().map(|caps| offers(&caps)).unwrap_or_default();
    let (properties, element) = (properties(&element), element.factory()?.name().to_string());
    Some(Camera { name, identity, element, properties, offers })
}

/// What of `element` is set otherwise than usual.
fn properties(element: &gst::Element) -> Vec<(String, String)> {
    let flags = gst::glib::ParamFlags::READWRITE;
    let specs = element.list_properties().into_iter();
    let settable = specs.filter(|spec| spec.flags().contains(flags) && !["name", "parent"].contains(&spec.name()));
    let set = settable.filter_map(|spec| {
        let value = element.property_value(spec.name());
        let usual = spec.default_value();
        // Two values that cannot be compared are not the same.
        if value.compare(usual) == Some(std::cmp::Ordering::Equal) {
            return None;
        }
        Some((spec.name().to_owned(), value.serialize().ok()?.to_string()))
    });
    set.collect()
}

/// What `caps` of a camera say that frames can be made of.
fn offers(caps: &gst::CapsRef) -> Vec<Offer> {
    let mut offers = Vec::new();
    for (structure, features) in caps.iter_with_features() {
        if !features.is_any() && !features.contains("memory:SystemMemory") {
            continue;
        }
        for coding in codings(structure) {
            for width in spans(structure, "width") {
                for height in spans(structure, "height") {
                    for rates in rates(structure) {
                        let offer = Offer { coding: coding.clone(), width, height, rates };
                        if offers.len() < MOST_OFFERS && !offers.contains(&offer) {
                            offers.push(offer);
                        }
                    }
                }
            }
        }
    }
    offers
}

fn codings(structure: &gst::StructureRef) -> Vec<Coding> {
    match structure.name().as_str() {
        "video/x-raw" => match structure.value("format") {
            Ok(value) => each(value, |value| value.get::<String>().ok()).into_iter().map(Coding::Raw).collect(),
            Err(_) => vec![Coding::Raw(String::new())],
        },
        "image/jpeg" => vec![Coding::Jpeg],
        "video/x-h264" => vec![Coding::H264],
        _ => Vec::new(),
    }
}

/// What `get` makes of `value`, or of each in it if it is a list.
fn each<T>(value: &gst::glib::SendValue, get: impl Fn(&gst::glib::SendValue) -> Option<T>) -> Vec<T> {
    match value.get::<gst::List>() {
        Ok(list) => list.iter().filter_map(get).collect(),
        Err(_) => get(value).into_iter().collect(),
    }
}

fn spans(structure: &gst::StructureRef, field: &str) -> Vec<Span> {
    let side = |number: i32| u32::try_from(number).ok().filter(|number| *number > 0);
    let Ok(value) = structure.value(field) else {
        return vec![Span { least: 1, most: i16::MAX.cast_unsigned().into(), step: 1 }];
    };
    each(value, |value| match value.get::<gst::IntRange<i32>>() {
        Ok(range) => {
            Some(Span { least: side(range.min().max(1))?, most: side(range.max())?, step: side(range.step())? })
        }
        Err(_) => value.get::<i32>().ok().and_then(side).map(Span::one),
    })
}

/// Rates from and to; none where the camera does not say, or says that any will do.
fn rates(structure: &gst::StructureRef) -> Vec<Option<[FrameRate; 2]>> {
    let Ok(value) = structure.value("framerate") else { return vec![None] };
    each(value, |value| match value.get::<gst::FractionRange>() {
        Ok(range) => {
            let (least, most) = (range.min(), range.max());
            let least = rate(least).or_else(|| rate(gst::Fraction::new(1, 1)));
            Some(least.zip(rate(most)).map(|(least, most)| [least, most]))
        }
        Err(_) => value.get::<gst::Fraction>().ok().map(|one| rate(one).map(|rate| [rate; 2])),
    })
}

fn rate(fraction: gst::Fraction) -> Option<FrameRate> {
    let plausible = fraction.numer() / fraction.denom().max(1) <= MOST_FPS;
    super::nominal(fraction).filter(|_| plausible)
}

/// Asks for the list in a process of its own, which is looked at now and then, and never waited for.
pub(super) struct Enquiry {
    /// Or, between two attempts, when the last one ended.
    asked: Result<Asked, Instant>,
    /// From 0. After the first, libcamera is left out, whose provider crashes in some versions.
    attempt: u32,
}

/// How often drivers may crash: who asks PipeWire while it is just coming up has been seen to die.
const ATTEMPTS: u32 = 3;
/// Time before attempts behind the second.
const PAUSE: Duration = Duration::from_millis(300);

impl Enquiry {
    /// Asks.
    ///
    /// # Errors
    /// When there is no such process to be had; the text says why.
    pub(super) fn begin() -> Result<Self, String> {
        Ok(Self { asked: Ok(asked(false)?), attempt: 0 })
    }

    /// The answer, once it is there.
    pub(super) fn answer(&mut self) -> Option<Result<Vec<Camera>, String>> {
        let asked = match &mut self.asked {
            Ok(asked) => asked,
            Err(ended) if ended.elapsed() < PAUSE * (self.attempt - 1) => return None,
            Err(_) => return self.ask_again().err().map(Err),
        };
        let silence = match asked.answer()? {
            Ok(cameras) => return Some(Ok(cameras)),
            Err(silence) => silence,
        };
        self.attempt += 1;
        let reason = silence.words("a camera driver");
        if !matches!(silence, Silence::Ended(_)) || self.attempt == ATTEMPTS {
            return Some(Err(reason));
        }
        tracing::debug!("listing the cameras: {reason}; once more, without libcamera");
        self.asked = Err(Instant::now());
        None
    }

    fn ask_again(&mut self) -> Result<(), String> {
        // Where libcamera crashes, it does so each time.
        self.asked = Ok(asked(true)?);
        Ok(())
    }
}

/// Asks; a `careful` one leaves libcamera out.
fn asked(careful: bool) -> Result<Asked, String> {
    let mut command = Command::new(helper()?);
    if careful {
        command.env("GST_PLUGIN_FEATURE_RANK", "libcameraprovider:NONE");
    }
    Asked::begin(command.arg(VERB), PATIENCE)
}

/// The program `stylize`: this one, or beside it; tests of cargo lie one folder below.
fn helper() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| io_reason(&error))?;
    let name = format!("stylize{}", std::env::consts::EXE_SUFFIX);
    let folders = this.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(&name)).find(|program| program.is_file());
    found.ok_or_else(|| format!("the program {name} is not beside {}", this.display()))
}

/// The cameras that are here: one at least.
///
/// # Errors
/// [`Error::Device`] when there is none, with what to do, or when they cannot be listed.
pub fn present(stop: &Stop) -> Result<Vec<Camera>> {
    let cameras = ask(stop)?;
    choice::choose(&cameras, &CameraChoice::First)?;
    Ok(cameras)
}

/// The cameras, as a process of its own lists them.
///
/// # Errors
/// [`Error::Device`] when it does not answer, even without the drivers that are known to crash.
pub(super) fn ask(stop: &Stop) -> Result<Vec<Camera>> {
    let failed = |reason: String| Error::Device(format!("the cameras could not be listed: {reason}"));
    let mut enquiry = Enquiry::begin().map_err(failed)?;
    loop {
        if let Some(answer) = enquiry.answer() {
            return answer.map_err(failed);
        }
        if stop.asked() {
            return Err(SourceError::Stopped.into());
        }
        std::thread::sleep(POLL / 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(caps: &str) -> Vec<String> {
        pipeline::init().unwrap();
        modes::in_words(&offers(&caps.parse::<gst::Caps>().unwrap()))
    }

    #[test]
    fn caps_of_a_webcam_become_offers() {
        let caps = "video/x-raw, format=YUY2, width=1280, height=720, framerate={ (fraction)10/1, (fraction)5/1 }; \
                    image/jpeg, width=1280, height=720, framerate=30/1; video/x-h264, width=640, height=480, framerate=30/1; \
                    video/x-bayer, format=bggr, width=640, height=480, framerate=30/1";
        assert_eq!(words(caps), ["1280x720   YUY2 10, 5; MJPEG 30", "640x480    H.264 30"]);
    }

    #[test]
    fn spans_and_what_is_left_open_become_offers() {
        let caps =
            "video/x-raw, format={ NV12, I420 }, width=[ 32, 640, 32 ], height=[ 32, 480 ], framerate=[ 0/1, 30/1 ]";
        assert_eq!(words(caps), ["(32-640)x(32-480)  I420 1-30; NV12 1-30"]);
        assert_eq!(words("video/x-raw, width=64, height=48, framerate=0/1"), ["64x48      raw"]);
        assert_eq!(words("video/x-raw, width=64, height=48, framerate=[ 0/1, 2147483647/1 ]"), ["64x48      raw"]);
        assert_eq!(words("video/x-raw"), ["(1-32767)x(1-32767)  raw"]);
        assert_eq!(words("video/x-raw(memory:DMABuf), width=64, height=48"), Vec::<String>::new());
        assert_eq!(words("ANY"), Vec::<String>::new());
    }

    #[test]
    fn a_list_survives_the_way_between_processes() {
        pipeline::init().unwrap();
        let caps: gst::Caps = "image/jpeg, width=1280, height=720, framerate=30000/1001".parse().unwrap();
        let camera = Camera {
            name: "a \"b\"\n".into(),
            identity: "usb-1".into(),
            element: "v4l2src".into(),
            properties: vec![("device".into(), "/dev/video0".into())],
            offers: offers(&caps),
        };
        let list = vec![camera];
        assert_eq!(serde_json::from_str::<Vec<Camera>>(&to_json(&list)).unwrap(), list);
    }

    #[test]
    fn what_is_set_otherwise_than_usual_is_remembered() {
        pipeline::init().unwrap();
        let element = gst::ElementFactory::make("videotestsrc").property("num-buffers", 7).build().unwrap();
        element.set_property_from_str("pattern", "ball");
        let mut set = properties(&element);
        set.sort();
        let expected = [("num-buffers", "7"), ("pattern", "ball")];
        assert_eq!(set, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
