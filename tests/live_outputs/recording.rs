//! Recordings of live frames.

use crate::common::ffmpeg;
use crate::common::read::decode;
use crate::filter::Filter;

/// What has been written of `name` so far.
fn written(folder: &crate::common::Folder, name: &str) -> u64 {
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
