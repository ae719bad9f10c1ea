//! Mixing and resizing, on the processor and on a card, against the same reference in double precision.

use stylize::compose::{self, Controls};
use stylize::convert::planar::Scaler;
use stylize::convert::{cpu, gpu};
use stylize::frame::{Frame, FrameFormat, PixelFormat, Plane, Size};
use stylize::tensor::{Finite, Tensor, TensorFormat, TensorPool};

use super::gpu::{WIDE, painted_by_cpu, workshop};
use super::{
    BORDER, Errors, PackKernel, check_codes, colours, get, noisy_frame, noisy_tensor, padded_planes, picture,
    reference, tensor_formats,
};

/// What mixes an original into a styled picture, and writes a frame of the original's format.
type PaintKernel<'a> = &'a dyn Fn((&Frame, Controls), &Tensor, &[Plane], &mut [u8]) -> Finite;

/// How much of the style, and whether of its colours.
const MIXES: [(f32, bool); 5] = [(0.0, false), (0.4, false), (0.85, false), (1.0, true), (0.7, true)];

fn check_paint_by(paint: PaintKernel<'_>) {
    for size in [Size::new(1, 1), Size::new(37, 18), Size::new(162, 61)] {
        for (index, tensor_format) in tensor_formats().enumerate() {
            let styled = noisy_tensor(tensor_format, size, BORDER);
            for pixels in PixelFormat::ALL {
                let colour = colours().nth(7 * index % 30).unwrap();
                let format = FrameFormat { size, pixels, colour };
                let original = noisy_frame(format, 3);
                let (planes, len) = padded_planes(pixels, size, 5);
                for (strength, keep_colour) in MIXES {
                    let mut bytes = vec![0xA5; len];
                    let controls = Controls { strength, keep_colour, ..Controls::default() };
                    assert_eq!(paint((&original, controls), &styled, &planes, &mut bytes), Finite::Yes);
                    let (from, to) = (reference::rgb_of(&original), picture(&styled, BORDER));
                    let wanted = reference::mixed(&from, &to, colour.matrix, strength.into(), keep_colour);
                    // Rounded to bytes, after a dozen operations in single precision.
                    let what = (format, tensor_format, controls);
                    check_codes(&bytes, &planes, &reference::codes_of(&wanted, format), 0.51, &what);
                }
            }
        }
    }
}

#[test]
fn the_mix_is_the_reference_for_every_format() {
    check_paint_by(&|(original, controls), styled, planes, out| {
        painted_by_cpu(original, controls, styled, planes, out);
        Finite::Yes
    });
}

#[test]
fn the_mix_on_a_card_is_the_reference_for_every_format() {
    let Some(workshop) = workshop() else { return };
    check_paint_by(&|source, styled, planes, out| {
        let format = source.0.format();
        compose::gpu::paint(&workshop, source, (styled, BORDER), format, planes, out).unwrap()
    });
}

/// Sizes of a frame, and of the picture that a network takes: smaller and larger, along both sides, along one alone.
const SCALED: [(Size, Size); 8] = [
    (Size::new(80, 60), Size::new(40, 30)),
    (Size::new(97, 61), Size::new(33, 31)),
    (Size::new(37, 18), Size::new(64, 48)),
    (Size::new(17, 33), Size::new(17, 80)),
    (Size::new(161, 121), Size::new(48, 121)),
    (Size::new(5, 3), Size::new(37, 18)),
    (Size::new(1, 1), Size::new(7, 5)),
    (Size::new(64, 48), Size::new(1, 1)),
];

fn check_scaled_by(scale: PackKernel<'_>) {
    for (size, net) in SCALED {
        for colour in colours().step_by(7) {
            for pixels in PixelFormat::ALL {
                let frame = noisy_frame(FrameFormat { size, pixels, colour }, 7);
                let mut tensor = TensorPool::new().lend(WIDE, BORDER.outer(net));
                scale(&frame, BORDER, &mut tensor);
                let wanted = reference::resized(&reference::rgb_of(&frame), net.width as usize, net.height as usize);
                let mut errors = Errors::default();
                for (y, row) in wanted.iter().enumerate() {
                    for (x, pixel) in row.iter().enumerate() {
                        let (x, y) = (x + BORDER.left as usize, y + BORDER.top as usize);
                        for (channel, wanted) in pixel.iter().enumerate() {
                            errors.see((get(&tensor, x, y, channel) - wanted.clamp(0.0, 1.0)) * 255.0);
                        }
                    }
                }
                // Sums of up to 65 products in single precision, twice.
                let what = (frame.format(), net);
                assert!(errors.greatest <= 0.01, "{what:?}: greatest error {}", errors.greatest);
                assert!(errors.mean() <= 0.002, "{what:?}: mean error {}", errors.mean());
            }
        }
    }
}

#[test]
fn a_picture_of_another_size_is_the_reference_for_every_format() {
    check_scaled_by(&|frame, border, out| {
        let pool = TensorPool::new();
        let mut planar = pool.lend(TensorFormat::PLANAR, border.inner(out.size));
        Scaler::new(pool).scale(frame, &mut planar).unwrap();
        cpu::tensor_from_planar(&planar, border, out);
    });
}

#[test]
fn a_picture_of_another_size_on_a_card_is_the_reference_for_every_format() {
    let Some(workshop) = workshop() else { return };
    check_scaled_by(&|frame, border, out| gpu::pack(&workshop, frame, border, out).unwrap());
}
