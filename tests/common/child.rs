//! Programs at work, and what is done to them.

use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::HANG;

/// Waits until `ready`, which must not take for ever.
pub fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < HANG, "{what}: not within {HANG:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sends `signal`, such as INT, to a process; false if there is none.
pub fn try_send(signal: &str, pid: u32) -> bool {
    let signal: Signal = format!("SIG{signal}").parse().unwrap();
    kill(Pid::from_raw(pid.cast_signed()), signal).is_ok()
}

pub fn send(signal: &str, child: &Child) {
    assert!(try_send(signal, child.id()));
}

/// The exit code of `child`, which ends soon; none if a signal ends it.
pub fn code(child: &mut Child) -> Option<i32> {
    let mut status = None;
    wait_until("the end of a run", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code()
}
