//! The end of the live flow: each painted frame goes to everybody who wants it, and nobody waits for anybody.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::words::Screen;
use crate::error::{Error, Result};
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
    failure: Option<Error>,
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
    Closing(Errand<PathBuf>),
}

/// What an output is called.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// By messages.
    pub(super) name: String,
    /// By the report.
    pub(super) reported: &'static str,
}

fn begun((sink, path): Opened) -> Recording {
    let aside = Aside::begin("record", sink, Pace::EveryFrame, RECORDING_WAITS);
    Recording::Running { aside, path, since: Instant::now() }
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
            failure: None,
        }
    }

    /// Gives the frame to virtual camera and stream. One that failed is left out from then on, and that is said.
    fn give_to_others(&mut self, frame: &Timed<Frame>) {
        let failed = |(_, aside): &mut (Named, Aside)| aside.failed();
        for (Named { name, .. }, aside) in self.others.extract_if(.., failed) {
            let why = aside.finish().err().map(|error| error.to_string()).unwrap_or_default();
            self.desk.board().note(format!("{name} ended"));
            self.meter.warn(format!("{name} ended: {why}; everything else goes on"));
        }
        for (named, aside) in &self.others {
            // The newest counts: what it has no time for is left out.
            self.meter.frames_left_out(named.reported, u64::from(!aside.offer(frame.clone())));
        }
    }

    /// Begins, feeds and ends the recording, as it is wanted.
    fn record(&mut self, frame: &Timed<Frame>) {
        let wanted = self.desk.wanted().recording;
        self.recording = match std::mem::replace(&mut self.recording, Recording::None) {
            Recording::None if wanted => Recording::Opening(Errand::begin("record", (self.recorder)())),
            Recording::Opening(errand) => match errand.done() {
                None => {
                    self.meter.frames_left_out(REPORTED, 1);
                    Recording::Opening(errand)
                }
                Some(Ok(opened)) => begun(opened),
                Some(Err(error)) => self.recording_failed(error),
            },
            Recording::Ready(opened) => begun(opened),
            Recording::Running { aside, path, .. } if !wanted || aside.failed() => {
                Recording::Closing(Errand::begin("record", move || aside.finish().map(|()| path)))
            }
            Recording::Closing(errand) => match errand.done() {
                None => Recording::Closing(errand),
                Some(Ok(path)) => self.recorded(&path),
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
        let length = match &self.recording {
            Recording::Running { since, .. } => Some(since.elapsed()),
            _ => None,
        };
        self.desk.board().write(|status| status.recording = length);
    }

    fn recorded(&self, path: &Path) -> Recording {
        self.desk.board().note(format!("recorded {}", path.display()));
        Recording::None
    }

    /// The run goes on; how it failed is told at the end.
    fn recording_failed(&mut self, error: Error) -> Recording {
        self.desk.set_recording(false);
        self.desk.board().note(format!("the recording failed: {error}"));
        self.failure.get_or_insert(error);
        Recording::None
    }

    fn not_begun(&self, path: &Path) {
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
            Recording::Running { aside, .. } => aside.finish(),
            Recording::Closing(errand) => errand.wait().map(drop),
        };
        if let Err(error) = done {
            self.failure.get_or_insert(error);
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
        let board = self.desk.board();
        self.saving.retain(|errand| match errand.done() {
            None => true,
            Some(Ok(path)) => {
                board.note(format!("saved {}", path.display()));
                false
            }
            Some(Err(error)) => {
                board.note(format!("no picture was saved: {error}"));
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
        self.failure.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::desk::Wanted;
    use super::super::words::{Board, Wish};
    use super::*;
    use crate::compose::Controls;
    use crate::flow::Stop;
    use crate::frame::{Colour, FrameFormat, PixelFormat, Size, Stamp, tight_planes};

    /// What a sink was given, and whether it was completed.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<(Vec<u64>, bool)>>);

    impl Log {
        fn read(&self) -> (Vec<u64>, bool) {
            self.0.lock().unwrap().clone()
        }
    }

    /// Logs its frames, and fails from the one of this number on.
    struct Logging(Log, Option<u64>);

    impl Sink for Logging {
        fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
            if self.1.is_some_and(|number| frame.stamp.seq >= number) {
                return Err(Error::Device("unplugged".into()));
            }
            self.0.0.lock().unwrap().0.push(frame.stamp.seq);
            Ok(())
        }

        fn finish(&mut self) -> Result<()> {
            self.0.0.lock().unwrap().1 = true;
            Ok(())
        }
    }

    fn painted(seq: u64) -> Timed<Painted> {
        let size = Size::new(4, 2);
        let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
        let (planes, len) = tight_planes(format.pixels, size);
        let frame = Frame::new(format, planes, Arc::new(vec![128; len])).unwrap();
        let stamp = Stamp { seq, captured: Some(Instant::now()), ..Stamp::default() };
        Timed { stamp, item: Painted { original: frame.clone(), frame } }
    }

    struct Bench {
        desk: Desk,
        meter: Meter,
        fan: Fan,
        recordings: Arc<Mutex<Vec<Log>>>,
        folder: tempfile::TempDir,
    }

    /// A fan with these sinks beside it; each recording fails at the frame `fails_at`.
    fn bench(others: Vec<(Named, Box<dyn Sink>)>, fails_at: Option<u64>) -> Bench {
        bench_with(None, others, fails_at)
    }

    /// The same, beginning with a recording that logs here.
    fn bench_with(recording: Option<Log>, others: Vec<(Named, Box<dyn Sink>)>, fails_at: Option<u64>) -> Bench {
        let wanted = Wanted { recording: recording.is_some(), ..Wanted::default() };
        let recording = recording.map(|log| (Box::new(Logging(log, fails_at)) as Box<dyn Sink>, "first.mkv".into()));
        let (meter, folder) = (Meter::new(), tempfile::tempdir().unwrap());
        let desk = Desk::new(Controls::default(), wanted, Board::default(), Stop::new());
        let recordings = Arc::new(Mutex::new(Vec::new()));
        let made = Arc::clone(&recordings);
        let recorder: Recorder = Box::new(move || {
            let log = Log::default();
            made.lock().unwrap().push(log.clone());
            Box::new(move || Ok((Box::new(Logging(log, fails_at)) as Box<dyn Sink>, "a.mkv".into())))
        });
        let fan = Fan::new(Order {
            desk: desk.clone(),
            meter: meter.clone(),
            screen: None,
            others,
            recording,
            recorder,
            folder: folder.path().into(),
        });
        Bench { desk, meter, fan, recordings, folder }
    }

    /// Gives frames from number `from` on until `done`.
    fn feed(fan: &mut Fan, from: &mut u64, mut done: impl FnMut() -> bool) {
        let since = Instant::now();
        while !done() {
            assert!(since.elapsed() < Duration::from_secs(20), "nothing happens");
            fan.accept(painted(*from)).unwrap();
            *from += 1;
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn recordings_begin_and_end_as_it_is_wished() {
        let Bench { desk, mut fan, recordings, .. } = bench(Vec::new(), None);
        let mut seq = 0;
        for number in 0..2 {
            desk.wish(Wish::Record);
            feed(&mut fan, &mut seq, || desk.board().read().recording.is_some());
            let (first, log) = (seq, recordings.lock().unwrap()[number].clone());
            feed(&mut fan, &mut seq, || log.read().0.len() > 3);
            desk.wish(Wish::Record);
            feed(&mut fan, &mut seq, || desk.board().read().note.1.contains("recorded a.mkv") && log.read().1);
            let (frames, complete) = log.read();
            assert!(complete && frames[0] <= first, "{frames:?}");
            assert!(frames.windows(2).all(|pair| pair[1] == pair[0] + 1), "{frames:?}");
            desk.board().note("");
        }
        fan.finish().unwrap();
    }

    #[test]
    fn a_recording_that_the_run_begins_with_has_every_frame() {
        let log = Log::default();
        let Bench { mut fan, meter, .. } = bench_with(Some(log.clone()), Vec::new(), None);
        (0..3).for_each(|seq| fan.accept(painted(seq)).unwrap());
        fan.finish().unwrap();
        assert_eq!(log.read(), (vec![0, 1, 2], true));
        assert!(meter.left_out().is_empty() && meter.warnings().is_empty());
    }

    #[test]
    fn a_recording_without_a_frame_is_not_completed_and_that_is_said() {
        let log = Log::default();
        let Bench { mut fan, meter, .. } = bench_with(Some(log.clone()), Vec::new(), None);
        fan.finish().unwrap();
        assert_eq!(log.read(), (vec![], false));
        assert!(meter.warnings()[0].starts_with("first.mkv was not recorded"), "{:?}", meter.warnings());
    }

    #[test]
    fn row_41_a_sink_that_fails_leaves_the_others_alone() {
        let (good, bad) = (Log::default(), Log::default());
        let named = |name: &str| Named { name: name.into(), reported: "camera" };
        let others: Vec<(Named, Box<dyn Sink>)> = vec![
            (named("camera A"), Box::new(Logging(bad, Some(0)))),
            (named("camera B"), Box::new(Logging(good.clone(), None))),
        ];
        let Bench { meter, mut fan, .. } = bench(others, None);
        feed(&mut fan, &mut 0, || !meter.warnings().is_empty());
        let before = good.read().0.len();
        feed(&mut fan, &mut 1000, || good.read().0.len() > before + 3);
        fan.finish().unwrap();
        assert!(good.read().1);
        assert_eq!(meter.warnings(), ["camera A ended: unplugged; everything else goes on"]);
    }

    #[test]
    fn a_recording_that_fails_is_told_at_the_end() {
        let Bench { desk, mut fan, .. } = bench(Vec::new(), Some(7));
        desk.wish(Wish::Record);
        feed(&mut fan, &mut 0, || desk.board().read().note.1.contains("failed"));
        assert!(!desk.wanted().recording);
        assert_eq!(fan.finish().unwrap_err().to_string(), "unplugged");
    }

    #[test]
    fn the_end_of_a_failed_flow_completes_the_recording() {
        let Bench { desk, mut fan, recordings, .. } = bench(Vec::new(), None);
        desk.wish(Wish::Record);
        feed(&mut fan, &mut 0, || desk.board().read().recording.is_some());
        drop(fan);
        assert!(recordings.lock().unwrap()[0].read().1);
    }

    #[test]
    fn snapshots_are_files_of_their_own() {
        let Bench { desk, mut fan, folder, .. } = bench(Vec::new(), None);
        let mut seq = 0;
        for _ in 0..2 {
            desk.board().note("");
            desk.wish(Wish::Snapshot);
            feed(&mut fan, &mut seq, || desk.board().read().note.1.starts_with("saved "));
        }
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(files.iter().all(|file| image::open(file as &Path).is_ok()));
    }
}
