//! The stabiliser on one core, and on all: `cargo bench --bench stabilise`. A frame of 1280x720 is to take at most 3 ms on one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use stylize::compose::{Controls, LiveControls};
use stylize::flow::{Crew, Stage};
use stylize::frame::{Colour, Frame, FrameFormat, Painted, PixelFormat, Size, Stamp, Timed, tight_planes};
use stylize::pool::Pool;
use stylize::stabilise::Stabilise;

/// Waves that move two pixels a frame, with a little noise.
fn frame(size: Size, pixels: PixelFormat, moment: usize) -> Frame {
    let (planes, len) = tight_planes(pixels, size);
    let mut bytes = vec![128_u8; len];
    let (row_bytes, rows) = pixels.plane_extent(0, size);
    for y in 0..rows {
        for x in 0..row_bytes {
            let wave = (((x + 2 * moment) as f32) * 0.05).sin() + (y as f32 * 0.07).cos();
            let noise = ((x * 31 + y * 17 + moment * 7).wrapping_mul(2_654_435_761) >> 13) & 3;
            bytes[planes[0].offset_bytes + y * planes[0].stride_bytes + x] = (128.0 + 50.0 * wave) as u8 + noise as u8;
        }
    }
    let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
    Frame::new(format, planes, Arc::new(bytes)).expect("tight planes fit")
}

fn steady(criterion: &mut Criterion) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let crews = [Crew::alone(), Crew::of(cores)];
    for (size, pixels) in [
        (Size::new(1280, 720), PixelFormat::I420),
        (Size::new(1920, 1080), PixelFormat::I420),
        (Size::new(1280, 720), PixelFormat::Rgbx),
    ] {
        let frames: Vec<_> = (0..4).map(|moment| frame(size, pixels, moment)).collect();
        for crew in &crews {
            let controls = LiveControls::new(Controls { stabilise: 0.8, ..Controls::default() });
            let mut stage = Stabilise::new(controls, Pool::new()).with(crew.clone());
            let mut seq = 0_usize;
            criterion.bench_function(&format!("stabilise/{size}/{pixels:?}/cores-{}", crew.count()), |bencher| {
                bencher.iter(|| {
                    // There and back again, so that every pair is one step apart.
                    let frame = frames[[0, 1, 2, 3, 2, 1][seq % 6]].clone();
                    seq += 1;
                    let stamp = Stamp { seq: seq as u64, ..Stamp::default() };
                    let item = Painted { original: frame.clone(), frame };
                    black_box(stage.process(Timed { stamp, item }).unwrap());
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = steady
}
criterion_main!(benches);
