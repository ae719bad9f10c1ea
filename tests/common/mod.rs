//! What tests of the whole job share: clips that they make ([`clip`]), files read back ([`read`]), and the program run in
//! a folder of its own.
#![allow(dead_code, reason = "every test binary uses its part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

pub mod card;
pub mod child;
pub mod clip;
pub mod dice;
pub mod ffmpeg;
pub mod heap;
pub mod kernel;
pub mod read;

use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;
use stylize::compose::Controls;
use stylize::job::{Engine, Job, Look, StyleChoice};
use stylize::options::{Input, Output, Provider, SizeChoice};
use tempfile::TempDir;

/// A run that takes longer hangs.
pub const HANG: Duration = Duration::from_secs(60);

const VIDEO: &str = env!("CARGO_BIN_EXE_stylize-video");
const WEBCAM: &str = env!("CARGO_BIN_EXE_stylize-webcam");
const REPORT: &str = ".report.json";

/// A model of `tests/data/models`.
pub fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(format!("{name}.onnx"))
}

/// Says that something is not tested, for want of `what`. With `STYLIZE_REQUIRE_ALL=1`, for a machine that has all that tests
/// can use, it fails instead; with words in the place of 1 it does so where `what` holds one of them.
pub fn skip(what: &str) {
    let required = std::env::var("STYLIZE_REQUIRE_ALL").unwrap_or_default();
    let fails = required == "1" || required.split_whitespace().any(|word| what.contains(word));
    assert!(!fails, "STYLIZE_REQUIRE_ALL is {required:?}, but {what}");
    eprintln!("skipped: {what}");
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stderr: String,
    /// What `--report` gave; null if nothing.
    pub report: Value,
}

impl Ended {
    /// Exit 0, with every frame.
    pub fn good(self, frames: u64) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        assert_eq!(self.report["frames_in"], frames, "{}", self.stderr);
        assert_eq!(self.report["frames_out"], frames, "{}", self.stderr);
        self
    }

    /// Exit `code`, with one line that holds `part`.
    pub fn refused(self, code: i32, part: &str) -> Self {
        assert_eq!((self.code, self.stderr.lines().count()), (code, 1), "{}", self.stderr);
        assert!(self.stderr.starts_with("error: ") && self.stderr.contains(part), "{part:?}: {}", self.stderr);
        self
    }

    /// What the report warns of, in one text.
    pub fn warnings(&self) -> String {
        let warnings = self.report["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
        warnings.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
    }
}

/// A temporary folder that the program runs in.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `stylize-video` with `words`; `@name` stands for a model, and `identity` is the style if none is given.
    pub fn run(&self, words: &str) -> Ended {
        let ended = self.try_run(words);
        assert!(ended.code >= 0, "{words}: hung or killed: {}", ended.stderr);
        ended
    }

    /// The same; a run that hangs or is killed has the code -1.
    pub fn try_run(&self, words: &str) -> Ended {
        let output = self.command(words).timeout(HANG).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ended { code: output.status.code().unwrap_or(-1), stderr, report: self.take_report() }
    }

    /// The same, not started yet.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(VIDEO);
        command.current_dir(self.0.path()).args(arguments(words));
        command
    }

    /// The same for `std`, to send signals to.
    pub fn process(&self, words: &str) -> std::process::Command {
        let mut command = std::process::Command::new(VIDEO);
        command.current_dir(self.0.path()).args(arguments(words));
        command
    }

    /// `stylize-webcam` with `words`, without a window, not started yet.
    pub fn webcam(&self, words: &str) -> std::process::Command {
        let mut command = std::process::Command::new(WEBCAM);
        command.current_dir(self.0.path()).args(arguments(words));
        for display in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
            command.env_remove(display);
        }
        command
    }

    /// The same, until its end.
    pub fn run_webcam(&self, words: &str) -> Ended {
        let output = Command::from_std(self.webcam(words)).timeout(HANG).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code().unwrap_or_else(|| panic!("{words}: hung or killed: {stderr}"));
        Ended { code, stderr, report: self.take_report() }
    }

    /// The same as somebody who may write nowhere; none, and said, where one cannot become that user.
    pub fn run_as_nobody(&self, words: &str) -> Option<Ended> {
        use std::os::unix::fs::PermissionsExt;
        let everybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.0.path(), everybody).unwrap();
        let mut arguments: Vec<PathBuf> = arguments(words);
        arguments.truncate(arguments.len() - 2);
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", VIDEO])
            .args(arguments)
            .current_dir(self.0.path())
            .env("HOME", self.0.path())
            .timeout(HANG)
            .output();
        let Ok(output) = output else {
            skip(&format!("{words} as nobody: setpriv is not installed"));
            return None;
        };
        let stderr = String::from_utf8(output.stderr).unwrap();
        if stderr.contains("setpriv:") {
            skip(&format!("{words} as nobody: {}", stderr.trim()));
            return None;
        }
        Some(Ended { code: output.status.code().unwrap_or(-1), stderr, report: Value::default() })
    }

    /// The report that the last run left, which goes.
    pub fn take_report(&self) -> Value {
        let path = self.path(REPORT);
        let report = std::fs::read(&path).ok().map(|bytes| serde_json::from_slice(&bytes).unwrap());
        let _ = std::fs::remove_file(path);
        report.unwrap_or_default()
    }

    /// Names of all files, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// GStreamer's plugins without some of them.
