//! What a job is made of: the network, the picture, and all together.

use std::path::PathBuf;

use crate::compose::Controls;
use crate::convert::ConvertChoice;
use crate::model::{Precision, SpecOverrides, Tier};
use crate::options::{CodecChoice, Encoding, Input, Output, Part, Provider, SizeChoice};

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
    /// An existing output may be replaced, and what an unfinished run left thrown away.
    pub force: bool,
    /// What an unfinished run left is continued.
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
