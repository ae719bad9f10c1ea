//! What goes on beside a flow, on threads of its own, without ever holding it up.

use std::fmt;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Outcome, Pace, Shared, Sink, make_room, spawn};
use crate::error::{Error, Result};
use crate::frame::{Frame, Timed};

/// A sink beside a flow, on a thread of its own: the flow never waits for it, and goes on when it fails.
#[derive(Debug)]
pub struct Aside {
    head: Sender<Timed<Frame>>,
    /// The other end of the queue, where the newest frame takes the place of those that wait.
    waiting: Option<Receiver<Timed<Frame>>>,
    thread: Option<JoinHandle<()>>,
    outcome: Outcome,
}

impl Aside {
    /// Lets `sink` run. At most `depth` frames (at least one) wait for it; by `pace` a further one is left out, or takes
    /// the place of the oldest.
    pub fn begin(name: &'static str, mut sink: impl Sink + 'static, pace: Pace, depth: usize) -> Self {
        let (head, tail) = bounded(depth.max(1));
        let waiting = (pace == Pace::Newest).then(|| tail.clone());
        let shared = Shared::alone();
        let outcome = shared.outcome.clone();
        let thread = spawn(name, &shared, move |_| {
            for frame in &tail {
                sink.accept(frame)?;
            }
            sink.finish()
        });
        Self { head, waiting, thread, outcome }
    }

    /// Offers a frame; says whether it was taken without another one being lost for it. Never waits.
    pub fn offer(&self, frame: Timed<Frame>) -> bool {
        let lost = self.waiting.as_ref().is_some_and(|waiting| make_room(&self.head, waiting));
        self.head.try_send(frame).is_ok() && !lost
    }

    /// Whether the sink failed. It takes no more frames then.
    pub fn failed(&self) -> bool {
        self.outcome.failed()
    }

    /// Waits until the sink has taken all frames that it was given, and is complete.
    ///
    /// # Errors
    /// The failure of the sink, also an earlier one.
    pub fn finish(self) -> Result<()> {
        let Self { head, waiting, thread, outcome } = self;
        drop((head, waiting));
        // A panic inside is on record already.
        let _ = thread.map(JoinHandle::join);
        outcome.take().map_or(Ok(()), Err)
    }
}

/// A piece of work beside a flow. Whoever wants its result looks now and then whether it is there.
pub struct Errand<T> {
    result: Receiver<Result<T>>,
    outcome: Outcome,
}

impl<T> fmt::Debug for Errand<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errand").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Errand<T> {
    /// Begins it.
    pub fn begin(name: &'static str, work: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        let (head, result) = bounded(1);
        let shared = Shared::alone();
        let outcome = shared.outcome.clone();
        let mut work = Some(work);
        // Nobody waits for the thread: it ends with its work.
        spawn(name, &shared, move |_| {
            let done = work.take().map(|work| work());
            // Whoever began it may not be interested any more.
            let _ = done.map(|done| head.send(done));
            Ok(())
        });
        Self { result, outcome }
    }

    /// Its result, once, as soon as there is one.
    pub fn done(&self) -> Option<Result<T>> {
        use crossbeam_channel::TryRecvError::{Disconnected, Empty};
        match self.result.try_recv() {
            Ok(done) => Some(done),
            Err(Empty) => None,
            // It panicked, or its result was fetched before.
            Err(Disconnected) => self.outcome.take().map(Err),
        }
    }

    /// Waits for its result.
    ///
    /// # Errors
    /// That of the work.
    pub fn wait(self) -> Result<T> {
        self.result.recv().unwrap_or_else(|_| {
            Err(self.outcome.take().unwrap_or_else(|| Error::Internal("an errand was waited for twice".into())))
        })
    }
}
