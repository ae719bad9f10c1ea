//! A video file: frames are encoded and muxed with the sound of their source, in the source's own pipeline.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::buffer::{Evened, buffer};
use super::builder::Builder;
use super::container::Container;
use super::end::End;
use super::leftover::Kept;
use super::place::Unnamed;
use super::recorder::Recorder;
use super::replay::{Replay, Seam, unlike};
use super::stall::Stall;
use super::{Goal, Order, Place, check, encoder, hardware, labels, stdout};
use crate::error::{Error, Result, SinkError, SourceError, io_reason};
use crate::flow::Sink;
use crate::frame::{Frame, Timed};
use crate::media::caps::caps_of;
use crate::media::pipeline::{Failure, POLL, STALL};
use crate::media::{About, Kind, Media, Track};
use crate::report::Meter;
use crate::resume::Identity;

/// Frames that may wait before the encoder.
const WAITING: u64 = 1;

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
    /// What the input says of itself.
    about: Option<About>,
    frames: gst_app::AppSrc,
    evened: Option<Evened>,
    /// Frames in the file before those that are pushed here.
    kept: u64,
    pushed: u64,
    recorder: Recorder,
    synced: Instant,
    /// When the first frame begins, as it was given to the muxer.
    begin_nanos: Option<u64>,
    end_nanos: u64,
    /// By which everything is later than in the input, to make room for the run-up of the sound.
    shift_nanos: u64,
    /// Tells the muxer's side.
    end: Arc<End>,
    meter: Meter,
}

impl FileSink {
    /// The sink, and what plays the frames that are kept into it.
    pub(super) fn open(goal: Goal, order: Order<'_>) -> Result<(Self, Option<Replay>)> {
        let Order { format, timing, encoding, media, meter, identity, kept } = order;
        let target = goal.name().to_owned();
        let unknown = || Error::Usage(format!("{target:?}: unknown file name extension"));
        let container = match &goal {
            Goal::File(_) => Container::of(&target).ok_or_else(unknown)?,
            Goal::Stdout => Container::Mkv,
        };
        let codec = encoder::settle(container, encoding)?;
        let refused = |reason| Err(SinkError::Encode { path: target.clone(), reason });
        encoder::too_small(codec, format.size).map_or(Ok(()), refused)?;
        let (media, tracks, about) = match media {
            Some(open) => (open.media, open.tracks, Some(open.about)),
            None => (Arc::new(Media::new()?), Vec::new(), None),
        };
        let evened = Evened::needed(codec, format, meter);
        let coded = evened.as_ref().map_or(format, |evened| evened.format);
        // Time stamps rule, but without a nominal rate the encoder forgets how long the last frame is shown.
        let nominal = timing.rate.unwrap_or_else(|| gst::Fraction::new(30, 1));
        let caps = caps_of(coded, nominal, timing.aspect);
        let end = Arc::new(End::default());
        let recorder = recorder(&goal, identity.as_ref())?;
        let builder = Builder { media: &media, container, goal: &goal, end: &end, recorder: &recorder };
        let muxer = builder.muxer()?;
        let seam = kept.as_ref().map(|kept| Seam::new(kept, &target, &media)).transpose()?;
        let joined = seam.as_ref().zip(kept.as_ref());
        let element = hardware::element(codec, encoding, coded.size, meter);
        let encoders = encoder::chain(codec, encoding, &element)?;
        let frames = builder.video(&muxer, &caps, encoders, timing.rate, joined)?;
        // Standard output cannot be patched afterwards, so no room is reserved in it.
        let room = !container.is_isobmff() && matches!(goal, Goal::File(_));
        let tracks = builder.held(tracks, meter);
        tracks.iter().for_each(|track| labels::relabel(track, room));
        if let Some(about) = &about {
            labels::tell(about, &muxer, &frames, room);
            // Kept frames come first.
            seam.iter().for_each(|seam| labels::tell_video(about, seam.input(), room));
            labels::warn_of_attachments(about, container, meter);
        }
        let mut sink = Self {
            place: None,
            name: target,
            container,
            media: Arc::clone(&media),
            tracks,
            about,
            frames,
            evened,
            kept: kept.as_ref().map_or(0, Kept::frames),
            pushed: 0,
            recorder: recorder.clone(),
            synced: Instant::now(),
            begin_nanos: kept.as_ref().and_then(|kept| kept.journal.units.first()).map(|unit| unit.shown_nanos),
            end_nanos: 0,
            shift_nanos: 0,
            end: Arc::clone(&end),
            meter: meter.clone(),
        };
        sink.link_tracks(&builder, &muxer, meter)?;
        sink.go_on_behind(kept.as_ref());
        let _ = media.pipeline.set_state(gst::State::Playing);
        sink.place = goal.place();
        let replay = kept.zip(seam).map(|(kept, seam)| sink.replay(kept, seam)).transpose()?;
        Ok((sink, replay))
    }

