//! What to do, resolved and checked; and doing it.

use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Result;
use crate::flow::Stop;
use crate::frame::Size;
use crate::model::{Precision, Provider, SpecOverrides, Tier};
use crate::report::{Meter, Report};

/// Where the frames end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A file; its ending says of which kind.
    File(PathBuf),
    /// Nowhere: frames are made and thrown away.
    Null,
}

/// Which network paints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StyleChoice {
    /// A style of the zoo; `None`: its first.
    Zoo(Option<String>),
    /// An ONNX file.
    File(PathBuf),
}

/// A size, as a user gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SizeChoice {
    /// That of the video.
    #[default]
    Source,
    /// This many rows; the width follows from the aspect.
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
                let width = u64::from(source.width) * u64::from(height) + u64::from(source.height) / 2;
                Size::new(u32::try_from(width / u64::from(source.height)).unwrap_or(u32::MAX).max(1), height)
            }
        }
    }
}

impl FromStr for SizeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const LARGEST: u32 = 16_384;
        let side = |digits: &str| digits.parse().ok().filter(|side| (1..=LARGEST).contains(side));
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

/// How the output is encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Codec; `None`: by the container.
    pub codec: Option<Codec>,
    /// The codec's own constant-quality scale; `None`: a good default.
    pub quality: Option<u32>,
    /// A GStreamer element by name.
    pub encoder: Option<String>,
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
#[derive(Clone, Debug)]
pub struct Engine {
    /// Style of the zoo or file.
    pub style: StyleChoice,
    /// Tier of a zoo style; `None`: live on a CPU.
    pub tier: Option<Tier>,
    /// Precision; `None`: the best for the machine.
    pub precision: Option<Precision>,
    /// What a foreign model does not say.
    pub overrides: SpecOverrides,
    /// Who runs it.
    pub provider: Provider,
    /// CPU threads for the network; `None`: all cores.
    pub threads: Option<usize>,
    /// ONNX Runtime library; `None`: looked for.
    pub runtime: Option<PathBuf>,
}

/// How the styled picture meets the original.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// 0 gives back the source picture, 1 the styled one.
    pub strength: f32,
    /// Take only lightness from the style.
    pub keep_colour: bool,
    /// Size that the network works at.
    pub net_size: SizeChoice,
}

/// A video (or still) to stylize.
#[derive(Clone, Debug)]
pub struct Job {
    /// File to read.
    pub input: PathBuf,
    /// Where to write.
    pub output: Output,
    /// An existing output may be replaced.
    pub force: bool,
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
}

/// What is about to be done, known once input and model are open.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Size of the input's picture.
    pub size: Size,
    /// Size that the network works at.
    pub net_size: Size,
    /// Size of the output.
    pub out_size: Size,
    /// Style, or file of the model.
    pub style: String,
    /// Who runs the network.
    pub provider: String,
    /// Length of the part that is worked on.
    pub duration_nanos: Option<u64>,
    /// Number of frames, as far as the container tells.
    pub frames: Option<u64>,
}

/// Watches a job.
pub trait Observer {
    /// It begins.
    fn started(&mut self, plan: &Plan);
    /// Called about ten times a second while it runs.
    fn tick(&mut self, meter: &Meter);
}

/// Does it, and returns what was measured.
///
/// # Errors
/// Whatever made it impossible. The output's place is untouched then.
pub fn run(job: &Job, stop: &Stop, meter: &Meter, observer: &mut dyn Observer) -> Result<Report> {
    let _ = (job, stop, meter, observer);
    Err(crate::Error::Internal("not wired yet".into()))
}

#[cfg(test)]
mod scratch {
    use super::*;
    #[test]
    fn copy() {
        let Ok(input) = std::env::var("IN") else { return };
        let out = PathBuf::from(std::env::var("OUT").unwrap());
        let (stop, meter) = (Stop::new(), Meter::new());
        let t = std::time::Instant::now();
        let part = Part {
            frames: std::env::var("N").ok().map(|n| n.parse().unwrap()),
            start_nanos: std::env::var("START").ok().map(|n| n.parse().unwrap()),
            end_nanos: std::env::var("END").ok().map(|n| n.parse().unwrap()),
        };
        let r = (|| -> Result<()> {
            let place = crate::sink::Place::claim(&out, std::path::Path::new(&input), true)?;
            let opened = crate::source::open(std::path::Path::new(&input), part, true, &stop, &meter)?;
            println!("{:?} {:?}", opened.format, opened.timing);
            let enc = Encoding::default();
            let sink = crate::sink::open(
                place,
                crate::sink::Order {
                    format: opened.format,
                    timing: opened.timing,
                    encoding: &enc,
                    media: opened.media,
                    meter: &meter,
                },
            )?;
            crate::flow::Flow::from(opened.source, stop, 1, meter.clone()).into(sink).wait()
        })();
        match r {
            Ok(()) => println!("ok in {:?}", t.elapsed()),
            Err(e) => println!("ERR {e}"),
        }
        println!(
            "in {} out {} dmg {} warn {:?}",
            meter.frames_in(),
            meter.frames_out(),
            meter.frames_damaged(),
            meter.warnings()
        );
    }
}
