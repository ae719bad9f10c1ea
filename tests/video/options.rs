//! Options of the main job: parts of the input, and what the report says.

use std::fs;

use crate::common::clip::{AAC, Clip, FFV1, H264_B, write_raw};
use crate::common::dice::Dice;
use crate::common::read::{codecs, decode};
use crate::common::{Folder, skip};

#[test]
fn a_part_begins_and_ends_at_its_frames() {
    let folder = Folder::new();
    Clip::new(60).encoder(H264_B).sound(AAC).write(&folder.path("in.mp4"));
    for (words, numbers) in [
        ("--start 0.4", 10..60),
        ("--end 0.4", 0..10),
        ("--start 0.4 --end 0.8", 10..20),
        ("--start 0.36 --end 0.44", 9..11),
        ("--frames 7", 0..7),
        ("--start 1 --frames 5", 25..30),
        ("--start 1 --end 1.2 --frames 50", 25..30),
        ("--frames 1", 0..1),
        ("--end 50", 0..60),
    ] {
        let count = numbers.end - numbers.start;
        for to in ["out.mp4", "out.mkv"] {
            folder.run(&format!("in.mp4 {to} --force {words}")).good(count);
            let decoded = decode(&folder.path(to));
            assert_eq!(decoded.numbers(), numbers.clone().collect::<Vec<_>>(), "{words} {to}");
            assert!(decoded.times()[0] < 2_000_000, "{words} {to}: begins at {} ns", decoded.times()[0]);
            let (video, sound) = (count as f64 / 25.0, decoded.sound[0].end_s());
            assert!((video - sound).abs() < 0.09, "{words} {to}: {sound} s of sound for {video} s of video");
        }
    }
    folder.run("in.mp4 none.mp4 --start 99").refused(3, "--start");
    assert_eq!(folder.names(), ["in.mp4", "out.mkv", "out.mp4"]);
}

#[test]
fn constant_quality_takes_the_bits_that_it_needs() {
    // A second of noise, for which no usual rate suffices.
    let mut dice = Dice(1);
    let frames: Vec<Vec<u8>> = (0..25).map(|_| (0..320 * 240 * 3 / 2).map(|_| dice.byte()).collect()).collect();
    let folder = Folder::new();
    let fields = "format=I420,width=320,height=240";
    write_raw(&folder.path("in.mkv"), fields, "avenc_ffv1 ! matroskamux", frames);
    for to in ["x264.mp4", "hevc.mp4 --codec hevc", "vp9.mkv --codec vp9"] {
        folder.run(&format!("in.mkv {to}")).good(25);
        let name = to.split(' ').next().unwrap();
        let bits = 8 * fs::metadata(folder.path(name)).unwrap().len();
        assert!(bits > 4_000_000, "{to}: {bits} bits for a second of noise");
    }
}

#[test]
fn the_report_has_the_keys_of_the_contract() {
    let folder = Folder::new();
    Clip::new(30).sound(AAC).write(&folder.path("in.mp4"));
    let report = folder.run("in.mp4 null: --net-size 40x30 --provider cpu").good(30).report;
    for key in
        "frames_in frames_out frames_dropped wall_s fps net_width net_height style tier provider device precision convert \
        peak_rss_mb warnings stages"
            .split_whitespace()
    {
        assert!(!report[key].is_null(), "{key}");
    }
    for stage in ["decode", "pack", "infer", "compose", "unpack", "stabilise", "encode"] {
        for quantile in ["p50_ms", "p90_ms", "p99_ms"] {
            assert!(report["stages"][stage][quantile].as_f64() >= Some(0.0), "{stage} {quantile}");
        }
    }
    assert_eq!((&report["net_width"], &report["net_height"]), (&40.into(), &30.into()));
    assert_eq!((&report["provider"], &report["convert"]), (&"cpu".into(), &"cpu".into()));
    assert!(report["style"].as_str().unwrap().ends_with("identity.onnx"), "{report}");
    assert!(report["wall_s"].as_f64() > Some(0.0) && report["peak_rss_mb"].as_f64() > Some(1.0), "{report}");
    assert_eq!(folder.names(), ["in.mp4"], "null: writes nothing");
}

