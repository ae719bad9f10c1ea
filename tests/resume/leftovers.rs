//! What unfinished runs left, and what becomes of it.

use std::fs;
use std::process::Command;

use crate::common::child::{code, send};
use crate::common::clip::{AAC, Clip};
use crate::common::read::decode;
use crate::common::{Ended, Folder, model};
use crate::{begun, bytes, journal, killed, resumed};

const FRAMES: u64 = 250;

/// A folder with `in.mp4` and what an unfinished run to `out.mkv` with `options` left.
fn after_a_kill(options: &str) -> Folder {
    let folder = Folder::new();
    Clip::new(FRAMES).size(160, 120).sound(AAC).write(&folder.path("in.mp4"));
    killed(&folder, &format!("in.mp4 out.mkv {options}"), "out.mkv", bytes(&folder, "in.mp4") / 4);
    folder
}

/// The run started over, says why, and came out whole.
fn anew(folder: &Folder, ended: Ended, why: &str) {
    let ended = ended.good(FRAMES);
    assert_eq!(resumed(&ended), 0);
    assert!(
        ended.warnings().contains("--resume starts over") && ended.warnings().contains(why),
        "{}",
        ended.warnings()
    );
    let told = ended.stderr.lines().filter(|line| line.contains("--resume starts over")).count();
    assert_eq!(told, 1, "{}", ended.stderr);
    assert_eq!(decode(&folder.path("out.mkv")).video.len() as u64, FRAMES);
    assert!(!folder.names().iter().any(|name| name.contains("stylize")), "{:?}", folder.names());
}

#[test]
fn the_work_of_a_killed_run_is_not_lost_without_a_word() {
    let folder = after_a_kill("");
    let before = folder.names();
    let part = fs::read(folder.path("out.mkv.stylize-part")).unwrap();
    let refused = folder.run("in.mp4 out.mkv").refused(4, "an unfinished run left 0:0");
    assert!(refused.stderr.contains("--resume goes on from there, --force starts over"), "{}", refused.stderr);
    assert_eq!(folder.names(), before);
    assert_eq!(fs::read(folder.path("out.mkv.stylize-part")).unwrap(), part);
    let ended = folder.run("in.mp4 out.mkv --force").good(FRAMES);
    assert_eq!((resumed(&ended), ended.warnings()), (0, String::new()));
    assert_eq!(folder.names(), ["in.mp4", "out.mkv"]);
}

#[test]
fn a_run_that_fails_leaves_the_work_of_a_killed_one() {
    let folder = after_a_kill("");
    let before = folder.names();
    folder.run("in.mp4 out.mkv --resume --style none.onnx").refused(5, "none.onnx");
    folder.run("in.mp4 out.mkv --force --style none.onnx").refused(5, "none.onnx");
    folder.run("none.mp4 out.mkv --resume").refused(3, "none.mp4");
    assert_eq!(folder.names(), before);
    assert!(resumed(&folder.run("in.mp4 out.mkv --resume").good(FRAMES)) > 0);
}

#[test]
fn row_28_a_disk_that_fails_while_a_run_goes_on_costs_nothing_of_what_is_kept() {
    const LONG: u64 = 150;
    let folder = Folder::new();
    Clip::new(LONG).size(320, 240).sound(AAC).write(&folder.path("in.mp4"));
    killed(&folder, "in.mp4 out.mkv", "out.mkv", bytes(&folder, "in.mp4") / 4);
    let part = fs::read(folder.path("out.mkv.stylize-part")).unwrap();
    let limit = part.len() as u64 / 2048;
    assert!(bytes(&folder, "out.mkv.stylize-resume") < limit * 1024, "the journal itself would not be written");
    // The limit stands for a quota; ignoring the signal leaves the error of the write.
    let script =
        format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" in.mp4 out.mkv --resume -q --stabilise 0 --style \"$1\"");
    let output = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_stylize-video")])
        .arg(model("identity"))
        .current_dir(folder.path("."))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(4), 1), "{stderr}");
    assert!(stderr.to_lowercase().contains("file too large"), "{stderr}");
    assert_eq!(folder.names(), ["in.mp4", "out.mkv.stylize-kept", "out.mkv.stylize-kept-resume"]);
    assert!(fs::read(folder.path("out.mkv.stylize-kept")).unwrap() == part);
    assert!(resumed(&folder.run("in.mp4 out.mkv --resume").good(LONG)) > 0);
    assert!(decode(&folder.path("out.mkv")).numbers().into_iter().eq(0..LONG));
}

#[test]
fn row_56_another_input_starts_over() {
    let folder = after_a_kill("");
    Clip::new(FRAMES).size(160, 120).later_ms(40).write(&folder.path("in.mp4"));
    anew(&folder, folder.run("in.mp4 out.mkv --resume"), "the input changed");
}

#[test]
fn row_56_another_model_starts_over() {
    let folder = after_a_kill("");
    anew(&folder, folder.run("in.mp4 out.mkv --resume --style @invert"), "the model changed");
}

