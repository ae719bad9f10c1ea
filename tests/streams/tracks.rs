//! Every track of sound, in its order, with what it is called.

use crate::common::Folder;
use crate::common::ffmpeg::{is_here, make, samples, streams, tag};

const VIDEO: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=1";
const LABELS: &str = "-metadata:s:a:0 language=eng -metadata:s:a:1 language=deu -metadata:s:a:1 title=Kommentar \
                      -metadata:s:a:2 language=fra -metadata:s:v:0 language=ita \
                      -disposition:a:0 0 -disposition:a:1 default -disposition:a:2 0";

#[test]
fn row_8_all_tracks_are_kept_with_language_title_and_default() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let tones: String = [440, 880, 220].iter().map(|pitch| format!(" -f lavfi -i sine={pitch}:d=1:r=48000")).collect();
    for from in ["in.mkv", "in.mp4"] {
        make(
            &folder,
            &format!("{VIDEO} {tones} -map 0 -map 1 -map 2 -map 3 {LABELS} -c:v libx264 -c:a aac -aac_pns 0 {from}"),
        );
        for to in ["out.mkv", "out.mp4", "out.mov"] {
            folder.run(&format!("{from} {to} --force")).good(25);
            let what = format!("{from} to {to}");
            let tracks = streams(&folder.path(to), "audio");
            let languages: Vec<_> = tracks.iter().map(|track| tag(track, "language")).collect();
            let expected = if to == "out.mkv" { ["eng", "ger", "fre"] } else { ["eng", "deu", "fra"] };
            assert_eq!(languages, expected, "{what}");
            let defaults: Vec<_> = tracks.iter().map(|t| t["disposition"]["default"].as_i64().unwrap()).collect();
            // MP4 as FFmpeg writes it knows no default but what is switched on.
            assert_eq!(defaults, [0, 1, 0], "{what}");
            assert_eq!(tag(&streams(&folder.path(to), "video")[0], "language"), "ita", "{what}");
            if (from, to) == ("in.mkv", "out.mkv") {
                assert_eq!(tracks.iter().map(|t| tag(t, "title")).collect::<Vec<_>>(), ["", "Kommentar", ""], "{what}");
            }
            for track in 0..3 {
                let (before, after) = (samples(&folder.path(from), track), samples(&folder.path(to), track));
                let kept = before.windows(2048).any(|window| window == &after[8192..][..2048]);
                assert!(kept, "{what}: track {track} is another");
            }
        }
    }
}

#[test]
fn lossless_sound_stays_lossless() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let sound = "-f lavfi -i sine=440:d=1:r=48000";
    for (codec, to, expected) in [
        ("pcm_s16le", "out.mkv", "pcm_s16le"),
        ("flac", "out.mkv", "flac"),
        ("flac", "out.mp4", "alac"),
        ("flac", "out.mov", "alac"),
        ("pcm_s16le", "out.mov", "pcm_s16le"),
        ("pcm_s16le", "out.mp4", "alac"),
    ] {
        make(&folder, &format!("{VIDEO} {sound} -ac 2 -c:v libx264 -c:a {codec} in.mkv"));
        let ended = folder.run(&format!("in.mkv {to} --force")).good(25);
        assert_eq!(streams(&folder.path(to), "audio")[0]["codec_name"], expected, "{codec} to {to}");
        assert_eq!(ended.warnings().contains("converted"), codec != expected, "{codec} to {to}: {}", ended.warnings());
        let (before, after) = (samples(&folder.path("in.mkv"), 0), samples(&folder.path(to), 0));
        assert_eq!(before[..], after[..before.len()], "{codec} to {to}");
    }
}

#[test]
fn sound_of_many_channels_keeps_them() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let sound = "-f lavfi -i anoisesrc=d=1:r=48000,pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0";
    make(&folder, &format!("{VIDEO} {sound} -c:v libx264 -c:a flac in.mkv"));
    for (to, codec) in [("out.mp4", "aac"), ("out.mov", "aac"), ("out.mkv", "flac"), ("out.webm", "opus")] {
        let ended = folder.run(&format!("in.mkv {to}")).good(25);
        let track = &streams(&folder.path(to), "audio")[0];
        assert_eq!((track["codec_name"].as_str(), track["channels"].as_i64()), (Some(codec), Some(6)), "{to}");
        assert_eq!(ended.warnings().contains("converted"), to != "out.mkv", "{to}: {}", ended.warnings());
    }
}

#[test]
fn sound_of_a_container_that_rounds_is_whole_in_mp4() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    for codec in ["aac", "mp3", "ac3"] {
        let sound = "-f lavfi -i sine=440:d=1:r=48000";
        make(&folder, &format!("{VIDEO} {sound} -c:v libx264 -c:a {codec} in.mkv"));
        assert_eq!(folder.run("in.mkv out.mp4 --force").good(25).warnings(), "");
        let (before, after) = (samples(&folder.path("in.mkv"), 0), samples(&folder.path("out.mp4"), 0));
        // MP3 of Matroska says how much of its last packet is nothing; MP4 has no place for that.
        let whole = after.len() >= before.len() && before[..] == after[..before.len()];
        assert!(whole && after.len() < before.len() + 1152, "{codec}: {} and {} samples", before.len(), after.len());
    }
}
