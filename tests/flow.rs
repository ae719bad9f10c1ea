//! The flow alone, with plain stages: order, bounds, and how it ends. Every case runs many times: what it guards against
//! are races. A flow that hangs fails.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says where it failed")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stylize::error::{Error, Result};
use stylize::flow::{Flow, Sink, Source, Stage, Stop};
use stylize::frame::{Colour, Frame, FrameFormat, PixelFormat, Size, Stamp, Timed, tight_planes};
use stylize::report::Meter;

#[path = "common/dice.rs"]
mod dice;

use dice::Dice;

const ROUNDS: u64 = 100;
const HANG: Duration = Duration::from_secs(30);

/// Counts those of its clones that carry a frame.
#[derive(Clone, Default)]
struct Census {
    alive: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Counted {
    census: Census,
    byte: [u8; 4],
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.byte
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Census {
    fn frame(&self, seq: u64) -> Timed<Frame> {
        let alive = self.alive.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(alive, Ordering::SeqCst);
        let size = Size::new(1, 1);
        let format = FrameFormat { size, pixels: PixelFormat::Rgbx, colour: Colour::SRGB };
        let bytes = Counted { census: self.clone(), byte: [0; 4] };
        let item = Frame::new(format, tight_planes(PixelFormat::Rgbx, size).0, Arc::new(bytes)).unwrap();
        Timed { stamp: Stamp { seq, pts_nanos: Some(seq), ..Stamp::default() }, item }
    }
}

/// What goes wrong, at which frame.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Error(u64),
    Panic(u64),
}

impl Fault {
    fn strike(self, place: &str, seq: u64) -> Result<()> {
        match self {
            Self::Error(at) if at == seq => Err(Error::Device(format!("{place} {seq}"))),
            Self::Panic(at) if at == seq => panic!("{place} {seq}"),
            _ => Ok(()),
        }
    }
}

/// Gives frames for ever.
struct Endless(Census, u64);

impl Source for Endless {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        self.1 += 1;
        Ok(Some(self.0.frame(self.1)))
    }
}

/// Takes everything, and is never told that it is whole.
struct Unfinished;

impl Sink for Unfinished {
    fn accept(&mut self, _: Timed<Frame>) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        panic!("a flow that failed was finished");
    }
}

#[test]
fn row_53_a_check_that_fails_ends_the_flow() {
    let flow = Flow::from(Endless(Census::default(), 0), Stop::new(), 1, Meter::new()).into(Unfinished);
    let mut looks = 0;
    let result = flow.wait_checked(|| {
        looks += 1;
        if looks == 2 { Err(Error::Device("too much".into())) } else { Ok(()) }
    });
    assert_eq!(result.unwrap_err().to_string(), "too much");
}

struct Numbers {
    next: u64,
    end: u64,
    census: Census,
    fault: Fault,
    _alive: Arc<()>,
}

impl Source for Numbers {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        let seq = self.next;
        self.fault.strike("source", seq)?;
        self.next += 1;
        Ok((seq < self.end).then(|| self.census.frame(seq)))
    }
}

struct Delay {
    dice: Dice,
    most_micros: u64,
    fault: Fault,
    _alive: Arc<()>,
}

impl Stage for Delay {
    type In = Frame;
    type Out = Frame;

    fn process(&mut self, item: Timed<Frame>) -> Result<Timed<Frame>> {
        if self.most_micros > 0 {
            std::thread::sleep(Duration::from_micros(self.dice.throw(self.most_micros)));
        }
        self.fault.strike("stage", item.stamp.seq)?;
        Ok(item)
    }
}

#[derive(Clone, Default)]
struct Got {
    seqs: Arc<Mutex<Vec<u64>>>,
    finished: Arc<AtomicBool>,
}

struct Record {
    got: Got,
    fault: Fault,
    /// Asked at this frame.
    stop: Option<(u64, Stop)>,
    slow: Duration,
    _alive: Arc<()>,
}

impl Sink for Record {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        let seq = frame.stamp.seq;
        self.fault.strike("sink", seq)?;
        if self.slow > Duration::ZERO {
            std::thread::sleep(self.slow);
        }
        if let Some((at, stop)) = &self.stop
            && *at == seq
        {
            stop.ask();
        }
        self.got.seqs.lock().unwrap().push(seq);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.got.finished.store(true, Ordering::SeqCst);
        self.fault.strike("finish", u64::MAX)
    }
}

