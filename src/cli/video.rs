//! `stylize-video IN OUT`.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::conduct::Conductor;
use super::groups::{ENVIRONMENT, MessageArgs, ModelArgs, NetworkArgs, OutputArgs, PartArgs, StyleArgs, engine};
use super::program::Program;
use super::report_file::ReportFile;
use super::value::frame_rate;
use super::{batch, conduct, encoding, naming, sandbox};
use crate::error::{Error, Result};
use crate::flow::Stop;
use crate::frame::FrameRate;
use crate::job::{self, Job, Observer, Studio};
use crate::options::{Input, Output};
use crate::pattern::Pattern;
use crate::progress::{Mode, Voice};
use crate::report::{Meter, Report};

/// Turn a video into a painting that moves
///
/// Reads a video or a still picture, paints every frame in a style, and writes the result with the sound, the times and
/// the colour space of the original. Works on a plain CPU.
#[derive(Parser, Clone, Debug)]
#[command(name = "stylize-video", version, max_term_width = 100)]
#[command(after_help = EXAMPLES, after_long_help = format!("{NOTES}\n\n{ENVIRONMENT}"))]
#[command(override_usage = "stylize-video [OPTIONS] IN OUT\n       stylize-video [OPTIONS] -o FOLDER IN...")]
pub struct VideoArgs {
    /// IN: the video or still picture to read, a local file. OUT: the file to write: .mp4 (.m4v), .mov, .mkv or .webm, a
    /// still .png or .jpg (.jpeg), or null: to throw the frames away
    ///
    /// Both may be image sequences, that is numbered pictures: shot/%05d.png is shot/00001.png and so on. They are read
    /// from the lowest number to the first that is missing, and written with the numbers of the pictures that were read,
    /// else from 1. They have no sound.
    ///
    /// IN may be - for standard input: any format that can be read as it comes, such as Matroska, WebM, MPEG-TS or
    /// fragmented MP4. An MP4 with its index at the end is copied to a temporary file first ($TMPDIR). OUT may be - for
    /// standard output, as Matroska; all messages go to stderr.
    #[arg(value_name = "IN OUT", required = true)]
    paths: Vec<PathBuf>,

    /// Write into this folder, one file for each IN; it is made if it is not there
    ///
    /// Each file is called as its input; the container stays, too, where it is one of those that are written and holds
    /// the codec, else it is .mkv. One input that fails does not stop the others. A new folder cannot be called as a file
    /// is, such as out.mp4: for one file write IN OUT.
    #[arg(short = 'o', long = "output", value_name = "FOLDER")]
    folder: Option<PathBuf>,

    /// Rate of an image sequence (numbered pictures) that is read: 25, 29.97 or 30000/1001 [default: 25]
    #[arg(long, value_name = "RATE", value_parser = frame_rate)]
    fps: Option<FrameRate>,

    #[command(flatten)]
    style: StyleArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    out: OutputArgs,
    #[command(flatten)]
    part: PartArgs,
    /// Read the input in a confined process, which reaches nothing but what the run needs (Linux)
    ///
    /// For files that nobody trusts. The process reads the input, the model and the system's libraries, writes in the
    /// folder of OUT alone (give it one of its own), and has no network and no other programs. GPUs are out of its reach.
    #[arg(long, help_heading = "Part of the input")]
    sandbox: bool,

    #[command(flatten)]
    message: MessageArgs,
}

/// Rate of numbered pictures, as most programs have it.
const DEFAULT_RATE: FrameRate = FrameRate { frames: NonZeroU32::MIN.saturating_add(24), seconds: NonZeroU32::MIN };

const EXAMPLES: &str = "\
Examples:
  stylize-video holiday.mp4 painted.mp4
  stylize-video holiday.mp4 painted.mkv --style wave --strength 0.7 --keep-colour
  stylize-video holiday.mp4 tenth.webm --start 1:30 --end 1:40 --size 720p
  stylize-video holiday.mp4 painted.mp4 --style my.onnx --model-range 0..255
  stylize-video *.mp4 *.mov -o painted/

`stylize styles` lists the styles, `stylize doctor` says what is missing on this machine.";

