//! The end of the live flow: each painted frame goes to everybody who wants it, and nobody waits for anybody.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::desk::Desk;
use crate::control::{RecordingState, Screen};
use crate::error::{Error, Result, SourceError};
use crate::flow::{Aside, Errand, Pace, Sink};
use crate::frame::{Frame, Painted, Timed};
use crate::report::Meter;
use crate::sink;

/// Frames that a recording may wait for its disk and its encoder: a second.
const RECORDING_WAITS: usize = 30;
/// Span that the figures of the board are taken over.
const LATELY: Duration = Duration::from_secs(2);

/// Orders a further recording.
pub(super) type Recorder = Box<dyn Fn() -> RecordingOrder + Send>;

/// A recording that is still to be opened, which takes its time.
pub(super) type RecordingOrder = Box<dyn FnOnce() -> Result<Opened> + Send>;

/// A recording that was opened, and where it will be.
pub(super) type Opened = (Box<dyn Sink>, PathBuf);

/// Who gets the frames.
pub(super) struct Fan {
    desk: Desk,
    meter: Meter,
    screen: Option<Box<dyn Screen>>,
    /// Virtual camera and stream; they take the newest frame.
    others: Vec<(Named, Aside)>,
    recorder: Recorder,
    /// Where pictures go that are asked for.
    folder: PathBuf,
    recording: Recording,
    snapshots: u64,
    saving: Vec<Errand<PathBuf>>,
    lately: VecDeque<(Instant, Duration)>,
}

/// How far a recording is.
enum Recording {
    None,
    Opening(Errand<Opened>),
    /// The next frame is its first.
    Ready(Opened),
    Running {
        aside: Aside,
        path: PathBuf,
        since: Instant,
    },
    /// What was recorded is completed; it has no place where there is nothing of it.
    Closing(Errand<Option<PathBuf>>),
}

/// What an output is called.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// By messages.
    pub(super) name: String,
    /// By the report.
    pub(super) reported: &'static str,
}

/// The recording that was opened goes on, or, where it is not wanted any more, leaves nothing behind.
fn begun((sink, path): Opened, wanted: bool) -> Recording {
    if !wanted {
        // Beside the flow: to let go of file and microphone takes its time.
        return Recording::Closing(Errand::begin("record", move || {
            drop(sink);
            Ok(None)
        }));
    }
    let aside = Aside::begin("record", sink, Pace::EveryFrame, RECORDING_WAITS);
    Recording::Running { aside, path, since: Instant::now() }
}

/// Completes what was recorded; says whether there is any. With a microphone, frames from before its first sound are left out, and
/// these may have been all.
fn completed(recording: Aside) -> Result<bool> {
    match recording.finish() {
        Err(Error::Source(SourceError::Stopped)) => Ok(false),
        done => done.map(|()| true),
    }
}

/// What the report calls recordings.
const REPORTED: &str = "recording";

/// What a fan is made of.
pub(super) struct Order {
    pub(super) desk: Desk,
    pub(super) meter: Meter,
    pub(super) screen: Option<Box<dyn Screen>>,
    /// Virtual camera and stream.
    pub(super) others: Vec<(Named, Box<dyn Sink>)>,
    /// The recording that the run begins with.
    pub(super) recording: Option<Opened>,
    pub(super) recorder: Recorder,
    /// Where pictures go that are asked for.
    pub(super) folder: PathBuf,
}

impl Fan {
    pub(super) fn new(order: Order) -> Self {
        let Order { desk, meter, screen, others, recording, recorder, folder } = order;
        let others = others.into_iter().map(|(name, sink)| (name, Aside::begin("output", sink, Pace::Newest, 1)));
        Self {
            desk,
            meter,
            screen,
            others: others.collect(),
            recorder,
            folder,
            recording: recording.map_or(Recording::None, Recording::Ready),
            snapshots: 0,
            saving: Vec::new(),
            lately: VecDeque::new(),
        }
    }

    /// Gives the frame to virtual camera and stream. One that failed is left out from then on, and that is said.
    fn give_to_others(&mut self, frame: &Timed<Frame>) {
        let failed: Vec<_> = self.others.extract_if(.., |(_, aside)| aside.failed()).collect();
        for (Named { name, .. }, aside) in failed {
            let why = aside.finish().err().map(|error| error.to_string()).unwrap_or_default();
            self.say(format!("{name} ended: {why}; everything else goes on"));
        }
        for (named, aside) in &self.others {
            // The newest counts: what it has no time for is left out.
            self.meter.frames_left_out(named.reported, u64::from(!aside.offer(frame.clone())));
        }
    }

    /// Says it in the window, for a moment, and to whoever has none.
    fn say(&self, what: String) {
        self.desk.board().note(what.clone());
        self.meter.warn_each_time(what);
    }

