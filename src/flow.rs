//! Who hands a frame to whom. The only file that makes threads.
//!
//! A flow is a row of steps: the source, the stages that are added to it, the sink. Each has a thread of its own, or several
//! that take a frame each ([`Flow::via_each`], [`Flow::via_workers`]); what is added as one stage may be several in a row on
//! one thread. Between two steps is a queue of bounded depth. The queue is the back-pressure, and its closing is the end: when
//! the source has no more, or a stage fails, its ends are dropped and the threads up and down from it come home by themselves.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use crate::error::{Error, Result, io_reason};
use crate::frame::{Frame, Timed};
use crate::report::Meter;

mod apart;
mod aside;
mod crew;
mod turnstile;

use turnstile::{Queue, Turnstile};

pub use aside::{Aside, Errand};
pub use crew::Crew;

/// Time between two looks at a running flow.
const TICK: Duration = Duration::from_millis(100);

/// Where frames come from.
pub trait Source: Send {
    /// The next frame, or none at the end. Called again after the end, it says none again.
    ///
    /// # Errors
    /// When the input cannot be read on. What came before is good.
    fn next(&mut self) -> Result<Option<Timed<Frame>>>;
}

impl Source for Box<dyn Source> {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        (**self).next()
    }
}

/// One thing in, one thing out. A stage may look back, never ahead.
pub trait Stage: Send {
    /// What it takes.
    type In: Send + 'static;
    /// What it gives.
    type Out: Send + 'static;

    /// Works on one item.
    ///
    /// # Errors
    /// When the item cannot be worked on; the flow ends then.
    fn process(&mut self, item: Timed<Self::In>) -> Result<Timed<Self::Out>>;
}

/// Where frames go, or what comes instead of them.
pub trait Sink<T = Frame>: Send {
    /// Takes a frame.
    ///
    /// # Errors
    /// When it cannot be written or shown.
    fn accept(&mut self, frame: Timed<T>) -> Result<()>;

    /// Everything was accepted: makes it whole and visible. Not called when the flow failed; dropping the sink leaves
    /// nothing behind then.
    ///
    /// # Errors
    /// When the output cannot be completed.
    fn finish(&mut self) -> Result<()>;
}

impl Sink for Box<dyn Sink> {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        (**self).accept(frame)
    }

    fn finish(&mut self) -> Result<()> {
        (**self).finish()
    }
}

/// A wish to end early: what is under way is finished, nothing new begins. Only the source hears it. Clones are the same
/// wish.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag behind it, for a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// The first failure of the threads of one flow.
#[derive(Clone, Debug, Default)]
struct Outcome(Arc<Mutex<Option<Error>>>);

impl Outcome {
    fn fail(&self, error: Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn failed(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the threads of one flow share.
#[derive(Clone, Debug)]
struct Shared {
    depth: usize,
    meter: Meter,
    outcome: Outcome,
    /// Held by every thread, never sent to: closed when the last one has ended.
    _ending: Sender<()>,
}

impl Shared {
    /// For a thread beside any flow.
    fn alone() -> Self {
        Self { depth: 0, meter: Meter::new(), outcome: Outcome::default(), _ending: bounded(0).0 }
    }
}

/// A flow under construction that gives `T` so far.
pub struct Flow<T> {
    tail: Receiver<Timed<T>>,
    threads: Vec<JoinHandle<()>>,
    shared: Shared,
    ended: Receiver<()>,
}

impl<T> fmt::Debug for Flow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// What happens to a frame for which the next stage has no time yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It waits, and with it the source: files.
    EveryFrame,
    /// It waits until a newer one takes its place, and is counted as dropped then: live.
    Newest,
}

impl Flow<Frame> {
    /// Begins a flow at `source` that keeps every frame. At most `depth` items wait between two stages.
    pub fn from(source: impl Source + 'static, stop: Stop, depth: usize, meter: Meter) -> Self {
        Self::begin(source, stop, Pace::EveryFrame, depth, meter)
    }

    /// Begins a flow at `source` that never lets it wait: the first stage gets the newest frame.
    pub fn newest(source: impl Source + 'static, stop: Stop, meter: Meter) -> Self {
        Self::begin(source, stop, Pace::Newest, 0, meter)
    }

    fn begin(mut source: impl Source + 'static, stop: Stop, pace: Pace, depth: usize, meter: Meter) -> Self {
        let (ending, ended) = bounded(0);
        let shared = Shared { depth, meter, outcome: Outcome::default(), _ending: ending };
        let (head, tail) = bounded(if pace == Pace::Newest { 1 } else { depth });
        let waiting = (pace == Pace::Newest).then(|| tail.clone());
        let thread = spawn("decode", &shared, move |shared| {
            while !stop.asked() && !shared.outcome.failed() {
                let since = Instant::now();
                let Some(frame) = source.next()? else { break };
                if !frame.stamp.rehearsed {
                    shared.meter.frame_in();
                }
                shared.meter.spent("decode", since.elapsed());
                if waiting.as_ref().is_some_and(|waiting| make_room(&head, waiting)) {
                    shared.meter.frame_dropped();
                }
                if head.send(frame).is_err() {
                    break; // downstream holds the reason
                }
            }
            Ok(())
        });
        Self { tail, threads: thread.into_iter().collect(), shared, ended }
    }
}

/// Drops the oldest waiting item if the queue is full, so that its only sender never blocks. True if one was dropped.
fn make_room<T>(head: &Sender<T>, waiting: &Receiver<T>) -> bool {
    head.is_full() && waiting.try_recv().is_ok()
}

impl<T: Send + 'static> Flow<T> {
    /// Adds a stage on a thread of its own.
    pub fn via<S: Stage<In = T> + 'static>(self, name: &'static str, stage: S) -> Flow<S::Out> {
        self.via_each(name, vec![stage])
    }

