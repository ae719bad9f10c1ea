//! Groups of options that the programs share.

use std::path::{Path, PathBuf};

use clap::Args;

use super::value::{OrAuto, moment_nanos, named_number, or_auto, share, size_bytes};
use crate::compose::Controls;
use crate::convert::{Convert, ConvertChoice};
use crate::error::{Error, Result};
use crate::gpu::context::Wanted;
use crate::job::{Engine, Look, StyleChoice};
use crate::model::{Precision, SpecOverrides, Tier, ValueRange};
use crate::options::{Codec, CodecChoice, Encoding, Part, Provider, SizeChoice};
use crate::progress;
use crate::tensor::{Channels, Layout};

/// What the programs heed in their environment: a section of their long help and of their manual pages.
pub const ENVIRONMENT: &str = "\
Environment:
  ORT_DYLIB_PATH   ONNX Runtime's library, or the folder that it is in, where --runtime names none
  XDG_DATA_HOME    stylize/runtime and stylize/models in it are looked into for ONNX Runtime and
                   for the fine styles [default: ~/.local/share]
  XDG_CACHE_HOME   stylize/ in it keeps what TensorRT, CoreML and OpenVINO on Intel graphics
                   compile [default: ~/.cache]
  TMPDIR           folder of temporary files, such as a copy of stdin [default: the system's]
  GST_DEBUG        switches GStreamer's own log on, such as GST_DEBUG=3";

/// How the picture looks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Style")]
pub struct StyleArgs {
    /// Style to paint in, or an ONNX file [default: the first of `stylize styles`]
    ///
    /// A name is a style that comes with the program; `stylize styles` lists them. What ends in .onnx, or has a folder
    /// in front, is a file: any network with one picture in and one picture out. Where it does not say what it takes,
    /// the --model-* options do. `stylize inspect FILE` shows what is known of it.
    #[arg(long, value_name = "NAME|FILE.onnx")]
    pub style: Option<PathBuf>,

    /// Small network or large one
    ///
    /// live is the small network, fine the large one, which is slow without a graphics card. auto takes live where the style
    /// has it, else fine. `stylize styles` shows which there are.
    #[arg(
        long,
        value_name = "auto|live|fine",
        default_value = "auto",
        value_parser = or_auto::<Tier>(),
        hide_possible_values = true
    )]
    pub tier: OrAuto<Tier>,

    /// How much of the style: 0 is the original, 1 the painting
    #[arg(long, value_name = "0..1", default_value = "1", value_parser = share, allow_negative_numbers = true)]
    pub strength: f32,

    /// Keep the colours of the original, take only light and dark from the style
    #[arg(long, visible_alias = "keep-color")]
    pub keep_colour: bool,

    /// How much the strokes hold still: 0 is off, 1 the most
    ///
    /// Each painting is mixed with the one before, moved as the picture moved, where the input is still the same.
    #[arg(
        long,
        visible_alias = "stabilize",
        value_name = "0..1",
        default_value = "0.8",
        value_parser = share,
        allow_negative_numbers = true
    )]
    pub stabilise: f32,

    /// Size that the network works at: source, 720p or 1280x720 [default: source]
    ///
    /// A smaller size is faster and paints with broader strokes; the size of the output does not change. With 720p the width
    /// follows from the picture; 1280x720 is taken as it stands, and strokes are stretched where the picture has another
    /// shape. A model that takes pictures of one size works at that, and the run says so. Live, a size that is given here is
    /// kept, whatever it costs; else it follows the pace.
    #[arg(long, value_name = "SIZE")]
    pub net_size: Option<SizeChoice>,
}

impl StyleArgs {
    /// How the styled picture meets the original.
    pub fn look(&self) -> Look {
        let Self { strength, keep_colour, stabilise, .. } = *self;
        Look { controls: Controls { strength, keep_colour, stabilise }, net_size: self.net_size.unwrap_or_default() }
    }
}

