//! That nobody waits for anybody, and recordings begin and end as it is wished.

use std::sync::{Arc, Mutex};

use super::super::desk::Wanted;
use super::*;
use crate::compose::Controls;
use crate::control::{Board, Wish};
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

/// Takes no frame: the sound has not begun.
struct Waiting;

impl Sink for Waiting {
    fn accept(&mut self, _frame: Timed<Frame>) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Err(SourceError::Stopped.into())
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
    /// While it is locked no recording is opened.
    gate: Arc<Mutex<()>>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn state(&self) -> RecordingState {
        self.desk.board().read().recording
    }
}

fn is_running(desk: &Desk) -> bool {
    matches!(desk.board().read().recording, RecordingState::Running(_))
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
    let (recordings, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(())));
    let (made, opens) = (Arc::clone(&recordings), Arc::clone(&gate));
    let recorder: Recorder = Box::new(move || {
        let (log, opens) = (Log::default(), Arc::clone(&opens));
        made.lock().unwrap().push(log.clone());
        Box::new(move || {
            drop(opens.lock().unwrap());
            Ok((Box::new(Logging(log, fails_at)) as Box<dyn Sink>, "a.mkv".into()))
        })
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
    Bench { desk, meter, fan, recordings, gate, folder }
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
        feed(&mut fan, &mut seq, || is_running(&desk));
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
fn a_recording_that_ends_before_its_sound_begins_is_no_failure() {
    let Bench { desk, meter, mut fan, .. } = bench_with(Some(Log::default()), Vec::new(), None);
    let wait = |fan: &mut Fan| fan.recording = Recording::Ready((Box::new(Waiting), "waiting.mkv".into()));
    wait(&mut fan);
    feed(&mut fan, &mut 0, || is_running(&desk));
    desk.wish(Wish::Record);
    feed(&mut fan, &mut 0, || desk.board().read().note.1 == "nothing was recorded");
    desk.wish(Wish::Record);
    wait(&mut fan);
    feed(&mut fan, &mut 0, || is_running(&desk));
    fan.finish().unwrap();
    assert!(meter.take_failure().is_none());
    assert!(meter.warnings()[0].starts_with("waiting.mkv was not recorded"), "{:?}", meter.warnings());
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
fn a_recording_that_fails_is_told_at_once_and_the_run_ends_with_it() {
    let Bench { desk, mut fan, meter, .. } = bench(Vec::new(), Some(7));
    desk.wish(Wish::Record);
    feed(&mut fan, &mut 0, || desk.board().read().note.1.contains("failed"));
    assert!(!desk.wanted().recording);
    assert_eq!(meter.warnings(), ["the recording failed: unplugged"]);
    fan.finish().unwrap();
    assert_eq!(meter.take_failure().map(|error| error.to_string()), Some("unplugged".into()));
}

#[test]
fn a_recording_that_cannot_be_completed_is_what_the_run_ends_with() {
    let log = Log::default();
    let Bench { mut fan, meter, .. } = bench_with(Some(log.clone()), Vec::new(), Some(2));
    (0..3).for_each(|seq| fan.accept(painted(seq)).unwrap());
    fan.finish().unwrap();
    assert_eq!((meter.take_failure().is_some(), log.read().1), (true, false));
}

#[test]
fn who_thinks_better_of_it_while_the_recording_is_opened_gets_no_file() {
    let mut bench = bench(Vec::new(), None);
    let (gate, mut seq) = (Arc::clone(&bench.gate), 0);
    let closed = gate.lock().unwrap();
    bench.desk.wish(Wish::Record);
    feed(&mut bench.fan, &mut seq, || bench.desk.board().read().recording == RecordingState::Opening);
    bench.desk.wish(Wish::Record);
    bench.fan.accept(painted(seq)).unwrap();
    assert_eq!(bench.state(), RecordingState::Closing);
    drop(closed);
    feed(&mut bench.fan, &mut seq, || bench.desk.board().read().note.1 == "nothing was recorded");
    assert_eq!(bench.state(), RecordingState::None);
    bench.fan.finish().unwrap();
    assert_eq!(bench.recordings.lock().unwrap()[0].read(), (vec![], false));
    assert!(bench.meter.warnings().is_empty() && bench.meter.take_failure().is_none());
}

#[test]
fn the_end_of_a_failed_flow_completes_the_recording() {
    let Bench { desk, mut fan, recordings, .. } = bench(Vec::new(), None);
    desk.wish(Wish::Record);
    feed(&mut fan, &mut 0, || is_running(&desk));
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
