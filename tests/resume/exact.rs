//! An unfinished run that goes on gives what a run in one go gives.

use std::path::Path;
use std::process::Command;

use crate::common::clip::{AAC, Clip, FFV1, H264_B, OPUS};
use crate::common::read::{Decoded, Picture, decode};
use crate::common::{Folder, ffmpeg};
use crate::{bytes, killed, resumed};

/// Mean squared difference of luma that two encodings of the same frame may have.
const NOISE: f64 = 12.0;
/// Of lossless ones. The stabiliser remembers some pixels in a hundred by a step more or less than a run in one go.
const LOSSLESS_NOISE: f64 = 0.03;

fn difference(a: &Picture, b: &Picture) -> f64 {
    let (a, b) = (&a.planes[0], &b.planes[0]);
    a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum::<f64>() / a.len() as f64
}

/// `pieced` has the frames, times and sound of `whole`; its first `kept` frames bit for bit, the others but for `noise`.
fn same(whole: &Decoded, pieced: &Decoded, kept: u64, noise: f64, what: &str) {
    assert!(pieced.times() == whole.times(), "{what}: times");
    assert!(pieced.numbers() == whole.numbers(), "{what}: frames");
    for (number, (a, b)) in whole.video.iter().zip(&pieced.video).enumerate() {
        assert_eq!(a.duration_nanos, b.duration_nanos, "{what}: frame {number}");
        if (number as u64) < kept {
            assert!(a.planes == b.planes, "{what}: frame {number} of {kept} was kept and is another");
        } else {
            assert!(difference(a, b) < noise, "{what}: frame {number}: {}", difference(a, b));
        }
    }
    assert_eq!(whole.sound.len(), pieced.sound.len(), "{what}: sound tracks");
    for (a, b) in whole.sound.iter().zip(&pieced.sound) {
        assert_eq!(a.pts_nanos, b.pts_nanos, "{what}: begin of sound");
        assert!(a.samples == b.samples, "{what}: sound");
    }
    assert_eq!(whole.duration_nanos, pieced.duration_nanos, "{what}: length");
}

/// Times and content of all packets of sound, as ffprobe sees them.
fn sound_packets(path: &Path) -> String {
    let words = "-v error -select_streams a -show_packets -show_data_hash md5 -show_entries \
                 packet=pts,dts,duration,size,flags,data_hash -of csv";
    let output = Command::new("ffprobe").args(words.split_whitespace()).arg(path).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// When each packet of video is decoded, in the order of the file, as ffprobe sees it.
fn decoding_times(path: &Path) -> Vec<i64> {
    let words = "-v error -select_streams v -show_entries packet=dts -of csv=p=0";
    let output = Command::new("ffprobe").args(words.split_whitespace()).arg(path).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end_matches(',').parse().unwrap_or(i64::MIN)).collect()
}