    /// Counts kept frames as written, and the video as reaching to their end: there may be no new ones.
    fn go_on_behind(&mut self, kept: Option<&Kept>) {
        self.end_nanos = kept.map_or(0, |kept| kept.journal.end_nanos().saturating_sub(self.shift_nanos));
        self.reach();
    }

    /// Tells how far the video has come.
    fn reach(&self) {
        self.end.reach(self.kept + self.pushed, self.end_nanos + self.shift_nanos);
    }

    fn replay(&self, kept: Kept, seam: Seam) -> Result<Replay, SinkError> {
        let to = (self.name.as_path(), self.container);
        Replay::new(kept, seam, to, &self.media, &self.recorder, self.shift_nanos)
    }

    /// Links all tracks, shifted so that the longest run-up begins at 0, and lets them flow.
    fn link_tracks(&mut self, builder: &Builder<'_>, muxer: &gst::Element, meter: &Meter) -> Result<(), SinkError> {
        let ways = self.tracks.iter_mut().map(|track| builder.way(muxer, track)).collect::<Result<Vec<_>, _>>()?;
        let run_up_nanos = |track: &Track| track.run_up().map_or(0, |run_up| run_up.nanos);
        self.shift_nanos = self.tracks.iter().map(run_up_nanos).max().unwrap_or(0);
        for (track, way) in self.tracks.iter().zip(ways) {
            track.shift(self.shift_nanos - run_up_nanos(track));
            builder.track(muxer, track, way, meter)?;
        }
        self.tracks.iter_mut().for_each(Track::open);
        Ok(())
    }

    /// How many of the tracks of sound hold any.
    ///
    /// # Errors
    /// When one holds none though all of the input was wanted and read, and the container does not take that.
    fn fed_of(&self, sounds: usize) -> Result<usize, SinkError> {
        let said = self.media.status.said();
        if said.sound_fed < sounds {
            let reason = "a track holds none in what is kept";
            let is_part = self.tracks.iter().any(Track::begins_later);
            if self.container.is_isobmff() && said.drained && !is_part {
                return Err(SinkError::Sound { path: self.name.clone(), reason: reason.into() });
            }
            // It may lie before or behind the part that was wanted, or behind where the user stopped the run.
            self.meter.warn(format!("sound is missing in the output: {reason} of the input"));
        }
        Ok(said.sound_fed)
    }

    /// Ends the file, and lets it appear.
    fn complete(&mut self) -> Result<()> {
        let frames = self.kept + self.pushed;
        if frames == 0 {
            return Err(SourceError::Stopped.into());
        }
        // A stop may come before the source was asked for its first frame.
        if self.kept > 0 && !self.media.status.said().replay_over {
            return Err(SourceError::StoppedResuming.into());
        }
        if !self.media.status.said().drained {
            for track in &self.tracks {
                // In the track's own time, in which its run-up comes before its sound.
                track.end_at(self.end_nanos + track.priming.map_or(0, |priming| priming.nanos));
            }
        }
        // Fails only when the pipeline does, which the wait tells better.
        let _ = self.frames.end_of_stream();
        self.wait(|said| said.written)?;
        self.media.halt();
        if let Some(place) = &self.place {
            self.put_right(place, frames)?;
        }
        self.place.take().map_or(Ok(()), |place| place.publish(Unnamed::Stays))
    }

