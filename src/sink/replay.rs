//! The frames that an unfinished run left, put into the new file in place of those that would be stylized again.
//!
//! ```text
//! kept file ─ demux ─► appsrc ─┐
//!                              concat ─ queue ─ mux
//! new frames ─ encoder ────────┘
//! ```
//!
//! The source runs from its beginning, so that sound and everything else flows as in a run in one go; its first frames
//! are decoded and compared by their times with what is kept, and go no further.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gst::prelude::*;

use super::Container;
use super::encoder::make;
use super::file::failure;
use super::leftover::{Kept, unreadable};
use super::recorder::{Recorder, running_nanos};
use super::stored::Stored;
use crate::error::{Error, Result, SinkError, SourceError};
use crate::flow::{Source, Stop};
use crate::frame::{Frame, Timed};
use crate::media::Media;
use crate::media::pipeline::{Failure, POLL, STALL};
use crate::report::Meter;
use crate::resume::Unit;

/// Frames are decoded up to this much before the begin of the output; times of buffers cannot be negative.
const BEFORE_BEGIN_NANOS: u64 = 3_600_000_000_000;

/// Kept frames that may wait before the muxer.
const WAITING: u64 = 4;

/// The longest caps that a journal may state.
const LONGEST_CAPS: usize = 1 << 20;

/// Where kept and new frames meet.
pub(super) struct Seam {
    /// Takes the kept frames.
    input: gst_app::AppSrc,
    /// Gives first the kept frames, then the new ones.
    pub(super) join: gst::Element,
}

impl Seam {
    /// Makes its elements for frames that are `kept`.
    pub(super) fn new(kept: &Kept, path: &Path, media: &Media) -> Result<Self, SinkError> {
        let stream = &kept.journal.stream;
        let caps = (stream.len() <= LONGEST_CAPS).then(|| gst::Caps::from_str(stream).ok()).flatten();
        let caps = caps.filter(|caps| caps.is_fixed() && stream.starts_with("video/"));
        let caps = caps.ok_or_else(|| unlike(path, "its journal is damaged"))?;
        let input = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
        input.set_block(false);
        input.set_max_bytes(0);
        // The segment that comes with the frames counts.
        input.set_property("handle-segment-change", true);
        let status = Arc::clone(&media.status);
        if let Some(pad) = input.static_pad("src") {
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                status.note(|said| said.replayed += 1);
                gst::PadProbeReturn::Ok
            });
        }
        let join = make("concat", "joining", "libgstreamer1.0-0")?;
        // Both sides know their times.
        join.set_property("adjust-base", false);
        Ok(Self { input, join })
    }

    /// What is before the join on the kept side.
    pub(super) fn input(&self) -> &gst::Element {
        self.input.upcast_ref()
    }

    /// Looks after what leaves the encoder at `pad`: it must continue what is kept.
    pub(super) fn watch(&self, pad: &gst::Pad, kept: &Kept, media: &Media) {
        let (stream, status) = (kept.journal.stream.clone(), Arc::clone(&media.status));
        let decoding = Mutex::new(Decoding::after(&kept.journal.units));
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
            match &mut info.data {
                Some(gst::PadProbeData::Event(event)) => {
                    if let gst::EventView::Caps(caps) = event.view()
                        && caps.caps().to_string() != stream
                    {
                        tracing::debug!("kept: {stream}; now: {}", caps.caps());
                        status.note(|said| said.encodes_otherwise = true);
                        return gst::PadProbeReturn::Drop;
                    }
                }
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    // Nothing is put behind another stream.
                    if status.said().encodes_otherwise {
                        return gst::PadProbeReturn::Drop;
                    }
                    decoding.lock().unwrap_or_else(PoisonError::into_inner).mend(pad, buffer);
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }
}

/// When the frames behind the seam are decoded: the new encoder knows nothing of those before it, and guesses.
struct Decoding {
    /// For the first ones: when the frames are shown that stand so far before them as the encoder reorders.
    next: std::vec::IntoIter<i64>,
    last: Option<i64>,
}

impl Decoding {
    fn after(units: &[Unit]) -> Self {
        let last = units.last().and_then(|unit| unit.dts_nanos);
        let shown = |unit: &Unit| i64::try_from(unit.shown_nanos).unwrap_or(i64::MAX);
        let at = units.iter().rposition(|unit| Some(shown(unit)) == last);
        let next: Vec<i64> = at.map(|at| units[at + 1..].iter().map(shown).collect()).unwrap_or_default();
        Self { next: next.into_iter(), last }
    }

    /// The moment for a frame that the encoder would decode at `dts_nanos`: later than the one before.
    fn moment(&mut self, dts_nanos: i64) -> i64 {
        let wanted = self.next.next().unwrap_or(dts_nanos);
        let moment = self.last.map_or(wanted, |last| wanted.max(last + 1));
        self.last = Some(moment);
        moment
    }

