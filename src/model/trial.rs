//! Trying providers for real: whether one is built into the library says little, a network that it runs says all.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::provider::{self, Choice, Excuse, Row};
use super::{Arithmetic, Model, Runtime, SessionOptions, SpecOverrides, zoo};
use crate::error::ModelError;
use crate::frame::Size;
use crate::options::Provider;
use crate::tensor::TensorPool;

/// Size of the picture that is painted.
const SIZE: Size = Size::new(64, 64);

/// Runs that are measured; the first of a session counts for nothing.
const RUNS: usize = 5;

/// What came of trying a provider on one kind of device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The provider.
    pub provider: String,
    /// On what it calculated; empty where that is not known, or it did not run.
    pub device: String,
    /// What a picture of 64x64 took, in the first style of the zoo; none where it did not run.
    pub millis: Option<f64>,
    /// Why it did not run, and what to do.
    pub reason: String,
    /// Version of the ONNX Runtime that it was tried with.
    pub version: String,
}

/// What came of the rows of the providers that were tried in this process: nobody need try them again.
#[derive(Debug, Default)]
pub(super) struct Outcomes(Mutex<Vec<Outcome>>);

#[derive(Debug)]
struct Outcome {
    provider: Provider,
    on_card: bool,
    excuse: Option<Excuse>,
}

impl Outcomes {
    /// Why `row` does not run here, if that is known.
    pub fn failure(&self, row: &Row) -> Option<Excuse> {
        self.known(row).flatten()
    }

    /// Why `row` does not run here, none where it does: what is known of that, or what `attempt` comes to.
    fn excuse(&self, row: &Row, attempt: impl FnOnce() -> Option<Excuse>) -> Option<Excuse> {
        self.known(row).unwrap_or_else(|| {
            let excuse = attempt();
            let outcome = Outcome { provider: row.provider, on_card: row.on_card, excuse: excuse.clone() };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
            excuse
        })
    }

    /// Puts on record that what ran does not run any more.
    pub fn failed(&self, choice: &Choice, excuse: Excuse) {
        let mut outcomes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_chosen = |outcome: &Outcome| (outcome.provider, outcome.on_card) == (choice.provider, choice.on_card);
        outcomes.retain(|outcome| !is_chosen(outcome));
        outcomes.push(Outcome { provider: choice.provider, on_card: choice.on_card, excuse: Some(excuse) });
    }

    fn known(&self, row: &Row) -> Option<Option<Excuse>> {
        let outcomes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_row = |outcome: &&Outcome| (outcome.provider, outcome.on_card) == (row.provider, row.on_card);
        outcomes.iter().find(is_row).map(|outcome| outcome.excuse.clone())
    }
}

/// Who is to run a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Never [`Provider::Auto`].
    pub provider: Provider,
    /// Whether it calculates on a card, and not on the processor.
    pub on_card: bool,
}

/// The provider that is to run a network of the zoo, found out before one is chosen for it: cards want other numbers than
/// processors, and a `light` one (of the live tier) is not worth the start of every provider. The processor is taken untried.
///
/// # Errors
/// When the one that was asked for does not run.
pub fn settle(runtime: &Runtime, provider: Provider, light: bool) -> Result<Settled, ModelError> {
    let mut refused = None;
    for row in provider::rows(provider) {
        let tried = || runtime.outcomes().excuse(row, || attempt(runtime, row).err());
        let excuse = row.excuse(provider, light).or_else(|| row.is_tried().then(tried).flatten());
        let Some(excuse) = excuse else { return Ok(Settled { provider: row.provider, on_card: row.on_card }) };
        // Of several kinds of device, the first is the one that a user means who has the card.
        refused.get_or_insert((row.provider, excuse.to_string()));
    }
    let (failed, reason) = refused.unwrap_or((provider, "there is no such provider".into()));
    Err(ModelError::Provider { provider: failed, reason, remedy: provider::remedy(failed) })
}

/// Tries `provider` on each kind of device that it knows.
pub fn tried(runtime: &Runtime, provider: Provider) -> Vec<Trial> {
    let trial = |row: &Row| {
        let outcome = row.excuse(Provider::Auto, false).map_or_else(|| attempt(runtime, row), Err);
        let (millis, device, reason) = match outcome {
            Ok(time) => (Some(time.as_secs_f64() * 1000.0), (row.device)(), String::new()),
            Err(excuse) => (None, String::new(), format!("{excuse}; {}", row.remedy)),
        };
        Trial { provider: row.provider.to_string(), device, millis, reason, version: runtime.version().to_owned() }
    };
    provider::rows(provider).map(trial).collect()
}

/// The providers that there can be on this system.
pub fn providers() -> impl Iterator<Item = Provider> {
    let elsewhere = |provider| match provider {
        Provider::CoreMl => !cfg!(target_os = "macos"),
        Provider::DirectMl => !cfg!(windows),
        provider => provider == Provider::Auto,
    };
    Provider::value_variants().iter().copied().filter(move |provider| !elsewhere(*provider))
}

/// Runs a small picture through the first style, and says what it took.
fn attempt(runtime: &Runtime, row: &Row) -> Result<Duration, Excuse> {
    run(runtime, row).map_err(|error| match error {
        ModelError::Provider { reason, .. } | ModelError::Unusable { reason, .. } => Excuse::Failed(reason),
        other => Excuse::Failed(other.to_string()),
    })
}

fn run(runtime: &Runtime, row: &Row) -> Result<Duration, ModelError> {
    let entry = zoo::find_in(None, None, None, zoo::best_first(row.on_card), &[])?;
    let model = Model::open(runtime, entry.source, &SpecOverrides::default())?;
    let options =
        SessionOptions { provider: row.provider, arithmetic: Arithmetic::Halves, ..SessionOptions::default() };
    let mut session = model.session_on(row, SIZE, &options)?;
    let pool = TensorPool::new();
    let input = pool.lend(session.input_format(), session.input_size());
    let mut output = pool.lend(session.output_format(), session.output_size());
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let since = Instant::now();
        session.run(&input, &mut output)?;
        times.push(since.elapsed());
    }
    times.sort_unstable();
    Ok(times[RUNS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_once_is_not_tried_again_whatever_came_of_it() {
        let [card, processor] = &provider::rows(Provider::OpenVino).collect::<Vec<_>>()[..] else { panic!("two rows") };
        for outcome in [None, Some(Excuse::Failed("no driver".into()))] {
            let outcomes = Outcomes::default();
            assert_eq!(outcomes.failure(card), None);
            assert_eq!(outcomes.excuse(card, || outcome.clone()), outcome);
            assert_eq!(outcomes.excuse(card, || panic!("tried again")), outcome);
            assert_eq!(outcomes.failure(card), outcome);
            // The same provider on another kind of device is another matter.
            let other = Some(Excuse::NoCard);
            assert_eq!(outcomes.excuse(processor, || other.clone()), other);
        }
    }
}
