//! A camera, opened in the mode that fits best.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::cameras::{self, Camera, Enquiry};
use super::choice::{self, inventory};
use super::feed::{Feed, Intake, Pace};
use super::keeper::{self, Origin};
use super::modes::{self, Chosen, Coding};
use super::{Live, USUAL};
use crate::error::{Error, Result, SourceError};
use crate::flow::Stop;
use crate::frame::{FrameRate, Size};
use crate::media::element;
use crate::media::pipeline::{Access, Failure};
use crate::options::{CameraChoice, Mode};
use crate::report::Meter;
use crate::source::decode::decoder_for;

/// Time between two looks at what cameras there are, while one is missed.
const LOOKS: Duration = Duration::from_secs(1);

/// How long the first frame may take: some cameras find their exposure first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the camera that `choice` means.
pub(super) fn open(choice: &CameraChoice, mode: Option<Mode>, stop: &Stop, meter: &Meter) -> Result<Live> {
    let cameras = cameras::ask(stop)?;
    let camera = choice::choose(&cameras, choice)?.clone();
    let chosen = asked_of(&camera, mode)?;
    let feed = feed(&camera, &chosen)?;
    let wanted = Mode { size: chosen.size, rate: chosen.rate.unwrap_or(USUAL.rate) };
    let inventory = inventory(&cameras);
    let others = cameras.into_iter().map(|camera| camera.identity).filter(|identity| *identity != camera.identity);
    let others = others.collect();
    let origin = Filmed { camera, wanted, inventory, others, enquiry: None, next_look: Instant::now() };
    keeper::open(Box::new(origin), feed, stop, meter)
}

/// What is asked of `camera`: `mode` exactly, or what comes nearest to the usual.
fn asked_of(camera: &Camera, mode: Option<Mode>) -> Result<Chosen> {
    let open = |mode: Mode| Chosen { coding: Coding::Raw(String::new()), size: mode.size, rate: Some(mode.rate) };
    match mode {
        None => Ok(modes::choose(&camera.offers, USUAL).unwrap_or(Chosen {
            size: Size::new(0, 0),
            rate: None,
            ..open(USUAL)
        })),
        Some(mode) if camera.offers.is_empty() => Ok(open(mode)),
        Some(mode) => modes::exactly(&camera.offers, mode).ok_or_else(|| {
            let lines = camera.modes().into_iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            let FrameRate { frames, seconds } = mode.rate;
            let fps = f64::from(frames.get()) / f64::from(seconds.get());
            let modes = lines.collect::<Vec<_>>().join(" | ");
            Error::Device(format!("{:?} does not film {} at {fps} fps; it has {modes}", camera.name, mode.size))
        }),
    }
}

/// A pipeline that films with `camera`.
fn feed(camera: &Camera, chosen: &Chosen) -> Result<Feed, SourceError> {
    let source = element(&camera.element)?;
    for (name, value) in &camera.properties {
        if source.has_property(name) {
            source.set_property_from_str(name, value);
        }
    }
    if source.has_property("always-copy") {
        // The memory of PipeWire goes with the one who lent it, while somebody may still read it.
        source.set_property("always-copy", true);
    }
    let filter = element("capsfilter")?;
    let caps = caps(chosen);
    filter.set_property("caps", &caps);
    let mut chain = vec![source, filter];
    if chosen.coding == Coding::H264 {
        chain.push(element("h264parse")?);
    }
    if !matches!(chosen.coding, Coding::Raw(_)) {
        let decoder = decoder_for(&caps).and_then(|decoder| decoder.create().build().ok());
        chain.push(decoder.ok_or_else(|| SourceError::Gstreamer(format!("no decoder for {}", chosen.coding)))?);
    }
    Feed::start(Intake::Chain(chain), Pace::Arrival, &camera.name)
}

/// What is asked for, as caps. PipeWire gives nothing to who does not say "raw" at least.
fn caps(chosen: &Chosen) -> gst::Caps {
    let mut caps = match &chosen.coding {
        Coding::Raw(layout) if layout.is_empty() => gst::Caps::builder("video/x-raw"),
        Coding::Raw(layout) => gst::Caps::builder("video/x-raw").field("format", layout),
        Coding::Jpeg => gst::Caps::builder("image/jpeg"),
        Coding::H264 => gst::Caps::builder("video/x-h264"),
    };
    let Size { width, height } = chosen.size;
    if width > 0 {
        caps = caps.field("width", width.cast_signed()).field("height", height.cast_signed());
    }
    if let Some(FrameRate { frames, seconds }) = chosen.rate {
        caps = caps.field("framerate", gst::Fraction::new(frames.get().cast_signed(), seconds.get().cast_signed()));
    }
    caps.build()
}

/// A camera that is looked for again when it is missed.
struct Filmed {
    camera: Camera,
    /// The mode that it films in.
    wanted: Mode,
    /// What cameras there were at the start.
    inventory: String,
    /// What tells the others among them from those that came later.
    others: Vec<String>,
    enquiry: Option<Enquiry>,
    next_look: Instant,
}

impl Filmed {
    /// The camera as it is listed now; none while nobody knows, or it is not there.
    fn look(&mut self) -> Option<Camera> {
        if self.enquiry.is_none() && Instant::now() >= self.next_look {
            self.next_look = Instant::now() + LOOKS;
            self.enquiry = Enquiry::begin().ok();
        }
        let answer = self.enquiry.as_mut()?.answer()?;
        self.enquiry = None;
        let cameras = answer.inspect_err(|reason| tracing::debug!("looking for the camera: {reason}")).ok()?;
        self.find(&cameras).cloned()
    }

