//! One virtual camera: a pipeline that frames are offered to, and that is built anew when it has silently died.
//!
//! A pipewiresink that provides a camera fails without a word (GStreamer 1.22, PipeWire 0.3): after its first reader has left, it
//! gives nothing to the next one, and when the daemon goes, it goes on with nobody. The first shows in frames that flowed and
//! flow no more, the second in another daemon's socket.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::REPORTED;
use super::pipewire::Daemon;
use crate::error::{Error, Result};
use crate::flow::Sink;
use crate::frame::{Frame, FrameFormat, FrameRate, Timed};
use crate::media::Timing;
use crate::media::caps::caps_of;
use crate::media::pipeline::Media;
use crate::report::Meter;
use crate::sink::buffer::buffer;
use crate::sink::encoder::make;
use crate::sink::tally::Tally;

/// Frames that flowed and have stopped for so long tell that the reader has left.
const SILENCE: Duration = Duration::from_millis(1500);
/// Where no frame is offered for so long, none can flow: nothing is told by that.
const PAUSE: Duration = Duration::from_millis(500);
/// Time between two tries to come back.
const RETRY: Duration = Duration::from_secs(2);
/// How long a camera that does not start is asked for the reason.
const STARTING: Duration = Duration::from_secs(5);
/// Frames that may be on their way to a program: one waits, one is converted, one is taken.
const WAITING: u64 = 3;

/// Where frames go.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A node of this name.
    PipeWire(String),
    /// A device.
    Loopback(PathBuf),
}

/// A camera.
pub(super) struct Branch {
    kind: Kind,
    caps: gst::Caps,
    meter: Meter,
    running: Option<Pipe>,
    tried: Instant,
}

/// A pipeline at work.
struct Pipe {
    media: Media,
    frames: gst_app::AppSrc,
    /// What became of the frames.
    passed: Tally,
    seen: u64,
    since: Instant,
    /// When the last frame was offered.
    offered: Instant,
    daemon: Option<Daemon>,
}

impl Branch {
    /// Opens it.
    ///
    /// # Errors
    /// [`Error::Device`] when it cannot be had.
    pub(super) fn open(kind: Kind, format: FrameFormat, rate: FrameRate, meter: &Meter) -> Result<Self> {
        let timing = Timing::constant(rate);
        let nominal = timing.rate.unwrap_or_else(|| gst::Fraction::new(30, 1));
        let caps = caps_of(format, nominal, timing.aspect);
        let running = Some(Pipe::start(&kind, &caps)?);
        Ok(Self { kind, caps, meter: meter.clone(), running, tried: Instant::now() })
    }

    /// Takes away what has died, and tries to have it again.
    fn revive(&mut self) {
        if let Some(why) = self.running.as_mut().and_then(Pipe::death) {
            tracing::info!("the virtual camera {:?} is built anew: {why}", self.kind);
            self.running = None;
            // A reader that has left is everyday, and the next one may be there at once.
            if why != LEFT {
                self.meter.warn_each_time(format!("the virtual camera was lost ({why}) and is tried again"));
                self.tried = Instant::now();
                return;
            }
        } else if self.running.is_some() || self.tried.elapsed() < RETRY {
            return;
        }
        self.tried = Instant::now();
        match Pipe::start(&self.kind, &self.caps) {
            Ok(pipe) => self.running = Some(pipe),
            Err(error) => tracing::debug!("the virtual camera cannot be had again yet: {error}"),
        }
    }
}

impl Sink for Branch {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        self.revive();
        if let Some(pipe) = &mut self.running {
            pipe.passed.offered();
            // The time is that of the pipeline, which says when each was offered. What cannot be taken is left out.
            let _ = pipe.frames.push_buffer(buffer(frame.item, None, None));
            self.meter.frames_left_out(REPORTED, pipe.passed.lost());
        } else {
            self.meter.frames_left_out(REPORTED, 1);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.running = None;
        Ok(())
    }
}

/// What [`Pipe::death`] says of a reader that went.
const LEFT: &str = "its reader has left";