const NOTES: &str = "\
Examples:
  stylize-video holiday.mp4 painted.mp4
      Paint in the first style; the sound comes along.
  stylize-video holiday.mp4 painted.mkv --style wave --strength 0.7 --keep-colour
      Mix with the original, and keep its colours.
  stylize-video holiday.mp4 tenth.webm --start 1:30 --end 1:40 --size 720p
      Ten seconds of it, 720 rows high.
  stylize-video holiday.mp4 master.mkv --lossless
      Every styled frame bit for bit.
  stylize-video holiday.mp4 painted.mp4 --style my.onnx --model-range 0..255
      A network of your own.
  stylize-video *.mp4 *.mov -o painted/
      One after the other, each into a file of its name. What is there already is left alone without --force.
  stylize-video holiday.mp4 painted.mp4 --resume
      Go on where a run ended that was killed (power, memory, kill -9) or failed.
  stylize-video shot/%05d.png painted.mov --fps 24
  stylize-video holiday.mp4 frames/%05d.png
      Image sequences (numbered pictures); those that were written before a failure stay.
  ffmpeg -i rtsp://camera/ -c copy -f matroska - | stylize-video - - | ffplay -
      Between other programs.
  stylize-video holiday.mp4 null: --frames 300 --report speed.json
      Measure only.

Exit codes:
  0    done
  2    the command line is wrong
  3    the input cannot be read
  4    the output cannot be written
  5    the model or ONNX Runtime cannot be used
  6    a device cannot be used
  7    done, but frames were damaged, missing or passed unstyled, or a graphics card failed
       (with --strict: or there was a warning)
  70   a fault of this program
  130  stopped by SIGINT (Ctrl-C), 143 by SIGTERM, 129 by SIGHUP (its terminal was closed, Linux);
       the output holds what was done. A second SIGINT or SIGTERM ends at once.

An error is one line on stderr. It leaves a file OUT as it was; of an image sequence the
pictures before it stay, each whole, and what went to standard output is gone.

With -o the code is 0 where all is well, else that of the first input that failed, else 7 where one came out with losses;
--report holds a list with an entry for each input.";

impl Program for VideoArgs {
    fn voice(&self) -> Voice {
        Voice::new(self.message.progress == Mode::Json, self.message.quiet)
    }

    fn verbose(&self) -> bool {
        self.message.verbose
    }

    fn run(self, voice: &Voice) -> Result<u8> {
        if self.sandbox && !sandbox::is_child() {
            return sandbox::in_child(&self.paths[0].display().to_string());
        }
        match &self.folder {
            None => {
                let job = self.job()?;
                self.confine(std::slice::from_ref(&job))?;
                self.run_one(&job, voice, job::run)
            }
            Some(folder) => {
                let jobs = self.jobs(folder)?;
                if self.sandbox {
                    // What is not there cannot be left open to a confined process.
                    batch::make_folder(folder)?;
                }
                self.confine(&jobs)?;
                let Some(first) = jobs.first() else { return Ok(0) };
                // What is wrong with the network is so for every file, and said once.
                let studio = Studio::open(&first.engine)?;
                self.run_all(&jobs, folder, voice, |job, stop, meter, observer| studio.run(job, stop, meter, observer))
            }
        }
    }
}

impl VideoArgs {
    /// With `--sandbox` this process reaches from now on what `jobs` need, and no more.
    fn confine(&self, jobs: &[Job]) -> Result<()> {
        if self.sandbox { sandbox::enter(jobs, self.message.report.as_deref()) } else { Ok(()) }
    }

    /// What is meant by `IN OUT`.
    fn job(&self) -> Result<Job> {
        match &self.paths[..] {
            [input, output] => self.job_of(self.input(input)?, output_of(output)?),
            [_] => Err(Error::Usage("OUT is missing: give IN and OUT, or -o FOLDER and one IN or several".into())),
            _ => Err(Error::Usage("more than IN and OUT; several inputs need a folder to go to: -o FOLDER".into())),
        }
    }