    /// Writes into the finished file what its muxer cannot, and checks that it holds `frames` frames and its sound.
    fn put_right(&self, place: &Place, frames: u64) -> Result<(), SinkError> {
        let about = self.about.as_ref();
        let begin_nanos = self.begin_nanos.unwrap_or(0);
        labels::finish(place.part(), self.container, about, &self.tracks, self.shift_nanos, begin_nanos)
            .map_err(|error| SinkError::Write { path: place.target().into(), reason: io_reason(&error) })?;
        let sounds = self.tracks.iter().filter(|track| track.kind == Kind::Sound).count();
        let fed = self.fed_of(sounds)?;
        check::check(place.part(), self.container, frames, fed..=sounds)
            .map_err(|reason| SinkError::Check { path: place.target().into(), reason })
    }

    /// What the user is told where the run fails for this reason.
    fn told(&mut self, error: Error) -> Error {
        match (error, &mut self.place) {
            (Error::Sink(why), Some(place)) => place.failure(why).into(),
            (error, _) => error,
        }
    }

    /// Encodes a frame.
    fn push(&mut self, frame: Timed<Frame>) -> Result<(), SinkError> {
        let Timed { stamp, item } = frame;
        let pushed = self.pushed;
        if let Some(pts_nanos) = stamp.pts_nanos {
            self.tracks.iter_mut().for_each(|track| track.passed(pts_nanos));
        }
        self.wait(|said| pushed < said.taken + WAITING)?;
        let picture = match &mut self.evened {
            Some(evened) => evened.frame(&item),
            None => item,
        };
        let pts_nanos = stamp.pts_nanos.map(|pts| pts + self.shift_nanos);
        self.begin_nanos = self.begin_nanos.or(pts_nanos);
        let buffer = buffer(picture, pts_nanos, stamp.duration_nanos);
        self.sync();
        self.recorder.will_show(pts_nanos.unwrap_or(0));
        // Each frame begins later than the one before; how long that was said to last no longer counts.
        self.end_nanos = stamp.pts_nanos.unwrap_or(0) + stamp.duration_nanos.unwrap_or(0);
        self.pushed += 1;
        self.reach();
        if self.frames.push_buffer(buffer).is_err() {
            // The reason is on the bus, or will be at once.
            let said = self.media.status.wait(POLL, |said| said.output_error.is_some());
            let unknown = || Failure::plain("the encoder takes no more frames");
            return Err(self.failure(said.output_error.unwrap_or_else(unknown)));
        }
        Ok(())
    }

    /// Waits until `ready`, or an error, or nothing moves any more.
    fn wait(&self, ready: impl Fn(&crate::media::pipeline::Said) -> bool) -> Result<(), SinkError> {
        let mut stall = Stall::from((0, 0));
        loop {
            let failed = |said: &crate::media::pipeline::Said| said.output_error.is_some() || said.encodes_otherwise;
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
            let is_over = stall.outlasts(STALL, (said.taken, written.map_or(0, |meta| meta.len())));
            // Who reads standard output may take all the time in the world.
            if self.place.is_some() && is_over {
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
        self.push(frame).map_err(|why| self.told(why.into()))
    }

    fn finish(&mut self) -> Result<()> {
        self.complete().map_err(|error| self.told(error))
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        // The file is closed before its place goes, and a blocked streaming thread comes free.
        self.media.halt();
        if let Some(place) = &mut self.place {
            place.spare();
        }
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
