//! The network: what it is, where it comes from, who runs it.
//!
//! ```text
//! zoo (name → bytes) ─┐                        ┌─► inspect (what is known, what is missing)
//!  file  + sidecar ───┴─► session::Model::open ┴─► session::Session ─► infer (the stage of the flow)
//!                            │            ▲
//!            graph + statements ─► spec ──┘          runtime, provider: who does the arithmetic
//! ```
//!
//! Only this module names `ort`; of it, `runtime`, `provider`, `register`, `describe`, `session`, `assignment`, `run` and `complaint` do. What decides the
//! meaning of a model (`graph`, `statements`, `port`, `spec`) is plain data and can be tested without a library.

use std::path::PathBuf;

pub mod runtime;
mod library;
mod cpu;
pub mod provider;
mod register;
pub(crate) mod devices;
pub mod zoo;
pub mod graph;
pub mod statements;
pub mod port;
pub mod spec;
pub mod describe;
pub mod session;
mod assignment;
mod run;
mod scale;
mod quiet;
pub mod trial;
pub mod inspect;
pub mod infer;
mod complaint;
mod spelling;

pub use assignment::Leftover;
pub use describe::ModelSource;
pub use infer::Infer;
pub use inspect::Inspection;
pub use provider::{Choice, Excuse, PassedOver, Provider};
pub use runtime::Runtime;
pub use session::{Model, Session, SessionOptions};
pub use spec::{ModelSpec, SpecError, ValueRange};
pub use statements::SpecOverrides;
pub use zoo::{Precision, Tier};

use crate::frame::Size;
use crate::memory::Sum;

/// The model or the runtime cannot be used. Its text is one line.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// ONNX Runtime is nowhere.
    #[error("ONNX Runtime not found in {looked}: run `make setup`, or set ORT_DYLIB_PATH to its library")]
    RuntimeMissing {
        /// The places, comma-separated.
        looked: String,
    },
    /// A file that should be ONNX Runtime is not, or cannot be loaded.
    #[error(
        "{}: {reason}; run `make setup`, or set ORT_DYLIB_PATH to the library of ONNX Runtime 1.{} or newer",
        path.display(),
        runtime::OLDEST_MINOR
    )]
    RuntimeUnusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What is known of the model is not enough, or contradicts itself.
    #[error("{model}: {source}{}", source.sidecar_hint(sidecar))]
    Spec {
        /// File or style.
        model: String,
        /// Name of the file that a line can be added to; empty where there can be none.
        sidecar: String,
        /// What is missing or wrong.
        source: Box<SpecError>,
    },
    /// The file is no model that can be run.
    #[error("{model}: {reason}")]
    Unusable {
        /// File or style.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The provider that was asked for does not run here.
    #[error("provider {provider} does not run here: {reason}; {remedy}")]
    Provider {
        /// Asked for by name.
        provider: Provider,
        /// What it said.
        reason: String,
        /// What to install.
        remedy: &'static str,
    },
    /// It takes more memory than there is.
    #[error("painting {out} with a network at {net} takes {sum}; use {remedy}")]
    Memory {
        /// Size that it was to work at.
        net: Size,
        /// Size of the output.
        out: Size,
        /// What the run takes.
        sum: Sum,
        /// Options that make it fit.
        remedy: String,
    },
    /// It took more memory than it may.
    #[error("the run takes {sum} by --memory-limit; use a smaller --net-size, fewer --threads, or a higher limit")]
    OverLimit {
        /// What it has, and what it may have.
        sum: Sum,
    },
    /// The zoo has no such network.
    #[error("{0}")]
    NotInZoo(String),
}

impl ModelError {
    fn unusable(model: &str, reason: impl Into<String>) -> Self {
        Self::Unusable { model: model.to_owned(), reason: reason.into() }
    }
}

/// `text` as a short single line: what other people's libraries say may have many.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 240;
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<_> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_has_no_breaks_and_an_end() {
        assert_eq!(one_line(" a\n\tb\u{1b}[1m  c\r\n"), "a b [1m c");
        assert_eq!(one_line(&"ä".repeat(1000)).chars().count(), 243);
    }
}
