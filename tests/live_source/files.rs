//! Files as live sources.

use std::time::{Duration, Instant};

use gst::prelude::*;

use stylize::frame::{PixelFormat, Size};
use stylize::live::LiveInput;
use stylize::report::Meter;
use stylize::source::live::{self, Live};
use stylize::{Error, Frame, Stop, Timed};

use crate::common::Folder;
use crate::common::clip::{AAC, Clip};
use crate::common::read::play;

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
    // 19 frames take 40 ms each before the last one is due. Who is slow misses some, but not most.
    assert!(since.elapsed() >= Duration::from_millis(700), "{:?}", since.elapsed());
    assert!((10..=20).contains(&frames.len()), "{} frames", frames.len());
    for pair in frames.windows(2) {
        assert!(pair[1].stamp.pts_nanos > pair[0].stamp.pts_nanos && pair[1].stamp.seq == pair[0].stamp.seq + 1);
        assert!(!pair[1].stamp.discontinuity && pair[1].stamp.captured > pair[0].stamp.captured);
    }
    assert!(frames.iter().all(|frame| frame.item.format() == format));
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
