//! Memory stays flat: after warm-up nothing of a frame's size is allocated any more.
#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

mod common;

use std::sync::Mutex;
use std::time::Duration;

use common::child::wait_until;
use common::clip::{AAC, Clip};
use common::{Folder, heap, job, model};
use stylize::compose::{Controls, LiveControls};
use stylize::convert::{ConvertChoice, RunCard};
use stylize::error::Result;
use stylize::flow::{Flow, Sink, Source, Stage, Stop};
use stylize::frame::{Colour, Frame, FrameFormat, FrameRate, PixelFormat, Size, Timed};
use stylize::job::{Job, Observer, Plan};
use stylize::memory::{Estimate, Needs, NetworkBytes};
use stylize::model::{Arithmetic, Model, ModelSource, Runtime, SpecOverrides};
use stylize::options::{Codec, Provider};
use stylize::report::Meter;
use stylize::source::test_pattern::TestPattern;
use stylize::stylizer::{Order, Stylizer};
use stylize::tensor::DType;

/// Measuring tests do not run beside others.
static ALONE: Mutex<()> = Mutex::new(());

const SIZE: Size = Size::new(96, 64);

/// A way to use the stylizer.
#[derive(Clone, Copy, Debug)]
struct Way {
    strength: f32,
    keep_colour: bool,
    stabilise: f32,
    net: Size,
    out: Size,
}

const WAYS: [Way; 5] = [
    Way { strength: 1.0, keep_colour: false, stabilise: 0.8, net: SIZE, out: SIZE },
    Way { strength: 0.5, keep_colour: false, stabilise: 0.0, net: SIZE, out: SIZE },
    Way { strength: 1.0, keep_colour: true, stabilise: 0.0, net: SIZE, out: SIZE },
    Way { strength: 1.0, keep_colour: false, stabilise: 0.0, net: Size::new(48, 32), out: SIZE },
    Way { strength: 0.5, keep_colour: true, stabilise: 0.0, net: Size::new(60, 40), out: Size::new(132, 88) },
];

fn stylizer(way: Way, pattern: &TestPattern) -> Stylizer {
    let runtime = Runtime::load(None).unwrap();
    let model = Model::open(&runtime, ModelSource::File(model("identity")), &SpecOverrides::default()).unwrap();
    let mut out = pattern.format();
    out.size = way.out;
    let controls =
        LiveControls::new(Controls { strength: way.strength, keep_colour: way.keep_colour, stabilise: way.stabilise });
    let order = Order {
        source: pattern.format(),
        net: way.net,
        out,
        controls,
        provider: Provider::Cpu,
        arithmetic: Arithmetic::default(),
        light: false,
        on_card: false,
        convert: ConvertChoice::default(),
        card: RunCard::default(),
        threads: Some(2),
        ceiling_bytes: None,
        crew: 1,
        workers: 2,
    };
    Stylizer::new(&model, &order, &Meter::new()).unwrap()
}

fn pattern(frames: u64) -> TestPattern {
    let fps = FrameRate { frames: 25.try_into().unwrap(), seconds: 1.try_into().unwrap() };
    TestPattern::new(SIZE, fps, Some(frames)).unwrap()
}

#[test]
fn one_thread_allocates_nothing_after_its_first_frames() {
    let _alone = ALONE.lock();
    for way in WAYS {
        let mut source = pattern(110);
        let mut stylizer = stylizer(way, &source);
        let (tensors, frames) = stylizer.pools();
        let mut warm = 0;
        for number in 0..110 {
            let frame = source.next().unwrap().unwrap();
            drop(stylizer.process(frame).unwrap());
            if number == 9 {
                warm = tensors.misses() + frames.misses();
            }
        }
        assert_eq!(tensors.misses() + frames.misses(), warm, "{way:?}");
    }
}

struct Nowhere;

impl Sink for Nowhere {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        drop(frame);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_flow_allocates_as_much_as_it_has_places_however_many_frames_pass() {
    let _alone = ALONE.lock();
    for way in WAYS {
        let source = pattern(400);
        let stylizer = stylizer(way, &source);
        let (tensors, frames) = stylizer.pools();
        let flow = Flow::from(source, Stop::new(), 1, Meter::new());
        stylizer.continue_flow(flow).into(Nowhere).wait(|| ()).unwrap();
        // Four stages (infer with two workers), a queue before each, a handful of tensors at most in each place.
        let misses = tensors.misses() + frames.misses();
        assert!(misses <= 60, "{way:?}: {misses} allocations for 400 frames");
    }
}

/// Memory in use now.
fn rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Notes the memory in use at each tick.
#[derive(Default)]
struct Watch(Vec<(u64, u64)>);

impl Observer for Watch {
    fn started(&mut self, _: &Plan) {}

