//! The command line as a script meets it: exit codes, one line of error, what goes where.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::{Command as Process, Stdio};

use assert_cmd::Command;

const VIDEO: &str = env!("CARGO_BIN_EXE_stylize-video");
const WEBCAM: &str = env!("CARGO_BIN_EXE_stylize-webcam");
const TOOL: &str = env!("CARGO_BIN_EXE_stylize");

/// What a program ended with.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run_in(folder: &std::path::Path, program: &str, words: &[&str]) -> Ended {
    let output = Command::new(program).args(words).current_dir(folder).env_remove("ORT_DYLIB_PATH").output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(program: &str, words: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), program, &words.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn a_wrong_command_line_is_one_line_and_2() {
    for words in [
        "",
        "in.mp4",
        "in.mp4 out.mp4 more",
        "in.mp4 out.mp4 --no-such-option",
        "in.mp4 out.mp4 --tier large",
        "in.mp4 out.mp4 --strength 1.5",
        "in.mp4 out.mp4 --strength -0.5",
        "in.mp4 out.mp4 --strength NaN",
        "in.mp4 out.mp4 --stabilise 1.5",
        "in.mp4 out.mp4 --size 0x0",
        "in.mp4 out.mp4 --size 720",
        "in.mp4 out.mp4 --net-size -1p",
        "in.mp4 out.mp4 --threads 0",
        "in.mp4 out.mp4 --frames 0",
        "in.mp4 out.mp4 --start 1:75",
        "in.mp4 out.mp4 --start 5 --end 3",
        "in.mp4 out.mp4 --provider gpu",
        "in.mp4 out.mp4 --model-range -2..2",
        "in.mp4 out.mp4 --model-input alpha",
        "in.mp4 out.mp4 --lossless",
        "in.mp4 out.mkv --lossless --quality 20",
        "in.mp4 out.mp4 --codec vp9",
        "in.mp4 out.webm --codec h264",
        "in.mp4 out.mp4 --quality 52",
        "in.mp4 out.avi",
        "in.mp4 null: --codec h264",
        "in.mp4 out.png --codec h264",
        "in.mp4 out.mp4 -q -v",
        "http://example.org/in.mp4 out.mp4",
        "in.mp4 rtmp://example.org/out.mp4",
        "in.mp4 out.mp4 --report out.mp4",
        "in.mp4 out.mp4 --report ./in.mp4",
        "-in.mp4 out.mp4",
        "in.mp4 -o out.mp4",
    ] {
        let ended = run(VIDEO, words);
        assert_eq!((ended.code, ended.stderr.lines().count()), (2, 1), "{words}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: ") && ended.stdout.is_empty(), "{words}: {}", ended.stderr);
    }
    for words in ["--record me.png", "--record me.avi", "--record me.webm --codec h264", "--camera ftp://example.org/"]
    {
        let ended = run(WEBCAM, words);
        assert_eq!((ended.code, ended.stderr.lines().count()), (2, 1), "{words}: {}", ended.stderr);
    }
    for words in ["", "paint", "inspect", "completions", "completions tcsh", "doctor --no-such-option"] {
        let ended = run(TOOL, words);
        assert_eq!((ended.code, ended.stderr.lines().count()), (2, 1), "{words}: {}", ended.stderr);
    }
}

#[test]
fn a_report_that_cannot_be_written_is_known_before_the_work() {
    let ended = run(VIDEO, "in.mp4 out.mp4 --report no/such/folder/report.json");
    assert_eq!((ended.code, ended.stderr.lines().count()), (4, 1), "{}", ended.stderr);
    assert!(ended.stderr.contains("report.json"), "{}", ended.stderr);
}

#[test]
fn with_json_an_error_is_an_object() {
    for words in [
        "in.mp4 out.mp4 --progress json --lossless",
        "in.mp4 out.mp4 --progress json --stile wave",
        "in.mp4 --strength much out.mp4 --progress=json",
        "--progress json",
    ] {
        let ended = run(VIDEO, words);
        assert_eq!((ended.code, ended.stderr.lines().count()), (2, 1), "{words}: {}", ended.stderr);
        let error: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!((&error["event"], &error["exit_code"]), (&"error".into(), &2.into()), "{words}");
    }
    // Behind two dashes there are names.
    let ended = run(VIDEO, "--stile wave -- --progress json");
    assert!(ended.code == 2 && ended.stderr.starts_with("error: "), "{}", ended.stderr);
}

#[test]
fn unusual_names_are_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["-in.mp4", "a b.mp4", "ärger 絵.mp4", "12:30.mp4", "a=b.mp4"] {
        let ended = run_in(folder.path(), VIDEO, &["--", name, "out.mp4"]);
        assert_ne!(ended.code, 2, "{name}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{name}: {}", ended.stderr);
    }
    assert_ne!(run_in(folder.path(), VIDEO, &["./-in.mp4", "./-out.mp4"]).code, 2);
}

#[test]
fn help_and_version_go_to_stdout() {
    for program in [VIDEO, WEBCAM, TOOL] {
        for words in ["-h", "--help", "-V", "--version"] {
            let ended = run(program, words);
            assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{words}");
            assert!(!ended.stdout.is_empty(), "{words}");
        }
    }
    assert_eq!(run(VIDEO, "--version").stdout, format!("stylize-video {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_help_has_every_option_of_the_contract() {
    let help = run(VIDEO, "--help").stdout;
    for option in "--style --tier --strength --keep-colour --stabilise --net-size --provider --precision --threads \
        --convert --codec --quality --encoder --size --no-audio --lossless --start --end --frames --force --progress \
        --quiet --verbose --report --strict --runtime --memory-limit --sandbox --model-range --model-channels --model-layout \
        --model-output-range --model-output-layout --model-input"
        .split_whitespace()
    {
        assert!(help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")), "{option}");
    }
    let longest = help.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "{longest:?}");
}

#[test]
fn every_shell_has_its_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = run(TOOL, &format!("completions {shell}"));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{shell}");
        assert!(ended.stdout.contains("lossless"), "{shell}");
        let one = run(TOOL, &format!("completions {shell} --program stylize"));
        assert!(!one.stdout.contains("lossless") && one.stdout.contains("doctor"), "{shell}");
    }
}

#[test]
fn every_program_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run_in(folder.path(), TOOL, &["man", "pages/of/ours"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "stylize-video.1\nstylize-webcam.1\nstylize.1\n"));
    for name in ended.stdout.lines() {
        let page = std::fs::read_to_string(folder.path().join("pages/of/ours").join(name)).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
}

#[test]
fn the_doctor_says_in_one_screen_what_is_missing() {
    let bogus = "/nowhere/libonnxruntime.so";
    let output = Command::new(TOOL).arg("doctor").env("ORT_DYLIB_PATH", bogus).output().unwrap();
    let screen = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{screen}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    for part in
        ["GStreamer 1.", "x264enc", "ONNX Runtime", "make setup", "ORT_DYLIB_PATH", "Graphics", "CPU", "Not ready"]
    {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    assert!(screen.lines().count() <= 50, "{screen}");
}

#[test]
fn a_reader_that_leaves_is_no_panic() {
    let mut child = Process::new(TOOL).args(["completions", "zsh"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut child = Process::new(VIDEO).arg("--no-such-option").stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}
