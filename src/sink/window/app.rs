//! The life of the window: what happens on the main thread.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use wgpu::Instance;
use winit::application::ApplicationHandler;
use winit::dpi::{LogicalSize, PhysicalSize};
use winit::event::{ElementState, KeyEvent, MouseButton, MouseScrollDelta, StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::keyboard::ModifiersState;
use winit::window::{CursorIcon, Fullscreen, WindowAttributes, WindowId};

use super::front::{Drawn, Front};
use super::keys::{Act, act_of};
use super::overlay::{Card, View, cards};
use super::pointer::{Pointer, Split};
use super::{Call, Options, Slot};
use crate::control::{Status, Wish};
use crate::error::{Error, Result};
use crate::frame::{Painted, Size, Stamp};

/// Time between two looks at the status.
const TICK: Duration = Duration::from_millis(100);
/// Numbers that change faster than this cannot be read.
const NUMBERS: Duration = Duration::from_millis(500);
/// How long a note is shown.
const NOTE: Duration = Duration::from_secs(3);
/// The mouse is hidden on the full screen when it has not moved for this long.
const MOUSE: Duration = Duration::from_secs(2);
/// How often in a row what draws is made anew before that is given up.
const MOST_REBUILDS: u32 = 3;
/// A new window covers at most this part of the screen.
const PART_OF_SCREEN: f64 = 0.85;
const LEAST_POINTS: LogicalSize<f64> = LogicalSize::new(240.0, 135.0);

/// Who listens to the window.
pub(super) struct Ears<T, W, S, L> {
    pub(super) tick: T,
    pub(super) wish: W,
    pub(super) shown: S,
    pub(super) lost: L,
}

/// The window and all that it knows.
pub(super) struct App<T, W, S, L> {
    options: Options,
    slot: Slot,
    instance: Instance,
    ears: Ears<T, W, S, L>,
    view: View,
    front: Option<Front>,
    rebuilds: u32,
    /// The frames that are shown, and whether they are on the card.
    frames: Option<(Painted, bool)>,
    /// The moment of a frame that was not on the screen yet.
    pending: Option<Stamp>,
    told: Told,
    pointer: Pointer,
    modifiers: ModifiersState,
    mouse_moved: Instant,
    next_tick: Instant,
    failure: Option<Error>,
}

/// The status as it was last told.
struct Told {
    status: Status,
    numbers_at: Instant,
    note_until: Instant,
    /// What lies over the picture by now.
    cards: Vec<Card>,
}

impl Told {
    fn new(status: Status) -> Self {
        let now = Instant::now();
        Self { status, numbers_at: now, note_until: now, cards: Vec::new() }
    }

    /// Takes what has changed.
    fn update(&mut self, status: Status, now: Instant) {
        if status.note.0 != self.status.note.0 {
            self.note_until = now + NOTE;
        }
        let before = std::mem::replace(&mut self.status, status);
        if now - self.numbers_at < NUMBERS {
            let Status { fps, latency, dropped, .. } = before;
            self.status = Status { fps, latency, dropped, ..std::mem::take(&mut self.status) };
        } else {
            self.numbers_at = now;
        }
    }

    fn note(&self, now: Instant) -> Option<&str> {
        (now < self.note_until).then_some(self.status.note.1.as_str())
    }
}

impl<T: FnMut(), W: FnMut(Wish) -> bool, S: FnMut(Duration), L: FnMut(&Error)> App<T, W, S, L> {
    pub(super) fn new(options: Options, slot: Slot, instance: Instance, ears: Ears<T, W, S, L>) -> Self {
        let now = Instant::now();
        let view = View { mirror: options.choice.mirror, overlay: true, ..View::default() };
        let told = Told::new(options.board.read());
        Self {
            options,
            slot,
            instance,
            ears,
            view,
            front: None,
            rebuilds: 0,
            frames: None,
            pending: None,
            told,
            pointer: Pointer::default(),
            modifiers: ModifiersState::default(),
            mouse_moved: now,
            next_tick: now,
            failure: None,
        }
    }

    /// How it ended.
    pub(super) fn end(self) -> Result<()> {
        self.failure.map_or(Ok(()), Err)
    }

    fn fail(&mut self, events: &ActiveEventLoop, error: Error) {
        self.failure.get_or_insert(error);
        events.exit();
    }

    /// Opens the window on the screen.
    fn appear(&mut self, events: &ActiveEventLoop) -> Result<()> {
        let screen = events.primary_monitor().or_else(|| events.available_monitors().next());
        let size = first_size(self.options.size, screen.map(|screen| screen.size()));
        let attributes = WindowAttributes::default()
            .with_title(self.options.title.clone())
            .with_inner_size(size)
            .with_min_inner_size(LEAST_POINTS)
            .with_fullscreen(self.options.choice.full_screen.then_some(Fullscreen::Borderless(None)));
        #[cfg(all(unix, not(target_vendor = "apple")))]
        let attributes = winit::platform::x11::WindowAttributesExtX11::with_name(attributes, "stylize", "stylize");
        let window = events.create_window(attributes).map_err(|error| Error::Device(error.to_string()))?;
        self.front = Some(Front::new(&self.instance, Arc::new(window))?);
        Ok(())
    }

    fn ask_to_redraw(&self) {
        if let Some(front) = &self.front {
            front.window().request_redraw();
        }
    }

    fn cards(&self, now: Instant) -> Vec<Card> {
        cards(&self.told.status, &self.view, self.told.note(now), self.frames.is_none())
    }

    fn read_board(&mut self) {
        self.told.update(self.options.board.read(), Instant::now());
    }

    /// What is due ten times a second.
    fn tick(&mut self, now: Instant) {
        self.next_tick = now + TICK;
        (self.ears.tick)();
        self.read_board();
        if self.cards(now) != self.told.cards {
            self.ask_to_redraw();
        }
        if let Some(front) = &self.front {
            let window = front.window();
            window.set_cursor_visible(window.fullscreen().is_none() || now - self.mouse_moved < MOUSE);
        }
    }

    /// Takes the newest frame.
    fn take_frame(&mut self) {
        let newest = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(newest) = newest {
            self.pending = Some(newest.stamp);
            self.frames = Some((newest.item, false));
            self.ask_to_redraw();
        }
    }

    fn draw(&mut self, now: Instant) -> Result<()> {
        let cards = self.cards(now);
        let Some(front) = &mut self.front else { return Ok(()) };
        // A device that is gone is asked for nothing more.
        if let Err(error) = front.health() {
            return self.rebuild(&error);
        }
        if let Some((frames, on_card)) = &mut self.frames
            && !*on_card
        {
            front.scene().take(frames, self.view.split.is_some());
            *on_card = true;
        }
        match front.draw(&self.view, cards.clone())? {
            Drawn::Shown => {
                (self.rebuilds, self.told.cards) = (0, cards);
                let captured = self.pending.take().and_then(|stamp| stamp.captured);
                if let Some(captured) = captured {
                    (self.ears.shown)(captured.elapsed());
                }
            }
            Drawn::Unseen => {}
            Drawn::Again => self.ask_to_redraw(),
            Drawn::Lost(error) => self.rebuild(&error)?,
        }
        Ok(())
    }

    /// Makes anew what draws, which was lost by `why`.
    fn rebuild(&mut self, why: &Error) -> Result<()> {
        let Some(front) = self.front.take() else { return Ok(()) };
        self.rebuilds += 1;
        if self.rebuilds > MOST_REBUILDS {
            return Err(Error::Device(format!("the graphics driver loses the window again and again ({why})")));
        }
        let window = Arc::clone(front.window());
        // A window has one surface at a time.
        drop(front);
        self.front = Some(Front::new(&self.instance, window)?);
        (self.ears.lost)(why);
        self.forget_card();
        Ok(())
    }

    /// What is on the card does not suffice any more.
    fn forget_card(&mut self) {
        if let Some((_, on_card)) = &mut self.frames {
            *on_card = false;
        }
        self.ask_to_redraw();
    }

    fn act(&mut self, events: &ActiveEventLoop, act: Act) {
        match act {
            Act::Wish(wish) => {
                if (self.ears.wish)(wish) {
                    events.exit();
                }
                self.read_board();
            }
            Act::Overlay => self.view.overlay = !self.view.overlay,
            Act::Help => self.view.help = !self.view.help,
            Act::Mirror => self.view.mirror = !self.view.mirror,
            Act::Split => {
                self.view.split = if self.view.split.is_some() { None } else { Some(0.5) };
                self.forget_card();
            }
            Act::FullScreen => self.set_full_screen(None),
            Act::Leave if self.view.help => self.view.help = false,
            Act::Leave => self.set_full_screen(Some(false)),
        }
        self.ask_to_redraw();
    }

    /// Fills the screen or does not; `None`: the other way than now.
    fn set_full_screen(&self, wanted: Option<bool>) {
        if let Some(front) = &self.front {
            let fill = wanted.unwrap_or_else(|| front.window().fullscreen().is_none());
            front.window().set_fullscreen(fill.then_some(Fullscreen::Borderless(None)));
        }
    }

    fn key(&mut self, events: &ActiveEventLoop, event: &KeyEvent) {
        if event.state == ElementState::Pressed
            && let Some(act) = act_of(&event.logical_key, event.physical_key, self.modifiers, event.repeat)
        {
            self.act(events, act);
        }
    }

    /// The line between before and after, where there is one, and the scale of the window.
    fn split(&mut self) -> (Option<Split>, f32) {
        let (Some(front), waits) = (&mut self.front, self.frames.is_none()) else { return (None, 1.0) };
        let (size, scale) = (front.size(), front.scale());
        let picture = front.scene().picture_in(size);
        let share = self.view.split.filter(|_| !waits);
        (share.map(|share| Split { picture, column: picture.column_at(share) }), scale)
    }

    fn mouse_moved(&mut self, at: (f32, f32)) {
        self.mouse_moved = Instant::now();
        let (split, scale) = self.split();
        if let Some(share) = self.pointer.moved(at, split) {
            self.view.split = Some(share);
            self.ask_to_redraw();
        }
        if let Some(front) = &self.front {
            let icon = if self.pointer.is_at(split, scale) { CursorIcon::ColResize } else { CursorIcon::Default };
            front.window().set_cursor(icon);
            front.window().set_cursor_visible(true);
        }
    }

    fn mouse_button(&mut self, events: &ActiveEventLoop, button: MouseButton, state: ElementState) {
        let (split, scale) = self.split();
        let act = match (button, state) {
            (MouseButton::Left, ElementState::Pressed) => self.pointer.press(Instant::now(), split, scale),
            (MouseButton::Left, ElementState::Released) => {
                self.pointer.release();
                None
            }
            (MouseButton::Right, ElementState::Pressed) => Some(Act::Help),
            _ => None,
        };
        if let Some(act) = act {
            self.act(events, act);
        }
    }

    fn wheel(&mut self, events: &ActiveEventLoop, delta: MouseScrollDelta) {
        let (_, scale) = self.split();
        let acts = match delta {
            MouseScrollDelta::LineDelta(_, lines) => self.pointer.turn(lines),
            MouseScrollDelta::PixelDelta(pixels) => self.pointer.turn_pixels(pixels.y as f32, scale),
        };
        for act in acts {
            self.act(events, act);
        }
    }
}

impl<T, W, S, L> ApplicationHandler<Call> for App<T, W, S, L>
where
    T: FnMut(),
    W: FnMut(Wish) -> bool,
    S: FnMut(Duration),
    L: FnMut(&Error),
{
    fn resumed(&mut self, events: &ActiveEventLoop) {
        if self.front.is_none()
            && let Err(error) = self.appear(events)
        {
            self.fail(events, error);
        }
    }

    fn new_events(&mut self, _: &ActiveEventLoop, _: StartCause) {
        let now = Instant::now();
        if now >= self.next_tick {
            self.tick(now);
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        events.set_control_flow(ControlFlow::WaitUntil(self.next_tick));
    }

    fn user_event(&mut self, events: &ActiveEventLoop, call: Call) {
        match call {
            Call::Frame => self.take_frame(),
            Call::End => events.exit(),
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.draw(Instant::now()) {
                    self.fail(events, error);
                }
            }
            WindowEvent::Resized(size) => {
                if let Some(front) = &mut self.front {
                    front.resize(size);
                }
                self.ask_to_redraw();
            }
            WindowEvent::CloseRequested => self.act(events, Act::Wish(Wish::Quit)),
            WindowEvent::ScaleFactorChanged { .. } => self.ask_to_redraw(),
            WindowEvent::ModifiersChanged(modifiers) => self.modifiers = modifiers.state(),
            WindowEvent::KeyboardInput { event, is_synthetic: false, .. } => self.key(events, &event),
            WindowEvent::CursorMoved { position, .. } => self.mouse_moved((position.x as f32, position.y as f32)),
            WindowEvent::MouseInput { button, state, .. } => self.mouse_button(events, button, state),
            WindowEvent::MouseWheel { delta, .. } => self.wheel(events, delta),
            _ => {}
        }
    }
}

/// The picture pixel by pixel, or as large as the screen has room for.
fn first_size(picture: Size, screen: Option<PhysicalSize<u32>>) -> PhysicalSize<u32> {
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let room = screen.filter(|screen| screen.width > 0 && screen.height > 0).map_or(1.0, |screen| {
        PART_OF_SCREEN * f64::min(f64::from(screen.width) / width, f64::from(screen.height) / height)
    });
    let scale = room.min(1.0);
    PhysicalSize::new((width * scale).round() as u32, (height * scale).round() as u32)
}

#[cfg(test)]
#[cfg(all(unix, not(target_vendor = "apple")))]
mod lost;
#[cfg(test)]
mod tests;
