//! The end of a video on its way to a muxer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gst::prelude::*;

/// Where a video ends, as far as it has come: whether a frame is the last is known only when no other follows, and an
/// encoder that keeps none back has given it away by then.
#[derive(Debug, Default)]
pub(super) struct End(Mutex<Reached>);

#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    frames: u64,
    nanos: u64,
}

impl End {
    /// `frames` frames have been given to the encoder, or are about to be; the last has been shown at `nanos`.
    pub(super) fn reach(&self, frames: u64, nanos: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Reached { frames, nanos };
    }

    /// The end, if no frame has come behind that of this `number`.
    fn behind(&self, number: u64) -> Option<gst::ClockTime> {
        let reached = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (reached.frames == number).then(|| gst::ClockTime::from_nseconds(reached.nanos))
    }
}

/// Makes the last buffer that leaves `pad` last until the end of the video.
///
/// MP4 stores how long each sample lasts in the order of decoding, and plays for the sum. Where frames of unequal length
/// are decoded ahead of the time they are shown, the sum falls short, and the last frames would not be shown.
pub(super) fn last_until_the_end(pad: &gst::Pad, end: Arc<End>) {
    let passed = AtomicU64::new(0);
    let first_ahead = OnceLock::new();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let number = passed.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && let Some(times) = Times::of(pad, buffer)
        {
            // So much earlier does the whole track begin, and may end.
            let first_ahead = *first_ahead.get_or_init(|| times.ahead);
            // Of a buffer that others follow, MP4 does not ask how long it lasts.
            if let Some(end) = end.behind(number)
                && let Some(duration) = (end + times.ahead).checked_sub(times.shown + first_ahead)
            {
                buffer.make_mut().set_duration(duration);
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// When a buffer is shown, and how long before it is decoded.
struct Times {
    shown: gst::ClockTime,
    ahead: gst::ClockTime,
}

impl Times {
    fn of(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<Self> {
        let event = pad.sticky_event::<gst::event::Segment>(0)?;
        let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
        let (pts, dts) = (buffer.pts()?, buffer.dts().or(buffer.pts())?);
        Some(Self { shown: segment.to_running_time(pts)?, ahead: pts.checked_sub(dts)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long buffers of `shown` and `decoded` moments last behind the probe, of which each is pushed when its number has been
    /// reached; all in ms.
    fn lengths(buffers: &[(u64, u64)], reached: impl Fn(usize) -> (u64, u64)) -> Vec<u64> {
        gst::init().unwrap();
        let came = Arc::new(Mutex::new(Vec::new()));
        let lengths = Arc::clone(&came);
        let sink = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_function(move |_, _, buffer| {
                lengths.lock().unwrap().push(buffer.duration().unwrap().mseconds());
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        let src = gst::Pad::builder(gst::PadDirection::Src).build();
        src.link(&sink).unwrap();
        sink.set_active(true).unwrap();
        src.set_active(true).unwrap();
        let end = Arc::new(End::default());
        last_until_the_end(&src, Arc::clone(&end));
        src.push_event(gst::event::StreamStart::new("frames"));
        src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        for (index, &(shown, decoded)) in buffers.iter().enumerate() {
            let (frames, ms) = reached(index);
            end.reach(frames, ms * 1_000_000);
            let mut buffer = gst::Buffer::new();
            let times = buffer.make_mut();
            times.set_pts(gst::ClockTime::from_mseconds(shown));
            times.set_dts(gst::ClockTime::from_mseconds(decoded));
            times.set_duration(gst::ClockTime::from_mseconds(40));
            src.push(buffer).unwrap();
        }
        std::mem::take(&mut came.lock().unwrap())
    }

    #[test]
    fn a_buffer_that_none_follows_lasts_until_the_end() {
        // The encoder gives each frame away at once, while none behind it is known: any may be the last, which has been cut to 20 ms.
        let ends = [40, 80, 100];
        assert_eq!(lengths(&[(0, 0), (40, 40), (80, 80)], |at| (at as u64 + 1, ends[at])), [40, 40, 20]);
        // It keeps frames back until all of them are there.
        assert_eq!(lengths(&[(0, 0), (40, 40), (80, 80)], |_| (3, 100)), [40, 40, 20]);
    }

    #[test]
    fn what_is_decoded_ahead_ends_earlier_by_what_the_first_is_ahead() {
        // In the order of decoding; the track begins 80 ms ahead, and the last buffer is 20 ms ahead.
        assert_eq!(lengths(&[(80, 0), (160, 40), (120, 100)], |_| (3, 200)), [40, 40, 20]);
    }
}
