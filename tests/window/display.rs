//! The window in a display of its own: keys and mouse as a user has them, and what stands on the screen then.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::skip;

const PATIENCE: Duration = Duration::from_secs(120);
const SIZE: (u32, u32) = (640, 360);
const RED: [u8; 3] = [200, 40, 30];
const BLUE: [u8; 3] = [20, 60, 210];

/// The program `examples/window.rs`, which cargo builds with the tests unless it is told to build only some.
fn example() -> Option<Command> {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/window");
    if !program.exists() {
        skip(&format!("{program:?} is not there: cargo build --example window"));
        return None;
    }
    Some(Command::new(program))
}

/// Waits until `done` gives something.
fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(50));
    }
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A display that nobody sees. Its picture lies in a file.
struct Display {
    server: Child,
    name: String,
    folder: tempfile::TempDir,
}

impl Display {
    /// None where what it takes is not installed.
    fn open() -> Option<Self> {
        if !is_installed("Xvfb") || !is_installed("xdotool") {
            skip("Xvfb or xdotool is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let number = folder.path().join("number");
        // Without -noreset it begins anew when xdotool leaves it as the last one, and refuses who comes just then.
        let mut server = Command::new("Xvfb")
            .args(["-noreset", "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-fbdir"])
            .arg(folder.path())
            .stdout(fs::File::create(&number).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let name = wait_for("Xvfb's number", || {
            assert!(server.try_wait().unwrap().is_none(), "Xvfb ended");
            let text = fs::read_to_string(&number).unwrap();
            text.ends_with('\n').then(|| format!(":{}", text.trim()))
        });
        Some(Self { server, name, folder })
    }

    fn xdotool(&self, words: &str) -> String {
        let output = Command::new("xdotool").args(words.split(' ')).env("DISPLAY", &self.name).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The screen: its width in pixels, and blue, green, red and an unused byte of each.
    fn screen(&self) -> Screenshot {
        // X's window dump: a header of 32-bit numbers, most significant byte first, then the colour map, then rows.
        let dump = fs::read(self.folder.path().join("Xvfb_screen0")).unwrap();
        let number = |at: usize| u32::from_be_bytes(dump[at * 4..][..4].try_into().unwrap()) as usize;
        let (header_bytes, row_bytes, colours) = (number(0), number(12), number(19));
        const COLOUR_BYTES: usize = 12;
        Screenshot { row_bytes, pixels: dump[header_bytes + colours * COLOUR_BYTES..].to_vec() }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

struct Screenshot {
    row_bytes: usize,
    pixels: Vec<u8>,
}

impl Screenshot {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let pixel = &self.pixels[y * self.row_bytes + x * 4..];
        [pixel[2], pixel[1], pixel[0]]
    }
}

/// The window of the example, and what it says.
struct Shown {
    program: Child,
    said: BufReader<ChildStdout>,
    /// Its left upper corner on the screen.
    corner: (usize, usize),
}

impl Shown {
    fn open(mut example: Command, display: &Display) -> Self {
        let (before, after) = (picture(display.folder.path(), RED), picture(display.folder.path(), BLUE));
        let mut program = example
            .args([&before, &after])
            .env("DISPLAY", &display.name)
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(program.stdout.take().unwrap());
        let window = wait_for("the window", || {
            assert!(program.try_wait().unwrap().is_none(), "the program ended");
            let found = display.xdotool("search --onlyvisible --name stylize");
            found.lines().next().map(String::from)
        });
        display.xdotool(&format!("windowfocus --sync {window}"));
        let place = display.xdotool(&format!("getwindowgeometry --shell {window}"));
        let number = |name: &str| -> usize {
            let line = place.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().parse().unwrap()
        };
        Self { program, said, corner: (number("X="), number("Y=")) }
    }

    /// The next wish that it heard.
    fn wish(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// The place on the screen of this one in the window.
    fn place(&self, x: usize, y: usize) -> (usize, usize) {
        (self.corner.0 + x, self.corner.1 + y)
    }

    /// Waits until this pixel of the window is that.
    fn wait_until(&self, display: &Display, (x, y): (usize, usize), is: impl Fn([u8; 3]) -> bool) {
        let (x, y) = self.place(x, y);
        wait_for("a pixel", || is(display.screen().at(x, y)).then_some(()));
    }

    fn wait_to_end(mut self) {
        let ended = wait_for("the end", || self.program.try_wait().unwrap());
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A picture of one colour, as a file.
fn picture(folder: &Path, rgb: [u8; 3]) -> PathBuf {
    let path = folder.join(format!("{}.png", rgb[0]));
    image::RgbImage::from_pixel(SIZE.0, SIZE.1, image::Rgb(rgb)).save(&path).unwrap();
    path
}

#[test]
fn keys_and_mouse_do_what_the_help_says() {
    let (Some(example), Some(display)) = (example(), Display::open()) else { return };
    let mut window = Shown::open(example, &display);
    let is = |wanted: [u8; 3]| move |got: [u8; 3]| got == wanted;
    window.wait_until(&display, (600, 340), is(BLUE));
    for (key, wish) in [
        ("Right", "StyleBy(1)"),
        ("p", "StyleBy(-1)"),
        ("3", "Style(2)"),
        ("Up", "StrengthBy(0.1)"),
        ("Down", "StrengthBy(-0.1)"),
        ("0", "Original"),
        ("c", "KeepColour"),
        ("s", "Stabilise"),
        ("space", "Freeze"),
        ("ctrl+s", "Snapshot"),
        ("Return", "Snapshot"),
        ("r", "Record"),
    ] {
        display.xdotool(&format!("key {key}"));
        assert_eq!(window.wish(), wish, "{key}");
    }
    // The overlay goes, the line comes and follows the mouse.
    window.wait_until(&display, (20, 60), |got| got != BLUE);
    display.xdotool("key o");
    window.wait_until(&display, (20, 60), is(BLUE));
    display.xdotool("key x");
    window.wait_until(&display, (20, 60), is(RED));
    window.wait_until(&display, (600, 60), is(BLUE));
    let ((x, y), (to, _)) = (window.place(320, 60), window.place(480, 60));
    display.xdotool(&format!("mousemove {x} {y} mousedown 1 mousemove {to} {y} mouseup 1"));
    window.wait_until(&display, (440, 60), is(RED));
    display.xdotool("click 4");
    // A wheel that is not real turns once as it is pressed, and once as it is let go.
    assert_eq!([window.wish(), window.wish()], ["StrengthBy(0.1)", "StrengthBy(0.1)"]);
    display.xdotool("key question");
    window.wait_until(&display, (320, 180), |got| got != RED && got != BLUE);
    display.xdotool("key Escape");
    window.wait_until(&display, (320, 60), is(RED));
    display.xdotool("key q");
    assert_eq!(window.wish(), "Quit");
    window.wait_to_end();
}

#[test]
fn row_45_without_a_display_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut example) = example() else { return };
    let output = example
        .arg(picture(folder.path(), RED))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("there is no display"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn drivers_say_nothing_beside_the_program() {
    let Some(display) = Display::open() else { return };
    let words = "--camera test --mode 160x90@30 --frames 5 --progress none";
    let mut command = Command::new(env!("CARGO_BIN_EXE_stylize-webcam"));
    command.args(words.split(' ')).env("DISPLAY", &display.name);
    for variable in ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XDG_RUNTIME_DIR", "NODEVICE_SELECT"] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.starts_with("live: 5 frames"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
