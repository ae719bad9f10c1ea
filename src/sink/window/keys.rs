//! Which key does what: one table, which the help shows and the window obeys.

use winit::keyboard::{Key, KeyCode, ModifiersState, NamedKey, PhysicalKey};

use crate::control::Wish;

/// What a key or the mouse can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    /// The run is to change.
    Wish(Wish),
    /// The overlay comes or goes.
    Overlay,
    /// The help comes or goes.
    Help,
    /// The picture turns as in a mirror, or back.
    Mirror,
    /// Before and after stand side by side, or no more.
    Split,
    /// The window fills the screen, or no more.
    FullScreen,
    /// Leaves what can be left: the help, else the full screen.
    Leave,
}

/// A key that is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Press {
    /// By its name.
    Named(NamedKey),
    /// What it writes, in lower case.
    Char(char),
    /// The same with Ctrl, or with the command key.
    Command(char),
}

/// A line of the help, and the keys behind it.
pub(super) struct Binding {
    /// The keys as the help names them.
    pub(super) keys: &'static str,
    /// The mouse as the help names it.
    pub(super) mouse: &'static str,
    /// What they do.
    pub(super) does: &'static str,
    /// Whether a key that is held down does it again and again.
    repeats: bool,
    presses: &'static [(Press, Act)],
}

/// How much of the style a step is.
const STEP: f32 = 0.1;
pub(super) const MORE: Act = Act::Wish(Wish::StrengthBy(STEP));
pub(super) const LESS: Act = Act::Wish(Wish::StrengthBy(-STEP));

const fn named(key: NamedKey, act: Act) -> (Press, Act) {
    (Press::Named(key), act)
}

const fn char(c: char, act: Act) -> (Press, Act) {
    (Press::Char(c), act)
}

const fn command(c: char, act: Act) -> (Press, Act) {
    (Press::Command(c), act)
}

const fn style(number: usize) -> Act {
    Act::Wish(Wish::Style(number - 1))
}

const fn style_by(places: i32) -> Act {
    Act::Wish(Wish::StyleBy(places))
}

const fn binding(
    keys: &'static str,
    mouse: &'static str,
    does: &'static str,
    presses: &'static [(Press, Act)],
) -> Binding {
    Binding { keys, mouse, does, repeats: false, presses }
}

/// All that keys do, in the order of the help.
pub(super) const BINDINGS: [Binding; 15] = [
    binding(
        "← →   P N",
        "",
        "previous, next style",
        &[
            named(NamedKey::ArrowLeft, style_by(-1)),
            named(NamedKey::ArrowRight, style_by(1)),
            char('p', style_by(-1)),
            char('n', style_by(1)),
        ],
    ),
    binding(
        "1 … 9",
        "",
        "style by its number",
        &[
            char('1', style(1)),
            char('2', style(2)),
            char('3', style(3)),
            char('4', style(4)),
            char('5', style(5)),
            char('6', style(6)),
            char('7', style(7)),
            char('8', style(8)),
            char('9', style(9)),
        ],
    ),
    Binding {
        repeats: true,
        ..binding(
            "↑ ↓",
            "wheel",
            "more, less of the style",
            &[named(NamedKey::ArrowUp, MORE), named(NamedKey::ArrowDown, LESS), char('+', MORE), char('-', LESS)],
        )
    },
    binding("0", "", "the original, the painting again", &[char('0', Act::Wish(Wish::Original))]),
    binding("C", "", "colours of the original", &[char('c', Act::Wish(Wish::KeepColour))]),
    binding("S", "", "hold the strokes still", &[char('s', Act::Wish(Wish::Stabilise))]),
    binding("X   B", "drag the line", "before and after", &[char('x', Act::Split), char('b', Act::Split)]),
    binding("M", "", "mirror (this window only)", &[char('m', Act::Mirror)]),
    binding("Space", "", "freeze", &[named(NamedKey::Space, Act::Wish(Wish::Freeze))]),
    binding(
        "Enter   Ctrl S",
        "",
        "save a picture",
        &[named(NamedKey::Enter, Act::Wish(Wish::Snapshot)), command('s', Act::Wish(Wish::Snapshot))],
    ),
    binding("R", "", "record, stop recording", &[char('r', Act::Wish(Wish::Record))]),
    binding(
        "F   F11",
        "double click",
        "full screen",
        &[char('f', Act::FullScreen), named(NamedKey::F11, Act::FullScreen)],
    ),
    binding("O   Tab", "", "this overlay", &[char('o', Act::Overlay), named(NamedKey::Tab, Act::Overlay)]),
    binding(
        "?   H   F1",
        "right click",
        "these keys",
        &[
            char('?', Act::Help),
            char('h', Act::Help),
            named(NamedKey::F1, Act::Help),
            named(NamedKey::Escape, Act::Leave),
        ],
    ),
    binding("Q   Ctrl Q", "", "quit", &[char('q', Act::Wish(Wish::Quit)), command('q', Act::Wish(Wish::Quit))]),
];