    fn tick(&mut self, meter: &Meter) {
        self.0.push((meter.frames_out(), rss_bytes()));
    }
}

#[test]
fn a_long_run_takes_no_more_memory_than_a_short_one() {
    const FRAMES: u64 = 6000;
    const GROWTH_BYTES: u64 = 8 << 20;
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: memory in use is read from /proc");
        return;
    }
    let _alone = ALONE.lock();
    let folder = Folder::new();
    Clip::new(FRAMES).size(160, 120).sound(AAC).write(&folder.path("in.mp4"));
    let job = Job { force: false, ..job(&folder, "out.mp4") };
    let mut watch = Watch::default();
    let report = stylize::job::run(&job, &Stop::new(), &Meter::new(), &mut watch).unwrap();
    assert_eq!(report.frames_out, FRAMES);
    let during: Vec<_> = watch.0.iter().filter(|(frames, _)| (FRAMES / 3..FRAMES).contains(frames)).collect();
    let (first, last) = (during.first().unwrap(), during.last().unwrap());
    assert!(last.0 - first.0 > FRAMES / 3, "measured from frame {} to {} only", first.0, last.0);
    let growth = last.1.saturating_sub(first.1);
    assert!(growth < GROWTH_BYTES, "{growth} bytes more from frame {} to {}", first.0, last.0);
}

#[test]
fn a_job_that_is_done_holds_nothing() {
    const FRAMES: u64 = 300;
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: memory in use is read from /proc");
        return;
    }
    if !heap::holds_only_what_it_uses("a_job_that_is_done_holds_nothing") {
        return;
    }
    let folder = Folder::new();
    Clip::new(FRAMES).size(640, 360).sound(AAC).write(&folder.path("in.mp4"));
    // The most that was in use at work.
    let work = || {
        let mut watch = Watch::default();
        let report = stylize::job::run(&job(&folder, "out.mp4"), &Stop::new(), &Meter::new(), &mut watch).unwrap();
        assert_eq!(report.frames_out, FRAMES);
        watch.0.iter().map(|(_, bytes)| *bytes).max().unwrap()
    };
    // What libraries take when they are first used stays.
    work();
    std::thread::sleep(Duration::from_millis(100));
    let rest = rss_bytes();
    let held = work().saturating_sub(rest);
    // The last threads may end a moment later, and some room between blocks is never given back.
    wait_until("the memory of a job comes back", || rss_bytes().saturating_sub(rest) * 4 < held);
}

/// Runs the program on a clip of `size` and says what it took and what was estimated, in MB.
fn taken_and_estimated(size: Size, to: &str, tier: &str) -> (f64, f64) {
    let folder = Folder::new();
    Clip::new(12).size(size.width, size.height).write(&folder.path("in.mp4"));
    // The shipped style: what its network holds is part of the estimate.
    let taken = folder.run(&format!("in.mp4 {to} --style wave --tier {tier} --provider cpu")).good(12).report;
    let out = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
    let cores = std::thread::available_parallelism().unwrap().get();
    let codec = (to != "null:").then_some(Codec::H264);
    let network = NetworkBytes::of(DType::U8, taken["precision"] == "int8", Provider::Cpu);
    let network = if tier == "fine" { network.fine() } else { network };
    let workers = stylize::stylizer::workers(size, network, cores);
    let needs = Needs {
        network,
        source: size,
        net: size,
        is_fixed: false,
        out,
        codec,
        converts_on_card: false,
        workers,
        cores,
    };
    (taken["peak_rss_mb"].as_f64().unwrap(), Estimate::of(&needs).total_bytes() as f64 / 1e6)
}

#[test]
fn row_14_the_estimate_is_near_what_a_run_takes() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: what is estimated was measured on Linux");
        return;
    }
    // The clips are made in this process.
    let _alone = ALONE.lock();
    for (width, height, to, tier) in [
        (640, 360, "out.mp4", "live"),
        (1280, 720, "out.mp4", "live"),
        (1920, 1080, "null:", "live"),
        (1280, 720, "null:", "fine"),
    ] {
        let (taken, estimated) = taken_and_estimated(Size::new(width, height), to, tier);
        println!("{width}x{height} to {to}, {tier}: {taken:.0} MB, estimated {estimated:.0} MB");
        assert!(
            (0.75..=1.25).contains(&(estimated / taken)),
            "{width}x{height} {to} {tier}: {taken:.0} {estimated:.0}"
        );
    }
}
