//! Picture and sound keep their times and their distance.

use std::path::Path;

use crate::common::Folder;
use crate::common::ffmpeg::{is_here, make, probe, samples, times_s};

const VIDEO: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=2";
const SOUND: &str = "-f lavfi -i sine=440:d=2:r=48000";
const H264: &str = "-c:v libx264 -preset veryfast -g 12 -bf 2";

/// Matroska rounds to a millisecond, and what is rounded twice may be off by one more tick of MP4.
const TOLERANCE_S: f64 = 0.001_1;

/// Frames and sound of `to` lie as those of `from` do.
fn in_step(from: &Path, to: &Path, what: &str) {
    let (before, after) = (times_s(from, "V:0"), times_s(to, "V:0"));
    assert_eq!(before.len(), after.len(), "{what}: frames");
    for (number, (a, b)) in before.iter().zip(&after).enumerate() {
        let off = (b - after[0]) - (a - before[0]);
        assert!(off.abs() <= TOLERANCE_S, "{what}: frame {number} is {off} s off");
    }
    let (sound_before, sound_after) = (times_s(from, "a:0"), times_s(to, "a:0"));
    if let (Some(a), Some(b)) = (sound_before.first(), sound_after.first()) {
        let off = (b - after[0]) - (a - before[0]);
        assert!(off.abs() <= TOLERANCE_S, "{what}: sound is {off} s off");
    }
    assert_eq!(sound_before.is_empty(), sound_after.is_empty(), "{what}: sound");
}

#[test]
fn row_17_the_offset_of_sound_and_picture_is_kept_to_a_millisecond() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    for (ending, codecs) in [
        ("mp4", format!("{H264} -c:a aac")),
        ("mov", format!("{H264} -c:a aac")),
        ("mkv", format!("{H264} -c:a aac")),
        ("ts", format!("{H264} -c:a aac")),
        ("avi", "-c:v mpeg4 -c:a mp3".into()),
        ("webm", "-c:v libvpx -c:a libvorbis".into()),
    ] {
        for (name, inputs) in [
            ("plain", format!("{VIDEO} {SOUND}")),
            ("late_sound", format!("{VIDEO} -itsoffset 0.337 {SOUND}")),
            ("late_picture", format!("-itsoffset 0.337 {VIDEO} {SOUND}")),
        ] {
            let from = format!("{name}.{ending}");
            make(&folder, &format!("{inputs} {codecs} {from}"));
            for to in ["out.mp4", "out.mkv"] {
                folder.run(&format!("{from} {to} --force"));
                in_step(&folder.path(&from), &folder.path(to), &format!("{from} to {to}"));
            }
        }
    }
    folder.run("late_sound.webm out.webm --force");
    in_step(&folder.path("late_sound.webm"), &folder.path("out.webm"), "webm to webm");
}

#[test]
fn row_18_fragments_with_b_frames_keep_their_offset() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    make(&folder, &format!("{VIDEO} {SOUND} {H264} -c:a aac -movflags frag_keyframe+empty_moov in.mp4"));
    for to in ["out.mp4", "out.mkv"] {
        folder.run(&format!("in.mp4 {to}")).good(50);
        in_step(&folder.path("in.mp4"), &folder.path(to), to);
    }
}

#[test]
fn row_17_what_an_edit_list_cuts_stays_cut_and_the_rest_is_there() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    make(&folder, &format!("{VIDEO} {SOUND} {H264} -c:a aac whole.mp4"));
    // From a key frame on, of which the edit list hides 0.3 s.
    make(&folder, "-ss 0.78 -i whole.mp4 -c copy cut.mp4");
    folder.run("whole.mp4 a.mp4").good(50);
    assert_eq!(samples(&folder.path("a.mp4"), 0), samples(&folder.path("whole.mp4"), 0));
    let cut = folder.run("cut.mp4 b.mp4");
    assert_eq!(cut.code, 0, "{}", cut.stderr);
    assert_eq!(samples(&folder.path("b.mp4"), 0), samples(&folder.path("cut.mp4"), 0));
    let duration =
        |name: &str| probe(&folder.path(name))["format"]["duration"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((duration("b.mp4") - duration("cut.mp4")).abs() < 0.041, "{} {}", duration("b.mp4"), duration("cut.mp4"));
}

#[test]
fn a_part_begins_and_ends_with_its_sound() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    // A burst of sound at the moment of a frame.
    let flash = VIDEO;
    let click = "-f lavfi -i aevalsrc=if(between(t\\,1.2\\,1.24)\\,sin(6000*t)\\,0):s=48000:d=2";
    for ending in ["mp4", "mkv", "ts"] {
        make(&folder, &format!("{flash} {click} {H264} -c:a ac3 in.{ending}"));
        for to in ["out.mp4", "out.mkv"] {
            folder.run(&format!("in.{ending} {to} --force --start 0.8 --end 1.6"));
            let (begin, track) = (times_s(&folder.path(to), "a:0")[0], samples(&folder.path(to), 0));
            let first = track.iter().position(|sample| sample.unsigned_abs() > 1000).unwrap();
            let heard_s = begin + first as f64 / 48_000.0;
            // Where times begin with sound before the first picture, a frame may begin a little before the part.
            let seen = times_s(&folder.path(to), "V:0");
            let nearest = seen.iter().map(|seen| (heard_s - seen).abs()).fold(f64::MAX, f64::min);
            assert!(nearest < 0.008, "{ending} to {to}: heard at {heard_s}, frames at {seen:?}");
            assert!((0.35..0.45).contains(&heard_s), "{ending} to {to}: heard at {heard_s}");
        }
    }
}

