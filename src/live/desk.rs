//! What the user wants at this moment: the controls that the window's keys turn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::compose::{Controls, LiveControls};
use crate::control::{Board, Wish};
use crate::flow::Stop;

/// Takes wishes, and says what is wanted. Clones are the same desk.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    controls: LiveControls,
    board: Board,
    wanted: Arc<Mutex<Wanted>>,
    stop: Stop,
    /// How much the stabiliser steadies where it is on.
    steadiness: f32,
}

/// What is wanted beside the [`Controls`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// Place of the style in the list.
    pub(super) style: usize,
    /// How much of it there was before the original took its place.
    pub(super) strength: f32,
    /// The picture stands still.
    pub(super) frozen: bool,
    /// A recording is made.
    pub(super) recording: bool,
    /// A server is sent the picture.
    pub(super) streaming: bool,
    /// When the end was wished last, while one of both went on.
    pub(super) end_wished: Option<Instant>,
    /// Number of pictures that were asked for so far.
    pub(super) snapshots: u64,
}

/// How much the stabiliser steadies that is switched on where it was off from the start.
const STEADINESS: f32 = 0.8;
/// Within this time the end must be wished again where it would cut something off.
const AGAIN: Duration = Duration::from_secs(3);

impl Desk {
    /// Begins with `controls` and `wanted`, and tells `board` of them. The end is asked of `stop`.
    pub(super) fn new(controls: Controls, wanted: Wanted, board: Board, stop: Stop) -> Self {
        let steadiness = if controls.stabilise > 0.0 { controls.stabilise } else { STEADINESS };
        let controls = LiveControls::new(controls);
        let desk = Self { controls, board, wanted: Arc::new(Mutex::new(wanted)), stop, steadiness };
        desk.tell();
        desk
    }

    /// The controls that the stylizers obey.
    pub(super) fn controls(&self) -> LiveControls {
        self.controls.clone()
    }

    /// What is wanted now.
    pub(super) fn wanted(&self) -> Wanted {
        *self.lock()
    }

    /// Where the status is shown.
    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// A recording cannot go on.
    pub(super) fn set_recording(&self, recording: bool) {
        self.lock().recording = recording;
    }

    /// The style could not be had: that at `place` stays.
    pub(super) fn set_style(&self, place: usize) {
        self.lock().style = place;
    }

    /// It ends now, whatever goes on.
    pub(super) fn end(&self) {
        self.stop.ask();
    }

    /// Whether the end was asked for.
    pub(super) fn is_over(&self) -> bool {
        self.stop.asked()
    }

    /// Does as the user wishes.
    pub(super) fn wish(&self, wish: Wish) {
        let mut controls = self.controls.get();
        match wish {
            Wish::StyleBy(places) => self.turn_style(places),
            Wish::Style(place) => self.choose_style(place),
            // In whole hundredths: ten steps of a tenth are exactly 1.
            Wish::StrengthBy(step) => {
                controls.strength = ((controls.strength + step) * 100.0).round().clamp(0.0, 100.0) / 100.0;
            }
            Wish::Original => controls.strength = self.turn_strength(controls.strength),
            Wish::KeepColour => controls.keep_colour = !controls.keep_colour,
            Wish::Stabilise => controls.stabilise = if controls.stabilise > 0.0 { 0.0 } else { self.steadiness },
            Wish::Freeze => {
                let mut wanted = self.lock();
                wanted.frozen = !wanted.frozen;
            }
            Wish::Snapshot => self.lock().snapshots += 1,
            Wish::Record => {
                let mut wanted = self.lock();
                wanted.recording = !wanted.recording;
            }
            Wish::Quit => self.wish_end(Instant::now()),
        }
        let changes_the_painting = !matches!(wish, Wish::Freeze | Wish::Snapshot | Wish::Record | Wish::Quit);
        if changes_the_painting && self.wanted().frozen {
            self.board.note("frozen: the change shows when the picture moves again (Space)");
        }
        self.controls.set(controls);
        self.tell();
    }

    fn turn_style(&self, places: i32) {
        let count = self.board.read().styles.len() as i64;
        if count > 0 {
            let mut wanted = self.lock();
            wanted.style = (wanted.style as i64 + i64::from(places)).rem_euclid(count) as usize;
        }
    }

    fn choose_style(&self, place: usize) {
        if place < self.board.read().styles.len() {
            self.lock().style = place;
        }
    }

    /// The strength that follows `strength` where original and painting change places.
    fn turn_strength(&self, strength: f32) -> f32 {
        let mut wanted = self.lock();
        if strength > 0.0 {
            wanted.strength = strength;
            0.0
        } else if wanted.strength > 0.0 {
            wanted.strength
        } else {
            1.0
        }
    }

    /// The end is wished at the window, where a key is pressed by mistake: what it would cut off it does not end at once.
    fn wish_end(&self, now: Instant) {
        let mut wanted = self.lock();
        let going_on = match (wanted.recording, wanted.streaming) {
            (false, false) => return self.end(),
            (true, false) => "recording",
            (false, true) => "streaming",
            (true, true) => "recording and streaming",
        };
        if wanted.end_wished.replace(now).is_some_and(|before| now.duration_since(before) <= AGAIN) {
            self.end();
        } else {
            self.board.note(format!("{going_on}: close again, or Q, to stop and quit"));
        }
    }

