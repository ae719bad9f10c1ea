//! The live filter: camera → stylizer → window, virtual camera and recording, all at once.

mod words;

pub use words::{Board, CameraChoice, LiveInput, Mode, Screen, Status, WindowChoice, Wish};
