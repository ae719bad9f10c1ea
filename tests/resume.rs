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

/// Length of a file.
fn bytes(folder: &Folder, name: &str) -> u64 {
    std::fs::metadata(folder.path(name)).unwrap().len()
}

/// A run with `words`, killed by the system at the moment when its file would become longer than `limit_bytes`. That
/// signal is as sudden as SIGKILL, and comes at the same moment however fast or busy the machine is.
fn killed(folder: &Folder, words: &str, limit_bytes: u64) {
    let run = folder.process(words);
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -c 0; ulimit -f \"$0\"; exec \"$@\""]).arg((limit_bytes / 1024).to_string());
    limited.arg(run.get_program()).args(run.get_args()).current_dir(folder.path("."));
    let status = limited.stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(SIGXFSZ), "{words}: ended before it was killed");
}

const SIGXFSZ: i32 = 25;

/// A run with `words`, which writes `to`, stopped once it has put a frame into it; SIGCONT lets it go on.
fn begun(folder: &Folder, words: &str, to: &str) -> Child {
    let journal = journal(folder, to);
    let number = || std::fs::metadata(&journal).map(|meta| meta.ino()).ok();
    let before = number();
    let mut child = folder.process(words).stderr(Stdio::null()).spawn().unwrap();
    wait_until(words, || {
        // It moves only while nobody looks.
        send("STOP", &child);
        // A journal of an earlier run does not count; the first two lines are no frames.
        let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
        let ready = number() != before && std::fs::read(&journal).is_ok_and(|bytes| lines(&bytes) > 2);
        assert_eq!(child.try_wait().unwrap(), None, "{words}: ended too early");
        if !ready {
            send("CONT", &child);
        }
        ready
    });
    child
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
