//! One pipeline that gives the newest frame of a live input. What goes wrong in it is told, never waited for.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use gst::prelude::*;

use super::moment;
use crate::error::{Result, SourceError};
use crate::frame::{Frame, FrameFormat};
use crate::media::caps::Stated;
use crate::media::pipeline::{Failure, Media};
use crate::media::{element, pad};
use crate::source::reader::Reader;

/// How long the end of a run waits for a pipeline to let go of its camera.
const LETTING_GO: Duration = Duration::from_secs(2);

/// What becomes of a frame without more loss than there must be.
const WANTED: [gst_video::VideoFormat; 5] = [
    gst_video::VideoFormat::I420,
    gst_video::VideoFormat::Gray8,
    gst_video::VideoFormat::I42010le,
    gst_video::VideoFormat::I42012le,
    gst_video::VideoFormat::Gray16Le,
];

/// What a pipeline begins with.
pub(super) enum Intake {
    /// Elements that give raw video, one behind the other.
    Chain(Vec<gst::Element>),
    /// An element that shows its streams later.
    Streams(gst::Element),
}

/// When frames are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As they come.
    Arrival,
    /// When their time has come, which begins with [`Feed::begin`], or at once ([`Feed::go_on`]). Only the first can be had before.
    Time,
}

/// A frame as it came.
pub(super) struct Picture {
    pub(super) frame: Frame,
    /// Shape of its pixels.
    pub(super) aspect: gst::Fraction,
    pub(super) captured: Instant,
}

/// What a feed has to tell.
pub(super) enum News {
    /// A frame that was not given before.
    Picture(Picture),
    /// Nothing yet.
    Nothing,
    /// It came to its end.
    Ended,
    /// It broke.
    Failed(Failure),
}

/// A pipeline at work, or on its way there.
pub(super) struct Feed {
    /// None when it was let go.
    media: Option<Media>,
    sink: gst_app::AppSink,
    reader: Reader,
    /// Whether the pipeline has come up; unset while it is on its way.
    up: Arc<OnceLock<bool>>,
    /// Whether time goes on.
    begun: bool,
    rate: Option<gst::Fraction>,
}

impl Feed {
    /// Starts a pipeline behind `intake`. `name` is said where a frame cannot be read.
    pub(super) fn start(intake: Intake, pace: Pace, name: &str) -> Result<Self, SourceError> {
        Self::open(intake, pace, pace == Pace::Arrival, name)
    }

    /// Starts one that takes the place of another: time goes on at once.
    pub(super) fn go_on(intake: Intake, pace: Pace, name: &str) -> Result<Self, SourceError> {
        // Not by `begin` behind `start`: calls that are asynchronous have no order, and the pause may win.
        Self::open(intake, pace, true, name)
    }

    fn open(intake: Intake, pace: Pace, begun: bool, name: &str) -> Result<Self, SourceError> {
        let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
        let media = Media::new()?;
        // The clock of our own instants: that of a camera would run apart from it.
        media.pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        let sink = gst_app::AppSink::builder().sync(pace == Pace::Time).max_buffers(1).drop(true).build();
        sink.set_enable_last_sample(false);
        let tail = tail(&sink)?;
        media.input.add_many(&tail).map_err(gstreamer)?;
        gst::Element::link_many(&tail).map_err(gstreamer)?;
        match intake {
            Intake::Chain(chain) => {
                media.input.add_many(&chain).map_err(gstreamer)?;
                gst::Element::link_many(chain.iter().chain(tail.first())).map_err(gstreamer)?;
            }
            Intake::Streams(source) => {
                media.input.add(&source).map_err(gstreamer)?;
                take_picture(&source, &media, &pad(&tail[0], "sink")?);
            }
        }
        let up = Arc::new(OnceLock::new());
        let raised = Arc::clone(&up);
        let state = if begun { gst::State::Playing } else { gst::State::Paused };
        // Opening a device may take its time, or for ever.
        let status = Arc::clone(&media.status);
        media.pipeline.call_async(move |pipeline| {
            let _ = raised.set(pipeline.set_state(state).is_ok());
            status.note(|_| {}); // wakes who waits for it
        });
        let reader = Reader::new(Path::new(name).into(), Stated::default());
        Ok(Self { media: Some(media), sink, reader, up, begun, rate: None })
    }

    /// Lets time begin.
    pub(super) fn begin(&mut self) {
        if let Some(media) = self.media.as_ref().filter(|_| !self.begun) {
            media.pipeline.call_async(|pipeline| {
                // What does not begin posts an error.
                let _ = pipeline.set_state(gst::State::Playing);
            });
        }
        self.begun = true;
    }

    /// What is new, within `patience`. Frames that came before an accident are told before it.
    pub(super) fn wait(&mut self, patience: Duration) -> Result<News, SourceError> {
        let since = Instant::now();
        let is_up = self.up.get().copied();
        let first = self.pull(if is_up == Some(true) { patience } else { Duration::ZERO })?;
        let (None, Some(media)) = (&first, &self.media) else { return Ok(first.map_or(News::Ended, News::Picture)) };
        // A sink that does not run gives nothing at once.
        let left = patience.saturating_sub(since.elapsed());
        let came_up = || is_up != self.up.get().copied();
        let said = media.status.wait(left, |said| said.failed() || self.has_ended() || came_up());
        let ended = self.has_ended();
        if let Some(last) = self.pull(Duration::ZERO)? {
            return Ok(News::Picture(last));
        }
        Ok(match said.input_error.or(said.output_error) {
            Some(failure) => News::Failed(failure),
            None if is_up == Some(false) => News::Failed(Failure::plain("it does not start")),
            None if ended => News::Ended,
            None => News::Nothing,
        })
    }

