//! A stream to a server: RTMP as broadcasting services take it, or SRT.
//!
//! The newest frames go out, encoded without looking ahead. A server that goes away is tried again until it is back; nothing
//! else waits for it meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::error::{Error, Result, SinkError, SourceError};
use crate::flow::{Sink, Stop};
use crate::frame::{Frame, FrameFormat, FrameRate, Stamp, Timed, tight_planes};
use crate::media::caps::caps_of;
use crate::media::microphone::{self, Listening};
use crate::media::pipeline::{Media, POLL};
use crate::media::{OpenMedia, Timing, Track};
use crate::options::{CodecChoice, Microphone};
use crate::report::Meter;
use crate::sink::buffer::buffer;
use crate::sink::container::Container;
use crate::sink::encoder::make;
use crate::sink::tally::Tally;
use crate::sink::{audio, hardware};

/// How long a server may take to accept the first frames.
const ACCEPTING: Duration = Duration::from_secs(10);
/// Time between two tries to reach a server again.
const RETRY: Duration = Duration::from_secs(2);
/// By so much picture and sound may come apart at the muxer: the painting of a frame takes its time, its sound does not.
const APART: Duration = Duration::from_millis(500);
/// What FLV counts time in: frames that are closer would have the same time.
const TICK: Duration = Duration::from_millis(1);
/// Bits a pixel of painted video.
const BITS_PER_PIXEL: f64 = 0.13;
/// Bounds of the bit rate, in kbit/s: what is still watched, and what services accept.
const KBITS: (f64, f64) = (400.0, 9000.0);
/// Seconds between two frames that a viewer can begin at.
const KEY_FRAME_S: f64 = 2.0;

/// How it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Rtmp,
    Srt,
}

impl Protocol {
    fn of(address: &str) -> Option<Self> {
        match address.split_once("://")?.0.to_ascii_lowercase().as_str() {
            "rtmp" | "rtmps" => Some(Self::Rtmp),
            "srt" => Some(Self::Srt),
            _ => None,
        }
    }
}

/// Checks that `address` is one that can be sent to.
///
/// # Errors
/// [`Error::Usage`] when it is not.
pub(crate) fn check(address: &str) -> Result<()> {
    let why = || format!("--stream {address}: addresses of servers begin with rtmp://, rtmps:// or srt://");
    Protocol::of(address).map(drop).ok_or_else(|| Error::Usage(why()))
}

/// What is to be sent, and where.
pub(crate) struct Order {
    pub(crate) address: String,
    pub(crate) microphone: Option<Microphone>,
    pub(crate) format: FrameFormat,
    pub(crate) rate: FrameRate,
    pub(crate) encoder: CodecChoice,
    /// Bit rate; `None`: what suits size and rate.
    pub(crate) kbits: Option<u32>,
    pub(crate) meter: Meter,
    /// Once one of them was asked, nobody waits for the server any more: that of the signals, and that of the run.
    pub(crate) stops: [Stop; 2],
}

/// An order that can be fulfilled.
struct Plan {
    order: Order,
    protocol: Protocol,
}

struct Stream {
    plan: Plan,
    pipe: Option<Pipe>,
    tried: Instant,
}

/// Sound on its way, and who hears whether it comes.
type Sound = (OpenMedia, Listening);

/// A connection.
struct Pipe {
    media: Arc<Media>,
    frames: gst_app::AppSrc,
    sound: Option<Listening>,
    /// Buffers that have come to the server's side.
    passed: Arc<AtomicU64>,
    /// What became of the frames.
    encoded: Tally,
    /// When the last frame was taken.
    last: Option<Duration>,
}

/// What the report calls it.
pub(crate) const REPORTED: &str = "stream";
/// Frames that may wait for the encoder.
const WAITING: u64 = 2;

/// Connects to the server and sends it the frames that come, with the sound of the microphone.
///
/// # Errors
/// [`SinkError`] when the server does not answer or refuses, and when an encoder is missing; [`SourceError::Stopped`] when nobody
/// waits for it any more.
pub(crate) fn stream(order: Order) -> Result<Box<dyn Sink>> {
    check(&order.address)?;
    let protocol = Protocol::of(&order.address).unwrap_or(Protocol::Rtmp);
    let plan = Plan { order, protocol };
    let pipe = Some(Pipe::connect(&plan, plan.sound()?)?);
    Ok(Box::new(Stream { plan, pipe, tried: Instant::now() }))
}

