//! How a run ended: the code, and the words for it.

use std::path::Path;

use super::program::causes;
use super::signals::Signal;
use crate::error::Error;
use crate::report::Report;

/// Exit code of a run that is done, but not as well as it should.
pub const DEGRADED: u8 = 7;

/// What a run is for.
#[derive(Clone, Copy, Debug)]
pub enum Goal<'a> {
    /// A file, or what the user wrote in the place of one.
    Output(&'a Path),
    /// Figures alone.
    Nothing,
    /// To be seen while it lasts, and recorded into this file, if one is named.
    Live(Option<&'a Path>),
}

impl Goal<'_> {
    /// Name of the output, where there is one.
    pub fn name(self) -> Option<String> {
        match self {
            Self::Output(path) | Self::Live(Some(path)) => Some(path.display().to_string()),
            Self::Nothing | Self::Live(None) => None,
        }
    }
}

impl<'a> From<Option<&'a Path>> for Goal<'a> {
    fn from(path: Option<&'a Path>) -> Self {
        path.map_or(Self::Nothing, Self::Output)
    }
}

/// The end of a run that gave an output.
#[derive(Debug)]
pub struct Ending<'a> {
    /// What was measured.
    pub report: &'a Report,
    /// What the run was for.
    pub goal: Goal<'a>,
    /// What asked the run to stop.
    pub signal: Option<Signal>,
    /// Whether warnings count as failures.
    pub strict: bool,
    /// What failed without ending the run: a recording.
    pub failure: Option<&'a Error>,
}

impl Ending<'_> {
    /// Code that the program ends with.
    pub fn exit_code(&self) -> u8 {
        match (self.failure, self.signal) {
            (Some(failure), _) => failure.exit_code(),
            (None, Some(signal)) if self.report.stopped => signal.exit_code(),
            _ if self.shortcoming().is_some() => DEGRADED,
            _ => 0,
        }
    }

    /// Name of the output, where there is one for certain.
    pub fn output(&self) -> Option<String> {
        // What failed may be just that.
        self.goal.name().filter(|_| self.failure.is_none())
    }

    /// Where the result is and how it came about.
    pub fn summary(&self) -> String {
        let report = self.report;
        let place = self.output().unwrap_or_else(|| match self.goal {
            Goal::Live(_) => "live".into(),
            Goal::Output(_) | Goal::Nothing => "null: (nothing written)".into(),
        });
        let frames = counted(report.frames_out, "frame");
        let stopped = match self.signal {
            _ if !report.stopped => String::new(),
            Some(signal) => format!(", stopped by {}", signal.name()),
            None => ", stopped".into(),
        };
        let resumed = match report.frames_resumed {
            0 => String::new(),
            count => format!(", {count} of them from the run before"),
        };
        let dropped = match report.frames_dropped {
            0 => String::new(),
            count => format!(", {count} dropped"),
        };
        let time = spell_seconds(report.wall_s);
        format!("{place}: {frames} in {time} ({:.1} fps){resumed}{dropped}{stopped}", report.fps)
    }

    /// Why not all is well, if so, and what caused that, the nearest first.
    pub fn why(&self) -> Option<(String, Vec<String>)> {
        match self.failure {
            Some(failure) => Some((failure.to_string(), causes(failure))),
            None => self.shortcoming().map(|why| (why, Vec::new())),
        }
    }

    /// Why the output, or the run, is not all that it should be, if so.
    fn shortcoming(&self) -> Option<String> {
        let report = self.report;
        let mut faults = Vec::new();
        if report.truncated {
            faults.push("the input broke off before its end".into());
        }
        if report.frames_damaged > 0 {
            faults.push(format!("{} damaged in the input", counted(report.frames_damaged, "frame")));
        }
        if report.gaps > 0 {
            faults.push(format!("data missing in {} of the input", counted(report.gaps, "place")));
        }
        faults.extend(lapses(report.frames_substituted, report.gpu_faults));
        if self.strict && !report.warnings.is_empty() {
            let warnings = counted(report.warnings.len() as u64, "warning");
            faults.push(format!("{warnings} with --strict ({})", report.warnings.join("; ")));
        }
        let result = if self.goal.name().is_none() { "the run" } else { "the output" };
        (!faults.is_empty()).then(|| format!("{result} is complete, but: {}", faults.join(", ")))
    }
}

