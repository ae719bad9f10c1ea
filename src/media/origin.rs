//! Where the time of an input begins.
//!
//! The demuxers of GStreamer begin their time at what they happen to see first: that of MPEG-TS drops sound that lies
//! before the first picture, that of Matroska changes its mind when a stream begins earlier than the one before. Here the
//! earliest of all streams begins at 0, and the others keep their distance from it. (MP4 and QuickTime have a timeline of
//! their own, which begins at 0 and is left alone.)

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use super::pipeline::Media;
use crate::error::SourceError;
use crate::flow::Stop;

/// Longest time that the streams may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);

type Segment = gst::FormattedSegment<gst::ClockTime>;

/// The begin of an input's time, once it is known. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Origin(Arc<Begin>);

#[derive(Default)]
struct Begin {
    /// Whether time begins with the first data at all.
    counts: bool,
    /// Another begin was asked of the demuxer.
    left: AtomicBool,
    /// Streams that are watched.
    streams: AtomicUsize,
    /// Time stamps of the first data of each stream.
    firsts: Mutex<Vec<gst::ClockTime>>,
    /// The least of them.
    zero: OnceLock<gst::ClockTime>,
    /// Where the demuxer would have begun.
    demuxed: OnceLock<gst::ClockTime>,
}

impl Origin {
    /// With `counts`, time begins with the earliest data; else it goes as the demuxer says.
    pub(crate) fn new(counts: bool) -> Self {
        Self(Arc::new(Begin { counts, ..Begin::default() }))
    }

    /// Whether time begins with the earliest data.
    pub(crate) fn counts(&self) -> bool {
        self.0.counts
    }

    /// Notes the first time stamp of what comes to `sink`.
    pub(crate) fn watch(&self, media: &Media, sink: &gst::Pad) {
        if !self.0.counts {
            return;
        }
        self.0.streams.fetch_add(1, Ordering::Relaxed);
        let (begin, status) = (Arc::clone(&self.0), Arc::clone(&media.status));
        let data = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        sink.add_probe(data, move |_, info| {
            let stamp = info.buffer().and_then(|buffer| buffer.pts().or(buffer.dts()));
            let ended = info.event().is_some_and(|event| event.type_() == gst::EventType::Eos);
            if stamp.is_none() && !ended {
                return gst::PadProbeReturn::Ok;
            }
            begin.firsts.lock().unwrap_or_else(PoisonError::into_inner).extend(stamp);
            status.note(|said| said.begun += 1);
            gst::PadProbeReturn::Remove
        });
    }

    /// Waits until all streams that are watched have begun, or `queue` is full, so that more cannot come.
    pub(crate) fn settle(&self, media: &Media, queue: &gst::Element, stop: &Stop) -> Result<(), SourceError> {
        let status = Arc::clone(&media.status);
        queue.connect("overrun", false, move |_| {
            status.note(|said| said.full = true);
            None
        });
        let streams = self.0.streams.load(Ordering::Relaxed);
        media.wait(stop, PATIENCE, |said| said.begun >= streams || said.full || said.failed())?;
        let firsts = self.0.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&zero) = firsts.iter().min() {
            self.0.zero.get_or_init(|| zero);
        }
        Ok(())
    }

    /// Lets what leaves `src` keep to this begin.
    pub(crate) fn follow(&self, src: &gst::Pad) {
        let origin = self.clone();
        src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(gst::PadProbeData::Event(event)) = &mut info.data
                && let gst::EventView::Segment(segment) = event.view()
                && let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>()
                && let Some(moved) = origin.moved(segment)
            {
                *event = gst::event::Segment::builder(&moved).seqnum(event.seqnum()).build();
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// `segment` as it is from this begin on; none if that changes nothing.
    pub(crate) fn moved(&self, segment: &Segment) -> Option<Segment> {
        let zero = *self.0.zero.get().filter(|_| !self.0.left.load(Ordering::Relaxed))?;
        let base = segment.base().unwrap_or_default();
        let mut moved = segment.clone();
        if base.is_zero() {
            let demuxed = segment.start().unwrap_or_default();
            self.0.demuxed.get_or_init(|| demuxed);
            moved.set_time(segment.time().map(|time| time.saturating_add(zero).saturating_sub(demuxed)));
            moved.set_start(zero);
            moved.set_position(zero);
        } else {
            // Behind a leap in the time stamps: the demuxer goes on from where it was in its own time.
            let demuxed = self.0.demuxed.get().copied().unwrap_or(zero);
            moved.set_base(base.saturating_add(demuxed).saturating_sub(zero));
        }
        Some(moved)
    }

    /// From now on time goes as the demuxer says: it is about to begin elsewhere.
    pub(crate) fn leave(&self) {
        self.0.left.store(true, Ordering::Relaxed);
    }

    /// The time stamp at which this time begins.
    pub(crate) fn zero_nanos(&self) -> u64 {
        self.0.zero.get().map_or(0, |zero| zero.nseconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_move_with_the_begin() {
        gst::init().unwrap();
        let millis = gst::ClockTime::from_mseconds;
        let origin = Origin::new(true);
        let mut segment = Segment::new();
        segment.set_start(millis(1480));
        segment.set_time(gst::ClockTime::ZERO);
        assert!(origin.moved(&segment).is_none());
        origin.0.zero.set(millis(1459)).unwrap();
        let moved = origin.moved(&segment).unwrap();
        assert_eq!(moved.to_running_time(millis(1480)), Some(millis(21)));
        assert_eq!(moved.to_running_time(millis(1459)), Some(millis(0)));
        // What the demuxer puts behind its first 5 s comes behind 5.021 s of ours.
        segment.set_start(millis(100));
        segment.set_base(millis(5000));
        assert_eq!(origin.moved(&segment).unwrap().to_running_time(millis(100)), Some(millis(5021)));
    }
}
