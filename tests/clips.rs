//! Clips from the world: every file of `clips/` and `broken/` in the folder that `STYLIZE_TEST_DATA` names.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says where it failed"
)]

mod common;

use std::path::PathBuf;

use common::{Ended, Folder};

/// Frames of each clip: enough to pass the start of every stream.
const FRAMES: u64 = 40;

/// Runs every file of `kind` and lists what is not as `good` wants it.
fn each(kind: &str, words: &str, good: impl Fn(&Ended) -> bool) {
    let Some(data) = std::env::var_os("STYLIZE_TEST_DATA") else {
        eprintln!("skipped: STYLIZE_TEST_DATA names no folder with clips/ and broken/");
        return;
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(PathBuf::from(data).join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut bad = Vec::new();
    for file in files {
        let folder = Folder::new();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        std::os::unix::fs::symlink(file.canonicalize().unwrap(), folder.path(&name)).unwrap();
        let ended = folder.try_run(&format!("{name} out.mkv -q {words}"));
        let line =
            format!("{name}: exit {}, {} frames: {}", ended.code, ended.report["frames_out"], ended.stderr.trim());
        println!("{line}");
        let left_nothing = folder.names().len() == if [0, 7].contains(&ended.code) { 2 } else { 1 };
        if !(good(&ended) && left_nothing && ended.stderr.lines().count() <= 1) {
            bad.push(line);
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn clips_of_the_world_are_read() {
    let words = format!("--frames {FRAMES} --net-size 90p --size 180p");
    each("clips", &words, |ended| ended.code == 0);
}

#[test]
fn broken_files_end_in_one_line() {
    each("broken", "--net-size 90p --size 180p", |ended| match ended.code {
        0 => ended.stderr.is_empty(),
        3 | 7 => ended.stderr.lines().count() == 1,
        _ => false,
    });
}