#[test]
fn every_codec_gives_every_frame() {
    let folder = Folder::new();
    Clip::new(12).sound(AAC).write(&folder.path("in.mp4"));
    for (to, words) in [
        ("hevc.mp4", "--codec hevc"),
        ("av1.mkv", "--codec av1"),
        ("vp9.mkv", "--codec vp9"),
        ("h264.mov", "--codec h264 --quality 30"),
        ("ffv1.mkv", "--codec ffv1"),
        ("named.mkv", "--encoder x264enc"),
    ] {
        let ended = folder.run(&format!("in.mp4 {to} {words}"));
        if ended.code == 4 && ended.stderr.contains("is not installed") {
            skip(ended.stderr.trim());
            continue;
        }
        ended.good(12);
        assert_eq!(decode(&folder.path(to)).numbers(), (0..12).collect::<Vec<_>>(), "{to}");
    }
}

#[test]
fn an_encoder_says_which_codec_it_is() {
    let folder = Folder::new();
    Clip::new(12).write(&folder.path("in.mp4"));
    for (to, words, codec) in [
        ("a.mkv", "--encoder x265enc", "video/x-h265"),
        ("b.mp4", "--encoder av1enc", "video/x-av1"),
        ("c.mkv", "--encoder vp9enc --codec vp9", "video/x-vp9"),
        ("d.mkv", "--encoder avenc_ffv1", "video/x-ffv"),
        ("e.mkv", "--encoder svtav1enc", "video/x-av1"),
        ("f.mkv", "--encoder rav1enc", "video/x-av1"),
        ("g.mp4", "--encoder openh264enc", "video/x-h264"),
    ] {
        let ended = folder.run(&format!("in.mp4 {to} {words}"));
        if ended.code == 4 && ended.stderr.contains("is not installed") {
            skip(ended.stderr.trim());
            continue;
        }
        ended.good(12);
        assert_eq!(codecs(&folder.path(to)), [codec], "{to}");
    }
    fs::write(folder.path("text.mp4"), "no video").unwrap();
    for (words, code, part) in [
        ("out.mp4 --encoder x264enc --codec hevc", 2, "gives H.264, not HEVC"),
        ("out.webm --encoder x264enc", 2, ".webm cannot hold"),
        ("out.mp4 --encoder vp8enc", 2, "none of the codecs"),
        ("out.mp4 --encoder videoconvert", 4, "no video encoder"),
        ("out.mkv --encoder vp9enc --quality 20", 2, "--quality"),
        ("out.mp4 --encoder no264enc", 4, "no264enc is not installed"),
    ] {
        // Before anything of the input is read.
        folder.run(&format!("text.mp4 {words}")).refused(code, part);
    }
    assert!(!folder.names().iter().any(|name| name.starts_with("out")), "{:?}", folder.names());
}

#[test]
fn row_51_a_network_that_gives_no_picture_lets_the_original_pass() {
    let folder = Folder::new();
    Clip::new(10).sound(AAC).write(&folder.path("in.mp4"));
    let ended = folder.run("in.mp4 out.mp4 --style @nan");
    assert_eq!((ended.code, &ended.report["frames_substituted"]), (7, &10.into()), "{}", ended.stderr);
    assert!(ended.stderr.contains("10 frames passed unstyled"), "{}", ended.stderr);
    let decoded = decode(&folder.path("out.mp4"));
    assert_eq!((decoded.numbers(), decoded.sound.len()), ((0..10).collect(), 1));
}

#[test]
fn a_warning_is_a_7_only_with_strict() {
    let folder = Folder::new();
    Clip::new(5).size(65, 48).encoder(FFV1).write(&folder.path("in.mkv"));
    let ended = folder.run("in.mkv out.mp4").good(5);
    assert!(ended.warnings().contains("odd sides"), "{}", ended.warnings());
    assert_eq!(folder.run("in.mkv strict.mp4 --strict").code, 7);
}

#[test]
fn software_is_one_option_away_and_a_decoder_can_be_named() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    folder.run("in.mp4 a.mp4 --encoder software --decoder software").good(5);
    folder.run("in.mp4 b.mp4 --encoder auto --decoder avdec_h264").good(5);
    assert_eq!(fs::read(folder.path("a.mp4")).unwrap().len(), fs::read(folder.path("b.mp4")).unwrap().len());
    folder.run("in.mp4 c.mp4 --decoder nosuchdec").refused(3, "--decoder nosuchdec: GStreamer has no such element");
    folder.run("in.mp4 c.mp4 --decoder vp9dec").refused(3, "it does not decode the video of this input");
    folder.run("in.mp4 c.mkv --lossless --encoder software").good(5);
}
