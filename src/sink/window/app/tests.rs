//! What the window tells, and how large it is at first.

use super::*;

#[test]
fn a_new_window_shows_each_pixel_where_the_screen_has_room() {
    let size = |picture: (u32, u32), screen: Option<(u32, u32)>| {
        let screen = screen.map(|(width, height)| PhysicalSize::new(width, height));
        let PhysicalSize { width, height } = first_size(Size::new(picture.0, picture.1), screen);
        (width, height)
    };
    assert_eq!(size((1280, 720), Some((1920, 1080))), (1280, 720));
    assert_eq!(size((1920, 1080), Some((1920, 1080))), (1632, 918));
    assert_eq!(size((640, 480), None), (640, 480));
    assert_eq!(size((640, 480), Some((0, 0))), (640, 480));
}

#[test]
fn numbers_stand_long_enough_to_be_read_and_the_rest_is_told_at_once() {
    let begin = Instant::now();
    let mut told = Told::new(Status { fps: 10.0, ..Status::default() });
    told.numbers_at = begin;
    let status = |fps: f64, strength: f32| Status { fps, strength, ..Status::default() };
    told.update(status(11.0, 0.5), begin + NUMBERS / 2);
    assert_eq!((told.status.fps, told.status.strength), (10.0, 0.5));
    told.update(status(12.0, 0.6), begin + NUMBERS);
    assert_eq!((told.status.fps, told.status.strength), (12.0, 0.6));
}

#[test]
fn a_note_goes_away() {
    let mut told = Told::new(Status::default());
    let now = Instant::now();
    assert_eq!(told.note(now), None);
    told.update(Status { note: (1, "saved".into()), ..Status::default() }, now);
    told.update(Status { note: (1, "saved".into()), ..Status::default() }, now + NOTE / 2);
    assert_eq!(told.note(now + NOTE / 2), Some("saved"));
    assert_eq!(told.note(now + NOTE), None);
}
