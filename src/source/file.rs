//! A video file, frame by frame.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::cut::{Cut, Use};
use super::reader::{self, Reader};
use super::shape::{Meant, Shape, Shaped, Stored};
use super::stdin::Pipe;
use super::turn::Orientation;
use super::{Opened, Request, damage, decode, demux, hardware, whole};
use crate::error::{Result, SourceError};
use crate::flow::Stop;
use crate::frame::{Frame, FrameFormat, Stamp, Timed};
use crate::isobmff::Index;
use crate::media::origin::Origin;
use crate::media::pipeline::{Media, POLL, STALL};
use crate::media::{Kind, OpenMedia, Stream, Timing, Track, labels, track};
use crate::options::{CodecChoice, Part};
use crate::report::Meter;
use crate::{matroska, memory};

/// Shown this long where the stream does not say, before the next frame tells better.
const DEFAULT_DURATION_NANOS: u64 = 40_000_000;

/// So long before a part the file is entered.
const RUN_UP_NANOS: u64 = 2_000_000_000;

/// So long at most is waited for a frame that is to tell how long the last one is shown.
const BEHIND: Duration = Duration::from_secs(5);

/// Demuxers that arrive where they are sent.
const EXACT_DEMUXERS: [&str; 2] = ["qtdemux", "matroskademux"];

/// Opens `pipe` if given (`path` is then only its name in messages), else the file at `path`.
pub(super) fn open(
    path: &Path,
    pipe: Option<&Pipe>,
    request: Request<'_>,
    stop: &Stop,
    meter: &Meter,
) -> Result<Opened> {
    let part = request.part;
    let media = Arc::new(Media::new()?);
    let damage = damage::Account::open();
    let index = index_of(path, pipe, request)?;
    let streams = demux::open(&media, path, pipe, index.clone(), stop)?;
    if !index.primings.iter().all(|run_up| streams.audio.iter().any(|stream| stream.is_track(run_up.track_id))) {
        // A track whose run-up cannot be told from its sound would be late by it.
        return open(path, pipe, Request { priming: false, ..request }, stop, meter);
    }
    streams.warn_of_rest(&index, media.status.said().missing, meter);
    let origin = Origin::new(!streams.has_timeline);
    let pads: Vec<_> = streams.all().map(|stream| stream.pad.clone()).collect();
    let demux::Streams { video, audio, texts, rest, .. } = streams;
    let mut tracks = tracks(&media, [audio, texts, rest], &index, request, &origin)?;
    video.size().map_or(Ok(()), |size| memory::check_decoding(path, size, request.room_bytes))?;
    // What has gone through a pipe cannot be read a second time, by software.
    let wanted = if pipe.is_some() { request.decoder.or_software() } else { request.decoder };
    let chosen = hardware::choose(path, &video, wanted, meter)?;
    let chip = chosen.hardware();
    let decoded = decode::decode(&media, (video, chosen.element), &origin, path, stop, meter);
    let begun = decoded.and_then(|decode::Decoded { sink, stated, orientation }| {
        let source = FileSource {
            path: path.into(),
            media: Arc::clone(&media),
            sink,
            reader: Reader::new(path.into(), stated),
            stated_nanos: index.duration_nanos,
            held: None,
            whole: pipe.is_none(),
            cut: Cut::new(part, 0),
            has_end: part.end_nanos.is_some(),
            clock: Clock::default(),
            stop: stop.clone(),
            meter: meter.clone(),
            damage,
        };
        Ok((source.begin(part, &origin)?, orientation))
    });
    let (Begun { source, skipped_nanos, mut format, mut timing }, orientation) = match (begun, chip) {
        (Err(error), Some(chip)) if !stop.asked() => {
            meter.warn(format!("the decoder {chip} failed before the first frame ({error}): software decodes"));
            return open(path, pipe, Request { decoder: &CodecChoice::Software, ..request }, stop, meter);
        }
        (begun, _) => begun?,
    };
    let orientation = orientation.or_else(|| Orientation::of_matrix(index.matrix?)).unwrap_or_default();
    tracks.iter_mut().for_each(|track| track.begin_at(part.start_nanos.unwrap_or(0) - skipped_nanos));
    format.size = orientation.size(format.size);
    timing.aspect = orientation.aspect(timing.aspect);
    // By now all streams have told what they say of themselves.
    let begin_nanos = origin.zero_nanos() + part.start_nanos.unwrap_or(0);
    let about = labels::about(&pads, &index.chapters, begin_nanos, timing.duration_nanos);
    let meant = Meant { format, aspect: timing.aspect, orientation, deinterlace: request.deinterlace };
    let (source, media) =
        (Box::new(Shaped::new(source, meant, meter.clone())), Some(OpenMedia { media, tracks, about }));
    Ok(Opened { source, format, timing, single: part.frames == Some(1), number: 1, media })
}

