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
pub use infer::{Infer, StandIn};
pub use inspect::Inspection;
pub use provider::{Choice, Excuse, PassedOver};
pub use runtime::Runtime;
pub use session::{Arithmetic, Model, Session, SessionOptions};
pub use spec::{ModelSpec, ValueRange};
pub use statements::SpecOverrides;
pub use zoo::{Precision, Tier};

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
