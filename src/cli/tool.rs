//! `stylize VERB`: styles, models, and what the machine has.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use super::ending::{self, DEGRADED};
use super::facts::{self, StyleFacts};
use super::groups::{ENVIRONMENT, ModelArgs, NetworkArgs, StyleArgs, engine};
use super::manual::{self, ProgramName};
use super::program::{Program, answer};
use crate::bench::{self, Mishaps};
use crate::doctor::Findings;
use crate::error::{Error, Result, io_reason};
use crate::flow::Stop;
use crate::gpu::adapters;
use crate::job::Job;
use crate::options::{CodecChoice, Encoding, Input, Output, Part, Provider, SizeChoice};
use crate::progress::Voice;
use crate::source::live::cameras::{self, Camera};

/// Look at styles, models and this machine
///
/// Says which styles there are, what a model is, and what this machine has or lacks. The work itself is done by
/// stylize-video and stylize-webcam.
#[derive(Parser, Clone, Debug)]
#[command(name = "stylize", version, max_term_width = 100, subcommand_value_name = "VERB")]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{NOTES}\n\n{ENVIRONMENT}"))]
#[command(subcommand_help_heading = "Verbs", disable_help_subcommand = true, arg_required_else_help = false)]
pub struct ToolArgs {
    #[command(subcommand)]
    verb: Verb,

    /// Say what the program does, and the causes of an error
    #[arg(short, long, global = true)]
    verbose: bool,
}

const EXAMPLES: &str = "\
Examples:
  stylize doctor
  stylize inspect wave
  stylize inspect my.onnx --model-range 0..255
  stylize completions fish --program stylize-video > ~/.config/fish/completions/stylize-video.fish";

const NOTES: &str = "`stylize VERB --help` says all of a verb and its options.";

#[derive(Subcommand, Clone, Debug)]
enum Verb {
    /// List the styles: name, networks, painting
    Styles,

    /// Print what is known of a model, and what is missing
    Inspect {
        /// ONNX file, or a style by its name
        #[arg(value_name = "MODEL", value_hint = ValueHint::FilePath)]
        model: PathBuf,
        #[command(flatten)]
        overrides: ModelArgs,
        /// ONNX Runtime library, or the folder that it is in [default: looked for]
        #[arg(long, value_name = "PATH")]
        runtime: Option<PathBuf>,
    },

    /// Say what this machine has and what is missing
    ///
    /// Ends with 0 as soon as videos can be stylized on the CPU; else with 3, 4 or 5: reading, writing or ONNX Runtime
    /// does not work.
    Doctor {
        /// ONNX Runtime library, or the folder that it is in [default: looked for]
        #[arg(long, value_name = "PATH")]
        runtime: Option<PathBuf>,
    },

    /// Measure the pipeline on this machine: each part alone, and how much of that the whole run keeps
    ///
    /// Ends with 7 where frames passed unstyled or the graphics card failed: the figures are of something else then.
    Bench(Box<BenchArgs>),

    /// List the cameras: number, name, modes
    Cameras,

    /// List the cameras, as JSON; who films asks for it in a process of its own
    #[command(hide = true)]
    CameraList,

    /// List the graphics adapters, as JSON; `doctor` asks for it in a process of its own
    #[command(hide = true)]
    Adapters,

    /// List the codecs in hardware and whether they work, as JSON; `doctor` asks for it in a process of its own
    #[command(hide = true)]
    Chips,

    /// Try a provider, and print what came of it as JSON; `doctor` asks for it in a process of its own
    #[command(hide = true)]
    Trial {
        /// The provider
        #[arg(value_name = "PROVIDER")]
        provider: Provider,
        /// ONNX Runtime library, or the folder that it is in [default: looked for]
        #[arg(long, value_name = "PATH")]
        runtime: Option<PathBuf>,
    },

    /// Print a script that completes the command lines in a shell
    ///
    /// bash reads the script for all programs at once. fish and zsh look for a file for each program: print them one by one
    /// with --program, for fish into ~/.config/fish/completions/stylize-video.fish and so on, for zsh into _stylize-video
    /// and so on in a folder of its fpath.
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
        /// Only for this program: stylize-video, stylize-webcam or stylize [default: for all]
        #[arg(long, value_name = "NAME")]
        program: Option<ProgramName>,
    },

    /// Write a man page of every program into a folder
    #[command(hide = true)]
    Man {
        /// The folder; made if needed
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Args, Clone, Debug)]
struct BenchArgs {
    /// Size of the clip that is rendered and stylized
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    size: SizeChoice,

    /// Length of the clip
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,

    /// Only what lies between decoder and encoder: planes in memory to planes in memory, with no file
    #[arg(long)]
    inside: bool,

    #[command(flatten)]
    style: StyleArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    model: ModelArgs,
}

