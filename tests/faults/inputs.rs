//! Rows of the input: what is no video, what is an unusual one, what is damaged.

use std::fs;
use std::process::Command;

use gst::prelude::*;

use crate::common::Folder;
use crate::common::clip::{AAC, Clip, MPEG4, VP8};
use crate::common::read::{decode, play};

/// A folder with a file of these bytes.
fn holding(name: &str, bytes: &[u8]) -> Folder {
    let folder = Folder::new();
    fs::write(folder.path(name), bytes).unwrap();
    folder
}

/// Whatever the output, `input` is refused with 3 and a line that holds `part`, and nothing comes or goes.
fn no_video(folder: &Folder, input: &str, part: &str) {
    let before = folder.names();
    for to in ["out.mp4", "out.mkv", "out.png", "null:"] {
        folder.run(&format!("{input} {to}")).refused(3, part);
        assert_eq!(folder.names(), before, "{input} {to}");
    }
}

#[test]
fn row_01_mp4_without_its_index_is_3() {
    let folder = Folder::new();
    Clip::new(25).write(&folder.path("whole.mp4"));
    let whole = fs::read(folder.path("whole.mp4")).unwrap();
    for (name, keep) in [("half.mp4", whole.len() / 2), ("start.mp4", 40), ("box.mp4", 8), ("bit.mp4", 3)] {
        fs::write(folder.path(name), &whole[..keep]).unwrap();
        no_video(&folder, name, name);
    }
}

#[test]
fn row_02_an_empty_file_is_3() {
    no_video(&holding("empty.mp4", b""), "empty.mp4", "empty");
}

#[test]
fn row_03_a_directory_is_3() {
    let folder = Folder::new();
    fs::create_dir(folder.path("folder.mp4")).unwrap();
    folder.run("folder.mp4 out.mp4").refused(3, "directory");
    assert_eq!(folder.names(), ["folder.mp4"]);
}

#[test]
fn row_04_text_and_noise_are_3() {
    no_video(&holding("text.mp4", &b"this is no video at all\n".repeat(100)), "text.mp4", "text.mp4");
    no_video(&holding("text.png", b"this is no picture"), "text.png", "text.png");
    let noise: Vec<u8> = (0..20_000u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u8).collect();
    no_video(&holding("noise.mkv", &noise), "noise.mkv", "noise.mkv");
    no_video(&holding("zeros.mp4", &[0; 5000]), "zeros.mp4", "zeros.mp4");
}

#[test]
fn row_05_sound_alone_is_3() {
    let folder = Folder::new();
    gst::init().unwrap();
    let text = "audiotestsrc num-buffers=20 ! avenc_aac ! aacparse ! mp4mux ! filesink name=file";
    let pipeline = gst::parse::launch(text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", folder.path("sound.mp4"));
    play(&pipeline, &folder.path("sound.mp4"));
    no_video(&folder, "sound.mp4", "only sound");
}

#[test]
fn row_06_what_cannot_be_opened_is_3() {
    let folder = Folder::new();
    no_video(&folder, "missing.mp4", "no such file");
    no_video(&folder, "no/such/folder/in.mp4", "no such file");
    assert!(Command::new("mkfifo").arg(folder.path("pipe.mp4")).status().unwrap().success());
    no_video(&folder, "pipe.mp4", "not a regular file");
    std::os::unix::fs::symlink("loop.mp4", folder.path("loop.mp4")).unwrap();
    folder.run("loop.mp4 out.mp4").refused(3, "loop.mp4");
}

#[test]
fn row_06_a_file_of_somebody_else_is_3() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    fs::set_permissions(folder.path("in.mp4"), fs::Permissions::from_mode(0o000)).unwrap();
    let Some(ended) = folder.run_as_nobody("in.mp4 null:") else { return };
    ended.refused(3, "permission denied");
}

#[test]
fn row_07_video_without_sound_is_0() {
    for (from, to, clip) in [
        ("in.mp4", "out.mp4", Clip::new(10)),
        ("in.mkv", "out.mp4", Clip::new(10)),
        ("in.webm", "out.webm", Clip::new(10).encoder(VP8)),
        ("in.avi", "out.mov", Clip::new(10).encoder(MPEG4)),
    ] {
        let folder = Folder::new();
        clip.write(&folder.path(from));
        assert_eq!(folder.run(&format!("{from} {to}")).good(10).warnings(), "", "{from}");
        let decoded = decode(&folder.path(to));
        assert_eq!((decoded.numbers(), decoded.sound.len()), ((0..10).collect(), 0), "{from}");
    }
}

#[test]
fn row_26_a_codec_without_decoder_is_3_and_named() {
    let folder = Folder::new();
    Clip::new(5).sound(AAC).write(&folder.path("in.mp4"));
    // What is ranked at nothing is not chosen, as if it were not installed.
    let ranks = "avdec_h264:NONE,openh264dec:NONE,vah264dec:NONE,vaapih264dec:NONE,nvh264dec:NONE,v4l2slh264dec:NONE";
    let output = folder.command("in.mp4 out.mp4").env("GST_PLUGIN_FEATURE_RANK", ranks).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(3), 1), "{stderr}");
    assert!(stderr.contains("no decoder for H.264") && stderr.contains("install"), "{stderr}");
    assert_eq!(folder.names(), ["in.mp4"]);
}

/// Bytes `begin..end` of a file's middle, as shares of its length, become rubbish.
fn spoil(path: &std::path::Path, begin: f64, bytes: usize) {
    let mut data = fs::read(path).unwrap();
    let at = (data.len() as f64 * begin) as usize;
    for (index, byte) in data[at..at + bytes].iter_mut().enumerate() {
        *byte = (index as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()[7];
    }
    fs::write(path, data).unwrap();
}

#[test]
fn row_25_damage_that_the_decoder_covers_up_is_counted() {
    let folder = Folder::new();
    // The video's data alone is hit: the index of MP4 stands behind it.
    Clip::new(50).size(320, 240).write(&folder.path("in.mp4"));
    assert_eq!(folder.run("in.mp4 whole.mp4").good(50).report["frames_damaged"], 0);
    spoil(&folder.path("in.mp4"), 0.3, 100);
    spoil(&folder.path("in.mp4"), 0.6, 100);
    let ended = folder.run("in.mp4 out.mp4");
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    let (damaged, out) =
        (ended.report["frames_damaged"].as_u64().unwrap(), ended.report["frames_out"].as_u64().unwrap());
    assert!((1..=40).contains(&damaged), "{damaged} frames");
    assert!((45..=50).contains(&out), "{out} frames: what can be decoded is kept");
    assert!(ended.stderr.contains("damaged in the input"), "{}", ended.stderr);
    assert_eq!(decode(&folder.path("out.mp4")).video.len() as u64, out);
}

#[test]
fn row_25_packets_that_are_missing_are_counted() {
    let folder = Folder::new();
    Clip::new(50).size(320, 240).sound(AAC).write(&folder.path("in.ts"));
    let whole = fs::read(folder.path("in.ts")).unwrap();
    let (packet, middle) = (188, whole.len() / 188 / 2);
    fs::write(folder.path("in.ts"), [&whole[..middle * packet], &whole[(middle + 20) * packet..]].concat()).unwrap();
    let ended = folder.run("in.ts out.mkv");
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(ended.report["gaps"].as_u64() >= Some(1), "{}", ended.report);
    assert!(ended.report["frames_out"].as_u64() >= Some(45), "{}", ended.report);
}
