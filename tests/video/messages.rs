//! What is said on stderr: of a run that fails before its first frame one line, of others no more than one line of error.

use std::fs;

use assert_cmd::Command;

use crate::common::clip::{AAC, Clip};
use crate::common::{Ended, Folder, HANG, model};

#[test]
fn a_run_that_fails_before_its_first_frame_says_nothing_else() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    fs::write(folder.path("text.mp4"), "no video").unwrap();
    for (words, code) in [
        ("in.mp4 out.avi", 2),
        ("text.mp4 out.mp4", 3),
        ("in.mp4 out.mp4 --start 60", 3),
        ("in.mp4 none/out.mp4", 4),
        ("in.mp4 out.mp4 --encoder none", 4),
        ("in.mp4 out.mp4 --style none.onnx", 5),
        ("in.mp4 out.png", 2),
    ] {
        for progress in ["plain", "auto", "none"] {
            folder.run(&format!("{words} --progress {progress}")).refused(code, "");
        }
        let ended = folder.run(&format!("{words} --progress json"));
        let last = ended.stderr.lines().last().unwrap();
        assert!(last.contains(&format!("\"exit_code\":{code}")) && last.contains("\"event\":\"error\""), "{last}");
    }
}

#[test]
fn a_run_that_fails_later_ends_with_one_line_of_error() {
    let folder = Folder::new();
    Clip::new(300).size(320, 240).sound(AAC).write(&folder.path("in.mp4"));
    // A limit stands for a full disk; ignoring the signal leaves the error of the write.
    let script = "trap '' XFSZ; ulimit -f 40; exec \"$0\" in.mp4 out.mkv --progress plain --style \"$1\"";
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_stylize-video")])
        .arg(model("identity"))
        .current_dir(folder.path("."))
        .timeout(HANG)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = stderr.lines().collect();
    let (last, before) = lines.split_last().unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(last.starts_with("error: ") && last.contains("out.mkv"), "{stderr}");
    assert!(before.iter().all(|line| !line.contains("error") && !line.contains("warning")), "{stderr}");
    assert!(before[0].contains("320x240 at 25 fps"), "{stderr}");
}

#[test]
fn a_report_that_cannot_be_written_is_said_and_the_output_is_there() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    let Ended { code, stderr, .. } = folder.run("in.mp4 out.mp4 --report /dev/full");
    assert_eq!(code, 4, "{stderr}");
    let lines: Vec<_> = stderr.lines().collect();
    let errors: Vec<_> = lines.iter().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert!(errors[0].contains("/dev/full") && errors[0].contains("no space left"), "{stderr}");
    assert!(lines.iter().any(|line| line.starts_with("out.mp4: 5 frames")), "{stderr}");
    assert_eq!(folder.names(), ["in.mp4", "out.mp4"]);
}