impl Stream {
    /// Lets go of a server that is gone, and tries to reach it again.
    fn reconnect(&mut self) {
        let Order { address, meter, .. } = &self.plan.order;
        if let Some(failure) = self.pipe.as_ref().and_then(|pipe| pipe.media.status.said().output_error) {
            meter.warn_each_time(format!("the stream to {address} broke off ({}) and is tried again", failure.text));
            (self.pipe, self.tried) = (None, Instant::now());
        }
        if self.pipe.is_some() || self.tried.elapsed() < RETRY {
            return;
        }
        match self.connect_again() {
            Ok(pipe) => {
                meter.warn_each_time(format!("the stream to {address} goes on"));
                self.pipe = Some(pipe);
            }
            Err(error) => tracing::info!("{error}"),
        }
        self.tried = Instant::now();
    }

    fn connect_again(&self) -> Result<Pipe> {
        let (sound, missed) = self.plan.sound_or_none()?;
        let pipe = Pipe::connect(&self.plan, sound)?;
        if let Some(why) = missed {
            self.plan.order.meter.warn_each_time(format!("the stream goes on without sound: {why}"));
        }
        Ok(pipe)
    }
}

impl Sink for Stream {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        self.reconnect();
        let meter = &self.plan.order.meter;
        if let Some(pipe) = &mut self.pipe {
            if let Some(why) = pipe.sound.as_mut().and_then(Listening::lost) {
                meter.warn_each_time(format!("the microphone was lost ({why}): the stream goes on without sound"));
            }
            pipe.push(frame);
            meter.frames_left_out(REPORTED, pipe.encoded.lost());
        } else {
            meter.frames_left_out(REPORTED, 1);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if let Some(pipe) = self.pipe.take() {
            // The server hears that it is over, if it still listens.
            let _ = pipe.frames.end_of_stream();
        }
        Ok(())
    }
}

impl Pipe {
    fn connect(plan: &Plan, sound: Option<Sound>) -> Result<Self> {
        let failed = |reason: String| SinkError::Encode { path: PathBuf::from(&plan.order.address), reason };
        let wrong = |error: gst::glib::BoolError| failed(error.to_string());
        let (media, sound, tracks) = match sound {
            Some((open, listening)) => (open.media, Some(listening), open.tracks),
            None => (Arc::new(Media::new()?), None, Vec::new()),
        };
        media.pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let (muxer, server) = plan.server()?;
        let frames = plan.frames();
        let mut chain = vec![frames.clone().upcast::<gst::Element>()];
        chain.extend(plan.encoder()?);
        let encoded = Tally::at(frames.static_pad("src"), WAITING);
        media.pipeline.add_many(chain.iter().chain([&muxer, &server])).map_err(wrong)?;
        gst::Element::link_many(chain.iter().chain([&muxer, &server])).map_err(wrong)?;
        for mut track in tracks {
            link(&media, &mut track, &muxer).map_err(failed)?;
        }
        let passed = Arc::new(AtomicU64::new(0));
        if let Some(pad) = server.static_pad("sink") {
            let passed = Arc::clone(&passed);
            // MPEG-TS comes in lists of buffers.
            pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
                passed.fetch_add(1, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            });
        }
        // Why it fails is on the bus.
        let _ = media.pipeline.set_state(gst::State::Playing);
        let mut pipe = Self { media, frames, sound, passed, encoded, last: None };
        pipe.wait_for_server(plan)?;
        // Black is no loss.
        pipe.encoded.forget();
        Ok(pipe)
    }

    /// Shows black until the server has taken some of it.
    fn wait_for_server(&mut self, plan: &Plan) -> Result<()> {
        let failed = |reason| SinkError::Write { path: PathBuf::from(&plan.order.address), reason };
        let black = plan.black()?;
        let since = Instant::now();
        // One buffer waits inside the sink while it connects; headers come before.
        const TAKEN: u64 = 8;
        while self.passed.load(Ordering::Relaxed) < TAKEN {
            if plan.order.stops.iter().any(Stop::asked) {
                return Err(SourceError::Stopped.into());
            }
            let interval = Duration::from_nanos(plan.order.rate.nanos_at(1)).min(POLL);
            if let Some(failure) = self.media.status.wait(interval, |said| said.output_error.is_some()).output_error {
                let what = "the server cannot be reached";
                let reason = format!("{what} ({}); check its address, and that it listens", failure.text);
                return Err(failed(reason).into());
            }
            if since.elapsed() > ACCEPTING {
                return Err(failed(format!("the server took nothing for {} s", ACCEPTING.as_secs())).into());
            }
            let stamp = Stamp { captured: Some(Instant::now()), ..Stamp::default() };
            self.push(Timed { stamp, item: black.clone() });
        }
        Ok(())
    }

    /// Gives a frame on, stamped with the moment at which it was taken, beside the sound of that moment.
    fn push(&mut self, frame: Timed<Frame>) {
        let Some(running) = self.media.pipeline.current_running_time() else { return };
        let age = frame.stamp.captured.map_or(Duration::ZERO, |captured| captured.elapsed());
        let Some(moment) = Duration::from(running).checked_sub(age) else { return };
        // The black of the begin is younger than the first frame, whose painting took its time.
        if self.last.is_some_and(|last| moment < last + TICK) {
            return;
        }
        self.last = Some(moment);
        self.encoded.offered();
        // What cannot be taken is left out.
        let _ = self.frames.push_buffer(buffer(frame.item, Some(moment.as_nanos() as u64), None));
    }
}