    fn tell(&self) {
        let (controls, wanted) = (self.controls.get(), self.wanted());
        self.board.write(|status| {
            status.strength = controls.strength;
            status.keep_colour = controls.keep_colour;
            status.stabilise = controls.stabilise > 0.0;
            status.frozen = wanted.frozen;
        });
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(style: usize) -> Desk {
        let board = Board::default();
        board.write(|status| status.styles = ["a", "b", "c"].map(String::from).to_vec());
        Desk::new(Controls::default(), Wanted { style, ..Wanted::default() }, board, Stop::new())
    }

    #[test]
    fn styles_go_round() {
        for (from, places, to) in [(0, 1, 1), (2, 1, 0), (0, -1, 2), (1, -5, 2), (0, i32::MIN, 1)] {
            let desk = desk(from);
            desk.wish(Wish::StyleBy(places));
            assert_eq!(desk.wanted().style, to, "{from} {places}");
        }
    }

    #[test]
    fn a_style_that_is_not_there_changes_nothing() {
        let desk = desk(1);
        desk.wish(Wish::Style(3));
        assert_eq!(desk.wanted().style, 1);
        desk.wish(Wish::Style(2));
        assert_eq!(desk.wanted().style, 2);
    }

    #[test]
    fn strength_goes_in_exact_steps_and_ends_at_its_bounds() {
        let desk = desk(0);
        for _ in 0..3 {
            desk.wish(Wish::StrengthBy(-0.1));
        }
        assert_eq!(desk.controls().get().strength, 0.7);
        (0..9).for_each(|_| desk.wish(Wish::StrengthBy(-0.1)));
        assert_eq!((desk.controls().get().strength, desk.board().read().strength), (0.0, 0.0));
        (0..11).for_each(|_| desk.wish(Wish::StrengthBy(0.1)));
        assert_eq!(desk.controls().get().strength, 1.0);
    }

    #[test]
    fn original_and_painting_change_places_and_the_strength_comes_back() {
        let desk = desk(0);
        desk.wish(Wish::StrengthBy(-0.4));
        let strengths = [0, 1, 2].map(|_| {
            desk.wish(Wish::Original);
            desk.controls().get().strength
        });
        assert_eq!(strengths, [0.0, 0.6, 0.0]);
        let none = Desk::new(
            Controls { strength: 0.0, ..Controls::default() },
            Wanted::default(),
            Board::default(),
            Stop::new(),
        );
        none.wish(Wish::Original);
        assert_eq!(none.controls().get().strength, 1.0);
    }

    #[test]
    fn of_a_frozen_picture_it_is_said_why_nothing_changes() {
        let desk = desk(0);
        desk.wish(Wish::Style(1));
        assert_eq!(desk.board().read().note.1, "");
        desk.wish(Wish::Freeze);
        assert_eq!(desk.board().read().note.1, "");
        for wish in [Wish::StyleBy(1), Wish::Style(0), Wish::StrengthBy(-0.1), Wish::Original, Wish::KeepColour] {
            desk.board().note("");
            desk.wish(wish);
            assert!(desk.board().read().note.1.starts_with("frozen"), "{wish:?}");
        }
        assert_eq!(desk.wanted().style, 0);
    }

    #[test]
    fn switches_switch_and_the_board_tells() {
        let desk = desk(0);
        for wish in [Wish::KeepColour, Wish::Stabilise, Wish::Freeze, Wish::Record, Wish::Snapshot] {
            desk.wish(wish);
        }
        let (controls, wanted, status) = (desk.controls().get(), desk.wanted(), desk.board().read());
        assert_eq!((controls.keep_colour, controls.stabilise), (true, STEADINESS));
        assert_eq!((wanted.frozen, wanted.recording, wanted.snapshots), (true, true, 1));
        assert!(status.keep_colour && status.stabilise && status.frozen);
        desk.wish(Wish::Stabilise);
        desk.wish(Wish::Freeze);
        assert_eq!((desk.controls().get().stabilise, desk.wanted().frozen), (0.0, false));
    }

    #[test]
    fn the_end_is_asked_of_the_stop() {
        let stop = Stop::new();
        let desk = Desk::new(Controls::default(), Wanted::default(), Board::default(), stop.clone());
        desk.wish(Wish::Quit);
        assert!(stop.asked() && desk.is_over());
    }

    #[test]
    fn what_the_end_would_cut_off_it_ends_only_when_it_is_wished_again() {
        let (now, long) = (Instant::now(), AGAIN + Duration::from_millis(1));
        for (recording, streaming, what) in
            [(true, false, "recording:"), (false, true, "streaming:"), (true, true, "recording and streaming:")]
        {
            let wanted = Wanted { recording, streaming, ..Wanted::default() };
            let desk = Desk::new(Controls::default(), wanted, Board::default(), Stop::new());
            for moment in [now, now + long] {
                desk.wish_end(moment);
                assert!(!desk.is_over() && desk.board().read().note.1.starts_with(what), "{:?}", desk.board().read());
            }
            desk.wish_end(now + long + AGAIN);
            assert!(desk.is_over());
        }
    }
}
