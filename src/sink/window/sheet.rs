//! Sets cards in type: where each box and each line of letters goes.

use glyphon::cosmic_text::Align;
use glyphon::{Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, Wrap, fontdb};

use super::boxes::Block;
use super::fit::Area;
use super::overlay::{Card, Place, Row, Tone, Words};
use crate::frame::Size;

// In points.
const MARGIN: f32 = 16.0;
const PADDING: f32 = 14.0;
const RADIUS: f32 = 10.0;
const TITLE: f32 = 21.0;
const TEXT: f32 = 14.0;
const SMALL: f32 = 11.5;
/// Between columns, and between the words and the bar of a gauge.
const GAP: f32 = 12.0;
const BAR_WIDTH: f32 = 110.0;
const BAR_HEIGHT: f32 = 5.0;
/// From one line to the next, in sizes of its letters.
const LEADING: f32 = 1.45;
/// The line between before and after, and its handle.
const LINE_WIDTH: f32 = 2.0;
const HANDLE: (f32, f32) = (10.0, 44.0);

const PANEL: [f32; 4] = [0.035, 0.04, 0.055, 0.68];
const SHADOW: [f32; 4] = [0.0, 0.0, 0.0, 0.28];
const TROUGH: [f32; 4] = [1.0, 1.0, 1.0, 0.18];
const FILLED: [f32; 4] = [1.0, 0.76, 0.33, 1.0];
const LINE: [f32; 4] = [1.0, 1.0, 1.0, 0.92];

const PROPORTIONAL: &str = "Ubuntu";

/// Letters in a line, or some if it was too long, and where they go.
pub(super) struct Line {
    pub(super) letters: Buffer,
    pub(super) left: f32,
    pub(super) top: f32,
}

/// All that lies over the picture, in pixels of the window.
#[derive(Default)]
pub(super) struct Sheet {
    pub(super) blocks: Vec<Block>,
    pub(super) lines: Vec<Line>,
}

/// Where a sheet lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Desk {
    /// The window, in pixels.
    pub(super) size: Size,
    /// Pixels in a point.
    pub(super) scale: f32,
    /// Where the picture is.
    pub(super) picture: Area,
    /// Column of the line between before and after.
    pub(super) split: Option<f32>,
}

/// The fonts of the program: it looks the same on every machine, and needs none there.
pub(super) fn fonts() -> FontSystem {
    let mut fonts = fontdb::Database::new();
    for bytes in [
        epaint_default_fonts::UBUNTU_LIGHT,
        epaint_default_fonts::HACK_REGULAR,
        epaint_default_fonts::NOTO_EMOJI_REGULAR,
    ] {
        fonts.load_font_data(bytes.to_vec());
    }
    fonts.set_sans_serif_family(PROPORTIONAL);
    FontSystem::new_with_locale_and_db("en".into(), fonts)
}

/// Sets `cards` on `desk`.
pub(super) fn set(cards: &[Card], desk: &Desk, fonts: &mut FontSystem) -> Sheet {
    let mut sheet = Sheet::default();
    if let Some(column) = desk.split {
        sheet.blocks.extend(split_line(column, desk));
    }
    for card in cards {
        let mut set = SetCard::new(card, desk.scale, desk.size, fonts);
        let room = |side: u32| (side as f32 - 2.0 * MARGIN * desk.scale).max(1.0);
        let shrink = f32::min(room(desk.size.width) / set.width, room(desk.size.height) / set.height);
        if shrink < 1.0 {
            set = SetCard::new(card, desk.scale * shrink, desk.size, fonts);
        }
        let (left, top) = corner(card.place, (set.width, set.height), desk);
        set.put(left, top, &mut sheet);
    }
    sheet
}

