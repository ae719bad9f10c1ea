//! The stages round the network: sizes, mixing, substitutes, memory.

use stylize::compose::guide::Upscaler;
use stylize::compose::{Compose, Controls, LiveControls};
use stylize::convert::resize::Resizer;
use stylize::convert::{Pack, Unpack};
use stylize::flow::{Crew, Stage};
use stylize::frame::Stamp;
use stylize::pool::Pool;
use stylize::report::Meter;
use stylize::tensor::Styled;

use super::*;

const FRAME: Size = Size::new(64, 48);

/// The stages, with a network in between that is a function of R', G' or B'.
struct Rig {
    pack: Pack,
    compose: Compose,
    unpack: Unpack,
    border: Border,
    tensors: TensorPool,
    bytes: Pool<u8>,
    meter: Meter,
    controls: LiveControls,
}

impl Rig {
    fn new(net: Size, out: FrameFormat, controls: Controls) -> Self {
        let (tensors, bytes, meter) = (TensorPool::new(), Pool::new(), Meter::new());
        let controls = LiveControls::new(controls);
        let border = Border::around(net, 3, 8);
        let format = TensorFormat { gain: [255.0; 3], layout: Layout::Nhwc, ..TensorFormat::PLANAR };
        Self {
            pack: Pack::new(net, border, format, tensors.clone()),
            compose: Compose::new(out.size, controls.clone(), tensors.clone()),
            unpack: Unpack::new(out, bytes.clone(), tensors.clone(), meter.clone()),
            border,
            tensors,
            bytes,
            meter,
            controls,
        }
    }

    fn run(&mut self, frame: &Frame, network: impl Fn(f64) -> f64) -> Frame {
        let stamp = Stamp { seq: 5, pts_nanos: Some(77), ..Stamp::default() };
        let packed = self.pack.process(Timed { stamp, item: frame.clone() }).unwrap().item;
        let mut tensor = packed.tensor;
        for i in 0..tensor.values.len() {
            let value = raw(&tensor, i) / 255.0;
            set(&mut tensor, i, network(value));
        }
        let styled = Styled { original: packed.original, tensor, border: self.border };
        let substituted_before = self.meter.frames_substituted();
        let composed = self.compose.process(Timed { stamp, item: styled }).unwrap();
        let out = self.unpack.process(composed).unwrap();
        let substituted = self.meter.frames_substituted() > substituted_before;
        assert_eq!(out.stamp, Stamp { substituted, ..stamp });
        assert_eq!(out.item.original.bytes(), frame.bytes());
        out.item.frame
    }
}

/// Soft coloured shapes: what survives the chroma filters and a change of size.
fn soft_frame(size: Size, pixels: PixelFormat) -> Frame {
    let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
    let (planes, len) = tight_planes(pixels, size);
    let mut bytes = vec![0; len];
    for (index, plane) in planes.iter().enumerate().take(pixels.planes()) {
        let (row_bytes, rows) = pixels.plane_extent(index, size);
        for y in 0..rows {
            for x in 0..row_bytes {
                let (u, v) = (x as f64 / row_bytes as f64, y as f64 / rows as f64);
                let wave = (6.0 * u + 2.0 * v + index as f64).sin() * (3.0 * v).cos();
                bytes[plane.offset_bytes + y * row_bytes + x] =
                    (128.0 + if index == 0 { 70.0 } else { 25.0 } * wave) as u8;
            }
        }
    }
    Frame::new(format, planes, Arc::new(bytes)).unwrap()
}

