//! Clips that tests make: every frame carries its number, every sound track has a tone of its own.

use std::f64::consts::TAU;
use std::path::Path;

use gst::prelude::*;

/// H.264 without B-frames, sharp enough that numbers are read back.
pub const H264: &str = "x264enc pass=qual quantizer=12 speed-preset=ultrafast bframes=0 key-int-max=20 ! h264parse";
/// H.264 with three B-frames between others.
pub const H264_B: &str =
    "x264enc pass=qual quantizer=12 speed-preset=fast bframes=3 b-adapt=false key-int-max=20 ! h264parse";
/// VP8.
pub const VP8: &str = "vp8enc deadline=1 target-bitrate=2000000";
/// Motion JPEG.
pub const MJPEG: &str = "jpegenc quality=95";
/// MPEG-4 part 2.
pub const MPEG4: &str = "avenc_mpeg4 bitrate=2000000 ! mpeg4videoparse";
/// Lossless.
pub const FFV1: &str = "avenc_ffv1";

/// AAC.
pub const AAC: &str = "audioconvert ! avenc_aac ! aacparse";
/// MP3.
pub const MP3: &str = "audioconvert ! lamemp3enc ! mpegaudioparse";
/// Opus.
pub const OPUS: &str = "audioconvert ! opusenc ! opusparse";
/// Vorbis.
pub const VORBIS: &str = "audioconvert ! vorbisenc";
/// Uncompressed.
pub const PCM: &str = "audioconvert";

/// Samples a second of all sound here.
pub const SOUND_RATE: u64 = 48_000;
/// Silent before this, so that the begin of the tone can be found.
pub const TONE_NANOS: u64 = 300_000_000;

const QUEUE: &str = "queue max-size-time=0 max-size-bytes=0 max-size-buffers=0";

/// A clip to be made.
#[derive(Clone)]
pub struct Clip {
    width: u32,
    height: u32,
    /// Begin of each frame, and the end of the last.
    times_nanos: Vec<u64>,
    rate: (i32, i32),
    encoder: &'static str,
    colorimetry: &'static str,
    sounds: Vec<Sound>,
    subtitles: bool,
    muxer: &'static str,
}

#[derive(Clone)]
struct Sound {
    encoder: &'static str,
    begin_nanos: u64,
    end_nanos: u64,
}

impl Clip {
    /// 64x48 pixels, 25 frames a second, H.264.
    pub fn new(frames: u64) -> Self {
        Self {
            width: 64,
            height: 48,
            times_nanos: Vec::new(),
            rate: (25, 1),
            encoder: H264,
            colorimetry: "bt601",
            sounds: Vec::new(),
            subtitles: false,
            muxer: "",
        }
        .rate(25, 1, frames)
    }

    pub fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// `frames` frames at a constant rate.
    pub fn rate(mut self, number: u64, seconds: u64, frames: u64) -> Self {
        self.rate = (i32::try_from(number).unwrap(), i32::try_from(seconds).unwrap());
        self.times_nanos = (0..=frames).map(|n| n * seconds * 1_000_000_000 / number).collect();
        self
    }

    /// Frames that begin at these moments; the last is the end of the last frame.
    pub fn times_ms(mut self, times: &[u64]) -> Self {
        self.rate = (0, 1);
        self.times_nanos = times.iter().map(|ms| ms * 1_000_000).collect();
        self
    }

    /// Everything begins so much later.
    pub fn later_ms(mut self, ms: u64) -> Self {
        self.times_nanos.iter_mut().for_each(|time| *time += ms * 1_000_000);
        for sound in &mut self.sounds {
            sound.begin_nanos += ms * 1_000_000;
            sound.end_nanos += ms * 1_000_000;
        }
        self
    }

    pub fn encoder(mut self, encoder: &'static str) -> Self {
        self.encoder = encoder;
        self
    }

    pub fn colorimetry(mut self, colorimetry: &'static str) -> Self {
        self.colorimetry = colorimetry;
        self
    }

    /// A track of sound as long as the video.
    pub fn sound(self, encoder: &'static str) -> Self {
        let end_ms = self.times_nanos.last().unwrap() / 1_000_000;
        self.sound_between(encoder, 0, end_ms)
    }

    pub fn sound_between(mut self, encoder: &'static str, begin_ms: u64, end_ms: u64) -> Self {
        self.sounds.push(Sound { encoder, begin_nanos: begin_ms * 1_000_000, end_nanos: end_ms * 1_000_000 });
        self
    }

    /// A text track with one line in its middle.
    pub fn subtitles(mut self) -> Self {
        self.subtitles = true;
        self
    }

    /// Another muxer than that of the ending, such as one with properties.
    pub fn muxer(mut self, muxer: &'static str) -> Self {
        self.muxer = muxer;
        self
    }

    pub fn frames(&self) -> u64 {
        self.times_nanos.len() as u64 - 1
    }

    /// Writes it; the ending of `path` says into which container.
    pub fn write(&self, path: &Path) {
        gst::init().unwrap();
        let mut text = format!(
            "{} name=mux ! filesink name=file appsrc name=video format=time ! {} ! {QUEUE} ! mux.",
            self.muxer_for(path),
            self.encoder
        );
        for (index, sound) in self.sounds.iter().enumerate() {
            text += &format!(" appsrc name=sound{index} format=time ! {} ! {QUEUE} ! mux.", sound.encoder);
        }
        if self.subtitles {
            text += &format!(" appsrc name=text format=time ! {QUEUE} ! mux.subtitle_%u");
        }
        let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
        pipeline.by_name("file").unwrap().set_property("location", path);
        self.push_video(&source(&pipeline, "video"));
        for (index, sound) in self.sounds.iter().enumerate() {
            push_sound(&source(&pipeline, &format!("sound{index}")), index, sound);
        }
        if self.subtitles {
            self.push_text(&source(&pipeline, "text"));
        }
        super::read::play(&pipeline, path);
    }

