//! The CPU kernels against a reference in double precision, written plainly from the definitions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::fmt::Debug;
use std::sync::Arc;

use half::f16;
use proptest::prelude::*;
use stylize::convert::cpu;
use stylize::flow::Crew;
use stylize::frame::{
    ChromaSite, Colour, Frame, FrameFormat, Matrix, PixelFormat, Plane, Range, Size, Timed, tight_planes,
};
use stylize::tensor::{Border, Channels, DType, Finite, Layout, Tensor, TensorFormat, TensorPool, Values};

#[path = "common/card.rs"]
mod card;
#[path = "common/dice.rs"]
mod dice;
#[path = "convert/gpu.rs"]
mod gpu;
#[path = "convert/mixed.rs"]
mod mixed;
#[path = "convert/reference.rs"]
mod reference;
#[path = "convert/sizes.rs"]
mod sizes;
#[path = "convert/stages.rs"]
mod stages;
#[path = "convert/tone.rs"]
mod tone;

use dice::Dice;

const SIZES: [Size; 8] = [
    Size::new(1, 1),
    Size::new(2, 2),
    Size::new(1, 4),
    Size::new(3, 5),
    Size::new(17, 33),
    Size::new(64, 48),
    Size::new(161, 121),
    Size::new(1030, 3),
];
const BORDER: Border = Border { left: 3, top: 2, right: 5, bottom: 7 };

fn colours() -> impl Iterator<Item = Colour> {
    let sites = [ChromaSite::Left, ChromaSite::Centre, ChromaSite::TopLeft];
    Matrix::ALL.into_iter().flat_map(move |matrix| {
        [Range::Limited, Range::Full].into_iter().flat_map(move |range| {
            sites.map(|chroma_site| Colour { matrix, range, chroma_site, ..Colour::assumed_for(Size::new(8, 8)) })
        })
    })
}

fn tensor_formats() -> impl Iterator<Item = TensorFormat> {
    [DType::U8, DType::F16, DType::F32].into_iter().flat_map(|dtype| {
        [Layout::Nchw, Layout::Nhwc].into_iter().flat_map(move |layout| {
            [Channels::Rgb, Channels::Bgr].map(|channels| {
                let (gain, bias) = match dtype {
                    DType::U8 => ([255.0; 3], [0.0; 3]),
                    DType::F16 => ([2.0; 3], [-1.0; 3]),
                    DType::F32 => ([4.367, 4.464, -4.444], [-2.118, -2.036, 1.804]),
                };
                TensorFormat { dtype, layout, channels, gain, bias }
            })
        })
    })
}

/// Planes with `padding` bytes behind each row and between them, and the number of bytes.
fn padded_planes(pixels: PixelFormat, size: Size, padding: usize) -> ([Plane; 3], usize) {
    let mut planes = [Plane::default(); 3];
    let mut end = padding;
    for (index, plane) in planes.iter_mut().enumerate().take(pixels.planes()) {
        let (row_bytes, rows) = pixels.plane_extent(index, size);
        *plane = Plane { offset_bytes: end, stride_bytes: row_bytes + padding };
        end += (row_bytes + padding) * rows + padding;
    }
    (planes, end)
}

fn noisy_frame(format: FrameFormat, padding: usize) -> Frame {
    let (planes, len) = padded_planes(format.pixels, format.size, padding);
    let mut dice = Dice(7);
    let bytes: Vec<u8> = (0..len).map(|_| dice.byte()).collect();
    Frame::new(format, planes, Arc::new(bytes)).unwrap()
}

/// A picture of R', G', B' some of which leave 0..=1, and the tensor that holds it (the border is full of nonsense).
fn noisy_tensor(format: TensorFormat, size: Size, border: Border) -> Tensor {
    let mut tensor = TensorPool::new().lend(format, border.outer(size));
    let mut dice = Dice(11);
    for i in 0..tensor.values.len() {
        set(&mut tensor, i, dice.unit() * 1.2 - 0.1);
    }
    tensor
}

/// Index and channel of red, green or blue of a pixel, border included.
fn index(tensor: &Tensor, x: usize, y: usize, channel: usize) -> usize {
    let (width, height) = (tensor.size.width as usize, tensor.size.height as usize);
    let place = if tensor.format.channels == Channels::Bgr { 2 - channel } else { channel };
    match tensor.format.layout {
        Layout::Nchw => (place * height + y) * width + x,
        Layout::Nhwc => (y * width + x) * 3 + place,
        Layout::Blocks4 => ((y / 4 * (width / 4) + x / 4) * 16 + y % 4 * 4 + x % 4) * 3 + place,
    }
}