    /// Adds equal stages that share the work, a frame each; their results go on in the order of the frames.
    pub fn via_each<S: Stage<In = T> + 'static>(self, name: &'static str, stages: Vec<S>) -> Flow<S::Out> {
        let meter = self.shared.meter.clone();
        self.via_workers(name, stages.into_iter().map(|stage| Measured::new(name, stage, &meter)).collect())
    }

    /// The same with stages that are made of several, and tell a meter of each themselves.
    pub fn via_workers<S: Stage<In = T> + 'static>(mut self, name: &'static str, workers: Vec<S>) -> Flow<S::Out> {
        let (head, tail) = bounded(self.shared.depth);
        let queue = Arc::new(Queue::new(self.tail));
        let turnstile = Arc::new(Turnstile::new(workers.len().saturating_sub(1)));
        for mut worker in workers {
            let (queue, turnstile, head) = (Arc::clone(&queue), Arc::clone(&turnstile), head.clone());
            let body = move |_: &Shared| work(name, &mut worker, &queue, &turnstile, &head);
            self.threads.extend(spawn(name, &self.shared, body));
        }
        Flow { tail, threads: self.threads, shared: self.shared, ended: self.ended }
    }
}

impl<T: Send + 'static> Flow<T> {
    /// Ends the flow in `sink` and lets it run.
    pub fn into(mut self, mut sink: impl Sink<T> + 'static) -> Running {
        let tail = self.tail;
        self.threads.extend(spawn("encode", &self.shared, move |shared| {
            for frame in tail.iter().filter(|frame| !frame.stamp.rehearsed) {
                let pts_nanos = frame.stamp.pts_nanos;
                let since = Instant::now();
                sink.accept(frame)?;
                shared.meter.spent("encode", since.elapsed());
                shared.meter.frame_out(pts_nanos);
            }
            if shared.outcome.failed() { Ok(()) } else { sink.finish() }
        }));
        Running { threads: self.threads, outcome: self.shared.outcome, ended: self.ended }
    }
}

/// A flow at work.
#[derive(Debug)]
pub struct Running {
    threads: Vec<JoinHandle<()>>,
    outcome: Outcome,
    /// Closed when the last thread has ended.
    ended: Receiver<()>,
}

impl Running {
    /// Waits for its end; meanwhile calls `tick` about ten times a second.
    ///
    /// # Errors
    /// The first failure of any of its threads.
    pub fn wait(self, mut tick: impl FnMut()) -> Result<()> {
        self.wait_checked(|| {
            tick();
            Ok(())
        })
    }

    /// The same; an error of `check` ends the flow as one of its threads would.
    ///
    /// # Errors
    /// The first failure of any of its threads, or of `check`.
    pub fn wait_checked(self, mut check: impl FnMut() -> Result<()>) -> Result<()> {
        while matches!(self.ended.recv_timeout(TICK), Err(RecvTimeoutError::Timeout)) {
            if let Err(error) = check() {
                self.outcome.fail(error);
            }
        }
        for thread in self.threads {
            // A panic inside is on record already.
            let _ = thread.join();
        }
        self.outcome.take().map_or(Ok(()), Err)
    }

    /// Whether all its threads have ended.
    pub fn is_over(&self) -> bool {
        matches!(self.ended.try_recv(), Err(TryRecvError::Disconnected))
    }
}

/// A stage that tells a meter what each item takes it.
pub(crate) struct Measured<S> {
    name: &'static str,
    pub(crate) stage: S,
    meter: Meter,
}

impl<S: Stage> Measured<S> {
    pub(crate) fn new(name: &'static str, stage: S, meter: &Meter) -> Self {
        Self { name, stage, meter: meter.clone() }
    }
}

