//! Shows how far a job is: a bar on a terminal, plain lines in a log, or JSON for another program.

mod event;
mod snapshot;
mod voice;

use std::env;
use std::fmt;
use std::time::{Duration, Instant};

use console::{Term, measure_text_width};
use indicatif::{ProgressBar, ProgressStyle};

use crate::flow::Stop;
use crate::job::{Observer, Plan};
use crate::report::Meter;
use crate::text::clock;

pub use event::Event;
pub use snapshot::{Course, Snapshot};
pub use voice::Voice;
pub(crate) use voice::one_line;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// A bar on a terminal, else plain lines.
    Auto,
    /// A line every few seconds.
    Plain,
    /// An object a line, for programs.
    Json,
    /// Not at all; the result is still said.
    None,
}

/// Watches a job and tells the user.
pub struct Progress {
    voice: Voice,
    stop: Stop,
    since: Instant,
    course: Course,
    display: Display,
    /// What is said once a frame is through: a run that fails before has its error alone to say.
    plan: Option<String>,
    /// Stands before every line.
    label: String,
    said_stopping: bool,
    warns_at_once: bool,
    /// The warnings that were said, as they were at that time.
    warned: Vec<String>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("label", &self.label).field("warned", &self.warned).finish_non_exhaustive()
    }
}

enum Display {
    Bar(ProgressBar),
    Lines(Pace),
    Json(Pace),
    Nothing,
}

impl Progress {
    /// Shows what comes as `mode` says, past `voice`. When `stop` was asked, it says that, too.
    pub fn new(mode: Mode, voice: &Voice, stop: Stop) -> Self {
        let display = match mode {
            _ if voice.is_quiet() => Display::Nothing,
            Mode::Auto if can_redraw() => Display::Bar(waiting_bar(voice)),
            Mode::Auto | Mode::Plain => Display::Lines(Pace::slowing_down()),
            Mode::Json => Display::Json(Pace::steady(Duration::from_millis(500))),
            Mode::None => Display::Nothing,
        };
        Self {
            voice: voice.clone(),
            stop,
            since: Instant::now(),
            course: Course::default(),
            display,
            plan: None,
            label: String::new(),
            said_stopping: false,
            warns_at_once: false,
            warned: Vec::new(),
        }
    }

    /// Puts `label` before every line, as of one file of several.
    pub fn labelled(self, label: String) -> Self {
        Self { label, ..self }
    }

    /// Says warnings when they come, if `at_once`: a run that nobody knows the end of cannot keep them until then.
    pub fn warning_at_once(self, at_once: bool) -> Self {
        Self { warns_at_once: at_once, ..self }
    }

    /// Takes the bar from the screen; gives back the warnings that have been said.
    pub fn close(self) -> Vec<String> {
        if let Display::Bar(bar) = self.display {
            bar.finish_and_clear();
        }
        self.warned
    }

    /// Says what was warned of since the last time, and what has happened again since.
    fn warn(&mut self, meter: &Meter) {
        let warnings = meter.warnings();
        for (place, warning) in warnings.iter().enumerate() {
            // What happened again says how often, which makes it another text.
            if self.warned.get(place) != Some(warning) {
                self.voice.warning(warning);
            }
        }
        self.warned = warnings;
    }

    fn show(&mut self, meter: &Meter, elapsed: Duration) {
        let now = self.course.snapshot(meter, elapsed);
        if let Some(plan) = self.plan.take_if(|_| now.frames_out > 0) {
            self.voice.note(plan);
        }
        match &mut self.display {
            Display::Bar(bar) => draw(bar, &now, self.stop.asked(), &self.label),
            Display::Lines(pace) => {
                if self.stop.asked() && !std::mem::replace(&mut self.said_stopping, true) {
                    self.voice.note(STOPPING);
                }
                if pace.due(elapsed) {
                    self.voice.note(format_args!("{}{}", self.label, plain_line(&now)));
                }
            }
            Display::Json(pace) => {
                if pace.due(elapsed) {
                    self.voice.event(&Event::Progress((&now).into()));
                }
            }
            Display::Nothing => {}
        }
    }
}

impl Observer for Progress {
    fn started(&mut self, plan: &Plan) {
        self.since = Instant::now();
        self.course.set_plan(plan);
        match &self.display {
            Display::Bar(_) | Display::Lines(_) => self.plan = Some(format!("{}{}", self.label, plan_line(plan))),
            Display::Json(_) => self.voice.event(&Event::Start(plan.into())),
            Display::Nothing => {}
        }
    }