    fn muxer_for(&self, path: &Path) -> &'static str {
        match path.extension().unwrap().to_str().unwrap() {
            _ if !self.muxer.is_empty() => self.muxer,
            "mp4" => "mp4mux",
            "mov" => "qtmux",
            "mkv" => "matroskamux",
            "webm" => "webmmux",
            "avi" => "avimux",
            "ts" => "mpegtsmux",
            other => panic!("no muxer for .{other}"),
        }
    }

    fn push_video(&self, source: &gst_app::AppSrc) {
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, self.width, self.height)
            .fps(gst::Fraction::new(self.rate.0, self.rate.1))
            .colorimetry(&self.colorimetry.parse().unwrap())
            .build()
            .unwrap();
        source.set_caps(Some(&info.to_caps().unwrap()));
        for (number, times) in self.times_nanos.windows(2).enumerate() {
            let full = self.colorimetry.starts_with("1:");
            push(source, picture(&info, number as u64, full), times[0], times[1] - times[0]);
        }
        source.end_of_stream().unwrap();
    }

    fn push_text(&self, source: &gst_app::AppSrc) {
        let caps = gst::Caps::builder("text/x-raw").field("format", "utf8").build();
        source.set_caps(Some(&caps));
        push(source, b"a line".to_vec(), self.times_nanos[self.times_nanos.len() / 2], 100_000_000);
        source.end_of_stream().unwrap();
    }
}

fn source(pipeline: &gst::Pipeline, name: &str) -> gst_app::AppSrc {
    let source = pipeline.by_name(name).unwrap().downcast::<gst_app::AppSrc>().unwrap();
    source.set_max_bytes(0);
    source
}

fn push(source: &gst_app::AppSrc, bytes: Vec<u8>, pts_nanos: u64, duration_nanos: u64) {
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    let stamped = buffer.get_mut().unwrap();
    stamped.set_pts(gst::ClockTime::from_nseconds(pts_nanos));
    stamped.set_duration(gst::ClockTime::from_nseconds(duration_nanos));
    source.push_buffer(buffer).unwrap();
}

/// The number as 16 dark or light blocks, 8 a row, in the upper half; below it two colours, dark to light.
fn picture(info: &gst_video::VideoInfo, number: u64, full: bool) -> Vec<u8> {
    let (width, height) = (info.width() as usize, info.height() as usize);
    let (low, high) = if full { (10.0, 245.0) } else { (30.0, 220.0) };
    let mut bytes = vec![128; info.size()];
    let plane = |index: usize, x: usize, y: usize| info.offset()[index] + y * info.stride()[index] as usize + x;
    for y in 0..height {
        for x in 0..width {
            let (column, row) = (x / (width / 8), y / (height / 4));
            let value = if row < 2 {
                let bit = number >> (row * 8 + column.min(7)) & 1;
                if bit == 1 { high } else { low }
            } else {
                low + (high - low) * x as f64 / width as f64
            };
            bytes[plane(0, x, y)] = value as u8;
        }
    }
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    for y in half_height / 2..half_height {
        for x in 0..half_width {
            // From one colour to another through the middle third.
            let share = (3.0 * x as f64 / half_width as f64 - 1.0).clamp(0.0, 1.0);
            bytes[plane(1, x, y)] = (158.0 - 56.0 * share) as u8;
            bytes[plane(2, x, y)] = (104.0 + 44.0 * share) as u8;
        }
    }
    bytes
}

/// Two channels: silence, then from [`TONE_NANOS`] after its begin a tone that tells the tracks apart.
fn push_sound(source: &gst_app::AppSrc, track: usize, sound: &Sound) {
    const CHUNK: u64 = 1000;
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", SOUND_RATE as i32)
        .field("channels", 2)
        .field("channel-mask", gst::Bitmask::new(3))
        .build();
    source.set_caps(Some(&caps));
    let samples = (sound.end_nanos - sound.begin_nanos) * SOUND_RATE / 1_000_000_000;
    let nanos = |sample: u64| sample * 1_000_000_000 / SOUND_RATE;
    let pitch = 440.0 * (track + 1) as f64;
    for first in (0..samples).step_by(CHUNK as usize) {
        let end = (first + CHUNK).min(samples);
        let mut bytes = Vec::new();
        for sample in first..end {
            let loud = if nanos(sample) < TONE_NANOS { 0.0 } else { 12_000.0 };
            let value = (loud * (TAU * pitch * sample as f64 / SOUND_RATE as f64).sin()) as i16;
            bytes.extend(value.to_le_bytes());
            bytes.extend((value / 2).to_le_bytes());
        }
        push(source, bytes, sound.begin_nanos + nanos(first), nanos(end) - nanos(first));
    }
    source.end_of_stream().unwrap();
}

/// Writes raw `frames`, 25 a second, whose caps are video/x-raw with `fields`, through `elements` to `path`.
pub fn write_raw(path: &Path, fields: &str, elements: &str, frames: impl IntoIterator<Item = Vec<u8>>) {
    const FRAME_NANOS: u64 = 40_000_000;
    gst::init().unwrap();
    let text = format!("appsrc name=video format=time ! {elements} ! filesink name=file");
    let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path);
    let source = source(&pipeline, "video");
    source.set_caps(Some(&format!("video/x-raw,framerate=25/1,{fields}").parse().unwrap()));
    for (number, bytes) in frames.into_iter().enumerate() {
        push(&source, bytes, number as u64 * FRAME_NANOS, FRAME_NANOS);
    }
    source.end_of_stream().unwrap();
    super::read::play(&pipeline, path);
}
