//! Renders the clip of `make demo`: the scene of [`stylize::source::test_pattern`] with a sound track that is rendered as
//! well, as H.264 and AAC.
//!
//! `cargo run --release --example demo_clip -- OUT.mp4 [--size WxH] [--fps N/D] [--seconds N]`

mod sound;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;

use gst::prelude::*;
use gst_app::AppSrc;
use stylize::flow::Source;
use stylize::frame::{Frame, FrameFormat, FrameRate, Matrix, Size};
use stylize::options::SizeChoice;
use stylize::source::test_pattern::TestPattern;

use self::sound::Sound;

/// Frames that may wait for the encoder.
const FRAMES_WAITING: u64 = 8;
/// Samples that are pushed at a time.
const SAMPLES_PER_BUFFER: usize = 1024;

/// Renders a clip with sound: a lake at the golden hour.
#[derive(Parser)]
struct Args {
    /// The .mp4 to write
    out: PathBuf,
    /// Size of the picture (even sides)
    #[arg(long, default_value = "1280x720", value_name = "WxH")]
    size: SizeChoice,
    /// Frames a second, as a fraction
    #[arg(long, default_value = "25/1", value_name = "N/D", value_parser = parse_rate)]
    fps: FrameRate,
    /// Length
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
}

fn parse_rate(text: &str) -> Result<FrameRate, String> {
    let (frames, seconds) = text.split_once('/').unwrap_or((text, "1"));
    let part = |digits: &str| digits.parse::<NonZeroU32>().ok().filter(|part| part.get() <= 1_000_000);
    match (part(frames), part(seconds)) {
        (Some(frames), Some(seconds)) => Ok(FrameRate { frames, seconds }),
        _ => Err(format!("{text:?} is no frame rate: write 25 or 30000/1001")),
    }
}

