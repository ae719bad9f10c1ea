//! What a run leaves that is ended from outside.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::child::{code, send};
use crate::common::clip::{AAC, Clip, OPUS};
use crate::common::read::decode;
use crate::common::{Folder, ffmpeg, skip};
use crate::{begun, bytes, journal, killed, resumed};

/// When the last packet of video in `path` is shown, as ffprobe sees it; none if it reads nothing.
fn last_shown_s(path: &Path) -> Option<f64> {
    let words = "-v error -select_streams v -show_entries packet=pts_time -of csv=p=0";
    let output = Command::new("ffprobe").args(words.split_whitespace()).arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).max_by(f64::total_cmp)
}

/// When the last frame is shown that was encoded, by the journal of `to`.
fn last_encoded_s(folder: &Folder, to: &str) -> f64 {
    let text = fs::read_to_string(journal(folder, to)).unwrap();
    let shown = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?["unit"]["pts_nanos"].as_f64());
    shown.max_by(f64::total_cmp).unwrap() / 1e9
}

#[test]
fn row_34_what_a_killed_run_wrote_plays_up_to_two_seconds_before() {
    if !ffmpeg::is_here() {
        return;
    }
    for (to, codec) in [
        ("out.mp4", "h264"),
        ("out.mp4", "hevc"),
        ("out.mov", "h264"),
        ("out.mkv", "h264"),
        ("out.mkv", "ffv1"),
        ("out.webm", "vp9"),
    ] {
        let folder = Folder::new();
        Clip::new(300).size(96, 64).sound(OPUS).write(&folder.path("in.mkv"));
        let limit_bytes = bytes(&folder, "in.mkv") / 3;
        killed(&folder, &format!("in.mkv {to} --codec {codec}"), to, limit_bytes);
        let encoded = last_encoded_s(&folder, to);
        let shown = last_shown_s(&folder.path(&format!("{to}.stylize-part")));
        let played = shown.is_some_and(|shown| shown > encoded - 2.0);
        assert!(played, "{to} {codec}: {encoded} s were encoded, {shown:?} s can be played");
    }
}

#[test]
fn row_35_what_the_disk_lost_is_done_again() {
    for to in ["out.mp4", "out.mkv"] {
        let folder = Folder::new();
        Clip::new(300).size(160, 120).sound(AAC).write(&folder.path("in.mp4"));
        folder.run(&format!("in.mp4 {to}")).good(300);
        let limit_bytes = bytes(&folder, to) * 6 / 10;
        fs::remove_file(folder.path(to)).unwrap();
        killed(&folder, &format!("in.mp4 {to}"), to, limit_bytes);
        // A file system that lost power may keep the length of a file and not its content.
        let part = folder.path(&format!("{to}.stylize-part"));
        let mut bytes = fs::read(&part).unwrap();
        let half = bytes.len() / 2;
        bytes[half..].fill(0);
        fs::write(&part, bytes).unwrap();
        let ended = folder.run(&format!("in.mp4 {to} --resume")).good(300);
        assert!((30..120).contains(&resumed(&ended)), "{to}: {} frames kept", resumed(&ended));
        assert!(decode(&folder.path(to)).numbers().into_iter().eq(0..300), "{to}");
    }
}

/// Processes that run in `folder`.
fn processes_in(folder: &Path) -> usize {
    let folder = folder.canonicalize().unwrap();
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder)).count()
}

#[test]
fn row_33_a_second_signal_ends_at_once_and_leaves_only_what_can_be_resumed() {
    // Two threads may hear both at the same moment, each as the first: then the file is completed, and another try is made.
    for _ in 0..10 {
        let folder = Folder::new();
        Clip::new(300).size(320, 240).sound(AAC).write(&folder.path("in.mp4"));
        let mut child = begun(&folder, "in.mp4 out.mp4", "out.mp4");
        // Both are there when it goes on; whichever it hears first, it dies of the second.
        send("INT", &child);
        send("TERM", &child);
        send("CONT", &child);
        assert!([Some(130), Some(143)].contains(&code(&mut child)));
        assert_eq!(child.wait().unwrap().signal(), None);
        if cfg!(target_os = "linux") {
            assert_eq!(processes_in(&folder.path(".")), 0);
        }
        if folder.path("out.mp4").exists() {
            continue;
        }
        assert_eq!(folder.names(), ["in.mp4", "out.mp4.stylize-part", "out.mp4.stylize-resume"]);
        folder.run("in.mp4 out.mp4 --resume").good(300);
        return;
    }
    panic!("ten second signals did not end a run at once");
}

#[test]
fn row_35_a_file_is_on_the_disk_before_it_has_its_name() {
    for to in ["out.mp4", "out.mkv"] {
        let folder = Folder::new();
        Clip::new(10).sound(AAC).write(&folder.path("in.mp4"));
        let run = folder.process(&format!("in.mp4 {to}"));
        let mut traced = Command::new("strace");
        traced.args(["-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink"]);
        traced.args(["-o", "trace"]).arg(run.get_program()).args(run.get_args()).current_dir(folder.path("."));
        if !traced.output().is_ok_and(|output| output.status.success()) || !folder.path(to).exists() {
            return skip("the order of what goes to the disk: strace is not installed, or may not trace");
        }
        let trace = fs::read_to_string(folder.path("trace")).unwrap();
        let calls: Vec<&str> = trace.lines().filter(|line| !line.contains("ENOENT")).collect();
        let part = format!("{to}.stylize-part");
        let place = |what: &str, is: &dyn Fn(&str) -> bool| {
            calls.iter().rposition(|call| is(call)).unwrap_or_else(|| panic!("{to}: {what}: {trace}"))
        };
        let synced = place("sync of the part", &|call| call.contains("sync(") && call.contains(&part));
        let named = place("rename", &|call| {
            call.contains(&part)
                && call.contains(&format!("{to}\""))
                && (call.contains("rename") || call.contains("link"))
        });
        let folder_path = folder.path(".").canonicalize().unwrap();
        let folder_synced = place("sync of the folder", &|call| {
            call.contains("fsync(") && call.contains(&format!("<{}>", folder_path.display()))
        });
        let forgotten =
            place("end of the journal", &|call| call.contains("unlink(") && call.contains("stylize-resume"));
        assert!(synced < named && named < folder_synced && folder_synced < forgotten, "{to}: {trace}");
    }
}
