//! The stage that paints live frames: in the style that is wanted, at the size that keeps the pace, and from one to the
//! other without a jump.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::atelier::{Atelier, Ordered};
use super::desk::Desk;
use super::hand::{Hand, Key};
use super::ladder::Ladder;
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

    /// Who converts colours, and why not a card, where one was to be expected.
    pub(super) fn converts(&self) -> (Convert, &str) {
        self.hand.converts()
    }

    /// Sees to it that the hand comes that is wanted.
    fn follow(&mut self, now: Instant) {
        if let Some((key, done)) = self.coming.as_ref().and_then(|(key, errand)| Some((*key, errand.done()?))) {
            self.coming = None;
            match done {
                Ok(hand) => self.hand_over(hand, Duration::ZERO, now),
                Err(error) => self.give_up(key, &error),
            }
        }
        let wanted = Key { style: self.desk.wanted().style, net: self.net };
        let expected = self.coming.as_ref().map_or(self.hand.key, |(key, _)| *key);
        // One after the other: who leafs through the styles does not wait for all of them.
        if wanted == expected || self.coming.is_some() {
            return;
        }
        if let Some((hand, left)) = self.take_fading(wanted, now) {
            // The fade turns round where it is.
            return self.hand_over(*hand, left, now);
        }
        match self.atelier.order(wanted) {
            Ordered::Ready(hand) => self.hand_over(*hand, Duration::ZERO, now),
            Ordered::Later(errand) => self.coming = Some((wanted, errand)),
        }
    }

    /// The hand that fades out, if it is the one of `key`, and what is left of its fade.
    fn take_fading(&mut self, key: Key, now: Instant) -> Option<(Box<Hand>, Duration)> {
        match self.fade.take() {
            Some(Fade { from: Faded::Moving(hand), since }) if hand.key == key => {
                Some((hand, FADE.saturating_sub(now.duration_since(since))))
            }
            other => {
                self.fade = other;
                None
            }
        }
    }

    /// From now on `hand` paints; so much of the fade to it is over.
    fn hand_over(&mut self, hand: Hand, over: Duration, now: Instant) {
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
        .map(|from| Fade { from, since: now.checked_sub(over).unwrap_or(now) });
        self.tell();
    }

    /// The hand of `key` cannot be had: this one goes on.
    fn give_up(&mut self, key: Key, error: &Error) {
        let here = self.hand.key;
        // Where the size is another one, too, that is tried with this style.
        let what = if key.style != here.style {
            // By now something else may be wished for.
            if self.desk.wanted().style == key.style {
                self.desk.set_style(here.style);
            }
            format!("the style cannot be changed: {error}")
        } else {
            // It would be asked for again and again.
            (self.net, self.ladder) = (here.net, None);
            format!("the network stays at {}, whatever its pace: it does not run at {} ({error})", here.net, key.net)
        };
        self.desk.board().note(what.clone());
        self.atelier.meter().warn_each_time(what);
    }

    fn end_fade(&mut self) {
        if let Some(Fade { from: Faded::Moving(hand), .. }) = self.fade.take() {
            self.atelier.rest(*hand);
        }
    }

    /// Mixes what fades into `painting`.
    fn mix_fade(&mut self, frame: &Timed<Frame>, painting: Frame, now: Instant) -> Result<Frame> {
        let Some(fade) = &mut self.fade else { return Ok(painting) };
        let share = now.duration_since(fade.since).as_secs_f32() / FADE.as_secs_f32();
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
            self.desk.end();
        }
        too_many
    }

    fn tell(&self) {
        let Hand { key, name, provider, device, net, .. } = &self.hand;
        self.desk.board().write(|status| {
            status.style = Some(key.style);
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
        self.follow(Instant::now());
        let begun = Instant::now();
        let painting = self.hand.paint(&frame)?;
        let took = begun.elapsed();
        let painting = self.mix_fade(&frame, painting, begun)?;
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
mod tests;
