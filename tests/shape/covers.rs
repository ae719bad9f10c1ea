//! A cover is not the video.

use gst::prelude::*;

use crate::common::Folder;
use crate::common::read::{decode, play};

const COVER: &str =
    "videotestsrc num-buffers=1 ! video/x-raw,width=80,height=80,framerate=0/1 ! jpegenc ! queue ! mux.";
const SOUND: &str = "audiotestsrc num-buffers=20 ! opusenc ! queue ! mux.";
const VIDEO: &str = "videotestsrc num-buffers=5 ! video/x-raw,width=64,height=48,framerate=25/1 \
    ! x264enc bframes=0 ! h264parse ! queue ! mux.";

fn write(folder: &Folder, streams: &[&str]) {
    gst::init().unwrap();
    let text = format!("matroskamux name=mux ! filesink name=file {}", streams.join(" "));
    let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", folder.path("in.mkv"));
    play(&pipeline, &folder.path("in.mkv"));
}

#[test]
fn row_5_sound_with_a_cover_has_no_video() {
    let folder = Folder::new();
    write(&folder, &[COVER, SOUND]);
    folder.run("in.mkv out.mkv").refused(3, "no video stream");
}

#[test]
fn the_video_is_found_behind_its_cover() {
    let folder = Folder::new();
    write(&folder, &[COVER, VIDEO, SOUND]);
    folder.run("in.mkv out.mkv").good(5);
    let out = decode(&folder.path("out.mkv"));
    assert_eq!((out.video.len(), out.video[0].width, out.sound.len()), (5, 64, 1));
}
