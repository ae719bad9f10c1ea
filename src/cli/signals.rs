//! SIGINT and SIGTERM: the first asks the job to end and to complete its output, a second ends the program at once. SIGHUP
//! asks, too, however often it comes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown, register_usize};

use crate::error::{Error, Result, io_reason};
use crate::flow::Stop;

/// The signals that ask to end. A terminal that is closed sends SIGHUP; who started the program to outlive its terminal
/// (`nohup`) has let it be ignored.
pub fn asking() -> Vec<i32> {
    let closing = Some(SIGHUP).filter(|signal| !is_ignored(*signal));
    [SIGINT, SIGTERM].into_iter().chain(closing).collect()
}

/// Whether this process was started with `signal` ignored. Where that cannot be seen, such as on macOS, it may have been.
fn is_ignored(signal: i32) -> bool {
    let mask = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    mask().is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

/// What came in.
#[derive(Debug)]
pub struct Signals {
    last: Arc<AtomicUsize>,
}

impl Signals {
    /// From now on a signal asks `stop`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn ask(stop: &Stop) -> Result<Self> {
        let last = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(AtomicBool::new(false));
        let hear = |signal: i32| -> io::Result<()> {
            // A terminal that is closed sends it more than once, by itself and by its shell: nobody is impatient there.
            if signal != SIGHUP {
                // In this order: the first signal finds `seen` unset, and sets it.
                register_conditional_shutdown(signal, 128 + signal, Arc::clone(&seen))?;
                register(signal, Arc::clone(&seen))?;
            }
            register(signal, stop.flag())?;
            register_usize(signal, Arc::clone(&last), usize::try_from(signal).unwrap_or(0)).map(drop)
        };
        let refused =
            |error: io::Error| Error::Internal(format!("no signal handler can be set ({})", io_reason(&error)));
        asking().into_iter().try_for_each(hear).map_err(refused)?;
        Ok(Self { last })
    }

    /// The signal that came, if any.
    pub fn received(&self) -> Option<Signal> {
        match i32::try_from(self.last.load(Ordering::Relaxed)) {
            Ok(SIGINT) => Some(Signal::Interrupt),
            Ok(SIGTERM) => Some(Signal::Terminate),
            Ok(SIGHUP) => Some(Signal::HangUp),
            _ => None,
        }
    }
}

/// A wish to end that came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
    /// The terminal was closed.
    HangUp,
}

impl Signal {
    /// Exit code by the shell's custom: 128 and the number of the signal.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::HangUp => 129,
        }
    }

    /// As the user knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;

    use signal_hook::low_level::raise;

    use super::*;

    /// Runs `test` of this program in a process of its own, in which `body` is done instead.
    fn in_a_child(test: &str, body: impl FnOnce()) -> Option<i32> {
        started_by(&mut Command::new(env::current_exe().unwrap()), test, body)
    }

    /// The same; `command` starts the process.
    fn started_by(command: &mut Command, test: &str, body: impl FnOnce()) -> Option<i32> {
        const CHILD: &str = "STYLIZE_TEST_CHILD";
        if env::var_os(CHILD).is_some() {
            body();
            return None;
        }
        let name = format!("cli::signals::tests::{test}");
        command.args(["--exact", &name]).env(CHILD, "1").output().unwrap().status.code()
    }

    #[test]
    fn the_first_signal_asks() {
        let code = in_a_child("the_first_signal_asks", || {
            let stop = Stop::new();
            let signals = Signals::ask(&stop).unwrap();
            assert_eq!((stop.asked(), signals.received()), (false, None));
            raise(SIGTERM).unwrap();
            assert_eq!((stop.asked(), signals.received()), (true, Some(Signal::Terminate)));
        });
        assert!(matches!(code, Some(0) | None), "{code:?}");
    }

    #[test]
    fn a_terminal_that_is_closed_asks_too() {
        let code = in_a_child("a_terminal_that_is_closed_asks_too", || {
            if is_ignored(SIGHUP) {
                // These tests outlive their terminal themselves.
                return;
            }
            let stop = Stop::new();
            let signals = Signals::ask(&stop).unwrap();
            for _ in 0..2 {
                raise(SIGHUP).unwrap();
                assert_eq!((stop.asked(), signals.received()), (true, Some(Signal::HangUp)));
            }
            raise(SIGTERM).unwrap();
            assert_eq!(signals.received(), Some(Signal::Terminate), "which is the first that counts");
        });
        assert!(matches!(code, Some(0) | None), "{code:?}");
    }

    #[test]
    fn who_is_to_outlive_the_terminal_does() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
        let code = started_by(&mut shell, "who_is_to_outlive_the_terminal_does", || {
            let stop = Stop::new();
            let signals = Signals::ask(&stop).unwrap();
            raise(SIGHUP).unwrap();
            assert_eq!((stop.asked(), signals.received()), (false, None));
        });
        assert!(matches!(code, Some(0) | None), "{code:?}");
    }

    #[test]
    fn the_second_signal_ends_the_program() {
        let code = in_a_child("the_second_signal_ends_the_program", || {
            let _signals = Signals::ask(&Stop::new()).unwrap();
            raise(SIGTERM).unwrap();
            raise(SIGINT).unwrap();
        });
        assert!(matches!(code, Some(130)), "{code:?}");
    }

    #[test]
    fn a_stop_for_another_reason_leaves_the_first_signal_its_meaning() {
        let code = in_a_child("a_stop_for_another_reason_leaves_the_first_signal_its_meaning", || {
            let stop = Stop::new();
            let signals = Signals::ask(&stop).unwrap();
            stop.ask();
            raise(SIGINT).unwrap();
            assert_eq!(signals.received(), Some(Signal::Interrupt));
        });
        assert!(matches!(code, Some(0) | None), "{code:?}");
    }
}
