//! Standard input and output.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::child::{code, send, wait_until};
use crate::common::clip::{AAC, Clip, H264_B, OPUS, VP8};
use crate::common::kernel::can_confine;
use crate::common::read::decode;
use crate::common::{Ended, Folder, skip};

/// Runs with `name` on stdin, through a pipe.
fn piped(folder: &Folder, name: &str, words: &str) -> Ended {
    let output = folder.command(words).pipe_stdin(folder.path(name)).unwrap().timeout(crate::common::HANG).output();
    let output = output.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ended { code: output.status.code().unwrap_or(-1), stderr, report: folder.take_report() }
}

#[test]
fn what_can_be_streamed_is_read_from_a_pipe() {
    let clip = Clip::new(30).sound(AAC);
    for (name, clip) in [
        ("in.mkv", clip.clone()),
        ("in.ts", clip.clone()),
        ("in.webm", Clip::new(30).encoder(VP8).sound(OPUS)),
        ("live.mkv", clip.clone().muxer("matroskamux streamable=true")),
        ("front.mp4", clip.clone().encoder(H264_B).muxer("mp4mux faststart=true")),
        ("fragments.mp4", clip.clone().muxer("mp4mux fragment-duration=200 streamable=true")),
    ] {
        let folder = Folder::new();
        clip.write(&folder.path(name));
        for to in ["out.mkv", "out.mp4"] {
            let ended = piped(&folder, name, &format!("- {to}")).good(30);
            assert_eq!(ended.warnings(), "", "{name}");
            let decoded = decode(&folder.path(to));
            assert_eq!(decoded.numbers(), (0..30).collect::<Vec<_>>(), "{name} {to}");
            assert!((decoded.sound[0].end_s() - 1.2).abs() < 0.1, "{name} {to}: {} s", decoded.sound[0].end_s());
        }
    }
}

#[test]
fn what_cannot_be_streamed_is_copied_first() {
    let folder = Folder::new();
    Clip::new(30).sound(AAC).write(&folder.path("in.mp4"));
    let ended = piped(&folder, "in.mp4", "- out.mp4 --start 0.4").good(20);
    assert!(ended.warnings().contains("copied"), "{}", ended.warnings());
    assert_eq!(decode(&folder.path("out.mp4")).numbers(), (10..30).collect::<Vec<_>>());
    folder.run("in.mp4 still.png --frames 1").good(1);
    let still = image::open(folder.path("still.png")).unwrap().into_rgb8();
    for name in ["still.png", "still.jpg", "still.gif", "still.webp"] {
        still.save(folder.path(name)).unwrap();
        piped(&folder, name, "- again.png --force").good(1);
    }
    // A file on stdin is a file.
    let script = "exec \"$0\" - out.mkv --force --start 0.4 -q --style \"$1\" < in.mp4";
    let status = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_stylize-video")])
        .arg(crate::common::model("identity"))
        .current_dir(folder.path("."))
        .status();
    assert!(status.unwrap().success());
    assert_eq!(decode(&folder.path("out.mkv")).numbers(), (10..30).collect::<Vec<_>>());
}

#[test]
fn a_part_of_a_stream_ends_where_it_should() {
    let folder = Folder::new();
    Clip::new(30).sound(AAC).write(&folder.path("in.mkv"));
    for (words, numbers) in [("--end 0.4", 0..10), ("--frames 7", 0..7), ("--start 0.4 --end 0.8", 10..20)] {
        let count = numbers.end - numbers.start;
        piped(&folder, "in.mkv", &format!("- out.mkv --force {words}")).good(count);
        let decoded = decode(&folder.path("out.mkv"));
        assert_eq!(decoded.numbers(), numbers.collect::<Vec<_>>(), "{words}");
        assert!((decoded.sound[0].end_s() - count as f64 / 25.0).abs() < 0.09, "{words}");
    }
}

#[test]
fn a_stdin_that_is_no_video_is_one_line() {
    let folder = Folder::new();
    fs::write(folder.path("empty"), "").unwrap();
    fs::write(folder.path("text"), "this is no video at all\n".repeat(100)).unwrap();
    piped(&folder, "empty", "- out.mkv").refused(3, "empty");
    piped(&folder, "text", "- out.mkv").refused(3, "stdin");
    folder.run("- - -o out").refused(2, "stdin");
    assert_eq!(folder.names(), ["empty", "text"]);
}