/// The tracks of `audio` and `texts`. What is not wanted is thrown away, as is the rest.
fn tracks(
    media: &Arc<Media>,
    [mut audio, texts, mut rest]: [Vec<Stream>; 3],
    index: &Index,
    request: Request<'_>,
    origin: &Origin,
) -> Result<Vec<Track>, SourceError> {
    if !request.audio {
        rest.append(&mut audio);
    }
    let sounds = audio.into_iter().map(|stream| sound(media, stream, index, request, origin));
    let texts = texts.into_iter().map(|stream| track::track(media, stream, Kind::Text, None, origin));
    let tracks = sounds.chain(texts).collect::<Result<_, _>>()?;
    for stream in rest {
        track::discard(media, stream)?;
    }
    Ok(tracks)
}

/// The index of a file that has one to look into, with what the head of a Matroska file says of the same. Whether run-ups
/// are hidden, the request says.
fn index_of(path: &Path, pipe: Option<&Pipe>, request: Request<'_>) -> Result<Index, SourceError> {
    if pipe.is_some() {
        return Ok(Index::default());
    }
    let mut index = Index::find(path, request.audio && request.priming && request.part.start_nanos.is_none());
    let head = matroska::Head::read(path);
    index.matrix = index.matrix.or_else(|| head.as_ref()?.matrix());
    let dolby_vision = index.dolby_vision.or_else(|| head.as_ref()?.dolby_vision());
    reader::check_dolby_vision(path, dolby_vision)?;
    if index.encrypted { Err(demux::encrypted(path)) } else { Ok(index) }
}

/// A track of sound, with its run-up where the sink can hide it.
fn sound(
    media: &Media,
    stream: Stream,
    index: &Index,
    request: Request<'_>,
    origin: &Origin,
) -> Result<Track, SourceError> {
    let priming = index.primings.iter().find(|run_up| stream.is_track(run_up.track_id)).copied();
    let enabled = index.tracks.iter().any(|track| track.enabled && stream.is_track(track.id));
    let mut track = track::track(media, stream, Kind::Sound, priming, origin)?;
    if enabled {
        track.choose(true);
    }
    if request.priming && origin.counts() && request.part.start_nanos.is_none() {
        track.keep_opus_run_up();
    }
    Ok(track)
}

struct FileSource {
    path: PathBuf,
    media: Arc<Media>,
    sink: gst_app::AppSink,
    reader: Reader,
    /// Length, where the container says more of it than the demuxer.
    stated_nanos: Option<u64>,
    /// First sample, pulled when the format was asked for.
    held: Option<Timed<gst::Sample>>,
    /// The file can be looked into from outside.
    whole: bool,
    cut: Cut<gst::Sample>,
    /// The sound must not go on behind the part, even where there are no more frames.
    has_end: bool,
    clock: Clock,
    stop: Stop,
    meter: Meter,
    damage: damage::Account,
}

/// A source that has its first frame.
struct Begun {
    source: FileSource,
    /// How far into the input the stream begins.
    skipped_nanos: u64,
    format: FrameFormat,
    timing: Timing,
}

impl FileSource {
    /// Goes to the first frame of `part`: what may fail up to there may be the decoder's fault.
    fn begin(mut self, part: Part, origin: &Origin) -> Result<Begun, SourceError> {
        let skipped_nanos = self.enter(part, origin)?;
        let first = self.first(part, skipped_nanos)?;
        let (format, timing) = self.describe(&first.item, part)?;
        // Whether it can be read at all.
        self.reader.frame(&first.item)?;
        self.held = Some(first);
        Ok(Begun { source: self, skipped_nanos, format, timing })
    }

