//! A desktop without a display: D-Bus, PipeWire and WirePlumber, for one test. A node that GStreamer provides stands in
//! for the camera.
#![allow(dead_code, reason = "every test binary uses its part of this")]

use std::cell::RefCell;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stylize::source::live::Live;
use stylize::{Frame, Timed};

use crate::common::child::wait_until;
use crate::common::{HANG, skip};

/// Set in the process that runs inside.
const INSIDE: &str = "STYLIZE_TEST_SESSION";

/// The session, seen from inside.
pub struct Session {
    /// The one that was started last ends first.
    daemons: RefCell<Vec<Daemon>>,
}

/// Runs `body` in a session of its own: this test, which is called `name` in full, once more in another process. Where
/// there is no PipeWire it says "skipped".
pub fn inside(name: &str, body: impl FnOnce(&Session)) {
    if std::env::var_os(INSIDE).is_some() {
        return body(&Session::begin());
    }
    if let Some(missing) = missing() {
        return skip(&format!("{name}: {missing} is not installed"));
    }
    let home = tempfile::tempdir().unwrap();
    let mut command = assert_cmd::Command::new("dbus-run-session");
    command.arg("--").arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    command.env(INSIDE, "1").env("XDG_RUNTIME_DIR", home.path()).env("XDG_CONFIG_HOME", home.path());
    // A test inside is part of this one, and has its own time.
    let output = command.timeout(4 * HANG).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// What is not installed of what this needs.
fn missing() -> Option<&'static str> {
    let runs = |program: &&str| {
        let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    gst::init().unwrap();
    let programs = ["dbus-run-session", "pipewire", "wireplumber", "gst-launch-1.0"];
    let elements = ["pipewiresink", "pipewiresrc"];
    let program = programs.into_iter().find(|program| !runs(program));
    program.or_else(|| elements.into_iter().find(|element| gst::ElementFactory::find(element).is_none()))
}

impl Session {
    fn begin() -> Self {
        Self { daemons: RefCell::new(Self::start()) }
    }

    fn start() -> Vec<Daemon> {
        let pipewire = Daemon::start(Command::new("pipewire").stdout(Stdio::null()).stderr(Stdio::null()));
        wait_until("pipewire", || socket().exists());
        let manager = Daemon::start(Command::new("wireplumber").stdout(Stdio::null()).stderr(Stdio::null()));
        vec![manager, pipewire]
    }

    /// PipeWire dies without a word, and comes again.
    pub fn restart(&self) {
        self.daemons.borrow_mut().clear();
        // A killed daemon leaves its socket, which the next one replaces.
        let _ = std::fs::remove_file(socket());
        self.daemons.borrow_mut().extend(Self::start());
    }

    /// A camera called `Stand-in` that films a white wall; listed when this returns.
    pub fn camera(&self, width: u32, height: u32) -> Daemon {
        let film = format!(
            "videotestsrc is-live=true pattern=white ! video/x-raw,format=YUY2,width={width},height={height},framerate=30/1"
        );
        let node = "pipewiresink mode=provide stream-properties=p,node.name=stand-in,node.description=Stand-in,\
                    media.class=Video/Source,media.role=Camera";
        let mut command = Command::new("gst-launch-1.0");
        command.arg("-q").args(film.split_whitespace()).arg("!").args(node.split_whitespace());
        let camera = Daemon::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let since = Instant::now();
        while !listed().contains("Stand-in") {
            assert!(since.elapsed() < HANG, "the camera is not listed: {}", listed());
        }
        camera
    }
}

fn socket() -> std::path::PathBuf {
    std::path::Path::new(&std::env::var_os("XDG_RUNTIME_DIR").unwrap()).join("pipewire-0")
}

/// What `stylize cameras` prints; nothing where it says that there is none.
pub fn listed() -> String {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_stylize")).arg("cameras").timeout(HANG).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let none = output.status.code() == Some(6) && stderr.lines().count() == 1 && stderr.contains("no camera is here; ");
    assert!(output.status.success() || none, "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// A process that ends with the test.
pub struct Daemon(Child);

impl Daemon {
    /// Starts `command`.
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    /// Stops where it is, or goes on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The next frame of `live` that is like this; all keep the format and go forward.
pub fn until(live: &mut Live, what: &str, is_it: impl Fn(&Timed<Frame>) -> bool) -> Timed<Frame> {
    let since = Instant::now();
    let mut last = None;
    loop {
        assert!(since.elapsed() < HANG, "{what}: not within {HANG:?}; the last was {last:?}");
        let frame = live.source.next().unwrap().expect("a camera has no end");
        assert_eq!(frame.item.format(), live.format);
        assert!(frame.stamp.pts_nanos > last, "{:?} after {last:?}", frame.stamp);
        last = frame.stamp.pts_nanos;
        if is_it(&frame) {
            return frame;
        }
    }
}

/// The wall that the camera films is white; the placeholder is dark in its corner.
pub fn is_dark(frame: &Timed<Frame>) -> bool {
    frame.item.row(0, 0)[0] < 120
}