fn raw(tensor: &Tensor, i: usize) -> f64 {
    match &tensor.values {
        Values::U8(values) => f64::from(values[i]),
        Values::F16(values) => values[i].to_f64(),
        Values::F32(values) => f64::from(values[i]),
    }
}

/// R', G' or B' that a value stands for.
fn get(tensor: &Tensor, x: usize, y: usize, channel: usize) -> f64 {
    let TensorFormat { gain, bias, .. } = tensor.format;
    (raw(tensor, index(tensor, x, y, channel)) - f64::from(bias[channel])) / f64::from(gain[channel])
}

/// Sets value `i`, whatever channel it is of: a scale of red does for noise.
fn set(tensor: &mut Tensor, i: usize, value: f64) {
    let value = value * f64::from(tensor.format.gain[0]) + f64::from(tensor.format.bias[0]);
    match &mut tensor.values {
        Values::U8(values) => values[i] = value.round() as u8,
        Values::F16(values) => values[i] = f16::from_f64(value),
        Values::F32(values) => values[i] = value as f32,
    }
}

/// Greatest and mean error, in steps of 8 bits.
#[derive(Default)]
struct Errors {
    greatest: f64,
    sum: f64,
    count: f64,
}

impl Errors {
    fn see(&mut self, difference: f64) {
        self.greatest = self.greatest.max(difference.abs());
        self.sum += difference.abs();
        self.count += 1.0;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

/// A kernel that packs.
type PackKernel<'a> = &'a dyn Fn(&Frame, Border, &mut Tensor);
/// A kernel that unpacks.
type UnpackKernel<'a> = &'a dyn Fn(&Tensor, Border, FrameFormat, &[Plane], &mut [u8]) -> Finite;

fn check_pack(frame: &Frame, format: TensorFormat, border: Border) {
    for crew in [Crew::alone(), Crew::of(3)] {
        check_pack_by(&|frame, border, out| cpu::pack(&crew, frame, border, out), frame, format, border);
    }
}

fn check_pack_by(pack: PackKernel<'_>, frame: &Frame, format: TensorFormat, border: Border) {
    let size = frame.size();
    let mut tensor = TensorPool::new().lend(format, border.outer(size));
    pack(frame, border, &mut tensor);
    let wanted = reference::rgb_of(frame);
    let mut errors = Errors::default();
    for y in 0..tensor.size.height as usize {
        for x in 0..tensor.size.width as usize {
            let from = |i: usize, before: u32, len: u32| reference::reflected(i as i64 - i64::from(before), len.into());
            let (px, py) = (from(x, border.left, size.width), from(y, border.top, size.height));
            for (channel, wanted) in wanted[py][px].iter().enumerate() {
                errors.see((get(&tensor, x, y, channel) - wanted) * 255.0);
            }
        }
    }
    // Bytes are rounded; half precision of −1..1 has steps of 1/2048 below 1.
    let (greatest, mean) = match format.dtype {
        DType::U8 => (0.501, 0.3),
        DType::F16 => (0.07, 0.05),
        DType::F32 => (0.001, 0.0005),
    };
    let what = (frame.format(), format);
    assert!(errors.greatest <= greatest, "{what:?}: greatest error {}", errors.greatest);
    assert!(errors.mean() <= mean, "{what:?}: mean error {}", errors.mean());
}

fn check_unpack(tensor: &Tensor, border: Border, format: FrameFormat, padding: usize) {
    for crew in [Crew::alone(), Crew::of(3)] {
        let unpack: UnpackKernel<'_> =
            &|tensor, border, format, planes, out| cpu::unpack(&crew, tensor, border, format, planes, out);
        check_unpack_by(unpack, tensor, border, format, padding);
    }
}

fn check_unpack_by(unpack: UnpackKernel<'_>, tensor: &Tensor, border: Border, format: FrameFormat, padding: usize) {
    let (planes, len) = padded_planes(format.pixels, format.size, padding);
    let mut bytes = vec![0xA5; len];
    assert_eq!(unpack(tensor, border, format, &planes, &mut bytes), Finite::Yes);
    let codes = reference::codes_of(&picture(tensor, border), format);
    check_codes(&bytes, &planes, &codes, 0.505, &(tensor.format, format));
}

/// The picture in a tensor, held in 0..=1.
fn picture(tensor: &Tensor, border: Border) -> reference::Rgb {
    let size = border.inner(tensor.size);
    let (left, top) = (border.left as usize, border.top as usize);
    let pixel = |x, y| [0, 1, 2].map(|channel| get(tensor, left + x, top + y, channel).clamp(0.0, 1.0));
    (0..size.height as usize).map(|y| (0..size.width as usize).map(|x| pixel(x, y)).collect()).collect()
}

/// Compares a frame with the codes that it should have before they are rounded; what lies beside its planes is 0xA5.
fn check_codes(bytes: &[u8], planes: &[Plane], codes: &[Vec<Vec<f64>>], greatest: f64, what: &dyn Debug) {
    let mut touched = vec![false; bytes.len()];
    let mut errors = Errors::default();
    for (plane, rows) in codes.iter().enumerate() {
        for (y, row) in rows.iter().enumerate() {
            for (x, wanted) in row.iter().enumerate() {
                let i = planes[plane].offset_bytes + y * planes[plane].stride_bytes + x;
                touched[i] = true;
                errors.see(f64::from(bytes[i]) - wanted);
            }
        }
    }
    assert!(errors.greatest <= greatest, "{what:?}: greatest error {}", errors.greatest);
    assert!(errors.mean() <= 0.5, "{what:?}: mean error {}", errors.mean());
    assert!(bytes.iter().zip(touched).all(|(byte, touched)| touched || *byte == 0xA5), "{what:?}: padding touched");
}

#[test]
fn pack_is_the_reference_for_every_colour_and_size() {
    for colour in colours() {
        for size in SIZES {
            for pixels in PixelFormat::ALL {
                let frame = noisy_frame(FrameFormat { size, pixels, colour }, 13);
                check_pack(&frame, TensorFormat { gain: [255.0; 3], ..TensorFormat::PLANAR }, BORDER);
            }
        }
    }
}

#[test]
fn unpack_is_the_reference_for_every_colour_and_size() {
    for size in SIZES {
        let tensor = noisy_tensor(TensorFormat { gain: [255.0; 3], ..TensorFormat::PLANAR }, size, BORDER);
        for colour in colours() {
            for pixels in PixelFormat::ALL {
                check_unpack(&tensor, BORDER, FrameFormat { size, pixels, colour }, 13);
            }
        }
    }
}

#[test]
fn both_are_the_reference_for_every_type_layout_and_order() {
    // All but the first are reflected more than once on some side.
    let sizes = [(37, 18), (1, 1), (2, 3), (3, 2), (5, 6)].map(|(width, height)| Size::new(width, height));
    for (tensor_format, size) in tensor_formats().flat_map(|format| sizes.map(|size| (format, size))) {
        let tensor = noisy_tensor(tensor_format, size, BORDER);
        for pixels in PixelFormat::ALL {
            let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
            check_pack(&noisy_frame(format, 0), tensor_format, BORDER);
            check_unpack(&tensor, BORDER, format, 0);
        }
    }
}

#[test]
fn blocks_are_unpacked_as_the_reference_does() {
    let blocks = TensorFormat { dtype: DType::U8, layout: Layout::Blocks4, gain: [255.0; 3], ..TensorFormat::PLANAR };
    for (size, border) in [
        (Size::new(36, 20), Border::default()),
        (Size::new(37, 18), Border { left: 2, top: 3, right: 1, bottom: 3 }),
        (Size::new(1, 1), Border { right: 7, bottom: 7, ..Border::default() }),
    ] {
        for channels in [Channels::Rgb, Channels::Bgr] {
            let tensor = noisy_tensor(TensorFormat { channels, ..blocks }, size, border);
            for pixels in PixelFormat::ALL {
                check_unpack(&tensor, border, FrameFormat { size, pixels, colour: Colour::assumed_for(size) }, 0);
            }
        }
    }
}

#[test]
fn grey_comes_back_bit_for_bit_and_rgb_too() {
    let size = Size::new(256, 4);
    for colour in colours() {
        for pixels in PixelFormat::ALL {
            let format = FrameFormat { size, pixels, colour };
            let (planes, len) = tight_planes(pixels, size);
            let (black, white) = if colour.range == Range::Limited { (16, 235) } else { (0, 255) };
            let bytes: Vec<u8> = if pixels == PixelFormat::Rgbx {
                let mut dice = Dice(3);
                (0..len).map(|i| if i % 4 == 3 { 255 } else { dice.byte() }).collect()
            } else {
                (0..len).map(|i| if i < size.pixels() { (i % 256) as u8 } else { 128 }).collect()
            };
            let frame = Frame::new(format, planes, Arc::new(bytes.clone())).unwrap();
            for tensor_format in tensor_formats().filter(|format| format.dtype == DType::F32) {
                let mut tensor = TensorPool::new().lend(tensor_format, size);
                cpu::pack(&Crew::alone(), &frame, Border::default(), &mut tensor);
                let mut back = vec![0; len];
                assert_eq!(
                    cpu::unpack(&Crew::alone(), &tensor, Border::default(), format, &planes, &mut back),
                    Finite::Yes
                );
                let held = |byte: u8| if pixels == PixelFormat::Rgbx { byte } else { byte.clamp(black, white) };
                assert!(bytes.iter().map(|byte| held(*byte)).eq(back), "{format:?}");
            }
        }
    }
}

/// Tensors of this format with one value that is no number, in the picture or in its border, and what is to be said of each.
fn spoilt(format: TensorFormat, size: Size) -> impl Iterator<Item = (Tensor, Finite)> {
    let values = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let places = [(3, 2, 0, Finite::No), (35, 10, 2, Finite::No), (19, 6, 1, Finite::No), (2, 2, 0, Finite::Yes)];
    values.into_iter().flat_map(move |value| places.map(|place| (value, place))).map(
        move |(value, (x, y, channel, wanted))| {
            let mut tensor = noisy_tensor(format, size, BORDER);
            let i = index(&tensor, x, y, channel);
            match &mut tensor.values {
                Values::F16(values) => values[i] = f16::from_f32(value),
                Values::F32(values) => values[i] = value,
                Values::U8(_) => unreachable!(),
            }
            (tensor, wanted)
        },
    )
}

#[test]
fn what_is_no_number_is_reported_wherever_it_stands_in_the_picture() {
    let size = Size::new(33, 9);
    for dtype in [DType::F16, DType::F32] {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            for (tensor, wanted) in spoilt(TensorFormat { dtype, layout, ..TensorFormat::PLANAR }, size) {
                for pixels in PixelFormat::ALL {
                    let frame = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
                    let (planes, len) = tight_planes(pixels, size);
                    assert_eq!(cpu::unpack(&Crew::alone(), &tensor, BORDER, frame, &planes, &mut vec![0; len]), wanted);
                }
                let mut planar = TensorPool::new().lend(TensorFormat::PLANAR, size);
                assert_eq!(cpu::planar(&tensor, BORDER, &mut planar), wanted);
            }
        }
    }
}

#[test]
fn planar_and_back_holds_the_gamut_and_makes_the_border() {
    let size = Size::new(19, 6);
    for format in tensor_formats() {
        let tensor = noisy_tensor(format, size, BORDER);
        let mut planar = TensorPool::new().lend(TensorFormat::PLANAR, size);
        assert_eq!(cpu::planar(&tensor, BORDER, &mut planar), Finite::Yes);
        let mut again = TensorPool::new().lend(format, BORDER.outer(size));
        cpu::tensor_from_planar(&planar, BORDER, &mut again);
        for y in 0..again.size.height as usize {
            for x in 0..again.size.width as usize {
                let px = reference::reflected(x as i64 - 3, 19);
                let py = reference::reflected(y as i64 - 2, 6);
                for channel in 0..3 {
                    let wanted = get(&tensor, px + 3, py + 2, channel).clamp(0.0, 1.0);
                    assert!((get(&planar, px, py, channel) - wanted).abs() < 1e-5);
                    assert!((get(&again, x, y, channel) - wanted).abs() < 1e-3, "{format:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_size_stride_and_border(
        width in 1u32..70, height in 1u32..40, padding in 0usize..40,
        left in 0u32..90, top in 0u32..50, right in 0u32..20, bottom in 0u32..20,
        pixels in 0usize..3, colour in 0usize..30, tensor in 0usize..12,
    ) {
        let (size, border) = (Size::new(width, height), Border { left, top, right, bottom });
        let colour = colours().nth(colour).unwrap();
        let format = FrameFormat { size, pixels: PixelFormat::ALL[pixels], colour };
        let tensor_format = tensor_formats().nth(tensor).unwrap();
        check_pack(&noisy_frame(format, padding), tensor_format, border);
        check_unpack(&noisy_tensor(tensor_format, size, border), border, format, padding);
    }
}
