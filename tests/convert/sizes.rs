//! Pictures that a graphics card brings to another size, against those that the compose stage makes on the CPU.

use std::sync::Arc;

use stylize::compose::gpu::paint;
use stylize::compose::{Compose, Controls, LiveControls};
use stylize::convert::gpu::pack;
use stylize::convert::resize::Resizer;
use stylize::convert::{Pack, cpu};
use stylize::flow::Crew;
use stylize::flow::Stage;
use stylize::frame::{Colour, Frame, FrameFormat, PixelFormat, Size, Stamp, Timed, tight_planes};
use stylize::tensor::{Border, Channels, DType, Finite, Layout, Styled, Tensor, TensorFormat, TensorPool};

use super::gpu::workshop;
use super::{BORDER, Errors, index, noisy_frame, noisy_tensor, padded_planes, raw, set};

/// Of the original, of the network's picture, of the output.
type Sizes = [Size; 3];

const fn sizes(original: (u32, u32), net: (u32, u32), out: (u32, u32)) -> Sizes {
    [Size::new(original.0, original.1), Size::new(net.0, net.1), Size::new(out.0, out.1)]
}

/// Sizes at which the original has detail that the network did not see.
const ENLARGED: [Sizes; 6] = [
    sizes((80, 60), (40, 30), (80, 60)),
    sizes((97, 61), (33, 31), (97, 61)),
    sizes((64, 48), (32, 24), (161, 121)),
    sizes((161, 121), (48, 20), (90, 66)),
    sizes((37, 18), (5, 3), (37, 18)),
    // Wider alone, then higher alone, than what the network saw.
    sizes((90, 31), (45, 31), (90, 31)),
];

/// Sizes at which the picture is resized alone.
const PLAIN: [Sizes; 5] = [
    sizes((48, 36), (96, 64), (48, 36)),
    sizes((96, 64), (96, 64), (41, 35)),
    sizes((33, 20), (64, 48), (128, 96)),
    sizes((20, 31), (20, 62), (20, 31)),
    sizes((2, 2), (7, 5), (1, 1)),
];

/// Tiles with sharp edges, which a small picture has not, at a place in 0..=1.
fn scene(x: f64, y: f64) -> [f64; 3] {
    let wave = (25.0 * x + 7.0 * y).sin().signum() * (17.0 * y + 3.0 * x).cos().signum();
    [0.5 + 0.35 * wave, 0.45 + 0.3 * wave, 0.3 + 0.2 * wave + 0.2 * x * y]
}

/// The scene as a frame, with padding between rows.
fn original(format: FrameFormat) -> Frame {
    let mut tensor = TensorPool::new().lend(TensorFormat::PLANAR, format.size);
    fill(&mut tensor, Border::default(), scene);
    let (planes, len) = padded_planes(format.pixels, format.size, 3);
    let mut bytes = vec![0xA5; len];
    assert_eq!(cpu::unpack(&Crew::alone(), &tensor, Border::default(), format, &planes, &mut bytes), Finite::Yes);
    Frame::new(format, planes, Arc::new(bytes)).unwrap()
}

/// A painting of the scene: darker where that is brighter.
fn painting(format: TensorFormat, net: Size, border: Border) -> Tensor {
    let mut tensor = noisy_tensor(format, net, border);
    fill(&mut tensor, border, |x, y| scene(x, y).map(|value| 0.9 - 0.8 * value));
    tensor
}

fn fill(tensor: &mut Tensor, border: Border, of: impl Fn(f64, f64) -> [f64; 3]) {
    let size = border.inner(tensor.size);
    for y in 0..size.height {
        for x in 0..size.width {
            let place = |at: u32, side: u32| (f64::from(at) + 0.5) / f64::from(side);
            for (channel, value) in of(place(x, size.width), place(y, size.height)).into_iter().enumerate() {
                let at = index(tensor, (x + border.left) as usize, (y + border.top) as usize, channel);
                set(tensor, at, value);
            }
        }
    }
}

/// What the CPU makes of it.
fn painted_by_cpu(original: &Frame, controls: Controls, tensor: Tensor, format: FrameFormat) -> Vec<u8> {
    let mut compose = Compose::new(format.size, LiveControls::new(controls), TensorPool::new());
    let item = Styled { original: original.clone(), tensor, border: BORDER };
    let Styled { tensor, border, .. } = compose.process(Timed { stamp: Stamp::default(), item }).unwrap().item;
    let (planes, len) = tight_planes(format.pixels, format.size);
    let mut out = vec![0; len];
    assert_eq!(cpu::unpack(&Crew::alone(), &tensor, border, format, &planes, &mut out), Finite::Yes);
    out
}

fn errors_of(got: &[u8], wanted: &[u8]) -> Errors {
    let mut errors = Errors::default();
    got.iter().zip(wanted).for_each(|(got, wanted)| errors.see(f64::from(*got) - f64::from(*wanted)));
    errors
}

/// A tensor format, and again the same one as bytes.
fn formats() -> [TensorFormat; 3] {
    let wide = TensorFormat { gain: [255.0; 3], ..TensorFormat::PLANAR };
    [
        TensorFormat { channels: Channels::Bgr, ..wide },
        TensorFormat { dtype: DType::U8, layout: Layout::Nhwc, ..wide },
        TensorFormat { dtype: DType::F16, gain: [2.0; 3], bias: [-1.0; 3], ..wide },
    ]
}