    /// The next frame, if there is one within `patience`.
    fn pull(&mut self, patience: Duration) -> Result<Option<Picture>, SourceError> {
        let Some(media) = &self.media else { return Ok(None) };
        let patience = gst::ClockTime::from_nseconds(u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX));
        let sink = &self.sink;
        let sample = if self.begun { sink.try_pull_sample(patience) } else { sink.try_pull_preroll(patience) };
        let Some(sample) = sample else { return Ok(None) };
        let captured = moment::captured(&sample, &media.pipeline);
        self.picture(&sample, captured).map(Some)
    }

    /// Whether the end has come. A sink that has not begun says so, too.
    fn has_ended(&self) -> bool {
        self.up.get() == Some(&true) && self.sink.is_eos()
    }

    fn picture(&mut self, sample: &gst::Sample, captured: Instant) -> Result<Picture, SourceError> {
        let (info, _) = self.reader.format(sample)?;
        self.rate = Some(info.fps()).filter(|rate| rate.numer() > 0);
        Ok(Picture { frame: self.reader.frame(sample)?, aspect: info.par(), captured })
    }

    /// Frames a second, where the input says it; none before the first frame.
    pub(super) fn rate(&self) -> Option<gst::Fraction> {
        self.rate
    }

    /// A decoder that is missing, in words.
    pub(super) fn missing(&self) -> Option<String> {
        self.media.as_ref().and_then(|media| media.status.said().missing)
    }

    /// Lets go of what it holds, without waiting for it: a camera that is gone may take its time.
    pub(super) fn abandon(mut self) {
        self.let_go();
    }

    /// Stops the pipeline from a thread of GStreamer's; what is returned closes when that is done.
    fn let_go(&mut self) -> Receiver<()> {
        let (done, closed) = bounded(0);
        if let Some(media) = self.media.take() {
            media.pipeline.clone().call_async(move |_| {
                drop(media);
                drop::<crossbeam_channel::Sender<()>>(done);
            });
        }
        closed
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if self.media.is_some() {
            // Closed without a word, or late: both are the end.
            let _ = self.let_go().recv_timeout(LETTING_GO);
        }
    }
}

/// From raw video to frames: upright, progressive, of a layout that frames are made of.
fn tail(sink: &gst_app::AppSink) -> Result<Vec<gst::Element>, SourceError> {
    let upright = element("videoflip")?;
    upright.set_property_from_str("video-direction", "auto");
    let progressive = element("deinterlace")?;
    progressive.set_property_from_str("fields", "top");
    let filter = element("capsfilter")?;
    let wanted = gst_video::VideoCapsBuilder::new().format_list(WANTED).build();
    filter.set_property("caps", wanted);
    Ok(vec![upright, progressive, element("videoconvert")?, filter, sink.clone().upcast()])
}

/// Links the first picture that `source` shows to `input`; sound and the rest run into nowhere.
fn take_picture(source: &gst::Element, media: &Media, input: &gst::Pad) {
    let (bin, sink) = (media.input.downgrade(), input.clone());
    source.connect_pad_added(move |_, stream| {
        let caps = stream.current_caps().unwrap_or_else(|| stream.query_caps(None));
        let picture = caps.structure(0).is_some_and(|structure| structure.name() == "video/x-raw");
        let linked = if picture && !sink.is_linked() {
            stream.link(&sink).is_ok()
        } else {
            bin.upgrade().is_some_and(|bin| discard(&bin, stream).is_ok())
        };
        if !linked {
            tracing::debug!("a stream of {caps} leads nowhere");
        }
    });
    let (status, sink) = (Arc::clone(&media.status), input.clone());
    source.connect_no_more_pads(move |_| {
        if !sink.is_linked() {
            status.note(|said| _ = said.input_error.get_or_insert(Failure::plain("no video stream is in it")));
        }
    });
}

fn discard(bin: &gst::Bin, stream: &gst::Pad) -> Result<(), SourceError> {
    let gstreamer = |error: gst::glib::BoolError| SourceError::Gstreamer(error.to_string());
    let nowhere = element("fakesink")?;
    nowhere.set_property("sync", false);
    nowhere.set_property("async", false);
    bin.add(&nowhere).map_err(gstreamer)?;
    nowhere.sync_state_with_parent().map_err(gstreamer)?;
    stream.link(&pad(&nowhere, "sink")?).map(drop).map_err(|error| SourceError::Gstreamer(error.to_string()))
}

/// Format of frames that show what `format` does with pixels of `aspect`: I420, of square pixels.
pub(super) fn square(format: FrameFormat, aspect: gst::Fraction) -> FrameFormat {
    let mut size = format.size;
    if aspect.numer() > 0 && aspect.denom() > 0 && aspect.numer() != aspect.denom() {
        let width = f64::from(size.width) * f64::from(aspect.numer()) / f64::from(aspect.denom());
        size.width = (width.round() as u32).next_multiple_of(2);
    }
    FrameFormat { size, pixels: crate::frame::PixelFormat::I420, ..format }
}
