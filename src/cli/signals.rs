//! SIGINT and SIGTERM: the first asks the job to end and to complete its output, a second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown, register_usize};

use crate::error::{Error, Result};
use crate::flow::Stop;

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
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds `seen` unset, and sets it.
            register_conditional_shutdown(signal, 128 + signal, Arc::clone(&seen))
                .and_then(|_| register(signal, Arc::clone(&seen)))
                .and_then(|_| register(signal, stop.flag()))
                .and_then(|_| register_usize(signal, Arc::clone(&last), usize::try_from(signal).unwrap_or(0)))
                .map_err(|error| Error::Internal(format!("no signal handler can be set ({error})")))?;
        }
        Ok(Self { last })
    }

    /// The signal that came, if any.
    pub fn received(&self) -> Option<Signal> {
        match i32::try_from(self.last.load(Ordering::Relaxed)) {
            Ok(SIGINT) => Some(Signal::Interrupt),
            Ok(SIGTERM) => Some(Signal::Terminate),
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
}

impl Signal {
    /// Exit code by the shell's custom: 128 and the number of the signal.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    /// As the user knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
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
        const CHILD: &str = "STYLIZE_TEST_CHILD";
        if env::var_os(CHILD).is_some() {
            body();
            return None;
        }
        let name = format!("cli::signals::tests::{test}");
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", &name]).env(CHILD, "1").output().unwrap().status.code()
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
