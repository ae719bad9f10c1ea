//! A ceiling on what this process may allocate, while a network that somebody else made is tried for the first time, and
//! a look at what it has while it runs.
//!
//! Without a ceiling the system gives a network all it asks for, and ends the program when it uses it. With one, the
//! allocation fails, and ONNX Runtime says so. Most others, GStreamer among them, end the program when an allocation fails:
//! so the ceiling is there only as long as the network is alone at work.

use super::room::{resident_bytes, room_bytes};
use crate::error::{ModelError, Sum};

/// What a run may have: what the machine has, and not more than `asked`.
pub fn limit_bytes(asked: Option<u64>) -> Option<u64> {
    room_bytes().into_iter().chain(asked).min()
}

/// Whether this process has more than `limit_bytes` by now.
///
/// # Errors
/// When it has.
pub fn check_resident(limit_bytes: u64) -> Result<(), ModelError> {
    match resident_bytes() {
        Some(bytes) if bytes > limit_bytes => Err(ModelError::OverLimit { sum: Sum { bytes, limit_bytes } }),
        _ => Ok(()),
    }
}

/// Allocations fail that would bring this process above a limit. Dropped, they do not any more. Several at a time are
/// one: the first holds for all. Only Linux has it.
#[derive(Debug)]
pub struct Ceiling(());

#[cfg(target_os = "linux")]
mod system {
    use std::sync::{Mutex, PoisonError};

    use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

    use super::super::room::{data_bytes, resident_bytes};
    use super::Ceiling;

    /// How many there are, and the limit that was there before them.
    struct Held {
        count: usize,
        soft_before: rlim_t,
    }

    static HELD: Mutex<Held> = Mutex::new(Held { count: 0, soft_before: 0 });

    impl Ceiling {
        /// Allocations fail from now on that would need more than `limit_bytes` for all that this process has.
        pub fn lower(limit_bytes: u64) -> Self {
            let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
            held.count += 1;
            if held.count == 1
                && let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_DATA)
            {
                held.soft_before = soft;
                // The system counts what is allocated, used or not; the limit is meant for what is used.
                let unused = data_bytes().unwrap_or(0).saturating_sub(resident_bytes().unwrap_or(0));
                // It can only be refused for a limit above the hard one.
                let _ = setrlimit(Resource::RLIMIT_DATA, limit_bytes.saturating_add(unused).min(soft), hard);
            }
            Self(())
        }
    }

    impl Drop for Ceiling {
        fn drop(&mut self) {
            let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
            held.count -= 1;
            if held.count == 0
                && let Ok((_, hard)) = getrlimit(Resource::RLIMIT_DATA)
            {
                let _ = setrlimit(Resource::RLIMIT_DATA, held.soft_before, hard);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Ceiling {
    /// Does nothing here.
    pub fn lower(_limit_bytes: u64) -> Self {
        Self(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_the_limits_holds() {
        assert_eq!(limit_bytes(Some(1)), Some(1));
        assert_eq!(limit_bytes(None).is_some(), limit_bytes(Some(u64::MAX)).is_some_and(|least| least < u64::MAX));
    }

    /// In a process of its own, since the ceiling is over all threads.
    #[test]
    #[cfg(target_os = "linux")]
    fn row_53_below_a_ceiling_large_allocations_fail() {
        const CHILD: &str = "STYLIZE_TEST_CHILD";
        const LARGE: usize = 300 << 20;
        let allocate = || Vec::<u8>::new().try_reserve_exact(LARGE).is_ok();
        if std::env::var_os(CHILD).is_none() {
            let name = "memory::ceiling::tests::row_53_below_a_ceiling_large_allocations_fail";
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let output = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            return;
        }
        assert!(allocate());
        let limit = resident_bytes().unwrap() + LARGE as u64 / 2;
        let (first, second) = (Ceiling::lower(limit), Ceiling::lower(u64::MAX));
        assert!(!allocate());
        drop(first);
        assert!(!allocate(), "the second is still there");
        drop(second);
        assert!(allocate());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_this_process_has_is_compared() {
        assert!(check_resident(u64::MAX).is_ok());
        let error = check_resident(1000).unwrap_err().to_string();
        assert!(error.contains("--memory-limit"), "{error}");
    }
}
