//! One process that does job after job: good files, bad ones, runs that are stopped. What it holds of memory, file handles
//! and threads does not grow.
//!
//! A few dozen jobs, or `SOAK_MINUTES` of them (`make soak`).
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::clip::{AAC, Clip, FFV1, H264_B, MJPEG, MP3, OPUS, PCM, VP8};
use common::{Folder, heap, job};
use stylize::job::{Observer, Plan};
use stylize::options::{Input, Part};
use stylize::report::Meter;
use stylize::{Job, Output, Stop};

/// Rounds when nobody says for how long.
const A_FEW: usize = 8;

/// Rounds that fill caches, before what is held is looked at.
const WARM_UP: usize = 3;

/// Memory that may come and go between one round and another, in KiB: in an hour of 607 rounds it went from 105,676 to
/// 107,840 and was never above 108,808 where it was written down.
const NOISE_KIB: f64 = 4_000.0;

/// Stops after some looks.
struct Impatient {
    looks: u32,
    stop: Stop,
}

impl Observer for Impatient {
    fn started(&mut self, _: &Plan) {}

    fn tick(&mut self, _: &Meter) {
        self.looks = self.looks.saturating_sub(1);
        if self.looks == 0 {
            self.stop.ask();
        }
    }
}

/// What is to be done in each round, and the exit code of it (0: a report).
fn jobs(folder: &Folder) -> Vec<(Job, u8)> {
    let clip = || Clip::new(20).size(160, 120);
    let damaged = |name: &str| {
        let mut bytes = fs::read(folder.path(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 200].fill(0x5a);
        fs::write(folder.path(name), bytes).unwrap();
    };
    let files = [
        ("a.mp4", "out.mp4", clip().encoder(H264_B).sound(AAC)),
        ("b.mkv", "out.mkv", clip().sound(MP3).sound(AAC)),
        ("c.webm", "out.webm", clip().encoder(VP8).sound(OPUS)),
        ("d.ts", "out.mp4", clip().sound(AAC)),
        ("e.mov", "out.mov", clip().encoder(MJPEG).sound(PCM)),
        ("f.mkv", "out.png", clip().encoder(FFV1)),
        ("g.ts", "out.mkv", clip().sound(AAC)),
    ];
    let mut jobs: Vec<(Job, u8)> = Vec::new();
    for (from, to, clip) in files {
        clip.write(&folder.path(from));
        jobs.push((Job { input: Input::File(folder.path(from)), ..job(folder, to) }, 0));
    }
    damaged("g.ts");
    jobs[5].0.part = Part { frames: Some(1), ..Part::default() };
    jobs[1].0.part = Part { start_nanos: Some(200_000_000), ..Part::default() };
    fs::write(folder.path("text.mp4"), "no video").unwrap();
    let of = |from: &str, to: &str| Job { input: Input::File(folder.path(from)), ..job(folder, to) };
    jobs.push((of("text.mp4", "out.mp4"), 3));
    jobs.push((of("missing.mp4", "out.mp4"), 3));
    jobs.push((of("a.mp4", "no/such/folder/out.mp4"), 4));
    jobs.push((Job { output: Output::Null, ..of("a.mp4", "out.mp4") }, 0));
    jobs
}

fn do_it(job: &Job, expected: u8, impatient: bool) {
    let stop = Stop::new();
    let looks = if impatient { 1 } else { u32::MAX };
    let mut observer = Impatient { looks, stop: stop.clone() };
    let code = match stylize::job::run(job, &stop, &Meter::new(), &mut observer) {
        Ok(_) => 0,
        Err(error) => error.exit_code(),
    };
    assert!(code == expected || impatient && code == 130, "{job:?}: {code}");
}

/// What this process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    memory_kib: f64,
    handles: usize,
    threads: usize,
}

impl Held {
    fn now() -> Self {
        let count = |folder: &str| fs::read_dir(folder).unwrap().count();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let memory_kib = line.trim().trim_end_matches(" kB").parse().unwrap();
        Self { memory_kib, handles: count("/proc/self/fd"), threads: count("/proc/self/task") }
    }
}

/// Growth of `values` from begin to end, by the line that fits them best.
fn growth(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let off = index as f64 - middle;
        covariance += off * (value - mean);
        variance += off * off;
    }
    covariance / variance * (count - 1.0)
}

#[test]
fn row_57_job_after_job_nothing_grows() {
    if !heap::holds_only_what_it_uses("row_57_job_after_job_nothing_grows") {
        return;
    }
    let folder = Folder::new();
    let jobs = jobs(&folder);
    let minutes: Option<u64> = std::env::var("SOAK_MINUTES").ok().map(|text| text.parse().expect("a number"));
    let (since, mut held) = (Instant::now(), Vec::new());
    while match minutes {
        Some(minutes) => since.elapsed() < Duration::from_secs(60 * minutes) || held.len() < WARM_UP + A_FEW,
        None => held.len() < WARM_UP + A_FEW,
    } {
        jobs.iter().for_each(|(job, expected)| do_it(job, *expected, false));
        do_it(&jobs[0].0, 0, true);
        held.push(Held::now());
        if held.len() % 50 == 0 {
            println!("{:?}: {} rounds, {:?}", since.elapsed(), held.len(), held.last());
        }
    }
    let held = &held[WARM_UP..];
    let (first, last) = (held[0], held[held.len() - 1]);
    println!("{} rounds of {} jobs: {first:?} to {last:?}", held.len(), jobs.len() + 1);
    assert_eq!(first.handles, last.handles, "{held:?}");
    // Pools keep a thread for a while.
    assert!(last.threads <= first.threads + 2, "{held:?}");
    let grown = growth(&held.iter().map(|held| held.memory_kib).collect::<Vec<_>>());
    assert!(grown < NOISE_KIB, "{grown:.0} KiB more: {held:?}");
}

#[test]
fn growth_is_seen() {
    assert!((growth(&[1.0, 2.0, 3.0, 4.0]) - 3.0).abs() < 1e-9);
    assert!(growth(&[5.0, 4.0, 5.0, 4.0, 5.0]).abs() < 1e-9);
}
