//! `stylize-webcam`.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Parser};

use super::conduct::{Conductor, Done};
use super::encoding;
use super::ending::Goal;
use super::groups::{ENVIRONMENT, EncodingArgs, MessageArgs, ModelArgs, NetworkArgs, StyleArgs, engine};
use super::program::Program;
use super::report_file::ReportFile;
use super::value::{camera_mode, live_input};
use crate::error::{Error, Result};
use crate::flow::Stop;
use crate::job::Observer;
use crate::live::{self, LiveJob};
use crate::options::{CodecChoice, Encoding, LiveInput, Microphone, Mode, VirtualCamera, WindowChoice};
use crate::progress::{self, Voice};
use crate::report::{Meter, Report};

/// Turn a camera into a moving painting
///
/// Paints what a camera sees, live: in a window, as a virtual camera that other programs find, as a recording, or all of
/// that at once. Works on a plain CPU.
#[derive(Parser, Clone, Debug)]
#[command(name = "stylize-webcam", version, max_term_width = 100)]
#[command(after_help = EXAMPLES, after_long_help = format!("{NOTES}\n\n{ENVIRONMENT}"))]
pub struct WebcamArgs {
    /// What is filmed: a camera's number or name, test, screen, a file or an address [default: the first camera]
    ///
    /// `stylize cameras` lists the cameras; a part of a name is enough where only one has it. test is a scene that the
    /// program renders itself. A file is played at its own pace. Addresses begin with rtsp://, rtsps://, srt://, http://
    /// or https://.
    #[arg(long, value_name = "N|NAME|test|screen|FILE|URL", value_parser = live_input, help_heading = "Camera")]
    camera: Option<LiveInput>,

    /// How the camera films, such as 1280x720@30 [default: what comes nearest to that]
    #[arg(long, value_name = "WxH@FPS", value_parser = camera_mode, help_heading = "Camera")]
    mode: Option<Mode>,

    /// Play a file again and again
    #[arg(long = "loop", help_heading = "Camera")]
    repeat: bool,

    /// Stop by itself after so many frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Camera")]
    frames: Option<u64>,

    /// Show the picture in a window; where there is no display, go on without and say so [default]
    ///
    /// Its keys (? lists them) also save: Enter a picture, stylize-DATE-TIME.png in the current folder; R a recording, from
    /// one press to the next (see --record).
    #[arg(long, overrides_with = "no_window", help_heading = "Where it goes")]
    window: bool,

    /// Show no window
    #[arg(long, overrides_with = "window", help_heading = "Where it goes")]
    no_window: bool,

    /// Show the window as a mirror; virtual camera and recording stay as others see you
    #[arg(long, help_heading = "Where it goes")]
    mirror: bool,

    /// Begin with a window that fills the screen
    #[arg(long, help_heading = "Where it goes")]
    full_screen: bool,

    /// Be a camera for other programs; a name that they show, or a v4l2loopback device such as /dev/video9
    ///
    /// On Linux only. Without a name: every way that this machine has. Those are v4l2loopback, which all programs see once its
    /// module is loaded, and PipeWire, which browsers see through the portal; a name is that of a PipeWire camera.
    #[arg(
        long,
        value_name = "NAME|DEVICE",
        num_args = 0..=1,
        default_missing_value = "",
        help_heading = "Where it goes"
    )]
    virtual_camera: Option<PathBuf>,

    /// Record into this file (.mp4, .m4v, .mov, .mkv or .webm) from the start
    ///
    /// The key R ends it, and begins further ones beside it, stylize-DATE-TIME with the same ending. Without --record they
    /// are .mkv files in the current folder.
    #[arg(long, value_name = "FILE", help_heading = "Where it goes")]
    record: Option<PathBuf>,

    /// Send to a server: rtmp://..., rtmps://... or srt://...
    ///
    /// As H.264 with AAC: in FLV by RTMP, in MPEG-TS by SRT. The bit rate is 0.13 bits a pixel, from 400 to 9000 kbit/s
    /// (about 3600 for 1280x720 at 30 frames a second), with a key frame every two seconds. Without --microphone RTMP gets
    /// silence, which broadcasting services ask for, and SRT no sound. Of the options under Output only --encoder counts; one
    /// that is named must give H.264, and is taken as it comes, whatever its bit rate. The others are for recordings.
    #[arg(long, value_name = "URL", help_heading = "Where it goes")]
    stream: Option<String>,

    /// Bit rate of --stream, in kbit/s [default: by size and rate of the picture]
    ///
    /// Not together with an --encoder that is named, which has its own.
    #[arg(
        long,
        value_name = "KBITS",
        value_parser = clap::value_parser!(u32).range(100..=100_000),
        requires = "stream",
        help_heading = "Where it goes"
    )]
    stream_bitrate: Option<u32>,

    /// Record and send sound: that of a microphone, by its name or a part of it, else the system's choice
    ///
    /// test is a tick every second, from no microphone.
    #[arg(
        long,
        value_name = "NAME|test",
        num_args = 0..=1,
        default_missing_value = "",
        help_heading = "Where it goes"
    )]
    microphone: Option<String>,

    /// Replace the file of --record if it exists, and throw away what an unfinished run recorded there
    #[arg(long, action = ArgAction::SetTrue, help_heading = "Where it goes")]
    force: bool,

    #[command(flatten)]
    style: StyleArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    encoding: EncodingArgs,
    #[command(flatten)]
    message: MessageArgs,
}

