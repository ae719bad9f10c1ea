//! The elements of one file: encoder, muxer, and what stands between them and the tracks.

use std::sync::Arc;

use gst::prelude::*;

use super::container::Container;
use super::encoder::make;
use super::end::{End, last_until_the_end};
use super::leftover::Kept;
use super::recorder::Recorder;
use super::replay::Seam;
use super::steady::steady;
use super::{Goal, audio, labels, stdout, text};
use crate::error::SinkError;
use crate::isobmff;
use crate::media::pipeline::FILE_SINK;
use crate::media::{Kind, Media, Track};
use crate::report::Meter;

/// Encoded video that may wait for the sound it is muxed with. It is as good as unbounded: the muxer waits for sound
/// that stands later in the file, and the demuxer reaches it only if video goes on.
const ENCODED_BYTES: u32 = 256 << 20;

/// Ticks a second that time stamps are at least stored with.
const FINE_CLOCK: u32 = 90_000;

/// A fragment every second is what survives an unfinished run; at the end they become an ordinary file. Not oftener: qtmux (1.22)
/// loses 4 KiB with each fragment of a file of several tracks, an array that it begins anew without freeing the old one.
const FRAGMENT_MS: u32 = 1000;

/// Makes the elements of one file.
pub(super) struct Builder<'a> {
    pub(super) media: &'a Media,
    pub(super) container: Container,
    pub(super) goal: &'a Goal,
    pub(super) end: &'a Arc<End>,
    pub(super) recorder: &'a Recorder,
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
    pub(super) fn muxer(&self) -> Result<gst::Element, SinkError> {
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
                // What an unfinished run has encoded is to be on the disk.
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
    pub(super) fn video(
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
        let input = self.request(muxer, "video_%u")?;
        if self.container.is_isobmff() {
            input.set_property("trak-timescale", timescale(rate));
        }
        if let Some(src) = queue.static_pad("src") {
            if self.container.is_isobmff() {
                last_until_the_end(&src, Arc::clone(self.end));
            }
            // Behind it: what is resumed ends where it would have ended.
            self.recorder.watch(&src);
        }
        self.link(&queue, &input)?;
        if let Some(file) = self.media.pipeline.by_name(FILE_SINK) {
            self.start(&[muxer.clone(), file])?;
        }
        self.start(&chain)?;
        joined.map_or(Ok(()), |(seam, _)| self.start(&[seam.input().clone()]))?;
        Ok(frames)
    }

    /// Those of `tracks` that the container has a kind for, one of each kind chosen; the others run into nowhere.
    pub(super) fn held(&self, tracks: Vec<Track>, meter: &Meter) -> Vec<Track> {
        let is_held = |track: &Track| track.kind == Kind::Sound || text::is_held(&track.caps, self.container);
        let (held, rest): (Vec<_>, Vec<_>) = tracks.into_iter().partition(is_held);
        if !rest.is_empty() {
            let codecs: Vec<_> = rest.iter().map(Track::codec).collect();
            meter.warn(format!("left out: {}: {} cannot hold such subtitles", codecs.join(", "), self.container));
        }
        rest.into_iter().for_each(Track::discard);
        labels::choose(&held);
        held
    }

    /// How `track` gets into the container; notes the run-up that an encoder adds.
    pub(super) fn way(&self, muxer: &gst::Element, track: &mut Track) -> Result<audio::Way, SinkError> {
        if track.kind == Kind::Text {
            let (chain, converted) = text::chain(&track.caps, self.container)?;
            return Ok(audio::Way { chain, converted, run_up_samples: 0 });
        }
        let accepted = accepted(muxer, "audio_%u").ok_or_else(|| self.failed("it holds no sound"))?;
        let way = match track.is_live {
            true => audio::live(self.container)?,
            false => audio::way(&track.caps, &accepted, self.container, self.goal.name())?,
        };
        let rate = track.caps.structure(0).and_then(|s| s.get::<i32>("rate").ok());
        if let Some(rate) = rate.and_then(|rate| u64::try_from(rate).ok()).filter(|&rate| rate > 0)
            && self.container.hides_priming()
        {
            track.encoder_run_up_nanos = way.run_up_samples * 1_000_000_000 / rate;
        }
        Ok(way)
    }

    /// From a track of the source to the muxer.
    pub(super) fn track(
        &self,
        muxer: &gst::Element,
        track: &Track,
        way: audio::Way,
        meter: &Meter,
    ) -> Result<(), SinkError> {
        if let Some(text) = way.converted {
            meter.warn(text);
        }
        let input = self.request(muxer, if track.kind == Kind::Sound { "audio_%u" } else { "subtitle_%u" })?;
        tracing::debug!(caps = %track.caps, "a track of {:?}", track.kind);
        if track.kind == Kind::Sound {
            let status = Arc::clone(&self.media.status);
            input.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                status.note(|said| said.sound_fed += 1);
                gst::PadProbeReturn::Remove
            });
        }
        if track.kind == Kind::Sound && self.container.is_isobmff() {
            steady(&track.pad, &track.caps);
        }
        let chain = way.chain;
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

/// Mends the fragments that go to `file`: what an unfinished run leaves is to play.
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
