//! Where the picture lies in the window.

use crate::frame::Size;

/// A part of the window, in pixels from its left upper corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

impl Area {
    /// How far `x` is from the left edge to the right one, 0..=1.
    pub(super) fn share_at(&self, x: f32) -> f32 {
        ((x - self.left) / self.width).clamp(0.0, 1.0)
    }

    /// The column that is this `share` from the left edge to the right one.
    pub(super) fn column_at(&self, share: f32) -> f32 {
        (self.left + share * self.width).round()
    }
}

/// The largest part of `window` that has the shape of `picture`, in its middle, on whole pixels.
pub(super) fn fit(picture: Size, window: Size) -> Area {
    let scale = f64::min(
        f64::from(window.width) / f64::from(picture.width),
        f64::from(window.height) / f64::from(picture.height),
    );
    let side = |of: u32, most: u32| ((f64::from(of) * scale).round() as u32).clamp(1, most.max(1));
    let (width, height) = (side(picture.width, window.width), side(picture.height, window.height));
    let middle = |side: u32, of: u32| (of.saturating_sub(side) / 2) as f32;
    Area {
        left: middle(width, window.width),
        top: middle(height, window.height),
        width: width as f32,
        height: height as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_stays_and_bars_are_equal() {
        let area = |left: u32, top: u32, width: u32, height: u32| {
            let [left, top, width, height] = [left, top, width, height].map(|side| side as f32);
            Area { left, top, width, height }
        };
        let picture = Size::new(1280, 720);
        assert_eq!(fit(picture, Size::new(1280, 720)), area(0, 0, 1280, 720));
        assert_eq!(fit(picture, Size::new(1280, 920)), area(0, 100, 1280, 720));
        assert_eq!(fit(picture, Size::new(800, 360)), area(80, 0, 640, 360));
        assert_eq!(fit(Size::new(720, 1280), Size::new(1920, 1080)), area(656, 0, 608, 1080));
        assert_eq!(fit(Size::new(10_000, 1), Size::new(100, 100)), area(0, 49, 100, 1));
    }

    #[test]
    fn shares_and_columns_belong_together() {
        let area = fit(Size::new(16, 9), Size::new(1000, 360));
        assert_eq!(area.column_at(0.25), 180.0 + 160.0);
        assert_eq!(area.share_at(340.0), 0.25);
        assert_eq!((area.share_at(0.0), area.share_at(2000.0)), (0.0, 1.0));
    }
}
