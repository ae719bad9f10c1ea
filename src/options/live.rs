//! What is filmed, how, and where it is shown.

use std::path::{Path, PathBuf};

use crate::frame::{FrameRate, Size};

/// What an address of a [`LiveInput`] begins with. Others could name files, or devices.
pub const ADDRESS_SCHEMES: [&str; 5] = ["rtsp", "rtsps", "srt", "http", "https"];

/// What is filmed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LiveInput {
    /// A camera.
    Camera(CameraChoice),
    /// The scene that the program renders itself.
    Test,
    /// A file, at its own pace.
    File(PathBuf),
    /// A file, at its own pace, again and again.
    Loop(PathBuf),
    /// An address, of one of the [`ADDRESS_SCHEMES`].
    Address(String),
    /// The screen.
    Screen,
}

impl LiveInput {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Loop(path) => Some(path),
            Self::Camera(_) | Self::Test | Self::Address(_) | Self::Screen => None,
        }
    }
}

/// Which camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CameraChoice {
    /// The first that is there.
    #[default]
    First,
    /// By its number in `stylize cameras`, from 0.
    Number(usize),
    /// By its name, or a part of it that no other camera has.
    Name(String),
}

impl Default for LiveInput {
    fn default() -> Self {
        Self::Camera(CameraChoice::First)
    }
}

/// How a camera films.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Size of its picture.
    pub size: Size,
    /// Frames a second.
    pub rate: FrameRate,
}

/// Which microphone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Microphone {
    /// That of the system's settings.
    Default,
    /// By its name, or a part of it.
    Named(String),
    /// A tick each second, for tests.
    Test,
    /// None: silence, where there must be sound.
    Silence,
}

impl Microphone {
    /// As the command line names it: nothing, `test`, or a name.
    pub fn named(name: &str) -> Self {
        match name {
            "" => Self::Default,
            "test" => Self::Test,
            name => Self::Named(name.into()),
        }
    }
}

/// What the window is like when it opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowChoice {
    /// As a mirror.
    pub mirror: bool,
    /// As large as the screen.
    pub full_screen: bool,
}

/// Which virtual camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VirtualCamera {
    /// All that this machine can have, called "stylize".
    Auto,
    /// A node of PipeWire, and its name.
    Named(String),
    /// A v4l2loopback device.
    Device(PathBuf),
}
