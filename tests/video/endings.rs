//! Runs that are stopped, and runs that meet.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::common::Folder;
use crate::common::child::{code, send, wait_until};
use crate::common::clip::{AAC, Clip};
use crate::common::read::decode;

/// Long enough to be still at work when a signal comes, whatever the machine.
const FRAMES: u64 = 3000;

/// A run that has begun to write `out.mp4`.
fn begun(folder: &Folder) -> Child {
    Clip::new(FRAMES).size(320, 240).sound(AAC).write(&folder.path("in.mp4"));
    let child = folder.process("in.mp4 out.mp4").stderr(Stdio::null()).spawn().unwrap();
    let part = folder.path("out.mp4.stylize-part");
    wait_until("the output", || std::fs::metadata(&part).is_ok_and(|meta| meta.len() > 20_000));
    child
}

#[test]
fn row_33_a_signal_ends_with_a_good_shorter_file() {
    for (signal, expected) in [("INT", 130), ("TERM", 143)] {
        let folder = Folder::new();
        let mut child = begun(&folder);
        send(signal, &child);
        assert_eq!(code(&mut child), Some(expected), "{signal}");
        let report = folder.take_report();
        assert_eq!(folder.names(), ["in.mp4", "out.mp4"]);
        let decoded = decode(&folder.path("out.mp4"));
        let frames = decoded.video.len() as u64;
        assert!((1..FRAMES).contains(&frames), "{frames} frames: the signal came too late");
        assert_eq!((&report["frames_out"], &report["stopped"]), (&frames.into(), &true.into()));
        assert_eq!(decoded.numbers(), (0..frames).collect::<Vec<_>>());
        let sound = decoded.sound[0].end_s();
        assert!((sound - frames as f64 / 25.0).abs() < 0.1, "{sound} s of sound for {frames} frames");
    }
}

#[test]
fn row_33_a_second_signal_ends_at_once_and_leaves_no_child() {
    for (first, second) in [("INT", "INT"), ("TERM", "TERM"), ("TERM", "INT"), ("INT", "TERM")] {
        let folder = Folder::new();
        let mut child = begun(&folder);
        send(first, &child);
        // Two of the same kind that wait together are one.
        std::thread::sleep(Duration::from_millis(2));
        send(second, &child);
        // The second ends it, unless the first has done so already; of two that wait together the kernel chooses the first.
        let code = code(&mut child);
        let codes = [first, second].map(|signal| if signal == "INT" { 130 } else { 143 });
        assert!(code.is_some_and(|code| codes.contains(&code)), "{first} {second}: {code:?}");
        assert!(!folder.names().contains(&"out.mp4".into()) || !decode(&folder.path("out.mp4")).video.is_empty());
    }
}

#[test]
fn row_32_a_second_run_to_the_same_place_is_refused_and_the_first_goes_on() {
    let folder = Folder::new();
    let mut child = begun(&folder);
    folder.run("in.mp4 out.mp4").refused(4, "another run");
    folder.run("in.mp4 out.mp4 --force").refused(4, "another run");
    assert!(child.try_wait().unwrap().is_none(), "the first run ended too early");
    send("INT", &child);
    assert_eq!(code(&mut child), Some(130));
    assert!(!decode(&folder.path("out.mp4")).video.is_empty());
}
