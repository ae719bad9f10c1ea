//! Shows a picture in the window, beside what a painting of it would be, and says on standard output what is wished:
//! `cargo run --example window -- PICTURE [PAINTED]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks")]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use stylize::Frame;
use stylize::control::{Board, RecordingState, Screen, Wish};
use stylize::frame::{Colour, FrameFormat, Painted, PixelFormat, Size, Stamp, Timed, tight_planes};
use stylize::sink::window::{Options, open};

fn main() -> ExitCode {
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> Result<()> {
    let names: Vec<String> = env::args().skip(1).collect();
    let original = read(names.first().context("name a picture")?)?;
    let frame = names.get(1).map_or_else(|| Ok(original.clone()), |name| read(name))?;
    let board = board();
    let options = Options {
        title: "stylize: example".into(),
        size: original.size(),
        choice: Default::default(),
        board: board.clone(),
    };
    let (window, screen) = open(options)?;
    let painted = Painted { original, frame };
    let mut screen = Some(screen);
    let mut seq = 0;
    let tick = || {
        seq += 1;
        let stamp = Stamp { seq, captured: Some(Instant::now()), ..Stamp::default() };
        if let Some(screen) = &screen {
            screen.show(Timed { stamp, item: painted.clone() });
        }
    };
    let wish = |wish| {
        println!("{wish:?}");
        obey(&board, wish);
        wish == Wish::Quit
    };
    let shown = |latency: Duration| board.write(|status| status.latency = latency);
    let ended = window.run(tick, wish, shown, |_| {});
    screen = None;
    drop(screen);
    Ok(ended?)
}

/// What a run would tell at first.
fn board() -> Board {
    let board = Board::default();
    board.write(|status| {
        status.styles = ["wave", "udnie", "mosaic"].map(String::from).to_vec();
        status.style = Some(0);
        status.style_name = "wave".into();
        status.fps = 29.97;
        status.provider = "cpu".into();
        status.net_size = Some(Size::new(640, 360));
        status.strength = 1.0;
    });
    board
}

/// Tells that the wish is fulfilled, as a run would.
fn obey(board: &Board, wish: Wish) {
    board.write(|status| match wish {
        Wish::StrengthBy(step) => status.strength = (status.strength + step).clamp(0.0, 1.0),
        Wish::KeepColour => status.keep_colour = !status.keep_colour,
        Wish::Stabilise => status.stabilise = !status.stabilise,
        Wish::Freeze => status.frozen = !status.frozen,
        Wish::Original => status.strength = if status.strength > 0.0 { 0.0 } else { 1.0 },
        Wish::Record => {
            status.recording = match status.recording {
                RecordingState::None => RecordingState::Running(Duration::from_secs(7)),
                _ => RecordingState::None,
            };
        }
        Wish::Snapshot => status.note = (status.note.0 + 1, "saved stylize-20260102-030405.png".into()),
        Wish::Style(_) | Wish::StyleBy(_) | Wish::Quit => {}
    });
}

fn read(name: &str) -> Result<Frame> {
    let picture = image::open(name).with_context(|| name.to_owned())?.into_rgba8();
    let size = Size::new(picture.width(), picture.height());
    let format = FrameFormat { size, pixels: PixelFormat::Rgbx, colour: Colour::SRGB };
    let (planes, _) = tight_planes(format.pixels, size);
    Ok(Frame::new(format, planes, Arc::new(picture.into_raw()))?)
}
