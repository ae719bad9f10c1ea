//! The words that a job is made of: what to read and write, and how.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::compose::Controls;
use crate::convert::ConvertChoice;
use crate::frame::Size;
use crate::model::{Precision, Provider, SpecOverrides, Tier};
use crate::pattern::Pattern;
use crate::sink;
use crate::source::test_pattern::FrameRate;

/// Where the frames come from.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// A single picture.
    pub(super) fn is_still(&self) -> bool {
        matches!(self, Self::File(path) if sink::is_still(path))
    }
}

/// Which network paints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StyleChoice {
    /// A style of the zoo; `None`: its first.
    Zoo(Option<String>),
    /// An ONNX file.
    File(PathBuf),
}

impl Default for StyleChoice {
    fn default() -> Self {
        Self::Zoo(None)
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

/// Codec of the output video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Codec {
    /// H.264 / AVC.
    H264,
    /// H.265 / HEVC.
    Hevc,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
    /// FFV1 version 3, lossless.
    Ffv1,
}

/// What decodes or encodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CodecChoice {
    /// Hardware, where there is some that works; else software.
    #[default]
    Auto,
    /// No hardware.
    Software,
    /// A GStreamer element by name.
    Named(String),
}

impl CodecChoice {
    /// The same, but software where the choice is free.
    pub fn or_software(&self) -> &Self {
        if *self == Self::Auto { &Self::Software } else { self }
    }

    /// The element that was named.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Auto | Self::Software => None,
        }
    }
}

impl FromStr for CodecChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "software" => Self::Software,
            name => Self::Named(name.to_owned()),
        })
    }
}

/// How the output is encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Codec; `None`: by the container.
    pub codec: Option<Codec>,
    /// Constant quality on the codec's own scale, smaller is better: H.264 1 to 51, HEVC 0 to 51, VP9 and AV1 0 to 63. `None`: 20,
    /// 23, 36 and 33. Without meaning for FFV1, and for an encoder that is named.
    pub quality: Option<u32>,
    /// What encodes.
    pub encoder: CodecChoice,
    /// Every styled frame comes back bit for bit.
    pub lossless: bool,
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

/// Which network, and how it runs.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    /// Style of the zoo or file.
    pub style: StyleChoice,
    /// Tier of a zoo style; `None`: live where the style has it, else fine.
    pub tier: Option<Tier>,
    /// Precision; `None`: the best for the machine.
    pub precision: Option<Precision>,
    /// What a foreign model does not say.
    pub overrides: SpecOverrides,
    /// Who runs it.
    pub provider: Provider,
    /// Who converts colours.
    pub convert: ConvertChoice,
    /// CPU threads for the network; `None`: all cores.
    pub threads: Option<usize>,
    /// Memory that the run may take; `None`: what the machine has.
    pub memory_limit_bytes: Option<u64>,
    /// ONNX Runtime library; `None`: looked for.
    pub runtime: Option<PathBuf>,
}

/// How the styled picture meets the original.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Strength, colour and steadiness.
    pub controls: Controls,
    /// Size that the network works at.
    pub net_size: SizeChoice,
}

impl Default for Look {
    /// All of the style, in its colours, held as still as suits most pictures.
    fn default() -> Self {
        let controls = Controls { stabilise: 0.8, ..Controls::default() };
        Self { controls, net_size: SizeChoice::Source }
    }
}

/// A video (or still) to stylize.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to read.
    pub input: Input,
    /// Where to write.
    pub output: Output,
    /// An existing output may be replaced, and what a killed run left thrown away.
    pub force: bool,
    /// What a killed run left is continued.
    pub resume: bool,
    /// The network.
    pub engine: Engine,
    /// The picture.
    pub look: Look,
    /// Size of the output.
    pub size: SizeChoice,
    /// The codec.
    pub encoding: Encoding,
    /// Whether sound is kept.
    pub audio: bool,
    /// Which part.
    pub part: Part,
    /// Whether interlaced video becomes progressive.
    pub deinterlace: bool,
    /// What decodes.
    pub decoder: CodecChoice,
}

impl Job {
    /// All of `input` in the first style, with its sound: what the programs do unless told otherwise. An output that exists is left alone.
    pub fn new(input: Input, output: Output) -> Self {
        Self {
            input,
            output,
            force: false,
            resume: false,
            engine: Engine::default(),
            look: Look::default(),
            size: SizeChoice::Source,
            encoding: Encoding::default(),
            audio: true,
            part: Part::default(),
            deinterlace: true,
            decoder: CodecChoice::Auto,
        }
    }
}
