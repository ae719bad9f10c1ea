//! A video file: frames are encoded and muxed with the sound of their source, in the source's own pipeline.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::buffer::{Evened, buffer};
use super::container::Container;
use super::encoder::make;
use super::end::{End, last_until_the_end};
use super::leftover::Kept;
use super::recorder::Recorder;
use super::replay::{Replay, Seam, unlike};
use super::{Goal, Order, Place, SinkError, audio, check, encoder, stdout};
use crate::error::{Error, Result};
use crate::flow::Sink;
use crate::frame::{Frame, Timed};
use crate::isobmff;
use crate::report::Meter;
use crate::resume::Identity;
use crate::source::caps::caps_of;
use crate::source::pipeline::{FILE_SINK, Failure, POLL, STALL};
use crate::source::{Media, Track};
use crate::source::{SourceError, io_reason};

/// Frames that may wait before the encoder.
const WAITING: u64 = 1;

/// Encoded video that may wait for the sound it is muxed with. It is as good as unbounded: the muxer waits for sound
/// that stands later in the file, and the demuxer reaches it only if video goes on.
const ENCODED_BYTES: u32 = 256 << 20;

/// Ticks a second that time stamps are at least stored with.
const FINE_CLOCK: u32 = 90_000;

/// A fragment every half second is what survives a killed run; at the end they become an ordinary file.
const FRAGMENT_MS: u32 = 500;

/// How often what is written goes to the disk: so much is lost if the power is.
const SYNC_EVERY: Duration = Duration::from_secs(10);

pub(super) struct FileSink {
    /// Taken when the file is published; none for standard output.
    place: Option<Place>,
    /// What messages call it.
    name: PathBuf,
    container: Container,
    media: Arc<Media>,
    tracks: Vec<Track>,
    frames: gst_app::AppSrc,
    evened: Option<Evened>,
    /// Frames in the file before those that are pushed here.
    kept: u64,
    pushed: u64,
    recorder: Recorder,
    synced: Instant,
    end_nanos: u64,
    /// By which everything is later than in the input, to make room for the run-up of the sound.
    shift_nanos: u64,
    /// Tells the muxer's side, once it is known.
    end: Arc<OnceLock<End>>,
    meter: Meter,
}

impl FileSink {
    /// The sink, and what plays the frames that are kept into it.
    pub(super) fn open(goal: Goal, order: Order<'_>) -> Result<(Self, Option<Replay>)> {
        let Order { format, timing, encoding, media, meter, identity, kept } = order;
        let target = goal.name().to_owned();
        let container = match &goal {
            Goal::File(_) => {
                Container::of(&target).ok_or_else(|| Error::Usage(format!("{target:?} has no known ending")))?
            }
            Goal::Stdout => Container::Mkv,
        };
        let codec = encoder::settle(container, encoding)?;
        if let Some(reason) = encoder::too_small(codec, format.size) {
            return Err(SinkError::Encode { path: target, reason }.into());
        }
        let (media, tracks) = match media {
            Some(open) => (open.media, open.tracks),
            None => (Arc::new(Media::new()?), Vec::new()),
        };
        let evened = Evened::needed(codec, format, meter);
        let coded = evened.as_ref().map_or(format, |evened| evened.format);
        // Time stamps rule, but without a nominal rate the encoder forgets how long the last frame is shown.
        let nominal = timing.rate.unwrap_or_else(|| gst::Fraction::new(30, 1));
        let caps = caps_of(coded, nominal, timing.aspect);
        let end = Arc::new(OnceLock::new());
        let recorder = recorder(&goal, identity.as_ref())?;
        let builder = Builder { media: &media, container, goal: &goal, end: &end, recorder: &recorder };
        let muxer = builder.muxer()?;
        let seam = kept.as_ref().map(|kept| Seam::new(kept, &target, &media)).transpose()?;
        let joined = seam.as_ref().zip(kept.as_ref());
        let frames = builder.video(&muxer, &caps, encoder::chain(codec, encoding)?, timing.rate, joined)?;
        let mut sink = Self {
            place: None,
            name: target,
            container,
            media: Arc::clone(&media),
            tracks,
            frames,
            evened,
            kept: kept.as_ref().map_or(0, Kept::frames),
            pushed: 0,
            recorder: recorder.clone(),
            synced: Instant::now(),
            end_nanos: 0,
            shift_nanos: 0,
            end: Arc::clone(&end),
            meter: meter.clone(),
        };
        let run_ups = sink.tracks.iter().filter_map(|track| track.priming);
        sink.shift_nanos = run_ups.map(|priming| priming.nanos).max().unwrap_or(0);
        sink.end_nanos = kept.as_ref().map_or(0, |kept| kept.journal.end_nanos().saturating_sub(sink.shift_nanos));
        for track in &sink.tracks {
            track.shift(sink.shift_nanos - track.priming.map_or(0, |priming| priming.nanos));
            builder.sound(&muxer, track, meter)?;
        }
        for track in &mut sink.tracks {
            track.open();
        }
        let _ = media.pipeline.set_state(gst::State::Playing);
        if let Goal::File(place) = goal {
            sink.place = Some(place);
        }
        let replay = kept.zip(seam).map(|(kept, seam)| sink.replay(kept, seam)).transpose()?;
        Ok((sink, replay))
    }

