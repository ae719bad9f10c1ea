//! That hands change without a gap.

use super::super::desk::Wanted;
use super::*;
use crate::compose::Controls;
use crate::control::{Board, Wish};
use crate::flow::Stop;
use crate::frame::{Colour, PixelFormat, Stamp};
use crate::job::{Engine, Network, StyleChoice};
use crate::model::zoo;
use crate::options::Provider;
use crate::report::Meter;

fn grey(value: u8) -> Frame {
    let size = Size::new(6, 4);
    let format = FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) };
    let (planes, len) = tight_planes(format.pixels, size);
    Frame::new(format, planes, Arc::new(vec![value; len])).unwrap()
}

#[test]
fn a_fade_goes_from_one_picture_to_the_other() {
    let frames = Pool::new();
    for (share, wanted) in [(0.0, 20), (0.25, 65), (0.5, 110), (1.0, 200)] {
        let mixed = mix(&grey(20), &grey(200), share, &frames).unwrap();
        assert!(mixed.bytes().iter().all(|&value| value == wanted), "{share}: {:?}", mixed.row(0, 0));
    }
    assert!(mix(&grey(255), &grey(255), 0.3, &frames).unwrap().bytes().iter().all(|&value| value == 255));
}

/// A painter of tiny frames in the first style of the zoo.
fn painter(desk: &Desk, most: Option<u64>) -> Painter {
    let styles = zoo::styles().map(|name| StyleChoice::Zoo(Some(name.into()))).collect();
    painter_in(StyleChoice::Zoo(None), styles, desk, most)
}

/// A painter that begins with `first`, at the place of the first of `styles`.
fn painter_in(first: StyleChoice, styles: Vec<StyleChoice>, desk: &Desk, most: Option<u64>) -> Painter {
    let engine = Engine { style: first, provider: Provider::Cpu, threads: Some(1), ..Engine::default() };
    let network = Network::open(&engine).unwrap();
    let format = grey(0).format();
    let atelier = Atelier::new(engine, styles, format, desk.controls(), Meter::new());
    let hand = atelier.first(Key { style: 0, net: format.size }, &network).unwrap();
    Painter::new(desk.clone(), atelier, hand, None, Duration::from_secs(1), most)
}

fn desk(stop: &Stop) -> Desk {
    let board = Board::default();
    board.write(|status| status.styles = zoo::styles().map(String::from).collect());
    Desk::new(Controls::default(), Wanted::default(), board, stop.clone())
}

fn model(name: &str) -> StyleChoice {
    StyleChoice::File(format!("{}/tests/data/models/{name}", env!("CARGO_MANIFEST_DIR")).into())
}

fn paint(painter: &mut Painter, seq: u64) -> Timed<Painted> {
    painter.process(Timed { stamp: Stamp { seq, ..Stamp::default() }, item: grey(120) }).unwrap()
}

#[test]
fn styles_change_while_every_frame_is_painted() {
    let desk = desk(&Stop::new());
    let mut painter = painter(&desk, None);
    let names: Vec<_> = zoo::styles().collect();
    let (mut seq, since) = (0, Instant::now());
    for (wish, name) in [(Wish::StyleBy(1), names[1]), (Wish::Style(4), names[4]), (Wish::StyleBy(-4), names[0])] {
        desk.wish(wish);
        while desk.board().read().style_name != name || painter.fade.is_some() {
            assert_eq!(paint(&mut painter, seq).stamp.seq, seq);
            seq += 1;
            assert!(since.elapsed() < Duration::from_secs(60), "{name} does not come");
        }
    }
    // The first one was kept.
    assert!(painter.coming.is_none());
    desk.wish(Wish::Style(99));
    paint(&mut painter, seq);
    assert_eq!(desk.board().read().style_name, names[0]);
}

#[test]
fn a_style_that_still_fades_out_comes_back_at_once() {
    let desk = desk(&Stop::new());
    let mut painter = painter(&desk, None);
    let names: Vec<_> = zoo::styles().collect();
    let (mut seq, since) = (0, Instant::now());
    // On a busy machine a fade may be over before it is seen, or stand still.
    let mut wished = 0;
    while !matches!(&painter.fade, Some(Fade { from: Faded::Moving(_), .. })) {
        if painter.coming.is_none() && desk.board().read().style_name == names[wished] {
            wished = 1 - wished;
            desk.wish(Wish::Style(wished));
        }
        paint(&mut painter, seq);
        seq += 1;
        assert!(since.elapsed() < Duration::from_secs(60), "no style fades");
    }
    let now = painter.fade.as_ref().unwrap().since + FADE / 5;
    desk.wish(Wish::Style(1 - wished));
    painter.follow(now);
    assert!(painter.coming.is_none());
    assert_eq!(desk.board().read().style_name, names[1 - wished]);
    let since = painter.fade.as_ref().unwrap().since;
    assert_eq!(now - since, FADE * 4 / 5, "the fade goes on from where it was, not from the other style");
}

