//! Clips from the world: every file of `clips/` and `broken/` in the folder that `STYLIZE_TEST_DATA` names.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says where it failed"
)]

mod common;

use std::path::{Path, PathBuf};

use common::ffmpeg::{self, samples, streams, tag, times_s};
use common::{Ended, Folder};

/// Frames of each clip: enough to pass the start of every stream.
const FRAMES: u64 = 40;

/// The files of `kind`; none where there are no clips.
fn files(kind: &str) -> Vec<PathBuf> {
    let Some(data) = std::env::var_os("STYLIZE_TEST_DATA") else {
        eprintln!("skipped: STYLIZE_TEST_DATA names no folder with clips/ and broken/");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(PathBuf::from(data).join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs every file of `kind` and lists what is not as `good` wants it.
fn each(kind: &str, words: &str, good: impl Fn(&Ended) -> bool) {
    let mut bad = Vec::new();
    for file in files(kind) {
        let folder = Folder::new();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        std::os::unix::fs::symlink(file.canonicalize().unwrap(), folder.path(&name)).unwrap();
        let ended = folder.try_run(&format!("{name} out.mkv -q {words}"));
        let line =
            format!("{name}: exit {}, {} frames: {}", ended.code, ended.report["frames_out"], ended.stderr.trim());
        println!("{line}");
        let left_nothing = folder.names().len() == if [0, 7].contains(&ended.code) { 2 } else { 1 };
        if !(good(&ended) && left_nothing && ended.stderr.lines().count() <= 1) {
            bad.push(line);
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn clips_of_the_world_are_read() {
    let words = format!("--frames {FRAMES} --net-size 90p --size 180p");
    each("clips", &words, |ended| ended.code == 0);
}

/// Width over height on the screen, turned upright, of the first video of `path`, as ffprobe has it.
fn display_ratio(path: &Path) -> Option<f64> {
    let fields = "stream=width,height,sample_aspect_ratio:stream_side_data=rotation:stream_tags=rotate";
    let words = ["-v", "error", "-select_streams", "v:0", "-of", "json", "-show_entries", fields];
    let output = std::process::Command::new("ffprobe").args(words).arg(path).output().ok()?;
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let stream = found["streams"].get(0)?;
    let aspect = stream["sample_aspect_ratio"].as_str().and_then(|text| text.split_once(':'));
    let (numerator, denominator) =
        aspect.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?))).unwrap_or((1.0, 1.0));
    let shape = if numerator > 0.0 { numerator / denominator } else { 1.0 };
    let ratio = stream["width"].as_f64()? / stream["height"].as_f64()? * shape;
    let turned = stream["side_data_list"].as_array().into_iter().flatten().filter_map(|data| data["rotation"].as_i64());
    Some(if turned.into_iter().any(|degrees| degrees % 180 != 0) { ratio.recip() } else { ratio })
}

#[test]
fn clips_keep_their_shape_on_the_screen() {
    let Some(data) = std::env::var_os("STYLIZE_TEST_DATA") else {
        eprintln!("skipped: STYLIZE_TEST_DATA names no folder with clips/ and broken/");
        return;
    };
    if !ffmpeg::is_here() {
        return;
    }
    let mut bad = Vec::new();
    for entry in std::fs::read_dir(PathBuf::from(data).join("clips")).unwrap() {
        let (folder, path) = (Folder::new(), entry.unwrap().path().canonicalize().unwrap());
        std::os::unix::fs::symlink(&path, folder.path("in")).unwrap();
        folder.run("in out.mp4 --frames 1 --net-size 90p");
        let (before, after) = (display_ratio(&path).unwrap(), display_ratio(&folder.path("out.mp4")).unwrap());
        println!("{path:?}: {before:.4} {after:.4}");
        if (before / after - 1.0).abs() > 0.02 {
            bad.push(format!("{path:?}: {before} became {after}"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn broken_files_end_in_one_line() {
    each("broken", "--net-size 90p --size 180p", |ended| match ended.code {
        0 => ended.stderr.is_empty(),
        3 | 7 => ended.stderr.lines().count() == 1,
        _ => false,
    });
}

/// Times may be off by what Matroska rounds, and a tick.
const TOLERANCE_S: f64 = 0.001_1;

/// Compares what FFmpeg finds in the files: the line of a table, and what is wrong.
fn compare(from: &Path, to: &Path) -> (String, Vec<&'static str>) {
    let (before, after) = (times_s(from, "V:0"), times_s(to, "V:0"));
    let off = |(a, b): (&f64, &f64)| ((b - after[0]) - (a - before[0])).abs();
    let worst_s = before.iter().zip(&after).map(off).fold(0.0, f64::max);
    let mut wrong = Vec::new();
    let mut check = |good: bool, what| {
        if !good {
            wrong.push(what);
        }
    };
    check(before.len() == after.len(), "frames");
    check(worst_s <= TOLERANCE_S, "times");
    let mut line = format!("frames {}/{} | times {:.2} ms", before.len(), after.len(), worst_s * 1e3);
    let (sounds, kept) = (streams(from, "audio"), streams(to, "audio"));
    check(sounds.len() == kept.len(), "tracks");
    for (index, (a, b)) in sounds.iter().zip(&kept).enumerate() {
        let track = format!("a:{index}");
        let begins = |path: &Path, first: f64| times_s(path, &track).first().map_or(0.0, |begin| begin - first);
        let off_s = begins(to, after[0]) - begins(from, before[0]);
        let (heard, now) = (samples(from, index), samples(to, index));
        let same = a["codec_name"] == b["codec_name"];
        check(off_s.abs() <= TOLERANCE_S, "offset");
        let channels = a["channels"].as_u64().unwrap() as usize;
        check(heard.len().abs_diff(now.len()) <= if same { 0 } else { 2048 * channels }, "samples");
        check(!same || heard == now, "sound");
        let language =
            |track| Some(tag(track, "language")).filter(|language| !language.is_empty() && language != "und");
        check(language(a) == language(b), "language");
        let codecs = format!("{} to {}", a["codec_name"], b["codec_name"]).replace('"', "");
        line += &format!(" | {codecs}, offset {:.2} ms, samples {}/{}", off_s * 1e3, heard.len(), now.len());
    }
    (line, wrong)
}

#[test]
fn clips_of_the_world_keep_time_and_sound() {
    let mut bad = Vec::new();
    for file in files("clips").into_iter().filter(|_| ffmpeg::is_here()) {
        let folder = Folder::new();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        std::os::unix::fs::symlink(file.canonicalize().unwrap(), folder.path(&name)).unwrap();
        let ended = folder.try_run(&format!("{name} out.mp4 -q --strength 0 --net-size 90p --size 180p"));
        if ended.code != 0 {
            bad.push(format!("{name}: exit {}: {}", ended.code, ended.stderr));
            continue;
        }
        let (line, wrong) = compare(&file, &folder.path("out.mp4"));
        println!("{name} | {line} | {}", if wrong.is_empty() { "good".into() } else { wrong.join(", ") });
        if !wrong.is_empty() {
            bad.push(format!("{name}: {line}: {}", wrong.join(", ")));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
