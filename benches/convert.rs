//! The kernels of conversion and composition on one core: `cargo bench --bench convert`.
//!
//! A frame of 1920x1080, I420 or NV12, is to become an f32 NCHW tensor, and the other way round, in at most 2.5 ms; HDR of 10 bits is to be tone-mapped in at most 40 ms.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use stylize::compose::guide::Upscaler;
use stylize::compose::{Controls, cpu as compose};
use stylize::convert::cpu;
use stylize::convert::planar::{planes, planes_mut};
use stylize::convert::raw::{Chroma, Narrow, RawFormat, RawFrame};
use stylize::convert::resize::Resizer;
use stylize::convert::tone::Light;
use stylize::flow::Crew;
use stylize::frame::{Colour, Frame, FrameFormat, Matrix, PixelFormat, Plane, Primaries, Size, tight_planes};
use stylize::tensor::{Border, DType, Layout, Tensor, TensorFormat, TensorPool};

const FULL_HD: Size = Size::new(1920, 1080);
const HD: Size = Size::new(1280, 720);
const F32: TensorFormat = TensorFormat { gain: [255.0; 3], ..TensorFormat::PLANAR };

fn frame(size: Size, pixels: PixelFormat) -> Frame {
    let (planes, len) = tight_planes(pixels, size);
    let bytes: Vec<u8> = (0..len).map(|i| (i.wrapping_mul(2_654_435_761) >> 9) as u8).collect();
    let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
    Frame::new(format, planes, Arc::new(bytes)).expect("tight planes fit")
}

fn packed(size: Size, pixels: PixelFormat, format: TensorFormat) -> (Frame, Tensor) {
    let frame = frame(size, pixels);
    let mut tensor = TensorPool::new().lend(format, size);
    cpu::pack(&Crew::alone(), &frame, Border::default(), &mut tensor);
    (frame, tensor)
}

fn pack_and_unpack(criterion: &mut Criterion) {
    let u8_nhwc = TensorFormat { dtype: DType::U8, layout: Layout::Nhwc, ..F32 };
    let cases = [
        ("f32-nchw", FULL_HD, F32),
        ("f32-nchw", HD, F32),
        ("f16-nchw", FULL_HD, TensorFormat { dtype: DType::F16, ..F32 }),
        ("u8-nchw", FULL_HD, TensorFormat { dtype: DType::U8, ..F32 }),
        ("u8-nhwc", FULL_HD, u8_nhwc),
    ];
    for (name, size, format) in cases {
        for pixels in [PixelFormat::I420, PixelFormat::Nv12] {
            let (frame, mut tensor) = packed(size, pixels, format);
            criterion.bench_function(&format!("pack/{size}/{pixels:?}/{name}"), |bencher| {
                bencher.iter(|| cpu::pack(&Crew::alone(), &frame, Border::default(), black_box(&mut tensor)));
            });
            let (planes, len) = tight_planes(pixels, size);
            let mut bytes = vec![0; len];
            criterion.bench_function(&format!("unpack/{size}/{pixels:?}/{name}"), |bencher| {
                bencher.iter(|| {
                    cpu::unpack(
                        &Crew::alone(),
                        &tensor,
                        Border::default(),
                        frame.format(),
                        &planes,
                        black_box(&mut bytes),
                    )
                });
            });
        }
    }
}

fn raw(criterion: &mut Criterion) {
    let colour = Colour { matrix: Matrix::Bt2020, primaries: Primaries::Bt2020, ..Colour::assumed_for(FULL_HD) };
    for (name, light) in [("sdr", Light::Relative), ("pq", Light::Pq { peak_nits: None }), ("hlg", Light::Hlg)] {
        let format = RawFormat { size: FULL_HD, bits: 10, chroma: Chroma::Quarter, colour, light };
        let (mut planes, len) = tight_planes(PixelFormat::I420, FULL_HD);
        for plane in &mut planes {
            *plane = Plane { offset_bytes: 2 * plane.offset_bytes, stride_bytes: 2 * plane.stride_bytes };
        }
        // Codes of limited range, chroma not far from grey.
        let code = |i: usize| if i < FULL_HD.pixels() { 64 + i * 7919 % 877 } else { 412 + i * 31 % 200 };
        let bytes: Vec<u8> = (0..len).flat_map(|i| (code(i) as u16).to_le_bytes()).collect();
        let frame = RawFrame::new(format, planes, &bytes).expect("tight planes fit");
        let mut narrow = Narrow::new();
        criterion.bench_function(&format!("raw/{FULL_HD}/10-bit-{name}"), |bencher| {
            bencher.iter(|| narrow.narrow(black_box(&frame)).expect("a checked picture"));
        });
    }
}

fn mix(criterion: &mut Criterion) {
    let (_, original) = packed(FULL_HD, PixelFormat::I420, TensorFormat::PLANAR);
    let (_, mut styled) = packed(FULL_HD, PixelFormat::Nv12, TensorFormat::PLANAR);
    for keep_colour in [false, true] {
        // Full strength costs the same as any other, and the picture, mixed again and again, stays what it is.
        let controls = Controls { keep_colour, ..Controls::default() };
        criterion.bench_function(&format!("mix/{FULL_HD}/keep-colour-{keep_colour}"), |bencher| {
            let weights = [0.2126, 0.7152, 0.0722];
            bencher.iter(|| compose::mix(planes(&original), weights, controls, planes_mut(black_box(&mut styled))));
        });
    }
}

fn resize(criterion: &mut Criterion) {
    let (original, full) = packed(FULL_HD, PixelFormat::I420, TensorFormat::PLANAR);
    let (_, mut net) = packed(HD, PixelFormat::I420, TensorFormat::PLANAR);
    let mut out = TensorPool::new().lend(TensorFormat::PLANAR, FULL_HD);
    let mut resizer = Resizer::new();
    criterion.bench_function(&format!("lanczos/{FULL_HD}-to-{HD}"), |bencher| {
        bencher.iter(|| resizer.resize(&full, black_box(&mut net)));
    });
    criterion.bench_function(&format!("lanczos/{HD}-to-{FULL_HD}"), |bencher| {
        bencher.iter(|| resizer.resize(&net, black_box(&mut out)));
    });
    let mut upscaler = Upscaler::new(TensorPool::new());
    criterion.bench_function(&format!("guided/{HD}-to-{FULL_HD}"), |bencher| {
        bencher.iter(|| upscaler.resize(&net, &original, black_box(&mut out)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = pack_and_unpack, raw, mix, resize
}
criterion_main!(benches);
