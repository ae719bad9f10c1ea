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
use std::process::{Child, Stdio};
use std::time::Duration;

use common::Folder;
use common::child::{try_send, wait_until};

fn journal(folder: &Folder, to: &str) -> PathBuf {
    folder.path(&format!("{to}.stylize-resume"))
}

/// Length of a file, 0 if there is none.
fn bytes(folder: &Folder, name: &str) -> u64 {
    std::fs::metadata(folder.path(name)).map_or(0, |meta| meta.len())
}

/// The files that belong to the unfinished `to`, with their contents.
fn remains(folder: &Folder, to: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let names = folder.names().into_iter().filter(|name| name.starts_with(to) && name.contains(".stylize-"));
    names.map(|name| folder.path(&name)).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Does `try_once` until it succeeds: a machine that is busy may look too late. Before each time all is as it was.
fn in_time<T>(folder: &Folder, to: &str, mut try_once: impl FnMut() -> Option<T>) -> T {
    let before = remains(folder, to);
    for _ in 0..50 {
        if let Some(done) = try_once() {
            return done;
        }
        let _ = std::fs::remove_file(folder.path(to));
        folder.take_report();
        remains(folder, to).iter().for_each(|(path, _)| std::fs::remove_file(path).unwrap());
        before.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    }
    panic!("every run to {to} ended before anybody looked");
}

/// A run with `words` that works on `to`, and the number of its journal's file, which no earlier run has.
fn started(folder: &Folder, words: &str, to: &str) -> (Child, impl Fn() -> bool) {
    let journal = journal(folder, to);
    // A number alone may be given to a new file again.
    let number = move || std::fs::metadata(&journal).map(|meta| (meta.ino(), meta.modified().unwrap())).ok();
    let before = number();
    let child = folder.process(words).stderr(Stdio::null()).spawn().unwrap();
    (child, move || number().is_some() && number() != before)
}

/// A run with `words`, which writes `to`, killed once its file has `limit_bytes`.
fn killed(folder: &Folder, words: &str, to: &str, limit_bytes: u64) {
    in_time(folder, to, || {
        let (mut child, at_work) = started(folder, words, to);
        wait_until(words, || {
            let long = at_work() && bytes(folder, &format!("{to}.stylize-part")) >= limit_bytes;
            long || child.try_wait().unwrap().is_some()
        });
        child.kill().unwrap();
        (child.wait().unwrap().signal() == Some(9)).then_some(())
    });
    assert!(!folder.path(to).exists());
}

/// A run with `words`, which writes `to`, stopped while it does; SIGCONT lets it go on.
fn begun(folder: &Folder, words: &str, to: &str) -> Child {
    in_time(folder, to, || {
        let (mut child, at_work) = started(folder, words, to);
        wait_until(words, || at_work() || child.try_wait().unwrap().is_some());
        let stopped = child.try_wait().unwrap().is_none() && try_send("STOP", child.id());
        // A signal takes a moment to arrive.
        std::thread::sleep(Duration::from_millis(2));
        (stopped && child.try_wait().unwrap().is_none()).then_some(child)
    })
}

/// What the resumed run says that it kept.
fn resumed(ended: &common::Ended) -> u64 {
    ended.report["frames_resumed"].as_u64().unwrap()
}
