//! Threads that share one picture, a band of rows each at a time.

use std::hint::spin_loop;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::apart::Apart;

/// Bands for each of a crew: who is held up leaves some of its own to the others.
const BANDS_EACH: usize = 2;
/// Rows that are worth a band.
const LEAST_ROWS: usize = 8;
/// How long a helper stays awake for more: to wake one takes longer than most of what is to be done.
const LINGER: Duration = Duration::from_micros(150);

/// Those who work on one picture at the same time: the caller, and threads that help. Clones are the same crew.
#[derive(Clone, Debug, Default)]
pub struct Crew(Option<Arc<Helpers>>);

#[derive(Debug)]
struct Helpers {
    pool: ThreadPool,
    apart: Arc<Apart>,
    /// How many wait awake.
    awake: Arc<AtomicUsize>,
}

impl Crew {
    /// The caller alone.
    pub fn alone() -> Self {
        Self::default()
    }

    /// `count` threads, the caller being one of them; the caller alone where the system gives no more.
    pub fn of(count: usize) -> Self {
        let helpers = count.saturating_sub(1);
        let apart = Arc::<Apart>::default();
        let named = |index| format!("crew {index}");
        let pool = (helpers > 0).then(|| {
            let apart = Arc::clone(&apart);
            ThreadPoolBuilder::new()
                .num_threads(helpers)
                .thread_name(named)
                .start_handler(move |_| apart.enrol())
                .build()
        });
        let helpers = |pool| Arc::new(Helpers { pool, apart, awake: Arc::default() });
        Self(pool.and_then(Result::ok).map(helpers))
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        1 + self.0.as_ref().map_or(0, |helpers| helpers.pool.current_num_threads())
    }

    /// Cuts `rows` rows into bands that begin at multiples of `step`, one for all where nobody helps.
    pub fn bands(&self, rows: usize, step: usize) -> Vec<Range<usize>> {
        let most = if self.0.is_some() { (self.count() * BANDS_EACH).min(rows / LEAST_ROWS) } else { 1 };
        let each = rows.div_ceil(most.max(1)).next_multiple_of(step).max(step);
        (0..rows).step_by(each).map(|start| start..(start + each).min(rows)).collect()
    }

    /// Lets `work` write each band of `out`, rows of `row_len` values: it is told which rows they are, of which the first is a
    /// multiple of `step`, and is lent what else it needs. `lent` is kept from call to call by the caller.
    pub fn each_band<T: Send, L: Default + Send>(
        &self,
        (out, row_len): (&mut [T], usize),
        step: usize,
        lent: &mut Vec<L>,
        work: impl Fn(Range<usize>, &mut [T], &mut L) + Sync,
    ) {
        if out.is_empty() {
            return; // rows may have no length then
        }
        let bands = self.bands(out.len() / row_len, step);
        lent.resize_with(bands.len().max(lent.len()), L::default);
        let mut rest = out;
        let cut = |(rows, lent)| {
            let rows: Range<usize> = rows;
            (rest.split_off_mut(..rows.len() * row_len).unwrap_or_default(), rows, lent)
        };
        let mut parts: Vec<_> = bands.into_iter().zip(lent).map(cut).collect();
        self.each(&mut parts, |(out, rows, lent)| work(rows.clone(), out, lent));
    }

    /// Lets `work` write each row of `out`, `row_len` values, once it is told which row it is.
    pub fn each_row<T: Send>(&self, rows: (&mut [T], usize), work: impl Fn(usize, &mut [T]) + Sync) {
        self.each_row_with(rows, &mut Vec::<()>::new(), |row, out, ()| work(row, out));
    }

    /// The same, `work` being lent what else it needs, as by [`Self::each_band`].
    pub fn each_row_with<T: Send, L: Default + Send>(
        &self,
        (out, row_len): (&mut [T], usize),
        lent: &mut Vec<L>,
        work: impl Fn(usize, &mut [T], &mut L) + Sync,
    ) {
        self.each_band((out, row_len), 1, lent, |rows, out, lent| {
            for (row, out) in rows.zip(out.chunks_exact_mut(row_len)) {
                work(row, out, lent);
            }
        });
    }

    /// Does `work` on each of `parts`, in any order.
    pub fn each<T: Send>(&self, parts: &mut [T], work: impl Fn(&mut T) + Sync) {
        let Some(helpers) = self.0.as_ref().filter(|_| parts.len() > 1) else {
            return parts.iter_mut().for_each(work);
        };
        let count = helpers.pool.current_num_threads().min(parts.len() - 1);
        let left = Mutex::new(parts.iter_mut());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let toil = || std::iter::from_fn(next).for_each(&work);
        let at_work = AtomicUsize::new(count);
        helpers.apart.keep();
        helpers.pool.in_place_scope(|scope| {
            for _ in 0..count {
                scope.spawn(|_| {
                    toil();
                    at_work.fetch_sub(1, Ordering::Release);
                });
            }
            toil();
            // Else this thread would sleep, and be woken again.
            let since = Instant::now();
            while at_work.load(Ordering::Acquire) > 0 && since.elapsed() < LINGER {
                spin_loop();
            }
        });
        helpers.keep_awake(count);
    }
}

impl Helpers {
    /// Has `count` of them look out for more for a while.
    fn keep_awake(&self, count: usize) {
        for _ in self.awake.load(Ordering::Relaxed)..count {
            self.awake.fetch_add(1, Ordering::Relaxed);
            let awake = Arc::clone(&self.awake);
            self.pool.spawn(move || {
                let mut since = Instant::now();
                while since.elapsed() < LINGER {
                    match rayon::yield_now() {
                        Some(rayon::Yield::Executed) => since = Instant::now(),
                        _ => spin_loop(),
                    }
                }
                awake.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_all_rows_once() {
        for crew in [Crew::alone(), Crew::of(2), Crew::of(5)] {
            for (rows, step) in [(1, 1), (7, 2), (31, 8), (64, 8), (720, 2), (1081, 4), (4320, 16)] {
                let bands = crew.bands(rows, step);
                assert_eq!(bands.iter().cloned().flatten().collect::<Vec<_>>(), (0..rows).collect::<Vec<_>>());
                assert!(bands.iter().all(|band| band.start % step == 0 && !band.is_empty()));
                assert!(bands.len() <= crew.count() * BANDS_EACH && (crew.count() > 1 || bands.len() == 1));
            }
        }
        assert!(Crew::of(2).bands(720, 2).len() > 1, "nobody helps with a large picture");
    }

    #[test]
    fn each_part_is_worked_on_once_by_more_than_one_thread() {
        let crew = Crew::of(3);
        assert_eq!(crew.count(), 3);
        // Nobody can do all of it: each waits for another.
        let barrier = std::sync::Barrier::new(3);
        let mut parts = [0; 3];
        crew.each(&mut parts, |part| {
            *part += 1;
            barrier.wait();
        });
        assert_eq!(parts, [1; 3]);
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let crew = Crew::of(2);
        let mut parts = [0, 1, 2, 3];
        let work = std::panic::AssertUnwindSafe(|| crew.each(&mut parts, |part| assert_ne!(*part, 3)));
        assert!(std::panic::catch_unwind(work).is_err());
        crew.each(&mut parts, |part| *part = 7);
        assert_eq!(parts, [7; 4], "it works on afterwards");
    }
}
