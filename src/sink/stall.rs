//! Notices when nothing moves any more.

use std::time::{Duration, Instant};

/// How far something has come, and since when.
pub(super) struct Stall<T> {
    progress: T,
    since: Instant,
}

impl<T: PartialEq> Stall<T> {
    /// It has come to `progress` now.
    pub(super) fn from(progress: T) -> Self {
        Self { progress, since: Instant::now() }
    }

    /// Whether it is still at the same place, `progress`, longer than `patience`.
    pub(super) fn outlasts(&mut self, patience: Duration, progress: T) -> bool {
        if progress != self.progress {
            *self = Self::from(progress);
        }
        self.since.elapsed() > patience
    }
}