pub struct Plugins(TempDir);

impl Plugins {
    /// Lets `command` see only these.
    pub fn apply(&self, mut command: Command) -> Command {
        for variable in ["GST_PLUGIN_SYSTEM_PATH_1_0", "GST_PLUGIN_PATH_1_0"] {
            command.env(variable, self.0.path());
        }
        command.env("GST_REGISTRY_1_0", self.0.path().join("registry.bin"));
        command
    }
}

/// What a run from H.264 in MP4 to MP4 needs of GStreamer, but nothing whose file name holds one of `absent`; none, and
/// said, where GStreamer's folder is not found.
pub fn plugins_without(absent: &[&str]) -> Option<Plugins> {
    gst::init().unwrap();
    let plugin = gst::Registry::get().find_plugin("coreelements");
    let Some(file) = plugin.and_then(|plugin| plugin.filename()) else {
        skip("the folder of GStreamer's plugins is not found");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let wanted = [
        "coreelements",
        "app",
        "playback",
        "typefind",
        "isomp4",
        "videoparsers",
        "audioparsers",
        "libav",
        "videoconvert",
        "videofilter",
        "videoscale",
        "audioconvert",
        "audioresample",
        "deinterlace",
        "x264",
        "openh264",
    ];
    for entry in std::fs::read_dir(file.parent()?).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if wanted.iter().any(|part| name.contains(part)) && !absent.iter().any(|part| name.contains(part)) {
            std::os::unix::fs::symlink(&entry, folder.path().join(&name)).unwrap();
        }
    }
    Some(Plugins(folder))
}

fn arguments(words: &str) -> Vec<PathBuf> {
    let mut arguments: Vec<PathBuf> =
        words.split_whitespace().map(|word| word.strip_prefix('@').map_or_else(|| word.into(), model)).collect();
    if !words.contains("--style") {
        arguments.extend(["--style".into(), model("identity")]);
    }
    // What the network gives is compared; the stabiliser has tests of its own.
    if !words.contains("--stabilise") {
        arguments.extend(["--stabilise".into(), "0".into()]);
    }
    if !words.contains("--report") {
        arguments.extend(["--report".into(), REPORT.into()]);
    }
    arguments
}

/// Turns `in.mp4` into `to` with the network that changes nothing.
pub fn job(folder: &Folder, to: &str) -> Job {
    Job {
        force: true,
        engine: Engine {
            style: StyleChoice::File(model("identity")),
            provider: Provider::Cpu,
            threads: Some(2),
            ..Engine::default()
        },
        look: Look { controls: Controls::default(), net_size: SizeChoice::Source },
        ..Job::new(Input::File(folder.path("in.mp4")), Output::File(folder.path(to)))
    }
}
