//! Providers, each tried by a process of its own: a process holds one ONNX Runtime, and a driver may crash or hang.

use std::process::Command;
use std::time::Duration;

use crate::child;
use crate::model::trial::Trial;

/// TensorRT builds an engine first.
const PATIENCE: Duration = Duration::from_secs(120);

/// The trials of `provider`, as `asked` prints them, in JSON. One that does not answer is a trial that failed.
pub fn ask(provider: &str, asked: &mut Command) -> Vec<Trial> {
    child::ask(asked, "its libraries", PATIENCE).unwrap_or_else(|reason| {
        let (device, version) = (String::new(), String::new());
        vec![Trial { provider: provider.to_owned(), device, millis: None, reason, version }]
    })
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