/// What a key does that means `logical` on this keyboard, lies where `physical` does, and is pressed together with
/// `modifiers`; held down when `again`.
pub(super) fn act_of(logical: &Key, physical: PhysicalKey, modifiers: ModifiersState, again: bool) -> Option<Act> {
    let press = press_of(logical, physical, modifiers)?;
    let bound = BINDINGS.iter().filter(|binding| binding.repeats || !again).flat_map(|binding| binding.presses);
    bound.copied().find(|(bound, _)| *bound == press).map(|(_, act)| act)
}

fn press_of(logical: &Key, physical: PhysicalKey, modifiers: ModifiersState) -> Option<Press> {
    // It is the desktop's, and the menus'.
    if modifiers.alt_key() {
        return None;
    }
    let with_command = modifiers.control_key() || modifiers.super_key();
    match logical {
        Key::Named(_) if with_command => None,
        Key::Named(name) => Some(Press::Named(*name)),
        Key::Character(text) => {
            let written = text.chars().next()?;
            let c = latin(written, physical, modifiers.shift_key()).unwrap_or(written).to_ascii_lowercase();
            Some(if with_command { Press::Command(c) } else { Press::Char(c) })
        }
        Key::Unidentified(_) | Key::Dead(_) => None,
    }
}

/// The letter or digit that the key at this place has where letters are Latin and digits need no Shift, if this keyboard does
/// not give it: letters where others are written (Cyrillic, Greek), and digits that take Shift (AZERTY).
fn latin(written: char, physical: PhysicalKey, with_shift: bool) -> Option<char> {
    let PhysicalKey::Code(code) = physical else { return None };
    let place = |codes: &[KeyCode]| codes.iter().position(|other| *other == code);
    let at = |place: usize, first: u8| Some(char::from(first + u8::try_from(place).ok()?));
    match (place(&LETTERS), place(&DIGITS)) {
        (Some(letter), _) if !written.is_ascii() => at(letter, b'a'),
        (_, Some(digit)) if !written.is_ascii_digit() && !with_shift => at(digit, b'0'),
        _ => None,
    }
}

/// From A to Z.
const LETTERS: [KeyCode; 26] = [
    KeyCode::KeyA,
    KeyCode::KeyB,
    KeyCode::KeyC,
    KeyCode::KeyD,
    KeyCode::KeyE,
    KeyCode::KeyF,
    KeyCode::KeyG,
    KeyCode::KeyH,
    KeyCode::KeyI,
    KeyCode::KeyJ,
    KeyCode::KeyK,
    KeyCode::KeyL,
    KeyCode::KeyM,
    KeyCode::KeyN,
    KeyCode::KeyO,
    KeyCode::KeyP,
    KeyCode::KeyQ,
    KeyCode::KeyR,
    KeyCode::KeyS,
    KeyCode::KeyT,
    KeyCode::KeyU,
    KeyCode::KeyV,
    KeyCode::KeyW,
    KeyCode::KeyX,
    KeyCode::KeyY,
    KeyCode::KeyZ,
];

/// From 0 to 9, above the letters.
const DIGITS: [KeyCode; 10] = [
    KeyCode::Digit0,
    KeyCode::Digit1,
    KeyCode::Digit2,
    KeyCode::Digit3,
    KeyCode::Digit4,
    KeyCode::Digit5,
    KeyCode::Digit6,
    KeyCode::Digit7,
    KeyCode::Digit8,
    KeyCode::Digit9,
];

#[cfg(test)]
mod tests {
    use winit::keyboard::NativeKeyCode;

    use super::*;

    const NONE: ModifiersState = ModifiersState::empty();

    fn char_key(text: &str) -> Key {
        Key::Character(text.into())
    }

