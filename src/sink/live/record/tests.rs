//! That what was seen and heard together is played together.

use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::*;
use crate::frame::{Colour, PixelFormat, Size, Stamp, tight_planes};
use crate::sink::Claim;

const FPS: u32 = 30;
/// Painting takes so long: the frame comes so much later than its sound.
const PAINTING: Duration = Duration::from_millis(120);
const SECONDS: u64 = 4;

fn frame(format: FrameFormat, luma: u8) -> Frame {
    let (planes, len) = tight_planes(format.pixels, format.size);
    let mut bytes = vec![128; len];
    bytes[..format.size.pixels()].fill(luma);
    Frame::new(format, planes, Arc::new(bytes)).unwrap()
}

/// When the microphone began, by the clock that it is read with. It ticks then, and each second after.
fn begin_of_sound(recording: &Recording) -> Instant {
    let pipeline = recording.sound.as_ref().unwrap().pipeline();
    let since = gst::SystemClock::obtain().time() - pipeline.base_time().unwrap();
    Instant::now() - Duration::from_nanos(since.nseconds())
}

/// Films a light that flashes for a frame with each tick.
fn record_flashes(path: &Path) {
    let size = Size::new(64, 48);
    let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
    let rate = FrameRate { frames: FPS.try_into().unwrap(), seconds: 1.try_into().unwrap() };
    let place = Place::claim(path, Path::new(""), Claim::default()).unwrap();
    let given = (format, rate);
    let mut recording =
        Recording::begin(place, Some(&Microphone::Test), given, &Encoding::default(), &Meter::new()).unwrap();
    let begin = begin_of_sound(&recording);
    let mut number = begin.elapsed().as_millis() as u64 * u64::from(FPS) / 1000 + 1;
    while number < SECONDS * u64::from(FPS) {
        let captured = begin + Duration::from_nanos(rate.nanos_at(number));
        sleep((captured + PAINTING).saturating_duration_since(Instant::now()));
        let luma = if number.is_multiple_of(u64::from(FPS)) { 235 } else { 16 };
        let stamp = Stamp { captured: Some(captured), ..Stamp::default() };
        recording.accept(Timed { stamp, item: frame(format, luma) }).unwrap();
        number += 1;
    }
    recording.finish().unwrap();
}

/// Seconds at which `path` flashes, and at which it ticks.
fn played(path: &Path) -> (Vec<f64>, Vec<f64>) {
    let text = "filesrc name=file ! decodebin name=d \
        d. ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! videoconvert ! video/x-raw,format=GRAY8 ! \
        appsink name=picture sync=false \
        d. ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! audioconvert ! \
        audio/x-raw,format=F32LE,channels=1 ! appsink name=sound sync=false";
    let pipeline = gst::parse::launch(text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path);
    let sink = |name| pipeline.by_name(name).unwrap().downcast::<gst_app::AppSink>().unwrap();
    let (picture, sound) = (sink("picture"), sink("sound"));
    pipeline.set_state(gst::State::Playing).unwrap();
    let seconds = |sample: &gst::Sample| {
        let segment = sample.segment().unwrap().downcast_ref::<gst::ClockTime>().unwrap();
        segment.to_running_time(sample.buffer().unwrap().pts().unwrap()).unwrap().nseconds() as f64 / 1e9
    };
    let (mut flashes, mut ticks) = (Vec::new(), Vec::new());
    while let Ok(sample) = picture.pull_sample() {
        if sample.buffer().unwrap().map_readable().unwrap()[100] > 128 {
            flashes.push(seconds(&sample));
        }
    }
    while let Ok(sample) = sound.pull_sample() {
        let begin = seconds(&sample);
        let bytes = sample.buffer().unwrap().map_readable().unwrap();
        let values = bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
        for (index, _) in values.enumerate().filter(|(_, value)| value.abs() > 0.2) {
            let at = begin + index as f64 / 48_000.0;
            if ticks.last().is_none_or(|last| at - last > 0.5) {
                ticks.push(at);
            }
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    (flashes, ticks)
}

#[test]
fn a_flash_and_a_tick_of_one_moment_are_played_together() {
    for name in ["a.mkv", "a.mp4", "a.webm"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        record_flashes(&path);
        let (flashes, ticks) = played(&path);
        assert!(flashes.len() >= SECONDS as usize - 2, "{name}: {flashes:?} {ticks:?}");
        for flash in &flashes {
            let apart = ticks.iter().map(|tick| (tick - flash).abs()).fold(f64::MAX, f64::min);
            assert!(apart < 1.0 / f64::from(FPS), "{name}: {apart} s apart: {flashes:?} {ticks:?}");
        }
    }
}
