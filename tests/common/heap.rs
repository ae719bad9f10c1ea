//! Memory that a test measures to the byte, not to what the allocator keeps for later.

use std::process::Command;

/// Settings under which what a process holds is what it uses: one heap, where the C library has one for every few threads,
/// which fill up one after the other, at random and for hours; large blocks that lie alone and go back at once; and a GLib
/// (before 2.76) that keeps no blocks of its own for later. Without them it takes some kilobytes more each round, for many
/// hundreds of rounds, though no more blocks are in use than before: room between blocks, which nobody has forgotten.
const ONLY_WHAT_IS_USED: [(&str, &str); 4] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
    ("G_SLICE", "always-malloc"),
];

/// Whether this process has these settings. If not, the test called `name` is done in one that has, and there alone.
pub fn holds_only_what_it_uses(name: &str) -> bool {
    if ONLY_WHAT_IS_USED.iter().all(|(name, value)| std::env::var_os(name) == Some(value.into())) {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture"]).envs(ONLY_WHAT_IS_USED);
    assert!(child.status().unwrap().success());
    false
}
