//! Ways in which a pipeline is known to hang, or to call a broken file done. Each runs many times, and a run that takes
//! too long fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

use std::fs;
use std::process::Command;

use assert_cmd::Command as Bounded;
use common::clip::{AAC, Clip, H264_B, MP3, OPUS, VP8};
use common::read::decode;
use common::{Folder, HANG, job, model, skip};
use stylize::flow::Stop;
use stylize::report::Meter;

/// Numbers that look random and are the same in every run.
fn dice(seed: u64, below: u64) -> u64 {
    (seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % below
}

#[test]
fn row_28_a_file_that_cannot_grow_ends_the_run_with_4_and_nothing_stays() {
    let folder = Folder::new();
    Clip::new(120).size(320, 240).sound(AAC).write(&folder.path("in.mp4"));
    for round in 0..20 {
        let to = ["out.mp4", "out.mkv", "out.webm", "out.mov"][round as usize % 4];
        // The limit stands for a full disk; ignoring the signal leaves the error of the write.
        let script =
            format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" in.mp4 {to} -q --style \"$1\"", 1 + dice(round, 12));
        let program = env!("CARGO_BIN_EXE_stylize-video");
        let output = Bounded::new("bash")
            .args(["-c", &script, program])
            .arg(model("identity"))
            .current_dir(folder.path("."))
            .timeout(HANG)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(4), 1), "round {round} {to}: {stderr}");
        assert!(stderr.to_lowercase().contains("file too large"), "round {round} {to}: {stderr}");
        assert_eq!(folder.names(), ["in.mp4"], "round {round} {to}");
    }
}

#[test]
fn row_28_a_disk_that_is_full_says_so() {
    let folder = Folder::new();
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=32k", "tmpfs"]).arg(&disk).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return skip("a full disk: mount is not permitted");
    }
    Clip::new(120).size(320, 240).sound(AAC).write(&folder.path("in.mp4"));
    let ended: Vec<_> = (0..5).map(|_| folder.run("in.mp4 disk/out.mp4 -q")).collect();
    let left = fs::read_dir(&disk).unwrap().count();
    assert!(Command::new("umount").arg(&disk).status().unwrap().success());
    ended.into_iter().for_each(|ended| drop(ended.refused(4, "no space left")));
    assert_eq!(left, 0);
}

#[test]
fn encoders_that_look_ahead_do_not_starve_the_sound() {
    let folder = Folder::new();
    let clip = Clip::new(150).encoder(H264_B).sound(AAC).sound(MP3);
    clip.write(&folder.path("in.mkv"));
    // All sound behind all video, and the other way round as far as a muxer can be brought to it.
    clip.clone().muxer("mp4mux interleave-bytes=1000000000 interleave-time=100000000000").write(&folder.path("in.mp4"));
    for round in 0..6 {
        for (from, to) in [("in.mkv", "out.mp4"), ("in.mp4", "out.mkv"), ("in.mp4", "out.mp4")] {
            let words = ["", "--codec hevc", "--codec av1"][if round < 4 { 0 } else { round - 3 }];
            let ended = folder.run(&format!("{from} {to} --force {words}"));
            if ended.stderr.contains("is not installed") {
                skip(ended.stderr.trim());
            } else {
                ended.good(150);
            }
        }
    }
}