#[expect(clippy::print_stderr, reason = "a program speaks")]
fn main() -> ExitCode {
    match render(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo_clip: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn render(args: &Args) -> Result<()> {
    let SizeChoice::Exact(size) = args.size else { bail!("--size must be WxH") };
    if size.width % 2 != 0 || size.height % 2 != 0 {
        bail!("H.264 takes even sides only, not {size}");
    }
    gst::init().context("GStreamer cannot be started")?;
    let frames = u64::from(args.seconds) * u64::from(args.fps.frames.get()) / u64::from(args.fps.seconds.get());
    let mut picture = TestPattern::new(size, args.fps, Some(frames.max(1)))?;
    let mut sound = Sound::new(u64::from(args.seconds) * u64::from(sound::RATE));

    let clip = Clip::build(&args.out, picture.format(), args.fps)?;
    let started = clip.pipeline.set_state(gst::State::Playing);
    let written = match started {
        Ok(_) => clip.push_all(&mut picture, &mut sound).and_then(|()| clip.wait()),
        Err(_) => clip.wait(), // the bus holds the reason
    };
    clip.pipeline.set_state(gst::State::Null)?;
    written
}

/// The pipeline, and where picture and sound enter it.
struct Clip {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    video: AppSrc,
    audio: AppSrc,
}

impl Clip {
    /// Both branches end in the muxer. Their queues have no bound: x264enc looks dozens of frames ahead, and a full audio
    /// queue would keep the muxer waiting for a picture that cannot come.
    fn build(out: &Path, format: FrameFormat, fps: FrameRate) -> Result<Self> {
        let description = "appsrc name=video ! x264enc bitrate=9000 speed-preset=faster key-int-max=50 \
             ! video/x-h264,profile=high ! h264parse ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! mux. \
             appsrc name=audio ! audioconvert ! avenc_aac bitrate=128000 ! aacparse \
             ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! mux. \
             mp4mux name=mux faststart=true ! filesink name=file";
        let pipeline = gst::parse::launch(description).context("a GStreamer plugin is missing, run make setup")?;
        let pipeline = pipeline.downcast::<gst::Pipeline>().ok().context("not a pipeline")?;
        let file = pipeline.by_name("file").context("the pipeline has no file")?;
        file.set_property("location", out);
        let bus = pipeline.bus().context("the pipeline has no bus")?;
        let video = source(&pipeline, "video", &video_caps(format, fps)?)?;
        let audio = source(&pipeline, "audio", &audio_caps()?)?;
        Ok(Self { pipeline, bus, video, audio })
    }

    /// Pushes frame after frame, and with each the sound up to its end.
    fn push_all(&self, picture: &mut TestPattern, sound: &mut Sound) -> Result<()> {
        while let Some(frame) = picture.next()? {
            let (pts, duration) = (frame.stamp.pts_nanos.unwrap_or(0), frame.stamp.duration_nanos.unwrap_or(0));
            self.push_sound(sound, pts + duration)?;
            self.wait_for_room()?;
            self.video
                .push_buffer(stamped(picture_buffer(frame.item)?, pts, duration)?)
                .context("the picture is not taken")?;
        }
        self.push_sound(sound, u64::MAX)?;
        self.video.end_of_stream().context("the picture does not end")?;
        self.audio.end_of_stream().context("the sound does not end")?;
        Ok(())
    }

    /// Pushes what sounds before `until_nanos`.
    fn push_sound(&self, sound: &mut Sound, until_nanos: u64) -> Result<()> {
        let nanos = |samples: u64| samples * 1_000_000_000 / u64::from(sound::RATE);
        loop {
            let begin = nanos(sound.position());
            if begin >= until_nanos {
                return Ok(());
            }
            let samples: Vec<[f32; 2]> = std::iter::from_fn(|| sound.next_sample()).take(SAMPLES_PER_BUFFER).collect();
            if samples.is_empty() {
                return Ok(());
            }
            let bytes = bytemuck::cast_slice::<_, u8>(&samples).to_vec();
            let buffer = stamped(gst::Buffer::from_slice(bytes), begin, nanos(sound.position()) - begin)?;
            self.audio.push_buffer(buffer).context("the sound is not taken")?;
        }
    }

    /// Waits until the encoder wants a frame. A push that blocks would not come back after an error downstream.
    fn wait_for_room(&self) -> Result<()> {
        while self.video.current_level_buffers() >= FRAMES_WAITING {
            let patience = gst::ClockTime::from_mseconds(5);
            if let Some(message) = self.bus.timed_pop_filtered(patience, &[gst::MessageType::Error]) {
                return refuse(&message);
            }
        }
        Ok(())
    }

    /// Waits for the end or the first error.
    fn wait(&self) -> Result<()> {
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let message = self.bus.timed_pop_filtered(gst::ClockTime::NONE, &kinds).context("the pipeline has vanished")?;
        refuse(&message)
    }
}

/// The error that `message` carries, if it does.
fn refuse(message: &gst::Message) -> Result<()> {
    match message.view() {
        gst::MessageView::Error(error) => bail!("{}", error.error()),
        _ => Ok(()),
    }
}

/// Lets a buffer read the bytes of a frame where they lie; the frame goes back to its pool with the buffer.
struct FrameBytes(Frame);

impl AsRef<[u8]> for FrameBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// A buffer over `frame` that says where the planes lie: GStreamer would expect rows padded to four bytes.
fn picture_buffer(frame: Frame) -> Result<gst::Buffer> {
    let Size { width, height } = frame.size();
    let offsets: Vec<usize> = frame.planes().iter().map(|plane| plane.offset_bytes).collect();
    let strides: Vec<i32> =
        frame.planes().iter().map(|plane| i32::try_from(plane.stride_bytes)).collect::<Result<_, _>>()?;
    let mut buffer = gst::Buffer::from_slice(FrameBytes(frame));
    let (format, flags) = (gst_video::VideoFormat::I420, gst_video::VideoFrameFlags::empty());
    let writable = buffer.get_mut().context("a new buffer is shared")?;
    gst_video::VideoMeta::add_full(writable, flags, format, width, height, &offsets, &strides)?;
    Ok(buffer)
}

fn stamped(mut buffer: gst::Buffer, pts_nanos: u64, duration_nanos: u64) -> Result<gst::Buffer> {
    let writable = buffer.get_mut().context("a new buffer is shared")?;
    writable.set_pts(gst::ClockTime::from_nseconds(pts_nanos));
    writable.set_duration(gst::ClockTime::from_nseconds(duration_nanos));
    Ok(buffer)
}

fn source(pipeline: &gst::Pipeline, name: &str, caps: &gst::Caps) -> Result<AppSrc> {
    let source = pipeline.by_name(name).and_then(|element| element.downcast::<AppSrc>().ok());
    let source = source.with_context(|| format!("the pipeline has no source {name}"))?;
    source.set_caps(Some(caps));
    source.set_format(gst::Format::Time);
    source.set_max_bytes(0);
    Ok(source)
}

fn audio_caps() -> Result<gst::Caps> {
    Ok(gst::Caps::builder("audio/x-raw")
        .field("format", if cfg!(target_endian = "big") { "F32BE" } else { "F32LE" })
        .field("layout", "interleaved")
        .field("rate", i32::try_from(sound::RATE)?)
        .field("channels", 2)
        .field("channel-mask", gst::Bitmask::new(3))
        .build())
}

fn video_caps(format: FrameFormat, fps: FrameRate) -> Result<gst::Caps> {
    let Size { width, height } = format.size;
    let colorimetry = match format.colour.matrix {
        Matrix::Bt709 => "bt709",
        _ => "bt601",
    };
    let fps = gst::Fraction::new(i32::try_from(fps.frames.get())?, i32::try_from(fps.seconds.get())?);
    Ok(gst_video::VideoCapsBuilder::new()
        .format(gst_video::VideoFormat::I420)
        .width(i32::try_from(width)?)
        .height(i32::try_from(height)?)
        .framerate(fps)
        .pixel_aspect_ratio(gst::Fraction::new(1, 1))
        .field("interlace-mode", "progressive")
        .field("colorimetry", colorimetry)
        .field("chroma-site", "mpeg2")
        .build())
}
