//! Files read back by GStreamer's own decoders.

use std::path::Path;
use std::sync::{Arc, Mutex};

use gst::prelude::*;
use gst_pbutils::prelude::*;
use gst_video::prelude::*;

use super::clip::SOUND_RATE;

/// What a file holds, decoded.
#[derive(Debug, Default)]
pub struct Decoded {
    pub video: Vec<Picture>,
    /// In the order of the file.
    pub sound: Vec<Sound>,
    /// Caps of the raw video, as the decoder gave it.
    pub raw_caps: Option<gst::Caps>,
    pub duration_nanos: u64,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Running time.
    pub pts_nanos: u64,
    pub duration_nanos: Option<u64>,
    pub width: usize,
    pub height: usize,
    /// Rows without padding.
    pub planes: Vec<Vec<u8>>,
}

/// A track of sound; its samples are those of the first channel.
#[derive(Clone, Debug, Default)]
pub struct Sound {
    pub name: String,
    pub pts_nanos: u64,
    pub samples: Vec<i16>,
}

impl Picture {
    /// The number that the frame carries, read from luma (or green).
    pub fn number(&self) -> u64 {
        let step = self.planes[0].len() / (self.width * self.height);
        let (block_width, block_height) = (self.width / 8, self.height / 4);
        let light = |bit: usize| {
            let (x, y) = ((bit % 8) * block_width + block_width / 2, (bit / 8) * block_height + block_height / 2);
            self.planes[0][(y * self.width + x) * step + usize::from(step > 1)] > 127
        };
        (0..16).map(|bit| u64::from(light(bit)) << bit).sum()
    }
}

impl Sound {
    /// Seconds from the begin of the stream to the begin of the tone.
    pub fn tone_s(&self) -> f64 {
        let first = self.samples.iter().position(|sample| sample.unsigned_abs() > 2000).expect("no tone");
        self.pts_nanos as f64 / 1e9 + first as f64 / SOUND_RATE as f64
    }

    pub fn end_s(&self) -> f64 {
        self.pts_nanos as f64 / 1e9 + self.samples.len() as f64 / SOUND_RATE as f64
    }

    /// Whether this is `other`, apart from `skip` samples at its begin, and perhaps cut at its end.
    pub fn continues(&self, other: &Self, skip: usize) -> bool {
        let shift = (self.pts_nanos as i128 - other.pts_nanos as i128) * i128::from(SOUND_RATE);
        let shift = (shift as f64 / 1e9).round() as i64;
        // Containers round times; a few samples are nothing that can be heard.
        (-48..=48).any(|more| {
            let start = usize::try_from(shift + more + skip as i64).unwrap_or(usize::MAX);
            let here = self.samples.get(skip..).unwrap_or_default();
            let there = other.samples.get(start..).unwrap_or_default();
            let len = here.len().min(there.len());
            len > 1000 && here[..len] == there[..len]
        })
    }
}

impl Decoded {
    pub fn numbers(&self) -> Vec<u64> {
        self.video.iter().map(Picture::number).collect()
    }

    /// Times of all frames.
    pub fn times(&self) -> Vec<u64> {
        self.video.iter().map(|picture| picture.pts_nanos).collect()
    }

    /// Its raw video's `field`, such as colorimetry.
    pub fn raw(&self, field: &str) -> String {
        let caps = self.raw_caps.as_ref().unwrap();
        caps.structure(0).unwrap().value(field).map(|v| v.serialize().unwrap().to_string()).unwrap_or_default()
    }
}

/// Decodes `path` into I420.
pub fn decode(path: &Path) -> Decoded {
    decode_as(path, "I420")
}

/// Decodes `path`; `format` is I420, GBR (planar: its conversion is GStreamer's exact one), or anything of one byte a sample.
pub fn decode_as(path: &Path, format: &str) -> Decoded {
    gst::init().unwrap();
    let pipeline = gst::Pipeline::new();
    let file = gst::ElementFactory::make("filesrc").property("location", path).build().unwrap();
    let decoder = gst::ElementFactory::make("decodebin").build().unwrap();
    pipeline.add_many([&file, &decoder]).unwrap();
    file.link(&decoder).unwrap();
    let result = Arc::new(Mutex::new(Decoded::default()));
    let (found, weak, format) = (Arc::clone(&result), pipeline.downgrade(), format.to_owned());
    decoder.connect_pad_added(move |_, pad| collect(&weak.upgrade().unwrap(), pad, &format, &found));
    play(&pipeline, path);
    std::mem::take(&mut *result.lock().unwrap())
}