impl Plan {
    /// The sound that goes with the picture.
    fn sound(&self) -> Result<Option<Sound>> {
        self.order.microphone.as_ref().map_or_else(|| self.silence(), |one| microphone::open(one).map(Some))
    }

    /// The same, or what goes without a microphone, and why: one that is gone is no reason to leave a server that is back alone.
    fn sound_or_none(&self) -> Result<(Option<Sound>, Option<Error>)> {
        match self.sound() {
            Ok(sound) => Ok((sound, None)),
            Err(why) => Ok((self.silence()?, Some(why))),
        }
    }

    /// What goes where there is no microphone: broadcasting services take no picture without sound.
    fn silence(&self) -> Result<Option<Sound>> {
        (self.protocol == Protocol::Rtmp).then(|| microphone::open(&Microphone::Silence)).transpose()
    }

    fn frames(&self) -> gst_app::AppSrc {
        let timing = Timing::constant(self.order.rate);
        let nominal = timing.rate.unwrap_or_else(|| gst::Fraction::new(30, 1));
        let caps = caps_of(self.order.format, nominal, timing.aspect);
        let frames = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
        frames.set_is_live(true);
        frames.set_block(false);
        frames.set_max_buffers(WAITING);
        frames.set_max_bytes(0);
        frames.set_leaky_type(gst_app::AppLeakyType::Downstream);
        frames
    }

    fn frames_per_second(&self) -> f64 {
        f64::from(self.order.rate.frames.get()) / f64::from(self.order.rate.seconds.get())
    }

    fn kbits(&self) -> u32 {
        let bits = self.order.format.size.pixels() as f64 * self.frames_per_second() * BITS_PER_PIXEL;
        self.order.kbits.unwrap_or((bits / 1000.0).clamp(KBITS.0, KBITS.1) as u32)
    }

    /// From raw frames to H.264.
    fn encoder(&self) -> Result<Vec<gst::Element>, SinkError> {
        let convert = make("videoconvert", "colours", "gstreamer1.0-plugins-base")?;
        let Order { encoder, format, meter, .. } = &self.order;
        let kbits = self.kbits();
        let key_frames = (self.frames_per_second() * KEY_FRAME_S).ceil() as u32;
        let chip = || hardware::for_stream(encoder, format.size, (kbits, key_frames), meter);
        let encoder = match encoder.name() {
            // As it comes, without settings of ours.
            Some(name) => make(name, "the stream", "the plugin that has it")?,
            None => match chip() {
                Some(chip) => chip,
                None => {
                    let encoder = make("x264enc", "H.264", "gstreamer1.0-plugins-ugly")?;
                    encoder.set_property("bitrate", kbits);
                    encoder.set_property("key-int-max", key_frames);
                    encoder.set_property_from_str("tune", "zerolatency");
                    // Recordings are made with the same: it leaves the cores to the network.
                    encoder.set_property_from_str("speed-preset", "superfast");
                    encoder
                }
            },
        };
        let filter = make("capsfilter", "caps", "libgstreamer1.0-0")?;
        filter.set_property_from_str("caps", "video/x-h264");
        let parser = make("h264parse", "H.264", "gstreamer1.0-plugins-bad")?;
        Ok(vec![convert, encoder, filter, parser])
    }

