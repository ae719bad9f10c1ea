//! Each kernel on the CPU and its twin on a graphics card, the way up and down included: `cargo bench --bench gpu`.
//!
//! Without a card it says so and measures nothing; STYLIZE_BENCH_SOFTWARE=1 takes a program that imitates one, whose times are
//! of use only to see that it works. `show` draws on a window and has no twin.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and says where it ran"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use stylize::compose::guide::Upscaler;
use stylize::compose::{self, Controls, LiveControls};
use stylize::convert::planar::{planes, planes_mut};
use stylize::convert::resize::Resizer;
use stylize::convert::{cpu, gpu};
use stylize::flow::{Crew, Stage};
use stylize::frame::{Colour, Frame, FrameFormat, Painted, PixelFormat, Size, Stamp, Timed, tight_planes};
use stylize::gpu::card::Card;
use stylize::gpu::context::{Choice, Wanted};
use stylize::gpu::workshop::Workshop;
use stylize::pool::Pool;
use stylize::stabilise;
use stylize::tensor::{Border, DType, Tensor, TensorFormat, TensorPool};

const SIZE: Size = Size::new(1920, 1080);
const NONE: Border = Border { left: 0, top: 0, right: 0, bottom: 0 };
const F32: TensorFormat = TensorFormat { gain: [255.0; 3], ..TensorFormat::PLANAR };
const FORMATS: [(&str, TensorFormat); 3] = [
    ("f32", F32),
    ("f16", TensorFormat { dtype: DType::F16, ..F32 }),
    ("u8", TensorFormat { dtype: DType::U8, ..F32 }),
];

