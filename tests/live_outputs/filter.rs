//! The live filter at work, as a process of its own.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::child::{send, wait_until};
use crate::common::{Folder, HANG};

/// A small scene, so that any machine keeps its pace.
const SCENE: &str = "--camera test --mode 320x240@30 --no-window --progress none";

/// `stylize-webcam` with `words`, filming the scene, not started yet.
pub fn command(folder: &Folder, words: &str) -> Command {
    folder.webcam(&format!("{SCENE} {words}"))
}

/// A run, and the folder that it runs in.
pub struct Filter {
    folder: Folder,
    child: Child,
}

/// How it ended.
pub struct Ended {
    pub folder: Folder,
    pub code: Option<i32>,
    pub report: Value,
    pub stderr: String,
}

impl Filter {
    /// Starts it with `words`.
    pub fn start(words: &str) -> Self {
        let folder = Folder::new();
        let stderr = std::fs::File::create(folder.path("stderr")).unwrap();
        let child = command(&folder, words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        Self { folder, child }
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Waits until `ready` while it runs.
    pub fn wait_until(&mut self, what: &str, mut ready: impl FnMut(&Folder) -> bool) {
        wait_until(what, || {
            let is_ready = ready(&self.folder);
            assert!(is_ready || self.child.try_wait().unwrap().is_none(), "{what}: it ended: {}", self.stderr());
            is_ready
        });
    }

    pub fn signal(&self, signal: &str) {
        send(signal, &self.child);
    }

    /// Ctrl-C.
    pub fn interrupt(self) -> Ended {
        self.signal("INT");
        self.end()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let since = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            if since.elapsed() > HANG {
                let _ = (self.child.kill(), self.child.wait());
                panic!("it hangs: {}", self.stderr());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let (report, stderr) = (self.folder.take_report(), self.stderr());
        Ended { folder: self.folder, code, report, stderr }
    }

    fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.path("stderr")).unwrap()
    }
}

impl Ended {
    /// All warnings that hold `part`.
    pub fn warned(&self, part: &str) -> usize {
        let warnings = self.report["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
        warnings.iter().filter(|text| text.as_str().unwrap().contains(part)).count()
    }
}
