//! Several inputs into a folder.

use std::fs;

use serde_json::Value;

use crate::common::child::{code, send, wait_until};
use crate::common::clip::{AAC, Clip, VP8};
use crate::common::read::decode;
use crate::common::{Ended, Folder};

fn names(folder: &Folder, of: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.path(of)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn codes(ended: &Ended) -> Vec<&Value> {
    ended.report.as_array().unwrap().iter().map(|entry| &entry["exit_code"]).collect()
}

#[test]
fn every_input_becomes_a_file_of_its_name() {
    let folder = Folder::new();
    Clip::new(8).sound(AAC).write(&folder.path("a.mp4"));
    Clip::new(9).write(&folder.path("b.mov"));
    fs::create_dir(folder.path("deep")).unwrap();
    Clip::new(10).write(&folder.path("deep/c.ts"));
    Clip::new(11).encoder(VP8).write(&folder.path("d.webm"));
    let ended = folder.run("a.mp4 b.mov deep/c.ts d.webm -o styled/new/");
    assert_eq!((ended.code, codes(&ended)), (0, vec![&0.into(); 4]), "{}", ended.stderr);
    assert_eq!(names(&folder, "styled/new"), ["a.mp4", "b.mov", "c.mkv", "d.webm"]);
    for (index, name) in ["a.mp4", "b.mov", "c.mkv", "d.webm"].into_iter().enumerate() {
        let frames = 8 + index as u64;
        assert_eq!(ended.report[index]["frames_out"], frames);
        assert_eq!(decode(&folder.path("styled/new").join(name)).numbers(), (0..frames).collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(ended.report[2]["output"], "styled/new/c.mkv");
    assert!(ended.stderr.contains("[4/4] d.webm") && ended.stderr.ends_with("4 done, 0 failed\n"), "{}", ended.stderr);
}

#[test]
fn one_that_fails_does_not_stop_the_others() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("a.mp4"));
    fs::write(folder.path("b.mp4"), "no video").unwrap();
    Clip::new(6).write(&folder.path("c.mp4"));
    fs::create_dir(folder.path("out")).unwrap();
    fs::write(folder.path("out/c.mp4"), "precious").unwrap();
    let ended = folder.run("a.mp4 b.mp4 none.mp4 c.mp4 -o out");
    assert_eq!((ended.code, codes(&ended)), (3, vec![&0.into(), &3.into(), &3.into(), &4.into()]), "{}", ended.stderr);
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("error: ")).count(), 3, "{}", ended.stderr);
    assert_eq!(lines[lines.len() - 4], "1 done, 3 failed");
    for (line, name) in lines[lines.len() - 3..].iter().zip(["b.mp4", "none.mp4", "c.mp4"]) {
        assert!(line.starts_with(&format!("failed: {name}: ")), "{line}");
    }
    assert!(ended.report[3]["error"].as_str().unwrap().contains("--force"), "{}", ended.report);
    assert_eq!(fs::read_to_string(folder.path("out/c.mp4")).unwrap(), "precious");
    assert_eq!(names(&folder, "out"), ["a.mp4", "c.mp4"]);
    let ended = folder.run("a.mp4 c.mp4 -o out --force -q");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(decode(&folder.path("out/c.mp4")).video.len(), 6);
}