    /// Begins, feeds and ends the recording, as it is wanted.
    fn record(&mut self, frame: &Timed<Frame>) {
        let wanted = self.desk.wanted().recording;
        self.recording = match std::mem::replace(&mut self.recording, Recording::None) {
            Recording::None if wanted => Recording::Opening(Errand::begin("record", (self.recorder)())),
            Recording::Opening(errand) => match errand.done() {
                None => {
                    self.meter.frames_left_out(REPORTED, u64::from(wanted));
                    Recording::Opening(errand)
                }
                Some(Ok(opened)) => begun(opened, wanted),
                Some(Err(error)) => self.recording_failed(error),
            },
            Recording::Ready(opened) => begun(opened, wanted),
            Recording::Running { aside, path, .. } if !wanted || aside.failed() => {
                Recording::Closing(Errand::begin("record", move || Ok(completed(aside)?.then_some(path))))
            }
            Recording::Closing(errand) => match errand.done() {
                None => Recording::Closing(errand),
                Some(Ok(path)) => self.recorded(path.as_deref()),
                Some(Err(error)) => self.recording_failed(error),
            },
            unchanged => unchanged,
        };
        if let Recording::Running { aside, .. } = &self.recording
            && !aside.offer(frame.clone())
            && !aside.failed()
        {
            self.meter.frames_left_out(REPORTED, 1);
            self.meter.warn("the recording lacks frames: the encoder or the disk is too slow");
        }
        let state = self.recording_state(wanted);
        self.desk.board().write(|status| status.recording = state);
    }

    fn recording_state(&self, wanted: bool) -> RecordingState {
        match &self.recording {
            Recording::None => RecordingState::None,
            Recording::Opening(_) | Recording::Ready(_) if wanted => RecordingState::Opening,
            Recording::Running { since, .. } => RecordingState::Running(since.elapsed()),
            Recording::Opening(_) | Recording::Ready(_) | Recording::Closing(_) => RecordingState::Closing,
        }
    }

    fn recorded(&self, path: Option<&Path>) -> Recording {
        let what = path.map_or_else(|| "nothing was recorded".into(), |path| format!("recorded {}", path.display()));
        self.desk.board().note(what);
        Recording::None
    }

    /// The run goes on without it, and ends with its error.
    fn recording_failed(&self, error: Error) -> Recording {
        self.desk.set_recording(false);
        self.say(format!("the recording failed: {error}"));
        self.meter.fail(error);
        Recording::None
    }

    fn not_begun(&self, path: &Path) {
        if !self.desk.wanted().recording {
            return;
        }
        self.meter.warn(format!("{} was not recorded: the end came before its first frame", path.display()));
    }

    fn end_recording(&mut self) {
        let done = match std::mem::replace(&mut self.recording, Recording::None) {
            Recording::None => return,
            // It has no frame: dropping it leaves nothing behind.
            Recording::Opening(errand) => errand.wait().map(|(_, path)| self.not_begun(&path)),
            Recording::Ready((_, path)) => {
                self.not_begun(&path);
                Ok(())
            }
            Recording::Running { aside, path, .. } => completed(aside).map(|holds_any| {
                if !holds_any {
                    self.not_begun(&path);
                }
            }),
            Recording::Closing(errand) => errand.wait().map(drop),
        };
        if let Err(error) = done {
            self.recording = self.recording_failed(error);
        }
    }

    /// Writes the pictures that were asked for.
    fn save_snapshots(&mut self, frame: &Frame) {
        let wanted = self.desk.wanted().snapshots;
        if wanted > self.snapshots {
            self.snapshots = wanted;
            let (frame, folder) = (frame.clone(), self.folder.clone());
            self.saving.push(Errand::begin("snapshot", move || {
                sink::save_snapshot(&frame, sink::claim_of_now(&folder, "png")?)
            }));
        }
        let (board, meter) = (self.desk.board(), &self.meter);
        self.saving.retain(|errand| match errand.done() {
            None => true,
            Some(Ok(path)) => {
                board.note(format!("saved {}", path.display()));
                false
            }
            Some(Err(error)) => {
                let what = format!("no picture was saved: {error}");
                board.note(what.clone());
                meter.warn_each_time(what);
                false
            }
        });
    }

    fn tell(&mut self, latency: Option<Duration>) {
        let now = Instant::now();
        self.lately.push_back((now, latency.unwrap_or_default()));
        while self.lately.front().is_some_and(|(then, _)| now - *then > LATELY) {
            self.lately.pop_front();
        }
        let span = self.lately.front().map_or(0.0, |(then, _)| (now - *then).as_secs_f64());
        let mut latencies: Vec<_> = self.lately.iter().map(|(_, latency)| *latency).collect();
        latencies.sort_unstable();
        let fps = if span > 0.0 { (latencies.len() - 1) as f64 / span } else { 0.0 };
        self.desk.board().write(|status| {
            status.fps = fps;
            status.latency = latencies[latencies.len() / 2];
            status.dropped = self.meter.frames_dropped();
        });
    }
}

impl Drop for Fan {
    /// Also where the flow failed, what was recorded is kept.
    fn drop(&mut self) {
        self.desk.end();
        self.end_recording();
        self.others.drain(..).for_each(|(_, aside)| drop(aside.finish()));
    }
}

impl Sink<Painted> for Fan {
    fn accept(&mut self, painted: Timed<Painted>) -> Result<()> {
        let latency = painted.stamp.captured.map(|captured| captured.elapsed());
        let frame = Timed { stamp: painted.stamp, item: painted.item.frame.clone() };
        self.give_to_others(&frame);
        self.record(&frame);
        self.save_snapshots(&frame.item);
        self.tell(latency);
        match (&self.screen, latency) {
            (Some(screen), _) => screen.show(painted),
            (None, Some(latency)) => self.meter.latency(latency),
            (None, None) => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        // Whoever waits for a server hears it.
        self.desk.end();
        self.screen = None;
        self.end_recording();
        for (Named { name, .. }, aside) in self.others.drain(..) {
            if let Err(error) = aside.finish() {
                self.meter.warn(format!("{name} ended: {error}"));
            }
        }
        for saving in self.saving.drain(..) {
            if let Err(error) = saving.wait() {
                self.meter.warn(format!("no picture was saved: {error}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