/// Greatest difference between the rows of two frames of one format.
fn greatest_difference(a: &Frame, b: &Frame) -> u8 {
    assert_eq!(a.format(), b.format());
    let rows = (0..a.planes().len())
        .flat_map(|plane| (0..a.format().pixels.plane_extent(plane, a.size()).1).map(move |y| (plane, y)));
    rows.flat_map(|(plane, y)| a.row(plane, y).iter().zip(b.row(plane, y))).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

fn out_format(size: Size, pixels: PixelFormat) -> FrameFormat {
    FrameFormat { size, pixels, colour: Colour::assumed_for(FRAME) }
}

#[test]
fn an_identity_network_gives_the_picture_back_at_any_network_size() {
    for pixels in [PixelFormat::I420, PixelFormat::Nv12] {
        let frame = soft_frame(FRAME, pixels);
        for (net, tolerance) in [(FRAME, 1), (Size::new(32, 24), 6), (Size::new(96, 30), 3), (Size::new(128, 96), 3)] {
            let mut rig = Rig::new(net, out_format(FRAME, pixels), Controls::default());
            let difference = greatest_difference(&rig.run(&frame, |value| value), &frame);
            assert!(difference <= tolerance, "{net}: {difference}");
        }
    }
}

#[test]
fn the_output_has_its_own_size_and_format() {
    let frame = soft_frame(FRAME, PixelFormat::I420);
    let format = out_format(Size::new(96, 72), PixelFormat::Rgbx);
    let out = Rig::new(FRAME, format, Controls::default()).run(&frame, |value| value);
    assert_eq!(out.format(), format);
    // A picture of the same content made at that size.
    let mut planar = TensorPool::new().lend(TensorFormat::PLANAR, FRAME);
    cpu::pack(&Crew::alone(), &frame, Border::default(), &mut planar);
    for (x, y) in [(3, 3), (30, 20), (61, 45)] {
        let pixel = &out.row(0, y * 3 / 2)[4 * (x * 3 / 2)..][..3];
        for (channel, value) in pixel.iter().enumerate() {
            assert!((f64::from(*value) - get(&planar, x, y, channel) * 255.0).abs() < 8.0, "{x} {y} {pixel:?}");
        }
    }
}

#[test]
fn strength_nought_gives_the_source_back() {
    let frame = soft_frame(FRAME, PixelFormat::I420);
    for net in [FRAME, Size::new(40, 40)] {
        let controls = Controls { strength: 0.0, ..Controls::default() };
        let mut rig = Rig::new(net, frame.format(), controls);
        assert!(greatest_difference(&rig.run(&frame, |value| 1.0 - value), &frame) <= 1);
        // A change of the controls is heard at the next frame.
        rig.controls.set(Controls::default());
        assert!(greatest_difference(&rig.run(&frame, |value| 1.0 - value), &frame) > 50);
    }
}

#[test]
fn kept_colour_leaves_chroma_and_takes_luma() {
    let frame = soft_frame(FRAME, PixelFormat::I420);
    let mut rig = Rig::new(FRAME, frame.format(), Controls { keep_colour: true, ..Controls::default() });
    let out = rig.run(&frame, |value| 0.5 * value + 0.25);
    for y in 0..FRAME.height as usize {
        for (got, source) in out.row(0, y).iter().zip(frame.row(0, y)) {
            let wanted = 0.5 * (f64::from(*source) - 16.0) + 0.25 * 219.0 + 16.0;
            assert!((f64::from(*got) - wanted).abs() <= 1.5);
        }
    }
    for y in 0..FRAME.height as usize / 2 {
        let chroma = [1, 2].map(|plane| out.row(plane, y).iter().zip(frame.row(plane, y)));
        assert!(chroma.into_iter().flatten().all(|(got, source)| got.abs_diff(*source) <= 1));
    }
}

#[test]
fn what_is_no_number_lets_the_original_pass_once_counted() {
    let frame = soft_frame(FRAME, PixelFormat::I420);
    let ways = [
        (FRAME, Controls::default()),
        (FRAME, Controls { strength: 0.5, keep_colour: true, ..Controls::default() }),
        (Size::new(32, 24), Controls::default()),
    ];
    for (net, controls) in ways {
        let mut rig = Rig::new(net, frame.format(), controls);
        let network = |value: f64| if value > 0.6 { f64::NAN } else { value };
        assert_eq!(greatest_difference(&rig.run(&frame, network), &frame), 0);
        assert_eq!(rig.meter.frames_substituted(), 1);
        rig.run(&frame, |value| value);
        assert_eq!(rig.meter.frames_substituted(), 1);
    }
    // The same where the output has a format of its own.
    let mut rig = Rig::new(FRAME, out_format(Size::new(32, 24), PixelFormat::Nv12), Controls::default());
    rig.run(&frame, |_| f64::INFINITY);
    assert_eq!(rig.meter.frames_substituted(), 1);
}

#[test]
fn after_the_first_frame_no_memory_is_taken() {
    let frame = soft_frame(FRAME, PixelFormat::I420);
    for net in [FRAME, Size::new(32, 24), Size::new(80, 80)] {
        let mut rig = Rig::new(net, out_format(Size::new(70, 50), PixelFormat::Nv12), Controls::default());
        let run = |rig: &mut Rig| {
            for keep_colour in [false, true] {
                rig.controls.set(Controls { strength: 0.7, keep_colour, ..Controls::default() });
                rig.run(&frame, |value| value);
                rig.run(&frame, |_| f64::NAN);
            }
        };
        run(&mut rig);
        let before = (rig.tensors.misses(), rig.bytes.misses());
        (0..20).for_each(|_| run(&mut rig));
        assert_eq!((rig.tensors.misses(), rig.bytes.misses()), before);
    }
}

#[test]
fn enlarging_brings_back_detail_only_where_the_style_follows_the_original() {
    // Dots one pixel wide, which a network of half the size does not see, on shapes that it does.
    let frame = {
        let soft = soft_frame(FRAME, PixelFormat::I420);
        let mut bytes = soft.bytes().to_vec();
        for i in (0..FRAME.pixels()).filter(|i| i % 3 == 0 && (i / FRAME.width as usize).is_multiple_of(2)) {
            bytes[i] -= 25;
        }
        let (planes, _) = tight_planes(PixelFormat::I420, FRAME);
        Frame::new(soft.format(), planes, Arc::new(bytes)).unwrap()
    };
    let pool = TensorPool::new();
    let lend = |size| pool.lend(TensorFormat::PLANAR, size);
    let (mut original, mut net) = (lend(FRAME), lend(Size::new(32, 24)));
    cpu::pack(&Crew::alone(), &frame, Border::default(), &mut original);
    Resizer::new().resize(&original, &mut net).unwrap();
    let (mut plain, mut guided) = (lend(FRAME), lend(FRAME));
    let distance = |a: &Tensor, b: &Tensor| {
        (0..a.values.len()).map(|i| (raw(a, i) - raw(b, i)).abs()).sum::<f64>() / a.values.len() as f64
    };
    Resizer::new().resize(&net, &mut plain).unwrap();
    let mut upscaler = Upscaler::new(pool.clone());
    upscaler.resize(&net, &frame, &mut guided).unwrap();
    assert!(distance(&guided, &original) < 0.6 * distance(&plain, &original));

    // A style of its own: stripes that have nothing to do with the frame. They stay as they are.
    for i in 0..net.values.len() {
        set(&mut net, i, if i / 3 % 2 == 0 { 0.3 } else { 0.7 });
    }
    Resizer::new().resize(&net, &mut plain).unwrap();
    upscaler.resize(&net, &frame, &mut guided).unwrap();
    assert!(distance(&guided, &plain) < 0.002);
}
