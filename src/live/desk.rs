//! What the user wants at this moment: the controls that the window's keys turn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Board, Wish};
use crate::compose::{Controls, LiveControls};
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Place of the style in the list; none: the one that the run began with, which is not in there.
    pub(super) style: Option<usize>,
    /// The picture stands still.
    pub(super) frozen: bool,
    /// A recording is made.
    pub(super) recording: bool,
    /// Number of pictures that were asked for so far.
    pub(super) snapshots: u64,
}

/// How much the stabiliser steadies that is switched on where it was off from the start.
const STEADINESS: f32 = 0.8;

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
    pub(super) fn set_style(&self, place: Option<usize>) {
        self.lock().style = place;
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
            Wish::Quit => self.stop.ask(),
        }
        self.controls.set(controls);
        self.tell();
    }

    fn turn_style(&self, places: i32) {
        let count = self.board.read().styles.len() as i64;
        let from = match self.lock().style {
            Some(place) => place as i64,
            // From outside the list one step forward leads to its begin, one back to its end.
            None if places > 0 => -1,
            None => count,
        };
        if count > 0 {
            self.lock().style = usize::try_from((from + i64::from(places)).rem_euclid(count)).ok();
        }
    }

    fn choose_style(&self, place: usize) {
        if place < self.board.read().styles.len() {
            self.lock().style = Some(place);
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

    fn desk(style: Option<usize>) -> Desk {
        let board = Board::default();
        board.write(|status| status.styles = ["a", "b", "c"].map(String::from).to_vec());
        Desk::new(Controls::default(), Wanted { style, ..Wanted::default() }, board, Stop::new())
    }

    #[test]
    fn styles_go_round() {
        for (from, places, to) in [(0, 1, 1), (2, 1, 0), (0, -1, 2), (1, -5, 2), (0, i32::MIN, 1)] {
            let desk = desk(Some(from));
            desk.wish(Wish::StyleBy(places));
            assert_eq!(desk.wanted().style, Some(to), "{from} {places}");
        }
        let outside = desk(None);
        outside.wish(Wish::StyleBy(1));
        assert_eq!(outside.wanted().style, Some(0));
        let outside = desk(None);
        outside.wish(Wish::StyleBy(-1));
        assert_eq!(outside.wanted().style, Some(2));
    }

    #[test]
    fn a_style_that_is_not_there_changes_nothing() {
        let desk = desk(Some(1));
        desk.wish(Wish::Style(3));
        assert_eq!(desk.wanted().style, Some(1));
        desk.wish(Wish::Style(2));
        assert_eq!(desk.wanted().style, Some(2));
    }

    #[test]
    fn strength_goes_in_exact_steps_and_ends_at_its_bounds() {
        let desk = desk(Some(0));
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
    fn switches_switch_and_the_board_tells() {
        let desk = desk(Some(0));
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
        assert!(stop.asked());
    }
}