impl<S: Stage> Stage for Measured<S> {
    type In = S::In;
    type Out = S::Out;

    fn process(&mut self, item: Timed<S::In>) -> Result<Timed<S::Out>> {
        let since = Instant::now();
        let done = self.stage.process(item);
        self.meter.spent(self.name, since.elapsed());
        done
    }
}

/// Lets a worker take what there is until the end; what it and the others make leaves in the order in which they took.
fn work<S: Stage>(
    name: &'static str,
    stage: &mut S,
    queue: &Queue<Timed<S::In>>,
    turnstile: &Turnstile<Result<Timed<S::Out>>>,
    head: &Sender<Timed<S::Out>>,
) -> Result<()> {
    while let Some((ticket, item)) = queue.take() {
        // A panic waits for its turn like an error, or those behind it would wait for ever.
        let result = catch_unwind(AssertUnwindSafe(|| stage.process(item))).unwrap_or_else(|_| Err(panicked(name)));
        // A stage that failed is not asked again, even if those before it are still to pass.
        let is_last = result.is_err();
        let mut failure = Ok(());
        let is_open = turnstile.leave(ticket, result, |result| match result {
            Ok(item) => head.send(item).is_ok(),
            Err(error) => {
                failure = Err(error);
                false
            }
        });
        failure?;
        if is_last || !is_open {
            break;
        }
    }
    Ok(())
}

fn panicked(name: &str) -> Error {
    Error::Internal(format!("the {name} thread panicked"))
}

/// Runs `body` on a thread. What it owns (its ends of the queues) is dropped only after a failure is on record: whoever
/// then finds a queue closed knows whether that was the end or an accident. None where the system gives no thread: that is on
/// record before the flow has a sink, which would ask.
fn spawn(
    name: &'static str,
    shared: &Shared,
    mut body: impl FnMut(&Shared) -> Result<()> + Send + 'static,
) -> Option<JoinHandle<()>> {
    let (outcome, shared) = (shared.outcome.clone(), shared.clone());
    let thread =
        Builder::new().name(name.into()).spawn(move || match catch_unwind(AssertUnwindSafe(|| body(&shared))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => shared.outcome.fail(error),
            Err(_) => shared.outcome.fail(panicked(name)),
        });
    let refused = |error| {
        let reason = io_reason(&error);
        outcome.fail(Error::Device(format!("the system gives no thread for {name}: {reason}; use --threads")));
    };
    thread.map_err(refused).ok()
}

/// Does `work`; calls `bark` from another thread, once, if it takes longer than `limit`.
#[expect(clippy::disallowed_methods, reason = "a watch over one call, which ends with it")]
pub(crate) fn with_watchdog<T>(limit: Duration, bark: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        // Nothing is ever sent: it closes when the work ends, be it by a panic.
        let (_working, end) = bounded::<()>(0);
        // Without a thread to be had, nobody watches.
        let _watch = Builder::new().name("watchdog".into()).spawn_scoped(scope, move || {
            if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                bark();
            }
        });
        work()
    })
}

/// What `make` gives, `count` times, each on a thread of its own, at the same time.
#[expect(clippy::disallowed_methods, reason = "a row of calls, which end with it")]
pub(crate) fn beside_each_other<T: Send>(count: usize, make: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let thread = |_| Builder::new().name("beside".into()).spawn_scoped(scope, &make);
        let threads: Vec<_> = (0..count).map(thread).collect();
        // Where there is no thread to be had, one thing comes after the other.
        let made = threads.into_iter().map(|thread| thread.map_or_else(|_| Ok(make()), ScopedJoinHandle::join));
        made.map(|made| made.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn what_is_made_beside_each_other_is_made_at_the_same_time() {
        let all = Barrier::new(3);
        let leaders = beside_each_other(3, || all.wait().is_leader());
        assert_eq!(leaders.iter().filter(|&&is_leader| is_leader).count(), 1);
        let told = catch_unwind(|| beside_each_other(2, || -> u8 { panic!("the test says so") }));
        assert!(told.is_err());
    }

    /// Whether the watchdog barked at `work`, which may panic.
    fn barked(limit: Duration, work: impl FnOnce()) -> bool {
        let barked = AtomicBool::new(false);
        let bark = || barked.store(true, Ordering::Relaxed);
        let _ = catch_unwind(AssertUnwindSafe(|| with_watchdog(limit, bark, work)));
        barked.into_inner()
    }

    #[test]
    fn a_watchdog_barks_at_what_takes_too_long_and_not_at_what_ends_by_a_panic() {
        assert!(barked(Duration::from_millis(1), || std::thread::sleep(Duration::from_millis(200))));
        assert!(!barked(Duration::from_secs(5), || ()));
        assert!(!barked(Duration::from_secs(5), || panic!("the test says so")));
    }
}
