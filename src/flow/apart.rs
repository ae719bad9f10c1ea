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

    /// How many cores are in `set`.
    fn cores(set: &CpuSet) -> usize {
        (0..CpuSet::count()).filter(|&core| set.is_set(core) == Ok(true)).count()
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

        /// The calling thread is about to be helped. Where it may run on one core only, or the system does not say, all stays as it
        /// is. What it may run on is asked for again when it has moved.
        pub fn keep(&self) {
            let Ok(here) = sched_getcpu() else { return };
            if self.core.load(Ordering::Relaxed) == here {
                return;
            }
            // Held until all know: another who is helped may keep them off another core.
            let helpers = self.helpers.lock().unwrap_or_else(PoisonError::into_inner);
            self.core.store(here, Ordering::Relaxed);
            let Ok(mut others) = sched_getaffinity(CALLER) else { return };
            if others.unset(here).is_err() || cores(&others) == 0 {
                return;
            }
            for helper in helpers.iter() {
                // One that is refused works where it is.
                let _ = sched_setaffinity(*helper, &others);
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::sync::Arc;

        use super::*;

        /// Two helpers, and the threads that they are.
        fn helpers() -> (Arc<Apart>, rayon::ThreadPool) {
            let apart = Arc::<Apart>::default();
            let enrolled = Arc::clone(&apart);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(move |_| enrolled.enrol());
            let pool = pool.build().unwrap();
            pool.broadcast(|_| ());
            (apart, pool)
        }

        fn own() -> CpuSet {
            sched_getaffinity(CALLER).unwrap()
        }

        #[test]
        fn helpers_keep_off_the_core_of_whom_they_help_if_there_is_another() {
            let (apart, pool) = helpers();
            let before = own();
            apart.keep();
            let mut wanted = before;
            if cores(&before) > 1 {
                wanted.unset(apart.core.load(Ordering::Relaxed)).unwrap();
            }
            assert_eq!(pool.broadcast(|_| own()), [wanted; 2]);
            assert_eq!(own(), before, "the caller may run where it could");
        }

        #[test]
        fn helpers_of_whom_has_one_core_only_stay_where_they_are() {
            let (apart, pool) = helpers();
            let before = own();
            let mut one = CpuSet::new();
            one.set(sched_getcpu().unwrap()).unwrap();
            sched_setaffinity(CALLER, &one).unwrap();
            apart.keep();
            sched_setaffinity(CALLER, &before).unwrap();
            assert_eq!(pool.broadcast(|_| own()), [before; 2]);
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