/// Paints until `done`.
fn paint_until(painter: &mut Painter, what: &str, done: impl Fn(&Painter) -> bool) {
    let since = Instant::now();
    for seq in 0.. {
        if done(painter) {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        paint(painter, seq);
    }
}

#[test]
fn a_model_of_the_users_own_has_a_place_among_the_styles() {
    let desk = desk(&Stop::new());
    let own = model("fixed.onnx");
    let styles = vec![own.clone(), StyleChoice::Zoo(Some("udnie".into()))];
    desk.board().write(|status| status.styles = ["fixed.onnx", "udnie"].map(String::from).to_vec());
    let mut painter = painter_in(own, styles, &desk, None);
    let name = desk.board().read().style_name;
    desk.wish(Wish::StyleBy(1));
    paint_until(&mut painter, "the other style", |_| desk.board().read().style_name == "udnie");
    desk.wish(Wish::StyleBy(1));
    paint_until(&mut painter, "the model again", |_| desk.board().read().style_name == name);
    assert_eq!(painter.hand.net, Size::new(64, 48));
}

#[test]
fn a_style_that_cannot_be_had_is_told_of_and_the_one_before_stays() {
    let desk = desk(&Stop::new());
    let styles = vec![StyleChoice::Zoo(Some("wave".into())), model("absent.onnx")];
    desk.board().write(|status| status.styles = ["wave", "absent.onnx"].map(String::from).to_vec());
    let mut painter = painter_in(StyleChoice::Zoo(None), styles, &desk, None);
    painter.ladder = Some(Ladder::new(painter.net, Duration::from_secs(1)));
    desk.wish(Wish::StyleBy(1));
    let told = |part: &str| desk.board().read().note.1.starts_with(part);
    paint_until(&mut painter, "the refusal", |_| told("the style cannot be changed: "));
    assert_eq!((desk.wanted().style, painter.ladder.is_some()), (0, true));
    // A size that does not run is another matter.
    painter.net = Size::new(2, 2);
    painter.give_up(Key { style: 0, net: painter.net }, &Error::Device("too small".into()));
    assert!(told("the network stays at 6x4") && painter.ladder.is_none());
    assert_eq!((painter.net, painter.atelier.meter().warnings().len()), (Size::new(6, 4), 2));
}

#[test]
fn a_model_of_one_size_is_shown_with_that_and_climbs_no_ladder() {
    let desk = desk(&Stop::new());
    let mut painter = painter_in(model("fixed.onnx"), vec![model("fixed.onnx")], &desk, None);
    painter.ladder = Some(Ladder::new(Size::new(6, 4), Duration::from_nanos(1)));
    painter.since = Some(Instant::now().checked_sub(Duration::from_secs(3)).unwrap());
    (0..3).for_each(|seq| drop(paint(&mut painter, seq)));
    assert_eq!(desk.board().read().net_size, Some(Size::new(64, 48)));
    assert_eq!(painter.net, Size::new(6, 4));
}

#[test]
fn a_frozen_picture_stays_and_its_time_goes_on() {
    let desk = desk(&Stop::new());
    let mut painter = painter(&desk, None);
    let first = paint(&mut painter, 0);
    desk.wish(Wish::Freeze);
    let frozen = paint(&mut painter, 1);
    assert_eq!(frozen.stamp.seq, 1);
    assert!(std::ptr::eq(frozen.item.frame.bytes(), first.item.frame.bytes()));
    desk.wish(Wish::Freeze);
    assert!(!std::ptr::eq(paint(&mut painter, 2).item.frame.bytes(), first.item.frame.bytes()));
}

#[test]
fn the_end_is_asked_for_after_the_last_frame_and_what_comes_then_goes_nowhere() {
    let stop = Stop::new();
    let mut painter = painter(&desk(&stop), Some(2));
    assert!(!paint(&mut painter, 0).stamp.rehearsed && !stop.asked());
    assert!(!paint(&mut painter, 1).stamp.rehearsed && stop.asked());
    assert!(paint(&mut painter, 2).stamp.rehearsed);
}