const EXAMPLES: &str = "\
Examples:
  stylize-webcam
  stylize-webcam --virtual-camera --mirror
  stylize-webcam --camera 1 --mode 1920x1080@30 --style scream
  stylize-webcam --record me.mkv --microphone

In the window, ? lists the keys. `stylize cameras` lists the cameras.";

const NOTES: &str = "\
Examples:
  stylize-webcam
      The first camera in a window; ? lists the keys.
  stylize-webcam --virtual-camera --mirror
      For a call: choose the camera \"stylize\" in the other program.
  stylize-webcam --camera 1 --mode 1920x1080@30 --style scream
      Another camera, in full HD.
  stylize-webcam --record me.mkv --microphone
      With sound, in a file as well.
  stylize-webcam --no-window --stream rtmp://server/live/key --microphone
      To an audience.
  stylize-webcam --camera test --no-window --frames 300 --report speed.json
      Measure only.

Exit codes:
  0    done
  2    the command line is wrong
  3    a file or an address cannot be read
  4    the recording or the stream cannot be written
  5    the model or ONNX Runtime cannot be used
  6    a camera, a virtual camera or a display cannot be used
  7    done, but frames were damaged, missing or passed unstyled, or a graphics card failed
       (with --strict: or there was a warning)
  70   a fault of this program
  130  stopped by SIGINT (Ctrl-C), 143 by SIGTERM, 129 by SIGHUP (its terminal was closed, Linux); the
       recording is complete. A second SIGINT or SIGTERM ends at once.

Frames that are dropped because the network is slower than the camera are normal, and counted.";

impl Program for WebcamArgs {
    fn voice(&self) -> Voice {
        Voice::new(self.message.progress == progress::Mode::Json, self.message.quiet)
    }

    fn verbose(&self) -> bool {
        self.message.verbose
    }

    fn run(self, voice: &Voice) -> Result<u8> {
        let job = self.job()?;
        self.run_by(&job, voice, |stop, meter, observer| live::run(&job, stop, meter, observer))
    }
}

impl WebcamArgs {
    /// Does the job by `work`, tells of it, and returns the exit code.
    fn run_by<W>(&self, job: &LiveJob, voice: &Voice, work: W) -> Result<u8>
    where
        W: FnOnce(&Stop, &Meter, &mut dyn Observer) -> Result<Report>,
    {
        let taken = job.record.as_deref().into_iter().chain(job.input.file());
        let report_file = self.message.report.as_deref().map(|path| ReportFile::open(path, taken)).transpose()?;
        let goal = Goal::Live(job.record.as_deref());
        let done = Conductor::new(&self.message)?.perform(goal, voice, "", work)?;
        if let (Some(file), Done::Output { report, .. }) = (report_file, &done) {
            file.write(report)?;
        }
        Ok(done.exit_code())
    }

    /// Refuses options that nothing would come of.
    fn check(&self, encoding: &Encoding) -> Result<()> {
        let usage = |why: &str| Err(Error::Usage(why.into()));
        let (records, sends) = (self.record.is_some() || !self.no_window, self.stream.is_some());
        let is_file = matches!(self.camera, Some(LiveInput::File(_)));
        if self.mode.is_some() && (is_file || matches!(self.camera, Some(LiveInput::Address(_)))) {
            return usage("--mode says how a camera films; files and addresses come as they are: leave it out");
        }
        if self.repeat && !is_file {
            return usage("--loop plays a file again and again: name one with --camera FILE");
        }
        if self.no_window && (self.mirror || self.full_screen) {
            return usage("--mirror and --full-screen are the window's: leave them out, or --no-window");
        }
        if self.microphone.is_some() && !records && !sends {
            return usage("--microphone: nothing takes the sound; add --record or --stream, or leave --no-window out");
        }
        if self.stream_bitrate.is_some() && encoding.encoder.name().is_some() {
            return usage("--stream-bitrate: an encoder that is named has its own; leave one of them out");
        }
        if records {
            // The key R records into .mkv where nothing else is named.
            return encoding::check_recording(self.record.as_deref().unwrap_or(Path::new("stylize.mkv")), encoding);
        }
        let encoder = if sends { encoding.encoder.clone() } else { CodecChoice::Auto };
        if *encoding != (Encoding { encoder, ..Encoding::default() }) {
            return usage(
                "the options under Output are for recordings, and --encoder for --stream: add --record, or leave \
                 --no-window out",
            );
        }
        Ok(())
    }

