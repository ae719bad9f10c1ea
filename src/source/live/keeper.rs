//! A live input that may be lost and come back: frames go on all the while.

use std::time::{Duration, Instant};

use super::feed::{Feed, News, Picture, square};
use super::moment::Line;
use super::{Live, USUAL, dark, nominal};
use crate::error::{Error, Result};
use crate::flow::{Source, Stop};
use crate::frame::{Frame, Timed};
use crate::pool::Pool;
use crate::report::Meter;
use crate::source::SourceError;
use crate::source::fit::Fit;
use crate::source::pipeline::{Failure, POLL};

/// An input that gives no frame for so long has stopped.
const WATCH: Duration = Duration::from_secs(2);

/// A silent feed is listened to for so long before another is tried.
const HOLD: Duration = Duration::from_secs(4);

/// Time between two frames of the placeholder.
const STILL: Duration = Duration::from_millis(100);

/// What is filmed, and how it is opened again.
pub(super) trait Origin: Send {
    /// What it is called.
    fn name(&self) -> &str;

    /// How long its first frame may take.
    fn patience(&self) -> Duration;

    /// Whether the end of the stream is the end of it, or, where it has `failed`, that is; else it is opened again.
    fn ends(&self, failed: bool) -> bool;

    /// Begins to open it again, if that can be done now; `held` says whether the feed of before is still listened to.
    /// Never waits. None while there is nothing to try.
    fn again(&mut self, held: bool) -> Option<Feed>;

    /// Why it cannot be used, after `failure`, or silence.
    fn refusal(&self, failure: Option<&Failure>, missing: Option<String>) -> Error;
}

/// Opens a live input of `origin`, whose first feed is `feed`: waits for its first frame.
pub(super) fn open(origin: Box<dyn Origin>, mut feed: Feed, stop: &Stop, meter: &Meter) -> Result<Live> {
    let since = Instant::now();
    let first = loop {
        if stop.asked() {
            return Err(SourceError::Stopped.into());
        }
        match feed.wait(POLL)? {
            News::Picture(picture) => break picture,
            News::Nothing if since.elapsed() < origin.patience() => {}
            News::Nothing | News::Ended => return Err(origin.refusal(None, feed.missing())),
            News::Failed(failure) => return Err(origin.refusal(Some(&failure), feed.missing())),
        }
    };
    let format = square(first.frame.format(), first.aspect);
    let rate = feed.rate().and_then(nominal).unwrap_or(USUAL.rate);
    let name = origin.name().to_owned();
    let mut fit = Fit::new(format, gst::Fraction::new(1, 1), Pool::new(), meter.clone());
    let last = fit.exactly(first.frame, first.aspect)?;
    let keeper = Keeper {
        origin,
        state: State::Running { feed, heard: Instant::now() },
        begun: false,
        line: Line::default(),
        fit,
        last,
        stop: stop.clone(),
        meter: meter.clone(),
    };
    Ok(Live { source: Box::new(keeper), format, rate, name })
}

/// How it stands.
enum State {
    /// Frames come.
    Running {
        feed: Feed,
        /// When the last one came.
        heard: Instant,
    },
    /// None come.
    Lost(Lost),
    /// It is over.
    Ended,
}

/// What is done while no frames come.
struct Lost {
    /// Listened to: that of before, or one that was opened since.
    feed: Option<Feed>,
    /// Since when.
    since: Instant,
    still: Frame,
    /// When the next frame of the placeholder is due.
    due: Instant,
}

struct Keeper {
    origin: Box<dyn Origin>,
    state: State,
    /// Somebody has asked for a frame.
    begun: bool,
    line: Line,
    fit: Fit,
    /// The last frame that was given.
    last: Frame,
    stop: Stop,
    meter: Meter,
}

impl Keeper {
    /// The first frame told the format, some time ago. The one that is given first is of now.
    fn begin(&mut self) {
        if let State::Running { feed, heard } = &mut self.state
            && !std::mem::replace(&mut self.begun, true)
        {
            feed.begin();
            *heard = Instant::now();
        }
    }

