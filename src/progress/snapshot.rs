//! The state of a run at a moment, in numbers and in words.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::job::Plan;
use crate::report::{Meter, Percentiles, STAGES};
use crate::text::clock;

/// Where a run stands.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Frames that came in.
    pub frames_in: u64,
    /// Frames that went out.
    pub frames_out: u64,
    /// Frames left out.
    pub frames_dropped: u64,
    /// Frames that passed unstyled.
    pub frames_substituted: u64,
    /// Frames that there are, as far as it is known.
    pub frames_total: Option<u64>,
    /// Share of the work that is done, from 0 to 1.
    pub done: Option<f64>,
    /// Frames a second, lately.
    pub fps: f64,
    /// Time that is left.
    pub eta: Option<Duration>,
    /// Time since the start.
    pub elapsed: Duration,
    /// Moment of the video that is reached.
    pub position: Duration,
    /// Times of the stages.
    pub stages: BTreeMap<&'static str, Percentiles>,
}

impl Snapshot {
    /// What `meter` says alone, `elapsed` after the start.
    pub fn of(meter: &Meter, elapsed: Duration) -> Self {
        Self {
            frames_in: meter.frames_in(),
            frames_out: meter.frames_out(),
            frames_dropped: meter.frames_dropped(),
            frames_substituted: meter.frames_substituted(),
            frames_total: None,
            done: None,
            fps: 0.0,
            eta: None,
            elapsed,
            position: Duration::from_nanos(meter.position_nanos()),
            stages: meter.stages(),
        }
    }

    /// `120/300  40%  24.3 fps  ETA 0:07`, as much of it as is known; columns keep their width.
    pub fn figures(&self) -> String {
        let count = match self.frames_total {
            Some(total) => format!("{:>width$}/{total}", self.frames_out, width = total.to_string().len()),
            None => format!("{} frames", self.frames_out),
        };
        let reached = match self.done {
            Some(done) => format!("{:>3.0}%", done * 100.0),
            None => format!("at {}", clock(self.position)),
        };
        let left = self.eta.map(|eta| format!("  ETA {}", clock(eta))).unwrap_or_default();
        format!("{count}  {reached}  {:>5.1} fps{left}", self.fps)
    }

    /// `decode 1 · pack 2 · infer 63 ms`: medians of all stages that worked. Empty before the first frame.
    pub fn stage_times(&self) -> String {
        let times: Vec<String> = self.medians().map(|(stage, ms)| format!("{stage} {}", brief_ms(ms))).collect();
        if times.is_empty() { String::new() } else { format!("{} ms", times.join(" · ")) }
    }

    /// `infer 63 ms`: the stage that holds up the others.
    pub fn slowest_stage(&self) -> String {
        let slowest = self.medians().max_by(|(_, a), (_, b)| a.total_cmp(b));
        slowest.map(|(stage, ms)| format!("{stage} {} ms", brief_ms(ms))).unwrap_or_default()
    }

    fn medians(&self) -> impl Iterator<Item = (&'static str, f64)> {
        STAGES.iter().filter_map(|stage| Some((*stage, self.stages.get(stage)?.p50_ms)))
    }
}

/// Turns what a meter says into snapshots that know of the plan, and of the speed in the last seconds.
#[derive(Debug, Default)]
pub struct Course {
    plan: Option<Plan>,
    first_position: Option<Duration>,
    lately: VecDeque<(Duration, u64)>,
}

/// The span that the speed is taken over.
const LATELY: Duration = Duration::from_secs(5);

impl Course {
    /// From now on it is known what is to be done.
    pub fn set_plan(&mut self, plan: &Plan) {
        self.plan = Some(plan.clone());
    }

    /// Where the run stands, `elapsed` after its start.
    pub fn snapshot(&mut self, meter: &Meter, elapsed: Duration) -> Snapshot {
        let mut now = Snapshot::of(meter, elapsed);
        // Those that an unfinished run had done say nothing of the speed.
        now.fps = self.fps(elapsed, now.frames_out.saturating_sub(meter.frames_resumed()));
        now.frames_total = self.plan.as_ref().and_then(|plan| plan.frames).map(|total| total.max(now.frames_out));
        now.done = match now.frames_total {
            Some(total) => (total > 0).then(|| now.frames_out as f64 / total as f64),
            None => self.share_by_time(&now),
        };
        now.eta = match (now.frames_total, now.done) {
            (Some(total), _) if now.fps > 0.0 => seconds((total - now.frames_out) as f64 / now.fps),
            (None, Some(done)) if done > 0.0 => seconds(elapsed.as_secs_f64() * (1.0 - done) / done),
            _ => None,
        };
        now
    }