#[test]
fn row_15_a_variable_rate_is_kept() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let picks = "-vf select='not(mod(n,7))+not(mod(n,3))' -vsync vfr";
    for ending in ["mp4", "mkv", "ts"] {
        make(&folder, &format!("{VIDEO} {SOUND} {picks} {H264} -c:a aac in.{ending}"));
        for to in ["out.mp4", "out.mkv", "again.mp4"] {
            let from = if to == "again.mp4" { "out.mp4".to_owned() } else { format!("in.{ending}") };
            folder.run(&format!("{from} {to} --force"));
            in_step(&folder.path(&from), &folder.path(to), &format!("{from} to {to}"));
        }
    }
}

#[test]
fn row_16_gaps_stay_and_bad_time_stamps_are_mended_and_counted() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let stamped = |ts: &str| format!("{VIDEO} -c:v mjpeg -bsf:v setts=ts='{ts}' in.mkv");
    make(&folder, &stamped("TS+if(gte(N\\,20)\\,5000\\,0)"));
    assert_eq!(folder.run("in.mkv gap.mp4").good(50).warnings(), "");
    in_step(&folder.path("in.mkv"), &folder.path("gap.mp4"), "gap");
    // H.264 in AVI tells no time of showing. What the demuxer makes of it is kept, frame by frame.
    make(&folder, &format!("{VIDEO} -c:v libx264 -bf 2 in.avi"));
    let ended = folder.run("in.avi avi.mp4");
    assert_eq!((ended.code, times_s(&folder.path("avi.mp4"), "V:0").len()), (0, 50), "{}", ended.stderr);
    // An elementary stream has no times at all.
    make(&folder, &format!("{VIDEO} -c:v mpeg2video -f mpeg2video in.m2v"));
    let ended = folder.run("in.m2v raw.mp4").good(50);
    let times = times_s(&folder.path("raw.mp4"), "V:0");
    assert!(
        times.windows(2).all(|pair| (pair[1] - pair[0] - 0.04).abs() < TOLERANCE_S),
        "{times:?} {}",
        ended.warnings()
    );
}

#[test]
fn a_short_video_beside_long_sound_is_no_preview() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    make(&folder, &format!("-f lavfi -i testsrc2=s=96x64:r=25:d=0.2 {SOUND} {H264} -c:a aac in.mp4"));
    folder.run("in.mp4 out.mp4").good(5);
    in_step(&folder.path("in.mp4"), &folder.path("out.mp4"), "short");
    assert_eq!(samples(&folder.path("in.mp4"), 0), samples(&folder.path("out.mp4"), 0));
}

#[test]
fn sound_that_is_converted_does_not_come_later() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let click = "-f lavfi -i aevalsrc=if(between(t\\,1\\,1.04)\\,sin(6000*t)\\,0):s=48000:d=2";
    let heard_s = |name: &str| {
        let track = samples(&folder.path(name), 0);
        let first = track.iter().position(|sample| sample.unsigned_abs() > 4000).unwrap();
        times_s(&folder.path(name), "a:0")[0] - times_s(&folder.path(name), "V:0")[0] + first as f64 / 48_000.0
    };
    for (codecs, from, to, expected) in [
        ("-c:v libvpx -c:a libvorbis", "vorbis.webm", "out.mp4", "AAC"),
        ("-c:v libx264 -c:a dca -strict -2", "dts.mkv", "out.mp4", "AAC"),
        ("-c:v libx264 -c:a aac", "aac.mp4", "out.webm", "Opus"),
        ("-c:v libvpx -c:a libopus", "opus.webm", "out.mp4", ""),
    ] {
        for late in ["", "-itsoffset 0.3"] {
            make(&folder, &format!("{VIDEO} {late} {click} {codecs} {from}"));
            let ended = folder.run(&format!("{from} {to} --force"));
            assert!(ended.warnings().contains(expected), "{from}: {} {}", ended.warnings(), ended.stderr);
            let off = heard_s(to) - heard_s(from);
            // GStreamer counts the run-up of its Opus encoder twice where sound does not begin with the file.
            let tolerance_s = if expected == "Opus" && !late.is_empty() { 0.008 } else { TOLERANCE_S };
            assert!(off.abs() <= tolerance_s, "{from} to {to} {late}: {off} s off");
        }
    }
}
