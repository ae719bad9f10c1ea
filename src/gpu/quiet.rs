//! Keeps graphics drivers, and who speaks to them, from speaking to the user.
#![expect(unsafe_code, reason = "a driver in this process is told by its environment alone; see below")]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::panic_text;

thread_local! {
    static EXPECTS_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// Switches off the layer of Mesa that chooses among devices.
const LAYER_OFF: &str = "NODEVICE_SELECT";

/// Mesa's layer asks Wayland which device is the best, and where there is no session complains of that on stderr, which is the
/// user's. Devices are chosen here anyway ([`super::context::Wanted`]). To be called as the first thing of a program; later it
/// does nothing.
pub(crate) fn hush_drivers() {
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    if threads == 1 && std::env::var_os(LAYER_OFF).is_none() {
        // SAFETY: the process has one thread, this one, so nobody reads the environment while it changes.
        unsafe { std::env::set_var(LAYER_OFF, "1") };
    }
}

/// What `call` gives; where it panics, the text of that, on one line.
pub(crate) fn without_panic<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    let before = EXPECTS_PANIC.replace(true);
    let called = catch_unwind(AssertUnwindSafe(call));
    EXPECTS_PANIC.set(before);
    called.map_err(|panic| panic_text(&*panic).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether a panic of this thread is caught by [`without_panic`], so that nobody need hear of it.
pub(crate) fn expects_panic() -> bool {
    EXPECTS_PANIC.get()
}
