//! Providers, each tried by a process of its own: a process holds one ONNX Runtime, and a driver may crash or hang.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::model::trial::Trial;

/// TensorRT builds an engine first.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

/// The trials of `provider`, as `asked` prints them, in JSON. One that does not answer is a trial that failed.
pub fn ask(provider: &str, asked: &mut Command) -> Vec<Trial> {
    answer(asked, "its libraries").unwrap_or_else(|reason| {
        let (device, version) = (String::new(), String::new());
        vec![Trial { provider: provider.to_owned(), device, millis: None, reason, version }]
    })
}

/// The list that `asked` prints in JSON.
///
/// # Errors
/// When it does not answer, or crashes for the fault of `whose`.
pub fn answer<T: DeserializeOwned>(asked: &mut Command, whose: &str) -> Result<Vec<T>, String> {
    let mut child = asked
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let status = wait(&mut child)?;
    // A few lines fit into the pipe, so that it never waited for a reader.
    let mut text = String::new();
    child.stdout.take().map(|mut out| out.read_to_string(&mut text));
    serde_json::from_str(&text).map_err(|_| format!("{whose} crashed ({status})"))
}

fn wait(child: &mut Child) -> Result<ExitStatus, String> {
    let since = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if since.elapsed() < PATIENCE => thread::sleep(POLL),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it had not answered after {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_survives_the_way_between_processes_and_a_crash_is_one_that_failed() {
        let text = |text: &str| text.to_owned();
        let trial = Trial {
            provider: text("cpu"),
            device: text("Z80"),
            millis: Some(2.5),
            reason: text(""),
            version: text("1"),
        };
        let json = serde_json::to_string(&[&trial]).unwrap();
        assert_eq!(ask("cpu", Command::new("echo").arg(json)), [trial]);
        let crashed = &ask("cuda", &mut Command::new("false"))[0];
        assert!(crashed.provider == "cuda" && crashed.reason.contains("crashed"), "{crashed:?}");
        assert_eq!(ask("cuda", &mut Command::new("/nowhere/at-all"))[0].millis, None);
    }
}