/// Decodes the H.264 stream of `path` as if it had no container: into GBR, with the colours that it states itself.
pub fn bitstream(path: &Path) -> Decoded {
    gst::init().unwrap();
    let bare = path.with_extension("h264");
    let text = "filesrc name=from ! parsebin ! h264parse ! video/x-h264,stream-format=byte-stream ! filesink name=to";
    let pipeline = gst::parse::launch(text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("from").unwrap().set_property("location", path);
    pipeline.by_name("to").unwrap().set_property("location", &bare);
    play(&pipeline, path);
    decode_as(&bare, "GBR")
}

/// Runs `pipeline` to its end.
pub fn play(pipeline: &gst::Pipeline, path: &Path) {
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(super::HANG.as_secs()), &ends);
    pipeline.set_state(gst::State::Null).unwrap();
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => {}
        Some(gst::MessageView::Error(error)) => panic!("{path:?}: {} ({:?})", error.error(), error.debug()),
        _ => panic!("{path:?}: nothing moves"),
    }
}

/// Lets `pad` of the decoder run into `found`.
fn collect(pipeline: &gst::Pipeline, pad: &gst::Pad, format: &str, found: &Arc<Mutex<Decoded>>) {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let video = caps.structure(0).unwrap().name().starts_with("video/");
    let filter = if video {
        found.lock().unwrap().raw_caps = Some(caps);
        format!("videoconvert ! video/x-raw,format={format}")
    } else if caps.structure(0).unwrap().name().starts_with("audio/") {
        "audioconvert ! audio/x-raw,format=S16LE,layout=interleaved".into()
    } else {
        "identity".into()
    };
    let bin = gst::parse::bin_from_description(&format!("{filter} ! appsink name=sink sync=false"), true).unwrap();
    let sink = bin.by_name("sink").unwrap().downcast::<gst_app::AppSink>().unwrap();
    let track = (!video).then(|| {
        let mut found = found.lock().unwrap();
        found.sound.push(Sound { name: pad.name().into(), pts_nanos: u64::MAX, ..Sound::default() });
        found.sound.len() - 1
    });
    let found = Arc::clone(found);
    let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let mut found = found.lock().unwrap();
        match track {
            None => {
                let picture = picture(&sample);
                found.duration_nanos = picture.pts_nanos + picture.duration_nanos.unwrap_or(0);
                found.video.push(picture);
            }
            Some(track) => hear(&mut found.sound[track], &sample),
        }
        Ok(gst::FlowSuccess::Ok)
    });
    sink.set_callbacks(callbacks.build());
    pipeline.add(&bin).unwrap();
    bin.sync_state_with_parent().unwrap();
    pad.link(&bin.static_pad("sink").unwrap()).unwrap();
}

fn running_nanos(sample: &gst::Sample) -> u64 {
    let segment = sample.segment().unwrap().downcast_ref::<gst::ClockTime>().unwrap();
    let pts = sample.buffer().unwrap().pts().unwrap_or_default();
    segment.to_running_time(pts).map_or(0, gst::ClockTime::nseconds)
}

fn picture(sample: &gst::Sample) -> Picture {
    let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
    let buffer = sample.buffer().unwrap();
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).unwrap();
    let planes = (0..frame.n_planes()).map(|plane| {
        let stride = frame.plane_stride()[plane as usize] as usize;
        let row = (frame.comp_width(plane) as i32 * frame.comp_pstride(plane)) as usize;
        let rows = frame.comp_height(plane) as usize;
        let data = frame.plane_data(plane).unwrap();
        (0..rows).flat_map(|y| data[y * stride..][..row].to_vec()).collect()
    });
    Picture {
        pts_nanos: running_nanos(sample),
        duration_nanos: buffer.duration().map(gst::ClockTime::nseconds),
        width: info.width() as usize,
        height: info.height() as usize,
        planes: planes.collect(),
    }
}

fn hear(sound: &mut Sound, sample: &gst::Sample) {
    let channels: i32 = sample.caps().unwrap().structure(0).unwrap().get("channels").unwrap();
    let bytes = sample.buffer().unwrap().map_readable().unwrap();
    sound.pts_nanos = sound.pts_nanos.min(running_nanos(sample));
    let firsts = bytes.chunks_exact(2 * channels as usize).map(|frame| i16::from_le_bytes([frame[0], frame[1]]));
    sound.samples.extend(firsts);
}

/// Codecs of `path`'s streams, sorted, without their other properties.
pub fn codecs(path: &Path) -> Vec<String> {
    gst::init().unwrap();
    let discoverer = gst_pbutils::Discoverer::new(gst::ClockTime::from_seconds(30)).unwrap();
    let uri = gst::glib::filename_to_uri(path, None).unwrap();
    let info = discoverer.discover_uri(&uri).unwrap();
    let mut codecs: Vec<String> = info
        .stream_list()
        .iter()
        .filter_map(DiscovererStreamInfoExt::caps)
        .map(|caps| {
            let structure = caps.structure(0).unwrap();
            let version = structure.get::<i32>("mpegversion").map(|v| format!("-{v}")).unwrap_or_default();
            format!("{}{version}", structure.name())
        })
        .filter(|name| name.starts_with("audio/") || name.starts_with("video/") || name.starts_with("text/"))
        .collect();
    codecs.sort();
    codecs
}