/// Who runs the network.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// What runs the network: auto, cpu, openvino, cuda, tensorrt, webgpu, coreml or directml
    ///
    /// One that is named must run, or it is an error; auto takes the best that works and says which that was. Which
    /// there are depends on the ONNX Runtime: `make setup RUNTIME=gpu` (CUDA, TensorRT), openvino or webgpu fetch
    /// others. `stylize doctor` tries all. auto never takes TensorRT, which begins for minutes, nor Intel's graphics,
    /// which openvino takes before the processor.
    #[arg(long, value_name = "PROVIDER", default_value = "auto", hide_possible_values = true)]
    pub provider: Provider,

    /// Number format of the network: auto, fp32, fp16 or int8
    ///
    /// auto takes fp16 on a graphics card, int8 on a processor that multiplies bytes (AVX2, VNNI, Arm's dot product), else
    /// fp32 or fp16, of those that the style has: the fine tier is in fp16 alone. fp16 shimmers a little less than int8.
    /// `stylize styles` shows which there are. A model file keeps the numbers that it has; fp16 lets OpenVINO and TensorRT
    /// calculate in 16 bits what it has in fp32.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "auto",
        value_parser = or_auto::<Precision>(),
        hide_possible_values = true
    )]
    pub precision: OrAuto<Precision>,

    /// CPU threads for the network [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Memory that the run may take, such as 2G or 512M [default: what the machine has free]
    ///
    /// A run over files that is estimated to need more is not begun, and any that takes more after all is ended. M and G are
    /// millions and billions of bytes.
    #[arg(long, value_name = "SIZE", value_parser = size_bytes)]
    pub memory_limit: Option<u64>,

    /// What converts colours: auto, gpu or cpu
    ///
    /// auto takes a graphics card where one is there and the network does not run on the CPU. gpu works or is an error.
    #[arg(long, value_name = "auto|gpu|cpu", default_value = "auto", hide_possible_values = true)]
    pub convert: Convert,

    /// Graphics card that converts: its number in `stylize doctor`, from 0, part of its name, or a kind
    ///
    /// Kinds are discrete, integrated, virtual and software. Programs that imitate a card (software) are taken only
    /// where they are asked for. Of several cards the fastest kind is the default. A number beyond the list is part of a
    /// name (4090). Who runs the network and who draws the window take their own first card, whatever stands here.
    #[arg(long, value_name = "N|NAME", default_value = "best", hide_default_value = true)]
    pub gpu: Wanted,

    /// ONNX Runtime library, or the folder that it is in [default: looked for]
    ///
    /// Without it the library is looked for at $ORT_DYLIB_PATH, beside the program, in ../lib/stylize
    /// from there, in $XDG_DATA_HOME/stylize/runtime and in .runtime of the project, in this order; there, and in a folder that is given, it
    /// may lie in a folder gpu, openvino or webgpu, which goes first for its providers.
    #[arg(long, value_name = "PATH")]
    pub runtime: Option<PathBuf>,
}

/// What a model of somebody else does not say itself.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Models of others")]
pub struct ModelArgs {
    /// Values of a picture that goes in: 0..1, 0..255 or -1..1
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true, hide_possible_values = true)]
    pub model_range: Option<ValueRange>,

    /// Values of a picture that comes out [default: as --model-range]
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true, hide_possible_values = true)]
    pub model_output_range: Option<ValueRange>,

    /// Order of the colour channels [default: rgb]
    #[arg(long, value_name = "rgb|bgr", hide_possible_values = true)]
    pub model_channels: Option<Channels>,

    /// Order of the dimensions that go in [default: read from the graph]
    #[arg(long, value_name = "nchw|nhwc", hide_possible_values = true)]
    pub model_layout: Option<Layout>,

    /// Order of the dimensions that come out [default: read from the graph]
    ///
    /// blocks4 is for bytes: squares of 4x4 pixels one after the other, in each its rows one after the other.
    #[arg(long, value_name = "nchw|nhwc|blocks4", hide_possible_values = true)]
    pub model_output_layout: Option<Layout>,

    /// Value of a further input; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = named_number)]
    pub model_input: Vec<(String, f32)>,
}

impl ModelArgs {
    /// The same as the model module takes it.
    pub fn overrides(&self) -> SpecOverrides {
        SpecOverrides {
            range: self.model_range,
            output_range: self.model_output_range,
            channels: self.model_channels,
            layout: self.model_layout,
            output_layout: self.model_output_layout,
            inputs: self.model_input.clone(),
        }
    }
}

