//! A recording: the live frames in a file of the same kind as any other, with the sound of a microphone.
//!
//! Picture and sound have one time line, that of the file's own pipeline: a sample is stamped with the moment at which it was
//! recorded, a frame with that at which the camera took it. So what was seen and heard together is played together, however
//! long the painting took; nothing has to be delayed.

use crate::error::Result;
use crate::flow::Sink;
use crate::frame::{Frame, FrameFormat, FrameRate, Timed};
use crate::media::Timing;
use crate::media::microphone::{self, Listening};
use crate::options::{Encoding, Microphone};
use crate::report::Meter;
use crate::sink::{self, Goal, Order, Place};

/// A file that grows while the run lasts.
struct Recording {
    sink: Box<dyn Sink>,
    sound: Option<Listening>,
    interval_nanos: u64,
    /// Time of the run at which the file begins, where there is no sound that says it.
    begin_nanos: Option<u64>,
    last_nanos: Option<u64>,
    meter: Meter,
}

/// Begins a recording at `place` of frames of `format`, with the sound of `microphone`.
///
/// # Errors
/// When the file cannot be written or the microphone not be heard.
pub(crate) fn record(
    place: Place,
    microphone: Option<&Microphone>,
    (format, rate): (FrameFormat, FrameRate),
    encoding: &Encoding,
    meter: &Meter,
) -> Result<Box<dyn Sink>> {
    Recording::begin(place, microphone, (format, rate), encoding, meter).map(|recording| Box::new(recording) as _)
}

impl Recording {
    fn begin(
        place: Place,
        microphone: Option<&Microphone>,
        (format, rate): (FrameFormat, FrameRate),
        encoding: &Encoding,
        meter: &Meter,
    ) -> Result<Self> {
        let (media, sound) = microphone.map(microphone::open).transpose()?.unzip();
        let timing = Timing::constant(rate);
        let order = Order { format, timing, encoding, media, meter, identity: None, kept: None };
        let sink = sink::open(Goal::File(place), order)?.sink;
        sound.as_ref().map_or(Ok(()), Listening::wait)?;
        let interval_nanos = rate.nanos_at(1);
        Ok(Self { sink, sound, interval_nanos, begin_nanos: None, last_nanos: None, meter: meter.clone() })
    }

    /// When the frame stands in the file; none where that is before its begin, or before the frame before it.
    fn place_in_time(&mut self, frame: &Timed<Frame>) -> Option<u64> {
        let nanos = match (&self.sound, frame.stamp.captured) {
            (Some(sound), Some(captured)) => sound.moment_nanos(captured)?,
            _ => {
                let pts_nanos = frame.stamp.pts_nanos?;
                pts_nanos.checked_sub(*self.begin_nanos.get_or_insert(pts_nanos))?
            }
        };
        let follows = self.last_nanos.is_none_or(|last| nanos > last);
        follows.then(|| *self.last_nanos.insert(nanos))
    }
}

impl Sink for Recording {
    fn accept(&mut self, mut frame: Timed<Frame>) -> Result<()> {
        if let Some(why) = self.sound.as_mut().and_then(Listening::lost) {
            self.meter.warn_each_time(format!("the microphone was lost ({why}): the recording goes on without sound"));
        }
        let Some(pts_nanos) = self.place_in_time(&frame) else { return Ok(()) };
        frame.stamp.pts_nanos = Some(pts_nanos);
        frame.stamp.duration_nanos = Some(self.interval_nanos);
        self.sink.accept(frame)
    }

    fn finish(&mut self) -> Result<()> {
        self.sink.finish()
    }
}

#[cfg(test)]
mod tests;
