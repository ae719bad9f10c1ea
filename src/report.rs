//! What a run measured of itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::Serialize;

use crate::error::Error;

/// Names of the stages, in the order of the flow.
pub const STAGES: [&str; 8] = ["decode", "pack", "infer", "compose", "unpack", "stabilise", "paint", "encode"];

/// Counts frames and times stages while a flow runs. Clones count into the same place.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    frames_in: AtomicU64,
    frames_out: AtomicU64,
    frames_resumed: AtomicU64,
    frames_dropped: AtomicU64,
    left_out: Mutex<BTreeMap<&'static str, u64>>,
    frames_substituted: AtomicU64,
    gpu_faults: AtomicU64,
    frames_damaged: AtomicU64,
    gaps: AtomicU64,
    truncated: AtomicBool,
    position_nanos: AtomicU64,
    spent: Mutex<BTreeMap<&'static str, Histogram<u64>>>,
    latency: Mutex<Option<Histogram<u64>>>,
    warnings: Mutex<Vec<Warning>>,
    failure: Mutex<Option<Error>>,
}

/// What was warned of.
#[derive(Debug)]
struct Warning {
    text: String,
    /// How often it happened, where that counts.
    times: u64,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.times {
            1 => f.write_str(&self.text),
            times => write!(f, "{} ({times} times)", self.text),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meter {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A frame came from the source.
    pub fn frame_in(&self) {
        self.0.frames_in.fetch_add(1, Ordering::Relaxed);
    }

    /// A frame that begins at `pts_nanos` was taken by the sink.
    pub fn frame_out(&self, pts_nanos: Option<u64>) {
        self.0.frames_out.fetch_add(1, Ordering::Relaxed);
        if let Some(pts_nanos) = pts_nanos {
            self.0.position_nanos.fetch_max(pts_nanos, Ordering::Relaxed);
        }
    }

    /// A frame that begins at `pts_nanos` was taken from what an unfinished run left.
    pub fn frame_resumed(&self, pts_nanos: Option<u64>) {
        self.frame_in();
        self.frame_out(pts_nanos);
        self.0.frames_resumed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts frames anew, for a job that starts over. Warnings stay.
    pub fn start_over(&self) {
        let counters = &self.0;
        for counter in [&counters.frames_in, &counters.frames_out, &counters.frames_resumed, &counters.position_nanos] {
            counter.store(0, Ordering::Relaxed);
        }
        for counter in [&counters.frames_dropped, &counters.frames_substituted, &counters.frames_damaged] {
            counter.store(0, Ordering::Relaxed);
        }
        for counter in [&counters.gaps, &counters.gpu_faults] {
            counter.store(0, Ordering::Relaxed);
        }
        counters.truncated.store(false, Ordering::Relaxed);
        lock(&counters.spent).clear();
    }

    /// A newer frame took the place of one that had not been worked on.
    pub fn frame_dropped(&self) {
        self.0.frames_dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more painted frames did not go to `output`, which had no time for them.
    pub fn frames_left_out(&self, output: &'static str, frames: u64) {
        if frames > 0 {
            *lock(&self.0.left_out).entry(output).or_default() += frames;
        }
    }

    /// The original passed in place of a styled frame that was not a picture.
    pub fn frame_substituted(&self) {
        self.0.frames_substituted.fetch_add(1, Ordering::Relaxed);
    }

    /// The graphics card failed; the processor did what it had in work.
    pub fn gpu_fault(&self) {
        self.0.gpu_faults.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more frames came damaged from the decoder, or not at all.
    pub fn frames_damaged_more(&self, frames: u64) {
        self.0.frames_damaged.fetch_add(frames, Ordering::Relaxed);
    }

    /// In so many more places data of the input is missing.
    pub fn gaps_more(&self, gaps: u64) {
        self.0.gaps.fetch_add(gaps, Ordering::Relaxed);
    }

    /// The input broke off before its end; `text` says where and why.
    pub fn truncated(&self, text: impl Into<String>) {
        self.0.truncated.store(true, Ordering::Relaxed);
        self.warn(text);
    }

    /// `stage` worked on a frame for `time`.
    pub fn spent(&self, stage: &'static str, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut spent = lock(&self.0.spent);
        let histogram = spent.entry(stage).or_insert_with(new_histogram);
        histogram.saturating_record(micros);
    }

    /// A live frame was shown, or handed out where nothing shows it, `time` after it was taken.
    pub fn latency(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        lock(&self.0.latency).get_or_insert_with(new_histogram).saturating_record(micros);
    }

    /// Percentiles of the latency, where it was measured.
    pub fn latencies(&self) -> Option<Latency> {
        let ms = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        let latency = lock(&self.0.latency);
        latency.as_ref().map(|histogram| Latency { p50: ms(histogram, 0.50), p99: ms(histogram, 0.99) })
    }

    /// Something that the user should know, said once however often it happens.
    pub fn warn(&self, text: impl Into<String>) {
        self.count_warning(text.into(), false);
    }

    /// Something that the user should know each time that it happens: something is lost, or back.
    pub fn warn_each_time(&self, text: impl Into<String>) {
        self.count_warning(text.into(), true);
    }

    fn count_warning(&self, text: String, each_time: bool) {
        let mut warnings = lock(&self.0.warnings);
        let known = warnings.iter_mut().find(|warning| warning.text == text);
        if known.is_none() || each_time {
            tracing::info!("warning: {text}");
        }
        match known {
            Some(warning) => warning.times += u64::from(each_time),
            None => warnings.push(Warning { text, times: 1 }),
        }
    }

    /// What was warned of so far, each at the place of its first time; what happened again says how often.
    pub fn warnings(&self) -> Vec<String> {
        lock(&self.0.warnings).iter().map(ToString::to_string).collect()
    }

    /// Something failed without which the run goes on. The first such error is what it ends with.
    pub fn fail(&self, error: Error) {
        lock(&self.0.failure).get_or_insert(error);
    }

    /// What failed without ending the run; given once.
    pub fn take_failure(&self) -> Option<Error> {
        lock(&self.0.failure).take()
    }

    /// Frames that came in.
    pub fn frames_in(&self) -> u64 {
        self.0.frames_in.load(Ordering::Relaxed)
    }

    /// Frames that went out.
    pub fn frames_out(&self) -> u64 {
        self.0.frames_out.load(Ordering::Relaxed)
    }

    /// Frames that were taken from what an unfinished run left; they count as in and out, too.
    pub fn frames_resumed(&self) -> u64 {
        self.0.frames_resumed.load(Ordering::Relaxed)
    }

    /// Frames that a live flow left out because newer ones were there.
    pub fn frames_dropped(&self) -> u64 {
        self.0.frames_dropped.load(Ordering::Relaxed)
    }

    /// Painted frames that outputs had no time for, by their names.
    pub fn left_out(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0.left_out).clone()
    }

    /// Frames whose original passed instead.
    pub fn frames_substituted(&self) -> u64 {
        self.0.frames_substituted.load(Ordering::Relaxed)
    }

    /// How often the graphics card failed.
    pub fn gpu_faults(&self) -> u64 {
        self.0.gpu_faults.load(Ordering::Relaxed)
    }

    /// Frames that came damaged from the decoder, or not at all.
    pub fn frames_damaged(&self) -> u64 {
        self.0.frames_damaged.load(Ordering::Relaxed)
    }

    /// Places where data of the input is missing.
    pub fn gaps(&self) -> u64 {
        self.0.gaps.load(Ordering::Relaxed)
    }

    /// Whether the input broke off.
    pub fn is_truncated(&self) -> bool {
        self.0.truncated.load(Ordering::Relaxed)
    }

    /// Presentation time of the newest frame that went out, in nanoseconds.
    pub fn position_nanos(&self) -> u64 {
        self.0.position_nanos.load(Ordering::Relaxed)
    }

    /// Percentiles of the time that each stage took, by its name.
    pub fn stages(&self) -> BTreeMap<&'static str, Percentiles> {
        lock(&self.0.spent).iter().map(|(&stage, histogram)| (stage, Percentiles::of(histogram))).collect()
    }
}

/// Times up to an hour, three significant digits: a few kB a stage, however long the run.
fn new_histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "the bounds are constants and valid")]
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("constant bounds")
}