    /// Goes to a moment before the wanted part, and says how far that is into the input. The rest of the way is decoded:
    /// the frame that is shown when the part begins may have begun long before, and many demuxers arrive elsewhere than
    /// they say. (Nor are they told of the end: some leave out what frames before it depend on.)
    fn enter(&self, part: Part, origin: &Origin) -> Result<u64, SourceError> {
        let near_nanos = part.start_nanos.unwrap_or(0).saturating_sub(RUN_UP_NANOS);
        if near_nanos == 0 || !self.whole || !self.media.has_any(&EXACT_DEMUXERS) {
            return Ok(0);
        }
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        let [near, zero] = [near_nanos, origin.zero_nanos()].map(gst::ClockTime::from_nseconds);
        let near = near.saturating_add(zero);
        origin.leave();
        // Only once data has come through the whole chain does a seek reach the demuxer.
        let _ = self.sink.try_pull_preroll(gst::ClockTime::from_seconds(STALL.as_secs()));
        let sought = self.sink.seek(1.0, flags, gst::SeekType::Set, near, gst::SeekType::None, gst::ClockTime::NONE);
        sought.map(|()| near_nanos).map_err(|_| SourceError::Unsupported {
            path: self.path.clone(),
            what: "a stream that cannot be entered at a given time".into(),
            hint: "put it into a .mkv file".into(),
        })
    }

    /// The first sample of `part`, from a stream that begins `skipped_nanos` into the input.
    fn first(&mut self, part: Part, skipped_nanos: u64) -> Result<Timed<gst::Sample>, SourceError> {
        self.cut = Cut::new(part, skipped_nanos);
        let first = self.wanted()?;
        if part.start_nanos.is_some() {
            // What was decoded on the way to the first frame that is wanted is in no frame that is kept.
            self.damage.forget();
        }
        first.ok_or_else(|| match self.stop.asked() {
            true => SourceError::Stopped,
            false => SourceError::Undecodable {
                path: self.path.clone(),
                reason: "it ends before its first frame (or --start lies behind its end)".into(),
            },
        })
    }

    /// The next sample of the part.
    fn wanted(&mut self) -> Result<Option<Timed<gst::Sample>>, SourceError> {
        let mut cut = std::mem::replace(&mut self.cut, Cut::new(Part::default(), 0));
        let next = cut.next(|what| self.pull(what));
        self.cut = cut;
        next
    }

    /// The next sample, or none at the end, when asked to stop, or when the file breaks off.
    fn pull(&mut self, what: Use) -> Result<Option<Timed<gst::Sample>>, SourceError> {
        if what == Use::Behind {
            self.damage.close();
        }
        let Some(sample) = self.pull_sample(what)? else { return Ok(None) };
        let buffer = sample.buffer().ok_or_else(|| SourceError::Gstreamer("a sample without a frame".into()))?;
        let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
        let pts = buffer.pts().and_then(|pts| segment.map_or(Some(pts), |segment| segment.to_running_time(pts)));
        // Where frames are stored in another order than they are shown in, the last may claim the time of another.
        let left = segment.zip(buffer.pts()).and_then(|(segment, pts)| segment.stop()?.checked_sub(pts));
        let duration = buffer.duration().map(|stated| left.map_or(stated, |left| stated.min(left)));
        let stamp = self.clock.stamp(
            pts.map(gst::ClockTime::nseconds),
            duration.map(gst::ClockTime::nseconds),
            buffer.flags().contains(gst::BufferFlags::DISCONT),
        );
        Ok(Some(Timed { stamp, item: sample }))
    }

