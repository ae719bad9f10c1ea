//! Keeps the journal of a video while it is muxed.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

use super::leftover::write_whole;
use crate::resume::journal::{digest, first_line, stream_line, unit_line};
use crate::resume::{Identity, Unit};

/// Writes the journal of one run. Clones write the same.
#[derive(Clone)]
pub(super) struct Recorder(Arc<Mutex<State>>);

struct State {
    /// None without a journal, and once something went wrong: then it ends there.
    file: Option<File>,
    stream_known: bool,
    /// When the frames are shown that went to the encoder, of which the muxer has not got as many yet.
    shown: VecDeque<u64>,
}

impl Recorder {
    /// Keeps none.
    pub(super) fn none() -> Self {
        Self(Arc::new(Mutex::new(State { file: None, stream_known: false, shown: VecDeque::new() })))
    }

    /// Begins the journal at `path`; without an identity there is none.
    pub(super) fn create(path: &Path, identity: Option<&Identity>) -> io::Result<Self> {
        let file = identity.map(|identity| write_whole(path, &first_line(identity))).transpose()?;
        let recorder = Self::none();
        recorder.with(|state| state.file = file);
        Ok(recorder)
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next frame that will be shown is shown at `pts_nanos`. Called before it is encoded.
    pub(super) fn will_show(&self, pts_nanos: u64) {
        self.with(|state| state.shown.push_back(pts_nanos));
    }

    /// What is written so far goes to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.with(|state| state.file.as_ref().map_or(Ok(()), File::sync_data))
    }

    /// Notes what passes `pad`.
    pub(super) fn watch(&self, pad: &gst::Pad) {
        let recorder = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
            recorder.with(|state| match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => state.note(|| unit(pad, buffer)),
                Some(gst::PadProbeData::Event(event)) => {
                    if let gst::EventView::Caps(caps) = event.view() {
                        state.begin_stream(caps.caps());
                    }
                }
                _ => {}
            });
            gst::PadProbeReturn::Ok
        });
    }
}

impl State {
    fn begin_stream(&mut self, caps: &gst::CapsRef) {
        if !std::mem::replace(&mut self.stream_known, true) {
            self.write(&stream_line(&caps.to_string()));
        }
    }

    fn note(&mut self, unit: impl FnOnce() -> Option<Unit>) {
        let shown = self.shown.pop_front();
        if self.file.is_some() {
            match (unit(), shown) {
                (Some(unit), Some(shown_nanos)) => self.write(&unit_line(&Unit { shown_nanos, ..unit })),
                _ => self.file = None,
            }
        }
    }

    fn write(&mut self, line: &[u8]) {
        // A journal that cannot be written is no reason to lose the run; the video's own error will be.
        if self.file.as_mut().is_some_and(|file| file.write_all(line).is_err()) {
            self.file = None;
        }
    }
}

/// What stands in the journal of `buffer`, `shown_nanos` apart; none if it has no time.
fn unit(pad: &gst::Pad, buffer: &gst::Buffer) -> Option<Unit> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    let bytes = buffer.map_readable().ok()?;
    Some(Unit {
        pts_nanos: segment.to_running_time(buffer.pts()?)?.nseconds(),
        dts_nanos: buffer.dts().and_then(|dts| running_nanos(segment, dts)),
        duration_nanos: buffer.duration().map(gst::ClockTime::nseconds),
        key: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        bytes: bytes.len() as u64,
        digest: digest(&bytes),
        shown_nanos: 0,
    })
}

/// Running time, which for decoding may lie before the begin.
pub(super) fn running_nanos(segment: &gst::FormattedSegment<gst::ClockTime>, time: gst::ClockTime) -> Option<i64> {
    match segment.to_running_time_full(time)? {
        gst::Signed::Positive(time) => i64::try_from(time.nseconds()).ok(),
        gst::Signed::Negative(time) => i64::try_from(time.nseconds()).ok().map(|nanos| -nanos),
    }
}
