//! Even time stamps for sound that comes from a container which rounds them.
//!
//! Matroska stores milliseconds and, mostly, no lengths. MP4 stores lengths: rounded ones would tremble, and without that
//! of the last packet players leave it out.

use std::sync::{Mutex, PoisonError};

use gst::prelude::*;

/// Samples in a packet: AAC, MP3, AC-3, the short and the long kinds of AAC and MP3, Opus.
const SAMPLES: [u64; 8] = [1024, 1152, 1536, 2048, 960, 576, 512, 480];

/// What rounding does to a time stamp, at most.
const ROUNDED: gst::ClockTime = gst::ClockTime::from_mseconds(1);

/// Where a run of packets began, and how far it has come.
#[derive(Clone, Copy)]
struct Run {
    begin: gst::ClockTime,
    packets: u64,
    /// Of a packet; unknown until the second has come.
    samples: Option<u64>,
}

/// Gives packets without a length that leave `pad` the length that their distance tells, and puts them side by side.
pub(super) fn steady(pad: &gst::GhostPad, caps: &gst::Caps) {
    let rate = caps.structure(0).and_then(|s| s.get::<i32>("rate").ok()).and_then(|rate| u64::try_from(rate).ok());
    let Some(rate) = rate.filter(|&rate| rate > 0) else { return };
    let run = Mutex::new(None);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && buffer.duration().is_none()
            && let Some(pts) = buffer.pts()
        {
            let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
            let (begin, length) = next(&mut run, pts, rate);
            let buffer = buffer.make_mut();
            buffer.set_pts(begin);
            buffer.set_duration(length);
            if buffer.dts().is_some() {
                buffer.set_dts(begin);
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// Begin and length of a packet that is said to begin at `pts`.
fn next(run: &mut Option<Run>, pts: gst::ClockTime, rate: u64) -> (gst::ClockTime, Option<gst::ClockTime>) {
    let nanos = |samples: u64| gst::ClockTime::from_nseconds(samples.saturating_mul(1_000_000_000) / rate);
    if let Some(known) = run {
        if known.samples.is_none() {
            let off = |samples: &u64| nanos(*samples).absdiff(pts.saturating_sub(known.begin));
            known.samples = SAMPLES.into_iter().min_by_key(off).filter(|samples| off(samples) <= ROUNDED);
        }
        if let Some(samples) = known.samples {
            let begin = known.begin + nanos(samples * known.packets);
            if begin.absdiff(pts) <= ROUNDED {
                known.packets += 1;
                return (begin, Some(known.begin + nanos(samples * known.packets) - begin));
            }
        }
    }
    let samples = run.and_then(|known| known.samples);
    *run = Some(Run { begin: pts, packets: 1, samples });
    (pts, samples.map(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_packets_lie_side_by_side() {
        let mut run = None;
        let mut begins =
            [0, 21, 43, 64, 85, 500, 521].map(|ms| next(&mut run, gst::ClockTime::from_mseconds(ms), 48_000));
        assert_eq!(begins[0], (gst::ClockTime::ZERO, None));
        assert_eq!(begins[1].0.nseconds(), 21_333_333);
        assert_eq!(begins[3].0.nseconds(), 64_000_000);
        assert_eq!(begins[5].0.mseconds(), 500, "behind a gap");
        assert_eq!(begins[6].0.nseconds(), 521_333_333);
        for pair in begins[1..5].windows(2) {
            assert_eq!(pair[0].0 + pair[0].1.unwrap(), pair[1].0);
        }
        run = None;
        begins = [0, 7, 14, 21, 28, 35, 42].map(|ms| next(&mut run, gst::ClockTime::from_mseconds(ms), 48_000));
        assert!(begins.iter().all(|(_, length)| length.is_none()), "of no length that is known");
        assert_eq!(begins[6].0.mseconds(), 42);
    }
}