#[test]
fn a_stream_that_waits_can_be_stopped() {
    let folder = Folder::new();
    Clip::new(400).size(320, 240).write(&folder.path("in.mkv"));
    let whole = fs::read(folder.path("in.mkv")).unwrap();
    for bytes in [0, 10, whole.len() / 2] {
        let mut child = folder.process("- out.mkv -q").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&whole[..bytes]).unwrap();
        let part = folder.path("out.mkv.stylize-part");
        wait_until("the output", || fs::metadata(&part).is_ok_and(|meta| bytes < 100 || meta.len() > 1_000));
        send("INT", &child);
        assert_eq!(code(&mut child), Some(130), "{bytes} bytes");
        assert_eq!(folder.path("out.mkv").exists(), bytes > 100, "{bytes} bytes");
    }
    assert!(!decode(&folder.path("out.mkv")).video.is_empty());
}

#[test]
fn the_file_on_stdin_is_not_the_target() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    let mut command = folder.process("- in.mp4 --force");
    let output = command.stdin(File::open(folder.path("in.mp4")).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `script` with the program as `$0` and the network as `$1`.
fn shell(folder: &Folder, script: &str) -> Ended {
    let output = assert_cmd::Command::new("bash")
        .args(["-o", "pipefail", "-c", script, env!("CARGO_BIN_EXE_stylize-video")])
        .arg(crate::common::model("identity"))
        .current_dir(folder.path("."))
        .timeout(crate::common::HANG)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ended { code: output.status.code().unwrap_or(-1), stderr, report: folder.take_report() }
}

#[test]
fn what_goes_to_stdout_is_a_matroska_stream() {
    let folder = Folder::new();
    Clip::new(30).encoder(H264_B).sound(AAC).write(&folder.path("in.mp4"));
    let ended = shell(&folder, "\"$0\" in.mp4 - --style \"$1\" --report .report.json | cat > out.mkv").good(30);
    assert!(ended.stderr.contains("30 frames"), "{}", ended.stderr);
    let decoded = decode(&folder.path("out.mkv"));
    assert_eq!((decoded.numbers(), decoded.sound.len()), ((0..30).collect(), 1));
    shell(&folder, "\"$0\" in.mp4 - --codec av1 --style \"$1\" --no-audio -q > file.mkv; exit $?");
    assert_eq!(decode(&folder.path("file.mkv")).numbers(), (0..30).collect::<Vec<_>>());
    let ended = shell(&folder, "cat out.mkv | \"$0\" - - --style \"$1\" -q | \"$0\" - twice.mp4 --style \"$1\" -q");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let twice = decode(&folder.path("twice.mp4"));
    assert_eq!((twice.numbers(), twice.sound.len()), ((0..30).collect(), 1));
}

#[test]
fn a_confined_run_has_its_pipes() {
    if !can_confine() {
        return;
    }
    let folder = Folder::new();
    fs::create_dir(folder.path("out")).unwrap();
    Clip::new(30).sound(AAC).write(&folder.path("in.mkv"));
    let script = "cat in.mkv | \"$0\" - - --style \"$1\" --sandbox -q | cat > out/piped.mkv";
    let ended = shell(&folder, script);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(decode(&folder.path("out/piped.mkv")).numbers(), (0..30).collect::<Vec<_>>());
    let ended = shell(&folder, "\"$0\" - out/redirected.mkv --style \"$1\" --sandbox -q < in.mkv");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn a_reader_that_leaves_ends_the_run_with_one_line() {
    let folder = Folder::new();
    Clip::new(2000).size(320, 240).sound(AAC).write(&folder.path("in.mp4"));
    for progress in ["plain", "none"] {
        let script = format!("\"$0\" in.mp4 - --progress {progress} --style \"$1\" | head -c 1000 > /dev/null");
        let ended = shell(&folder, &script);
        let errors: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!((ended.code, errors.len()), (4, 1), "{}", ended.stderr);
        assert!(errors[0].contains("stopped"), "{}", ended.stderr);
    }
}

#[test]
fn stdout_is_refused_where_it_cannot_be_meant() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mkv"));
    let before = fs::read(folder.path("in.mkv")).unwrap();
    shell(&folder, "\"$0\" in.mkv - --style \"$1\" >> in.mkv").refused(2, "input itself");
    shell(&folder, "\"$0\" in.mkv - --style \"$1\" --report /dev/stdout | cat > x").refused(2, "--report");
    shell(&folder, "\"$0\" in.mkv - --style \"$1\" > /dev/full").refused(4, "no space left");
    assert!(fs::read(folder.path("in.mkv")).unwrap() == before);
    let output = assert_cmd::Command::new("script")
        .args(["-qec", &format!("{} in.mkv - --progress none", env!("CARGO_BIN_EXE_stylize-video")), "/dev/null"])
        .current_dir(folder.path("."))
        .timeout(crate::common::HANG)
        .output();
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!((output.status.code(), said.contains("terminal")), (Some(2), true), "{said}");
        }
        Err(_) => skip("stdout as a terminal: script(1) is not installed"),
    }
}