    /// What a key does that writes `text` and lies where `code` does.
    fn act(text: &str, code: KeyCode, modifiers: ModifiersState) -> Option<Act> {
        act_of(&char_key(text), PhysicalKey::Code(code), modifiers, false)
    }

    /// What a key does wherever it lies.
    fn act_anywhere(key: &Key, modifiers: ModifiersState, again: bool) -> Option<Act> {
        act_of(key, PhysicalKey::Unidentified(NativeKeyCode::Unidentified), modifiers, again)
    }

    #[test]
    fn no_key_stands_twice_in_the_table() {
        let presses: Vec<Press> =
            BINDINGS.iter().flat_map(|binding| binding.presses).map(|(press, _)| *press).collect();
        for (at, press) in presses.iter().enumerate() {
            assert!(!presses[..at].contains(press), "{press:?}");
        }
    }

    #[test]
    fn keys_do_what_the_table_says() {
        let act = |key: &Key| act_anywhere(key, NONE, false);
        assert_eq!(act(&char_key("R")), Some(Act::Wish(Wish::Record)));
        assert_eq!(act(&char_key("9")), Some(Act::Wish(Wish::Style(8))));
        assert_eq!(act(&char_key("0")), Some(Act::Wish(Wish::Original)));
        assert_eq!(act(&Key::Named(NamedKey::ArrowLeft)), Some(Act::Wish(Wish::StyleBy(-1))));
        assert_eq!(act(&char_key("ö")), None);
    }

    #[test]
    fn with_control_a_key_is_another_and_with_alt_it_is_not_ours() {
        let act = |text: &str, modifiers| act_anywhere(&char_key(text), modifiers, false);
        assert_eq!(act("s", NONE), Some(Act::Wish(Wish::Stabilise)));
        for command in [ModifiersState::CONTROL, ModifiersState::SUPER] {
            assert_eq!(act("s", command), Some(Act::Wish(Wish::Snapshot)));
            assert_eq!(act("c", command), None);
        }
        assert_eq!(act("s", ModifiersState::ALT), None);
        assert_eq!(act("q", ModifiersState::ALT | ModifiersState::CONTROL), None);
        assert_eq!(act_anywhere(&Key::Named(NamedKey::F11), ModifiersState::ALT, false), None);
    }

    #[test]
    fn digits_that_take_shift_are_had_without() {
        // The upper row of AZERTY, first without Shift, then with it.
        assert_eq!(act("&", KeyCode::Digit1, NONE), Some(Act::Wish(Wish::Style(0))));
        assert_eq!(act("-", KeyCode::Digit6, NONE), Some(Act::Wish(Wish::Style(5))));
        assert_eq!(act("à", KeyCode::Digit0, NONE), Some(Act::Wish(Wish::Original)));
        assert_eq!(act("6", KeyCode::Digit6, ModifiersState::SHIFT), Some(Act::Wish(Wish::Style(5))));
        // Where they need none, what is written with it counts, such as the plus of a Swiss keyboard.
        assert_eq!(act("!", KeyCode::Digit1, ModifiersState::SHIFT), None);
        assert_eq!(act("+", KeyCode::Digit1, ModifiersState::SHIFT), Some(MORE));
        assert_eq!(act("-", KeyCode::Slash, NONE), Some(LESS));
    }

    #[test]
    fn letters_of_another_script_are_those_at_their_place() {
        assert_eq!(act("й", KeyCode::KeyQ, NONE), Some(Act::Wish(Wish::Quit)));
        assert_eq!(act("Ρ", KeyCode::KeyR, ModifiersState::SHIFT), Some(Act::Wish(Wish::Record)));
        assert_eq!(act("ы", KeyCode::KeyS, ModifiersState::CONTROL), Some(Act::Wish(Wish::Snapshot)));
        // Dvorak writes an R where QWERTY has an O, and an apostrophe where that has a Q.
        assert_eq!(act("r", KeyCode::KeyO, NONE), Some(Act::Wish(Wish::Record)));
        assert_eq!(act("'", KeyCode::KeyQ, NONE), None);
        assert_eq!(act("ö", KeyCode::Semicolon, NONE), None);
    }

    #[test]
    fn only_the_strength_goes_on_while_a_key_is_held() {
        assert_eq!(act_anywhere(&Key::Named(NamedKey::ArrowUp), NONE, true), Some(MORE));
        assert_eq!(act_anywhere(&char_key("r"), NONE, true), None);
    }
}
