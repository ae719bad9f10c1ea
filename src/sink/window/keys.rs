//! Which key does what: one table, which the help shows and the window obeys.

use winit::keyboard::{Key, NamedKey};

use crate::live::Wish;

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
pub(super) const BINDINGS: [Binding; 14] = [
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

/// What `key` does, with Ctrl or the command key when `with_command`, held down when `again`.
pub(super) fn act_of(key: &Key, with_command: bool, again: bool) -> Option<Act> {
    let press = press_of(key, with_command)?;
    let bound = BINDINGS.iter().filter(|binding| binding.repeats || !again).flat_map(|binding| binding.presses);
    bound.copied().find(|(bound, _)| *bound == press).map(|(_, act)| act)
}

fn press_of(key: &Key, with_command: bool) -> Option<Press> {
    match key {
        Key::Named(_) if with_command => None,
        Key::Named(name) => Some(Press::Named(*name)),
        Key::Character(text) => {
            let c = text.chars().next()?.to_ascii_lowercase();
            Some(if with_command { Press::Command(c) } else { Press::Char(c) })
        }
        Key::Unidentified(_) | Key::Dead(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn char_key(text: &str) -> Key {
        Key::Character(text.into())
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
        assert_eq!(act_of(&char_key("R"), false, false), Some(Act::Wish(Wish::Record)));
        assert_eq!(act_of(&char_key("9"), false, false), Some(Act::Wish(Wish::Style(8))));
        assert_eq!(act_of(&Key::Named(NamedKey::ArrowLeft), false, false), Some(Act::Wish(Wish::StyleBy(-1))));
        assert_eq!(act_of(&char_key("ö"), false, false), None);
    }

    #[test]
    fn with_control_a_key_is_another() {
        assert_eq!(act_of(&char_key("s"), false, false), Some(Act::Wish(Wish::Stabilise)));
        assert_eq!(act_of(&char_key("s"), true, false), Some(Act::Wish(Wish::Snapshot)));
        assert_eq!(act_of(&char_key("c"), true, false), None);
    }

    #[test]
    fn only_the_strength_goes_on_while_a_key_is_held() {
        assert_eq!(act_of(&Key::Named(NamedKey::ArrowUp), false, true), Some(MORE));
        assert_eq!(act_of(&char_key("r"), false, true), None);
    }
}
