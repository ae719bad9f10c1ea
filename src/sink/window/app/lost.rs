//! A window outlives what it is drawn with.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use winit::event_loop::EventLoop;
use winit::platform::x11::EventLoopBuilderExtX11;

use super::*;
use crate::control::Board;
use crate::frame::{Colour, Frame, FrameFormat, PixelFormat, Timed, tight_planes};
use crate::options::WindowChoice;

/// A display that nobody sees, and its name; none where there is no Xvfb.
fn display() -> Option<(Child, String)> {
    let name = tempfile::NamedTempFile::new().unwrap();
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "320x240x24", "-nolisten", "tcp"])
        .stdout(name.reopen().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let since = Instant::now();
    loop {
        let number = std::fs::read_to_string(name.path()).unwrap();
        if number.ends_with('\n') {
            return Some((server, format!(":{}", number.trim())));
        }
        assert!(server.try_wait().unwrap().is_none() && since.elapsed() < PATIENCE, "Xvfb does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

/// The window's life, in which something breaks whenever a frame was shown.
struct Breaking<A, B> {
    app: A,
    shown: Arc<Mutex<u32>>,
    seen: u32,
    fault: B,
}

impl<T, W, S, L, B> ApplicationHandler<Call> for Breaking<App<T, W, S, L>, B>
where
    T: FnMut(),
    W: FnMut(Wish) -> bool,
    S: FnMut(Duration),
    L: FnMut(&Error),
    B: FnMut(&mut Front, u32),
{
    fn resumed(&mut self, events: &ActiveEventLoop) {
        self.app.resumed(events);
    }

    fn new_events(&mut self, events: &ActiveEventLoop, cause: StartCause) {
        self.app.new_events(events, cause);
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        self.app.about_to_wait(events);
    }

    fn user_event(&mut self, events: &ActiveEventLoop, call: Call) {
        self.app.user_event(events, call);
    }

    fn window_event(&mut self, events: &ActiveEventLoop, id: WindowId, event: WindowEvent) {
        self.app.window_event(events, id, event);
        let shown = *self.shown.lock().unwrap();
        if shown > self.seen {
            self.seen = shown;
            if let Some(front) = &mut self.app.front {
                (self.fault)(front, shown);
            }
        }
    }
}

/// What was lost in a window whose device is destroyed after its second and fourth frame; none without a display.
fn lose_devices() -> Option<Vec<String>> {
    // The display is named by the environment, and events come to this thread, which is not the main one.
    let events = EventLoop::<Call>::with_user_event().with_any_thread(true).with_x11().build().ok()?;
    let size = Size::new(64, 48);
    let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
    let (planes, len) = tight_planes(format.pixels, size);
    let frame = Frame::new(format, planes, Arc::new(vec![128; len])).unwrap();
    let (slot, bell, shown, lost) = (Slot::default(), events.create_proxy(), Arc::new(Mutex::new(0)), Mutex::default());
    let since = Instant::now();
    let tick = || {
        let stamp = Stamp { captured: Some(Instant::now()), ..Stamp::default() };
        let item = Painted { original: frame.clone(), frame: frame.clone() };
        *slot.lock().unwrap() = Some(Timed { stamp, item });
        let over = *shown.lock().unwrap() >= 7 || since.elapsed() > PATIENCE;
        let _ = bell.send_event(if over { Call::End } else { Call::Frame });
    };
    let count = |_| *shown.lock().unwrap() += 1;
    let note = |error: &Error| {
        let lost: &Mutex<Vec<String>> = &lost;
        lost.lock().unwrap().push(error.to_string());
    };
    let ears = Ears { tick, wish: |_| false, shown: count, lost: note };
    let options = Options { title: "lost".into(), size, choice: WindowChoice::default(), board: Board::default() };
    let display = Box::new(events.owned_display_handle());
    let instance = Instance::new(wgpu::InstanceDescriptor::new_with_display_handle(display));
    let app = App::new(options, Arc::clone(&slot), instance, ears);
    let fault = |front: &mut Front, shown: u32| match shown {
        2 | 4 => front.scene().context().device().destroy(),
        // A size that it has not got, as between two events: the next frame finds the surface outdated.
        6 => front.resize(PhysicalSize::new(100, 80)),
        _ => {}
    };
    let mut breaking = Breaking { app, shown: Arc::clone(&shown), seen: 0, fault };
    events.run_app(&mut breaking).unwrap();
    breaking.app.end().unwrap();
    assert!(*shown.lock().unwrap() >= 7, "it stands still after {} frames", shown.lock().unwrap());
    Some(lost.into_inner().unwrap())
}

#[test]
fn row_43_a_window_whose_device_is_lost_is_drawn_with_another_one() {
    const CHILD: &str = "STYLIZE_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let lost = lose_devices().unwrap();
        assert_eq!(lost.len(), 2, "{lost:?}");
        assert!(lost.iter().all(|why| why.contains("lost") && !why.contains('\n')), "{lost:?}");
        return;
    }
    let Some((mut server, name)) = display() else {
        // As `common::skip` of the other tests.
        let required = std::env::var("STYLIZE_REQUIRE_ALL").unwrap_or_default();
        assert!(required != "1" && !required.contains("Xvfb"), "Xvfb is not installed");
        eprintln!("skipped: Xvfb is not installed");
        return;
    };
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "sink::window::app::lost::row_43_a_window_whose_device_is_lost_is_drawn_with_another_one"]);
    for variable in ["WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        child.env_remove(variable);
    }
    let output = child.args(["--nocapture"]).env(CHILD, "1").env("DISPLAY", name).output().unwrap();
    let _ = (server.kill(), server.wait());
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
