//! The live filter from outside, with the scene in place of a camera.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::child::{code, send, wait_until};
use common::read::decode;
use common::{Folder, HANG};

/// A small scene, so that any machine keeps its pace.
const SCENE: &str = "--camera test --mode 160x90@30 --progress none";

/// A run that records into `me.mkv`, of which something is there, and where that is.
fn recording(folder: &Folder) -> (Child, PathBuf) {
    let child = folder.webcam(&format!("{SCENE} --no-window --record me.mkv")).stderr(Stdio::null()).spawn().unwrap();
    let part = folder.path("me.mkv.stylize-part");
    wait_until("the recording", || std::fs::metadata(&part).is_ok_and(|meta| meta.len() > 4000));
    (child, part)
}

fn interrupt(child: &mut Child) -> Option<i32> {
    send("INT", child);
    code(child)
}

#[test]
fn a_run_ends_after_its_frames_and_says_how_old_they_were() {
    let folder = Folder::new();
    let ended = folder.run_webcam(&format!("{SCENE} --no-window --frames 20"));
    assert_eq!((ended.code, &ended.report["frames_out"]), (0, &20.into()), "{}", ended.stderr);
    assert_eq!((&ended.report["stopped"], &ended.report["net_width"]), (&false.into(), &160.into()));
    assert!(ended.report["latency_ms"]["p50"].as_f64().unwrap() >= 0.0);
    assert!(ended.report["latency_ms"]["p99"].as_f64().unwrap() >= ended.report["latency_ms"]["p50"].as_f64().unwrap());
    assert!(ended.stderr.starts_with("live: 20 frames"), "{}", ended.stderr);
    assert_eq!(folder.names(), [] as [&str; 0]);
}

#[test]
fn row_45_without_a_display_it_goes_on_without_a_window() {
    let folder = Folder::new();
    let ended = folder.run_webcam(&format!("{SCENE} --frames 5"));
    assert_eq!((ended.code, &ended.report["frames_out"]), (0, &5.into()), "{}", ended.stderr);
    assert!(ended.warnings().contains("no window"), "{}", ended.warnings());
}

#[test]
fn a_recording_has_the_frames_that_were_painted_and_begins_at_0() {
    let folder = Folder::new();
    for name in ["me.mkv", "me.mp4"] {
        let ended = folder.run_webcam(&format!("{SCENE} --no-window --frames 40 --record {name}"));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let decoded = decode(&folder.path(name));
        // Where the encoder is too slow, that is counted.
        let left_out = ended.report["frames_left_out"]["recording"].as_u64().unwrap_or(0);
        assert_eq!(decoded.video.len() as u64 + left_out, 40, "{left_out} left out");
        assert_eq!((decoded.video[0].pts_nanos, decoded.video[0].width), (0, 160));
        let times: Vec<_> = decoded.video.iter().map(|picture| picture.pts_nanos).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        assert!(decoded.sound.is_empty());
        let again = folder.run_webcam(&format!("{SCENE} --no-window --frames 40 --record {name}"));
        again.refused(4, "--force");
    }
    assert_eq!(folder.names(), ["me.mkv", "me.mp4"]);
}

#[test]
fn a_file_that_is_filmed_is_not_recorded_over() {
    let folder = Folder::new();
    folder.run_webcam(&format!("{SCENE} --no-window --frames 10 --record me.mkv"));
    let before = std::fs::read(folder.path("me.mkv")).unwrap();
    folder
        .run_webcam("--camera ./me.mkv --no-window --progress none --record me.mkv --force")
        .refused(2, "the same file");
    assert_eq!(std::fs::read(folder.path("me.mkv")).unwrap(), before);
}

