//! What the mouse means.

use std::time::{Duration, Instant};

use super::fit::Area;
use super::keys::{Act, LESS, MORE};

/// Two clicks within this time, and this near to each other, are a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);
const DOUBLE_CLICK_POINTS: f32 = 6.0;
/// How near to the line between before and after a click takes hold of it.
const GRASP_POINTS: f32 = 14.0;
/// How far a touchpad scrolls for a step of the wheel.
const STEP_POINTS: f32 = 30.0;

/// The line between before and after, as it stands in the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    pub(super) picture: Area,
    /// Its column.
    pub(super) column: f32,
}

/// The mouse, in pixels of the window; a point has `scale` of them.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    at: (f32, f32),
    dragging: bool,
    pressed: Option<(Instant, (f32, f32))>,
    /// Scrolled, but not yet a step.
    scrolled: f32,
}

impl Pointer {
    /// It moved; gives the new place of the line if it is being dragged.
    pub(super) fn moved(&mut self, at: (f32, f32), split: Option<Split>) -> Option<f32> {
        self.at = at;
        split.filter(|_| self.dragging).map(|split| split.picture.share_at(at.0))
    }

    /// Whether it can take hold of the line, or has.
    pub(super) fn is_at(&self, split: Option<Split>, scale: f32) -> bool {
        self.dragging || split.is_some_and(|split| (self.at.0 - split.column).abs() <= GRASP_POINTS * scale)
    }

    /// The left button went down.
    pub(super) fn press(&mut self, now: Instant, split: Option<Split>, scale: f32) -> Option<Act> {
        if self.is_at(split, scale) {
            self.dragging = true;
            return None;
        }
        let near = |(x, y): (f32, f32)| (x - self.at.0).hypot(y - self.at.1) <= DOUBLE_CLICK_POINTS * scale;
        let again = self.pressed.is_some_and(|(then, at)| now.duration_since(then) <= DOUBLE_CLICK && near(at));
        self.pressed = (!again).then_some((now, self.at));
        again.then_some(Act::FullScreen)
    }

    /// The left button went up.
    pub(super) fn release(&mut self) {
        self.dragging = false;
    }

    /// A touchpad scrolled by so many pixels.
    pub(super) fn turn_pixels(&mut self, pixels: f32, scale: f32) -> Vec<Act> {
        self.turn(pixels / (STEP_POINTS * scale))
    }

    /// The wheel turned by so many lines: steps.
    pub(super) fn turn(&mut self, steps: f32) -> Vec<Act> {
        self.scrolled += steps;
        let whole = self.scrolled.trunc();
        self.scrolled -= whole;
        vec![if whole > 0.0 { MORE } else { LESS }; whole.abs().min(10.0) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> Option<Split> {
        let picture = Area { left: 100.0, top: 0.0, width: 800.0, height: 450.0 };
        Some(Split { picture, column: 500.0 })
    }

    #[test]
    fn the_line_follows_the_mouse_only_while_it_is_held() {
        let mut pointer = Pointer::default();
        let now = Instant::now();
        assert_eq!(pointer.moved((505.0, 10.0), split()), None);
        assert!(pointer.is_at(split(), 1.0) && !pointer.is_at(None, 1.0));
        assert_eq!(pointer.press(now, split(), 1.0), None);
        assert_eq!(pointer.moved((300.0, 10.0), split()), Some(0.25));
        assert_eq!(pointer.moved((2000.0, 10.0), split()), Some(1.0));
        pointer.release();
        assert_eq!(pointer.moved((300.0, 10.0), split()), None);
        assert!(!pointer.is_at(split(), 1.0));
    }

    #[test]
    fn two_clicks_fill_the_screen_if_they_belong_together() {
        let mut pointer = Pointer::default();
        let now = Instant::now();
        let ms = |ms: u64| now + Duration::from_millis(ms);
        assert_eq!(pointer.press(now, None, 1.0), None);
        assert_eq!(pointer.press(ms(200), None, 1.0), Some(Act::FullScreen));
        assert_eq!(pointer.press(ms(300), None, 1.0), None, "the third click begins anew");
        assert_eq!(pointer.press(ms(900), None, 1.0), None, "too late");
        pointer.moved((50.0, 0.0), None);
        assert_eq!(pointer.press(ms(1000), None, 1.0), None, "too far");
    }

    #[test]
    fn the_wheel_goes_in_steps() {
        let mut pointer = Pointer::default();
        assert_eq!(pointer.turn(2.0), [MORE, MORE]);
        assert_eq!(pointer.turn_pixels(-40.0, 2.0), []);
        assert_eq!(pointer.turn_pixels(-40.0, 2.0), [LESS]);
    }
}