    fn replay(&self, kept: Kept, seam: Seam) -> Result<Replay, SinkError> {
        Replay::new(kept, seam, &self.name, &self.media, &self.recorder, self.shift_nanos)
    }

    /// Waits until `ready`, or an error, or nothing moves any more.
    fn wait(&self, ready: impl Fn(&crate::source::pipeline::Said) -> bool) -> Result<(), SinkError> {
        let mut since = Instant::now();
        let mut progress = (0, 0);
        loop {
            let failed = |said: &crate::source::pipeline::Said| said.output_error.is_some() || said.encodes_otherwise;
            let said = self.media.status.wait(POLL, |said| ready(said) || failed(said));
            if said.encodes_otherwise {
                return Err(unlike(&self.name, "the encoder does not continue its stream"));
            }
            if let Some(error) = said.output_error {
                return Err(self.failure(error));
            }
            if ready(&said) {
                return Ok(());
            }
            let written = self.place.as_ref().and_then(|place| std::fs::metadata(place.part()).ok());
            let now = (said.taken, written.map_or(0, |meta| meta.len()));
            if now != progress {
                (progress, since) = (now, Instant::now());
            }
            // Who reads standard output may take all the time in the world.
            if self.place.is_some() && since.elapsed() > STALL {
                return Err(SinkError::Stalled { path: self.name.clone(), seconds: STALL.as_secs() });
            }
        }
    }

    /// What was encoded survives a power failure, too. What cannot be synced is the disk's affair.
    fn sync(&mut self) {
        if self.synced.elapsed() > SYNC_EVERY {
            let _ = self.place.as_ref().map(Place::sync);
            let _ = self.recorder.sync();
            self.synced = Instant::now();
        }
    }

    fn failure(&self, failed: Failure) -> SinkError {
        if self.place.is_none() && stdout::is_closed() {
            return SinkError::Write { path: self.name.clone(), reason: "whoever read it has stopped".into() };
        }
        failure(&self.name, failed)
    }
}

/// What an error on the way to `path` means.
pub(super) fn failure(path: &Path, failure: Failure) -> SinkError {
    let path = path.to_owned();
    if failure.sound {
        return SinkError::Sound { path, reason: failure.text };
    }
    if failure.no_space {
        return SinkError::Write { path, reason: "no space left on the disk".into() };
    }
    SinkError::Encode { path, reason: failure.text }
}

impl Sink for FileSink {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        let Timed { stamp, item } = frame;
        let pushed = self.pushed;
        self.wait(|said| pushed < said.taken + WAITING)?;
        let picture = match &mut self.evened {
            Some(evened) => evened.frame(&item),
            None => item,
        };
        let pts_nanos = stamp.pts_nanos.map(|pts| pts + self.shift_nanos);
        let buffer = buffer(picture, pts_nanos, stamp.duration_nanos);
        self.sync();
        self.recorder.will_show(pts_nanos.unwrap_or(0));
        // Each frame begins later than the one before; how long that was said to last no longer counts.
        self.end_nanos = stamp.pts_nanos.unwrap_or(0) + stamp.duration_nanos.unwrap_or(0);
        self.pushed += 1;
        if self.frames.push_buffer(buffer).is_err() {
            // The reason is on the bus, or will be at once.
            let said = self.media.status.wait(POLL, |said| said.output_error.is_some());
            let unknown = || Failure {
                text: "the encoder takes no more frames".into(),
                no_space: false,
                not_media: false,
                encrypted: false,
                sound: false,
            };
            return Err(self.failure(said.output_error.unwrap_or_else(unknown)).into());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let frames = self.kept + self.pushed;
        if frames == 0 {
            return Err(SourceError::Stopped.into());
        }
        if !self.media.status.said().drained {
            for track in &self.tracks {
                // In the track's own time, in which its run-up comes before its sound.
                track.end_at(self.end_nanos + track.priming.map_or(0, |priming| priming.nanos));
            }
        }
        let _ = self.end.set(End { frames, nanos: self.end_nanos + self.shift_nanos });
        // Fails only when the pipeline does, which the wait tells better.
        let _ = self.frames.end_of_stream();
        self.wait(|said| said.written)?;
        self.media.halt();
        if let Some(place) = self.place.take() {
            if self.shift_nanos > 0 {
                let primings: Vec<_> = self.tracks.iter().map(|track| track.priming).collect();
                isobmff::restore(place.part(), self.shift_nanos, &primings)
                    .map_err(|error| SinkError::Write { path: place.target().into(), reason: io_reason(&error) })?;
            }
            let fed = self.media.status.said().sound_fed;
            if fed < self.tracks.len() {
                let reason = "a track holds none in what is kept";
                if self.container.is_isobmff() {
                    // The muxer would leave a track without a description of it, which no player takes.
                    return Err(SinkError::Sound { path: place.target().into(), reason: reason.into() }.into());
                }
                self.meter.warn(format!("sound is missing in the output: {reason} of the input"));
            }
            check::check(place.part(), self.container, frames, fed..=self.tracks.len())
                .map_err(|reason| SinkError::Check { path: place.target().into(), reason })?;
            place.publish()?;
        }
        Ok(())
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        // The file is closed before its place goes, and a blocked streaming thread comes free.
        self.media.halt();
    }
}

