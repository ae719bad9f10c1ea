//! Rows of colours: grey, and what nobody states. (`tests/video/formats.rs` holds every format to an independent decoder.)

use gst::prelude::*;

use crate::common::Folder;
use crate::common::clip::{Clip, MPEG4};
use crate::common::read::{bitstream, decode_as, play};

/// A clip of one picture in grey: dark and light bars.
fn grey(path: &std::path::Path, colorimetry: &str) {
    gst::init().unwrap();
    let text = format!(
        "appsrc name=video format=time caps=video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1,{colorimetry} \
         ! avenc_ffv1 ! matroskamux ! filesink name=file"
    );
    let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path);
    let source = pipeline.by_name("video").unwrap().downcast::<gst_app::AppSrc>().unwrap();
    let bytes: Vec<u8> = (0..64 * 48).map(|index| (index % 64 * 4) as u8).collect();
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    buffer.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
    buffer.get_mut().unwrap().set_duration(gst::ClockTime::from_mseconds(40));
    source.push_buffer(buffer).unwrap();
    source.end_of_stream().unwrap();
    play(&pipeline, path);
}

#[test]
fn row_23_grey_stays_grey_from_black_to_white() {
    let folder = Folder::new();
    grey(&folder.path("in.mkv"), "colorimetry=1:4:0:0");
    folder.run("in.mkv out.mkv --lossless").good(1);
    let decoded = decode_as(&folder.path("out.mkv"), "GBR");
    let planes = &decoded.video[0].planes;
    assert!(planes[0].iter().zip(&planes[1]).all(|(a, b)| a == b) && planes[0] == planes[2]);
    for (x, code) in planes[0][..64].iter().enumerate() {
        assert!(code.abs_diff(x as u8 * 4) <= 1, "{x}: {code}");
    }
}

#[test]
fn row_24_colours_that_nobody_states_follow_the_size() {
    for (width, height, expected) in [(64, 48, "bt601"), (1280, 32, "bt709"), (64, 600, "bt709")] {
        let folder = Folder::new();
        // Neither the codec nor the container says anything of colours.
        Clip::new(2).size(width, height).encoder(MPEG4).write(&folder.path("in.avi"));
        folder.run("in.avi out.mp4 --strength 0").good(2);
        assert_eq!(bitstream(&folder.path("out.mp4")).raw("colorimetry"), expected, "{width}x{height}");
    }
}