    fn mend(&mut self, pad: &gst::Pad, buffer: &mut gst::Buffer) {
        let Some(event) = pad.sticky_event::<gst::event::Segment>(0) else { return };
        let segment = event.segment().downcast_ref::<gst::ClockTime>();
        let Some((dts, own)) = buffer.dts().and_then(|dts| Some((dts, running_nanos(segment?, dts)?))) else { return };
        let moment = self.moment(own);
        if moment != own {
            let mended = dts.nseconds().checked_add_signed(moment - own).map(gst::ClockTime::from_nseconds);
            buffer.make_mut().set_dts(mended);
        }
    }
}

/// Plays what is kept.
pub(crate) struct Replay {
    path: PathBuf,
    media: Arc<Media>,
    input: gst_app::AppSrc,
    stored: Stored,
    units: std::vec::IntoIter<Unit>,
    recorder: Recorder,
    shift_nanos: u64,
    fed: u64,
}

impl Replay {
    /// Reads `kept` into `seam`; everything in it is later than in the input by `shift_nanos`.
    pub(super) fn new(
        kept: Kept,
        seam: Seam,
        (path, container): (&Path, Container),
        media: &Arc<Media>,
        recorder: &Recorder,
        shift_nanos: u64,
    ) -> Result<Self, SinkError> {
        Ok(Self {
            path: path.into(),
            media: Arc::clone(media),
            input: seam.input,
            stored: Stored::open(&kept.file, container).map_err(|error| unreadable(path, &error))?,
            units: kept.journal.units.into_iter(),
            recorder: recorder.clone(),
            shift_nanos,
            fed: 0,
        })
    }

    /// `source`, which reads `input`, behind this: of its frames those come that are not kept.
    pub(crate) fn before(self, source: Box<dyn Source>, input: &Path, stop: &Stop, meter: &Meter) -> Box<dyn Source> {
        let (input, stop, meter) = (input.to_owned(), stop.clone(), meter.clone());
        Box::new(Continued { replay: Some(self), source, input, stop, meter })
    }