    fn tick(&mut self, meter: &Meter) {
        self.show(meter, self.since.elapsed());
        // As with the plan: a run that fails before its first frame has its error alone to say.
        if self.warns_at_once && meter.frames_out() > 0 {
            self.warn(meter);
        }
    }
}

/// Decides when the next line is due.
#[derive(Debug)]
struct Pace {
    next: Duration,
    shortest: Duration,
    slows_down: bool,
}

impl Pace {
    /// A line every `gap`.
    fn steady(gap: Duration) -> Self {
        Self { next: Duration::ZERO, shortest: gap, slows_down: false }
    }

    /// Every five seconds first, once a minute after twenty minutes: the log of a long run stays short.
    fn slowing_down() -> Self {
        let shortest = Duration::from_secs(5);
        Self { next: shortest, shortest, slows_down: true }
    }

    fn due(&mut self, elapsed: Duration) -> bool {
        let due = elapsed >= self.next;
        if due {
            let gap = if self.slows_down { elapsed / 20 } else { Duration::ZERO };
            self.next = elapsed + gap.clamp(self.shortest, Duration::from_secs(60));
        }
        due
    }
}

/// What is said after the first signal.
const STOPPING: &str = "stopping, the output is completed; once more to abort";

/// Columns that a bar takes at least; what does not fit beside it is left out.
const NARROWEST_BAR: usize = 10;

