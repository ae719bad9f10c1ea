//! What a process of its own answers: drivers crash and hang, and are asked where that harms nobody.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::error::io_reason;

const POLL: Duration = Duration::from_millis(10);

/// How long one that was killed may take to end. Who waits in a driver may never do.
const FAREWELL: Duration = Duration::from_secs(1);

/// A process that was asked, and has so long to answer. Who lets go of this ends it.
pub(crate) struct Asked {
    child: Child,
    answer: File,
    since: Instant,
    patience: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Silence {
    /// It took longer than this.
    Late(Duration),
    /// It ended without one.
    Ended(ExitStatus),
    /// It cannot be waited for.
    Lost(io::Error),
}

impl Silence {
    /// The reason, for a message; a crash is the fault of `whose`.
    pub(crate) fn words(&self, whose: &str) -> String {
        match self {
            Self::Late(patience) => format!("no answer within {patience:?}"),
            Self::Ended(status) => format!("{whose} crashed ({status})"),
            Self::Lost(error) => io_reason(error),
        }
    }
}

impl Asked {
    /// Starts `command`, whose answer is JSON on its stdout.
    ///
    /// # Errors
    /// When there is no such process to be had; the text says why.
    pub(crate) fn begin(command: &mut Command, patience: Duration) -> Result<Self, String> {
        // A pipe would have to be read all the while, and stays open as long as anybody that the process leaves behind.
        let answer = tempfile::tempfile()
            .map_err(|error| format!("no temporary file can be made: {}; set TMPDIR", io_reason(&error)))?;
        let stdout = answer.try_clone().map_err(|error| io_reason(&error))?;
        let command = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| io_reason(&error))?;
        Ok(Self { child, answer, since: Instant::now(), patience })
    }

    /// The answer, once it is known whether there is one.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self) -> Option<Result<T, Silence>> {
        match self.child.try_wait() {
            Ok(None) if self.since.elapsed() < self.patience => None,
            Ok(None) => Some(Err(Silence::Late(self.patience))),
            Ok(Some(status)) => Some(self.read().ok_or(Silence::Ended(status))),
            Err(error) => Some(Err(Silence::Lost(error))),
        }
    }

    fn read<T: DeserializeOwned>(&mut self) -> Option<T> {
        let mut text = String::new();
        self.answer.rewind().and_then(|()| self.answer.read_to_string(&mut text)).ok()?;
        serde_json::from_str(&text).ok()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let since = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && since.elapsed() < FAREWELL {
            thread::sleep(POLL);
        }
    }
}

/// What `command` answers in JSON within `patience`.
///
/// # Errors
/// When it does not, or crashes for the fault of `whose`.
pub(crate) fn ask<T: DeserializeOwned>(command: &mut Command, whose: &str, patience: Duration) -> Result<T, String> {
    let mut asked = Asked::begin(command, patience)?;
    loop {
        if let Some(answer) = asked.answer() {
            return answer.map_err(|silence| silence.words(whose));
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(script: &str, patience: Duration) -> Result<Vec<u32>, String> {
        ask(Command::new("sh").args(["-c", script]), "a driver", patience)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_is_read_once_the_process_has_ended() {
        assert_eq!(asked("echo [1,; sleep 0.1; echo 2]", LONG), Ok(vec![1, 2]));
        // More than a pipe holds.
        let long = asked("echo [0; for i in $(seq 50000); do echo ,$i; done; echo ]", LONG);
        assert_eq!(long.map(|numbers| numbers.len()), Ok(50_001));
    }

    #[test]
    fn who_hangs_is_late_and_killed() {
        let patience = Duration::from_millis(50);
        let mut hangs = Asked::begin(Command::new("sleep").arg("1000"), patience).unwrap();
        let pid = nix::unistd::Pid::from_raw(hangs.child.id().cast_signed());
        let answer = loop {
            if let Some(answer) = hangs.answer::<u32>() {
                break answer;
            }
        };
        assert_eq!(answer.unwrap_err().words("a driver"), "no answer within 50ms");
        drop(hangs);
        assert_eq!(nix::sys::signal::kill(pid, None), Err(nix::Error::ESRCH));
    }

    #[test]
    fn who_leaves_a_process_behind_has_answered() {
        let mut leaves = Command::new("sh");
        leaves.args(["-c", "sleep 1000 & echo [$!]"]);
        let left = ask::<Vec<i32>>(&mut leaves, "a driver", LONG).unwrap();
        let left = nix::unistd::Pid::from_raw(left[0]);
        nix::sys::signal::kill(left, nix::sys::signal::Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_crash_is_told_with_its_signal_and_what_cannot_start_with_its_reason() {
        let crashed = asked("kill -SEGV $$", LONG).unwrap_err();
        assert!(crashed.starts_with("a driver crashed (signal: 11"), "{crashed}");
        let none = ask::<u32>(&mut Command::new("/nowhere/at-all"), "a driver", LONG);
        assert_eq!(none, Err("no such file or directory".into()));
    }
}