    /// Puts `unit`, the next frame in the order of decoding, into the output.
    fn feed(&mut self, unit: &Unit) -> Result<(), SinkError> {
        let buffer = self.stored.next(unit).map_err(|error| unreadable(&self.path, &error))?;
        let buffer = buffer.ok_or_else(|| unlike(&self.path, "what it left has changed"))?;
        self.wait_for_room()?;
        let mut buffer = buffer.copy();
        let stamped = buffer.make_mut();
        let moved = |nanos: u64| gst::ClockTime::from_nseconds(nanos.saturating_add(BEFORE_BEGIN_NANOS));
        stamped.set_pts(moved(unit.pts_nanos));
        stamped.set_dts(
            unit.dts_nanos.map(|dts| gst::ClockTime::from_nseconds(BEFORE_BEGIN_NANOS.saturating_add_signed(dts))),
        );
        stamped.set_duration(unit.duration_nanos.map(gst::ClockTime::from_nseconds));
        if unit.key {
            stamped.unset_flags(gst::BufferFlags::DELTA_UNIT);
        } else {
            stamped.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_start(gst::ClockTime::from_nseconds(BEFORE_BEGIN_NANOS));
        let sample = gst::Sample::builder().buffer(&buffer).segment(&segment).build();
        self.recorder.will_show(unit.shown_nanos);
        self.fed += 1;
        // The reason is on the bus, and found when there is no room any more.
        let _ = self.input.push_sample(&sample);
        Ok(())
    }

    fn wait_for_room(&self) -> Result<(), SinkError> {
        let since = Instant::now();
        loop {
            let fed = self.fed;
            let room = |said: &crate::media::pipeline::Said| fed < said.replayed + WAITING;
            let said = self.media.status.wait(POLL, |said| room(said) || said.output_error.is_some());
            if let Some(error) = said.output_error {
                return Err(self.refused(error));
            }
            if room(&said) {
                return Ok(());
            }
            if since.elapsed() > STALL {
                return Err(SinkError::Stalled { path: self.path.clone(), seconds: STALL.as_secs() });
            }
        }
    }

    /// What an error on the way out means. Where a disk fails, what is kept is as good as before.
    fn refused(&self, error: Failure) -> SinkError {
        match error.of_machine {
            true => failure(&self.path, error),
            false => unlike(&self.path, &format!("its frames are refused ({})", error.text)),
        }
    }

    /// Why the source, which reads `input`, has no frame for one that is kept.
    fn ended(&self, input: &Path) -> Error {
        let said = self.media.status.said();
        match (said.output_error, said.input_error) {
            (Some(error), _) => self.refused(error).into(),
            // The unfinished run could read past here: it is no other input.
            (None, Some(error)) => SourceError::Open { path: input.into(), reason: error.text }.into(),
            (None, None) => unlike(&self.path, "the input has fewer frames now").into(),
        }
    }
}

pub(super) fn unlike(path: &Path, reason: &str) -> SinkError {
    SinkError::Unlike { path: path.into(), reason: reason.into() }
}

/// Last kept frames to repaint, so that the stabiliser has the state it had at the seam. Of a difference from before them it
/// keeps up to 244 256ths with each frame (`--stabilise 1`): a twentieth is left after so many, and nothing by default.
const REHEARSED: usize = 64;

/// A source whose first frames are kept ones.
struct Continued {
    replay: Option<Replay>,
    source: Box<dyn Source>,
    /// What that reads.
    input: PathBuf,
    stop: Stop,
    meter: Meter,
}

impl Continued {
    /// Passes over the frames that are kept, but for the last ones, which come as rehearsed.
    fn replay(&mut self) -> Result<Option<Timed<Frame>>> {
        while let Some(replay) = &mut self.replay {
            let Some(unit) = replay.units.next() else {
                // Fails only when the pipeline does, which the sink notices.
                let _ = replay.input.end_of_stream();
                replay.media.status.note(|said| said.replay_over = true);
                self.replay = None;
                break;
            };
            let frame = self.source.next()?;
            if self.stop.asked() {
                return Err(SourceError::StoppedResuming.into());
            }
            let mut frame = frame.ok_or_else(|| replay.ended(&self.input))?;
            let pts_nanos = frame.stamp.pts_nanos;
            if pts_nanos.map(|pts| pts + replay.shift_nanos) != Some(unit.shown_nanos) {
                return Err(unlike(&replay.path, "the frames of the input have other times now").into());
            }
            replay.feed(&unit)?;
            self.meter.frame_resumed(pts_nanos);
            if replay.units.len() < REHEARSED {
                frame.stamp.rehearsed = true;
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }
}

impl Source for Continued {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        match self.replay()? {
            Some(rehearsed) => Ok(Some(rehearsed)),
            None => self.source.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::media::pipeline::Said;

    fn unit(dts_nanos: i64, shown_nanos: u64) -> Unit {
        Unit {
            pts_nanos: 0,
            dts_nanos: Some(dts_nanos),
            duration_nanos: None,
            key: false,
            bytes: 0,
            digest: 0,
            shown_nanos,
        }
    }

    /// What becomes of a run whose source has no frame more while one is kept, and whose pipeline has said what `note` does.
    fn ended(note: impl FnOnce(&mut Said)) -> Error {
        struct Nothing;
        impl Source for Nothing {
            fn next(&mut self) -> Result<Option<Timed<Frame>>> {
                Ok(None)
            }
        }
        let media = Arc::new(Media::new().unwrap());
        media.status.note(note);
        let replay = Replay {
            path: "out.mkv".into(),
            media,
            input: gst_app::AppSrc::builder().build(),
            stored: Stored::Boxes { file: File::open("/dev/null").unwrap(), samples: Vec::new().into_iter() },
            units: vec![unit(0, 0)].into_iter(),
            recorder: Recorder::none(),
            shift_nanos: 0,
            fed: 0,
        };
        let mut source = replay.before(Box::new(Nothing), Path::new("in.mp4"), &Stop::new(), &Meter::new());
        source.next().err().unwrap()
    }

    #[test]
    fn only_what_differs_makes_a_run_start_over() {
        let starts_over = |error: Error| matches!(error, Error::Sink(SinkError::Unlike { .. }));
        assert!(starts_over(ended(|_| {})));
        let failure = |of_machine| Some(Failure { of_machine, ..Failure::plain("input/output error") });
        assert!(starts_over(ended(|said| said.output_error = failure(false))), "the muxer does not take the frames");
        let error = ended(|said| said.output_error = failure(true));
        assert_eq!(
            (error.exit_code(), error.to_string()),
            (4, "encoding \"out.mkv\" failed: input/output error".into())
        );
        let error = ended(|said| said.input_error = failure(true));
        assert_eq!((error.exit_code(), error.to_string()), (3, "cannot read \"in.mp4\": input/output error".into()));
    }

    #[test]
    fn decoding_goes_on_in_the_order_of_showing() {
        // Unequal times, and decoding two frames ahead.
        let units = [unit(-80, 0), unit(-40, 40), unit(0, 50), unit(40, 130), unit(50, 140)];
        let mut decoding = Decoding::after(&units);
        let moments: Vec<_> = [-10, 50, 180, 190].into_iter().map(|own| decoding.moment(own)).collect();
        assert_eq!(moments, [130, 140, 180, 190]);
    }

    #[test]
    fn decoding_always_goes_forward() {
        let mut decoding = Decoding::after(&[unit(-80, 0), unit(-40, 40)]);
        assert_eq!([-60, 0, 40].map(|own| decoding.moment(own)), [-39, 0, 40]);
        let mut decoding = Decoding::after(&[]);
        assert_eq!([-60, 0].map(|own| decoding.moment(own)), [-60, 0]);
    }
}
