//! What a live run is to do.

use std::path::PathBuf;

use crate::job::{Engine, Look};
use crate::options::{Encoding, LiveInput, Microphone, Mode, VirtualCamera, WindowChoice};

/// What to do, live.
#[derive(Clone, Debug)]
pub struct LiveJob {
    /// What is filmed.
    pub input: LiveInput,
    /// How the camera is to film; `None`: whatever comes nearest to 1280x720 at 30 frames a second.
    pub mode: Option<Mode>,
    /// Network and runtime.
    pub engine: Engine,
    /// How the styled picture meets the original.
    pub look: Look,
    /// The network may go on at a smaller size where it does not keep the pace.
    pub adapts: bool,
    /// A window, where there is a display.
    pub window: Option<WindowChoice>,
    /// A camera for other programs.
    pub virtual_camera: Option<VirtualCamera>,
    /// A file that is recorded into from the start.
    pub record: Option<PathBuf>,
    /// A server that the picture is sent to.
    pub stream: Option<String>,
    /// Bit rate of what is sent, in kbit/s; `None`: what suits size and rate of the picture.
    pub stream_kbits: Option<u32>,
    /// Sound for recording and stream.
    pub microphone: Option<Microphone>,
    /// How recordings are encoded.
    pub encoding: Encoding,
    /// The file of `record` may be replaced, and what an unfinished run recorded there thrown away.
    pub force: bool,
    /// End after so many frames.
    pub frames: Option<u64>,
}
