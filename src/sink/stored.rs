//! The encoded frames of an unfinished video file, as they stand in it. Nothing is decoded.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Instant;

use gst::prelude::*;

use super::container::Container;
use crate::isobmff::{self, Sample};
use crate::media::pipeline::{POLL, STALL, init};
use crate::resume::Unit;
use crate::resume::journal::digest;

/// Frames that may wait to be asked for.
const AHEAD: u32 = 8;

/// A video file that is read.
pub(super) enum Stored {
    /// By its boxes: of an unfinished MP4 GStreamer's demuxer finds the first half second only.
    Boxes {
        file: File,
        samples: std::vec::IntoIter<Sample>,
    },
    Demuxed(Demuxed),
}

impl Stored {
    /// Opens `path`, which may end anywhere.
    ///
    /// # Errors
    /// When it cannot be read, or GStreamer has no demuxer for it.
    pub(super) fn open(path: &Path, container: Container) -> io::Result<Self> {
        if container.is_isobmff() {
            let samples = isobmff::video_samples(path)?.into_iter();
            return Ok(Self::Boxes { file: File::open(path)?, samples });
        }
        Demuxed::open(path).map(Self::Demuxed).map_err(io::Error::other)
    }

    /// The next frame in the order of decoding, if it is `unit`.
    ///
    /// # Errors
    /// When it cannot be read now; what cannot be made sense of is no frame.
    pub(super) fn next(&mut self, unit: &Unit) -> io::Result<Option<gst::Buffer>> {
        let buffer = match self {
            Self::Demuxed(demuxed) => demuxed.next()?,
            Self::Boxes { file, samples } => {
                let sample = samples.next().filter(|sample| sample.size == unit.bytes);
                sample.map(|sample| read(file, sample)).transpose()?
            }
        };
        let is_unit = |buffer: &gst::Buffer| {
            buffer.size() as u64 == unit.bytes && buffer.map_readable().is_ok_and(|bytes| digest(&bytes) == unit.digest)
        };
        Ok(buffer.filter(is_unit))
    }
}

fn read(file: &mut File, sample: Sample) -> io::Result<gst::Buffer> {
    let mut bytes = vec![0; usize::try_from(sample.size).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(sample.offset))?;
    file.read_exact(&mut bytes)?;
    Ok(gst::Buffer::from_mut_slice(bytes))
}

/// A Matroska file, taken apart by GStreamer.
pub(super) struct Demuxed {
    pipeline: gst::Pipeline,
    frames: gst_app::AppSink,
}

impl Demuxed {
    fn open(path: &Path) -> Result<Self, gst::glib::BoolError> {
        init().map_err(|error| gst::glib::bool_error!("{error}"))?;
        let pipeline = gst::Pipeline::new();
        let file = gst::ElementFactory::make("filesrc").property("location", path).build()?;
        // No parser behind it: the bytes are to be those that the muxer was given.
        let demuxer = gst::ElementFactory::make("matroskademux").build()?;
        let frames = gst_app::AppSink::builder().sync(false).async_(false).max_buffers(AHEAD).build();
        pipeline.add_many([&file, &demuxer, frames.upcast_ref()])?;
        file.link(&demuxer)?;
        let sink = frames.static_pad("sink");
        demuxer.connect_pad_added(move |_, pad| {
            if let Some(sink) = sink.as_ref().filter(|sink| pad.name().starts_with("video") && !sink.is_linked()) {
                // If it does not link, no frame comes.
                let _ = pad.link(sink);
            }
        });
        let demuxed = Self { pipeline, frames };
        // An error is on the bus, too, and means that there is nothing.
        let _ = demuxed.pipeline.set_state(gst::State::Playing);
        Ok(demuxed)
    }

    fn next(&mut self) -> io::Result<Option<gst::Buffer>> {
        let since = Instant::now();
        let poll = gst::ClockTime::from_mseconds(POLL.as_millis() as u64);
        let ends = [gst::MessageType::Error, gst::MessageType::Eos];
        loop {
            if let Some(sample) = self.frames.try_pull_sample(poll) {
                return Ok(sample.buffer_owned());
            }
            let ended = self.pipeline.bus().and_then(|bus| bus.pop_filtered(&ends));
            // The file, not what is in it.
            if let Some(gst::MessageView::Error(error)) = ended.as_ref().map(|message| message.view())
                && error.error().is::<gst::ResourceError>()
            {
                return Err(io::Error::other(error.error().to_string()));
            }
            if self.frames.is_eos() || ended.is_some() {
                return Ok(None);
            }
            if since.elapsed() > STALL {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

impl Drop for Demuxed {
    fn drop(&mut self) {
        // Going to Null cannot fail for elements that went up.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// How many of `units` stand in `path`, from the first on.
///
/// # Errors
/// When it cannot be read now.
pub(super) fn count(path: &Path, container: Container, units: &[Unit]) -> io::Result<usize> {
    let mut stored = Stored::open(path, container)?;
    for (count, unit) in units.iter().enumerate() {
        if stored.next(unit)?.is_none() {
            return Ok(count);
        }
    }
    Ok(units.len())
}