    /// The camera among `cameras`, be it at another place. One of the same name that was there beside it is another one, which
    /// films what nobody has asked for.
    fn find<'a>(&self, cameras: &'a [Camera]) -> Option<&'a Camera> {
        let same = cameras.iter().find(|camera| camera.identity == self.camera.identity);
        let is_new = |camera: &&Camera| !self.others.contains(&camera.identity);
        same.or_else(|| cameras.iter().filter(is_new).find(|camera| camera.name == self.camera.name))
    }
}

impl Origin for Filmed {
    fn name(&self) -> &str {
        &self.camera.name
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn ends(&self, _failed: bool) -> bool {
        false
    }

    fn again(&mut self, held: bool) -> Option<Feed> {
        let camera = self.look()?;
        if held && camera.is_at_the_place_of(&self.camera) {
            return None; // there, and silent: it may go on
        }
        self.camera = camera;
        // It may have other modes now.
        let anything = || Chosen { coding: Coding::Raw(String::new()), size: Size::new(0, 0), rate: None };
        let chosen = modes::choose(&self.camera.offers, self.wanted).unwrap_or_else(anything);
        tracing::debug!("{} is opened again: {chosen:?}", self.camera.name);
        feed(&self.camera, &chosen).inspect_err(|error| tracing::debug!("opening it again: {error}")).ok()
    }

    fn refusal(&self, failure: Option<&Failure>, missing: Option<String>) -> Error {
        let name = &self.camera.name;
        let reason = match (failure, missing) {
            (_, Some(codec)) => format!("cannot be used without a decoder for {codec}"),
            (None, None) => format!("gives no frame within {} s; another program may have it", PATIENCE.as_secs()),
            (Some(failure), None) => match failure.access {
                Some(Access::Busy) => "is used by another program; close that one, or choose another camera".into(),
                Some(Access::Denied) => {
                    "may not be used by this user: allow it in the system's settings (Linux: sudo usermod -aG video $USER)"
                        .into()
                }
                Some(Access::Absent) => "is gone".into(),
                None => format!("cannot be used: {}", failure.text),
            },
        };
        Error::Device(format!("camera {name:?} {reason}; {}", self.inventory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filmed() -> Filmed {
        let camera = Camera {
            name: "Cam".into(),
            identity: "a".into(),
            element: "v4l2src".into(),
            properties: vec![("device".into(), "/dev/video9".into())],
            offers: Vec::new(),
        };
        let inventory = inventory(std::slice::from_ref(&camera));
        Filmed { camera, wanted: USUAL, inventory, others: vec!["b".into()], enquiry: None, next_look: Instant::now() }
    }

    #[test]
    fn another_camera_of_the_same_name_does_not_film_in_the_place_of_one_that_is_lost() {
        let filmed = filmed();
        let here = |identity: &str| Camera { identity: identity.into(), ..filmed.camera.clone() };
        let found = |identities: &[&str]| {
            let cameras: Vec<_> = identities.iter().map(|identity| here(identity)).collect();
            filmed.find(&cameras).map(|camera| camera.identity.clone())
        };
        assert_eq!(found(&["b", "a"]).as_deref(), Some("a"));
        assert_eq!(found(&["b"]), None);
        assert_eq!(found(&["b", "at another port"]).as_deref(), Some("at another port"));
    }

    #[test]
    fn row_36_busy_forbidden_and_silent_cameras_are_one_line_each_and_exit_6() {
        let said = |access: Option<Access>, text: &str| {
            let error = filmed().refusal(Some(&Failure { access, ..Failure::plain(text) }), None);
            assert_eq!((error.exit_code(), error.to_string().lines().count()), (6, 1));
            assert!(error.to_string().ends_with("; there is 0 \"Cam\""), "{error}");
            error.to_string()
        };
        assert!(said(Some(Access::Busy), "").contains("another program"));
        assert!(said(Some(Access::Denied), "").contains("usermod"));
        assert!(said(Some(Access::Absent), "").contains("is gone"));
        assert!(said(None, "no bandwidth").contains("cannot be used: no bandwidth"));
        assert!(filmed().refusal(None, None).to_string().contains("no frame within 10 s"));
        assert!(filmed().refusal(None, Some("Motion JPEG".into())).to_string().contains("decoder for Motion JPEG"));
    }

    #[test]
    fn what_is_asked_for_becomes_caps() {
        pipeline_init();
        let chosen = Chosen { coding: Coding::Jpeg, size: Size::new(1280, 720), rate: Some(USUAL.rate) };
        let text = caps(&chosen).to_string();
        assert_eq!(text, "image/jpeg, width=(int)1280, height=(int)720, framerate=(fraction)30/1");
        let open = Chosen { coding: Coding::Raw(String::new()), size: Size::new(0, 0), rate: None };
        assert_eq!(caps(&open).to_string(), "video/x-raw");
        let yuy2 = Chosen { coding: Coding::Raw("YUY2".into()), ..open };
        assert_eq!(caps(&yuy2).to_string(), "video/x-raw, format=(string)YUY2");
    }

    fn pipeline_init() {
        crate::media::pipeline::init().unwrap();
    }
}