    fn job(&self) -> Result<LiveJob> {
        let encoding = self.encoding.encoding();
        self.check(&encoding)?;
        let input = match self.camera.clone().unwrap_or_default() {
            LiveInput::File(path) if self.repeat => LiveInput::Loop(path),
            input => input,
        };
        let window = WindowChoice { mirror: self.mirror, full_screen: self.full_screen };
        Ok(LiveJob {
            input,
            mode: self.mode,
            engine: engine(&self.style, &self.network, &self.model)?,
            look: self.style.look(),
            adapts: self.style.net_size.is_none(),
            window: (!self.no_window).then_some(window),
            virtual_camera: self.virtual_camera.as_deref().map(virtual_camera),
            record: self.record.clone(),
            stream: self.stream.clone(),
            stream_kbits: self.stream_bitrate,
            microphone: self.microphone.as_deref().map(Microphone::named),
            encoding,
            force: self.force,
            frames: self.frames,
        })
    }
}

fn virtual_camera(given: &Path) -> VirtualCamera {
    match given.to_str() {
        Some("") => VirtualCamera::Auto,
        Some(name) if !name.contains('/') => VirtualCamera::Named(name.into()),
        _ => VirtualCamera::Device(given.into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::ending::tests::good_report;
    use super::*;

    fn parsed(words: &str) -> WebcamArgs {
        WebcamArgs::try_parse_from(std::iter::once("stylize-webcam").chain(words.split_whitespace())).unwrap()
    }

    #[test]
    fn the_command_is_well_formed() {
        WebcamArgs::command().debug_assert();
    }

    #[test]
    fn what_nothing_would_come_of_is_refused() {
        for (words, option) in [
            ("--camera ./in.mp4 --mode 640x360@30", "--mode"),
            ("--camera http://host/in.mp4 --mode 640x360@30", "--mode"),
            ("--camera test --loop", "--loop"),
            ("--no-window --mirror", "--mirror"),
            ("--no-window --full-screen", "--full-screen"),
            ("--no-window --microphone", "--microphone"),
            ("--quality 99", "--quality 99"),
            ("--no-window --quality 20", "--record"),
            ("--no-window --stream rtmp://host/a --codec hevc", "--record"),
            ("--no-window --encoder x264enc", "--record"),
            ("--stream rtmp://host/a --encoder x264enc --stream-bitrate 4000", "--stream-bitrate"),
        ] {
            let error = parsed(words).job().unwrap_err();
            assert_eq!((error.exit_code(), error.to_string().contains(option)), (2, true), "{words}: {error}");
        }
        let alone = ["stylize-webcam", "--stream-bitrate", "4000"];
        assert!(WebcamArgs::try_parse_from(alone).is_err(), "without --stream");
        for words in [
            "--mode 640x360@30 --mirror --microphone --quality 20",
            "--camera screen --mode 640x360@30",
            "--no-window --window --mirror",
            "--no-window --record me.mp4 --microphone --quality 20",
            "--no-window --stream rtmp://host/a --microphone --encoder x264enc",
        ] {
            assert!(parsed(words).job().is_ok(), "{words}");
        }
    }

    #[test]
    fn every_option_reaches_the_job() {
        let words = "--camera ./in.mp4 --loop --stream srt://host:9 --stream-bitrate 4000 --mirror";
        let job = parsed(words).job().unwrap();
        assert_eq!(job.input, LiveInput::Loop("./in.mp4".into()));
        assert_eq!((job.stream.as_deref(), job.stream_kbits), (Some("srt://host:9"), Some(4000)));
        assert_eq!(job.window, Some(WindowChoice { mirror: true, full_screen: false }));
        assert_eq!(parsed("--camera ./in.mp4").job().unwrap().input, LiveInput::File("./in.mp4".into()));
    }

    #[test]
    fn a_recording_that_failed_gives_the_exit_code_and_leaves_the_report() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let mut args = parsed("--camera test -q");
        args.message.report = Some(file.clone());
        let ended = args.run_by(&args.job().unwrap(), &args.voice(), |_, meter, _| {
            meter.fail(Error::Device("the microphone is gone".into()));
            Ok(good_report())
        });
        assert_eq!(ended.unwrap(), 6);
        let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(written["frames_out"], 120);
    }
}
