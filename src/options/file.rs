//! What is read and what is written, which part of it, and how large.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::frame::{FrameRate, Size};
use crate::pattern::Pattern;

/// Where the frames come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Numbered pictures, so many a second.
    Pictures {
        /// Their names.
        pattern: Pattern,
        /// Their rate.
        rate: FrameRate,
    },
}

impl Input {
    /// The file, or what the user wrote in the place of one.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            // Where it is a file, it is found under this name.
            Self::Stdin => Path::new("/dev/stdin"),
            Self::Pictures { pattern, .. } => pattern.as_path(),
        }
    }
}

/// Where the frames end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// A file; its ending says of which kind.
    File(PathBuf),
    /// Numbered pictures.
    Pictures(Pattern),
    /// Standard output, as Matroska.
    Stdout,
    /// Nowhere: frames are made and thrown away.
    Null,
}

impl Output {
    /// The file, or what the user wrote in the place of one; none where nothing is written.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Pictures(pattern) => Some(pattern.as_path()),
            // Where it is a file, it is found under this name.
            Self::Stdout => Some(Path::new("/dev/stdout")),
            Self::Null => None,
        }
    }
}

/// A size, as a user gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SizeChoice {
    /// That of the video.
    #[default]
    Source,
    /// This many rows; the width follows from the aspect, rounded to an even number.
    Height(u32),
    /// Just this.
    Exact(Size),
}

impl SizeChoice {
    /// The size that is meant for a video of size `source`.
    pub fn resolve(self, source: Size) -> Size {
        match self {
            Self::Source => source,
            Self::Exact(size) => size,
            Self::Height(height) => {
                let width = f64::from(source.width) * f64::from(height) / f64::from(source.height);
                Size::new(((width / 2.0).round() as u32).max(1) * 2, height)
            }
        }
    }
}

impl FromStr for SizeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const LARGEST: u32 = 16_384;
        let side = |digits: &str| {
            digits
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| digits.parse().ok())?
                .filter(|side| (1..=LARGEST).contains(side))
        };
        let parsed = if text == "source" {
            Some(Self::Source)
        } else if let Some(height) = text.strip_suffix('p') {
            side(height).map(Self::Height)
        } else {
            text.split_once('x').and_then(|(w, h)| Some(Self::Exact(Size::new(side(w)?, side(h)?))))
        };
        parsed.ok_or_else(|| format!("{text:?} is no size: write source, 720p or 1280x720 (sides 1 to {LARGEST})"))
    }
}

/// Part of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// First moment.
    pub start_nanos: Option<u64>,
    /// First moment that is not wanted any more.
    pub end_nanos: Option<u64>,
    /// At most so many frames.
    pub frames: Option<u64>,
}
