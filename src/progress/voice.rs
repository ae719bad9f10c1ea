//! How a program speaks to its user: on stderr, a line at a time, past the progress bar.

use std::fmt::Display;
use std::io::{self, Write};

use console::style;
use indicatif::MultiProgress;
use serde::Serialize;

use super::event::Event;

/// Speaks. Clones speak past the same bars. A stderr that nobody reads any more is no reason to end: its errors are
/// ignored.
#[derive(Clone, Debug)]
pub struct Voice {
    bars: MultiProgress,
    json: bool,
    quiet: bool,
    /// Which of several files is spoken of.
    file: Option<usize>,
}

/// A JSON line: the event, and the file that it belongs to.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<usize>,
}

impl Voice {
    /// A voice that says everything in JSON, or in words; a quiet one says errors only.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { bars: MultiProgress::new(), json, quiet, file: None }
    }

    /// The same voice; its JSON events are of file `number` of a run over several.
    pub fn of_file(&self, number: usize) -> Self {
        Self { file: Some(number), ..self.clone() }
    }

    /// Whether only errors are said.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The bars that must not be written across.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// News, in words; not when quiet, and JSON has its events.
    pub fn note(&self, text: impl Display) {
        self.say("", &text.to_string());
    }

    /// An event, as JSON; not when quiet, and words have their notes.
    pub fn event(&self, event: &Event<'_>) {
        if !self.quiet && self.json {
            self.json_line(event);
        }
    }

    /// What the user should know although all went well.
    pub fn warning(&self, message: &str) {
        self.event(&Event::Warning { message });
        self.say(&style("warning: ").yellow().bold().for_stderr().to_string(), message);
    }

    /// Why the program does not end with 0.
    pub fn error(&self, message: &str, causes: &[String], exit_code: u8) {
        if self.json {
            self.json_line(&Event::Error { message, causes, exit_code });
        } else {
            self.line(format_args!("{}{}", style("error: ").red().bold().for_stderr(), one_line(message)));
        }
    }

    fn say(&self, prefix: &str, text: &str) {
        if !self.quiet && !self.json {
            self.line(format_args!("{prefix}{}", one_line(text)));
        }
    }

    /// Just this line.
    pub fn line(&self, text: impl Display) {
        self.raw(format!("{text}\n").as_bytes());
    }

    fn json_line(&self, event: &Event<'_>) {
        if let Ok(text) = serde_json::to_string(&Line { event, file: self.file }) {
            self.line(text);
        }
    }

    fn raw(&self, bytes: &[u8]) {
        self.bars.suspend(|| {
            let _ = io::stderr().lock().write_all(bytes);
        });
    }
}

/// Lets a log be written past the bars.
impl Write for Voice {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.json {
            self.event(&Event::Log { message: String::from_utf8_lossy(bytes).trim_end() });
        } else {
            self.raw(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text without line breaks and other control characters, which names of files may bring in.
pub(crate) fn one_line(text: &str) -> String {
    text.trim_end().replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(one_line("a\nb\r\tc\n"), "a b  c");
        assert_eq!(one_line("\u{1b}[31mred"), " [31mred");
    }
}
