//! The end of a video on its way to a muxer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gst::prelude::*;

/// Where a video ends; known once its last frame is.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Number of frames.
    pub(super) frames: u64,
    /// Moment at which the last one has been shown.
    pub(super) nanos: u64,
}

/// Makes the last buffer that leaves `pad` last until the end of the video.
///
/// MP4 stores how long each sample lasts in the order of decoding, and plays for the sum. Where frames of unequal length
/// are decoded ahead of the time they are shown, the sum falls short, and the last frames would not be shown.
pub(super) fn last_until_the_end(pad: &gst::Pad, end: Arc<OnceLock<End>>) {
    let passed = AtomicU64::new(0);
    let first_ahead = OnceLock::new();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let number = passed.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && let Some(times) = Times::of(pad, buffer)
        {
            // So much earlier does the whole track begin, and may end.
            let first_ahead = *first_ahead.get_or_init(|| times.ahead);
            if let Some(end) = end.get().filter(|end| end.frames == number) {
                let end = gst::ClockTime::from_nseconds(end.nanos);
                if let Some(duration) = (end + times.ahead).checked_sub(times.shown + first_ahead) {
                    buffer.make_mut().set_duration(duration);
                }
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
