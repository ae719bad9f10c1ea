//! Subtitles: converted where the container has a kind for them, else left out and said; never a wait for the next line.

use std::fs;

use crate::common::Folder;
use crate::common::ffmpeg::{is_here, lines, make, streams, tag};

const INPUTS: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=4 -f lavfi -i sine=440:d=4:r=48000";
const CODECS: &str = "-map 0 -map 1 -map 2 -c:v libx264 -c:a aac -metadata:s:s:0 language=spa";
const LINES: &str = "1\n00:00:02,500 --> 00:00:03,000\n<i>late</i> & \"loud\"\n\n\
                     2\n00:00:03,200 --> 00:00:03,700\nsecond line\ntwo rows\n\n";
const STYLED: &str = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n\
    Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Alignment\nStyle: Default,Arial,16,&Hffffff,0,2\n\n[Events]\n\
    Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
    Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\i1}styled{\\i0} text\n";

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.030
}

#[test]
fn row_9_text_is_converted_and_nobody_waits_for_it() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    fs::write(folder.path("a.srt"), LINES).unwrap();
    for (from, codec) in [("in.mkv", "srt"), ("in.mp4", "mov_text"), ("in.mov", "mov_text")] {
        make(&folder, &format!("{INPUTS} -i a.srt {CODECS} -c:s {codec} {from}"));
        for (to, codec) in [("out.mp4", "mov_text"), ("out.mov", "mov_text"), ("out.mkv", "subrip")] {
            let what = format!("{from} to {to}");
            assert_eq!(folder.run(&format!("{from} {to} --force")).good(100).warnings(), "", "{what}");
            let tracks = streams(&folder.path(to), "subtitle");
            assert_eq!((tracks.len(), tracks[0]["codec_name"].as_str()), (1, Some(codec)), "{what}");
            assert_eq!(tag(&tracks[0], "language"), "spa", "{what}");
            let mut found = lines(&folder.path(to));
            found.iter_mut().for_each(|line| line.2 = line.2.replace('\r', ""));
            assert_eq!(found.len(), 2, "{what}: {found:?}");
            assert!(close(found[0].0, 2.5) && close(found[0].1, 3.0) && close(found[1].0, 3.2), "{what}: {found:?}");
            assert!(close(found[1].1, 3.7), "{what}: {found:?}");
            assert_eq!(
                (found[0].2.as_str(), found[1].2.as_str()),
                ("late & \"loud\"", "second line\ntwo rows"),
                "{what}"
            );
        }
        let ended = folder.run(&format!("{from} out.webm --force")).good(100);
        assert!(ended.warnings().contains("left out"), "{}", ended.warnings());
        assert!(streams(&folder.path("out.webm"), "subtitle").is_empty());
    }
}

#[test]
fn row_9_a_track_without_a_line_is_waited_for_by_nobody() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    fs::write(folder.path("none.srt"), "").unwrap();
    for (from, codec) in [("in.mkv", "srt"), ("in.mp4", "mov_text")] {
        make(&folder, &format!("{INPUTS} -f srt -i none.srt {CODECS} -c:s {codec} {from}"));
        for to in ["out.mp4", "out.mkv"] {
            folder.run(&format!("{from} {to} --force")).good(100);
            folder.run(&format!("{from} {to} --force --frames 30")).good(30);
        }
    }
}

#[test]
fn styled_subtitles_keep_their_styles_or_become_text() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    fs::write(folder.path("a.ass"), STYLED).unwrap();
    make(&folder, &format!("{INPUTS} -i a.ass {CODECS} -c:s ass in.mkv"));
    assert_eq!(folder.run("in.mkv out.mkv").good(100).warnings(), "");
    assert_eq!(streams(&folder.path("out.mkv"), "subtitle")[0]["codec_name"], "ass");
    assert!(folder.run("in.mkv out.mp4").good(100).warnings().contains("plain text"));
    for to in ["out.mkv", "out.mp4"] {
        let found = lines(&folder.path(to));
        assert_eq!(found.iter().map(|line| line.2.as_str()).collect::<Vec<_>>(), ["styled text"], "{to}");
        assert!(close(found[0].0, 1.0) && close(found[0].1, 2.0), "{to}: {found:?}");
    }
}

#[test]
fn pictures_of_text_are_left_out_where_there_is_no_place_for_them() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    // Blu-ray's subtitles: "PG", times, kind, length; one that clears the screen, and its end.
    let head =
        |at: u32, kind: u8, len: u8| [&b"PG"[..], &(at * 90_000).to_be_bytes(), &[0; 4], &[kind, 0, len]].concat();
    let clears =
        |at| [&head(at, 0x16, 11)[..], &[0, 96, 0, 64, 0x10, 0, 1, 0x80, 0, 0, 0], &head(at, 0x80, 0)].concat();
    fs::write(folder.path("a.sup"), [clears(1), clears(3)].concat()).unwrap();
    make(&folder, &format!("{INPUTS} -i a.sup {CODECS} -c:s copy in.mkv"));
    for to in ["out.mp4", "out.mkv"] {
        let ended = folder.run(&format!("in.mkv {to}")).good(100);
        assert!(
            ended.warnings().contains("left out") && ended.warnings().contains("subtitles"),
            "{}",
            ended.warnings()
        );
    }
}