/// The line between before and after, with something to take hold of.
fn split_line(column: f32, desk: &Desk) -> [Block; 3] {
    let Area { top, height, .. } = desk.picture;
    let upright = |(width, height): (f32, f32), middle: f32| Area {
        left: column - width / 2.0,
        top: middle - height / 2.0,
        width,
        height,
    };
    let (width, middle) = ((LINE_WIDTH * desk.scale).round().max(1.0), top + height / 2.0);
    let (handle_width, handle_height) = (HANDLE.0 * desk.scale, (HANDLE.1 * desk.scale).min(height));
    [
        Block { area: upright((width, height), middle), colour: SHADOW, radius: 0.0, fade: 3.0 * desk.scale },
        Block { area: upright((width, height), middle), colour: LINE, radius: 0.0, fade: 0.5 },
        Block {
            area: upright((handle_width, handle_height), middle),
            colour: [LINE[0], LINE[1], LINE[2], 1.0],
            radius: handle_width / 2.0,
            fade: 0.8,
        },
    ]
}

/// The left upper corner of a card of this size, on whole pixels.
fn corner(place: Place, (width, height): (f32, f32), desk: &Desk) -> (f32, f32) {
    let (margin, right, bottom) = (MARGIN * desk.scale, desk.size.width as f32, desk.size.height as f32);
    let split = desk.split.unwrap_or(0.0);
    let above_note = desk.picture.top + desk.picture.height - height - margin;
    let (left, top) = match place {
        Place::TopLeft => (margin, margin),
        Place::TopRight => (right - width - margin, margin),
        Place::Middle => ((right - width) / 2.0, (bottom - height) / 2.0),
        Place::Bottom => ((right - width) / 2.0, bottom - 2.0 * height - 2.0 * margin),
        Place::LeftOfSplit => (split - width - margin, above_note),
        Place::RightOfSplit => (split + margin, above_note),
    };
    (left.round(), top.round())
}

/// What stands in a row of a card, from its left end.
enum Part {
    Letters(Buffer),
    /// A bar, of this length, that is filled to this part.
    Bar(f32, f32),
}

/// A card in type.
struct SetCard {
    scale: f32,
    width: f32,
    height: f32,
    /// Left, top, height of the row.
    parts: Vec<(f32, f32, f32, Part)>,
}

impl SetCard {
    fn new(card: &Card, scale: f32, window: Size, fonts: &mut FontSystem) -> Self {
        let padding = PADDING * scale;
        let most = (window.width as f32 - 2.0 * (MARGIN * scale + padding)).max(1.0);
        let columns = columns(&card.rows, scale, fonts);
        let mut set = Self { scale, width: 0.0, height: padding * 0.8, parts: Vec::new() };
        for row in &card.rows {
            match row {
                Row::Title(words) => set.text(words, TITLE, most, fonts),
                Row::Text(words) => set.text(words, TEXT, most, fonts),
                Row::Small(words) => set.text(words, SMALL, most, fonts),
                Row::Columns(words) => set.columns(words, &columns, fonts),
                Row::Gauge(name, part) => set.gauge(name, *part, fonts),
            }
        }
        set.width = (set.width + padding).ceil();
        set.height = (set.height + padding * 0.8).ceil();
        set
    }

    /// Adds a row of `parts`, each with its distance from the padding and its width.
    fn row(&mut self, height: f32, parts: impl IntoIterator<Item = (f32, f32, Part)>) {
        for (left, width, part) in parts {
            let left = PADDING * self.scale + left;
            self.width = self.width.max(left + width);
            self.parts.push((left, self.height, height, part));
        }
        self.height += height;
    }

    fn text(&mut self, words: &Words, points: f32, most: f32, fonts: &mut FontSystem) {
        let letters = letters(words, points * self.scale, Some(most), fonts);
        let (width, height) = extent(&letters);
        self.row(height, [(0.0, width, Part::Letters(letters))]);
    }

    fn columns(&mut self, words: &[Words; 3], lefts: &[f32; 3], fonts: &mut FontSystem) {
        let set = words.iter().zip(lefts).map(|(words, left)| {
            let letters = letters(words, TEXT * self.scale, None, fonts);
            (*left, extent(&letters).0, Part::Letters(letters))
        });
        let set: Vec<_> = set.collect();
        self.row(TEXT * LEADING * self.scale, set);
    }

