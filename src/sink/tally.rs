//! How many frames a queue leaves out in which the newest take the place of those that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::PadExtManual;

/// Compares what was offered to an `appsrc` with what came to a pad behind it.
pub(super) struct Tally {
    came: Arc<AtomicU64>,
    /// How many of them have been looked at.
    seen: u64,
    /// Frames of which it is not known yet whether they come.
    open: u64,
    /// How many of them may still be waiting.
    waiting: u64,
}

impl Tally {
    /// Counts what comes to `pad`, before which at most `waiting` frames wait.
    pub(super) fn at(pad: Option<gst::Pad>, waiting: u64) -> Self {
        let came = Arc::new(AtomicU64::new(0));
        if let Some(pad) = pad {
            let came = Arc::clone(&came);
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                came.fetch_add(1, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            });
        }
        Self { came, seen: 0, open: 0, waiting }
    }

    /// How many frames came so far.
    pub(super) fn came(&self) -> u64 {
        self.came.load(Ordering::Relaxed)
    }

    /// A frame is offered.
    pub(super) fn offered(&mut self) {
        self.open += 1;
    }

    /// How many frames more are known to be lost. Before the first one came nobody was there who would miss any, and as long as
    /// none comes, nobody may be there any more.
    pub(super) fn lost(&mut self) -> u64 {
        let came = self.came();
        let before = std::mem::replace(&mut self.seen, came);
        if came == before {
            return 0;
        }
        if before == 0 {
            self.open = 0;
        }
        self.open = self.open.saturating_sub(came - before);
        let lost = self.open.saturating_sub(self.waiting);
        self.open -= lost;
        lost
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        (self.seen, self.open) = (self.came(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(waiting: u64) -> Tally {
        Tally { came: Arc::default(), seen: 0, open: 0, waiting }
    }

    /// Offers so many frames, lets so many come, and says how many were lost by then.
    fn step(tally: &mut Tally, offered: u64, came: u64) -> u64 {
        (0..offered).for_each(|_| tally.offered());
        tally.came.fetch_add(came, Ordering::Relaxed);
        tally.lost()
    }

    #[test]
    fn frames_that_wait_are_not_lost_and_those_they_replace_are() {
        let mut tally = tally(1);
        assert_eq!(step(&mut tally, 1, 1), 0);
        assert_eq!([step(&mut tally, 1, 0), step(&mut tally, 1, 1)], [0, 0]);
        // Ten came in, one came out, one waits.
        assert_eq!([step(&mut tally, 9, 0), step(&mut tally, 1, 2)], [0, 8]);
        assert_eq!(step(&mut tally, 0, 1), 0);
    }

    #[test]
    fn what_nobody_looks_at_is_no_loss() {
        let mut tally = tally(1);
        assert_eq!([step(&mut tally, 500, 0), step(&mut tally, 1, 1)], [0, 0]);
        assert_eq!([step(&mut tally, 500, 0), step(&mut tally, 0, 1)], [0, 498]);
        step(&mut tally, 500, 0);
        tally.forget();
        assert_eq!(step(&mut tally, 1, 1), 0);
    }
}