/// The card, unless there is none.
fn workshop() -> Option<Arc<Workshop>> {
    let software = std::env::var_os("STYLIZE_BENCH_SOFTWARE").is_some_and(|value| value == "1");
    match Card::open(&Choice { wanted: Wanted::Best, software }) {
        Ok(card) => {
            println!("on {}", card.name());
            card.workshop()
        }
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

fn frame(pixels: PixelFormat) -> Frame {
    let (planes, len) = tight_planes(pixels, SIZE);
    let bytes: Vec<u8> = (0..len).map(|i: usize| (i.wrapping_mul(2_654_435_761) >> 9) as u8).collect();
    let format = FrameFormat { size: SIZE, pixels, colour: Colour::assumed_for(SIZE) };
    Frame::new(format, planes, Arc::new(bytes)).expect("tight planes fit")
}

fn packed(frame: &Frame, format: TensorFormat) -> Tensor {
    let mut tensor = TensorPool::new().lend(format, SIZE);
    cpu::pack(&Crew::alone(), frame, NONE, &mut tensor);
    tensor
}

fn pack(criterion: &mut Criterion) {
    let Some(workshop) = workshop() else { return };
    for pixels in PixelFormat::ALL {
        let frame = frame(pixels);
        for (name, format) in FORMATS {
            let mut tensor = packed(&frame, format);
            criterion.bench_function(&format!("pack/{SIZE}/{pixels:?}/{name}/cpu"), |bencher| {
                bencher.iter(|| cpu::pack(&Crew::alone(), &frame, NONE, black_box(&mut tensor)));
            });
            criterion.bench_function(&format!("pack/{SIZE}/{pixels:?}/{name}/gpu"), |bencher| {
                bencher.iter(|| gpu::pack(&workshop, &frame, NONE, black_box(&mut tensor)).unwrap());
            });
        }
    }
}

fn unpack(criterion: &mut Criterion) {
    let Some(workshop) = workshop() else { return };
    for pixels in PixelFormat::ALL {
        let frame = frame(pixels);
        let (planes, len) = tight_planes(pixels, SIZE);
        let mut bytes = vec![0; len];
        for (name, format) in FORMATS {
            let tensor = packed(&frame, format);
            criterion.bench_function(&format!("unpack/{SIZE}/{pixels:?}/{name}/cpu"), |bencher| {
                bencher.iter(|| {
                    cpu::unpack(&Crew::alone(), &tensor, NONE, frame.format(), &planes, black_box(&mut bytes))
                });
            });
            criterion.bench_function(&format!("unpack/{SIZE}/{pixels:?}/{name}/gpu"), |bencher| {
                bencher.iter(|| {
                    gpu::unpack(&workshop, &tensor, NONE, frame.format(), &planes, black_box(&mut bytes)).unwrap()
                });
            });
        }
    }
}

/// On a card the mix goes on to unpack without coming down; so does the twin here.
fn compose_and_unpack(criterion: &mut Criterion) {
    let Some(workshop) = workshop() else { return };
    let frame = frame(PixelFormat::I420);
    let original = packed(&frame, TensorFormat::PLANAR);
    let styled = packed(&frame, TensorFormat::PLANAR);
    let (rows, len) = tight_planes(PixelFormat::I420, SIZE);
    let mut bytes = vec![0; len];
    for keep_colour in [false, true] {
        let controls = Controls { strength: 0.5, keep_colour, ..Controls::default() };
        let mut mixed = TensorPool::new().lend(TensorFormat::PLANAR, SIZE);
        criterion.bench_function(&format!("compose-unpack/{SIZE}/keep-colour-{keep_colour}/cpu"), |bencher| {
            bencher.iter(|| {
                mixed.values.bytes_mut().copy_from_slice(styled.values.bytes());
                compose::cpu::mix(planes(&original), [0.2126, 0.7152, 0.0722], controls, planes_mut(&mut mixed));
                cpu::unpack(&Crew::alone(), &mixed, NONE, frame.format(), &rows, black_box(&mut bytes))
            });
        });
        criterion.bench_function(&format!("compose-unpack/{SIZE}/keep-colour-{keep_colour}/gpu"), |bencher| {
            bencher.iter(|| {
                let (source, painted) = ((&frame, controls), (&styled, NONE));
                compose::gpu::paint(&workshop, source, painted, frame.format(), &rows, black_box(&mut bytes)).unwrap()
            });
        });
    }
}

/// Half the size, enlarged with the detail of the original; the mix of other sizes costs as much more as that of the same.
fn enlarge(criterion: &mut Criterion) {
    let Some(workshop) = workshop() else { return };
    let frame = frame(PixelFormat::I420);
    let net = Size::new(SIZE.width / 2, SIZE.height / 2);
    let pool = TensorPool::new();
    let mut styled = pool.lend(TensorFormat::PLANAR, net);
    Resizer::new().resize(&packed(&frame, TensorFormat::PLANAR), &mut styled).unwrap();
    let (rows, len) = tight_planes(PixelFormat::I420, SIZE);
    let mut bytes = vec![0; len];
    let (mut upscaler, mut out) = (Upscaler::new(pool.clone()), pool.lend(TensorFormat::PLANAR, SIZE));
    criterion.bench_function(&format!("enlarge-unpack/{net}-{SIZE}/cpu"), |bencher| {
        bencher.iter(|| {
            upscaler.resize(&styled, &frame, &mut out).unwrap();
            cpu::unpack(&Crew::alone(), &out, NONE, frame.format(), &rows, black_box(&mut bytes))
        });
    });
    criterion.bench_function(&format!("enlarge-unpack/{net}-{SIZE}/gpu"), |bencher| {
        bencher.iter(|| {
            let (source, painted) = ((&frame, Controls::default()), (&styled, NONE));
            compose::gpu::paint(&workshop, source, painted, frame.format(), &rows, black_box(&mut bytes)).unwrap()
        });
    });
}

/// The search for motion, which is the CPU's for both, included. On a card the painting is there already in a run; here it goes up.
fn steady(criterion: &mut Criterion) {
    let Some(workshop) = workshop() else { return };
    for pixels in PixelFormat::ALL {
        let frame = frame(pixels);
        let painted = || {
            let item = Painted { original: frame.clone(), frame: frame.clone() };
            Timed { stamp: Stamp::default(), item }
        };
        let controls = LiveControls::new(Controls { stabilise: 0.8, ..Controls::default() });
        let mut on_cpu = stabilise::Stabilise::new(controls.clone(), Pool::new());
        criterion.bench_function(&format!("steady/{SIZE}/{pixels:?}/cpu"), |bencher| {
            bencher.iter(|| black_box(on_cpu.process(painted()).unwrap()));
        });
        let (planes, len) = tight_planes(pixels, SIZE);
        let mut bytes = vec![0; len];
        let mut on_card = stabilise::gpu::Stabilise::new(controls);
        criterion.bench_function(&format!("steady/{SIZE}/{pixels:?}/gpu"), |bencher| {
            bencher.iter(|| on_card.process(&workshop, &painted(), &planes, black_box(&mut bytes)).unwrap());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = pack, unpack, compose_and_unpack, enlarge, steady
}
criterion_main!(benches);
