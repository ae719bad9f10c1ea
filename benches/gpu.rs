//! Kernels on the CPU and their twins on a graphics card: `cargo bench --bench gpu`. What `alone` begins is one kernel over what lies on
//! the card already; all else has the way up and down in it, and may be several kernels in a row.
//!
//! Without a card it says so and measures nothing; STYLIZE_BENCH_SOFTWARE=1 takes a program that imitates one, whose times are
//! of use only to see that it works.

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
use pulp::Arch;
use stylize::compose::guide::Upscaler;
use stylize::compose::slopes::Slopes;
use stylize::compose::{self, Controls, LiveControls};
use stylize::control::Status;
use stylize::convert::planar::{planes, planes_mut};
use stylize::convert::resize::Resizer;
use stylize::convert::{cpu, gpu};
use stylize::filter::Filter;
use stylize::flow::{Crew, Stage};
use stylize::frame::{Colour, Frame, FrameFormat, Painted, PixelFormat, Size, Stamp, Timed, tight_planes};
use stylize::gpu::card::Card;
use stylize::gpu::context::{Choice, Wanted};
use stylize::gpu::kernels::{Kernel, Params, Variant};
use stylize::gpu::passes::{Inputs, Pass, Place};
use stylize::gpu::workshop::{Workshop, frame_bytes};
use stylize::pool::Pool;
use stylize::sink::window::offscreen::Offscreen;
use stylize::sink::window::{By, View};
use stylize::stabilise;
use stylize::tensor::{Border, DType, Tensor, TensorFormat, TensorPool};

const SIZE: Size = Size::new(1920, 1080);
/// Weights of luma.
const BT709: [f32; 3] = [0.2126, 0.7152, 0.0722];
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
                compose::cpu::mix(planes(&original), BT709, controls, planes_mut(&mut mixed));
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

/// A kernel on the card alone, in whose reads so many bytes lie already: only what it looks up goes up, and nothing comes down. The numbers
/// there do not matter to it.
fn time(criterion: &mut Criterion, workshop: &Workshop, pass: Pass, read_bytes: &[usize], table: &[u32]) {
    // No invocation has anything to do.
    let room = |writes, bytes| {
        let (variant, params, reads) = (Variant::planar(Kernel::Planar), Params::default(), vec![Place::Tensor]);
        Pass { variant, params, reads, writes, bytes }
    };
    let Pass { variant, params, reads, bytes, .. } = pass;
    let kernel = format!("{:?}", variant.kernel).to_lowercase();
    let mut passes: Vec<_> = (0..).map(Place::Between).zip(read_bytes).map(|(at, bytes)| room(at, *bytes)).collect();
    let reads = reads.into_iter().enumerate().map(|(number, place)| match place {
        Place::Taps | Place::Table => place,
        _ => Place::Between(number),
    });
    let (reads, writes) = (reads.collect(), Place::Between(read_bytes.len()));
    passes.push(Pass { variant, params, reads, writes, bytes });
    passes.push(room(Place::Target, 4));
    criterion.bench_function(&format!("alone/{SIZE}/{kernel}/gpu"), |bencher| {
        bencher.iter(|| workshop.run(Inputs { table, ..Inputs::default() }, &passes, |_| ()).unwrap());
    });
}

/// The kernels of conversion and composition, and those of the steps of a resize.
fn alone(criterion: &mut Criterion) {
    let Some(workshop) = workshop() else { return };
    let (len, blocks) = (SIZE.pixels(), Size::new(SIZE.width / 4, SIZE.height / 4));
    let (half, frame_len) = (Size::new(SIZE.width / 2, SIZE.height), frame_bytes(PixelFormat::I420, SIZE));
    let told = Params { invocations: len as u32, ..Params::of(&F32, SIZE, NONE) }.with_frame(PixelFormat::I420, SIZE);
    let of_frame = |kernel| Variant::new(kernel, Some(PixelFormat::I420), &F32);
    let planar = Variant::planar;
    let keep_colour = Variant { keep_colour: true, ..planar(Kernel::Compose) };
    let along_rows = Variant { along_rows: true, ..planar(Kernel::Resample) };
    let looking_up = |invocations: usize, lookup: [[u32; 4]; 2]| {
        let [first, second] = lookup;
        Params { invocations: invocations as u32, lookup: [first, second, [0; 4], [0; 4]], ..told }
    };
    let packing = Params { invocations: 3 * len as u32, ..told };
    let (across, along) = ([0.25, 0.5, 0.25, 0.0], [0.125, 0.375, 0.375, 0.125]);
    let unpacking = Params { invocations: frame_len as u32 / 4, across, along, ..told };
    let taps = workshop.taps(half.width, SIZE.width, Filter::Lanczos3);
    let sizes = [half.width, half.height, SIZE.width, SIZE.height];
    let resampling = looking_up(len, [sizes, [taps.first, taps.count, 0, 0]]);
    let into_blocks = looking_up(blocks.pixels(), [[SIZE.width, SIZE.height, blocks.width, 4], [0; 4]]);
    let of_blocks = looking_up(blocks.pixels(), [[blocks.width, blocks.height, 0, 0], [0; 4]]);
    let detailing = looking_up(len, [[blocks.height, 0, 0, 0], [0; 4]]);
    // Eleven means of each block, of which three slopes are made.
    let (means, slopes) = (44 * blocks.pixels(), 12 * SIZE.width as usize * blocks.height as usize);
    for (variant, params, reads, bytes) in [
        (of_frame(Kernel::Pack), packing, vec![frame_len], 12 * len),
        (of_frame(Kernel::Unpack), unpacking, vec![12 * len], frame_len),
        (planar(Kernel::Planar), told, vec![12 * len], 12 * len),
        (planar(Kernel::Luma), told, vec![12 * len], 4 * len),
        (planar(Kernel::Blocks), into_blocks, vec![16 * len], means),
        (planar(Kernel::Slopes), of_blocks, vec![means], 12 * blocks.pixels()),
        (planar(Kernel::Detail), detailing, vec![12 * len, 16 * len, slopes], 12 * len),
        (keep_colour, told, vec![12 * len, 12 * len], 12 * len),
    ] {
        let pass = Pass { variant, params, reads: vec![Place::Frame; reads.len()], writes: Place::Target, bytes };
        time(criterion, &workshop, pass, &reads, &[]);
    }
    let (reads, writes) = (vec![Place::Frame, Place::Taps], Place::Target);
    let pass = Pass { variant: along_rows, params: resampling, reads, writes, bytes: 4 * len };
    time(criterion, &workshop, pass, &[4 * half.pixels()], &[]);
    twins(criterion);
}

