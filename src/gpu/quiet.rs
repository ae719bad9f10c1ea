//! Keeps graphics drivers from speaking to the user.
#![expect(unsafe_code, reason = "a driver in this process is told by its environment alone; see below")]

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