/// Kills a run from `from` to `to` once for each of `shares`, when its file has at least that many hundredths of its final length,
/// lets it go on, and compares.
fn goes_on(clip: &Clip, from: &str, to: &str, options: &str, shares: &[u64]) {
    let folder = Folder::new();
    clip.write(&folder.path(from));
    let whole = format!("whole-{to}");
    let ended = folder.run(&format!("{from} {whole} {options}"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let frames = ended.report["frames_out"].as_u64().unwrap();
    let what = format!("{from} to {to} {options}");
    for (round, share) in shares.iter().enumerate() {
        let resume = if round == 0 { "" } else { "--resume" };
        let limit_bytes = bytes(&folder, &whole) * share / 100;
        killed(&folder, &format!("{from} {to} {options} {resume}"), to, limit_bytes);
        assert!(!folder.path(to).exists(), "{what}");
    }
    let ended = folder.run(&format!("{from} {to} {options} --resume")).good(frames);
    assert_eq!(ended.warnings(), "", "{what}");
    let kept = resumed(&ended);
    let most = frames * shares.iter().max().unwrap() / 100;
    eprintln!("{what}: {kept} of {frames} frames kept, about {most} were to be");
    // A fragment that was not complete is lost, and what stands between the frames takes its part of the file.
    assert!((most / 2..frames).contains(&kept), "{what}: {kept} frames kept, about {most} were to be");
    // Behind the first seam the encoder decides otherwise.
    let exact = if shares.len() == 1 { kept } else { frames * shares[0] / 200 };
    let (a, b) = (folder.path(&whole), folder.path(to));
    let lossless = options.contains("lossless") || options.contains("ffv1");
    same(&decode(&a), &decode(&b), exact, if lossless { LOSSLESS_NOISE } else { NOISE }, &what);
    if ffmpeg::is_here() {
        assert!(sound_packets(&a) == sound_packets(&b), "{what}: packets of sound");
        // Other containers do not store it.
        let stored = to.ends_with(".mp4") || to.ends_with(".mov");
        assert!(!stored || decoding_times(&a) == decoding_times(&b), "{what}: times of decoding");
    }
    let mut expected = vec![from.to_owned(), to.to_owned(), whole];
    expected.sort();
    assert_eq!(folder.names(), expected, "{what}");
}

#[test]
fn row_34_h264_goes_on_in_all_containers() {
    for to in ["out.mp4", "out.mov", "out.mkv"] {
        goes_on(&Clip::new(300).size(160, 120).sound(AAC), "in.mp4", to, "", &[40]);
    }
}

#[test]
fn row_34_a_run_killed_again_and_again_goes_on() {
    let clip = Clip::new(300).size(160, 120).sound(AAC);
    // The third moment lies within what is only copied.
    goes_on(&clip, "in.mp4", "out.mp4", "", &[20, 45, 10, 70]);
    goes_on(&clip, "in.mp4", "out.mkv", "", &[40, 10, 60]);
}

#[test]
fn lossless_is_the_same_bit_for_bit() {
    goes_on(&Clip::new(200).size(160, 120).sound(OPUS), "in.mkv", "out.mkv", "--lossless", &[40]);
    goes_on(&Clip::new(200).size(160, 120), "in.mkv", "out.mkv", "--codec ffv1", &[40]);
}

#[test]
fn the_stabiliser_goes_on() {
    let clip = Clip::new(200).size(160, 120);
    goes_on(&clip, "in.mkv", "out.mkv", "--lossless --stabilise 1", &[40]);
    goes_on(&clip, "in.mkv", "out.mkv", "--lossless --stabilise 1", &[3]);
}

#[test]
fn other_codecs_go_on() {
    for (to, codec) in [
        ("out.mp4", "hevc"),
        ("out.mkv", "hevc"),
        ("out.webm", "vp9"),
        ("out.mkv", "vp9"),
        ("out.webm", "av1"),
        ("out.mp4", "av1"),
    ] {
        goes_on(&Clip::new(200).size(96, 64).sound(OPUS), "in.mkv", to, &format!("--codec {codec}"), &[50]);
    }
}

#[test]
fn unequal_times_stay_as_they_are() {
    let step = |time: &mut u64, n: usize| {
        *time += [40, 10, 80, 33, 200][n % 5];
        Some(*time)
    };
    let times: Vec<u64> = (0..=300).scan(0, step).collect();
    let clip = Clip::new(0).times_ms(&times).size(160, 120).sound(AAC);
    goes_on(&clip, "in.mkv", "out.mkv", "", &[40]);
    goes_on(&clip, "in.mkv", "out.mp4", "", &[30, 60]);
    goes_on(&clip.encoder(FFV1), "in.mkv", "out.mkv", "--lossless", &[40]);
}

#[test]
fn sound_that_begins_before_the_picture_stays_there() {
    let clip = Clip::new(300).size(160, 120).encoder(H264_B).later_ms(500).sound_between(AAC, 0, 12_500);
    for to in ["out.mp4", "out.mkv"] {
        goes_on(&clip, "in.mp4", to, "", &[40]);
        goes_on(&clip, "in.mp4", to, "--start 2 --end 10", &[40]);
    }
}
