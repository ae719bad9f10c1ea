//! Cameras.

use std::time::Duration;

use stylize::frame::{FrameRate, Size};
use stylize::options::{CameraChoice, LiveInput, Mode};
use stylize::report::Meter;
use stylize::source::live::{self, Live};
use stylize::{Error, Frame, Stop, Timed};

use crate::session::{self, is_dark, until};

fn open(name: &str, mode: Option<Mode>, meter: &Meter) -> Result<Live, Error> {
    live::open(&LiveInput::Camera(CameraChoice::Name(name.into())), mode, &Stop::new(), meter)
}

fn said(meter: &Meter, part: &str) -> usize {
    meter.warnings().iter().filter(|text| text.contains(part)).count()
}

#[test]
fn row_36_a_camera_is_listed_chosen_and_films_and_what_is_absent_is_refused_with_the_list() {
    session::inside(
        "cameras::row_36_a_camera_is_listed_chosen_and_films_and_what_is_absent_is_refused_with_the_list",
        |session| {
            assert_eq!(session::listed(), "");
            let refused = |name| {
                let error = open(name, None, &Meter::new()).err().unwrap();
                assert_eq!((error.exit_code(), error.to_string().lines().count()), (6, 1), "{error}");
                error.to_string()
            };
            assert!(refused("stand").contains("no camera is called \"stand\"; "));
            let _camera = session.camera(320, 240);
            assert_eq!(session::listed(), "0  Stand-in\n     320x240    YUY2 30\n");
            assert!(refused("phone").ends_with("there is 0 \"Stand-in\""));
            let meter = Meter::new();
            let mut live = open("stand", None, &meter).unwrap();
            assert_eq!((live.name.as_str(), live.format.size), ("Stand-in", Size::new(320, 240)));
            let first = until(&mut live, "a frame", |_| true);
            assert!(first.stamp.discontinuity && !is_dark(&first));
            for _ in 0..20 {
                let next = until(&mut live, "more frames", |_| true);
                assert!(!next.stamp.discontinuity && next.stamp.captured.unwrap().elapsed() < Duration::from_secs(1));
            }
            assert_eq!(meter.warnings(), Vec::<String>::new());
            drop(live);
            let one = FrameRate { frames: 7.try_into().unwrap(), seconds: 1.try_into().unwrap() };
            let mode = Mode { size: Size::new(320, 240), rate: one };
            let error = open("stand", Some(mode), &meter).err().unwrap();
            assert_eq!(error.exit_code(), 6);
            assert!(error.to_string().ends_with("does not film 320x240 at 7 fps; it has 320x240 YUY2 30"), "{error}");
        },
    );
}

#[test]
fn row_37_a_camera_that_is_unplugged_leaves_a_dark_picture_until_it_is_back() {
    session::inside("cameras::row_37_a_camera_that_is_unplugged_leaves_a_dark_picture_until_it_is_back", |session| {
        let camera = session.camera(320, 240);
        let meter = Meter::new();
        let mut live = open("Stand-in", None, &meter).unwrap();
        until(&mut live, "a frame", |frame| !is_dark(frame));
        drop(camera);
        let dark = until(&mut live, "the placeholder", is_dark);
        assert!(dark.stamp.discontinuity);
        for _ in 0..5 {
            assert!(is_dark(&until(&mut live, "more of it", |_| true)), "a steady picture");
        }
        assert_eq!((said(&meter, "a darkened picture"), said(&meter, ": frames come again")), (1, 0));
        let _camera = session.camera(320, 240);
        let again = until(&mut live, "frames", |frame| !is_dark(frame));
        assert!(again.stamp.discontinuity);
        assert!(!until(&mut live, "more frames", |_| true).stamp.discontinuity);
        assert_eq!((said(&meter, "a darkened picture"), said(&meter, ": frames come again")), (1, 1));
    });
}

#[test]
fn row_37_a_camera_that_freezes_leaves_a_dark_picture_until_it_goes_on() {
    session::inside("cameras::row_37_a_camera_that_freezes_leaves_a_dark_picture_until_it_goes_on", |session| {
        let camera = session.camera(320, 240);
        let meter = Meter::new();
        let mut live = open("Stand-in", None, &meter).unwrap();
        until(&mut live, "a frame", |frame| !is_dark(frame));
        camera.freeze(true);
        until(&mut live, "the placeholder", is_dark);
        camera.freeze(false);
        assert!(until(&mut live, "frames", |frame| !is_dark(frame)).stamp.discontinuity);
        assert_eq!((said(&meter, "a darkened picture"), said(&meter, ": frames come again")), (1, 1));
    });
}

#[test]
fn row_38_a_camera_that_comes_back_with_another_size_is_brought_to_the_first() {
    session::inside("cameras::row_38_a_camera_that_comes_back_with_another_size_is_brought_to_the_first", |session| {
        let camera = session.camera(320, 240);
        let mut live = open("Stand-in", None, &Meter::new()).unwrap();
        until(&mut live, "a frame", |frame| !is_dark(frame));
        drop(camera);
        until(&mut live, "the placeholder", is_dark);
        // Wider than the first: black above and below, white between. `until` looks at the format.
        let _camera = session.camera(640, 360);
        let between =
            |frame: &Timed<Frame>| (frame.item.row(0, 120)[0], frame.item.row(0, 120)[319], frame.item.row(0, 3)[160]);
        until(&mut live, "frames of the other size", |frame| {
            let (left, right, above) = between(frame);
            left > 200 && right > 200 && above < 20
        });
    });
}