    fn gauge(&mut self, name: &str, part: f32, fonts: &mut FontSystem) {
        let words = |text: String, tone| vec![(text, tone)];
        let name = letters(&words(name.into(), Tone::Dim), TEXT * self.scale, None, fonts);
        let percent = format!("{} %", (part * 100.0).round());
        let percent = letters(&words(percent, Tone::Plain), TEXT * self.scale, None, fonts);
        let (name_width, percent_width) = (extent(&name).0, extent(&percent).0);
        let (gap, bar) = (GAP * self.scale, BAR_WIDTH * self.scale);
        let parts = [
            (0.0, name_width, Part::Letters(name)),
            (name_width + gap, bar, Part::Bar(bar, part.clamp(0.0, 1.0))),
            (name_width + bar + 2.0 * gap, percent_width, Part::Letters(percent)),
        ];
        self.row(TEXT * LEADING * self.scale, parts);
    }

    /// Puts it on `sheet`.
    fn put(self, left: f32, top: f32, sheet: &mut Sheet) {
        let Self { scale, width, height, parts } = self;
        let area = Area { left, top, width, height };
        let radius = RADIUS * scale;
        sheet.blocks.push(Block { area, colour: SHADOW, radius, fade: 7.0 * scale });
        sheet.blocks.push(Block { area, colour: PANEL, radius, fade: 0.7 });
        for (part_left, part_top, row_height, part) in parts {
            let (left, top) = (left + part_left, top + part_top);
            match part {
                Part::Letters(letters) => sheet.lines.push(Line { letters, left, top }),
                Part::Bar(length, filled) => {
                    sheet.blocks.extend(bar((left, top + row_height / 2.0), length, filled, scale));
                }
            }
        }
    }
}

/// A bar that begins at this place; its height is around it.
fn bar((left, middle): (f32, f32), length: f32, filled: f32, scale: f32) -> [Block; 2] {
    let height = BAR_HEIGHT * scale;
    let block = |width: f32, colour: [f32; 4]| Block {
        area: Area { left, top: middle - height / 2.0, width, height },
        colour,
        radius: (height / 2.0).min(width / 2.0),
        fade: 0.7,
    };
    [block(length, TROUGH), block(length * filled, FILLED)]
}

/// Where the columns of the table among `rows` begin.
fn columns(rows: &[Row], scale: f32, fonts: &mut FontSystem) -> [f32; 3] {
    let mut widest = [0f32; 3];
    for row in rows {
        if let Row::Columns(columns) = row {
            for (widest, words) in widest.iter_mut().zip(columns) {
                *widest = widest.max(extent(&letters(words, TEXT * scale, None, fonts)).0);
            }
        }
    }
    let gap = 2.0 * GAP * scale;
    [0.0, widest[0] + gap, widest[0] + widest[1] + 2.0 * gap]
}

/// `words` as letters of `size` pixels; broken into lines that are `most` pixels wide.
fn letters(words: &Words, size: f32, most: Option<f32>, fonts: &mut FontSystem) -> Buffer {
    let mut buffer = Buffer::new_empty(Metrics::new(size, (size * LEADING).round()));
    buffer.set_wrap(if most.is_some() { Wrap::WordOrGlyph } else { Wrap::None });
    buffer.set_size(most, None);
    let plain = Attrs::new().family(Family::SansSerif);
    let spans = words.iter().map(|(text, tone)| (text.as_str(), plain.clone().color(colour(*tone))));
    buffer.set_rich_text(spans, &plain, Shaping::Advanced, Some(Align::Left));
    buffer.shape_until_scroll(fonts, false);
    buffer
}

/// Width and height of what is set.
fn extent(letters: &Buffer) -> (f32, f32) {
    letters.layout_runs().fold((0.0, 0.0), |(width, height): (f32, f32), run| {
        (width.max(run.line_w), height.max(run.line_top + run.line_height))
    })
}

fn colour(tone: Tone) -> Color {
    match tone {
        Tone::Plain => Color::rgb(255, 255, 255),
        Tone::Dim => Color::rgb(190, 195, 205),
        Tone::Bright => Color::rgb(255, 201, 107),
        Tone::Red => Color::rgb(255, 84, 84),
    }
}
