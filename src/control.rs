//! What passes between a live run and those who watch it: wishes one way, status and pictures the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::frame::{Painted, Size, Timed};

/// What the user asks for while the filter runs, at the window by key or mouse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    /// The style so many places further in the list; negative: back.
    StyleBy(i32),
    /// The style at this place of the list, from 0.
    Style(usize),
    /// So much more of the style; negative: less.
    StrengthBy(f32),
    /// The original in place of the painting, or the painting again.
    Original,
    /// The colours of the original on or off.
    KeepColour,
    /// The stabiliser on or off.
    Stabilise,
    /// The picture of this moment stands still, for all who watch, or moves again.
    Freeze,
    /// A picture of this moment as a file.
    Snapshot,
    /// The recording begins or ends.
    Record,
    /// The end; while it records or streams, the wish must come twice within three seconds.
    Quit,
}

/// How far a recording is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordingState {
    /// There is none.
    #[default]
    None,
    /// File and microphone are being opened.
    Opening,
    /// It has been going on for so long.
    Running(Duration),
    /// What was recorded is being completed.
    Closing,
}

/// What the window tells beside the picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Names of the styles that can be chosen.
    pub styles: Vec<String>,
    /// Place of the style in that list; none before anything is painted.
    pub style: Option<usize>,
    /// Its name, or the file of the model.
    pub style_name: String,
    /// Painted frames a second.
    pub fps: f64,
    /// From the camera to the painted frame, middle of the last ones.
    pub latency: Duration,
    /// Frames left out so far.
    pub dropped: u64,
    /// Who runs the network.
    pub provider: String,
    /// On what it calculates.
    pub device: String,
    /// Size that the network works at.
    pub net_size: Option<Size>,
    /// How much of the style, 0..=1.
    pub strength: f32,
    /// Whether the colours are the original's.
    pub keep_colour: bool,
    /// Whether the strokes are held still.
    pub stabilise: bool,
    /// Whether the picture stands still.
    pub frozen: bool,
    /// How far the recording is.
    pub recording: RecordingState,
    /// Something to be shown for some seconds, such as where a snapshot went, and a number that changes with each.
    pub note: (u64, String),
}

/// The status as it is now, for whoever shows it. Clones are the same board.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Status>>);

impl Board {
    /// What stands on it.
    pub fn read(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what stands on it.
    pub fn write(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Puts up a note.
    pub fn note(&self, text: impl Into<String>) {
        let text = text.into();
        self.write(|status| status.note = (status.note.0 + 1, text));
    }
}

/// Where painted frames are shown. They are taken at once; the newest is shown.
pub trait Screen: Send {
    /// Shows `painted` as soon as it can be.
    fn show(&self, painted: Timed<Painted>);
}
