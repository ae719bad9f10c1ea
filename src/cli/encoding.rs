//! Whether an output can hold what is asked of it: found out before any work begins.

use std::path::Path;

use clap::ValueEnum;

use crate::error::{Error, Result};
use crate::options::{Codec, Encoding, Input, Output};
use crate::sink::Container;

/// What an ending stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Video(Container),
    Png,
    Jpeg,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        let still = || match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            _ => None,
        };
        Container::of(path).map(Self::Video).or_else(still)
    }
}

/// Whether `path` is called as a file that can be written: a video or a picture.
pub fn names_output(path: &Path) -> bool {
    Kind::of(path).is_some()
}

/// Checks `encoding` against `output`.
///
/// # Errors
/// [`Error::Usage`] when the options contradict each other, or the output cannot be or have that.
pub fn check(output: &Output, encoding: &Encoding) -> Result<()> {
    match output {
        Output::Null => check_null(encoding),
        Output::Stdout => check_video(Container::Mkv, Path::new("stdout"), encoding),
        Output::Pictures(pattern) => {
            Kind::of(pattern.as_path()).map_or(Ok(()), |kind| check_still(kind, pattern.as_path(), encoding))
        }
        Output::File(path) => {
            let name = path.display();
            let kind = Kind::of(path).ok_or_else(|| {
                usage(format!("{name}: unknown file name extension; use .mp4, .mov, .mkv, .webm, .png, .jpg or null:"))
            })?;
            match kind {
                Kind::Video(container) => check_video(container, path, encoding),
                Kind::Png | Kind::Jpeg => check_still(kind, path, encoding),
            }
        }
    }
}

/// Checks `encoding` against what `--record` names.
///
/// # Errors
/// [`Error::Usage`] when it is no video file, or cannot be or have that.
pub fn check_recording(path: &Path, encoding: &Encoding) -> Result<()> {
    let container = Container::of(path).ok_or_else(|| {
        let name = path.display();
        usage(format!("--record {name}: a recording is a video file; name a .mp4, .mov, .mkv or .webm"))
    })?;
    check_video(container, path, encoding)
}

/// Checks that `--resume` has an input that can be read again and a video file to go on with.
///
/// # Errors
/// [`Error::Usage`] when the input is a stream, or the output no video file.
pub fn check_resume(input: &Input, output: &Output) -> Result<()> {
    if matches!(input, Input::Stdin) {
        return Err(usage("--resume: standard input cannot be read a second time; name a file"));
    }
    match output {
        Output::File(path) if Container::of(path).is_some() => Ok(()),
        Output::File(_) | Output::Pictures(_) | Output::Stdout | Output::Null => Err(usage(
            "--resume goes on with a video file that an unfinished run left; name a .mp4, .mov, .mkv or .webm",
        )),
    }
}

fn usage(why: impl Into<String>) -> Error {
    Error::Usage(why.into())
}

fn check_null(encoding: &Encoding) -> Result<()> {
    if *encoding == Encoding::default() {
        return Ok(());
    }
    Err(usage("null: encodes nothing; leave --codec, --quality, --encoder and --lossless out, or name an output file"))
}

fn check_still(kind: Kind, path: &Path, encoding: &Encoding) -> Result<()> {
    let name = path.display();
    if encoding.lossless && kind == Kind::Jpeg {
        return Err(usage(format!("{name}: a .jpg loses details; --lossless needs a .png")));
    }
    // A .png is without loss anyway.
    if *encoding != (Encoding { lossless: encoding.lossless, ..Encoding::default() }) {
        return Err(usage(format!("{name} is a still picture: leave --codec, --quality and --encoder out")));
    }
    Ok(())
}

fn check_video(container: Container, path: &Path, encoding: &Encoding) -> Result<()> {
    let codec = match encoding.codec {
        Some(codec) if !container.holds(codec) => return Err(does_not_hold(container, path, codec)),
        Some(codec) => codec,
        None => container.default_codec(),
    };
    if encoding.lossless { check_lossless(container, path, encoding) } else { check_quality(codec, encoding) }
}

fn does_not_hold(container: Container, path: &Path, codec: Codec) -> Error {
    let held = Codec::value_variants().iter().filter(|codec| container.holds(**codec));
    let held = held.map(|codec| codec_name(*codec)).collect::<Vec<_>>().join(", ");
    let (codec, name) = (codec_name(codec), path.display());
    usage(format!("--codec {codec}: {name} can hold {held} only; .mkv holds every codec"))
}

