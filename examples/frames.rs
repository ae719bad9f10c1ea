//! Paints frames that the program has itself, no file and no pipeline: `cargo run --release --example frames`.
#![allow(clippy::print_stdout, reason = "a program speaks")]

use std::sync::Arc;

use stylize::compose::{Controls, LiveControls};
use stylize::flow::Stage;
use stylize::frame::{Colour, FrameFormat, PixelFormat, Stamp, tight_planes};
use stylize::job::{Engine, Look, Studio};
use stylize::report::Meter;
use stylize::{Error, Frame, Result, Size, Timed};

fn main() -> Result<()> {
    let format = FrameFormat { size: Size::new(640, 360), pixels: PixelFormat::Rgbx, colour: Colour::SRGB };
    let engine = Engine::default();
    let controls = LiveControls::new(Look::default().controls);
    let meter = Meter::new();
    let mut stylizer = Studio::open(&engine)?.stylizer(&engine, format, controls.clone(), &meter)?;
    for seq in 0..25 {
        // What is changed here counts from the next frame on.
        controls.set(Controls { strength: seq as f32 / 24.0, ..controls.get() });
        let stamp = Stamp { seq, pts_nanos: Some(seq * 40_000_000), ..Stamp::default() };
        let painted = stylizer.process(Timed { stamp, item: gradient(format, seq)? })?;
        let first: Vec<_> = painted.item.row(0, 0).chunks(4).take(4).map(|pixel| &pixel[..3]).collect();
        println!("frame {seq}: its first pixels are {first:?}");
    }
    meter.warnings().iter().for_each(|warning| println!("{warning}"));
    Ok(())
}

/// Colours that wander.
fn gradient(format: FrameFormat, moment: u64) -> Result<Frame> {
    let (planes, len) = tight_planes(format.pixels, format.size);
    let width = format.size.width as usize;
    let pixel = |at: usize| [(at % width + moment as usize) as u8, (at / width) as u8, 128, 255];
    let bytes: Vec<u8> = (0..len / 4).flat_map(pixel).collect();
    Frame::new(format, planes, Arc::new(bytes)).map_err(|error| Error::Internal(error.to_string()))
}
