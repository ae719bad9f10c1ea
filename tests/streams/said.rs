//! Titles, dates, chapters, attachments: what a file says of itself.

use std::fs;

use crate::common::Folder;
use crate::common::ffmpeg::{is_here, make, probe, tag};

const VIDEO: &str = "-f lavfi -i testsrc2=s=96x64:r=25:d=4";
const SOUND: &str = "-f lavfi -i sine=440:d=4:r=48000";
const SAID: &str = ";FFMETADATA1\ntitle=A Title, \"quoted\" ö\nartist=An Artist\ncomment=A Comment\ndate=2021-05-04\n\
    [CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=One\n\
    [CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=4000\ntitle=Two & more\n";

/// A file with everything in it.
fn folder_with(from: &str, sound: bool) -> Folder {
    let folder = Folder::new();
    fs::write(folder.path("said.txt"), SAID).unwrap();
    let (inputs, said) = if sound { (format!("{VIDEO} {SOUND}"), 2) } else { (VIDEO.into(), 1) };
    let maps = format!("-map_metadata {said} -map_chapters {said}");
    make(&folder, &format!("{inputs} -i said.txt {maps} -c:v libx264 -c:a aac {from}"));
    folder
}

#[test]
fn row_10_tags_of_the_whole_are_kept() {
    if !is_here() {
        return;
    }
    for (from, sound) in [("in.mkv", true), ("in.mp4", true), ("in.mkv", false), ("in.mov", false)] {
        let folder = folder_with(from, sound);
        for to in ["out.mkv", "out.mp4", "out.mov", "out.webm"] {
            let ended = folder.run(&format!("{from} {to}")).good(100);
            let what = format!("{from} to {to}: {}", ended.warnings());
            let format = &probe(&folder.path(to))["format"];
            assert_eq!(tag(format, "title"), "A Title, \"quoted\" ö", "{what}");
            assert_eq!(
                (tag(format, "artist"), tag(format, "comment")),
                ("An Artist".into(), "A Comment".into()),
                "{what}"
            );
        }
    }
}

#[test]
fn row_10_chapters_are_kept_and_cut_with_the_video() {
    if !is_here() {
        return;
    }
    for from in ["in.mkv", "in.mp4"] {
        let folder = folder_with(from, from == "in.mkv");
        for to in ["out.mkv", "out.mp4"] {
            let chapters = |words: &str| -> Vec<(f64, String)> {
                let ended = folder.run(&format!("{from} {to} --force {words}"));
                assert_eq!((ended.code, ended.warnings().as_str()), (0, ""), "{from} to {to}: {}", ended.stderr);
                let all = probe(&folder.path(to));
                let chapters = all["chapters"].as_array().unwrap().iter();
                chapters.map(|c| (c["start_time"].as_str().unwrap().parse().unwrap(), tag(c, "title"))).collect()
            };
            let what = format!("{from} to {to}");
            assert_eq!(chapters(""), [(0.0, "One".into()), (1.5, "Two & more".into())], "{what}");
            assert_eq!(chapters("--start 1 --end 3"), [(0.0, "One".into()), (0.5, "Two & more".into())], "{what}");
            assert_eq!(chapters("--start 2"), [(0.0, "Two & more".into())], "{what}");
        }
    }
}

#[test]
fn row_10_attachments_and_data_are_said_to_be_left_out() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    fs::write(folder.path("font.ttf"), [7; 500]).unwrap();
    let attach = "-attach font.ttf -metadata:s:t mimetype=application/x-truetype-font";
    make(&folder, &format!("{VIDEO} {SOUND} -c:v libx264 -c:a aac {attach} in.mkv"));
    let ended = folder.run("in.mkv out.mkv").good(100);
    assert!(ended.warnings().contains("font.ttf"), "{}", ended.warnings());
    make(&folder, &format!("{VIDEO} {SOUND} -c:v libx264 -c:a aac -timecode 01:00:00:00 in.mov"));
    let ended = folder.run("in.mov out.mp4").good(100);
    assert!(ended.warnings().contains("left out") && ended.warnings().contains("tmcd"), "{}", ended.warnings());
}

#[test]
fn an_encrypted_file_is_called_so() {
    if !is_here() {
        return;
    }
    let folder = Folder::new();
    let key = "-encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8";
    make(&folder, &format!("{VIDEO} -c:v libx264 -encryption_scheme cenc-aes-ctr {key} in.mp4"));
    folder.run("in.mp4 out.mp4").refused(3, "encrypted");
}