fn check_lossless(container: Container, path: &Path, encoding: &Encoding) -> Result<()> {
    if container != Container::Mkv {
        return Err(usage(format!("--lossless needs an output that ends in .mkv, not {}", path.display())));
    }
    if encoding.quality.is_some() {
        return Err(usage("--lossless has no quality to choose: leave --quality out"));
    }
    if encoding.codec.is_some_and(|codec| codec != Codec::Ffv1) || encoding.encoder.name().is_some() {
        return Err(usage("--lossless means FFV1: leave --codec and --encoder out"));
    }
    Ok(())
}

fn check_quality(codec: Codec, encoding: &Encoding) -> Result<()> {
    let Some(quality) = encoding.quality else { return Ok(()) };
    if let Some(encoder) = encoding.encoder.name() {
        return Err(usage(format!("--quality: the scale of {encoder} is not known; leave --quality or --encoder out")));
    }
    let name = codec_name(codec);
    match worst_quality(codec) {
        None => Err(usage(format!("--quality: {name} is lossless and has no quality to choose; leave it out"))),
        // 0 would be H.264's lossless profile, which few players know.
        Some(worst) if quality > worst || (quality == 0 && codec == Codec::H264) => {
            let best = u32::from(codec == Codec::H264);
            Err(usage(format!(
                "--quality {quality}: the scale of {name} goes from {best} (best) to {worst}; choose from it"
            )))
        }
        Some(_) => Ok(()),
    }
}

/// End of the codec's scale of constant quality.
fn worst_quality(codec: Codec) -> Option<u32> {
    match codec {
        Codec::H264 | Codec::Hevc => Some(51),
        Codec::Vp9 | Codec::Av1 => Some(63),
        Codec::Ffv1 => None,
    }
}

/// As `--codec` spells it.
fn codec_name(codec: Codec) -> String {
    codec.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::CodecChoice;

    fn verdict(out: &str, encoding: &Encoding) -> Option<String> {
        let output = if out == "null:" { Output::Null } else { Output::File(out.into()) };
        check(&output, encoding).err().map(|error| {
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        })
    }

    #[test]
    fn containers_hold_their_codecs_only() {
        use Codec::{Av1, Ffv1, H264, Hevc, Vp9};
        let holds = |out, codec| verdict(out, &Encoding { codec: Some(codec), ..Encoding::default() }).is_none();
        let held = |out| [H264, Hevc, Vp9, Av1, Ffv1].map(|codec| holds(out, codec));
        assert_eq!(held("a.mp4"), [true, true, false, true, false]);
        assert_eq!(held("a.MOV"), [true, true, false, true, false]);
        assert_eq!(held("a.webm"), [false, false, true, true, false]);
        assert_eq!(held("a.mkv"), [true; 5]);
        assert_eq!(held("a.png"), [false; 5]);
        assert_eq!(held("null:"), [false; 5]);
    }

    #[test]
    fn lossless_is_ffv1_in_mkv_and_nothing_else() {
        let lossless = Encoding { lossless: true, ..Encoding::default() };
        assert_eq!(verdict("a.mkv", &lossless), None);
        assert_eq!(verdict("a.png", &lossless), None);
        for out in ["a.mp4", "a.mov", "a.webm", "a.jpg", "null:"] {
            assert!(verdict(out, &lossless).is_some(), "{out}");
        }
        let ffv1 = Encoding { codec: Some(Codec::Ffv1), ..lossless.clone() };
        assert_eq!(verdict("a.mkv", &ffv1), None);
        for wrong in [
            Encoding { quality: Some(1), ..lossless.clone() },
            Encoding { codec: Some(Codec::H264), ..lossless.clone() },
            Encoding { encoder: CodecChoice::Named("x264enc".into()), ..lossless },
        ] {
            assert!(verdict("a.mkv", &wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn quality_is_on_the_scale_of_the_codec() {
        let fits = |out, quality| verdict(out, &Encoding { quality: Some(quality), ..Encoding::default() }).is_none();
        assert_eq!((fits("a.mp4", 51), fits("a.mp4", 52), fits("a.mp4", 0)), (true, false, false));
        assert_eq!((fits("a.webm", 63), fits("a.webm", 64)), (true, false));
        assert_eq!((fits("a.jpg", 90), fits("a.png", 1)), (false, false));
        let own = Encoding { quality: Some(200), encoder: CodecChoice::Named("rav1enc".into()), ..Encoding::default() };
        assert!(verdict("a.mkv", &own).unwrap().contains("rav1enc"));
    }

    #[test]
    fn an_ending_that_says_nothing_is_refused() {
        for out in ["out", "a.avi", "-", "", "mp4", ".mp4"] {
            assert!(verdict(out, &Encoding::default()).is_some(), "{out}");
        }
    }
}