#[test]
fn what_a_killed_run_recorded_goes_only_with_force() {
    let folder = Folder::new();
    let (mut child, part) = recording(&folder);
    send("KILL", &child);
    child.wait().unwrap();
    // What was filmed cannot be filmed again.
    folder.run_webcam(&format!("{SCENE} --no-window --frames 10 --record me.mkv")).refused(4, "--force");
    assert!(std::fs::metadata(&part).unwrap().len() > 4000);
    // Nor is it thrown away for a run that does not begin.
    folder
        .run_webcam(&format!("{SCENE} --no-window --record me.mkv --force --style none.onnx"))
        .refused(5, "none.onnx");
    assert!(std::fs::metadata(&part).unwrap().len() > 4000);
    let ended = folder.run_webcam(&format!("{SCENE} --no-window --frames 10 --record me.mkv --force"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(folder.names(), ["me.mkv"]);
}

#[test]
fn row_33_a_signal_completes_the_recording() {
    let folder = Folder::new();
    let (mut child, _) = recording(&folder);
    assert_eq!(interrupt(&mut child), Some(130));
    let report = folder.take_report();
    assert_eq!(report["stopped"], true);
    assert_eq!(folder.names(), ["me.mkv"]);
    assert!(!decode(&folder.path("me.mkv")).video.is_empty());
}

/// Whether a signal that a closed terminal sends ends these tests, too: who starts them to outlive it has it ignored for all.
#[cfg(target_os = "linux")]
fn hears_of_a_closed_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 0
}

#[cfg(target_os = "linux")]
#[test]
fn row_33_a_terminal_that_is_closed_completes_the_recording() {
    if !hears_of_a_closed_terminal() {
        return common::skip("SIGHUP is ignored here, as under nohup");
    }
    let folder = Folder::new();
    let (mut child, _) = recording(&folder);
    // By the terminal, and by its shell.
    send("HUP", &child);
    send("HUP", &child);
    assert_eq!(code(&mut child), Some(129));
    assert_eq!((folder.take_report()["stopped"].as_bool(), folder.names()), (Some(true), vec!["me.mkv".to_owned()]));
    assert!(!decode(&folder.path("me.mkv")).video.is_empty());
}

#[test]
fn what_is_to_be_known_is_said_while_it_runs() {
    let json = r#"{"event":"warning","message":"no window"#;
    for (progress, warning) in [("none", "warning: no window"), ("json", json)] {
        let folder = Folder::new();
        let said = std::fs::File::create(folder.path("said")).unwrap();
        let words = SCENE.replace("--progress none", &format!("--progress {progress}"));
        let mut child = folder.webcam(&words).stderr(said).spawn().unwrap();
        let times = || std::fs::read_to_string(folder.path("said")).unwrap().matches(warning).count();
        wait_until("the warning", || times() > 0);
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        assert_eq!(interrupt(&mut child), Some(130));
        assert_eq!(times(), 1, "and it is not said again at the end");
    }
}

#[test]
fn row_41_a_recording_that_fails_leaves_the_report_and_the_summary() {
    let folder = Folder::new();
    let scene = SCENE.replace("160x90", "320x240");
    let webcam = folder.webcam(&format!("{scene} --no-window --record me.mkv --report report.json --frames 150"));
    // A limit stands for a full disk; ignoring the signal leaves the error of the write.
    let script = "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"";
    let mut limited = std::process::Command::new("bash");
    limited.args(["-c", script]).arg(webcam.get_program()).args(webcam.get_args()).current_dir(folder.path("."));
    let output = assert_cmd::Command::from_std(limited).timeout(HANG).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("warning: the recording failed: "), "{stderr}");
    let last: Vec<_> = stderr.lines().rev().take(2).collect();
    assert!(last[0].starts_with("error: ") && last[1].starts_with("live: 150 frames"), "{stderr}");
    let report = std::fs::read_to_string(folder.path("report.json")).unwrap();
    assert!(report.contains("\"frames_out\": 150,") && report.contains("the recording failed: "), "{report}");
    assert!(stderr.contains("what was recorded so far is in"), "{stderr}");
    assert_eq!(folder.names(), ["me.mkv.stylize-part", "report.json"]);
}