    fn give(&mut self, picture: Picture) -> Result<Timed<Frame>> {
        let item = self.fit.exactly(picture.frame, picture.aspect)?;
        self.last = item.clone();
        Ok(Timed { stamp: self.line.stamp(picture.captured), item })
    }

    /// No more frames come from `feed`.
    fn lose(&mut self, feed: Option<Feed>, how: &str) -> Result<()> {
        let name = self.origin.name();
        self.meter.warn(format!("{name}: {how}; a darkened picture goes on until frames come again"));
        let now = Instant::now();
        self.state = State::Lost(Lost { feed, since: now, still: dark::darkened(&self.last)?, due: now });
        self.line.cut();
        Ok(())
    }
}

impl Source for Keeper {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        self.begin();
        while !self.stop.asked() {
            let frame = match std::mem::replace(&mut self.state, State::Ended) {
                State::Running { feed, heard } => self.listen(feed, heard)?,
                State::Lost(lost) => self.search(lost)?,
                State::Ended => return Ok(None),
            };
            if frame.is_some() {
                return Ok(frame);
            }
        }
        Ok(None)
    }
}

impl Keeper {
    /// A frame of `feed`, whose last one came when it was `heard`.
    fn listen(&mut self, mut feed: Feed, heard: Instant) -> Result<Option<Timed<Frame>>> {
        match feed.wait(POLL) {
            Ok(News::Picture(picture)) => {
                self.state = State::Running { feed, heard: Instant::now() };
                return self.give(picture).map(Some);
            }
            Ok(News::Nothing) if heard.elapsed() < WATCH => self.state = State::Running { feed, heard },
            Ok(News::Nothing) => self.lose(Some(feed), "no frame comes")?,
            Ok(News::Ended) if self.origin.ends(false) => {}
            Ok(News::Ended) => self.lose_feed(feed, "the stream ended")?,
            Ok(News::Failed(failure)) => self.fail(feed, &failure.text)?,
            Err(error) => self.fail(feed, &error.to_string())?,
        }
        Ok(None)
    }

    /// `feed` broke.
    fn fail(&mut self, feed: Feed, how: &str) -> Result<()> {
        if self.origin.ends(true) {
            self.meter.truncated(format!("{} breaks off: {how}", self.origin.name()));
            return Ok(());
        }
        self.lose_feed(feed, how)
    }

    fn lose_feed(&mut self, feed: Feed, how: &str) -> Result<()> {
        feed.abandon();
        self.lose(None, how)
    }

    /// A frame of what is tried now, or of the placeholder once that is due.
    fn search(&mut self, mut lost: Lost) -> Result<Option<Timed<Frame>>> {
        if let Some(feed) = self.origin.again(lost.feed.is_some()) {
            lost.hold(feed);
        }
        let left = lost.due.saturating_duration_since(Instant::now());
        if let Some(mut feed) = lost.feed.take() {
            match feed.wait(left) {
                Ok(News::Picture(picture)) => {
                    self.meter.warn(format!("{}: frames come again", self.origin.name()));
                    self.line.cut();
                    self.state = State::Running { feed, heard: Instant::now() };
                    return self.give(picture).map(Some);
                }
                Ok(News::Nothing) if lost.since.elapsed() < HOLD => lost.feed = Some(feed),
                _ => feed.abandon(),
            }
            if lost.feed.is_none() && self.origin.ends(true) {
                self.meter.truncated(format!("{} breaks off: no frame comes any more", self.origin.name()));
                return Ok(None);
            }
        }
        std::thread::sleep(lost.due.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        lost.due = now + STILL;
        let frame = Timed { stamp: self.line.stamp(now), item: lost.still.clone() };
        self.state = State::Lost(lost);
        Ok(Some(frame))
    }
}

impl Lost {
    /// Listens to `feed` from now on.
    fn hold(&mut self, feed: Feed) {
        if let Some(before) = self.feed.replace(feed) {
            before.abandon();
        }
        self.since = Instant::now();
    }
}