/// The network that the three groups describe.
///
/// # Errors
/// When they contradict each other or ask for what this version does not have.
pub fn engine(style: &StyleArgs, network: &NetworkArgs, model: &ModelArgs) -> Result<Engine> {
    let overrides = model.overrides();
    let choice = style_choice(style.style.as_deref())?;
    match &choice {
        StyleChoice::File(path) if style.tier.is_some() => {
            let why = format!("--tier chooses among the styles of the zoo, but --style {} is a file", path.display());
            return Err(Error::Usage(why));
        }
        StyleChoice::Zoo(_) if overrides != SpecOverrides::default() => {
            let why = "the --model-* options describe a model of your own: give it with --style FILE.onnx";
            return Err(Error::Usage(why.into()));
        }
        _ => {}
    }
    if network.convert == Convert::Cpu && network.gpu != Wanted::Best {
        let why = "--gpu chooses the card that converts, but --convert is cpu: leave one of them out";
        return Err(Error::Usage(why.into()));
    }
    Ok(Engine {
        style: choice,
        tier: style.tier,
        precision: network.precision,
        overrides,
        provider: network.provider,
        convert: ConvertChoice { convert: network.convert, gpu: network.gpu.clone() },
        threads: network.threads.map(usize::from),
        memory_limit_bytes: network.memory_limit,
        runtime: network.runtime.clone(),
    })
}

fn style_choice(given: Option<&Path>) -> Result<StyleChoice> {
    let Some(path) = given else { return Ok(StyleChoice::Zoo(None)) };
    let is_file = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"))
        || path.parent().is_some_and(|folder| folder != Path::new(""));
    match path.to_str() {
        Some("") => Err(Error::Usage("--style: the name is empty; `stylize styles` lists what there is".into())),
        Some(name) if !is_file => Ok(StyleChoice::Zoo(Some(name.into()))),
        _ => Ok(StyleChoice::File(path.into())),
    }
}

/// How video is encoded.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct EncodingArgs {
    /// Codec: h264, hevc, vp9, av1 or ffv1 [default: h264; in .webm vp9]
    ///
    /// Both .mp4 and .mov hold h264, hevc and av1; .webm holds vp9 and av1; .mkv holds all.
    #[arg(long, value_name = "CODEC", hide_possible_values = true)]
    pub codec: Option<Codec>,

    /// Constant quality, on the codec's own scale; smaller is better [default: a good one for the codec]
    ///
    /// h264: 1 to 51 [default: 20]. hevc: 0 to 51 [default: 23]. vp9: 0 to 63 [default: 36]. av1: 0 to 63 [default: 33].
    /// Not together with an --encoder that is named, whose scale is not known, nor with ffv1, which has none.
    #[arg(long, value_name = "N")]
    pub quality: Option<u32>,

    /// What encodes: auto, software, or a GStreamer element such as x264enc or nvh264enc
    ///
    /// auto takes a hardware encoder (VA-API, NVENC, VideoToolbox, Media Foundation, V4L2) where GStreamer has it and it
    /// works at this size, with its quality set near that of software. An element that is named encodes as it comes;
    /// without --codec it also says which codec.
    #[arg(long, value_name = "auto|software|NAME", default_value = "auto", hide_default_value = true)]
    pub encoder: CodecChoice,

    /// Keep every styled frame bit for bit (FFV1 in .mkv, as RGB)
    #[arg(long)]
    pub lossless: bool,
}

impl EncodingArgs {
    /// As asked for.
    pub fn encoding(&self) -> Encoding {
        Encoding { codec: self.codec, quality: self.quality, encoder: self.encoder.clone(), lossless: self.lossless }
    }
}

