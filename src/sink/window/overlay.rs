//! What the window says beside the picture, in words; how they are set is another matter.

use super::keys::BINDINGS;
use crate::control::{RecordingState, Status};
use crate::text::clock;

/// How the picture is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    /// As a mirror shows it.
    pub mirror: bool,
    /// The original to the left of this place, the painting to the right; from 0 to 1, as far as the picture is wide.
    pub split: Option<f32>,
    /// With style, speed and the like.
    pub overlay: bool,
    /// With the keys.
    pub help: bool,
}

/// How a word is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// Less important.
    Dim,
    /// Switched on.
    Bright,
    /// A recording.
    Red,
}

/// Words in a row.
pub(super) type Words = Vec<(String, Tone)>;

/// A row of a card.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Row {
    /// The largest words.
    Title(Words),
    /// A line of text.
    Text(Words),
    /// A line of small text.
    Small(Words),
    /// Columns: all cards of a table have theirs below one another.
    Columns([Words; 3]),
    /// A bar that is filled to this part, 0..=1, between two words.
    Gauge(&'static str, f32),
}

/// Where a card lies in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    TopLeft,
    TopRight,
    Middle,
    Bottom,
    /// At the bottom, to the left of the line between before and after.
    LeftOfSplit,
    /// To the right of it.
    RightOfSplit,
}

/// A panel with words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Card {
    pub(super) place: Place,
    pub(super) rows: Vec<Row>,
}

/// What is to be said now. `note` is what has been put up lately; `waits` when no frame came yet.
pub(super) fn cards(status: &Status, view: &View, note: Option<&str>, waits: bool) -> Vec<Card> {
    let mut cards = Vec::new();
    let recording = match status.recording {
        RecordingState::None => None,
        RecordingState::Opening => Some((String::from("opening …"), Tone::Dim)),
        RecordingState::Running(length) => Some((clock(length), Tone::Red)),
        RecordingState::Closing => Some((String::from("closing …"), Tone::Dim)),
    };
    if let Some((how, tone)) = recording {
        let words = vec![("● ".into(), tone), (format!("REC  {how}"), tone)];
        cards.push(Card { place: Place::TopRight, rows: vec![Row::Text(words)] });
    }
    if view.help {
        // In a small window there is no room beside it.
        cards.push(Card { place: Place::Middle, rows: help() });
        return cards;
    }
    if view.split.is_some() && !waits {
        cards.push(label(Place::LeftOfSplit, "original"));
        cards.push(label(Place::RightOfSplit, "painted"));
    }
    if view.overlay {
        cards.push(Card { place: Place::TopLeft, rows: overview(status, view) });
    }
    if let Some(note) = note.filter(|note| !note.is_empty()) {
        cards.push(label(Place::Bottom, note));
    }
    if waits {
        cards.push(label(Place::Middle, "waiting for the first picture …"));
    }
    cards
}

fn label(place: Place, text: &str) -> Card {
    Card { place, rows: vec![Row::Text(vec![(text.into(), Tone::Plain)])] }
}

/// The overlay itself.
fn overview(status: &Status, view: &View) -> Vec<Row> {
    let mut title = vec![(status.style_name.clone(), Tone::Plain)];
    if let Some(place) = status.style {
        title.push((format!("   {} of {}", place + 1, status.styles.len()), Tone::Dim));
    }
    let ms = (status.latency.as_secs_f64() * 1000.0).round();
    let speed = format!("{:.1} fps   {ms} ms   {} dropped", status.fps, status.dropped);
    let by = match status.net_size {
        Some(size) => format!("{}   network {size}", status.provider),
        None => status.provider.clone(),
    };
    let switches = [
        ("keep colour", status.keep_colour),
        ("stabiliser", status.stabilise),
        ("frozen", status.frozen),
        ("mirror", view.mirror),
    ];
    let on: Vec<&str> = switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
    let mut rows = vec![
        Row::Title(title),
        Row::Text(vec![(speed, Tone::Plain)]),
        Row::Text(vec![(by, Tone::Dim)]),
        Row::Gauge("strength", status.strength),
    ];
    if !on.is_empty() {
        rows.push(Row::Text(vec![(on.join("  ·  "), Tone::Bright)]));
    }
    rows.push(Row::Small(vec![("?  keys    O  overlay".into(), Tone::Dim)]));
    rows
}

fn help() -> Vec<Row> {
    let mut rows = vec![Row::Title(vec![("Keys".into(), Tone::Plain)])];
    rows.extend(BINDINGS.iter().map(|binding| {
        Row::Columns([
            vec![(binding.keys.into(), Tone::Bright)],
            vec![(binding.does.into(), Tone::Plain)],
            vec![(binding.mouse.into(), Tone::Dim)],
        ])
    }));
    rows
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::frame::Size;

    fn status() -> Status {
        Status {
            styles: ["wave", "udnie"].map(String::from).to_vec(),
            style: Some(1),
            style_name: "udnie".into(),
            fps: 24.04,
            latency: Duration::from_micros(41_400),
            dropped: 3,
            provider: "cpu".into(),
            net_size: Some(Size::new(640, 360)),
            strength: 0.8,
            ..Status::default()
        }
    }

    /// All words of `cards`, a line a row.
    fn words(cards: &[Card]) -> Vec<String> {
        let join = |words: &Words| words.iter().map(|(text, _)| text.as_str()).collect::<String>();
        let rows = cards.iter().flat_map(|card| &card.rows);
        rows.map(|row| match row {
            Row::Title(words) | Row::Text(words) | Row::Small(words) => join(words),
            Row::Columns(columns) => columns.iter().map(join).collect::<Vec<_>>().join("|"),
            Row::Gauge(name, part) => format!("{name} {part}"),
        })
        .collect()
    }

    #[test]
    fn the_overlay_tells_style_speed_and_what_is_on() {
        let view = View { overlay: true, mirror: true, ..View::default() };
        let told = words(&cards(&Status { keep_colour: true, ..status() }, &view, None, false));
        assert_eq!(
            told[..5],
            [
                "udnie   2 of 2",
                "24.0 fps   41 ms   3 dropped",
                "cpu   network 640x360",
                "strength 0.8",
                "keep colour  ·  mirror",
            ]
        );
        assert!(cards(&status(), &View::default(), None, false).is_empty());
    }

    #[test]
    fn recording_and_notes_are_told_without_the_overlay_too() {
        let told = |recording: RecordingState| {
            words(&cards(&Status { recording, ..status() }, &View::default(), Some("saved a.png"), false))
        };
        let running = RecordingState::Running(Duration::from_secs(3725));
        assert_eq!(told(running), ["● REC  1:02:05", "saved a.png"]);
        assert_eq!(told(RecordingState::Opening), ["● REC  opening …", "saved a.png"]);
        assert_eq!(told(RecordingState::Closing), ["● REC  closing …", "saved a.png"]);
        assert_eq!(told(RecordingState::None), ["saved a.png"]);
    }

    #[test]
    fn the_help_has_a_line_for_each_binding() {
        let view = View { help: true, overlay: true, ..View::default() };
        let told = words(&cards(&status(), &view, Some("saved a.png"), true));
        assert_eq!(told.len(), 1 + BINDINGS.len());
        assert!(told.contains(&"R|record, stop recording|".to_owned()), "{told:?}");
    }
}
