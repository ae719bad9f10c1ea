//! The C library's heap, from which GStreamer, its codecs and ONNX Runtime take theirs, too. From inside of a program it is set by a call of
//! C alone, which no crate makes safe.

/// Blocks from this size on go back to the system when they are freed: pictures do, and what is smaller is used again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const RETURNED_BYTES: i32 = 1 << 20;

/// Has freed pictures go back to the system. By itself glibc raises the size from which on blocks do, with each larger one that is freed;
/// what is freed below it then lies about in a heap of each thread. For programs, at their start.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "the only way to set it; see above")]
    // SAFETY: it takes numbers alone, and may be called at any time, by any thread.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, RETURNED_BYTES);
    }
}
