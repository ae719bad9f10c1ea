//! Sizes at the ends, and pixels that are not square.

use crate::common::Folder;
use crate::common::clip::{Clip, FFV1, write_raw};
use crate::common::read::decode;

#[test]
fn row_13_tiny_pictures_are_written_or_refused_with_a_reason() {
    let folder = Folder::new();
    for (width, height) in [(1, 1), (2, 2), (3, 1), (1, 5), (15, 16)] {
        write_raw(
            &folder.path("in.mkv"),
            &format!("format=I420,width={width},height={height},colorimetry=bt601"),
            "matroskamux",
            vec![vec![100; size_of_i420(width, height)]; 3],
        );
        for words in ["out.mp4", "out.webm", "out.mkv", "out.mp4 --codec hevc", "out.mp4 --codec av1"] {
            folder.run(&format!("in.mkv {words}")).refused(4, "16x16");
        }
        if width < 2 || height < 2 {
            folder.run("in.mkv out.mkv --lossless").refused(4, "2x2");
        } else {
            folder.run("in.mkv out.mkv --lossless").good(3);
            let picture = decode(&folder.path("out.mkv")).video.swap_remove(0);
            assert_eq!((picture.width, picture.height), (width, height));
            std::fs::remove_file(folder.path("out.mkv")).unwrap();
        }
        folder.run("in.mkv out.mp4 --size 32x32").good(3);
        std::fs::remove_file(folder.path("out.mp4")).unwrap();
    }
}

/// GStreamer's rows are multiples of four bytes, and an even number of them.
fn size_of_i420(width: usize, height: usize) -> usize {
    gst::init().unwrap();
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width as u32, height as u32).build();
    info.unwrap().size()
}

#[test]
fn pixels_keep_their_shape_unless_a_size_is_given() {
    let folder = Folder::new();
    let frame = vec![90; 64 * 48 * 3 / 2];
    let fields = "format=I420,width=64,height=48,pixel-aspect-ratio=3/2";
    write_raw(&folder.path("in.mkv"), fields, &format!("{FFV1} ! matroskamux"), vec![frame; 3]);
    for (words, size, aspect) in [
        ("out.mp4", (64, 48), "3/2"),
        ("out.mkv", (64, 48), "3/2"),
        ("out.webm", (64, 48), "3/2"),
        ("out.mp4 --size 96p", (128, 96), "3/2"),
        ("out.mp4 --net-size 24p", (64, 48), "3/2"),
        ("out.mp4 --size 93x48", (94, 48), "1/1"),
    ] {
        folder.run(&format!("in.mkv {words} --force")).good(3);
        let out = decode(&folder.path(words.split(' ').next().unwrap()));
        assert_eq!((out.video[0].width, out.video[0].height), size, "{words}");
        assert_eq!(out.raw("pixel-aspect-ratio"), aspect, "{words}");
    }
}

#[test]
fn row_12_odd_sides_of_source_network_and_output() {
    let folder = Folder::new();
    Clip::new(3).size(33, 17).encoder(FFV1).write(&folder.path("in.mkv"));
    for (words, size) in
        [("--size 51x27", (51, 27)), ("--net-size 19x11", (33, 17)), ("--size 35p --net-size 21p", (68, 35))]
    {
        folder.run(&format!("in.mkv out.mkv --lossless --force {words}")).good(3);
        let out = decode(&folder.path("out.mkv"));
        assert_eq!((out.video[0].width, out.video[0].height), size, "{words}");
        assert_eq!(out.video.len(), 3);
    }
}

#[test]
fn video_that_is_stored_uncompressed_is_read() {
    gst::init().unwrap();
    let folder = Folder::new();
    for format in ["I420", "UYVY"] {
        let info = gst_video::VideoInfo::builder(format.parse().unwrap(), 64, 48).build().unwrap();
        let fields = format!("format={format},width=64,height=48");
        write_raw(&folder.path("in.mkv"), &fields, "matroskamux", vec![vec![100; info.size()]; 3]);
        folder.run("in.mkv out.mkv --lossless --force").good(3);
    }
}

#[test]
fn row_14_what_memory_does_not_suffice_for_is_refused_with_the_sum() {
    let folder = Folder::new();
    Clip::new(3).write(&folder.path("in.mp4"));
    let ended = folder.run("in.mp4 out.mp4 --size 7680x4320 --memory-limit 1G").refused(5, "7680x4320");
    assert!(ended.stderr.contains("GB of memory") && ended.stderr.contains("--size"), "{}", ended.stderr);
    // The header, and that data follow, is enough to see that no machine holds the picture.
    let mut picture = Vec::new();
    drop(png::Encoder::new(&mut picture, 400_000, 400_000).write_header().unwrap());
    let head = &picture[..8 + 25];
    std::fs::write(folder.path("in.png"), [head, b"\0\0\0\x04IDAT\0\0\0\0\0\0\0\0"].concat()).unwrap();
    let ended = folder.run("in.png out.png").refused(3, "400000x400000");
    assert!(ended.stderr.contains("GB of memory"), "{}", ended.stderr);
    assert_eq!(folder.names(), ["in.mp4", "in.png"]);
}
