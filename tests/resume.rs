//! Runs that are killed, and go on.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says where it failed"
)]

mod common;

#[path = "resume/exact.rs"]
mod exact;
#[path = "resume/leftovers.rs"]
mod leftovers;
#[path = "resume/survival.rs"]
mod survival;

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, HANG};

/// Waits until `ready`, which must not take for ever.
fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < HANG, "nothing happens: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn journal(folder: &Folder, to: &str) -> PathBuf {
    folder.path(&format!("{to}.stylize-resume"))
}

/// A run with `words`, which writes `to`, once it has put `frames` frames into it.
fn begun(folder: &Folder, words: &str, to: &str, frames: usize) -> Child {
    let journal = journal(folder, to);
    let number = || std::fs::metadata(&journal).map(|meta| meta.ino()).ok();
    let before = number();
    let mut child = folder.process(words).stderr(Stdio::null()).spawn().unwrap();
    wait_until(words, || {
        // One of an earlier run does not count; the first two lines are no frames.
        let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
        let ready = number() != before && std::fs::read(&journal).is_ok_and(|bytes| lines(&bytes) >= frames + 2);
        ready || child.try_wait().unwrap().is_some()
    });
    child
}

/// A run with `words`, which writes `to`, killed once it has encoded `frames` frames.
fn killed(folder: &Folder, words: &str, to: &str, frames: usize) {
    let mut child = begun(folder, words, to, frames);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "{words}: ended before it was killed");
    assert!(!folder.path(to).exists());
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}

/// The exit code of `child`, which ends soon.
fn code(child: &mut Child) -> Option<i32> {
    let mut status = None;
    wait_until("the end of a run", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code()
}

/// What the resumed run says that it kept.
fn resumed(ended: &common::Ended) -> u64 {
    ended.report["frames_resumed"].as_u64().unwrap()
}
