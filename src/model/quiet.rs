//! Libraries that speak to the user.

/// Does `work`; what is written to stderr meanwhile is lost, if `quietly`. Dawn explains there why a card is not taken, in
/// lines of its own.
#[cfg(unix)]
pub(super) fn hushed<T>(quietly: bool, work: impl FnOnce() -> T) -> T {
    use nix::unistd::{dup, dup2_stderr};
    // Who wants to know what is going on sees everything.
    let kept = (quietly && !tracing::enabled!(tracing::Level::INFO)).then(|| dup(std::io::stderr()).ok()).flatten();
    let nowhere = kept.as_ref().and_then(|_| std::fs::OpenOptions::new().write(true).open("/dev/null").ok());
    let is_hushed = nowhere.is_some_and(|nowhere| dup2_stderr(nowhere).is_ok());
    let done = work();
    if let Some(kept) = kept.filter(|_| is_hushed) {
        // It was open a moment ago.
        let _ = dup2_stderr(kept);
    }
    done
}

/// Does `work`.
#[cfg(not(unix))]
pub(super) fn hushed<T>(_quietly: bool, work: impl FnOnce() -> T) -> T {
    work()
}
