//! The virtual camera of PipeWire, and who looks at it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::Folder;
use crate::filter::{self, Filter};
use crate::session::{self, Daemon};

/// Bytes of a frame of 320x240 in YUY2.
const FRAME: usize = 320 * 240 * 2;

/// A program that looks at the camera.
fn reader(tail: &str) -> Command {
    let words = format!("-q pipewiresrc target-object=studio {tail}");
    let mut command = Command::new("gst-launch-1.0");
    command.args(words.split_whitespace()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether a program that comes now gets 20 frames of the scene, which is not dark.
fn sees(folder: &Folder) -> bool {
    let path = folder.path("seen");
    let _ = std::fs::remove_file(&path);
    let tail =
        format!("num-buffers=20 ! video/x-raw,format=YUY2,width=320,height=240 ! filesink location={}", path.display());
    let mut child = reader(&tail).spawn().unwrap();
    let since = Instant::now();
    // One that came while the camera was built anew may have lost it; the user would choose it again.
    while child.try_wait().unwrap().is_none() && since.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = (child.kill(), child.wait());
    let bytes = std::fs::read(&path).unwrap_or_default();
    bytes.len() == 20 * FRAME && bytes[19 * FRAME..].iter().step_by(2).any(|&luma| luma > 60)
}

#[test]
fn row_41_programs_come_and_go_and_come_back_and_nothing_else_waits() {
    session::inside("camera::row_41_programs_come_and_go_and_come_back_and_nothing_else_waits", |_| {
        let mut filter = Filter::start("--virtual-camera studio --record a.mkv");
        for what in ["the first program", "a second one at once", "a third one"] {
            filter.wait_until(what, sees);
        }
        std::thread::sleep(Duration::from_secs(3));
        filter.wait_until("one that comes later", sees);
        let ended = filter.interrupt();
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        assert_eq!((ended.warned("virtual camera"), ended.warned("recording")), (0, 0), "{}", ended.report);
        // Nobody looked for seconds: that is no loss.
        assert!(ended.report["frames_left_out"]["virtual_camera"].as_u64() < Some(60), "{}", ended.report);
        assert!(ended.folder.path("a.mkv").exists());
    });
}

#[test]
fn row_40_a_program_that_stands_still_slows_nothing() {
    session::inside("camera::row_40_a_program_that_stands_still_slows_nothing", |_| {
        let mut filter = Filter::start("--virtual-camera studio --record a.mkv");
        filter.wait_until("a program", sees);
        let frozen = Daemon::start(&mut reader("! video/x-raw,format=YUY2 ! fakesink"));
        std::thread::sleep(Duration::from_secs(2));
        frozen.freeze(true);
        let size = |folder: &Folder| std::fs::metadata(folder.path("a.mkv.stylize-part")).map_or(0, |meta| meta.len());
        // The recording goes on beside it.
        for _ in 0..3 {
            let before = size(filter.folder());
            filter.wait_until("the recording", |folder| size(folder) > before);
        }
        filter.wait_until("another program", sees);
        drop(frozen);
        filter.wait_until("one after it", sees);
        let ended = filter.interrupt();
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        assert_eq!(ended.warned("recording"), 0, "{}", ended.report);
    });
}

#[test]
fn row_41_a_daemon_that_dies_gets_the_camera_again_when_it_is_back() {
    session::inside("camera::row_41_a_daemon_that_dies_gets_the_camera_again_when_it_is_back", |session| {
        let mut filter = Filter::start("--virtual-camera studio");
        filter.wait_until("a program", sees);
        session.restart();
        filter.wait_until("a program of the next session", sees);
        let ended = filter.interrupt();
        assert_eq!((ended.code, ended.warned("the virtual camera was lost")), (Some(130), 1), "{}", ended.report);
    });
}

#[test]
fn without_anything_that_could_be_a_camera_it_is_refused_with_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let folder = Folder::new();
    let mut command = filter::command(&folder, "--virtual-camera studio");
    let output = command.env("XDG_RUNTIME_DIR", empty.path()).env_remove("PIPEWIRE_REMOTE").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(6), 1), "{stderr}");
    assert!(stderr.contains("PipeWire") && stderr.contains("start pipewire") || stderr.contains("install"), "{stderr}");
}
