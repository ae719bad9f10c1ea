//! Rows of the input: what is no video, what is an unusual one, what is damaged.

use std::fs;
use std::process::Command;

use gst::prelude::*;

use crate::common::child::wait_until;
use crate::common::clip::{AAC, Clip, MP3, MPEG4, VORBIS, VP8};
use crate::common::read::{codecs, decode, play};
use crate::common::{Ended, Folder, HANG};

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

/// Runs the program where no decoder of sound is chosen, as if none were installed.
fn run_without_sound_decoders(folder: &Folder, words: &str) -> Ended {
    gst::init().unwrap();
    let kinds = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_AUDIO;
    let decoders = gst::ElementFactory::factories_with_type(kinds, gst::Rank::MARGINAL);
    let ranks: Vec<_> = decoders.iter().map(|decoder| format!("{}:NONE", decoder.name())).collect();
    let ranks = ranks.join(",");
    let output = folder.command(words).env("GST_PLUGIN_FEATURE_RANK", ranks).timeout(HANG).output().unwrap();
    let (code, stderr) = (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap());
    Ended { code, stderr, report: folder.take_report() }
}

#[test]
fn row_26_sound_that_is_copied_needs_no_decoder() {
    for (sound, codec, from, to) in [
        (AAC, "audio/mpeg-4", "in.mp4", "out.mp4"),
        (AAC, "audio/mpeg-4", "in.mkv", "out.mp4"),
        (AAC, "audio/mpeg-4", "in.mp4", "out.mkv"),
        (AAC, "audio/mpeg-4", "in.ts", "out.mkv"),
        (MP3, "audio/mpeg-1", "in.mkv", "out.mkv"),
        (VORBIS, "audio/x-vorbis", "in.mkv", "out.mkv"),
    ] {
        let folder = Folder::new();
        Clip::new(5).sound(sound).write(&folder.path(from));
        let ended = run_without_sound_decoders(&folder, &format!("{from} {to}")).good(5);
        assert_eq!(ended.warnings(), "", "{codec}, {from} to {to}");
        assert!(codecs(&folder.path(to)).contains(&codec.into()), "{codec}, {from} to {to}");
    }
}

#[test]
fn row_26_sound_that_has_to_be_converted_without_decoder_is_3_with_a_way_out() {
    for (sound, codec, package, from, to) in [
        (AAC, "AAC", "gstreamer1.0-libav", "in.mp4", "out.webm"),
        (MP3, "MP3", "gstreamer1.0-libav", "in.mkv", "out.webm"),
        (VORBIS, "Vorbis", "gstreamer1.0-plugins-base", "in.mkv", "out.mp4"),
    ] {
        let folder = Folder::new();
        Clip::new(5).sound(sound).write(&folder.path(from));
        let refused = run_without_sound_decoders(&folder, &format!("{from} {to}")).refused(3, "--no-audio");
        assert!([codec, package, to].iter().all(|part| refused.stderr.contains(part)), "{}", refused.stderr);
        assert_eq!(folder.names(), [from]);
        let silent = run_without_sound_decoders(&folder, &format!("{from} {to} --no-audio")).good(5);
        assert_eq!(silent.warnings(), "", "{codec}, {from} to {to}");
    }
}

#[test]
fn row_26_sound_of_a_kind_that_nobody_knows_is_left_out_and_said() {
    for to in ["out.mp4", "out.mkv"] {
        let folder = Folder::new();
        Clip::new(5).sound(AAC).write(&folder.path("in.mp4"));
        replace(&folder.path("in.mp4"), b"mp4a", b"zzzz");
        let ended = folder.run(&format!("in.mp4 {to}")).good(5);
        assert_eq!(ended.warnings().matches("left out").count(), 1, "{to}: {}", ended.warnings());
        assert!(ended.warnings().contains("zzzz"), "{to}: {}", ended.warnings());
        assert_eq!(decode(&folder.path(to)).sound.len(), 0, "{to}");
    }
}

/// Runs on a clip that is long enough to be changed meanwhile, and calls `change` once the output has begun.
fn changed_meanwhile(change: impl FnOnce(&std::path::Path)) -> (Folder, i32) {
    let folder = Folder::new();
    Clip::new(1500).size(160, 120).sound(AAC).write(&folder.path("in.mkv"));
    let mut run = folder.process("in.mkv out.mkv -q").spawn().unwrap();
    let part = folder.path("out.mkv.stylize-part");
    wait_until("the output", || {
        fs::metadata(&part).is_ok_and(|part| part.len() >= 5000) || run.try_wait().unwrap().is_some()
    });
    change(&folder.path("in.mkv"));
    let code = run.wait().unwrap().code().unwrap_or(-1);
    (folder, code)
}

#[test]
fn row_06_an_input_that_vanishes_meanwhile_is_read_to_its_end() {
    let (folder, code) = changed_meanwhile(|input| fs::remove_file(input).unwrap());
    assert_eq!((code, folder.take_report()["frames_out"].as_u64()), (0, Some(1500)));
}

#[test]
fn row_25_an_input_that_is_cut_meanwhile_ends_with_what_there_was() {
    let cut = |input: &std::path::Path| {
        let len = fs::metadata(input).unwrap().len();
        fs::File::options().write(true).open(input).unwrap().set_len(len * 9 / 10).unwrap();
    };
    let (folder, code) = changed_meanwhile(cut);
    let frames = folder.take_report()["frames_out"].as_u64().unwrap();
    assert!(code == 7 && (1200..=1500).contains(&frames), "exit {code}, {frames} frames");
    assert_eq!(decode(&folder.path("out.mkv")).video.len() as u64, frames);
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

/// Puts `new` in the place of each `old` in the file at `path`.
fn replace(path: &std::path::Path, old: &[u8], new: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<_> = (0..=bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + new.len()].copy_from_slice(new));
    fs::write(path, bytes).unwrap();
}

#[test]
fn row_25_sound_that_has_to_be_converted_and_cannot_be_decoded_is_3_with_a_way_out() {
    let folder = Folder::new();
    Clip::new(30).sound(VORBIS).write(&folder.path("in.mkv"));
    // The third header of Vorbis holds its codebooks.
    replace(&folder.path("in.mkv"), b"\x05vorbis", b"\x05vorbis\xff\xff\xff\xff\xff\xff\xff\xff");
    folder.run("in.mkv out.mp4").refused(3, "--no-audio");
    folder.run("in.mkv out.mp4 --no-audio").good(30);
    assert_eq!(folder.names(), ["in.mkv", "out.mp4"]);
}

#[test]
fn row_25_a_track_of_sound_that_holds_nothing_does_not_stop_the_picture() {
    let folder = Folder::new();
    Clip::new(30).sound(MP3).write(&folder.path("in.mp4"));
    // No frame of MP3 begins with its mark any more.
    replace(&folder.path("in.mp4"), b"\xff\xfb", b"\0\0");
    folder.run("in.mp4 out.mp4 -q").refused(3, "--no-audio");
    for words in ["out.mp4 --no-audio", "out.mkv"] {
        let ended = folder.run(&format!("in.mp4 {words}"));
        assert!([0, 7].contains(&ended.code), "{words}: {}", ended.stderr);
        assert!(words.contains("--no-audio") || ended.warnings().contains("sound"), "{}", ended.warnings());
        assert_eq!(decode(&folder.path(&words[..7])).video.len(), 30, "{words}");
    }
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