#[test]
fn row_39_a_network_that_is_slower_than_the_camera_paints_the_newest_frames() {
    let folder = Folder::new();
    // No machine paints 1920x1080 a thousand times a second.
    let words = "--camera test --mode 1920x1080@1000 --net-size source --progress none --no-window --frames 12";
    let ended = folder.run_webcam(words);
    assert_eq!((ended.code, &ended.report["frames_out"]), (0, &12.into()), "{}", ended.stderr);
    assert!(ended.report["frames_dropped"].as_u64().unwrap() > 0, "{}", ended.report);
}

#[test]
fn what_cannot_be_filmed_or_sent_is_told_in_one_line() {
    let folder = Folder::new();
    for (words, code, part) in [
        ("--camera nowhere.mp4/", 3, "nowhere.mp4"),
        ("--camera ftp://a/b", 2, "rtsp://"),
        ("--camera test --mode 160x90", 2, "1280x720@30"),
        ("--camera test --stream http://a/b", 2, "rtmp://"),
        ("--camera test --record me.txt", 2, "me.txt"),
        ("--camera test --record nowhere/me.mkv", 4, "nowhere"),
        ("--camera test --virtual-camera /dev/null", 6, "modprobe v4l2loopback"),
        ("--camera test --record me.mkv --microphone \u{221e}", 6, "\u{221e}"),
        ("--camera test --record me.mkv --encoder nosuchenc", 4, "nosuchenc"),
        ("--camera ./me.mkv --mode 160x90@30", 2, "--mode"),
        ("--camera test --mirror", 2, "--mirror"),
        ("--camera test --quality 20", 2, "--record"),
        ("--camera \u{221e}", 6, "\u{221e}"),
    ] {
        let ended = folder.run_webcam(&format!("--no-window --frames 1 {words}"));
        ended.refused(code, part);
    }
    assert_eq!(folder.names(), [] as [&str; 0]);
}

/// Memory in KiB and file handles of a process; none once it has ended.
#[cfg(target_os = "linux")]
fn held(child: &Child) -> Option<(f64, usize)> {
    let folder = PathBuf::from(format!("/proc/{}", child.id()));
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let handles = std::fs::read_dir(folder.join("fd")).ok()?.count();
    Some((line.trim().trim_end_matches(" kB").parse().unwrap(), handles))
}

/// Frames that a run has painted, by what it said so far with `--progress json`.
#[cfg(target_os = "linux")]
fn frames_said(folder: &Folder) -> u64 {
    let text = std::fs::read_to_string(folder.path("said")).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter_map(|line| line["frames_out"].as_u64()).max().unwrap_or(0)
}

/// A few seconds, or `SOAK_MINUTES` (`make soak`).
#[cfg(target_os = "linux")]
#[test]
fn row_57_a_live_run_holds_no_more_after_a_while() {
    const WARM_UP_FRAMES: u64 = 90;
    const NOISE_KIB: f64 = 8000.0;
    let minutes = std::env::var("SOAK_MINUTES").ok().map(|text| text.parse::<u64>().expect("a number"));
    let length = minutes.map_or(Duration::from_secs(9), |minutes| Duration::from_secs(60 * minutes));
    let folder = Folder::new();
    let words = SCENE.replace("--progress none", "--progress json --no-window --stabilise 0.8");
    let said = std::fs::File::create(folder.path("said")).unwrap();
    let mut child = folder.webcam(&words).stderr(said).spawn().unwrap();
    wait_until("the first frames", || frames_said(&folder) >= WARM_UP_FRAMES);
    let (since, mut seen) = (Instant::now(), Vec::new());
    while since.elapsed() < length {
        seen.push(held(&child).expect("it has ended"));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(interrupt(&mut child), Some(130));
    let mean = |part: &[(f64, usize)]| part.iter().map(|(memory, _)| memory).sum::<f64>() / part.len() as f64;
    let third = seen.len() / 3;
    let (begin, end) = (mean(&seen[..third]), mean(&seen[seen.len() - third..]));
    println!("{length:?}: {begin:.0} to {end:.0} KiB; latency {}", folder.take_report()["latency_ms"]);
    assert!(end - begin < NOISE_KIB, "{begin} to {end} KiB");
    assert_eq!(seen[0].1, seen[seen.len() - 1].1, "file handles");
}
