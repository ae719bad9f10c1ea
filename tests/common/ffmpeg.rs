//! FFmpeg as an independent judge, and as a maker of files that GStreamer cannot make. Tests that use it say that they are
//! skipped where it is missing.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Folder;

/// Whether `ffmpeg` and `ffprobe` are installed.
pub fn is_here() -> bool {
    let runs = |tool: &str| Command::new(tool).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let here = ["ffmpeg", "ffprobe"].iter().all(|tool| runs(tool).is_ok_and(|status| status.success()));
    if !here {
        super::skip("ffmpeg is not installed");
    }
    here
}

/// Runs `ffmpeg` with `words` in `folder`.
pub fn make(folder: &Folder, words: &str) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-nostdin"]).args(words.split_whitespace()).current_dir(folder.path("."));
    let output = command.output().unwrap();
    assert!(output.status.success(), "ffmpeg {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// All that `ffprobe` says of streams, chapters and the whole.
pub fn probe(path: &Path) -> Value {
    let shown = ["-show_streams", "-show_chapters", "-show_format", "-of", "json"];
    let output = Command::new("ffprobe").args(["-v", "error"]).args(shown).arg(path).output().unwrap();
    assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The streams of a kind: `video`, `audio`, `subtitle`, `attachment`.
pub fn streams(path: &Path, kind: &str) -> Vec<Value> {
    let all = probe(path);
    all["streams"].as_array().unwrap().iter().filter(|stream| stream["codec_type"] == kind).cloned().collect()
}

/// A tag of a stream, whatever the case of its name.
pub fn tag(of: &Value, name: &str) -> String {
    let tags = of["tags"].as_object();
    let found = tags.into_iter().flatten().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str().unwrap().to_owned()).unwrap_or_default()
}

/// Seconds at which the decoded frames of `stream` (`V:0`, `a:1`) begin.
pub fn times_s(path: &Path, stream: &str) -> Vec<f64> {
    let shown = ["-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0"];
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream])
        .args(shown)
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.trim_matches(',').parse().ok()).collect()
}

/// The decoded samples of a track of sound.
pub fn samples(path: &Path, track: usize) -> Vec<i16> {
    let map = format!("0:a:{track}");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", &map, "-f", "s16le", "-"])
        .output()
        .unwrap();
    output.stdout.chunks_exact(2).map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]])).collect()
}

/// The lines of the first subtitles: begin and end in seconds, and text without marks.
pub fn lines(path: &Path) -> Vec<(f64, f64, String)> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0:s:0", "-f", "srt", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let seconds = |clock: &str| {
        let parts: Vec<f64> = clock.trim().replace(',', ".").split(':').map(|part| part.parse().unwrap()).collect();
        parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]
    };
    let line = |block: &str| {
        let (_, rest) = block.trim().split_once('\n')?;
        let (times, text) = rest.split_once('\n')?;
        let (begin, end) = times.split_once("-->")?;
        let mut plain = String::new();
        let mut inside = false;
        for letter in text.chars() {
            match letter {
                '<' => inside = true,
                '>' => inside = false,
                letter if !inside => plain.push(letter),
                _ => {}
            }
        }
        Some((seconds(begin), seconds(end), plain.trim().to_owned()))
    };
    text.split("\n\n").filter_map(line).collect()
}
