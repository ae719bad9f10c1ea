//! A live input that may be lost and come back: frames go on all the while.

use std::time::{Duration, Instant};

use super::feed::{Feed, News, Picture, square};
use super::moment::Line;
use super::{Live, USUAL, dark, nominal};
use crate::error::{Error, Result, SourceError};
use crate::flow::{Source, Stop};
use crate::frame::{Frame, Timed};
use crate::media::pipeline::{Failure, POLL};
use crate::pool::Pool;
use crate::report::Meter;
use crate::source::fit::Fit;

/// An input whose frames come as they are taken has stopped when none came for so long.
pub(super) const WATCH: Duration = Duration::from_secs(2);

/// A feed that fell silent is listened to for so long before another is tried.
const HOLD: Duration = Duration::from_secs(4);

/// Time between two frames of the placeholder.
const STILL: Duration = Duration::from_millis(100);

/// A round of what begins anew where it ends takes at least so long.
const ROUND: Duration = Duration::from_millis(100);

/// What is filmed, and how it is opened again.
pub(super) trait Origin: Send {
    /// What it is called.
    fn name(&self) -> &str;

    /// How long its first frame may take, each time it is opened.
    fn patience(&self) -> Duration;

    /// How long it may give nothing before it counts as lost.
    fn watch(&self) -> Duration {
        WATCH
    }

    /// Whether the end of the stream is the end of it, or, where it has `failed`, that is; else it is opened again.
    fn ends(&self, failed: bool) -> bool;

