//! Files and streams as live sources.

use std::process::Stdio;
use std::time::{Duration, Instant};

use gst::prelude::*;

use stylize::frame::{PixelFormat, Size};
use stylize::options::LiveInput;
use stylize::report::Meter;
use stylize::source::live::{self, Live};
use stylize::{Error, Frame, Stop, Timed};

use crate::common::clip::{AAC, Clip};
use crate::common::read::play;
use crate::common::{Folder, skip};
use crate::session::{Daemon, is_dark, until};

fn open(path: std::path::PathBuf) -> Result<Live, Error> {
    live::open(&LiveInput::File(path), None, &Stop::new(), &Meter::new())
}

fn all(mut live: Live) -> Vec<Timed<Frame>> {
    std::iter::from_fn(|| live.source.next().unwrap()).collect()
}

#[test]
fn a_file_is_played_at_its_own_pace_and_ends() {
    let folder = Folder::new();
    Clip::new(20).sound(AAC).write(&folder.path("in.mp4"));
    let live = open(folder.path("in.mp4")).unwrap();
    assert_eq!(
        (live.name.as_str(), live.format.size, live.format.pixels),
        ("in.mp4", Size::new(64, 48), PixelFormat::I420)
    );
    assert_eq!((live.rate.frames.get(), live.rate.seconds.get()), (25, 1));
    let format = live.format;
    // The time between opening and the first frame is none of the file's.
    std::thread::sleep(Duration::from_millis(200));
    let since = Instant::now();
    let frames = all(live);
    // 19 frames take 40 ms each before the last one is due. Who is slow misses some.
    assert!(since.elapsed() >= Duration::from_millis(700), "{:?}", since.elapsed());
    assert!((1..=20).contains(&frames.len()), "{} frames", frames.len());
    for pair in frames.windows(2) {
        assert!(pair[1].stamp.pts_nanos > pair[0].stamp.pts_nanos && pair[1].stamp.seq == pair[0].stamp.seq + 1);
        assert!(!pair[1].stamp.discontinuity && pair[1].stamp.captured > pair[0].stamp.captured);
    }
    assert!(frames.iter().all(|frame| frame.item.format() == format));
}

#[test]
fn a_pause_between_two_frames_of_a_file_is_no_loss() {
    let folder = Folder::new();
    // Slides: the third comes after more than a camera may be silent for.
    Clip::new(2).times_ms(&[0, 40, 2540, 2580, 2620]).write(&folder.path("in.mkv"));
    let meter = Meter::new();
    let live = live::open(&LiveInput::File(folder.path("in.mkv")), None, &Stop::new(), &meter).unwrap();
    let frames = all(live);
    let continues = frames.iter().skip(1).all(|frame| !frame.stamp.discontinuity);
    assert!(frames.len() <= 4 && continues, "{} frames", frames.len());
    assert_eq!(meter.warnings(), [""; 0]);
}

#[test]
fn a_file_that_is_to_go_on_begins_anew() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    let meter = Meter::new();
    let mut live = live::open(&LiveInput::Loop(folder.path("in.mp4")), None, &Stop::new(), &meter).unwrap();
    for round in ["the first round", "the second", "the third"] {
        until(&mut live, round, |frame| frame.stamp.discontinuity);
    }
    assert_eq!(meter.warnings(), [""; 0]);
}

#[test]
fn what_is_no_video_is_refused_in_one_line() {
    let folder = Folder::new();
    std::fs::write(folder.path("a.mp4"), "text that is no video at all, but longer than a header ".repeat(40)).unwrap();
    std::fs::write(folder.path("b.mp4"), "").unwrap();
    write_sound(&folder.path("c.mkv"));
    for name in ["a.mp4", "b.mp4", "c.mkv", "absent.mp4"] {
        let error = open(folder.path(name)).err().unwrap();
        assert_eq!((error.exit_code(), error.to_string().lines().count()), (3, 1), "{name}: {error}");
    }
}

fn write_sound(path: &std::path::Path) {
    gst::init().unwrap();
    let text = "audiotestsrc num-buffers=20 ! opusenc ! matroskamux ! filesink name=file";
    let pipeline = gst::parse::launch(text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path);
    play(&pipeline, path);
}

/// Sends a white picture to whoever calls at `port`.
fn sender(port: u16) -> Daemon {
    let film = "videotestsrc is-live=true pattern=white ! video/x-raw,width=64,height=48,framerate=25/1 ! \
                x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! mpegtsmux alignment=7";
    let text = format!("{film} ! srtsink uri=srt://127.0.0.1:{port}?mode=listener wait-for-connection=false");
    let mut command = std::process::Command::new("gst-launch-1.0");
    Daemon::start(command.arg("-q").args(text.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null()))
}

#[test]
fn row_37_a_stream_that_breaks_off_leaves_a_dark_picture_until_it_is_back() {
    gst::init().unwrap();
    if ["srtsrc", "srtsink"].iter().any(|name| gst::ElementFactory::find(name).is_none()) {
        return skip("a stream over SRT: srtsrc or srtsink is not installed");
    }
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let first = sender(port);
    let meter = Meter::new();
    let address = LiveInput::Address(format!("srt://127.0.0.1:{port}"));
    let mut live = live::open(&address, None, &Stop::new(), &meter).unwrap();
    assert_eq!(live.format.size, Size::new(64, 48));
    until(&mut live, "a frame", |frame| !is_dark(frame));
    drop(first);
    until(&mut live, "the placeholder", is_dark);
    let _again = sender(port);
    until(&mut live, "frames", |frame| !is_dark(frame));
}
