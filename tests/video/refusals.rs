//! What cannot be done is said in one line, with the right code, and leaves nothing behind.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::common::Folder;
use crate::common::clip::{AAC, Clip, VP8};
use crate::common::read::decode;

#[test]
fn inputs_that_are_no_video_are_3() {
    let folder = Folder::new();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path(name), bytes).unwrap();
    write("empty.mp4", b"");
    write("text.mp4", &b"this is no video at all\n".repeat(100));
    let noise: Vec<u8> = (0..20_000u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8).collect();
    write("noise.mkv", &noise);
    write("text.png", b"this is no picture");
    fs::create_dir(folder.path("folder.mp4")).unwrap();
    Clip::new(25).write(&folder.path("whole.mp4"));
    let whole = fs::read(folder.path("whole.mp4")).unwrap();
    write("headless.mp4", &whole[..whole.len() / 2]);
    write("start.mp4", &whole[..40]);
    let before = folder.names();
    for (name, part) in [
        ("empty.mp4", "empty"),
        ("text.mp4", "text.mp4"),
        ("noise.mkv", "noise.mkv"),
        ("text.png", "text.png"),
        ("folder.mp4", "directory"),
        ("headless.mp4", "headless.mp4"),
        ("start.mp4", "start.mp4"),
        ("missing.mp4", "no such file"),
    ] {
        folder.run(&format!("{name} out.mp4")).refused(3, part);
        assert_eq!(folder.names(), before, "{name}");
    }
}

#[test]
fn sound_alone_is_no_video() {
    let folder = Folder::new();
    gst::init().unwrap();
    let text = "audiotestsrc num-buffers=20 ! avenc_aac ! aacparse ! mp4mux ! filesink name=file";
    let pipeline = gst::prelude::Cast::downcast::<gst::Pipeline>(gst::parse::launch(text).unwrap()).unwrap();
    let file = gst::prelude::GstBinExt::by_name(&pipeline, "file").unwrap();
    gst::prelude::ObjectExt::set_property(&file, "location", folder.path("sound.mp4"));
    crate::common::read::play(&pipeline, &folder.path("sound.mp4"));
    folder.run("sound.mp4 out.mp4").refused(3, "only sound");
    assert_eq!(folder.names(), ["sound.mp4"]);
}

#[test]
fn outputs_that_cannot_be_written_are_4() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    fs::write(folder.path("there.mp4"), "precious").unwrap();
    fs::create_dir(folder.path("folder.mp4")).unwrap();
    folder.run("in.mp4 there.mp4").refused(4, "--force");
    assert_eq!(fs::read_to_string(folder.path("there.mp4")).unwrap(), "precious");
    folder.run("in.mp4 missing/out.mp4").refused(4, "folder");
    folder.run("in.mp4 folder.mp4 --force").refused(4, "directory");
    fs::create_dir(folder.path("locked")).unwrap();
    fs::set_permissions(folder.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.path("locked/probe"), "").is_ok() {
        eprintln!("skipped: a read-only folder (this user may write everywhere)");
    } else {
        folder.run("in.mp4 locked/out.mp4").refused(4, "permission denied");
    }
    assert_eq!(folder.names(), ["folder.mp4", "in.mp4", "locked", "there.mp4"]);
    folder.run("in.mp4 there.mp4 --force").good(5);
    assert_eq!(decode(&folder.path("there.mp4")).video.len(), 5);
}

#[test]
fn a_failed_run_leaves_the_old_output_alone() {
    let folder = Folder::new();
    fs::write(folder.path("there.mp4"), "precious").unwrap();
    fs::write(folder.path("text.mp4"), "no video").unwrap();
    folder.run("text.mp4 there.mp4 --force").refused(3, "text.mp4");
    folder.run("text.mp4 there.mp4 --force --style missing.onnx").refused(5, "missing.onnx");
    assert_eq!(fs::read_to_string(folder.path("there.mp4")).unwrap(), "precious");
    assert_eq!(folder.names(), ["text.mp4", "there.mp4"]);
}

#[test]
fn the_source_is_never_the_target() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    let source = fs::read(folder.path("in.mp4")).unwrap();
    fs::hard_link(folder.path("in.mp4"), folder.path("hard.mp4")).unwrap();
    symlink("in.mp4", folder.path("soft.mp4")).unwrap();
    for words in ["in.mp4 in.mp4", "in.mp4 ./in.mp4", "in.mp4 hard.mp4", "in.mp4 soft.mp4", "soft.mp4 in.mp4"] {
        folder.run(&format!("{words} --force")).refused(2, "same file");
        assert!(fs::read(folder.path("in.mp4")).unwrap() == source, "{words}");
    }
    assert_eq!(folder.names(), ["hard.mp4", "in.mp4", "soft.mp4"]);
}

#[test]
fn a_file_that_breaks_off_gives_what_it_has_and_7() {
    // Files that can be read from their begin: streamed ones, and MP4 with its index in front.
    let clip = || Clip::new(60).size(160, 120).sound(AAC);
    let front = "mp4mux faststart=true";
    for (from, clip) in [
        ("in.mkv", clip()),
        ("in.ts", clip()),
        ("in.mp4", clip().muxer(front)),
        ("in.webm", clip().encoder(VP8).muxer("matroskamux")),
    ] {
        let folder = Folder::new();
        clip.write(&folder.path(from));
        let whole = fs::read(folder.path(from)).unwrap();
        fs::write(folder.path(from), &whole[..whole.len() / 2]).unwrap();
        let ended = folder.run(&format!("{from} out.mp4"));
        assert_eq!((ended.code, &ended.report["truncated"]), (7, &true.into()), "{from}: {}", ended.stderr);
        let frames = ended.report["frames_out"].as_u64().unwrap();
        assert!((15..60).contains(&frames), "{from}: {frames} frames");
        let numbers = decode(&folder.path("out.mp4")).numbers();
        assert_eq!(numbers, (0..frames).collect::<Vec<_>>(), "{from}");
    }
}