/// Whether stderr is a terminal that can go back on a line.
fn can_redraw() -> bool {
    Term::stderr().features().is_attended() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn waiting_bar(voice: &Voice) -> ProgressBar {
    let bar = voice.bars().add(ProgressBar::no_length());
    bar.set_style(spinner_style());
    bar.set_message("opening input and model");
    bar.tick();
    bar
}

fn draw(bar: &ProgressBar, now: &Snapshot, stopping: bool, label: &str) {
    let columns = usize::from(Term::stderr().size().1);
    let parts = now.done.map_or(0, |done| (done * 10_000.0) as u64);
    if now.done.is_some() && bar.length().is_none() {
        bar.set_length(10_000);
        bar.set_style(bar_style());
    }
    bar.set_position(parts);
    let columns = columns.saturating_sub(NARROWEST_BAR + 1 + measure_text_width(label));
    bar.set_message(format!("{label}{}", bar_text(now, stopping, columns)));
}

/// What stands beside the bar, in at most `columns` (figures first; they may be cut by the terminal).
fn bar_text(now: &Snapshot, stopping: bool, columns: usize) -> String {
    if stopping {
        return STOPPING.into();
    }
    let figures = now.figures();
    let with_times = [now.stage_times(), now.slowest_stage()].map(|times| format!("{figures}  {times}"));
    with_times.into_iter().find(|text| measure_text_width(text) <= columns).unwrap_or(figures)
}

fn plain_line(now: &Snapshot) -> String {
    let (figures, times) = (now.figures(), now.stage_times());
    if times.is_empty() { figures } else { format!("{figures}  {times}") }
}

fn plan_line(plan: &Plan) -> String {
    let Plan { size, net_size, out_size, style, provider, device, convert_excuse, fps, frames_resumed, .. } = plan;
    let network = if net_size == size { String::new() } else { format!(", network at {net_size}") };
    let output = if out_size == size { String::new() } else { format!(", output {out_size}") };
    let length =
        plan.duration_nanos.map(|nanos| format!(", {}", clock(Duration::from_nanos(nanos)))).unwrap_or_default();
    let rate = fps.map(|fps| format!(" at {} fps", (fps * 1000.0).round() / 1000.0)).unwrap_or_default();
    let resumed = match frames_resumed {
        0 => String::new(),
        frames => format!("; goes on behind {frames} frames that are done"),
    };
    // Everybody has a processor; which card it is may surprise.
    let device = if provider == "cpu" || device.is_empty() { String::new() } else { format!(" ({device})") };
    let colours = match convert_excuse.as_str() {
        "" => String::new(),
        excuse => format!(", colours on the CPU ({excuse})"),
    };
    format!("{size}{rate}{length}{network}{output}; style {style} on {provider}{device}{colours}{resumed}")
}

fn bar_style() -> ProgressStyle {
    style("{wide_bar:.cyan/dim} {msg}").progress_chars("━╸─")
}

fn spinner_style() -> ProgressStyle {
    style("{spinner:.cyan} {msg}")
}

fn style(template: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn busy_meter() -> Meter {
        let meter = Meter::new();
        for (stage, ms) in [("decode", 1), ("pack", 2), ("infer", 63), ("compose", 1), ("unpack", 2), ("encode", 8)] {
            meter.spent(stage, Duration::from_millis(ms));
        }
        meter.frame_out(Some(0));
        meter
    }

    #[test]
    fn templates_are_valid() {
        assert!(ProgressStyle::with_template("{wide_bar:.cyan/dim} {msg}").is_ok());
        assert!(ProgressStyle::with_template("{spinner:.cyan} {msg}").is_ok());
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_figures() {
        let now = Snapshot::of(&busy_meter(), Duration::from_secs(1));
        let text = |columns| bar_text(&now, false, columns);
        assert!(
            text(100).ends_with("decode 1 · pack 2 · infer 63 · compose 1 · unpack 2 · encode 8 ms"),
            "{}",
            text(100)
        );
        assert!(text(60).ends_with("  infer 63 ms"), "{}", text(60));
        assert_eq!(text(10), now.figures());
        for columns in 40..200 {
            assert!(measure_text_width(&text(columns)) <= columns);
        }
    }

    #[test]
    fn warnings_are_said_at_once_where_nobody_knows_the_end_and_again_when_they_happen_again() {
        let said = |at_once: bool| {
            let meter = Meter::new();
            let voice = Voice::new(false, true);
            let mut progress = Progress::new(Mode::None, &voice, Stop::new()).warning_at_once(at_once);
            meter.warn_each_time("lost");
            progress.tick(&meter);
            let before_a_frame = progress.warned.clone();
            meter.frame_out(None);
            progress.tick(&meter);
            let first = progress.warned.clone();
            meter.warn_each_time("lost");
            meter.warn("slow");
            progress.tick(&meter);
            [before_a_frame, first, progress.close()]
        };
        assert_eq!(said(true), [vec![], vec!["lost"], vec!["lost (2 times)", "slow"]]);
        assert_eq!(said(false).concat(), [""; 0]);
    }

    #[test]
    fn a_log_of_an_hour_has_about_a_hundred_lines() {
        let mut pace = Pace::slowing_down();
        let lines = (0..36_000).filter(|tenth| pace.due(Duration::from_millis(tenth * 100))).count();
        assert!((60..120).contains(&lines), "{lines}");
        let mut steady = Pace::steady(Duration::from_secs(1));
        assert_eq!((0..100).filter(|tenth| steady.due(Duration::from_millis(tenth * 100))).count(), 10);
    }

    #[test]
    fn the_plan_names_sizes_only_where_they_differ() {
        let size = Size::new(1280, 720);
        let mut plan = Plan {
            size,
            net_size: size,
            out_size: size,
            style: "wave".into(),
            provider: "cpu".into(),
            device: "Z80".into(),
            convert: crate::convert::Convert::Cpu,
            convert_excuse: String::new(),
            duration_nanos: None,
            frames: None,
            fps: None,
            frames_resumed: 0,
        };
        assert_eq!(plan_line(&plan), "1280x720; style wave on cpu");
        plan.provider = "cuda".into();
        assert_eq!(plan_line(&plan), "1280x720; style wave on cuda (Z80)");
        plan.convert_excuse = "no graphics adapter is there".into();
        let unlike = "1280x720; style wave on cuda (Z80), colours on the CPU (no graphics adapter is there)";
        assert_eq!(plan_line(&plan), unlike);
        plan.convert_excuse.clear();
        plan.provider = "cpu".into();
        plan.fps = Some(30_000.0 / 1001.0);
        assert_eq!(plan_line(&plan), "1280x720 at 29.97 fps; style wave on cpu");
        plan.fps = None;
        plan.net_size = Size::new(640, 360);
        plan.duration_nanos = Some(75_000_000_000);
        assert_eq!(plan_line(&plan), "1280x720, 1:15, network at 640x360; style wave on cpu");
        plan = Plan { duration_nanos: None, net_size: size, frames_resumed: 7, ..plan };
        assert_eq!(plan_line(&plan), "1280x720; style wave on cpu; goes on behind 7 frames that are done");
    }
}
