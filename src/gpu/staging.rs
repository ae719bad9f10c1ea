//! The buffers that frames go up and down in: at least three sets, so that one is written and one read while the card
//! works on another.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use wgpu::{Buffer, BufferDescriptor, BufferUsages, Device, MapMode, PollError, PollStatus, PollType, SubmissionIndex};

use super::context::{Context, Fault};
use super::quiet::without_panic;

/// Sets that are kept: those of three frames that are packed, of one that is handed over and of one that is waited for.
pub(crate) const SETS: usize = 5;
/// Time that the card has for one frame. Software that imitates one may need seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The buffers of one frame. Each grows to what is needed.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub upload: Upload,
    pub params: Grown,
    pub table: Grown,
    pub frame: Grown,
    pub tensor: Grown,
    pub target: Grown,
    pub flaws: Grown,
    pub readback: Grown,
}

/// A buffer that is replaced when it becomes too small.
#[derive(Debug, Default)]
pub(super) struct Grown(Option<Buffer>);

impl Grown {
    /// The buffer, of at least `bytes` (a multiple of four).
    pub fn sized(&mut self, device: &Device, bytes: u64, usage: BufferUsages) -> &Buffer {
        if self.0.as_ref().is_some_and(|buffer| buffer.size() < bytes) {
            self.0 = None; // freed before more is taken
        }
        self.0.get_or_insert_with(|| {
            let label = Some("stylize");
            device.create_buffer(&BufferDescriptor { label, size: bytes, usage, mapped_at_creation: false })
        })
    }
}

/// The buffer that goes up. It is mapped again as soon as the card has read it, so that nobody waits for that.
#[derive(Debug, Default)]
pub(super) struct Upload {
    buffer: Option<Buffer>,
    /// Its mapping; none where it is mapped since it was made.
    coming: Option<Mapping>,
}

impl Upload {
    /// The buffer, of at least `bytes` (a multiple of four), mapped.
    pub fn mapped(&mut self, context: &Context, bytes: u64) -> Result<&Buffer, Fault> {
        if self.buffer.as_ref().is_some_and(|buffer| buffer.size() < bytes) {
            *self = Self::default(); // freed before more is taken
        }
        if let Some(coming) = self.coming.take() {
            coming.wait(context, None)?;
        }
        Ok(self.buffer.get_or_insert_with(|| {
            context.device().create_buffer(&BufferDescriptor {
                label: Some("stylize"),
                size: bytes,
                usage: BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC,
                mapped_at_creation: true,
            })
        }))
    }

    /// The card has read it.
    pub fn map_again(&mut self) {
        self.coming = self.buffer.as_ref().map(|buffer| Mapping::of(buffer, MapMode::Write, buffer.size()));
    }
}

/// Lends sets; those that come back are lent again, and [`SETS`] of them are kept.
#[derive(Debug, Default)]
pub(super) struct Ring(Mutex<Vec<Set>>);

impl Ring {
    /// One that the card does not work on.
    pub fn lend(&self) -> Set {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes back one that the card has done with.
    pub fn take_back(&self, set: Set) {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() < SETS {
            sets.push(set);
        }
    }
}

/// A mapping that was asked for.
#[derive(Debug)]
pub(super) struct Mapping(Receiver<bool>);

impl Mapping {
    /// Asks for the first `bytes` of `buffer`.
    pub fn of(buffer: &Buffer, mode: MapMode, bytes: u64) -> Self {
        let (told, heard) = bounded(1);
        buffer.map_async(mode, ..bytes, move |result| {
            // Nobody listens any more when the wait took too long.
            let _ = told.send(result.is_ok());
        });
        Self(heard)
    }

    /// Waits until it is there: for what was submitted before, if it is not there yet.
    pub fn wait(self, context: &Context, submitted: Option<SubmissionIndex>) -> Result<(), Fault> {
        let since = Instant::now();
        // What the card has done with already needs no waiting for others that it still works on.
        poll(context, PollType::Poll)?;
        if self.0.is_empty() {
            poll(context, PollType::Wait { submission_index: submitted, timeout: Some(PATIENCE) })?;
        }
        // Another thread that polls at the same time may be the one that tells.
        loop {
            match self.0.recv_timeout(Duration::from_millis(1)) {
                Ok(true) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if since.elapsed() < PATIENCE => poll(context, PollType::Poll)?,
                Err(RecvTimeoutError::Timeout) => {
                    // Nobody else who waits for it is to wait as long.
                    context.fail(silent());
                    return Err(silent());
                }
                Ok(false) | Err(RecvTimeoutError::Disconnected) => {
                    let refused = || Fault::Refused("a buffer could not be mapped".into());
                    return Err(context.fault().unwrap_or_else(refused));
                }
            }
        }
    }
}

/// Lets the device tell what it has done.
fn poll(context: &Context, poll: PollType) -> Result<(), Fault> {
    let answered = answer(|| context.device().poll(poll));
    // What the device itself told of says more.
    context.fault().map_or(answered, Err).inspect_err(|fault| context.fail(fault.clone()))
}

/// What came of polling. wgpu gives back two of the errors that there can be and panics at all others, such as a lost device.
fn answer(poll: impl FnOnce() -> Result<PollStatus, PollError>) -> Result<(), Fault> {
    match without_panic(poll) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(PollError::Timeout)) => Err(silent()),
        Ok(Err(PollError::WrongSubmissionIndex(..))) => Err(Fault::Refused("it did not take what it was to do".into())),
        Err(panic) => Err(Fault::Lost(panic)),
    }
}

/// It does not answer.
fn silent() -> Fault {
    Fault::Timeout(PATIENCE.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_polling_ends_in_is_a_fault() {
        assert_eq!(answer(|| Ok(PollStatus::Poll)), Ok(()));
        assert_eq!(answer(|| Err(PollError::Timeout)), Err(Fault::Timeout(60)));
        let refused = answer(|| Err(PollError::WrongSubmissionIndex(2, 1))).unwrap_err();
        assert_eq!(refused.to_string(), "it did not take what it was to do");
        // As wgpu words it.
        let lost =
            answer(|| panic!("Error in Device::poll: Validation Error\n\nCaused by:\n  Parent device is lost\n"));
        let told = "the device was lost (Error in Device::poll: Validation Error Caused by: Parent device is lost)";
        assert_eq!(lost.unwrap_err().to_string(), told);
    }
}
