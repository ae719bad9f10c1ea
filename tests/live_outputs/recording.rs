//! Recordings of live frames.

use assert_cmd::Command;

use crate::common::read::decode;
use crate::common::{Folder, HANG, ffmpeg};
use crate::filter::{Filter, command};

/// What has been written of `name` so far.
fn written(folder: &Folder, name: &str) -> u64 {
    std::fs::metadata(folder.path(&format!("{name}.stylize-part"))).map_or(0, |meta| meta.len())
}

#[test]
fn a_recording_with_sound_is_whole_in_every_container() {
    for (name, sound) in [("a.mkv", "opus"), ("a.mp4", "aac"), ("a.webm", "opus"), ("a.mov", "aac")] {
        let ended = Filter::start(&format!("--record {name} --microphone test --frames 90")).end();
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        let path = ended.folder.path(name);
        let decoded = decode(&path);
        assert!(decoded.video.len() > 20, "{name}: {} frames", decoded.video.len());
        assert!(decoded.times().windows(2).all(|pair| pair[0] < pair[1]), "{name}: {:?}", decoded.times());
        let heard_nanos = decoded.sound[0].samples.len() as u64 * 1_000_000_000 / 48_000;
        assert!(heard_nanos > decoded.duration_nanos / 2, "{name}: {heard_nanos} ns of {}", decoded.duration_nanos);
        if ffmpeg::is_here() {
            assert_eq!(ffmpeg::streams(&path, "audio")[0]["codec_name"], sound, "{name}");
        }
    }
}

#[test]
fn what_a_killed_run_leaves_of_a_recording_plays() {
    for name in ["a.mkv", "a.mp4"] {
        let mut filter = Filter::start(&format!("--record {name} --microphone test"));
        filter.wait_until(name, |folder| written(folder, name) > 200_000);
        filter.signal("KILL");
        let ended = filter.end();
        let part = ended.folder.path(&format!("{name}.stylize-part"));
        assert!(!ended.folder.path(name).exists());
        if ffmpeg::is_here() {
            assert!(ffmpeg::times_s(&part, "v:0").len() > 10, "{name}");
            assert!(ffmpeg::times_s(&part, "a:0").len() > 10, "{name}");
        }
    }
}

#[test]
fn row_28_a_recording_that_cannot_go_on_stays_and_is_named() {
    for name in ["a.mkv", "a.mp4"] {
        let folder = Folder::new();
        let run = command(&folder, &format!("--record {name} --frames 150"));
        // The limit stands for a full disk; ignoring the signal leaves the error of the write.
        let script = "trap '' XFSZ; ulimit -f 48; exec \"$0\" \"$@\"";
        let output = Command::new("bash")
            .args(["-c", script])
            .arg(run.get_program())
            .args(run.get_args())
            .current_dir(folder.path("."))
            .timeout(HANG)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{name}: {stderr}");
        let told = format!("what was recorded so far is in \"./{name}.stylize-part\"");
        assert!(stderr.contains(&told) && stderr.to_lowercase().contains("file too large"), "{name}: {stderr}");
        assert!(written(&folder, name) > 0 && !folder.path(name).exists(), "{name}");
        // Of an MP4 that is so short not even the first second may be whole.
        if name == "a.mkv" && ffmpeg::is_here() {
            assert!(!ffmpeg::times_s(&folder.path("a.mkv.stylize-part"), "v:0").is_empty());
        }
    }
}
