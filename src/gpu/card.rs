//! A card whose device may fail: the CPU does the frame that was in flight, the device is opened again once, and after a
//! second fault the CPU does the rest.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::context::{Choice, Context, Fault, OpenError};
use super::workshop::Workshop;
use crate::report::Meter;

/// A graphics card. Clones are the same card.
#[derive(Clone)]
pub struct Card(Arc<Inner>);

struct Inner {
    choice: Choice,
    name: String,
    state: Mutex<State>,
}

struct State {
    /// None after the second fault.
    workshop: Option<Arc<Workshop>>,
    opened_again: bool,
}

fn open(choice: &Choice) -> Result<Workshop, OpenError> {
    Context::open(&Context::instance(), choice, None).map(Workshop::new)
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Card").field(&self.0.name).finish()
    }
}

impl Card {
    /// Opens the one that is chosen.
    ///
    /// # Errors
    /// See [`Context::open`].
    pub fn open(choice: &Choice) -> Result<Self, OpenError> {
        let workshop = open(choice)?;
        let name = workshop.context().name().to_owned();
        let state = Mutex::new(State { workshop: Some(Arc::new(workshop)), opened_again: false });
        Ok(Self(Arc::new(Inner { choice: choice.clone(), name, state })))
    }

    /// As its driver calls it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its device as long as that works.
    pub fn workshop(&self) -> Option<Arc<Workshop>> {
        self.state().workshop.clone()
    }

    /// Does `work` on the card. None where the CPU has to do it: a fault is counted in `meter` and said there.
    pub fn attempt<T>(&self, meter: &Meter, work: impl FnOnce(&Arc<Workshop>) -> Result<T, Fault>) -> Option<T> {
        let workshop = self.workshop()?;
        let done = work(&workshop);
        self.settle(&workshop, done, meter)
    }

    /// What `workshop`, which was this card's when the work was begun, has `done`; none as in [`Self::attempt`].
    pub fn settle<T>(&self, workshop: &Arc<Workshop>, done: Result<T, Fault>, meter: &Meter) -> Option<T> {
        done.map_err(|fault| self.replace(workshop, &fault, meter)).ok()
    }

    /// Puts another device in the place of `failed`, unless that has happened.
    fn replace(&self, failed: &Arc<Workshop>, fault: &Fault, meter: &Meter) {
        let mut state = self.state();
        if !state.workshop.as_ref().is_some_and(|workshop| Arc::ptr_eq(workshop, failed)) {
            return;
        }
        meter.gpu_fault();
        state.workshop = None;
        let name = self.name();
        if state.opened_again {
            meter.warn(format!("{name} failed again: {fault}; the CPU converts the rest"));
            return;
        }
        state.opened_again = true;
        match open(&self.0.choice) {
            Ok(workshop) => {
                meter.warn(format!("{name} failed: {fault}; the CPU converted what it had, and it was opened again"));
                state.workshop = Some(Arc::new(workshop));
            }
            Err(error) => meter.warn(format!("{name} failed: {fault}; the CPU converts the rest, since {error}")),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
