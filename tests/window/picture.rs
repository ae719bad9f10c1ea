//! What stands where, in which colour.

use std::sync::Arc;
use std::time::Duration;

use stylize::Frame;
use stylize::colour::codes_from_rgb;
use stylize::control::{RecordingState, Status};
use stylize::frame::{ChromaSite, Colour, FrameFormat, Matrix, Painted, PixelFormat, Range, Size, tight_planes};
use stylize::sink::window::offscreen::Offscreen;
use stylize::sink::window::{By, View};

type Rgb = [u8; 3];

const BLACK: Rgb = [0; 3];
const RED: Rgb = [200, 40, 30];
const BLUE: Rgb = [20, 60, 210];

/// What a window shows.
struct Shot {
    width: usize,
    bytes: Vec<u8>,
}

impl Shot {
    fn at(&self, x: usize, y: usize) -> Rgb {
        self.bytes[(y * self.width + x) * 4..][..3].try_into().unwrap()
    }

    fn pixels(&self) -> impl Iterator<Item = Rgb> {
        self.bytes.chunks(4).map(|pixel| pixel[..3].try_into().unwrap())
    }
}

/// A window of this size; none where no adapter is.
fn open((width, height): (u32, u32), by: By) -> Option<Offscreen> {
    let window = Offscreen::open(Size::new(width, height), 1.0, by);
    if let Err(error) = &window {
        assert!(std::env::var_os("STYLIZE_REQUIRE_GPU").is_none(), "{error}");
        eprintln!("skipped: {error}");
    }
    window.ok()
}

/// Draws in a window of this size. Card and processor draw the same.
fn shoot(size: (u32, u32), frames: Option<&Painted>, view: &View, status: &Status, note: Option<&str>) -> Option<Shot> {
    let shoot = |by| {
        let bytes = open(size, by)?.draw(frames, view, status, note).unwrap();
        Some(Shot { width: size.0 as usize, bytes })
    };
    let (card, processor) = (shoot(By::Card)?, shoot(By::Processor)?);
    let apart: u64 = card.bytes.iter().zip(&processor.bytes).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = apart as f64 / card.bytes.len() as f64;
    assert!(mean < 1.0, "card and processor are {mean} codes apart in the mean");
    Some(card)
}

/// The frames alone.
fn shoot_bare(size: (u32, u32), frames: &Painted, view: &View) -> Option<Shot> {
    shoot(size, Some(frames), view, &Status::default(), None)
}

fn near(a: Rgb, b: Rgb, tolerance: u8) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= tolerance)
}

fn same(frame: Frame) -> Painted {
    Painted { original: frame.clone(), frame }
}

/// A frame whose red, green and blue at each pixel are those of `rgb`.
fn rgbx(width: u32, height: u32, rgb: impl Fn(u32, u32) -> Rgb) -> Frame {
    let format = FrameFormat { size: Size::new(width, height), pixels: PixelFormat::Rgbx, colour: Colour::SRGB };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let bytes: Vec<u8> = pixels.flat_map(|(x, y)| rgb(x, y).into_iter().chain([99])).collect();
    Frame::new(format, tight_planes(format.pixels, format.size).0, Arc::new(bytes)).unwrap()
}

/// A frame of one colour, in this format, with rows that are padded.
fn flat(format: FrameFormat, rgb: Rgb) -> Frame {
    let FrameFormat { size, pixels, colour } = format;
    let parts = rgb.map(|value| f64::from(value) / 255.0);
    let codes = codes_from_rgb(pixels, colour).rows.map(|row| {
        let sum: f64 = row.iter().zip(parts).map(|(weight, part)| weight * part).sum();
        (sum + row[3]).round() as u8
    });
    let (mut planes, mut bytes) = (tight_planes(pixels, size).0, Vec::new());
    let mut sample = 0;
    for (index, plane) in planes.iter_mut().enumerate().take(pixels.planes()) {
        let (row_bytes, rows) = pixels.plane_extent(index, size);
        let pixel_bytes = pixels.pixel_bytes(index);
        plane.offset_bytes = bytes.len();
        plane.stride_bytes = row_bytes + 4;
        for _ in 0..rows {
            let pixel: Vec<u8> = (sample..sample + pixel_bytes).map(|at| codes.get(at).copied().unwrap_or(7)).collect();
            bytes.extend(pixel.iter().cycle().take(row_bytes).copied().chain([13; 4]));
        }
        sample += pixel_bytes;
    }
    Frame::new(format, planes, Arc::new(bytes)).unwrap()
}