    fn pull_sample(&mut self, what: Use) -> Result<Option<gst::Sample>, SourceError> {
        let since = Instant::now();
        let patience = if what == Use::Behind { BEHIND } else { STALL };
        while !self.stop.asked() {
            if let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::from_mseconds(POLL.as_millis() as u64)) {
                return Ok(Some(sample));
            }
            let said = self.media.status.said();
            if self.sink.is_eos() {
                if said.input_warnings > 0 {
                    self.meter.warn(format!("the decoder warned {} times of damaged data", said.input_warnings));
                }
                if let Some(reason) = &said.sound_lost {
                    self.meter.warn(format!("sound was left out, since it cannot be read: {reason}"));
                    self.damage.lose_sound();
                }
                // Frames before an error are good ones; what follows is lost.
                if said.input_error.is_none() && !self.has_end {
                    self.media.status.note(|said| said.drained = true);
                }
                return self.end(said.input_error.map(|failure| failure.text), what);
            }
            if said.output_error.is_some() {
                return Ok(None); // the sink has the reason
            }
            if let Some(failure) = said.input_error {
                return self.end(Some(failure.text), what);
            }
            if since.elapsed() > patience {
                return Err(SourceError::Stalled { path: self.path.clone(), seconds: patience.as_secs() });
            }
        }
        Ok(None)
    }

    /// The stream ended, with an error or without.
    fn end(&self, failure: Option<String>, what: Use) -> Result<Option<gst::Sample>, SourceError> {
        match failure {
            _ if what == Use::Behind => Ok(None),
            None => {
                // Demuxers take the end of a cut file for the end of the stream.
                if let Some(reason) = self.whole.then(|| whole::missing(&self.path)).flatten() {
                    self.meter
                        .truncated(format!("{:?} breaks off after {} frames: {reason}", self.path, self.clock.seq));
                }
                Ok(None)
            }
            Some(reason) if self.clock.seq == 0 => Err(SourceError::Undecodable { path: self.path.clone(), reason }),
            Some(reason) => {
                self.meter.truncated(format!("{:?} breaks off after {} frames: {reason}", self.path, self.clock.seq));
                Ok(None)
            }
        }
    }

    fn describe(&self, sample: &gst::Sample, part: Part) -> Result<(FrameFormat, Timing), SourceError> {
        let (info, format) = self.reader.format(sample)?;
        let rate = Some(info.fps()).filter(|rate| rate.numer() > 0);
        let queried = || self.sink.query_duration::<gst::ClockTime>().map(gst::ClockTime::nseconds);
        let whole = self.stated_nanos.or_else(queried);
        let end = match (part.end_nanos, whole) {
            (Some(end), Some(whole)) => Some(end.min(whole)),
            (end, whole) => end.or(whole),
        };
        let mut duration_nanos = end.map(|end| end.saturating_sub(part.start_nanos.unwrap_or(0)));
        if let (Some(frames), Some(rate)) = (part.frames, rate) {
            let nanos = frames as f64 * f64::from(rate.denom()) / f64::from(rate.numer()) * 1e9;
            duration_nanos = Some(duration_nanos.map_or(nanos as u64, |whole| whole.min(nanos as u64)));
        }
        Ok((format, Timing { rate, aspect: info.par(), duration_nanos }))
    }
}

impl Stored for FileSource {
    fn next(&mut self) -> Result<Option<(Timed<Frame>, Shape)>> {
        let sample = match self.held.take() {
            Some(sample) => Some(sample),
            None => self.wanted()?,
        };
        let buffer = sample.as_ref().and_then(|sample| sample.item.buffer());
        if buffer.is_some_and(|buffer| buffer.flags().contains(gst::BufferFlags::CORRUPTED)) {
            self.damage.mark();
        }
        self.damage.tell(&self.meter);
        let Some(Timed { stamp, item }) = sample else { return Ok(None) };
        let (info, _) = self.reader.format(&item)?;
        let buffer = item.buffer().ok_or_else(|| SourceError::Gstreamer("a sample without a frame".into()))?;
        let shape = Shape::of(&info, buffer);
        Ok(Some((Timed { stamp, item: self.reader.frame(&item)? }, shape)))
    }
}

/// A frame whose time is not after the one before it is shown this much later: the least that files can tell apart.
const TICK_NANOS: u64 = 11_112;

/// Times that run back further than this begin a new timeline: that of another recording, or of a clock that was set.
const JUMP_NANOS: u64 = 1_000_000_000;

/// The latest moment and the longest time that a frame may have, 146 years: sums of some of them are times, too.
const LATEST_NANOS: u64 = 1 << 62;

/// Numbers frames, and gives a time to those that have none or a bad one.
#[derive(Default)]
struct Clock {
    seq: u64,
    last: Option<(u64, u64)>,
    /// Added to what the file says, since its times jumped back.
    offset_nanos: u64,
    /// How many frames had no time stamp, one that did not go forward, or one that jumped back.
    mended: [u64; 3],
}