impl Pipe {
    fn start(kind: &Kind, caps: &gst::Caps) -> Result<Self> {
        let fault = |error: gst::glib::BoolError| Error::Internal(format!("the virtual camera: {error}"));
        let media = Media::new()?;
        let frames = gst_app::AppSrc::builder().caps(caps).format(gst::Format::Time).build();
        frames.set_is_live(true);
        frames.set_do_timestamp(true);
        frames.set_block(false);
        // Where nobody looks, the newest frame waits.
        frames.set_max_buffers(1);
        frames.set_max_bytes(0);
        frames.set_leaky_type(gst_app::AppLeakyType::Downstream);
        let mut chain = vec![frames.clone().upcast(), make("videoconvert", "colours", "gstreamer1.0-plugins-base")?];
        chain.extend(kind.tail()?);
        let passed = Tally::at(chain.last().and_then(|sink| sink.static_pad("sink")), WAITING);
        media.pipeline.add_many(&chain).map_err(fault)?;
        gst::Element::link_many(&chain).map_err(fault)?;
        let daemon = matches!(kind, Kind::PipeWire(_)).then(Daemon::running).flatten();
        media.pipeline.set_state(gst::State::Playing).map_err(|_| kind.refused(&media))?;
        // The first frame may come before anybody is there to take it.
        if media.pipeline.state(gst::ClockTime::from_mseconds(100)).0.is_err() {
            return Err(kind.refused(&media));
        }
        let now = Instant::now();
        Ok(Self { media, frames, passed, seen: 0, since: now, offered: now, daemon })
    }

    /// Why it does not work any more, if so. Asked whenever a frame is offered.
    fn death(&mut self) -> Option<String> {
        if let Some(error) = self.media.status.said().output_error {
            return Some(error.text);
        }
        if self.daemon.is_some() && Daemon::running() != self.daemon {
            return Some("PipeWire has ended".into());
        }
        let (passed, now) = (self.passed.came(), Instant::now());
        if passed != self.seen || now - self.offered > PAUSE {
            (self.seen, self.since) = (passed, now);
        }
        self.offered = now;
        (self.seen > 0 && self.since.elapsed() > SILENCE).then(|| LEFT.into())
    }
}

impl Kind {
    /// The elements that stand for the other programs.
    fn tail(&self) -> Result<Vec<gst::Element>> {
        // What every program understands.
        let filter = make("capsfilter", "caps", "libgstreamer1.0-0")?;
        filter.set_property_from_str("caps", "video/x-raw,format=YUY2");
        let mut chain = vec![filter];
        let sink = match self {
            Self::PipeWire(name) => {
                let sink = make("pipewiresink", "a virtual camera", "gstreamer1.0-pipewire")?;
                sink.set_property_from_str("mode", "provide");
                let properties = gst::Structure::builder("p")
                    .field("media.class", "Video/Source")
                    .field("media.role", "Camera")
                    .field("node.name", name.as_str())
                    .field("node.description", name.as_str())
                    .build();
                sink.set_property("stream-properties", properties);
                // PipeWire 0.3.65 crashes as soon as somebody looks, if the frames lie in memory that its sink lends.
                let own = make("identity", "a virtual camera", "libgstreamer1.0-0")?;
                own.set_property("drop-allocation", true);
                chain.push(own);
                sink
            }
            Self::Loopback(path) => {
                let sink = make("v4l2sink", "a virtual camera", "gstreamer1.0-plugins-good")?;
                sink.set_property("device", path.to_string_lossy().as_ref());
                sink
            }
        };
        sink.set_property("sync", false);
        sink.set_property("async", false);
        chain.push(sink);
        Ok(chain)
    }

    fn refused(&self, media: &Media) -> Error {
        let said = media.status.wait(STARTING, |said| said.output_error.is_some()).output_error;
        let reason = said.map_or_else(|| "no answer".into(), |error| error.text);
        Error::Device(match self {
            Self::PipeWire(name) => format!("the virtual camera {name:?} of PipeWire cannot be had: {reason}"),
            Self::Loopback(path) => format!("the virtual camera {} cannot be had: {reason}", path.display()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::frame::{Colour, PixelFormat, Size, Stamp, tight_planes};
    use crate::media::pipeline;

    #[test]
    fn frames_that_a_lost_camera_misses_are_counted() {
        pipeline::init().unwrap();
        let size = Size::new(4, 2);
        let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
        let (planes, len) = tight_planes(format.pixels, size);
        let item = Frame::new(format, planes, Arc::new(vec![128; len])).unwrap();
        let meter = Meter::new();
        let mut lost = Branch {
            kind: Kind::Loopback("/dev/video-that-is-lost".into()),
            caps: caps_of(format, gst::Fraction::new(30, 1), gst::Fraction::new(1, 1)),
            meter: meter.clone(),
            running: None,
            // Not yet: within this test it is not tried again.
            tried: Instant::now() + RETRY,
        };
        for _ in 0..3 {
            lost.accept(Timed { stamp: Stamp::default(), item: item.clone() }).unwrap();
        }
        assert_eq!(meter.left_out().get(REPORTED), Some(&3));
    }
}