/// How long a stage took a frame, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50_ms: f64,
    /// Nine of ten frames took at most this.
    pub p90_ms: f64,
    /// 99 of 100 frames took at most this.
    pub p99_ms: f64,
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Self { p50_ms: ms(0.50), p90_ms: ms(0.90), p99_ms: ms(0.99) }
    }
}

/// How old live frames are when they are shown, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 99 of 100 frames were at most this old.
    pub p99: f64,
}

/// What a finished run has to say; written by `--report` (docs/JSON.md: scripts rely on the names).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Frames that the source gave.
    pub frames_in: u64,
    /// Frames that the output holds; live, frames that were painted.
    pub frames_out: u64,
    /// Frames of it that an unfinished run had done (`--resume`).
    pub frames_resumed: u64,
    /// Frames that a live flow left out.
    pub frames_dropped: u64,
    /// Frames whose original passed because the network gave NaN or infinity.
    pub frames_substituted: u64,
    /// How often a graphics card failed and the processor did what it had in work: at the most 2 times for one that converts, once for
    /// one that runs the network, after which the processor does all.
    pub gpu_faults: u64,
    /// Frames that came damaged from the decoder, or not at all.
    pub frames_damaged: u64,
    /// Places where data of the input is missing or cannot be read.
    pub gaps: u64,
    /// The input broke off before its end.
    pub truncated: bool,
    /// The user asked to stop before the end.
    pub stopped: bool,
    /// Seconds from the start of the flow to the finished output.
    pub wall_s: f64,
    /// Frames that this run stylized (`frames_out - frames_resumed`) a second.
    pub fps: f64,
    /// Width that the network worked at; live, at the end.
    pub net_width: u32,
    /// Height that the network worked at; live, at the end.
    pub net_height: u32,
    /// Style, or file of the model; live, at the beginning.
    pub style: String,
    /// `live` or `fine`; empty for a model that does not say.
    pub tier: String,
    /// Provider that ran the network.
    pub provider: String,
    /// On what it calculated, such as the name of a card; empty where that is not known.
    pub device: String,
    /// Precision of the network.
    pub precision: String,
    /// What converted colours: `cpu` or `gpu`.
    pub convert: String,
    /// Greatest memory in use at any time.
    pub peak_rss_mb: f64,
    /// What was left out or converted on the way.
    pub warnings: Vec<String>,
    /// Times of the stages.
    pub stages: BTreeMap<&'static str, Percentiles>,
    /// Painted frames that did not go to `recording`, `stream` or `virtual_camera` because it had no time for them, or was not
    /// there just then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub frames_left_out: BTreeMap<&'static str, u64>,
    /// From the camera to the window; live runs only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Latency>,
}