/// What keeps the journal of a file.
fn recorder(goal: &Goal, identity: Option<&Identity>) -> Result<Recorder, SinkError> {
    let recorder = match goal {
        Goal::File(place) => Recorder::create(&place.names().journal, identity),
        Goal::Stdout => Ok(Recorder::none()),
    };
    recorder.map_err(|error| SinkError::Write { path: goal.name().into(), reason: io_reason(&error) })
}

/// Makes the elements of one file.
struct Builder<'a> {
    media: &'a Media,
    container: Container,
    goal: &'a Goal,
    end: &'a Arc<OnceLock<End>>,
    recorder: &'a Recorder,
}

impl Builder<'_> {
    fn failed(&self, what: impl std::fmt::Display) -> SinkError {
        SinkError::Encode { path: self.goal.name().into(), reason: what.to_string() }
    }

    /// Adds `chain` to the pipeline and links it in its order.
    fn add(&self, chain: &[gst::Element]) -> Result<(), SinkError> {
        self.media.pipeline.add_many(chain).map_err(|error| self.failed(error))?;
        gst::Element::link_many(chain).map_err(|error| self.failed(error))
    }

    fn start(&self, chain: &[gst::Element]) -> Result<(), SinkError> {
        for element in chain.iter().rev() {
            element.sync_state_with_parent().map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Muxer and file.
    fn muxer(&self) -> Result<gst::Element, SinkError> {
        let muxer = make(self.container.muxer(), "the container", "gstreamer1.0-plugins-good")?;
        if self.container.is_isobmff() {
            muxer.set_property("fragment-duration", FRAGMENT_MS);
            muxer.set_property_from_str("fragment-mode", "first-moov-then-finalise");
            // Milliseconds would cut the last frame off files whose length is no multiple of them.
            muxer.set_property("movie-timescale", FINE_CLOCK);
        }
        let file = match self.goal {
            Goal::File(place) => {
                let file = make("filesink", "files", "libgstreamer1.0-0")?;
                file.set_property("location", place.part());
                // What a killed run has encoded is to be on the disk.
                file.set_property_from_str("buffer-mode", "unbuffered");
                file
            }
            Goal::Stdout => {
                muxer.set_property("streamable", true);
                stdout::element()?
            }
        };
        file.set_property("name", FILE_SINK);
        // It must not wait for its first buffer before the pipeline runs: that buffer comes through this pipeline.
        file.set_property("async", false);
        file.set_property("sync", false);
        if self.container.is_isobmff() {
            mend_fragments(&file);
        }
        self.add(&[muxer.clone(), file.clone()])?;
        Ok(muxer)
    }

    /// From our frames to the muxer.
    fn video(
        &self,
        muxer: &gst::Element,
        caps: &gst::Caps,
        encoder: Vec<gst::Element>,
        rate: Option<gst::Fraction>,
        joined: Option<(&Seam, &Kept)>,
    ) -> Result<gst_app::AppSrc, SinkError> {
        let frames = gst_app::AppSrc::builder().caps(caps).format(gst::Format::Time).build();
        // Room is counted by us: a blocking appsrc hangs for ever once something behind it has failed.
        frames.set_block(false);
        frames.set_max_bytes(0);
        let status = Arc::clone(&self.media.status);
        if let Some(pad) = frames.static_pad("src") {
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                status.note(|said| said.taken += 1);
                gst::PadProbeReturn::Ok
            });
        }
        let queue = make("queue", "queues", "libgstreamer1.0-0")?;
        queue.set_property("max-size-buffers", 0u32);
        queue.set_property("max-size-time", 0u64);
        queue.set_property("max-size-bytes", ENCODED_BYTES);
        let mut chain = vec![frames.clone().upcast()];
        chain.extend(encoder);
        self.add(&chain)?;
        let last = &chain[chain.len() - 1];
        self.add(std::slice::from_ref(&queue))?;
        if let Some((seam, kept)) = joined {
            // The order of the pads is that of playing: first what is kept.
            self.add(&[seam.input().clone(), seam.join.clone()])?;
            if let Some(encoded) = last.static_pad("src") {
                seam.watch(&encoded, kept, self.media);
            }
            gst::Element::link_many([last, &seam.join, &queue]).map_err(|error| self.failed(error))?;
            chain.push(seam.join.clone());
        } else {
            last.link(&queue).map_err(|error| self.failed(error))?;
        }
        chain.push(queue.clone());
        if let Some(src) = queue.static_pad("src") {
            self.recorder.watch(&src);
        }
        let input = self.request(muxer, "video_%u")?;
        if self.container.is_isobmff() {
            input.set_property("trak-timescale", timescale(rate));
            if let Some(src) = queue.static_pad("src") {
                last_until_the_end(&src, Arc::clone(self.end));
            }
        }
        self.link(&queue, &input)?;
        if let Some(file) = self.media.pipeline.by_name(FILE_SINK) {
            self.start(&[muxer.clone(), file])?;
        }
        self.start(&chain)?;
        joined.map_or(Ok(()), |(seam, _)| self.start(&[seam.input().clone()]))?;
        Ok(frames)
    }

    /// From a track of the source to the muxer.
    fn sound(&self, muxer: &gst::Element, track: &Track, meter: &Meter) -> Result<(), SinkError> {
        let accepted = accepted(muxer, "audio_%u").ok_or_else(|| self.failed("it holds no sound"))?;
        let (chain, converted) = audio::chain(&track.caps, &accepted, self.container)?;
        if let Some(text) = converted {
            meter.warn(text);
        }
        let input = self.request(muxer, "audio_%u")?;
        tracing::debug!(caps = %track.caps, "a sound track");
        let status = Arc::clone(&self.media.status);
        input.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            status.note(|said| said.sound_fed += 1);
            gst::PadProbeReturn::Remove
        });
        if chain.is_empty() {
            return track.pad.link(&input).map(drop).map_err(|error| self.failed(error));
        }
        self.add(&chain)?;
        self.link(&chain[chain.len() - 1], &input)?;
        self.start(&chain)?;
        let first = chain[0].static_pad("sink").ok_or_else(|| self.failed("no pad to link"))?;
        track.pad.link(&first).map(drop).map_err(|error| self.failed(error))
    }

    fn request(&self, muxer: &gst::Element, template: &str) -> Result<gst::Pad, SinkError> {
        muxer
            .request_pad_simple(template)
            .ok_or_else(|| self.failed(format!("{} has no pad {template}", self.container)))
    }

    fn link(&self, from: &gst::Element, input: &gst::Pad) -> Result<(), SinkError> {
        let src = from.static_pad("src").ok_or_else(|| self.failed("no pad to link"))?;
        src.link(input).map(drop).map_err(|error| self.failed(error))
    }
}