#[test]
fn row_56_other_options_start_over() {
    for (options, why) in [
        ("--quality 30", "--codec, --quality"),
        ("--strength 0.5", "--strength"),
        ("--codec hevc", "--codec"),
        ("--no-audio", "--no-audio"),
        ("--size 80x60", "--size"),
    ] {
        let folder = after_a_kill("");
        anew(&folder, folder.run(&format!("in.mp4 out.mkv --resume {options}")), why);
    }
    let folder = after_a_kill("");
    let ended = folder.run("in.mp4 out.mkv --resume --strength 0.5 --strict");
    assert_eq!(ended.code, 7, "{}", ended.stderr);
}

#[test]
fn what_does_not_change_a_frame_does_not_matter() {
    let folder = after_a_kill("");
    let ended = folder.run("in.mp4 out.mkv --resume --threads 1 --progress plain").good(FRAMES);
    assert!(resumed(&ended) > 0);
}

#[test]
fn without_anything_to_go_on_with_it_just_starts() {
    let folder = Folder::new();
    Clip::new(20).write(&folder.path("in.mp4"));
    let ended = folder.run("in.mp4 out.mp4 --resume").good(20);
    assert_eq!((resumed(&ended), ended.warnings()), (0, String::new()));
    folder.run("in.mp4 out.mp4 --resume").refused(4, "exists");
    folder.run("in.mp4 out.png --resume --frames 1").refused(2, "--resume");
    folder.run("in.mp4 null: --resume").refused(2, "--resume");
    folder.run("- out.mkv --resume").refused(2, "--resume");
}

#[test]
fn damaged_remains_are_no_obstacle() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damage: [(&str, Damage); 4] = [
        ("out.mkv.stylize-part", |bytes| vec![7; bytes.len()]),
        ("out.mkv.stylize-part", |bytes| bytes[..40].to_vec()),
        ("out.mkv.stylize-resume", |bytes| String::from_utf8(bytes).unwrap().replace("x-h264", "x-h2:64").into_bytes()),
        // Found out once the encoder has begun, or when the frames come.
        ("out.mkv.stylize-resume", |bytes| {
            String::from_utf8(bytes).unwrap().replace("profile=(string)high", "profile=(string)main").into_bytes()
        }),
    ];
    for (index, (name, change)) in damage.into_iter().enumerate() {
        let folder = after_a_kill("");
        let bytes = change(fs::read(folder.path(name)).unwrap());
        fs::write(folder.path(name), bytes).unwrap();
        eprintln!("damage {index}");
        anew(&folder, folder.run("in.mp4 out.mkv --resume"), "");
    }
    let folder = after_a_kill("");
    let text = fs::read_to_string(journal(&folder, "out.mkv")).unwrap();
    // Times that no frame of the input has.
    let text = text.replace("_nanos\":400", "_nanos\":401");
    fs::write(journal(&folder, "out.mkv"), text).unwrap();
    anew(&folder, folder.run("in.mp4 out.mkv --resume"), "other times");
    let folder = after_a_kill("");
    fs::write(journal(&folder, "out.mkv"), "{\"stylize_resume\":\n").unwrap();
    // It tells of no work: nothing to warn of.
    folder.run("in.mp4 out.mkv").good(FRAMES);
}

#[test]
fn a_stop_while_frames_are_taken_over_loses_none() {
    const LONG: u64 = 1000;
    let folder = Folder::new();
    Clip::new(LONG).size(96, 64).sound(AAC).write(&folder.path("in.mp4"));
    folder.run("in.mp4 out.mp4").good(LONG);
    let limit_bytes = bytes(&folder, "out.mp4") * 8 / 10;
    fs::remove_file(folder.path("out.mp4")).unwrap();
    killed(&folder, "in.mp4 out.mp4", "out.mp4", limit_bytes);
    let mut child = begun(&folder, "in.mp4 out.mp4 --resume", "out.mp4");
    send("INT", &child);
    send("CONT", &child);
    assert_eq!(code(&mut child), Some(130));
    assert_eq!(folder.names(), ["in.mp4", "out.mp4.stylize-kept", "out.mp4.stylize-kept-resume"]);
    folder.run("in.mp4 out.mp4").refused(4, "an unfinished run left 0:");
    let ended = folder.run("in.mp4 out.mp4 --resume").good(LONG);
    assert!(resumed(&ended) > LONG / 2, "{} frames kept", resumed(&ended));
    assert_eq!(folder.names(), ["in.mp4", "out.mp4"]);
}

#[test]
fn row_32_two_runs_that_go_on_with_the_same_work_do_not_meet() {
    let folder = after_a_kill("");
    let mut child = begun(&folder, "in.mp4 out.mkv --resume", "out.mkv");
    folder.run("in.mp4 out.mkv --resume").refused(4, "another run");
    folder.run("in.mp4 out.mkv --force").refused(4, "another run");
    send("CONT", &child);
    assert_eq!(code(&mut child), Some(0));
    assert!(decode(&folder.path("out.mkv")).numbers().into_iter().eq(0..FRAMES));
}
