//! The size that the network works at, so that it keeps the pace of the camera: down where it is too slow, up again where
//! there is time to spare.
//!
//! Another size paints with other strokes, which is seen. So it changes at most once in ten seconds, downwards to a size that
//! will do at once, and upwards only where the larger size is expected to hold; where it did not, the next try waits longer.

use std::time::Duration;

use crate::frame::Size;

/// Sides, as shares of the picture's.
const SHARES: [f64; 5] = [1.0, 0.75, 0.5, 0.375, 0.25];
/// Shortest time between two changes.
const SHORTEST: Duration = Duration::from_secs(10);
/// What a try upwards waits for at most, after others failed.
const LONGEST: Duration = Duration::from_secs(320);
/// Time after the start in which the figures are not those of the run yet.
const WARM_UP: Duration = Duration::from_secs(2);
/// Share of the time between two frames that painting may take before it is too slow, ...
const TOO_SLOW: f64 = 0.97;
/// ... that it is to take after a step down, ...
const COMFORTABLE: f64 = 0.85;
/// ... and that it is expected to take at most before a step up.
const SPARE: f64 = 0.7;
/// Weight of the newest frame in the average: some thirty frames count.
const NEWEST: f64 = 1.0 / 16.0;

/// Decides on the size.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    sizes: Vec<Size>,
    rung: usize,
    interval: f64,
    average: Option<f64>,
    changed: Duration,
    went_up: bool,
    patience: Duration,
}

impl Ladder {
    /// For pictures of `size`, one each `interval`.
    pub(super) fn new(size: Size, interval: Duration) -> Self {
        let side = |length: u32, share: f64| ((f64::from(length) * share / 2.0).round() as u32 * 2).max(2);
        let sizes = SHARES.iter().map(|&share| match share {
            1.0 => size,
            share => Size::new(side(size.width, share), side(size.height, share)),
        });
        Self {
            sizes: sizes.collect(),
            rung: 0,
            interval: interval.as_secs_f64(),
            average: None,
            changed: Duration::ZERO,
            went_up: false,
            patience: SHORTEST,
        }
    }

    /// A frame took `time` to paint, `now` after the start; says which size is to follow, where it is another one.
    pub(super) fn painted(&mut self, time: Duration, now: Duration) -> Option<Size> {
        let time = time.as_secs_f64();
        let average = self.average.map_or(time, |average| average + NEWEST * (time - average));
        self.average = Some(average);
        let since = now.saturating_sub(self.changed);
        // Before the first change a short look is enough: nobody has got used to a size.
        let shortest = if self.changed.is_zero() { WARM_UP } else { SHORTEST };
        if since < shortest {
            return None;
        }
        let expected = |rung: usize| average * self.sizes[rung].pixels() as f64 / self.sizes[self.rung].pixels() as f64;
        if average > TOO_SLOW * self.interval && self.rung + 1 < self.sizes.len() {
            let fits = |rung: &usize| expected(*rung) <= COMFORTABLE * self.interval;
            let rung = (self.rung + 1..self.sizes.len()).find(fits).unwrap_or(self.sizes.len() - 1);
            // A step up that did not hold: the next one waits twice as long.
            self.patience = if self.went_up { (self.patience * 2).min(LONGEST) } else { SHORTEST };
            return Some(self.change(rung, false, now));
        }
        if self.rung > 0 && since >= self.patience && expected(self.rung - 1) < SPARE * self.interval {
            return Some(self.change(self.rung - 1, true, now));
        }
        None
    }

    fn change(&mut self, rung: usize, up: bool, now: Duration) -> Size {
        (self.rung, self.went_up, self.changed, self.average) = (rung, up, now, None);
        self.sizes[rung]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(33);

    /// Lets a machine that paints so many pixels a second work for `seconds`; says when it changed to which height.
    fn run(ladder: &mut Ladder, pixels_a_second: impl Fn(f64) -> f64, from: f64, seconds: f64) -> Vec<(f64, u32)> {
        let mut changes = Vec::new();
        let mut now = from;
        while now < from + seconds {
            let time = ladder.sizes[ladder.rung].pixels() as f64 / pixels_a_second(now);
            now += time.max(INTERVAL.as_secs_f64());
            if let Some(size) = ladder.painted(Duration::from_secs_f64(time), Duration::from_secs_f64(now)) {
                changes.push((now, size.height));
            }
        }
        changes
    }

    fn hd() -> Ladder {
        Ladder::new(Size::new(1280, 720), INTERVAL)
    }

    #[test]
    fn who_keeps_the_pace_stays() {
        assert_eq!(run(&mut hd(), |_| 921_600.0 / 0.025, 0.0, 120.0), []);
    }

    #[test]
    fn who_is_too_slow_goes_down_once_to_what_holds() {
        // 60 ms a frame at 720 rows, so 15 ms at half of them.
        let changes = run(&mut hd(), |_| 921_600.0 / 0.060, 0.0, 120.0);
        assert_eq!(changes.iter().map(|change| change.1).collect::<Vec<_>>(), [360]);
        assert!(changes[0].0 < 4.0);
    }

    #[test]
    fn the_least_size_is_the_end() {
        let changes = run(&mut hd(), |_| 921_600.0 / 3.0, 0.0, 300.0);
        assert_eq!(changes.iter().map(|change| change.1).collect::<Vec<_>>(), [180]);
    }

    #[test]
    fn who_is_faster_again_goes_up_again() {
        let speed = |now: f64| if now < 30.0 { 921_600.0 / 0.060 } else { 921_600.0 / 0.015 };
        let heights: Vec<_> = run(&mut hd(), speed, 0.0, 120.0).iter().map(|change| change.1).collect();
        assert_eq!(heights, [360, 540, 720]);
    }

    #[test]
    fn changes_keep_their_distance_and_tries_become_rare() {
        // Just fast enough that the larger size looks possible, and then is not: it costs more than its pixels say.
        let mut ladder = hd();
        let mut changes: Vec<f64> = Vec::new();
        let mut now = 0.0;
        while now < 600.0 {
            let time = if ladder.rung == 0 { 0.040 } else { 0.012 };
            now += INTERVAL.as_secs_f64();
            if ladder.painted(Duration::from_secs_f64(time), Duration::from_secs_f64(now)).is_some() {
                changes.push(now);
            }
        }
        let gaps: Vec<_> = changes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap >= 9.99), "{gaps:?}");
        assert!(changes.len() <= 13, "{} changes in ten minutes", changes.len());
    }

    #[test]
    fn sizes_are_even_and_never_empty() {
        for (width, height) in [(1, 1), (3, 5), (641, 361), (1920, 1080)] {
            let ladder = Ladder::new(Size::new(width, height), INTERVAL);
            assert!(ladder.sizes[1..].iter().all(|s| s.width >= 2 && s.height >= 2 && s.width % 2 == 0));
            assert_eq!(ladder.sizes[0], Size::new(width, height));
        }
    }
}