#[test]
fn what_cannot_be_meant_is_found_before_any_work() {
    let folder = Folder::new();
    for (name, frames) in [("a.mp4", 5), ("b.avi", 5)] {
        Clip::new(frames).write(&folder.path(name));
    }
    fs::create_dir(folder.path("x")).unwrap();
    fs::copy(folder.path("a.mp4"), folder.path("x/a.mp4")).unwrap();
    fs::write(folder.path("b.ts"), "").unwrap();
    for (words, part) in [
        ("a.mp4 x/a.mp4 -o out", "out/a.mp4"),
        ("b.avi b.ts -o out", "out/b.mkv"),
        ("a.mp4 a.mp4 -o out", "both"),
        ("b.avi x/a.mp4 -o x --force", "x/a.mp4"),
        ("a.mp4 -o .", "a.mp4"),
        ("a.mp4 b.avi -o http://example.org/", "-o"),
        ("a.mp4 b.avi -o out --quality 99", "--quality"),
        ("a.mp4 b.avi x/a.mp4", "-o FOLDER"),
        ("a.mp4 -o out --report out/a.mp4", "--report"),
        ("a.mp4 -o new.mp4", "stylize-video a.mp4 new.mp4"),
        ("a.mp4 b.avi -o b.mkv", "-o names a folder"),
    ] {
        folder.run(words).refused(2, part);
        let left = folder.names();
        assert!(left.iter().all(|name| ["a.mp4", "b.avi", "b.ts", "x", "out"].contains(&name.as_str())), "{words}");
        assert!(!folder.path("out").exists() || names(&folder, "out").is_empty(), "{words}");
    }
    folder.run("a.mp4 -o b.ts").refused(4, "folder");
    folder.run("a.mp4 b.avi -o styled --style none.onnx").refused(5, "none.onnx");
    assert!(!folder.path("styled").exists());
}

#[test]
fn json_says_which_file() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("a.mp4"));
    fs::write(folder.path("b.mp4"), "no video").unwrap();
    let ended = folder.run("a.mp4 b.mp4 -o out --progress json");
    let events: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, files) = events.split_last().unwrap();
    assert!(files.iter().all(|event| event["file"] == 1 || event["file"] == 2), "{}", ended.stderr);
    let kinds = |file: u64| -> Vec<&str> {
        let of_file = events.iter().filter(|event| event["file"] == file && event["event"] != "progress");
        of_file.map(|event| event["event"].as_str().unwrap()).collect()
    };
    assert_eq!((kinds(1), kinds(2)), (vec!["file", "start", "end"], vec!["file", "error"]));
    let expected = serde_json::json!({"event": "summary", "done": 1, "failed": 1, "not_started": 0, "exit_code": 3});
    assert_eq!(last, &expected);
    let single = folder.run("a.mp4 out.mp4 --progress json");
    assert!(!single.stderr.contains("\"file\""), "{}", single.stderr);
}

#[test]
fn a_signal_completes_the_file_at_work_and_begins_no_other() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("a.mp4"));
    Clip::new(3000).size(320, 240).write(&folder.path("b.mp4"));
    Clip::new(5).write(&folder.path("c.mp4"));
    let mut child = folder.process("a.mp4 b.mp4 c.mp4 -o out -q").spawn().unwrap();
    let part = folder.path("out/b.mp4.stylize-part");
    wait_until("the output", || fs::metadata(&part).is_ok_and(|meta| meta.len() > 20_000));
    send("TERM", &child);
    assert_eq!(code(&mut child), Some(143));
    assert_eq!(names(&folder, "out"), ["a.mp4", "b.mp4"]);
    let report = folder.take_report();
    let frames = report[1]["frames_out"].as_u64().unwrap();
    assert_eq!(decode(&folder.path("out/b.mp4")).numbers(), (0..frames).collect::<Vec<_>>());
    let codes: Vec<_> = (0..3).map(|index| &report[index]["exit_code"]).collect();
    assert_eq!(codes, [&0.into(), &143.into(), &Value::Null]);
}

#[test]
fn losses_are_a_7_unless_something_failed() {
    let folder = Folder::new();
    Clip::new(5).subtitles().write(&folder.path("a.mkv"));
    Clip::new(5).write(&folder.path("b.mp4"));
    assert_eq!(folder.run("b.mp4 a.mkv -o one --style @nan").code, 7);
    fs::write(folder.path("c.mp4"), "").unwrap();
    assert_eq!(folder.run("b.mp4 c.mp4 -o two --style @nan").code, 3);
}
