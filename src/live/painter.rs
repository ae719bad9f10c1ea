//! The stage that paints live frames: in the style that is wanted, at the size that keeps the pace, and from one to the
//! other without a jump.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::atelier::{Atelier, Ordered};
use super::desk::Desk;
use super::hand::{Hand, Key};
use super::ladder::Ladder;
use super::words::Wish;
use crate::convert::Convert;
use crate::error::{Error, Result};
use crate::flow::{Errand, Stage};
use crate::frame::{Frame, FrameFormat, Painted, Size, Timed, tight_planes};
use crate::pool::Pool;

/// How long one painting takes to become another.
const FADE: Duration = Duration::from_millis(500);

/// Paints with the hand that is wanted.
pub(super) struct Painter {
    desk: Desk,
    atelier: Atelier,
    hand: Hand,
    /// The hand that is being made ready.
    coming: Option<(Key, Errand<Hand>)>,
    fade: Option<Fade>,
    last: Option<Painted>,
    ladder: Option<Ladder>,
    net: Size,
    /// Time between two frames of the camera.
    interval: Duration,
    /// What the last frame took, without a fade.
    took: Duration,
    /// When the first frame came: what came before it tells nothing of the pace.
    since: Option<Instant>,
    frames: Pool<u8>,
    /// Paintings that are still to be made, where their number is known.
    left: Option<u64>,
}

/// A painting that another one replaces.
struct Fade {
    from: Faded,
    since: Instant,
}

enum Faded {
    /// It goes on being painted.
    Moving(Box<Hand>),
    /// There is no time for two: it stands still.
    Still(Frame),
}

impl Painter {
    /// Begins with `hand`; `ladder` finds the size for others, where it is not fixed. A frame comes each `interval`. The end
    /// is asked for after `most` frames.
    pub(super) fn new(
        desk: Desk,
        atelier: Atelier,
        hand: Hand,
        ladder: Option<Ladder>,
        interval: Duration,
        most: Option<u64>,
    ) -> Self {
        let (net, frames) = (hand.key.net, atelier.frames());
        let painter = Self {
            desk,
            atelier,
            hand,
            coming: None,
            fade: None,
            last: None,
            ladder,
            net,
            interval,
            took: Duration::ZERO,
            since: None,
            frames,
            left: most,
        };
        painter.tell();
        painter
    }

    /// Who converts colours.
    pub(super) fn converts_on(&self) -> Convert {
        self.hand.convert
    }

    /// Sees to it that the hand comes that is wanted.
    fn follow(&mut self) {
        if let Some((key, done)) = self.coming.as_ref().and_then(|(key, errand)| Some((*key, errand.done()?))) {
            self.coming = None;
            match done {
                Ok(hand) => self.hand_over(hand, Duration::ZERO),
                Err(error) => self.give_up(key, &error),
            }
        }
        let wanted = Key { style: self.desk.wanted().style, net: self.net };
        let expected = self.coming.as_ref().map_or(self.hand.key, |(key, _)| *key);
        // One after the other: who leafs through the styles does not wait for all of them.
        if wanted == expected || self.coming.is_some() {
            return;
        }
        if let Some((hand, left)) = self.take_fading(wanted) {
            // The fade turns round where it is.
            return self.hand_over(*hand, left);
        }
        match self.atelier.order(wanted) {
            Ordered::Ready(hand) => self.hand_over(*hand, Duration::ZERO),
            Ordered::Later(errand) => self.coming = Some((wanted, errand)),
        }
    }

    /// The hand that fades out, if it is the one of `key`, and what is left of its fade.
    fn take_fading(&mut self, key: Key) -> Option<(Box<Hand>, Duration)> {
        match self.fade.take() {
            Some(Fade { from: Faded::Moving(hand), since }) if hand.key == key => {
                Some((hand, FADE.saturating_sub(since.elapsed())))
            }
            other => {
                self.fade = other;
                None
            }
        }
    }