/// What the output is like.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Size of the output: source, 720p or 1280x720
    ///
    /// With 720p the width follows from the picture, rounded to an even number. 1280x720 is taken as it stands, in square
    /// pixels: a picture of another shape is stretched.
    #[arg(long, value_name = "SIZE", default_value = "source")]
    pub size: SizeChoice,

    #[command(flatten)]
    pub encoding: EncodingArgs,

    /// Leave the sound out
    #[arg(long)]
    pub no_audio: bool,

    /// Leave interlaced video interlaced; the style mixes its fields
    #[arg(long)]
    pub no_deinterlace: bool,

    /// Replace OUT if it exists, and throw away what an unfinished run left of it
    ///
    /// Where OUT is a link, the file that it leads to is replaced, and the link stays.
    #[arg(long)]
    pub force: bool,

    /// Go on where an unfinished run to OUT ended
    ///
    /// The frames that it had encoded are kept, the others are stylized; sound and times come out as in a run in one go.
    /// If input, model or options are not the same any more, it starts over and says so. If there is nothing to go on
    /// with, it just starts. OUT itself is still only replaced with --force.
    ///
    /// A run that is killed, or fails after a minute or more, leaves OUT.stylize-part (the video so far) and
    /// OUT.stylize-resume (what is in it); one that was resumed itself also OUT.stylize-kept and OUT.stylize-kept-resume.
    /// They are needed here, beside OUT.
    #[arg(long)]
    pub resume: bool,
}

/// Which part of the input.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Part of the input")]
pub struct PartArgs {
    /// Begin at this moment, with the frame that is shown then: 90.5, 1:30.5 or 0:01:30.5
    #[arg(long, value_name = "TIME", value_parser = moment_nanos, allow_negative_numbers = true)]
    pub start: Option<u64>,

    /// End before this moment, counted from the beginning of the input
    #[arg(long, value_name = "TIME", value_parser = moment_nanos, allow_negative_numbers = true)]
    pub end: Option<u64>,

    /// Stop after so many frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,

    /// What decodes: auto, software, or a GStreamer element such as vah264dec
    ///
    /// auto takes a hardware decoder (VA-API, NVDEC, VideoToolbox, Media Foundation, V4L2) where GStreamer has it, and
    /// software where it fails before the first frame. What comes through a pipe or goes into a sandbox is decoded by
    /// software.
    #[arg(long, value_name = "auto|software|NAME", default_value = "auto", hide_default_value = true)]
    pub decoder: CodecChoice,
}

impl PartArgs {
    /// The part that is meant.
    ///
    /// # Errors
    /// When it ends before it begins.
    pub fn part(&self) -> Result<Part> {
        let start = self.start.unwrap_or(0);
        if self.end.is_some_and(|end| end <= start) {
            return Err(Error::Usage("--end is not after the start: nothing would be left; give a later --end".into()));
        }
        Ok(Part { start_nanos: self.start, end_nanos: self.end, frames: self.frames })
    }
}

/// What the program says while it works, and after.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Messages")]
pub struct MessageArgs {
    /// How progress is shown, on stderr
    ///
    /// auto is a bar on a terminal, else plain: a line every few seconds. json is for programs: an object a line, whose
    /// "event" is start, progress, warning, end, error or (with --verbose) log, and with -o also file and summary; what is
    /// not known is null (docs/JSON.md lists the keys). none still says where the result is.
    #[arg(long, value_name = "auto|plain|json|none", default_value = "auto", hide_possible_values = true)]
    pub progress: progress::Mode,

    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say what the program does, and the causes of an error
    ///
    /// GStreamer's own log is switched on by GST_DEBUG.
    #[arg(short, long)]
    pub verbose: bool,

    /// Write figures of the run to a file: frames, speed, times of the stages, memory
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,

    /// Take warnings seriously: exit with 7 where there was one
    #[arg(long)]
    pub strict: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_is_a_name_unless_it_looks_like_a_file() {
        let choice = |text: &str| style_choice(Some(Path::new(text))).unwrap();
        assert_eq!(style_choice(None).unwrap(), StyleChoice::Zoo(None));
        assert_eq!(choice("wave"), StyleChoice::Zoo(Some("wave".into())));
        assert_eq!(choice("wave.ONNX"), StyleChoice::File("wave.ONNX".into()));
        assert_eq!(choice("./wave"), StyleChoice::File("./wave".into()));
        assert_eq!(choice("/"), StyleChoice::Zoo(Some("/".into())));
        assert!(style_choice(Some(Path::new(""))).is_err());
    }
}
