//! What every program does around its work: reads its arguments, speaks of errors, ends with the right code.

use std::error::Error as _;
use std::ffi::OsString;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result, panic_text};
use crate::gpu::quiet::{expects_panic, hush_drivers};
use crate::memory;
use crate::progress::{Voice, one_line};

/// Exit code of a wrong command line.
const USAGE: u8 = 2;
/// Exit code of a fault of ours.
const FAULT: u8 = 70;

/// A panic has said its line already; nobody says another of it. What it ends is told by [`fail`], which takes this back.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// A program of ours.
pub trait Program: Parser {
    /// How it speaks.
    fn voice(&self) -> Voice;

    /// Whether it says what it does.
    fn verbose(&self) -> bool;

    /// Does its work, and returns the exit code.
    ///
    /// # Errors
    /// Whatever made it impossible; has not been said yet.
    fn run(self, voice: &Voice) -> Result<u8>;
}

/// Runs a program.
pub fn main<P: Program>() -> ExitCode {
    hush_drivers();
    memory::return_large_blocks();
    ExitCode::from(run::<P>(std::env::args_os()))
}

fn run<P: Program>(words: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<_> = words.into_iter().collect();
    let program = match P::try_parse_from(&words) {
        Ok(program) => program,
        Err(refusal) => return refuse(&refusal, asks_for_json(&words)),
    };
    let (voice, verbose) = (program.voice(), program.verbose());
    speak_of_panics(voice.clone());
    if verbose {
        log_to(voice.clone());
    }
    match panic::catch_unwind(AssertUnwindSafe(|| program.run(&voice))) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => fail(&voice, &error, verbose),
        Err(_) => FAULT,
    }
}

/// Help and version go to stdout; anything else is a wrong command line.
fn refuse(refusal: &clap::Error, json: bool) -> u8 {
    if matches!(refusal.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = refusal.print();
        return 0;
    }
    Voice::new(json, false).error(&usage_line(&refusal.to_string()), &[], USAGE);
    USAGE
}

/// Whether a command line that is wrong elsewhere asks for `--progress json`: who reads JSON is to get the refusal in it.
fn asks_for_json(words: &[OsString]) -> bool {
    let options = words.split(|word| word == "--").next().unwrap_or_default();
    options.iter().any(|word| word == "--progress=json")
        || options.windows(2).any(|pair| pair == ["--progress", "json"])
}

/// Clap explains itself in paragraphs. What is wrong and its tips become one line; how the program is used stays in
/// `--help`.
fn usage_line(explained: &str) -> String {
    let words = explained.strip_prefix("error: ").unwrap_or(explained);
    let paragraphs =
        words.split("\n\n").take_while(|text| !["Usage:", "For more"].iter().any(|end| text.starts_with(end)));
    let lines = paragraphs.map(|text| text.lines().map(str::trim).collect::<Vec<_>>().join(" "));
    let line = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    format!("{line}; see --help")
}

/// Says why there is no output, if that has not been said yet, and returns the exit code.
pub(super) fn fail(voice: &Voice, error: &Error, verbose: bool) -> u8 {
    let code = error.exit_code();
    let panicked = PANICKED.swap(false, Ordering::Relaxed);
    if panicked && matches!(error, Error::Internal(_)) {
        return code;
    }
    let causes = causes(error);
    voice.error(&error.to_string(), &causes, code);
    if verbose {
        causes.iter().for_each(|cause| voice.note(format_args!("  caused by: {cause}")));
    }
    code
}

/// What caused `error`, the nearest first, a line each.
pub(super) fn causes(error: &Error) -> Vec<String> {
    std::iter::successors(error.source(), |&error| error.source()).map(|error| one_line(&error.to_string())).collect()
}

/// A panic, on whatever thread, is a line for the user as well; but not one that is caught and answered for.
fn speak_of_panics(voice: Voice) {
    panic::set_hook(Box::new(move |panic| {
        if !expects_panic() && !PANICKED.swap(true, Ordering::Relaxed) {
            voice.error(&panic_line(panic), &[], FAULT);
        }
    }));
}

fn panic_line(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("{}{place}; this is a fault of stylize, please report it", panic_text(panic.payload()))
}