#[test]
fn row_25_damage_in_the_middle_ends_and_is_not_called_whole() {
    for (name, clip) in [
        ("in.mkv", Clip::new(60).sound(AAC)),
        ("in.mp4", Clip::new(60).sound(AAC)),
        ("in.ts", Clip::new(60).sound(AAC)),
        ("in.webm", Clip::new(60).encoder(VP8).sound(OPUS)),
    ] {
        let folder = Folder::new();
        clip.size(160, 120).write(&folder.path(name));
        let whole = fs::read(folder.path(name)).unwrap();
        for round in 0..8 {
            let mut bytes = whole.clone();
            let at = bytes.len() / 4 + dice(round, bytes.len() as u64 / 2) as usize;
            let end = (at + 300 + dice(round + 50, 3000) as usize).min(bytes.len());
            (at..end).for_each(|index| bytes[index] = dice(index as u64, 256) as u8);
            fs::write(folder.path(name), bytes).unwrap();
            let ended = folder.run(&format!("{name} out.mp4 --force"));
            let frames = ended.report["frames_out"].as_u64().unwrap_or(0);
            assert!([0, 3, 7].contains(&ended.code), "{name} {round}: {}", ended.stderr);
            if ended.code != 3 {
                assert_eq!(decode(&folder.path("out.mp4")).video.len() as u64, frames, "{name} {round}");
            } else {
                assert_eq!(ended.stderr.lines().count(), 1, "{name} {round}: {}", ended.stderr);
            }
            println!("{name} {round}: exit {}, {frames} frames", ended.code);
        }
    }
}

#[test]
fn a_track_of_text_does_not_stop_the_others() {
    let folder = Folder::new();
    Clip::new(60).sound(AAC).subtitles().write(&folder.path("in.mkv"));
    for _ in 0..10 {
        for (to, warned) in [("out.mp4", false), ("out.mkv", false), ("out.webm", true)] {
            let ended = folder.run(&format!("in.mkv {to} --force")).good(60);
            assert_eq!(ended.warnings().contains("left out"), warned, "{to}: {}", ended.warnings());
        }
    }
}

#[test]
fn short_clips_begin_and_end() {
    let folder = Folder::new();
    for (index, (frames, begin, end)) in
        [(1, 0, 40), (2, 0, 80), (2, 0, 3000), (2, 500, 900), (50, 0, 30), (50, 1900, 2500), (3, 0, 0)]
            .into_iter()
            .enumerate()
    {
        let clip = Clip::new(frames);
        let clip = if end > 0 { clip.sound_between(AAC, begin, end) } else { clip };
        // GStreamer takes a track of MP4 that is shorter than a fifth of the others for a preview, and leaves it out.
        let (video, sound) = (frames * 40, end - begin);
        let kinds = if video * 5 < end || sound * 5 < video { &["mkv"][..] } else { &["mp4", "mkv"] };
        for from in kinds.iter().map(|kind| format!("{index}.{kind}")) {
            clip.write(&folder.path(&from));
            for _ in 0..5 {
                for kind in kinds {
                    folder.run(&format!("{from} out.{kind} --force")).good(frames);
                }
            }
        }
    }
}

#[test]
fn a_stop_at_any_moment_leaves_a_good_file_or_none() {
    const FRAMES: u64 = 200;
    let folder = Folder::new();
    Clip::new(FRAMES).sound(AAC).write(&folder.path("in.mp4"));
    for round in 0..30 {
        let to = ["out.mp4", "out.mkv"][round as usize % 2];
        let _ = fs::remove_file(folder.path(to));
        let (stop, meter, at) = (Stop::new(), Meter::new(), dice(round, FRAMES + 20));
        let (asker, watched) = (stop.clone(), meter.clone());
        let watch = std::thread::Builder::new().spawn(move || {
            while watched.frames_in() < at.min(FRAMES) {
                std::thread::yield_now();
            }
            asker.ask();
        });
        let report = stylize::job::run(&job(&folder, to), &stop, &meter, &mut ());
        stop.ask();
        if report.is_ok() {
            watch.unwrap().join().unwrap();
        }
        let report = report.unwrap_or_else(|error| panic!("round {round}, frame {at}: {error}"));
        let found = if folder.path(to).exists() { decode(&folder.path(to)).numbers() } else { Vec::new() };
        assert_eq!(found, (0..report.frames_out).collect::<Vec<_>>(), "round {round}, frame {at}");
        assert!(!folder.names().iter().any(|name| name.ends_with("part")), "round {round}");
    }
}