/// A source, `workers` equal stages between two single ones, a sink.
#[derive(Clone, Copy)]
struct Case {
    seed: u64,
    frames: u64,
    depth: usize,
    workers: usize,
    most_micros: u64,
    slow: Duration,
    source: Fault,
    stage: Fault,
    worker: Fault,
    sink: Fault,
    stop_at: Option<u64>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let none = Fault::None;
        Self {
            seed,
            frames: 40,
            depth: 1,
            workers: 3,
            most_micros: 60,
            slow: Duration::ZERO,
            source: none,
            stage: none,
            worker: none,
            sink: none,
            stop_at: None,
        }
    }

    /// Runs it; all that it owned is gone after.
    fn run(self) -> Ended {
        let (census, got, alive, stop) = (Census::default(), Got::default(), Arc::new(()), Stop::new());
        let source = Numbers {
            next: 0,
            end: self.frames,
            census: census.clone(),
            fault: self.source,
            _alive: Arc::clone(&alive),
        };
        let stage = |seed, fault, most_micros| Delay {
            dice: Dice(self.seed * 1000 + seed),
            most_micros,
            fault,
            _alive: Arc::clone(&alive),
        };
        let workers = (0..self.workers as u64).map(|n| stage(n, self.worker, self.most_micros)).collect();
        let sink = Record {
            got: got.clone(),
            fault: self.sink,
            stop: self.stop_at.map(|at| (at, stop.clone())),
            slow: self.slow,
            _alive: Arc::clone(&alive),
        };
        let meter = Meter::new();
        let since = Instant::now();
        let result = Flow::from(source, stop, self.depth, meter.clone())
            .via("before", stage(100, self.stage, 0))
            .via_each("workers", workers)
            .via("after", stage(200, Fault::None, 0))
            .into(sink)
            .wait(|| assert!(since.elapsed() < HANG, "the flow hangs"));
        assert_eq!(Arc::strong_count(&alive), 1, "a thread still owns its stage");
        assert_eq!(census.alive.load(Ordering::SeqCst), 0, "a frame is still somewhere");
        Ended {
            error: result.err(),
            seqs: got.seqs.lock().unwrap().clone(),
            finished: got.finished.load(Ordering::SeqCst),
            most_alive: census.most.load(Ordering::SeqCst),
            meter,
        }
    }
}

struct Ended {
    error: Option<Error>,
    seqs: Vec<u64>,
    finished: bool,
    most_alive: usize,
    meter: Meter,
}

impl Ended {
    /// It failed with `text`, after exactly the frames below `frames` came through in order.
    fn failed(&self, text: &str, frames: u64) {
        assert_eq!(self.error.as_ref().map(ToString::to_string).as_deref(), Some(text));
        assert!(!self.finished, "{text}: finished");
        assert_eq!(self.seqs, (0..frames).collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn workers_that_overtake_each_other_keep_the_order() {
    for seed in 0..ROUNDS {
        let ended = Case { workers: 1 + seed as usize % 4, depth: seed as usize % 3, ..Case::new(seed) }.run();
        assert!(ended.error.is_none() && ended.finished);
        assert_eq!(ended.seqs, (0..40).collect::<Vec<_>>());
        assert_eq!((ended.meter.frames_in(), ended.meter.frames_out()), (40, 40));
    }
}

#[test]
fn the_queues_are_bounds() {
    for (depth, workers) in [(0, 1), (1, 1), (1, 3), (2, 2), (4, 4)] {
        let slow = Duration::from_micros(300);
        let ended = Case { depth, workers, slow, frames: 200, ..Case::new(7) }.run();
        // One in the hands of each thread, `depth` between each two; and all workers but one may wait for a slower one.
        let most = 4 + workers + 4 * depth + (workers - 1);
        assert!(ended.most_alive <= most, "{} of {most} frames at once (depth {depth})", ended.most_alive);
        assert!(ended.most_alive > 1, "they work beside each other");
        assert_eq!(ended.seqs.len(), 200);
    }
}

#[test]
fn an_error_anywhere_ends_everything_and_is_the_one_that_is_told() {
    for seed in 0..ROUNDS {
        let at = Dice(seed).throw(40);
        let base = Case { depth: 1 + seed as usize % 2, ..Case::new(seed) };
        Case { source: Fault::Error(at), ..base }.run().failed(&format!("source {at}"), at);
        Case { stage: Fault::Error(at), ..base }.run().failed(&format!("stage {at}"), at);
        Case { worker: Fault::Error(at), ..base }.run().failed(&format!("stage {at}"), at);
        Case { sink: Fault::Error(at), ..base }.run().failed(&format!("sink {at}"), at);
    }
}

#[test]
fn a_panic_anywhere_is_an_internal_error_and_nothing_is_finished() {
    for seed in 0..ROUNDS {
        let at = Dice(seed).throw(40);
        let told = |thread| format!("the {thread} thread panicked; this is a fault of stylize, please report it");
        Case { source: Fault::Panic(at), ..Case::new(seed) }.run().failed(&told("decode"), at);
        Case { worker: Fault::Panic(at), ..Case::new(seed) }.run().failed(&told("workers"), at);
        Case { stage: Fault::Panic(at), ..Case::new(seed) }.run().failed(&told("before"), at);
        Case { sink: Fault::Panic(at), ..Case::new(seed) }.run().failed(&told("encode"), at);
    }
}

#[test]
fn a_failed_finish_is_told() {
    let ended = Case { sink: Fault::Error(u64::MAX), ..Case::new(1) }.run();
    assert_eq!(ended.error.unwrap().to_string(), format!("finish {}", u64::MAX));
    assert_eq!(ended.seqs.len(), 40);
}

#[test]
fn a_stop_finishes_what_is_under_way() {
    for seed in 0..ROUNDS {
        let at = Dice(seed).throw(30);
        let ended = Case { stop_at: Some(at), frames: u64::MAX, ..Case::new(seed) }.run();
        assert!(ended.error.is_none() && ended.finished);
        let frames = ended.seqs.len() as u64;
        assert!(frames > at, "{frames} of more than {at}");
        assert_eq!(ended.seqs, (0..frames).collect::<Vec<_>>());
        assert_eq!(ended.meter.frames_in(), frames, "what came in goes out");
    }
}

#[test]
fn a_flow_without_frames_is_finished() {
    let ended = Case { frames: 0, ..Case::new(1) }.run();
    assert!(ended.error.is_none() && ended.finished && ended.seqs.is_empty());
}
