//! What tests of the whole job share: clips that they make ([`clip`]), files read back ([`read`]), and the program run in
//! a folder of its own.
#![allow(dead_code, reason = "every test binary uses its part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

pub mod clip;
pub mod read;

use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;
use stylize::job::{Encoding, Engine, Job, Look, Output, Part, SizeChoice, StyleChoice};
use stylize::model::{Provider, SpecOverrides};
use tempfile::TempDir;

/// A run that takes longer hangs.
pub const HANG: Duration = Duration::from_secs(60);

const VIDEO: &str = env!("CARGO_BIN_EXE_stylize-video");
const REPORT: &str = ".report.json";

/// A model of `tests/data/models`.
pub fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(format!("{name}.onnx"))
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

fn arguments(words: &str) -> Vec<PathBuf> {
    let mut arguments: Vec<PathBuf> =
        words.split_whitespace().map(|word| word.strip_prefix('@').map_or_else(|| word.into(), model)).collect();
    if !words.contains("--style") {
        arguments.extend(["--style".into(), model("identity")]);
    }
    if !words.contains("--report") {
        arguments.extend(["--report".into(), REPORT.into()]);
    }
    arguments
}

/// Turns `in.mp4` into `to` with the network that changes nothing.
pub fn job(folder: &Folder, to: &str) -> Job {
    Job {
        input: folder.path("in.mp4"),
        output: Output::File(folder.path(to)),
        force: true,
        engine: Engine {
            style: StyleChoice::File(model("identity")),
            tier: None,
            precision: None,
            overrides: SpecOverrides::default(),
            provider: Provider::Cpu,
            threads: Some(2),
            runtime: None,
        },
        look: Look { strength: 1.0, keep_colour: false, net_size: SizeChoice::Source },
        size: SizeChoice::Source,
        encoding: Encoding::default(),
        audio: true,
        part: Part::default(),
    }
}