fn check(sizes: Sizes, painted: impl Fn(FrameFormat) -> Frame, styled: impl Fn(TensorFormat, Size, Border) -> Tensor) {
    let Some(workshop) = workshop() else { return };
    let [full, net, out] = sizes;
    for (tensor_format, pixels) in formats().into_iter().zip(PixelFormat::ALL) {
        let colour = Colour::assumed_for(full);
        let original = painted(FrameFormat { size: full, pixels, colour });
        for (strength, keep_colour) in [(1.0, false), (0.4, false), (1.0, true), (0.7, true)] {
            let controls = Controls { strength, keep_colour, ..Controls::default() };
            let format = FrameFormat { size: out, pixels, colour };
            let (planes, len) = tight_planes(pixels, out);
            let mut got = vec![0; len];
            let tensor = styled(tensor_format, net, BORDER);
            let given = ((&original, controls), (&tensor, BORDER));
            assert_eq!(paint(&workshop, given.0, given.1, format, &planes, &mut got), Ok(Finite::Yes));
            let wanted = painted_by_cpu(&original, controls, tensor, format);
            let errors = errors_of(&got, &wanted);
            // Both round what they have; where bytes are halved, many lie midway between two codes.
            let what = (sizes, pixels, controls);
            assert!(errors.greatest <= 1.0, "{what:?}: greatest error {}", errors.greatest);
            assert!(errors.mean() <= 0.02, "{what:?}: mean error {}", errors.mean());
        }
    }
}

#[test]
fn a_picture_that_a_card_enlarges_is_that_of_its_twin() {
    for sizes in ENLARGED {
        check(sizes, original, painting);
        check(sizes, |format| noisy_frame(format, 3), noisy_tensor);
    }
}

#[test]
fn a_picture_that_a_card_resizes_without_more_detail_is_that_of_its_twin() {
    for sizes in PLAIN {
        check(sizes, original, painting);
        check(sizes, |format| noisy_frame(format, 3), noisy_tensor);
    }
}

#[test]
fn a_tensor_that_a_card_makes_at_another_size_is_that_of_its_twin() {
    let Some(workshop) = workshop() else { return };
    for [full, net, _] in ENLARGED.into_iter().chain(PLAIN) {
        for (tensor_format, pixels) in formats().into_iter().zip(PixelFormat::ALL) {
            let frame = original(FrameFormat { size: full, pixels, colour: Colour::assumed_for(full) });
            let mut got = TensorPool::new().lend(tensor_format, BORDER.outer(net));
            pack(&workshop, &frame, BORDER, &mut got).unwrap();
            let mut on_cpu = Pack::new(net, BORDER, tensor_format, TensorPool::new());
            let wanted = on_cpu.process(Timed { stamp: Stamp::default(), item: frame }).unwrap().item.tensor;
            let mut errors = Errors::default();
            let steps = 255.0 / f64::from(tensor_format.gain[0]);
            for i in 0..wanted.values.len() {
                errors.see(steps * (raw(&got, i) - raw(&wanted, i)));
            }
            // Bytes are rounded; half precision of −1..1 has steps of 1/2048 below 1.
            let greatest = match tensor_format.dtype {
                DType::U8 => 1.0,
                DType::F16 => 0.13,
                DType::F32 => 0.001,
            };
            let what = (full, net, tensor_format);
            assert!(errors.greatest <= greatest, "{what:?}: greatest error {}", errors.greatest);
            assert!(errors.mean() <= 0.01, "{what:?}: mean error {}", errors.mean());
        }
    }
}

#[test]
fn the_detail_that_comes_back_is_worth_the_comparison() {
    let [full, net, out] = ENLARGED[0];
    let format = FrameFormat { size: full, pixels: PixelFormat::Rgbx, colour: Colour::assumed_for(full) };
    let styled = || painting(TensorFormat::PLANAR, net, BORDER);
    let guided = painted_by_cpu(&original(format), Controls::default(), styled(), format);
    let pool = TensorPool::new();
    let [mut small, mut large] = [net, out].map(|size| pool.lend(TensorFormat::PLANAR, size));
    assert_eq!(cpu::planar(&styled(), BORDER, &mut small), Finite::Yes);
    Resizer::new().resize(&small, &mut large).unwrap();
    let (planes, len) = tight_planes(format.pixels, out);
    let mut plain = vec![0; len];
    assert_eq!(cpu::unpack(&Crew::alone(), &large, Border::default(), format, &planes, &mut plain), Finite::Yes);
    let detail = errors_of(&plain, &guided);
    assert!(detail.greatest > 10.0 && detail.mean() > 0.5, "{} {}", detail.greatest, detail.mean());
}

#[test]
fn what_is_no_number_is_seen_where_a_card_resizes() {
    let Some(workshop) = workshop() else { return };
    let [full, net, out] = ENLARGED[1];
    for pixels in PixelFormat::ALL {
        let format = FrameFormat { size: out, pixels, colour: Colour::assumed_for(out) };
        let original = original(FrameFormat { size: full, ..format });
        let (planes, len) = tight_planes(pixels, out);
        for (tensor, wanted) in super::spoilt(TensorFormat::PLANAR, net) {
            let given = ((&original, Controls::default()), (&tensor, BORDER));
            let seen = paint(&workshop, given.0, given.1, format, &planes, &mut vec![0; len]);
            assert_eq!(seen, Ok(wanted), "{pixels:?}");
        }
    }
}
