//! Several workers, one order: each takes the next item with a ticket, and results leave by their tickets.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Receiver;

/// A queue that several workers take from.
pub(super) struct Queue<T> {
    tail: Receiver<T>,
    next_ticket: Mutex<u64>,
}

impl<T> Queue<T> {
    pub(super) fn new(tail: Receiver<T>) -> Self {
        Self { tail, next_ticket: Mutex::new(0) }
    }

    /// Waits for the next item; none at the end. Tickets count from 0.
    pub(super) fn take(&self) -> Option<(u64, T)> {
        let mut next = self.next_ticket.lock().unwrap_or_else(PoisonError::into_inner);
        let item = self.tail.recv().ok()?;
        let ticket = *next;
        *next += 1;
        Some((ticket, item))
    }
}

/// Through which results pass in the order of their tickets.
///
/// Who has overtaken another leaves its result and works on: a worker that waits for a slower one would leave its core to nobody.
pub(super) struct Turnstile<T> {
    /// Results that may lie here.
    room: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// Ticket of the result that is passed on, or is to be.
    turn: u64,
    /// Results that overtook others, or came while one was passed on.
    left: BTreeMap<u64, T>,
    /// Whether somebody passes results on, and looks for more when it is done.
    is_passing: bool,
    is_closed: bool,
}

impl<T> Turnstile<T> {
    /// At most `room` results wait for those before them.
    pub(super) fn new(room: usize) -> Self {
        let state = State { turn: 0, left: BTreeMap::new(), is_passing: false, is_closed: false };
        Self { room, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Leaves a result, and calls `pass` for each whose turn it is, until it gives false: then nobody passes any more. False once that
    /// is so.
    pub(super) fn leave(&self, ticket: u64, result: T, mut pass: impl FnMut(T) -> bool) -> bool {
        let mut state = self.with_room_for(ticket);
        if state.is_closed {
            return false;
        }
        state.left.insert(ticket, result);
        if state.is_passing {
            return true;
        }
        while let Some(result) = state.next() {
            state.is_passing = true;
            drop(state);
            let is_open = pass(result);
            state = self.lock();
            state.is_passing = false;
            state.turn += 1;
            state.is_closed = !is_open;
            self.changed.notify_all();
        }
        !state.is_closed
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room; whose turn it is has it always.
    fn with_room_for(&self, ticket: u64) -> MutexGuard<'_, State<T>> {
        let has_none = |state: &mut State<T>| !state.is_closed && state.turn != ticket && state.left.len() >= self.room;
        self.changed.wait_while(self.lock(), has_none).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// The result whose turn it is, if it has come.
    fn next(&mut self) -> Option<T> {
        if self.is_closed { None } else { self.left.remove(&self.turn) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "threads of a test, which end with it")]

    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const HANG: Duration = Duration::from_secs(30);

    #[test]
    fn who_has_overtaken_another_works_on_and_its_result_waits() {
        let (turnstile, mut passed) = (Turnstile::new(1), Vec::new());
        assert!(turnstile.leave(1, "second", |_| panic!("it is not its turn")));
        assert!(turnstile.leave(0, "first", |result| {
            passed.push(result);
            true
        }));
        assert_eq!(passed, ["first", "second"]);
    }

    #[test]
    fn who_comes_while_another_passes_works_on() {
        let turnstile = Turnstile::new(1);
        let mut passed = Vec::new();
        turnstile.leave(0, 0, |result| {
            passed.push(result);
            // Another worker, were it on a thread of its own.
            result == 1 || turnstile.leave(1, 1, |_| panic!("somebody passes already"))
        });
        assert_eq!(passed, [0, 1]);
    }

    #[test]
    fn who_finds_no_room_waits_for_it() {
        let turnstile = Turnstile::new(1);
        let (tell, told) = channel();
        let pass = |_| true;
        thread::scope(|scope| {
            assert!(turnstile.leave(1, (), pass));
            scope.spawn(|| {
                assert!(turnstile.leave(2, (), pass));
                tell.send(()).unwrap();
            });
            assert!(
                told.recv_timeout(Duration::from_millis(50)).is_err(),
                "two results wait where there is room for one"
            );
            assert!(turnstile.leave(0, (), pass));
            told.recv_timeout(HANG).unwrap();
        });
    }

    #[test]
    fn where_one_fails_to_pass_nobody_passes_any_more_and_nobody_waits() {
        let turnstile = Turnstile::new(1);
        let (tell, told) = channel();
        thread::scope(|scope| {
            assert!(turnstile.leave(1, 1, |_| true));
            scope.spawn(|| tell.send(turnstile.leave(2, 2, |_| true)).unwrap());
            assert!(!turnstile.leave(0, 0, |_| false));
            assert!(!told.recv_timeout(HANG).unwrap());
        });
        assert!(!turnstile.leave(3, 3, |_| panic!("it is closed")));
    }
}