    /// From now on `hand` paints; so much of the fade to it is over.
    fn hand_over(&mut self, hand: Hand, over: Duration) {
        let from = std::mem::replace(&mut self.hand, hand);
        self.end_fade();
        let both_fit = 2 * self.took < self.interval;
        self.fade = match (&self.last, both_fit) {
            (None, _) => {
                self.atelier.rest(from);
                None
            }
            (Some(_), true) => Some(Faded::Moving(Box::new(from))),
            (Some(last), false) => {
                self.atelier.rest(from);
                Some(Faded::Still(last.frame.clone()))
            }
        }
        .map(|from| Fade { from, since: Instant::now().checked_sub(over).unwrap_or_else(Instant::now) });
        self.tell();
    }

    fn give_up(&mut self, key: Key, error: &Error) {
        self.desk.board().note(format!("cannot change the style: {error}"));
        tracing::info!("{key:?} could not be made ready: {error}");
        // By now something else may be wished for.
        if self.desk.wanted().style == key.style {
            self.desk.set_style(self.hand.key.style);
        }
        self.net = self.hand.key.net;
        self.ladder = self.ladder.take().filter(|_| key.net == self.hand.key.net);
    }

    fn end_fade(&mut self) {
        if let Some(Fade { from: Faded::Moving(hand), .. }) = self.fade.take() {
            self.atelier.rest(*hand);
        }
    }

    /// Mixes what fades into `painting`.
    fn mix_fade(&mut self, frame: &Timed<Frame>, painting: Frame) -> Result<Frame> {
        let Some(fade) = &mut self.fade else { return Ok(painting) };
        let share = fade.since.elapsed().as_secs_f32() / FADE.as_secs_f32();
        if share >= 1.0 {
            self.end_fade();
            return Ok(painting);
        }
        let from = match &mut fade.from {
            Faded::Moving(hand) => hand.paint(frame)?,
            Faded::Still(frame) => frame.clone(),
        };
        mix(&from, &painting, share, &self.frames)
    }

    /// Lets the ladder see how long a frame took.
    fn keep_pace(&mut self, took: Duration) {
        self.took = took;
        let since = *self.since.get_or_insert_with(Instant::now);
        // While a hand is made ready, it takes the cores. A model that takes one size only is no faster at another.
        let tells = self.coming.is_none() && self.hand.net == self.hand.key.net;
        let Some(ladder) = self.ladder.as_mut().filter(|_| tells) else { return };
        if let Some(net) = ladder.painted(took, since.elapsed()) {
            tracing::debug!("a frame takes {took:?}: the network goes on at {net}");
            self.net = net;
        }
    }

    /// Counts a painting; says whether it is one too many. Frames are still under way when the end is asked for.
    fn is_too_many(&mut self) -> bool {
        let Some(left) = &mut self.left else { return false };
        let too_many = *left == 0;
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.desk.wish(Wish::Quit);
        }
        too_many
    }

    fn tell(&self) {
        let Hand { key, name, provider, device, net, .. } = &self.hand;
        self.desk.board().write(|status| {
            status.style = key.style;
            status.style_name.clone_from(name);
            status.provider.clone_from(provider);
            status.device.clone_from(device);
            status.net_size = Some(*net);
        });
    }
}

impl Stage for Painter {
    type In = Frame;
    type Out = Painted;

    fn process(&mut self, mut frame: Timed<Frame>) -> Result<Timed<Painted>> {
        frame.stamp.rehearsed |= self.is_too_many();
        if let Some(last) = self.last.as_ref().filter(|_| self.desk.wanted().frozen) {
            return Ok(Timed { stamp: frame.stamp, item: last.clone() });
        }
        self.follow();
        let begun = Instant::now();
        let painting = self.hand.paint(&frame)?;
        let took = begun.elapsed();
        let painting = self.mix_fade(&frame, painting)?;
        self.keep_pace(took);
        let Timed { stamp, item: original } = frame;
        let painted = Painted { original, frame: painting };
        self.last = Some(painted.clone());
        Ok(Timed { stamp, item: painted })
    }
}

