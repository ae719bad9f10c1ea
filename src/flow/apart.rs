//! Keeps threads that help off the core of the one that they help.
//!
//! Linux wakes a thread on the core of whoever wakes it unless it finds an idle one, and of two cores that share a cache it does not look
//! at the other (`SIS_UTIL`, since 5.19): both threads would take turns on one core while the other sleeps. Elsewhere nothing is done.

#[cfg(target_os = "linux")]
pub(super) use linux::Apart;
#[cfg(not(target_os = "linux"))]
pub(super) use nowhere::Apart;

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};

    use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
    use nix::unistd::{Pid, gettid};

    /// Asks for the calling thread.
    const CALLER: Pid = Pid::from_raw(0);
    /// No core has this number.
    const NONE: usize = usize::MAX;

    /// Who helps, and the core that they keep off.
    #[derive(Debug)]
    pub(in crate::flow) struct Apart {
        helpers: Mutex<Vec<Pid>>,
        core: AtomicUsize,
    }

    impl Default for Apart {
        fn default() -> Self {
            Self { helpers: Mutex::default(), core: AtomicUsize::new(NONE) }
        }
    }

    impl Apart {
        /// The calling thread is a helper.
        pub fn enrol(&self) {
            self.helpers.lock().unwrap_or_else(PoisonError::into_inner).push(gettid());
            self.core.store(NONE, Ordering::Relaxed);
        }

        /// The calling thread is about to be helped. Where it may run on one core only, or the system does not say, all stays as it is.
        pub fn keep(&self) {
            let Ok(here) = sched_getcpu() else { return };
            if self.core.swap(here, Ordering::Relaxed) == here {
                return;
            }
            let Ok(mut others) = sched_getaffinity(CALLER) else { return };
            if others.unset(here).is_err() || (0..CpuSet::count()).all(|core| others.is_set(core) != Ok(true)) {
                return;
            }
            for helper in self.helpers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                // One that is refused works where it is.
                let _ = sched_setaffinity(*helper, &others);
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::sync::Arc;

        use super::*;

        #[test]
        fn helpers_keep_off_the_core_of_whom_they_help_if_there_is_another() {
            let apart = Arc::<Apart>::default();
            let enrolled = Arc::clone(&apart);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(move |_| enrolled.enrol());
            let pool = pool.build().unwrap();
            pool.broadcast(|_| ());
            let before = sched_getaffinity(CALLER).unwrap();
            apart.keep();
            let core = apart.core.load(Ordering::Relaxed);
            let mut wanted = before;
            if (0..CpuSet::count()).filter(|&core| before.is_set(core) == Ok(true)).count() > 1 {
                wanted.unset(core).unwrap();
            }
            assert_eq!(pool.broadcast(|_| sched_getaffinity(CALLER).unwrap()), [wanted; 2]);
            assert_eq!(sched_getaffinity(CALLER).unwrap(), before, "the caller may run where it could");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    #[derive(Debug, Default)]
    pub(in crate::flow) struct Apart;

    impl Apart {
        #[expect(clippy::unused_self, reason = "as on Linux")]
        pub fn enrol(&self) {}

        #[expect(clippy::unused_self, reason = "as on Linux")]
        pub fn keep(&self) {}
    }
}