/// Greatest memory that this process ever had in use, in MB (10^6 bytes).
pub fn peak_rss_mb() -> f64 {
    const BYTES_A_UNIT: f64 = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    let of_usage = || getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| usage.max_rss() as f64 * BYTES_A_UNIT / 1e6);
    high_water_mark_mb().unwrap_or_else(of_usage)
}

/// Linux' `VmHWM`. The figure of `getrusage` survives `exec`: it is at least what the process had that began this one.
fn high_water_mark_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// CPU time that this process has used, all threads, user and system.
pub fn cpu_time() -> Duration {
    let seconds = |time: TimeVal| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or(0));
    getrusage(UsageWho::RUSAGE_SELF)
        .map_or(Duration::ZERO, |usage| seconds(usage.user_time()) + seconds(usage.system_time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_stands_once_and_says_how_often_where_each_time_counts() {
        let meter = Meter::new();
        for _ in 0..3 {
            meter.warn("slow");
            meter.warn_each_time("lost");
        }
        meter.warn_each_time("back");
        assert_eq!(meter.warnings(), ["slow", "lost (3 times)", "back"]);
    }

    #[test]
    fn the_first_failure_counts_and_is_given_once() {
        let meter = Meter::new();
        meter.fail(Error::Device("first".into()));
        meter.fail(Error::Device("second".into()));
        assert_eq!(meter.take_failure().map(|error| error.to_string()), Some("first".into()));
        assert!(meter.take_failure().is_none());
    }
}