/// `share` of the picture `to`, the rest of `from`: frames without padding, of one format.
fn mix(from: &Frame, to: &Frame, share: f32, frames: &Pool<u8>) -> Result<Frame> {
    let format: FrameFormat = to.format();
    let (planes, len) = tight_planes(format.pixels, format.size);
    let mut bytes = frames.lend(len);
    let weight = (share * 256.0) as u16;
    for (index, plane) in planes.iter().enumerate().take(format.pixels.planes()) {
        let (row_bytes, rows) = format.pixels.plane_extent(index, format.size);
        for y in 0..rows {
            let out = &mut bytes[plane.offset_bytes + y * row_bytes..][..row_bytes];
            for ((out, &from), &to) in out.iter_mut().zip(from.row(index, y)).zip(to.row(index, y)) {
                // At most 256 * 255 + 128.
                *out = ((u16::from(from) * (256 - weight) + u16::from(to) * weight + 128) >> 8) as u8;
            }
        }
    }
    Frame::new(format, planes, Arc::new(bytes)).map_err(|error| Error::Internal(format!("a faded frame: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::desk::Wanted;
    use super::super::words::Board;
    use super::*;
    use crate::compose::Controls;
    use crate::flow::Stop;
    use crate::frame::{Colour, PixelFormat, Stamp};
    use crate::job::{Engine, Network, StyleChoice};
    use crate::model::{Provider, zoo};
    use crate::report::Meter;

    fn grey(value: u8) -> Frame {
        let size = Size::new(6, 4);
        let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
        let (planes, len) = tight_planes(format.pixels, size);
        Frame::new(format, planes, Arc::new(vec![value; len])).unwrap()
    }

    #[test]
    fn a_fade_goes_from_one_picture_to_the_other() {
        let frames = Pool::new();
        for (share, wanted) in [(0.0, 20), (0.25, 65), (0.5, 110), (1.0, 200)] {
            let mixed = mix(&grey(20), &grey(200), share, &frames).unwrap();
            assert!(mixed.bytes().iter().all(|&value| value == wanted), "{share}: {:?}", mixed.row(0, 0));
        }
        assert!(mix(&grey(255), &grey(255), 0.3, &frames).unwrap().bytes().iter().all(|&value| value == 255));
    }

    /// A painter of tiny frames in the first style of the zoo.
    fn painter(desk: &Desk, most: Option<u64>) -> Painter {
        painter_in(StyleChoice::Zoo(None), desk, most)
    }

    fn painter_in(style: StyleChoice, desk: &Desk, most: Option<u64>) -> Painter {
        let engine = Engine { style, provider: Provider::Cpu, threads: Some(1), ..Engine::default() };
        let network = Network::open(&engine).unwrap();
        let (format, styles) = (grey(0).format(), desk.board().read().styles);
        let atelier = Atelier::new(engine, styles, format, desk.controls(), Meter::new());
        let hand = atelier.first(Key { style: Some(0), net: format.size }, &network).unwrap();
        Painter::new(desk.clone(), atelier, hand, None, Duration::from_secs(1), most)
    }

    fn desk(stop: &Stop) -> Desk {
        let board = Board::default();
        board.write(|status| status.styles = zoo::styles().map(String::from).collect());
        let wanted = Wanted { style: Some(0), ..Wanted::default() };
        Desk::new(Controls::default(), wanted, board, stop.clone())
    }

    fn paint(painter: &mut Painter, seq: u64) -> Timed<Painted> {
        painter.process(Timed { stamp: Stamp { seq, ..Stamp::default() }, item: grey(120) }).unwrap()
    }

    #[test]
    fn styles_change_while_every_frame_is_painted() {
        let desk = desk(&Stop::new());
        let mut painter = painter(&desk, None);
        let names: Vec<_> = zoo::styles().collect();
        let (mut seq, since) = (0, Instant::now());
        for (wish, name) in [(Wish::StyleBy(1), names[1]), (Wish::Style(4), names[4]), (Wish::StyleBy(-4), names[0])] {
            desk.wish(wish);
            while desk.board().read().style_name != name || painter.fade.is_some() {
                assert_eq!(paint(&mut painter, seq).stamp.seq, seq);
                seq += 1;
                assert!(since.elapsed() < Duration::from_secs(60), "{name} does not come");
            }
        }
        // The first one was kept.
        assert!(painter.coming.is_none());
        desk.wish(Wish::Style(99));
        paint(&mut painter, seq);
        assert_eq!(desk.board().read().style_name, names[0]);
    }

    #[test]
    fn a_style_that_still_fades_out_comes_back_at_once() {
        let desk = desk(&Stop::new());
        let mut painter = painter(&desk, None);
        let names: Vec<_> = zoo::styles().collect();
        let (mut seq, since) = (0, Instant::now());
        // On a busy machine a fade may be over before it is seen, or stand still.
        let mut wished = 0;
        while !matches!(&painter.fade, Some(Fade { from: Faded::Moving(_), .. })) {
            if painter.coming.is_none() && desk.board().read().style_name == names[wished] {
                wished = 1 - wished;
                desk.wish(Wish::Style(wished));
            }
            paint(&mut painter, seq);
            seq += 1;
            assert!(since.elapsed() < Duration::from_secs(60), "no style fades");
        }
        let fade = painter.fade.as_mut().unwrap();
        fade.since = Instant::now().checked_sub(FADE / 5).unwrap();
        desk.wish(Wish::Style(1 - wished));
        painter.follow();
        assert!(painter.coming.is_none());
        assert_eq!(desk.board().read().style_name, names[1 - wished]);
        let over = painter.fade.as_ref().unwrap().since.elapsed();
        assert!(over >= FADE * 3 / 4, "the fade goes on from where it was, not from the other style: {over:?}");
    }

    #[test]
    fn a_model_of_one_size_is_shown_with_that_and_climbs_no_ladder() {
        let fixed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/models/fixed.onnx");
        let desk = desk(&Stop::new());
        let mut painter = painter_in(StyleChoice::File(fixed.into()), &desk, None);
        painter.ladder = Some(Ladder::new(Size::new(6, 4), Duration::from_nanos(1)));
        painter.since = Some(Instant::now().checked_sub(Duration::from_secs(3)).unwrap());
        (0..3).for_each(|seq| drop(paint(&mut painter, seq)));
        assert_eq!(desk.board().read().net_size, Some(Size::new(64, 48)));
        assert_eq!(painter.net, Size::new(6, 4));
    }

    #[test]
    fn a_frozen_picture_stays_and_its_time_goes_on() {
        let desk = desk(&Stop::new());
        let mut painter = painter(&desk, None);
        let first = paint(&mut painter, 0);
        desk.wish(Wish::Freeze);
        let frozen = paint(&mut painter, 1);
        assert_eq!(frozen.stamp.seq, 1);
        assert!(std::ptr::eq(frozen.item.frame.bytes(), first.item.frame.bytes()));
        desk.wish(Wish::Freeze);
        assert!(!std::ptr::eq(paint(&mut painter, 2).item.frame.bytes(), first.item.frame.bytes()));
    }

    #[test]
    fn the_end_is_asked_for_after_the_last_frame_and_what_comes_then_goes_nowhere() {
        let stop = Stop::new();
        let mut painter = painter(&desk(&stop), Some(2));
        assert!(!paint(&mut painter, 0).stamp.rehearsed && !stop.asked());
        assert!(!paint(&mut painter, 1).stamp.rehearsed && stop.asked());
        assert!(paint(&mut painter, 2).stamp.rehearsed);
    }
}
