//! What `--progress json` writes: an object a line. Scripts rely on the keys.
//!
//! | `event` | keys |
//! |---|---|
//! | `file` | `number` `count` `input` `output`; a run over several files only |
//! | `start` | `style` `provider` `device` `width` `height` `net_width` `net_height` `out_width` `out_height` `frames_total` `frames_resumed` `fps` `duration_s` |
//! | `progress` | `frames_in` `frames_out` `frames_dropped` `frames_substituted` `frames_total` `percent` `fps` `eta_s` `elapsed_s` `position_s` `stages{NAME{p50_ms,p90_ms,p99_ms}}` |
//! | `warning` | `message`; live when it happens, else at the end |
//! | `end` | `exit_code` `output` and the keys of `--report` |
//! | `error` | `message` `causes[]` `exit_code` |
//! | `summary` | `done` `failed` `not_started` `exit_code`; a run over several files only |
//! | `log` | `message`; only with `--verbose` |
//!
//! What is not known is null. A run has one `start`, or two where `--resume` has to start over, and its last line is `end` or `error`,
//! but for one that a signal stops before its first frame; after an `end` with exit code 7, or live with that of a recording that failed, an `error` says why. A run over several files has all that for each file, begun by `file`, with the number
//! of the file (from 1) under the key `file`; its last line is `summary`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::snapshot::Snapshot;
use crate::job::Plan;
use crate::report::{Percentiles, Report};

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event<'a> {
    /// One of several files is next.
    File {
        /// From 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// The file that is read.
        input: String,
        /// The file that is written.
        output: String,
    },
    /// How a run over several files went.
    Summary {
        /// Files that have their output.
        done: usize,
        /// Files that have none.
        failed: usize,
        /// Files that a signal left out.
        not_started: usize,
        /// Code that the program ends with.
        exit_code: u8,
    },
    /// The job begins.
    Start(Start<'a>),
    /// It is under way.
    Progress(Progress),
    /// Something that the user should know.
    Warning {
        /// What.
        message: &'a str,
    },
    /// The output is there.
    End {
        /// Code that the program ends with.
        exit_code: u8,
        /// Where the result is; null for `null:`.
        output: Option<String>,
        /// What was measured.
        #[serde(flatten)]
        report: &'a Report,
    },
    /// What the program does.
    Log {
        /// A line of the log.
        message: &'a str,
    },
    /// Why the program does not end with 0.
    Error {
        /// What, which file or option, what to do.
        message: &'a str,
        /// What caused it, the nearest first.
        causes: &'a [String],
        /// Code that the program ends with.
        exit_code: u8,
    },
}

/// Keys of `start`.
#[derive(Debug, Serialize)]
pub struct Start<'a> {
    style: &'a str,
    provider: &'a str,
    device: &'a str,
    width: u32,
    height: u32,
    net_width: u32,
    net_height: u32,
    out_width: u32,
    out_height: u32,
    frames_total: Option<u64>,
    fps: Option<f64>,
    frames_resumed: u64,
    duration_s: Option<f64>,
}

impl<'a> From<&'a Plan> for Start<'a> {
    fn from(plan: &'a Plan) -> Self {
        Self {
            style: &plan.style,
            provider: &plan.provider,
            device: &plan.device,
            width: plan.size.width,
            height: plan.size.height,
            net_width: plan.net_size.width,
            net_height: plan.net_size.height,
            out_width: plan.out_size.width,
            out_height: plan.out_size.height,
            frames_total: plan.frames,
            fps: plan.fps.map(rounded),
            frames_resumed: plan.frames_resumed,
            duration_s: plan.duration_nanos.map(|nanos| rounded(nanos as f64 / 1e9)),
        }
    }
}

/// Keys of `progress`.
#[derive(Debug, Serialize)]
pub struct Progress {
    frames_in: u64,
    frames_out: u64,
    frames_dropped: u64,
    frames_substituted: u64,
    frames_total: Option<u64>,
    percent: Option<f64>,
    fps: f64,
    eta_s: Option<f64>,
    elapsed_s: f64,
    position_s: f64,
    stages: BTreeMap<&'static str, Percentiles>,
}

impl From<&Snapshot> for Progress {
    fn from(now: &Snapshot) -> Self {
        Self {
            frames_in: now.frames_in,
            frames_out: now.frames_out,
            frames_dropped: now.frames_dropped,
            frames_substituted: now.frames_substituted,
            frames_total: now.frames_total,
            percent: now.done.map(|done| rounded(done * 100.0)),
            fps: rounded(now.fps),
            eta_s: now.eta.map(|eta| rounded(eta.as_secs_f64())),
            elapsed_s: rounded(now.elapsed.as_secs_f64()),
            position_s: rounded(now.position.as_secs_f64()),
            stages: now.stages.clone(),
        }
    }
}

/// Three digits after the point are enough.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::frame::Size;
    use crate::report::Meter;

    fn written(event: &Event<'_>) -> Value {
        let text = serde_json::to_string(event).unwrap();
        assert!(!text.contains('\n'));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn start_says_what_is_planned() {
        let plan = Plan {
            size: Size::new(1280, 720),
            net_size: Size::new(640, 360),
            out_size: Size::new(1920, 1080),
            style: "wave".into(),
            provider: "cpu".into(),
            device: "Z80".into(),
            convert: crate::convert::Convert::Cpu,
            convert_excuse: String::new(),
            duration_nanos: Some(10_500_000_000),
            frames: None,
            fps: Some(25.0),
            frames_resumed: 7,
        };
        let expected = json!({"event": "start", "style": "wave", "provider": "cpu", "device": "Z80", "width": 1280, "height": 720,
            "net_width": 640, "net_height": 360, "out_width": 1920, "out_height": 1080,
            "frames_total": null, "frames_resumed": 7, "fps": 25.0, "duration_s": 10.5});
        assert_eq!(written(&Event::Start((&plan).into())), expected);
    }

    #[test]
    fn progress_has_every_key_and_null_for_what_is_not_known() {
        let meter = Meter::new();
        meter.frame_in();
        meter.spent("infer", Duration::from_millis(10));
        let line = written(&Event::Progress((&Snapshot::of(&meter, Duration::from_millis(1500))).into()));
        let stages = line.get("stages").unwrap().clone();
        assert!((stages["infer"]["p50_ms"].as_f64().unwrap() - 10.0).abs() < 0.1, "{stages}");
        let expected = json!({"event": "progress", "frames_in": 1, "frames_out": 0, "frames_dropped": 0,
            "frames_substituted": 0, "frames_total": null, "percent": null, "fps": 0.0, "eta_s": null,
            "elapsed_s": 1.5, "position_s": 0.0, "stages": stages});
        assert_eq!(line, expected);
    }

    #[test]
    fn warnings_and_errors_carry_their_text() {
        let warning = written(&Event::Warning { message: "a \"b\"" });
        assert_eq!(warning, json!({"event": "warning", "message": "a \"b\""}));
        let error = written(&Event::Error { message: "no", causes: &["why".into()], exit_code: 3 });
        assert_eq!(error, json!({"event": "error", "message": "no", "causes": ["why"], "exit_code": 3}));
    }
}
