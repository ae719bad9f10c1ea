//! A window that shows the newest frame, says what goes on, and takes wishes by key and mouse.
//!
//! ```text
//! Screen::show ─slot, newest─► app (main thread) ─► scene ─┬─ picture: planes as they are, colours in the shader
//!   any thread                   ▲ keys, pointer           ├─ sketch: the same by the processor, where there is no card
//!                                                          └─ sheet: cards of the overlay, set in type
//! ```
//!
//! Frames are gamma-coded and so is what is written: no curve is applied to them, and a code of the frame is the same
//! code on the screen.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wgpu::{Instance, InstanceDescriptor};
use winit::event_loop::{EventLoop, EventLoopProxy};

use crate::control::{Board, Screen, Wish};
use crate::error::{Error, Result};
use crate::frame::{Painted, Size, Timed};
use crate::options::WindowChoice;

mod app;
mod boxes;
mod fit;
mod front;
mod keys;
pub mod offscreen;
mod overlay;
mod picture;
mod pointer;
mod scene;
mod sheet;
mod sketch;

pub use overlay::View;
pub use scene::By;

/// What a window must know when it opens.
#[derive(Clone, Debug)]
pub struct Options {
    /// What stands above it.
    pub title: String,
    /// Size of the picture.
    pub size: Size,
    /// What it is like at first.
    pub choice: WindowChoice,
    /// What it tells beside the picture.
    pub board: Board,
}

/// What wakes the window.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// There is a frame.
    Frame,
    /// There will be no more.
    End,
}

/// The newest frame that was not shown yet.
type Slot = Arc<Mutex<Option<Timed<Painted>>>>;

/// A window that is about to open. It belongs to the main thread.
pub struct Window {
    options: Options,
    events: EventLoop<Call>,
    slot: Slot,
}

/// The other end of a window. Dropping it closes the window.
pub struct Shown {
    slot: Slot,
    bell: EventLoopProxy<Call>,
}

/// Reaches for the display. On the main thread, once in the life of a program.
///
/// # Errors
/// [`Error::Device`] when there is no display, or nothing that could draw on it.
pub fn open(options: Options) -> Result<(Window, Shown)> {
    let events = EventLoop::<Call>::with_user_event().build().map_err(|error| {
        let words = error.to_string();
        // Winit puts the line of its source before the reason.
        let reason = words.rsplit(": ").next().unwrap_or_default();
        Error::Device(format!("there is no display ({})", reason.trim_end_matches('.')))
    })?;
    let slot = Slot::default();
    let shown = Shown { slot: Arc::clone(&slot), bell: events.create_proxy() };
    Ok((Window { options, events, slot }, shown))
}

impl Window {
    /// Lives until its [`Shown`] is dropped, or `wish` says that it is over. Calls `tick` about ten times a second, `wish` for
    /// whatever the user asks for (who closes the window wishes [`Wish::Quit`]), `shown` for each frame with the time from the
    /// camera to the screen, where that is known, and `lost` when it had to be made anew, with the reason.
    ///
    /// # Errors
    /// [`Error::Device`] when nothing can draw on the display, any more or at all.
    pub fn run(
        self,
        tick: impl FnMut(),
        wish: impl FnMut(Wish) -> bool,
        shown: impl FnMut(Duration),
        lost: impl FnMut(&Error),
    ) -> Result<()> {
        let Self { options, events, slot } = self;
        let display = Box::new(events.owned_display_handle());
        let instance = Instance::new(InstanceDescriptor::new_with_display_handle(display));
        let mut app = app::App::new(options, slot, instance, app::Ears { tick, wish, shown, lost });
        events.run_app(&mut app).map_err(|error| Error::Device(error.to_string()))?;
        app.end()
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("options", &self.options).finish_non_exhaustive()
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Screen for Shown {
    fn show(&self, painted: Timed<Painted>) {
        let before = self.slot.lock().unwrap_or_else(PoisonError::into_inner).replace(painted);
        if before.is_none() {
            // Where it is closed there is nobody to wake.
            let _ = self.bell.send_event(Call::Frame);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.bell.send_event(Call::End);
    }
}