    /// What is meant by `-o FOLDER IN...`.
    fn jobs(&self, folder: &Path) -> Result<Vec<Job>> {
        refuse_scheme("-o FOLDER", folder)?;
        if [Path::new("-"), Path::new("null:")].contains(&folder) {
            let folder = folder.display();
            return Err(Error::Usage(format!(
                "-o {folder}: -o names a folder; {folder} can be OUT of one input: IN {folder}"
            )));
        }
        if encoding::names_output(folder) && !folder.is_dir() {
            let (folder, input) = (folder.display(), self.paths[0].display());
            return Err(Error::Usage(format!(
                "-o {folder}: -o names a folder; for one file write IN OUT: stylize-video {input} {folder}"
            )));
        }
        let inputs = self.paths.iter().map(|path| self.input(path)).collect::<Result<Vec<_>>>()?;
        let outputs = naming::outputs(&inputs, folder, &self.out.encoding.encoding())?;
        inputs.into_iter().zip(outputs).map(|(input, output)| self.job_of(input, Output::File(output))).collect()
    }

    fn input(&self, path: &Path) -> Result<Input> {
        // A file whose name looks like numbered pictures is a file.
        let pattern = Pattern::parse(path).filter(|_| !path.exists());
        match (pattern, self.fps) {
            (Some(pattern), fps) => Ok(Input::Pictures { pattern, rate: fps.unwrap_or(DEFAULT_RATE) }),
            (None, Some(_)) => Err(Error::Usage(format!(
                "--fps is the rate of numbered pictures such as shot/%05d.png; {} has times of its own",
                path.display()
            ))),
            (None, None) if path == Path::new("-") => Ok(Input::Stdin),
            (None, None) => refuse_scheme("IN", path).map(|()| Input::File(path.into())),
        }
    }

    fn job_of(&self, input: Input, output: Output) -> Result<Job> {
        let mut wanted = self.out.encoding.encoding();
        encoding::check(&output, &wanted)?;
        if self.out.resume {
            encoding::check_resume(&input, &output)?;
        }
        let mut decoder = self.part.decoder.clone();
        if self.sandbox {
            // Chips are out of its reach.
            (decoder, wanted.encoder) = (decoder.or_software().clone(), wanted.encoder.or_software().clone());
        }
        Ok(Job {
            input,
            output,
            force: self.out.force,
            resume: self.out.resume,
            engine: engine(&self.style, &self.network, &self.model)?,
            look: self.style.look(),
            size: self.out.size,
            encoding: wanted,
            audio: !self.out.no_audio,
            part: self.part.part()?,
            deinterlace: !self.out.no_deinterlace,
            decoder,
        })
    }

    /// Does the job by `work`, tells of it, and returns the exit code.
    fn run_one<W>(&self, job: &Job, voice: &Voice, work: W) -> Result<u8>
    where
        W: FnOnce(&Job, &Stop, &Meter, &mut dyn Observer) -> Result<Report>,
    {
        let report_file = self.report_file(std::slice::from_ref(job))?;
        let done =
            Conductor::new(&self.message)?.perform(job.output.path().into(), voice, "", |stop, meter, observer| {
                work(job, stop, meter, observer)
            })?;
        if let (Some(file), conduct::Done::Output { report, .. }) = (report_file, &done) {
            file.write(report)?;
        }
        Ok(done.exit_code())
    }

    /// Does the jobs by `work`, and returns the exit code.
    fn run_all<W>(&self, jobs: &[Job], folder: &Path, voice: &Voice, work: W) -> Result<u8>
    where
        W: FnMut(&Job, &Stop, &Meter, &mut dyn Observer) -> Result<Report>,
    {
        batch::make_folder(folder)?;
        let report_file = self.report_file(jobs)?;
        batch::run(jobs, &Conductor::new(&self.message)?, voice, report_file, work)
    }

    fn report_file(&self, jobs: &[Job]) -> Result<Option<ReportFile>> {
        let Some(path) = &self.message.report else { return Ok(None) };
        let taken = jobs.iter().flat_map(|job| std::iter::once(job.input.path()).chain(job.output.path()));
        ReportFile::open(path, taken).map(Some)
    }
}

fn output_of(path: &Path) -> Result<Output> {
    if path == Path::new("null:") {
        return Ok(Output::Null);
    }
    if path == Path::new("-") {
        return Ok(Output::Stdout);
    }
    refuse_scheme("OUT", path)?;
    Ok(Pattern::parse(path).map_or_else(|| Output::File(path.into()), Output::Pictures))
}