#[test]
fn colours_are_those_of_the_frame_in_every_format() {
    for (by, pixels) in [By::Card, By::Processor].into_iter().flat_map(|by| PixelFormat::ALL.map(|pixels| (by, pixels)))
    {
        let Some(mut window) = open((51, 33), by) else { return };
        for matrix in Matrix::ALL {
            for range in [Range::Limited, Range::Full] {
                let colour = Colour { matrix, range, ..Colour::SRGB };
                let format = FrameFormat { size: Size::new(51, 33), pixels, colour };
                for rgb in [RED, BLUE, [255; 3], BLACK, [128; 3]] {
                    let frames = same(flat(format, rgb));
                    let bytes = window.draw(Some(&frames), &View::default(), &Status::default(), None).unwrap();
                    for got in (Shot { width: 51, bytes }).pixels() {
                        // Codes of limited range are rounded to more than one step of a screen's.
                        assert!(near(got, rgb, 2), "{by:?} {pixels:?} {matrix:?} {range:?}: {got:?} is not {rgb:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn pixel_by_pixel_a_code_stays_that_code() {
    let code = |x: u32, y: u32| [(x * 4) as u8, (y * 4) as u8, (255 - x * 2 - y) as u8];
    let frame = same(rgbx(64, 64, code));
    let Some(shot) = shoot_bare((64, 64), &frame, &View::default()) else { return };
    let Some(mirrored) = shoot_bare((64, 64), &frame, &View { mirror: true, ..View::default() }) else { return };
    for (x, y) in (0..64).flat_map(|y| (0..64).map(move |x| (x, y))) {
        assert_eq!(shot.at(x as usize, y as usize), code(x, y), "{x} {y}");
        assert_eq!(mirrored.at(63 - x as usize, y as usize), code(x, y), "{x} {y} mirrored");
    }
}

#[test]
fn the_shape_stays_between_black_bars() {
    let frame = same(rgbx(160, 90, |_, _| RED));
    let Some(wide) = shoot_bare((400, 90), &frame, &View::default()) else { return };
    assert_eq!([119, 120, 279, 280].map(|x| wide.at(x, 45)), [BLACK, RED, RED, BLACK]);
    let Some(high) = shoot_bare((160, 190), &frame, &View::default()) else { return };
    assert_eq!([49, 50, 139, 140].map(|y| high.at(80, y)), [BLACK, RED, RED, BLACK]);
}

#[test]
fn a_small_window_shows_the_mean_of_what_it_has_no_room_for() {
    // A chequered board: whoever takes every fifth pixel shows black, or white.
    let frame = same(rgbx(600, 400, |x, y| [255 * ((x + y) % 2) as u8; 3]));
    for by in [By::Card, By::Processor] {
        let Some(mut window) = open((120, 80), by) else { return };
        let bytes = window.draw(Some(&frame), &View::default(), &Status::default(), None).unwrap();
        for got in (Shot { width: 120, bytes }).pixels() {
            assert!(near(got, [128; 3], 16), "{by:?}: {got:?}");
        }
    }
}

#[test]
fn chroma_is_shown_where_it_was_sampled() {
    // Colour comes and goes from column to column of chroma; where its samples sit is where the colour is purest.
    let size = Size::new(32, 8);
    let purest = |chroma_site| {
        let colour = Colour { chroma_site, ..Colour::SRGB };
        let format = FrameFormat { size, pixels: PixelFormat::I420, colour };
        let (planes, length) = tight_planes(format.pixels, size);
        let mut bytes = vec![128; length];
        let from = planes[2].offset_bytes;
        for (at, byte) in bytes[from..].iter_mut().enumerate() {
            *byte = if at % 16 == 7 { 228 } else { 128 };
        }
        let frame = Frame::new(format, planes, Arc::new(bytes)).unwrap();
        let shot = shoot_bare((32, 8), &same(frame), &View::default())?;
        Some((12..18).map(|x| shot.at(x, 4)[0]).collect::<Vec<u8>>())
    };
    let Some(left) = purest(ChromaSite::Left) else { return };
    // The sample sits on column 14: it is all there, and half of it on both sides.
    assert!(left[2] > left[1] && left[1] == left[3] && left[0] == left[5], "{left:?}");
    let Some(centre) = purest(ChromaSite::Centre) else { return };
    // It sits between columns 14 and 15, which have equal parts.
    assert!(centre[2] == centre[3] && centre[2] > centre[1] && centre[1] == centre[4], "{centre:?}");
}

#[test]
fn before_and_after_stand_on_both_sides_of_the_line() {
    let frames = Painted { original: rgbx(320, 180, |_, _| RED), frame: rgbx(320, 180, |_, _| BLUE) };
    for mirror in [false, true] {
        let view = View { split: Some(0.25), mirror, ..View::default() };
        let Some(shot) = shoot_bare((400, 180), &frames, &view) else { return };
        // The picture begins at column 40; the line is at its quarter.
        assert_eq!([45, 100, 140, 355].map(|x| shot.at(x, 20)), [RED, RED, BLUE, BLUE]);
        assert!(shot.at(120, 20)[1] > 150, "a line that is light: {:?}", shot.at(120, 20));
        assert!(shot.at(116, 90)[1] > 200, "a handle to take hold of: {:?}", shot.at(116, 90));
    }
}

#[test]
fn words_come_only_where_they_are_wanted() {
    let frame = same(rgbx(640, 360, |_, _| [128; 3]));
    let status = Status { style_name: "wave".into(), provider: "cpu".into(), strength: 0.5, ..Status::default() };
    let recording = Status { recording: RecordingState::Running(Duration::from_secs(3)), ..status.clone() };
    let (bare, overlay) = (View::default(), View { overlay: true, ..View::default() });
    let help = View { help: true, ..View::default() };
    /// Whether anything is in this part of the window (left, top, width, height), and whether it is bright or red.
    fn look(shot: &Shot, (left, top, width, height): (usize, usize, usize, usize)) -> (bool, bool, bool) {
        let part = (top..top + height).flat_map(|y| (left..left + width).map(move |x| shot.at(x, y)));
        part.fold((false, false, false), |(any, bright, red), [r, g, b]| {
            let is_red = r > 200 && g < 140 && b < 140;
            (any || [r, g, b] != [128; 3], bright || r.min(g).min(b) > 220, red || is_red)
        })
    }
    let (top_left, top_right) = ((0, 0, 200, 120), (500, 0, 140, 60));
    let (middle, bottom) = ((280, 100, 160, 100), (240, 240, 160, 110));
    for (view, status, note, seen) in [
        (&bare, &status, None, None),
        (&overlay, &status, None, Some(top_left)),
        (&bare, &status, Some("saved it"), Some(bottom)),
        (&bare, &recording, None, Some(top_right)),
        (&help, &status, None, Some(middle)),
    ] {
        let Some(shot) = shoot((640, 360), Some(&frame), view, status, note) else { return };
        for part in [top_left, top_right, bottom, middle] {
            let (any, bright, red) = look(&shot, part);
            if seen == Some(part) {
                assert!(any && (bright || red), "nothing to read in {part:?}");
                assert_eq!(red, part == top_right, "{part:?}");
            } else if seen != Some(middle) {
                assert!(!any, "something is in {part:?} with {view:?} {note:?}");
            }
        }
    }
}

#[test]
fn words_can_be_read_on_white_and_on_black() {
    let status = Status { style_name: "WWWWWW".into(), ..Status::default() };
    let view = View { overlay: true, ..View::default() };
    for ground in [BLACK, [255; 3]] {
        let frame = same(rgbx(640, 360, |_, _| ground));
        let Some(shot) = shoot((640, 360), Some(&frame), &view, &status, None) else { return };
        let row: Vec<u8> = (30..110).map(|x| shot.at(x, 40)[1]).collect();
        let (least, most) = (row.iter().min().unwrap(), row.iter().max().unwrap());
        assert!(*least < 90 && *most > 200, "{least} to {most} on {ground:?}");
    }
}

#[test]
fn before_the_first_frame_it_says_that_it_waits() {
    let Some(shot) = shoot((640, 360), None, &View::default(), &Status::default(), None) else { return };
    assert!(shot.pixels().any(|rgb| rgb.iter().all(|value| *value > 200)));
    assert_eq!(shot.at(10, 10), BLACK);
}