/// Their twins, as far as those are functions of their own; `blocks` and `slopes` are one.
fn twins(criterion: &mut Criterion) {
    let (arch, half) = (Arch::new(), Size::new(SIZE.width / 2, SIZE.height));
    let picture = packed(&frame(PixelFormat::I420), TensorFormat::PLANAR);
    let rgb = planes(&picture);
    let (mut plane, mut out) = (vec![0.0; SIZE.pixels()], TensorPool::new().lend(TensorFormat::PLANAR, SIZE));
    let mut time = |name: &str, kernel: &mut dyn FnMut()| {
        criterion.bench_function(&format!("alone/{SIZE}/{name}/cpu"), |bencher| bencher.iter(&mut *kernel));
    };
    time("planar", &mut || {
        let _ = black_box(cpu::planar(&picture, NONE, black_box(&mut out)));
    });
    time("luma", &mut || compose::cpu::luma(arch, rgb, BT709, black_box(&mut plane)));
    let mut slopes = Slopes::default();
    time("blocks-slopes", &mut || black_box(&mut slopes).measure(arch, rgb[0], rgb, SIZE));
    time("detail", &mut || {
        for detailed in rgb {
            compose::cpu::add_scaled(arch, detailed, rgb[0], [rgb[1]; 2], [0.5; 2], black_box(&mut plane));
        }
    });
    let controls = Controls { strength: 0.5, keep_colour: true, ..Controls::default() };
    time("compose", &mut || compose::cpu::mix(rgb, BT709, controls, planes_mut(black_box(&mut out))));
    let (mut resizer, narrow) = (Resizer::new(), &rgb[0][..half.pixels()]);
    time("resample", &mut || {
        resizer.resize_plane(narrow, half, black_box(&mut plane), SIZE, Filter::Lanczos3).unwrap();
    });
}

/// The kernels of the stabiliser; their twins are measured by `steady` alone, since it has no other name for them.
fn alone_in_the_stabiliser(criterion: &mut Criterion) {
    let Some(workshop) = workshop() else { return };
    let frame = frame(PixelFormat::I420);
    let controls = LiveControls::new(Controls { stabilise: 0.8, ..Controls::default() });
    let (mut stabilise, mut table) = (stabilise::gpu::Stabilise::new(controls), Vec::new());
    let mut passes = |seq| {
        table.clear();
        let stamp = Stamp { seq, ..Stamp::default() };
        let mix = stabilise.mix(&workshop, (&stamp, &frame), (frame.format(), Place::Frame), &mut table);
        mix.map(|mix| mix.passes).unwrap()
    };
    // Only the second painting has one before it.
    passes(0);
    let [steady, texture, weigh, restore] = passes(1);
    let (len, blocks) =
        (frame_bytes(PixelFormat::I420, SIZE), (SIZE.width.div_ceil(8) * SIZE.height.div_ceil(8)) as usize);
    time(criterion, &workshop, steady, &[len, len + 4], &table);
    time(criterion, &workshop, texture, &[len, len], &[]);
    time(criterion, &workshop, weigh, &[16 * blocks], &[]);
    time(criterion, &workshop, restore, &[len, len, 8 * blocks], &[]);
}

/// A whole window of the size of the picture, read back; on the CPU that is `sink::window::sketch`.
fn show(criterion: &mut Criterion) {
    if workshop().is_none() {
        return;
    }
    for pixels in PixelFormat::ALL {
        let frames = Painted { original: frame(pixels), frame: frame(pixels) };
        for (name, by) in [("cpu", By::Processor), ("gpu", By::Card)] {
            let mut window = Offscreen::open(SIZE, 1.0, by).unwrap();
            criterion.bench_function(&format!("show/{SIZE}/{pixels:?}/{name}"), |bencher| {
                bencher.iter(|| window.draw(Some(&frames), &View::default(), &Status::default(), None).unwrap());
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = alone, alone_in_the_stabiliser, pack, unpack, compose_and_unpack, enlarge, steady, show
}
criterion_main!(benches);