    fn fps(&mut self, elapsed: Duration, frames: u64) -> f64 {
        self.lately.push_back((elapsed, frames));
        while self.lately.len() > 2 && elapsed.saturating_sub(self.lately[1].0) >= LATELY {
            self.lately.pop_front();
        }
        let (since, before) = self.lately[0];
        let span = elapsed.saturating_sub(since).as_secs_f64();
        if span > 0.0 { frames.saturating_sub(before) as f64 / span } else { 0.0 }
    }

    /// A container that does not count its frames may still say how long it is.
    fn share_by_time(&mut self, now: &Snapshot) -> Option<f64> {
        let length = Duration::from_nanos(self.plan.as_ref()?.duration_nanos?);
        if now.frames_out == 0 {
            return Some(0.0);
        }
        let first = *self.first_position.get_or_insert(now.position);
        let passed = now.position.saturating_sub(first);
        (!length.is_zero()).then(|| (passed.as_secs_f64() / length.as_secs_f64()).min(1.0))
    }
}

fn seconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value).ok()
}

/// Whole milliseconds; below one, a tenth.
fn brief_ms(ms: f64) -> String {
    if ms < 0.95 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::Convert;
    use crate::frame::Size;

    fn plan(frames: Option<u64>, duration_nanos: Option<u64>) -> Plan {
        let size = Size::new(64, 36);
        let (style, provider) = ("wave".into(), "cpu".into());
        let (frames_resumed, fps) = (0, None);
        Plan {
            size,
            net_size: size,
            out_size: size,
            style,
            provider,
            device: String::new(),
            convert: Convert::Cpu,
            convert_excuse: String::new(),
            duration_nanos,
            frames,
            fps,
            frames_resumed,
        }
    }

    fn course(frames: Option<u64>, duration_nanos: Option<u64>) -> Course {
        let mut course = Course::default();
        course.set_plan(&plan(frames, duration_nanos));
        course
    }

    fn pass(meter: &Meter, frames: u64) {
        for _ in 0..frames {
            meter.frame_out(Some(meter.frames_out() * 40_000_000));
        }
    }

    #[test]
    fn with_a_known_count_the_rest_follows_from_the_speed() {
        let (meter, mut course) = (Meter::new(), course(Some(300), None));
        assert_eq!(course.snapshot(&meter, Duration::ZERO).figures(), "  0/300    0%    0.0 fps");
        pass(&meter, 120);
        assert_eq!(course.snapshot(&meter, Duration::from_secs(4)).figures(), "120/300   40%   30.0 fps  ETA 0:06");
    }

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let (meter, mut course) = (Meter::new(), course(Some(1000), None));
        for second in 0..=60 {
            course.snapshot(&meter, Duration::from_secs(second));
            pass(&meter, if second < 30 { 1 } else { 10 });
        }
        let now = course.snapshot(&meter, Duration::from_secs(61));
        assert!((now.fps - 10.0).abs() < 1e-9, "{}", now.fps);
        assert!(course.lately.len() <= 7, "{}", course.lately.len());
    }

    #[test]
    fn a_count_that_was_too_low_never_shows_more_than_all() {
        let (meter, mut course) = (Meter::new(), course(Some(10), None));
        pass(&meter, 12);
        let now = course.snapshot(&meter, Duration::from_secs(1));
        assert_eq!((now.frames_total, now.done), (Some(12), Some(1.0)));
    }

    #[test]
    fn without_a_count_the_time_of_the_video_tells() {
        let (meter, mut course) = (Meter::new(), course(None, Some(10_000_000_000)));
        assert_eq!(course.snapshot(&meter, Duration::ZERO).done, Some(0.0));
        pass(&meter, 1);
        course.snapshot(&meter, Duration::from_millis(100));
        pass(&meter, 125);
        let now = course.snapshot(&meter, Duration::from_secs(5));
        assert_eq!((now.done, now.eta), (Some(0.5), Some(Duration::from_secs(5))));
    }

    #[test]
    fn with_nothing_known_the_position_is_shown() {
        let (meter, mut course) = (Meter::new(), course(None, None));
        pass(&meter, 51);
        let now = course.snapshot(&meter, Duration::from_secs(1));
        assert_eq!((now.done, now.eta), (None, None));
        assert!(now.figures().starts_with("51 frames  at 0:02"), "{}", now.figures());
    }

    #[test]
    fn stages_stand_in_the_order_of_the_flow() {
        let meter = Meter::new();
        for (stage, micros) in [("infer", 63_000), ("encode", 8_000), ("decode", 1_200), ("pack", 400)] {
            meter.spent(stage, Duration::from_micros(micros));
        }
        let now = Snapshot::of(&meter, Duration::ZERO);
        assert_eq!(now.stage_times(), "decode 1 · pack 0.4 · infer 63 · encode 8 ms");
        assert_eq!(now.slowest_stage(), "infer 63 ms");
        assert_eq!(Snapshot::of(&Meter::new(), Duration::ZERO).stage_times(), "");
    }
}