    /// What goes on, at once, where it has come to its end, if anything does.
    ///
    /// # Errors
    /// When that cannot be opened.
    fn next_round(&self) -> Result<Option<Feed>, SourceError> {
        Ok(None)
    }

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
        round: Instant::now(),
        shown: false,
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
    /// How long yet.
    until: Instant,
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
    /// Since when this round of it lasts, and whether it has shown anything.
    round: Instant,
    shown: bool,
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
        self.shown = true;
        Ok(Timed { stamp: self.line.stamp(picture.captured), item })
    }

    /// No more frames come from `feed`.
    fn lose(&mut self, feed: Option<Feed>, how: &str) -> Result<()> {
        let name = self.origin.name();
        self.meter.warn_each_time(format!("{name}: {how}; a darkened picture goes on until frames come again"));
        let now = Instant::now();
        self.state = State::Lost(Lost { feed, until: now + HOLD, still: dark::darkened(&self.last)?, due: now });
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
            Ok(News::Nothing) if heard.elapsed() < self.origin.watch() => self.state = State::Running { feed, heard },
            Ok(News::Nothing) => self.lose(Some(feed), "no frame comes")?,
            Ok(News::Ended) => self.end(feed)?,
            Ok(News::Failed(failure)) => self.fail(feed, &failure.text)?,
            Err(error) => self.fail(feed, &error.to_string())?,
        }
        Ok(None)
    }

    /// `feed` came to its end.
    fn end(&mut self, feed: Feed) -> Result<()> {
        if !self.shown {
            // It would be followed by others like it, for ever.
            return self.fail(feed, "this time it showed nothing");
        }
        // A still is over at once.
        std::thread::sleep(ROUND.saturating_sub(self.round.elapsed()));
        if let Some(next) = self.origin.next_round()? {
            (self.round, self.shown) = (Instant::now(), false);
            feed.abandon();
            self.line.cut();
            self.state = State::Running { feed: next, heard: Instant::now() };
            return Ok(());
        }
        if self.origin.ends(false) {
            return Ok(());
        }
        self.lose_feed(feed, "the stream ended")
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
            lost.hold(feed, self.origin.patience());
        }
        let left = lost.due.saturating_duration_since(Instant::now());
        if let Some(mut feed) = lost.feed.take() {
            match feed.wait(left) {
                Ok(News::Picture(picture)) => {
                    self.meter.warn_each_time(format!("{}: frames come again", self.origin.name()));
                    self.line.cut();
                    self.state = State::Running { feed, heard: Instant::now() };
                    return self.give(picture).map(Some);
                }
                Ok(News::Nothing) if Instant::now() < lost.until => lost.feed = Some(feed),
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
    /// Listens to `feed` from now on, which may take so long.
    fn hold(&mut self, feed: Feed, patience: Duration) {
        if let Some(before) = self.feed.replace(feed) {
            before.abandon();
        }
        self.until = Instant::now() + patience;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use gst::prelude::*;

    use super::*;
    use crate::frame::Size;
    use crate::media::pipeline;
    use crate::source::live::feed::{Intake, Pace};

    /// Nothing here takes so long unless it hangs.
    const HANG: Duration = Duration::from_secs(60);

    /// A white wall that is filmed by one feed after the other.
    struct Wall {
        feeds: VecDeque<Feed>,
        /// So often it cannot be opened again before it can.
        denials: u32,
        ends: bool,
    }

    impl Origin for Wall {
        fn name(&self) -> &str {
            "wall"
        }

        fn patience(&self) -> Duration {
            HANG
        }

        fn ends(&self, _failed: bool) -> bool {
            self.ends
        }

        fn again(&mut self, held: bool) -> Option<Feed> {
            if held || self.denials > 0 {
                self.denials = self.denials.saturating_sub(1);
                return None;
            }
            self.feeds.pop_front()
        }

        fn refusal(&self, failure: Option<&Failure>, _missing: Option<String>) -> Error {
            Error::Device(failure.map_or("silent".into(), |failure| failure.text.clone()))
        }
    }

    /// A feed of white frames of `size`, with `element` behind them, and what sets their size.
    fn feed(size: Size, element: &str) -> (Feed, gst::Element) {
        pipeline::init().unwrap();
        let make = |text: &str| gst::parse::bin_from_description(text, true).unwrap().upcast::<gst::Element>();
        let filter = gst::ElementFactory::make("capsfilter").property("caps", caps(size)).build().unwrap();
        let source = make("videotestsrc is-live=true pattern=white");
        let chain = vec![source, filter.clone(), make(element)];
        (Feed::start(Intake::Chain(chain), Pace::Arrival, "wall").unwrap(), filter)
    }

    fn caps(size: Size) -> gst::Caps {
        let caps = gst::Caps::builder("video/x-raw").field("format", "YUY2").field("width", size.width.cast_signed());
        caps.field("height", size.height.cast_signed()).field("framerate", gst::Fraction::new(50, 1)).build()
    }

    fn opened(feed: Feed, others: Vec<Feed>, ends: bool, meter: &Meter) -> Live {
        open(Box::new(Wall { feeds: others.into(), denials: 3, ends }), feed, &Stop::new(), meter).unwrap()
    }

    /// The next frame that is like this.
    fn until(live: &mut Live, is_it: impl Fn(&Timed<Frame>) -> bool) -> Timed<Frame> {
        let since = Instant::now();
        loop {
            assert!(since.elapsed() < HANG);
            let frame = live.source.next().unwrap().unwrap();
            assert_eq!(frame.item.format(), live.format);
            if is_it(&frame) {
                return frame;
            }
        }
    }

    fn corner(frame: &Timed<Frame>) -> u8 {
        frame.item.row(0, 0)[0]
    }

    #[test]
    fn row_38_a_size_that_changes_while_it_films_is_brought_to_the_first() {
        let (feed, filter) = feed(Size::new(64, 48), "identity");
        let mut live = opened(feed, Vec::new(), false, &Meter::new());
        assert_eq!(live.format.size, Size::new(64, 48));
        until(&mut live, |frame| corner(frame) > 200);
        filter.set_property("caps", caps(Size::new(128, 48)));
        let wide = until(&mut live, |frame| corner(frame) < 24);
        let rows = [0, 10, 14, 33, 37, 47].map(|y| wide.item.row(0, y)[32] > 200);
        assert_eq!(rows, [false, false, true, true, false, false], "between bars of twelve rows");
    }

    #[test]
    fn row_37_what_ends_or_fails_is_stood_in_for_until_another_feed_gives_frames() {
        for (accident, text) in [("identity eos-after=4", "the stream ended"), ("identity error-after=4", "wall: ")] {
            let meter = Meter::new();
            let size = Size::new(64, 48);
            let (others, first) = (vec![feed(size, "identity").0], feed(size, accident).0);
            // The frame that opened it may have been the last.
            let mut live = opened(first, others, false, &meter);
            let dark = until(&mut live, |frame| corner(frame) < 120);
            let again = until(&mut live, |frame| corner(frame) > 200);
            assert!(dark.stamp.discontinuity && again.stamp.discontinuity);
            assert!(!until(&mut live, |_| true).stamp.discontinuity);
            let warnings = meter.warnings();
            assert!(warnings.len() == 2 && warnings[0].contains(text), "{warnings:?}");
            assert!(warnings[1].ends_with("frames come again"), "{warnings:?}");
        }
    }

    #[test]
    fn row_37_what_is_opened_again_may_take_as_long_as_at_first() {
        let size = Size::new(64, 48);
        let slow = feed(size, "identity sleep-time=6000000").0;
        let mut live = opened(feed(size, "identity eos-after=4").0, vec![slow], false, &Meter::new());
        until(&mut live, |frame| corner(frame) < 120);
        until(&mut live, |frame| corner(frame) > 200);
    }

    #[test]
    fn row_37_what_is_lost_again_is_said_again() {
        let (meter, size) = (Meter::new(), Size::new(64, 48));
        let accident = || feed(size, "identity eos-after=4").0;
        let mut live = opened(accident(), vec![accident(), feed(size, "identity").0], false, &meter);
        let twice = |text: &str| text.ends_with(" (2 times)");
        let since = Instant::now();
        while !meter.warnings().iter().any(|text| text.contains("come again") && twice(text)) {
            assert!(since.elapsed() < HANG, "{:?}", meter.warnings());
            until(&mut live, |_| true);
        }
        assert!(meter.warnings().iter().all(|text| twice(text)), "{:?}", meter.warnings());
    }

    #[test]
    fn row_37_a_picture_goes_on_while_nothing_can_be_opened() {
        let meter = Meter::new();
        let mut live = opened(feed(Size::new(64, 48), "identity eos-after=4").0, Vec::new(), false, &meter);
        let dark = until(&mut live, |frame| corner(frame) < 120);
        let mut last = dark.stamp;
        for _ in 0..5 {
            let next = until(&mut live, |_| true);
            assert!(corner(&next) < 120 && !next.stamp.discontinuity && next.stamp.pts_nanos > last.pts_nanos);
            last = next.stamp;
        }
    }

    #[test]
    fn a_recording_that_breaks_off_ends_and_says_so() {
        let meter = Meter::new();
        let mut live = opened(feed(Size::new(64, 48), "identity error-after=4").0, Vec::new(), true, &meter);
        while live.source.next().unwrap().is_some() {}
        assert!(live.source.next().unwrap().is_none(), "and stays ended");
        assert!(meter.warnings()[0].starts_with("wall breaks off: "), "{:?}", meter.warnings());
    }

    #[test]
    fn a_wish_to_stop_ends_the_source_and_what_is_refused_says_why() {
        let stop = Stop::new();
        let wall = |feeds: Vec<Feed>| Box::new(Wall { feeds: feeds.into(), denials: 0, ends: false });
        let mut live = open(wall(Vec::new()), feed(Size::new(64, 48), "identity").0, &stop, &Meter::new()).unwrap();
        assert!(live.source.next().unwrap().is_some());
        stop.ask();
        assert!(live.source.next().unwrap().is_none());
        let broken = feed(Size::new(64, 48), "identity error-after=1").0;
        let error = open(wall(Vec::new()), broken, &Stop::new(), &Meter::new()).err().unwrap();
        assert_eq!((error.exit_code(), error.to_string().is_empty()), (6, false));
    }
}
