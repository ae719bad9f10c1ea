//! Memory that is lent and comes back: after the first frames nothing of a frame's size is allocated any more.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lends buffers of `T`. Clones lend from the same store.
#[derive(Clone, Debug)]
pub struct Pool<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    free: Mutex<Vec<Vec<T>>>,
    misses: AtomicU64,
}

impl<T> Shared<T> {
    fn free(&self) -> MutexGuard<'_, Vec<Vec<T>>> {
        // A panic elsewhere cannot leave a list of vectors half-changed.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { shared: Arc::new(Shared { free: Mutex::new(Vec::new()), misses: AtomicU64::new(0) }) }
    }
}

impl<T: Copy + Default> Pool<T> {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `len` elements. What stands in it is whatever its last user left.
    pub fn lend(&self, len: usize) -> Lent<T> {
        let mut values = self.shared.free().pop().unwrap_or_default();
        if values.capacity() < len {
            self.shared.misses.fetch_add(1, Ordering::Relaxed);
            values = Vec::new();
        }
        values.resize(len, T::default());
        Lent { values, home: Arc::clone(&self.shared) }
    }

    /// How often memory had to be allocated because none was free.
    pub fn misses(&self) -> u64 {
        self.shared.misses.load(Ordering::Relaxed)
    }
}

/// A buffer that goes back to its pool when it is dropped.
#[derive(Debug)]
pub struct Lent<T> {
    values: Vec<T>,
    home: Arc<Shared<T>>,
}

impl<T> Deref for Lent<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.values
    }
}

impl<T> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values
    }
}

impl<T> AsRef<[T]> for Lent<T> {
    fn as_ref(&self) -> &[T] {
        &self.values
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.home.free().push(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_and_is_lent_again() {
        let pool = Pool::<u8>::new();
        let first = pool.lend(100);
        let address = first.as_ptr();
        drop(first);
        let again = pool.lend(60);
        assert_eq!((again.as_ptr(), again.len()), (address, 60));
        assert_eq!(pool.misses(), 1);
        let beside = pool.lend(10);
        assert_eq!((beside.len(), pool.misses()), (10, 2));
    }
}