/// What pads of `template` take. From the factory, not from the element: the templates of GStreamer 1.22's webmmux are
/// floating, and whoever looks at one and lets go of it has it freed.
fn accepted(muxer: &gst::Element, template: &str) -> Option<gst::Caps> {
    let templates = muxer.factory()?.static_pad_templates();
    templates.iter().find(|pad| pad.name_template() == template).map(gst::StaticPadTemplate::caps)
}

/// Mends the fragments that go to `file`: what a killed run leaves is to play.
fn mend_fragments(file: &gst::Element) {
    let Some(pad) = file.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && buffer.map_readable().is_ok_and(|bytes| bytes.get(4..8) == Some(b"moof"))
            && let Ok(mut bytes) = buffer.make_mut().map_writable()
        {
            isobmff::mend(&mut bytes);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Ticks a second of a track's clock: exact for the nominal rate, and fine enough (11 µs) for frames off that rate.
fn timescale(rate: Option<gst::Fraction>) -> u32 {
    let per_second = rate.and_then(|rate| u32::try_from(rate.numer()).ok()).filter(|n| (1..=FINE_CLOCK).contains(n));
    per_second.map_or(FINE_CLOCK, |n| n * FINE_CLOCK.div_ceil(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_track_is_exact_for_its_rate_and_fine() {
        let of = |n, d| timescale(Some(gst::Fraction::new(n, d)));
        assert_eq!(of(25, 1), 90_000);
        assert_eq!(of(30_000, 1001), 90_000);
        assert_eq!(of(24_000, 1001), 96_000);
        assert_eq!(timescale(None), 90_000);
        for n in [1, 7, 23, 29, 50, 59, 60, 144, 60_000, 90_000] {
            assert_eq!(of(n, 1) % n as u32, 0);
            assert!((90_000..=180_000).contains(&of(n, 1)), "{n}");
        }
    }
}