/// `http://…` and the like. A file whose name looks like that is a file.
fn refuse_scheme(what: &str, path: &Path) -> Result<()> {
    let scheme = path.to_str().and_then(|text| text.split_once("://")).map(|(scheme, _)| scheme).filter(|scheme| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
    });
    match scheme {
        Some(scheme) if !path.exists() => {
            let path = path.display();
            Err(Error::Usage(format!(
                "{path}: {what} is a local file; addresses ({scheme}://) are not opened, give a path"
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::ending::tests::good_report;
    use super::*;
    use crate::compose::Controls;
    use crate::convert::{Convert, ConvertChoice};
    use crate::frame::Size;
    use crate::gpu::context::Wanted;
    use crate::job::StyleChoice;
    use crate::model::{Precision, Tier, ValueRange};
    use crate::options::{Provider, SizeChoice};

    fn parsed(words: &str) -> VideoArgs {
        VideoArgs::try_parse_from(["stylize-video"].into_iter().chain(words.split(' '))).unwrap()
    }

    fn refused(words: &str) -> (u8, String) {
        let error = parsed(words).job().unwrap_err();
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        (error.exit_code(), text)
    }

    #[test]
    fn the_command_is_well_formed() {
        VideoArgs::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let job = parsed("in.mp4 out.mp4").job().unwrap();
        assert_eq!(job.input, Input::File("in.mp4".into()));
        assert_eq!(job.output, Output::File("out.mp4".into()));
        assert_eq!(job.engine.style, StyleChoice::Zoo(None));
        assert_eq!((job.engine.tier, job.engine.precision, job.engine.provider), (None, None, Provider::Auto));
        assert_eq!(job.look.controls, Controls { strength: 1.0, keep_colour: false, stabilise: 0.8 });
        assert_eq!((job.look.net_size, job.size), (SizeChoice::Source, SizeChoice::Source));
        assert_eq!((job.force, job.audio, job.deinterlace), (false, true, true));
        assert!(!parsed("in.mp4 out.mp4 --no-deinterlace").job().unwrap().deinterlace);
    }

    #[test]
    fn every_option_reaches_the_job() {
        let words = "in.mp4 out.mkv --style a.onnx --precision int8 --provider tensorrt --threads 3 --strength 0.5 \
            --keep-color --stabilise 0.25 --net-size 360p --size 640x480 --codec hevc --encoder x265enc \
            --no-audio --start 1:00 --end 2:00 --frames 9 --force --runtime /lib/ort --convert cpu --model-range -1..1 \
            --model-output-range 0..255 --model-channels bgr --model-layout nhwc --model-output-layout nchw \
            --model-input a=1 --model-input b=-2.5 --strict -v --report r.json";
        let job = parsed(&words.split_whitespace().collect::<Vec<_>>().join(" ")).job().unwrap();
        assert_eq!(job.engine.style, StyleChoice::File("a.onnx".into()));
        assert_eq!((job.engine.precision, job.engine.provider), (Some(Precision::Int8), Provider::TensorRt));
        assert_eq!((job.engine.threads, job.engine.runtime), (Some(3), Some("/lib/ort".into())));
        assert_eq!(job.look.controls, Controls { strength: 0.5, keep_colour: true, stabilise: 0.25 });
        assert_eq!((job.look.net_size, job.size), (SizeChoice::Height(360), SizeChoice::Exact(Size::new(640, 480))));
        assert_eq!(job.encoding.encoder.name(), Some("x265enc"));
        assert_eq!(parsed("in.mp4 out.mp4 --quality 20").job().unwrap().encoding.quality, Some(20));
        assert_eq!((job.part.start_nanos, job.part.end_nanos), (Some(60_000_000_000), Some(120_000_000_000)));
        assert_eq!((job.part.frames, job.force, job.audio), (Some(9), true, false));
        let overrides = &job.engine.overrides;
        assert_eq!((overrides.range, overrides.output_range), (Some(ValueRange::Signed), Some(ValueRange::Byte)));
        assert_eq!(overrides.inputs, [("a".into(), 1.0), ("b".into(), -2.5)]);
        assert_eq!(parsed("in.mp4 null: --tier fine").job().unwrap().engine.tier, Some(Tier::Fine));
    }

    #[test]
    fn contradictions_are_usage_errors() {
        for words in [
            "in.mp4 out.mp4 --lossless",
            "in.mp4 out.mp4 --codec vp9",
            "in.mp4 out",
            "in.mp4 out.mp4 --start 5 --end 5",
            "in.mp4 out.mp4 --end 0",
            "in.mp4 out.mp4 --style a.onnx --tier live",
            "in.mp4 out.mp4 --model-range 0..1",
            "http://a/in.mp4 out.mp4",
            "file:///in.mp4 out.mp4",
            "in.mp4 rtmp://a/out.mp4",
            "in.mp4",
            "in.mp4 out.mp4 --fps 25",
            "in.mp4 out.mp4 --convert cpu --gpu 1",
            "in.mp4 -o -",
            "in.mp4 -o null:",
            "in.mp4 - --quality 99",
            "in.mp4 %d.png --codec h264",
            "in.mp4 %d.jpg --lossless",
            "in.mp4 other.mp4 out.mp4",
        ] {
            assert_eq!(refused(words).0, 2, "{words}");
        }
        let convert = |words| parsed(words).job().unwrap().engine.convert;
        let card = ConvertChoice { convert: Convert::Gpu, gpu: Wanted::Name("radeon".into()) };
        assert_eq!(convert("in.mp4 out.mp4 --convert gpu --gpu radeon"), card);
        assert_eq!(convert("in.mp4 out.mp4"), ConvertChoice { convert: Convert::Auto, gpu: Wanted::Best });
    }

    #[test]
    fn numbered_pictures_are_known_by_their_names() {
        let job = parsed("shot/%05d.png out/%d.jpg").job().unwrap();
        let pattern = |text: &str| Pattern::parse(Path::new(text)).unwrap();
        assert_eq!(job.input, Input::Pictures { pattern: pattern("shot/%05d.png"), rate: DEFAULT_RATE });
        assert_eq!(job.output, Output::Pictures(pattern("out/%d.jpg")));
        let Input::Pictures { rate, .. } = parsed("%d.png null: --fps 30000/1001").job().unwrap().input else {
            panic!("no pictures")
        };
        assert_eq!((rate.frames.get(), rate.seconds.get()), (30_000, 1001));
        assert_eq!((DEFAULT_RATE.frames.get(), DEFAULT_RATE.seconds.get()), (25, 1));
        assert_eq!(parsed("%d.mp4 out.mp4").job().unwrap().input, Input::File("%d.mp4".into()));
    }

    #[test]
    fn a_new_folder_is_not_called_as_a_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = |name: &str| parsed("in.mp4 -o out").jobs(&folder.path().join(name));
        for name in ["out.mp4", "out.M4V", "out.jpeg", "%05d.png"] {
            let error = jobs(name).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{name}");
            let text = error.to_string();
            assert!(text.starts_with("-o ") && text.contains("IN OUT: stylize-video in.mp4 "), "{text}");
        }
        assert!(jobs("out").is_ok() && jobs("take.1").is_ok() && jobs("mp4").is_ok());
        std::fs::create_dir(folder.path().join("out.mp4")).unwrap();
        assert!(jobs("out.mp4").is_ok(), "a folder that is there may be called as it likes");
    }

    #[test]
    fn a_colon_in_a_name_is_no_scheme() {
        for name in ["a:b.mp4", "2024-01-01T12:30.mp4", "a b://c.mp4", "://x.mp4"] {
            assert!(refuse_scheme("IN", Path::new(name)).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_the_job_returns_becomes_the_exit_code_and_the_report() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let mut args = parsed("in.mp4 null: -q");
        args.message.report = Some(file.clone());
        let job = args.job().unwrap();
        let run = |report: Report| args.run_one(&job, &args.voice(), |_, _, _, _| Ok(report)).unwrap();
        assert_eq!(run(good_report()), 0);
        assert_eq!(run(Report { frames_substituted: 1, ..good_report() }), 7);
        let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!((&written["frames_out"], &written["frames_substituted"]), (&120.into(), &1.into()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_job_that_fails_leaves_no_report() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = parsed("in.mp4 null: -q");
        args.message.report = Some(folder.path().join("report.json"));
        let job = args.job().unwrap();
        let result = args.run_one(&job, &args.voice(), |_, _, _, _| Err(Error::Device("no".into())));
        assert_eq!(result.unwrap_err().exit_code(), 6);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