impl BenchArgs {
    /// The figures, and what went wrong meanwhile.
    fn measure(&self) -> Result<(String, Mishaps)> {
        let job = Job {
            input: Input::File(PathBuf::new()),
            output: Output::Null,
            force: true,
            resume: false,
            engine: engine(&self.style, &self.network, &self.model)?,
            look: self.style.look(),
            size: SizeChoice::Source,
            encoding: Encoding { encoder: CodecChoice::Software, ..Encoding::default() },
            audio: false,
            part: Part::default(),
            deinterlace: true,
            decoder: CodecChoice::Software,
        };
        let SizeChoice::Exact(size) = self.size else {
            return Err(Error::Usage("--size of the bench is WIDTHxHEIGHT, such as 1280x720".into()));
        };
        if self.inside {
            return bench::inside(&job, size, self.frames).map(|figures| (figures.to_string(), figures.mishaps));
        }
        let folder = tempfile::tempdir()
            .map_err(|error| Error::Device(format!("no temporary folder: {}", io_reason(&error))))?;
        let figures = bench::measure(&job, size, self.frames, folder.path())?;
        Ok((figures.to_string(), figures.mishaps))
    }
}

/// Says what went wrong while something was measured; returns the exit code.
fn tell(voice: &Voice, mishaps: &Mishaps) -> u8 {
    let Mishaps { warnings, frames_substituted, gpu_faults } = mishaps;
    warnings.iter().for_each(|warning| voice.warning(warning));
    let lapses = ending::lapses(*frames_substituted, *gpu_faults);
    if lapses.is_empty() {
        return 0;
    }
    voice.error(&format!("the figures are not those that were asked for: {}", lapses.join(", ")), &[], DEGRADED);
    DEGRADED
}

impl Program for ToolArgs {
    fn voice(&self) -> Voice {
        Voice::new(false, false)
    }

    fn verbose(&self) -> bool {
        self.verbose
    }

    fn run(self, voice: &Voice) -> Result<u8> {
        match self.verb {
            Verb::Styles => answer(style_table(&facts::styles()).as_bytes())?,
            Verb::Inspect { model, overrides, runtime } => {
                let known = facts::inspect(&model, &overrides.overrides(), runtime.as_deref())?;
                answer(format!("{}\n", known.to_string().trim_end()).as_bytes())?;
            }
            Verb::Doctor { runtime } => {
                let findings = Findings::gather(facts::runtime(runtime.as_deref()), runtime.as_deref());
                answer(format!("{findings}\n").as_bytes())?;
                return Ok(findings.exit_code());
            }
            Verb::Bench(bench) => {
                let (figures, mishaps) = bench.measure()?;
                answer(format!("{figures}\n").as_bytes())?;
                return Ok(tell(voice, &mishaps));
            }
            Verb::Cameras => answer(camera_table(&cameras::present(&Stop::new())?).as_bytes())?,
            Verb::CameraList => answer(cameras::to_json(&cameras::list()?).as_bytes())?,
            Verb::Adapters => answer(adapters::to_json(&adapters::list()).as_bytes())?,
            Verb::Chips => answer(facts::chips()?.as_bytes())?,
            Verb::Trial { provider, runtime } => answer(facts::trial(provider, runtime.as_deref())?.as_bytes())?,
            Verb::Completions { shell, program } => answer(&manual::completions(shell, program))?,
            Verb::Man { folder } => answer(format!("{}\n", manual::write_pages(&folder)?.join("\n")).as_bytes())?,
        }
        Ok(0)
    }
}

/// A paragraph a camera: `0  Integrated Camera`, then its modes.
fn camera_table(cameras: &[Camera]) -> String {
    let mut table = String::new();
    for (number, camera) in cameras.iter().enumerate() {
        let _ = writeln!(table, "{number}  {}", camera.name);
        for mode in camera.modes() {
            let _ = writeln!(table, "     {mode}");
        }
    }
    table
}

/// `wave  live fp32, live int8  The Great Wave …`
fn style_table(styles: &[StyleFacts]) -> String {
    let rows: Vec<[String; 3]> = styles.iter().map(style_row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (names, networks) = (width(0), width(1));
    rows.iter().fold(String::new(), |mut table, [name, network, title]| {
        let row = format!("{name:<names$}  {network:<networks$}  {title}");
        let _ = writeln!(table, "{}", row.trim_end());
        table
    })
}

fn style_row(style: &StyleFacts) -> [String; 3] {
    let spelled = |(tier, precision): &(_, _)| format!("{tier:?} {precision:?}").to_lowercase();
    let networks = style.networks.iter().map(spelled).collect::<Vec<_>>().join(", ");
    [style.name.clone(), networks, style.title.clone()]
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::model::{Precision, Tier};

    #[test]
    fn the_command_is_well_formed() {
        ToolArgs::command().debug_assert();
    }

    #[test]
    fn styles_stand_in_columns() {
        let style = |name: &str, title: &str, networks: &[(Tier, Precision)]| StyleFacts {
            name: name.into(),
            title: title.into(),
            networks: networks.to_vec(),
        };
        let styles = [
            style(
                "wave",
                "The Great Wave (Hokusai, 1831)",
                &[(Tier::Live, Precision::Fp32), (Tier::Fine, Precision::Fp16)],
            ),
            style("starry", "", &[(Tier::Live, Precision::Int8)]),
        ];
        let expected = "wave    live fp32, fine fp16  The Great Wave (Hokusai, 1831)\nstarry  live int8\n";
        assert_eq!(style_table(&styles), expected);
    }
}