fn log_to(voice: Voice) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("stylize=debug"))
        .with_writer(move || voice.clone())
        .with_ansi(console::colors_enabled_stderr())
        .without_time()
        .log_internal_errors(false);
    // Fails only where a log was set up before: then that one is kept.
    let _ = log.try_init();
}

/// Writes the answer of a verb to stdout. A reader that has read enough (`| head`) is no error.
///
/// # Errors
/// When stdout cannot take it.
pub fn answer(bytes: &[u8]) -> Result<()> {
    use std::io::ErrorKind::BrokenPipe;
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != BrokenPipe => Err(super::report_file::unwritable(Path::new("stdout"), &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::quiet::without_panic;

    #[test]
    fn what_clap_explains_becomes_a_line() {
        let missing = "error: the following required arguments were not provided:\n  <IN>\n  <OUT>\n\nUsage: a <IN>\n\n\
                       For more information, try '--help'.\n";
        assert_eq!(usage_line(missing), "the following required arguments were not provided: <IN> <OUT>; see --help");
        let near =
            "error: unexpected argument '--stile' found\n\n  tip: a similar argument exists: '--style'\n\nUsage: a";
        assert_eq!(
            usage_line(near),
            "unexpected argument '--stile' found; tip: a similar argument exists: '--style'; see --help"
        );
    }

    #[test]
    fn the_causes_of_an_error_stand_in_order() {
        assert_eq!(causes(&Error::Usage("a".into())), Vec::<String>::new());
    }

    /// A program that does what its argument says.
    #[derive(Parser)]
    struct Clumsy {
        deed: String,
    }

    impl Program for Clumsy {
        fn voice(&self) -> Voice {
            Voice::new(false, true)
        }

        fn verbose(&self) -> bool {
            false
        }

        fn run(self, voice: &Voice) -> Result<u8> {
            match self.deed.as_str() {
                "panic" => panic!("a\nb"),
                "lose a card" => {
                    assert_eq!(
                        without_panic(|| -> u8 { panic!("Error in Device::poll:\n  lost") }),
                        Err("Error in Device::poll: lost".into())
                    );
                    Ok(7)
                }
                "thread" => {
                    let thread = std::thread::Builder::new().spawn(|| panic!("c")).map(std::thread::JoinHandle::join);
                    assert!(thread.is_ok_and(|end| end.is_err()));
                    Err(Error::Internal("a thread panicked".into()))
                }
                // One that ended a file of several, and a fault in the next.
                "again" => {
                    let caught = panic::catch_unwind(|| -> u8 { panic!("c") });
                    assert!(caught.is_err());
                    fail(voice, &Error::Internal("a thread panicked".into()), false);
                    Err(Error::Internal("d".into()))
                }
                "fail" => Err(Error::Device("no\ncamera".into())),
                _ => Ok(7),
            }
        }
    }

    /// Does `deed` in a process of its own, as a panic hook is for all of a process; returns its code and stderr.
    fn in_a_child(deed: &str) -> (Option<i32>, String) {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "cli::program::tests::a_deed", "--nocapture"]).env("STYLIZE_TEST_DEED", deed);
        let output = child.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "this test is the child process, and its exit code what is tested")]
    fn a_deed() {
        if let Some(deed) = std::env::var_os("STYLIZE_TEST_DEED") {
            std::process::exit(run::<Clumsy>(["clumsy".into(), deed]).into());
        }
    }

    #[test]
    fn every_way_to_fail_is_one_line_and_a_code() {
        for (deed, code, text) in
            [("panic", 70, "error: a b at src"), ("thread", 70, "error: c at src"), ("fail", 6, "error: no camera")]
        {
            let (ended, stderr) = in_a_child(deed);
            assert_eq!(ended, Some(code), "{deed}: {stderr}");
            assert!(stderr.starts_with(text) && stderr.lines().count() == 1, "{deed}: {stderr}");
        }
        let (ended, stderr) = in_a_child("again");
        let lines: Vec<_> = stderr.lines().collect();
        assert!(ended == Some(70) && lines.len() == 2 && lines[1].starts_with("error: d; "), "{stderr}");
        for deed in ["well", "lose a card"] {
            assert_eq!(in_a_child(deed), (Some(7), String::new()), "{deed}");
        }
    }
}