/// What was done otherwise than was asked for: frames that passed unstyled, and faults of the graphics card.
pub fn lapses(frames_substituted: u64, gpu_faults: u64) -> Vec<String> {
    let mut lapses = Vec::new();
    if frames_substituted > 0 {
        let frames = counted(frames_substituted, "frame");
        lapses.push(format!("{frames} passed unstyled, as the network gave no picture"));
    }
    if gpu_faults > 0 {
        let times = counted(gpu_faults, "time");
        lapses.push(format!("the graphics card failed {times}, and the CPU did its work"));
    }
    lapses
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn spell_seconds(seconds: f64) -> String {
    match seconds as u64 {
        ..60 => format!("{seconds:.1} s"),
        whole @ 60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        whole => format!("{}h{:02}m{:02}s", whole / 3600, whole / 60 % 60, whole % 60),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A run of 120 good frames.
    pub fn good_report() -> Report {
        Report {
            frames_in: 120,
            frames_out: 120,
            frames_resumed: 0,
            frames_dropped: 0,
            frames_left_out: std::collections::BTreeMap::new(),
            frames_substituted: 0,
            gpu_faults: 0,
            frames_damaged: 0,
            gaps: 0,
            truncated: false,
            stopped: false,
            wall_s: 4.8,
            fps: 25.0,
            net_width: 64,
            net_height: 36,
            style: "wave".into(),
            tier: "live".into(),
            provider: "cpu".into(),
            device: String::new(),
            precision: "int8".into(),
            convert: "cpu".into(),
            peak_rss_mb: 100.0,
            warnings: Vec::new(),
            stages: Default::default(),
            latency_ms: None,
        }
    }

    fn told(report: &Report, signal: Option<Signal>, strict: bool) -> (u8, String, Option<String>) {
        let ending = Ending { report, goal: Goal::Output(Path::new("out.mp4")), signal, strict, failure: None };
        (ending.exit_code(), ending.summary(), ending.shortcoming())
    }

    #[test]
    fn a_good_run_ends_with_0() {
        assert_eq!(told(&good_report(), None, true), (0, "out.mp4: 120 frames in 4.8 s (25.0 fps)".into(), None));
    }

    #[test]
    fn a_signal_counts_only_when_it_stopped_the_run() {
        let stopped = Report { stopped: true, ..good_report() };
        let (code, summary, _) = told(&stopped, Some(Signal::Interrupt), false);
        assert_eq!((code, summary.ends_with("stopped by SIGINT")), (130, true));
        assert_eq!(told(&stopped, Some(Signal::Terminate), false).0, 143);
        assert_eq!(told(&good_report(), Some(Signal::Interrupt), false).0, 0, "it came after the last frame");
    }

    #[test]
    fn damage_ends_with_7_and_says_what() {
        let damaged = Report { frames_damaged: 1, frames_substituted: 2, truncated: true, ..good_report() };
        let (code, _, why) = told(&damaged, None, false);
        assert_eq!(code, 7);
        let lost = Report { gpu_faults: 1, ..good_report() };
        let expected = "the output is complete, but: the graphics card failed 1 time, and the CPU did its work";
        assert_eq!(told(&lost, None, false).2.as_deref(), Some(expected));
        assert_eq!(told(&lost, None, false).0, 7);
        let expected = "the output is complete, but: the input broke off before its end, 1 frame damaged in the input, \
                        2 frames passed unstyled, as the network gave no picture";
        assert_eq!(why.as_deref(), Some(expected));
    }

    #[test]
    fn warnings_end_with_7_only_when_strict() {
        let warned = Report { warnings: vec!["subtitles left out".into()], ..good_report() };
        assert_eq!(told(&warned, None, false).0, 0);
        let (code, _, why) = told(&warned, None, true);
        assert_eq!(code, 7);
        assert!(why.is_some_and(|why| why.ends_with("1 warning with --strict (subtitles left out)")));
    }

    #[test]
    fn what_failed_beside_the_run_counts_before_a_signal_and_leaves_the_summary() {
        let (report, failure) = (Report { stopped: true, ..good_report() }, Error::Device("unplugged".into()));
        let goal = Goal::Live(Some(Path::new("me.mkv")));
        let ended = |failure| Ending { report: &report, goal, signal: Some(Signal::Interrupt), strict: false, failure };
        let failed = ended(Some(&failure));
        assert_eq!((failed.exit_code(), failed.output()), (6, None));
        assert_eq!(failed.why(), Some(("unplugged".into(), Vec::new())));
        assert_eq!(failed.summary(), "live: 120 frames in 4.8 s (25.0 fps), stopped by SIGINT");
        let good = ended(None);
        assert_eq!((good.exit_code(), good.output(), good.why()), (130, Some("me.mkv".into()), None));
    }

    #[test]
    fn long_times_are_spelled_in_hours() {
        assert_eq!([9.96, 75.0, 3725.0].map(spell_seconds), ["10.0 s", "1m15s", "1h02m05s"]);
    }
}
