//! `stylize-webcam`.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Parser};

use super::conduct::{Conductor, Done};
use super::encoding;
use super::ending::Goal;
use super::groups::{EncodingArgs, MessageArgs, ModelArgs, NetworkArgs, StyleArgs, engine};
use super::program::Program;
use super::report_file::ReportFile;
use super::value::{camera_mode, live_input};
use crate::error::Result;
use crate::live::{self, LiveInput, LiveJob, Microphone, Mode, VirtualCamera, WindowChoice};
use crate::progress::{self, Voice};

/// Turn a camera into a moving painting
///
/// Paints what a camera sees, live: in a window, as a virtual camera that other programs find, as a recording, or all of
/// that at once. Works on a plain CPU.
#[derive(Parser, Clone, Debug)]
#[command(name = "stylize-webcam", version, max_term_width = 100, after_help = EXAMPLES, after_long_help = NOTES)]
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

    /// Stop by itself after so many frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Camera")]
    frames: Option<u64>,

    /// Show the picture in a window; where there is no display, go on without and say so [default]
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

    /// Record into this file (.mp4, .mov, .mkv or .webm) from the start
    ///
    /// The key R ends it, and begins further ones beside it that are named by date and time.
    #[arg(long, value_name = "FILE", help_heading = "Where it goes")]
    record: Option<PathBuf>,

    /// Send to a server: rtmp://..., rtmps://... or srt://...
    #[arg(long, value_name = "URL", help_heading = "Where it goes")]
    stream: Option<String>,

    /// Record and send sound: that of a microphone, by its name or the system's choice
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        default_missing_value = "",
        help_heading = "Where it goes"
    )]
    microphone: Option<String>,

    /// Replace the file of --record if it exists, and throw away what a killed run recorded there
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
  7    done, but frames were damaged, missing or passed unstyled, or the graphics card that
       converts failed (with --strict: or there was a warning)
  70   a fault of this program
  130  stopped by SIGINT (Ctrl-C), 143 by SIGTERM; the recording is complete. A second signal
       ends at once.

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
        let report_file = match &self.message.report {
            Some(path) => Some(ReportFile::open(path, job.record.iter().map(PathBuf::as_path))?),
            None => None,
        };
        let goal = job.record.as_deref().map_or(Goal::Live, Goal::Output);
        let done = Conductor::new(&self.message)?
            .perform(goal, voice, "", |stop, meter, observer| live::run(&job, stop, meter, observer))?;
        if let (Some(file), Done::Output { report, .. }) = (report_file, &done) {
            file.write(report)?;
        }
        Ok(done.exit_code())
    }
}

impl WebcamArgs {
    fn job(&self) -> Result<LiveJob> {
        let encoding = self.encoding.encoding();
        if let Some(path) = &self.record {
            encoding::check_recording(path, &encoding)?;
        }
        let window = WindowChoice { mirror: self.mirror, full_screen: self.full_screen };
        Ok(LiveJob {
            input: self.camera.clone().unwrap_or_default(),
            mode: self.mode,
            engine: engine(&self.style, &self.network, &self.model)?,
            look: self.style.look(),
            adapts: self.style.net_size.is_none(),
            window: (!self.no_window).then_some(window),
            virtual_camera: self.virtual_camera.as_deref().map(virtual_camera),
            record: self.record.clone(),
            stream: self.stream.clone(),
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