    /// The muxer, and what sends.
    fn server(&self) -> Result<(gst::Element, gst::Element), SinkError> {
        let (muxer, server) = match self.protocol {
            Protocol::Rtmp => {
                let muxer = make("flvmux", "RTMP", "gstreamer1.0-plugins-good")?;
                muxer.set_property("streamable", true);
                let server = make("rtmp2sink", "RTMP", "gstreamer1.0-plugins-bad")?;
                server.set_property("location", &self.order.address);
                (muxer, server)
            }
            Protocol::Srt => {
                let muxer = make("mpegtsmux", "MPEG-TS", "gstreamer1.0-plugins-bad")?;
                // Datagrams of SRT hold seven packets.
                muxer.set_property("alignment", 7);
                let server = make("srtsink", "SRT", "gstreamer1.0-plugins-bad")?;
                server.set_property("uri", &self.order.address);
                (muxer, server)
            }
        };
        muxer.set_property("latency", u64::try_from(APART.as_nanos()).unwrap_or(0));
        server.set_property("async", false);
        server.set_property("sync", false);
        Ok((muxer, server))
    }

    fn black(&self) -> Result<Frame> {
        let format = self.order.format;
        let FrameFormat { size, pixels, .. } = format;
        let (planes, len) = tight_planes(pixels, size);
        let mut bytes = vec![128; len];
        bytes[..size.pixels()].fill(16);
        Frame::new(format, planes, Arc::new(bytes)).map_err(|error| Error::Internal(error.to_string()))
    }
}

/// Encodes the sound of `track` and gives it to `muxer`.
fn link(media: &Media, track: &mut Track, muxer: &gst::Element) -> Result<(), String> {
    let chain = audio::live(Container::Mp4).map_err(|error| error.to_string())?.chain;
    media.pipeline.add_many(&chain).map_err(|error| error.to_string())?;
    gst::Element::link_many(chain.iter().chain([muxer])).map_err(|error| error.to_string())?;
    let first = chain.first().and_then(|element| element.static_pad("sink")).ok_or("the sound has no way")?;
    track.pad.link(&first).map_err(|error| error.to_string())?;
    track.open();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::frame::{Colour, PixelFormat, Size};

    fn order(address: &str) -> Order {
        let size = Size::new(1280, 720);
        Order {
            address: address.into(),
            microphone: None,
            format: FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) },
            rate: FrameRate { frames: 30.try_into().unwrap(), seconds: 1.try_into().unwrap() },
            encoder: CodecChoice::Software,
            kbits: None,
            meter: Meter::new(),
            stops: [Stop::new(), Stop::new()],
        }
    }

    fn plan(order: Order) -> Plan {
        let protocol = Protocol::of(&order.address).unwrap();
        Plan { order, protocol }
    }

    #[test]
    fn nobody_who_wants_to_end_waits_for_a_server_that_says_nothing() {
        // The system accepts who calls, and nobody answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("rtmp://{}/live/key", listener.local_addr().unwrap());
        for asked in [0, 1] {
            let order = order(&address);
            order.stops[asked].ask();
            assert!(matches!(stream(order).err().unwrap(), Error::Source(SourceError::Stopped)));
        }
    }

    #[test]
    fn a_microphone_that_is_gone_is_gone_without_when_the_server_is_back() {
        for (address, has_sound) in [("rtmp://host/live/key", true), ("srt://host:9000", false)] {
            let microphone = Some(Microphone::Named("none is called \u{221e}".into()));
            let plan = plan(Order { microphone, ..order(address) });
            assert!(plan.sound().err().unwrap().to_string().contains('\u{221e}'), "at the start it is refused");
            let (sound, why) = plan.sound_or_none().unwrap();
            assert_eq!((sound.is_some(), why.is_some()), (has_sound, true), "{address}");
        }
    }

    #[test]
    fn the_bit_rate_follows_the_picture_unless_one_is_named() {
        assert_eq!(plan(order("srt://host:9000")).kbits(), 3594);
        assert_eq!(plan(Order { kbits: Some(12_000), ..order("srt://host:9000") }).kbits(), 12_000);
    }

    #[test]
    fn only_servers_are_sent_to() {
        for good in ["rtmp://a/b/c", "RTMPS://a/b", "srt://127.0.0.1:9000"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for wrong in ["", "a.mkv", "http://a/b", "rtsp://a", "rtmp:/a"] {
            assert_eq!(check(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