impl Clock {
    fn stamp(&mut self, pts: Option<u64>, duration: Option<u64>, discontinuity: bool) -> Stamp {
        let [pts, duration] = [pts, duration].map(|stated| stated.map(|nanos| nanos.min(LATEST_NANOS)));
        let expected = self.last.map_or(0, |(pts, duration)| (pts + duration).min(LATEST_NANOS));
        let pts_nanos = match (pts.map(|pts| (pts + self.offset_nanos).min(LATEST_NANOS)), self.last) {
            (Some(pts), Some((last, _))) if pts + JUMP_NANOS < last => {
                self.mended[2] += 1;
                self.offset_nanos += expected - pts;
                expected
            }
            (Some(pts), Some((last, _))) if pts <= last => {
                self.mended[1] += 1;
                (last + TICK_NANOS).min(LATEST_NANOS)
            }
            (Some(pts), _) => pts,
            (None, _) => {
                self.mended[0] += 1;
                expected
            }
        };
        // Matroska files may state a millisecond for every frame; what it took to get here is the better guess then.
        let gap = self.last.map_or(DEFAULT_DURATION_NANOS, |(last, _)| pts_nanos.saturating_sub(last));
        let duration_nanos = duration.filter(|&stated| stated > gap / 4).unwrap_or(gap);
        self.last = Some((pts_nanos, duration_nanos));
        let stamp = Stamp {
            seq: self.seq,
            pts_nanos: Some(pts_nanos),
            duration_nanos: Some(duration_nanos),
            discontinuity,
            ..Stamp::default()
        };
        self.seq += 1;
        stamp
    }

    /// What was mended, in words.
    fn warnings(&self) -> impl Iterator<Item = String> {
        let texts = [
            "some frames have no time stamp: put at the end of the frame before",
            "some time stamps do not go forward: put just behind the frame before",
            "the time stamps jump back: what follows was put behind what came before",
        ];
        let counted = self.mended.into_iter().zip(texts).filter(|(count, _)| *count > 0);
        counted.map(|(count, text)| format!("{text} ({count} times)"))
    }
}

impl Drop for FileSource {
    fn drop(&mut self) {
        // Only now are they counted.
        self.clock.warnings().for_each(|text| self.meter.warn(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_keeps_good_times_and_mends_bad_ones() {
        let mut clock = Clock::default();
        let mut pts = |pts, duration| clock.stamp(pts, duration, false).pts_nanos;
        assert_eq!(pts(Some(5), Some(10)), Some(5));
        assert_eq!(pts(Some(40), Some(10)), Some(40));
        assert_eq!(pts(None, Some(10)), Some(50));
        assert_eq!(pts(Some(50), Some(10)), Some(50 + TICK_NANOS));
        // One repeat does not make the next good stamp a bad one.
        assert_eq!(pts(Some(20_000), Some(10)), Some(20_000));
        assert_eq!(pts(Some(5_000_000_000), Some(2_000_000_000)), Some(5_000_000_000));
        assert_eq!(pts(Some(100), Some(10)), Some(7_000_000_000));
        assert_eq!(pts(Some(140), Some(10)), Some(7_000_000_040));
        assert_eq!(clock.mended, [1, 1, 1]);
        assert!(clock.warnings().all(|text| text.ends_with("(1 times)")));
    }

    #[test]
    fn times_that_no_clock_shows_do_no_harm() {
        let mut clock = Clock::default();
        let endless = Some(u64::MAX - 1);
        for (pts, duration) in [(None, endless), (endless, endless), (Some(7), endless), (endless, None), (None, None)]
        {
            let stamp = clock.stamp(pts, duration, false);
            assert!(stamp.pts_nanos.unwrap() <= LATEST_NANOS && stamp.duration_nanos.unwrap() <= LATEST_NANOS);
        }
    }

    #[test]
    fn a_frame_of_which_nobody_says_how_long_it_lasts_is_shown_all_the_same() {
        let mut clock = Clock::default();
        let mut lasts = |pts| clock.stamp(Some(pts), None, false).duration_nanos;
        assert_eq!(lasts(0), Some(DEFAULT_DURATION_NANOS), "it may be the only one");
        assert_eq!(lasts(20_000_000), Some(20_000_000));
    }
}
