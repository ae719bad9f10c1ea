//! The kernels on a graphics card against the same reference as their twins on the CPU.

use std::sync::Arc;
use std::thread;

use stylize::colour;
use stylize::compose::{self, Controls};
use stylize::convert::planar::{planes, planes_mut};
use stylize::convert::{cpu, gpu};
use stylize::flow::Crew;
use stylize::frame::{Colour, Frame, FrameFormat, PixelFormat, Plane, Size, tight_planes};
use stylize::gpu::workshop::Workshop;
use stylize::tensor::{Border, Channels, DType, Finite, Layout, Tensor, TensorFormat, TensorPool};

use super::{BORDER, Errors, SIZES, card, check_pack_by, check_unpack_by, colours, noisy_frame, noisy_tensor, spoilt};

pub(super) fn workshop() -> Option<Arc<Workshop>> {
    card::shared().map(|card| card.workshop().expect("no test breaks the shared card"))
}

fn pack(workshop: &Workshop) -> impl Fn(&Frame, Border, &mut Tensor) {
    move |frame, border, out| gpu::pack(workshop, frame, border, out).unwrap()
}

fn unpack(workshop: &Workshop) -> impl Fn(&Tensor, Border, FrameFormat, &[Plane], &mut [u8]) -> Finite {
    move |tensor, border, format, planes, out| gpu::unpack(workshop, tensor, border, format, planes, out).unwrap()
}

pub(super) const WIDE: TensorFormat = TensorFormat { gain: [255.0; 3], ..TensorFormat::PLANAR };

#[test]
fn pack_on_a_card_is_the_reference_for_every_colour_and_size() {
    let Some(workshop) = workshop() else { return };
    for colour in colours() {
        for size in SIZES {
            for pixels in PixelFormat::ALL {
                let frame = noisy_frame(FrameFormat { size, pixels, colour }, 13);
                check_pack_by(&pack(&workshop), &frame, WIDE, BORDER);
            }
        }
    }
}

#[test]
fn unpack_on_a_card_is_the_reference_for_every_colour_and_size() {
    let Some(workshop) = workshop() else { return };
    for size in SIZES {
        let tensor = noisy_tensor(WIDE, size, BORDER);
        for colour in colours() {
            for pixels in PixelFormat::ALL {
                check_unpack_by(&unpack(&workshop), &tensor, BORDER, FrameFormat { size, pixels, colour }, 13);
            }
        }
    }
}

#[test]
fn both_on_a_card_are_the_reference_for_every_type_layout_and_order() {
    let Some(workshop) = workshop() else { return };
    // Odd, so that rows and planes begin in the middle of words.
    for size in [Size::new(37, 18), Size::new(5, 3)] {
        for tensor_format in super::tensor_formats() {
            let tensor = noisy_tensor(tensor_format, size, BORDER);
            for pixels in PixelFormat::ALL {
                let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
                check_pack_by(&pack(&workshop), &noisy_frame(format, 0), tensor_format, BORDER);
                check_unpack_by(&unpack(&workshop), &tensor, BORDER, format, 0);
            }
        }
    }
}

#[test]
fn blocks_are_unpacked_on_a_card_as_the_reference_does() {
    let Some(workshop) = workshop() else { return };
    let blocks = TensorFormat { dtype: DType::U8, layout: Layout::Blocks4, ..WIDE };
    for (size, border) in [
        (Size::new(36, 20), Border::default()),
        (Size::new(37, 18), Border { left: 2, top: 3, right: 1, bottom: 3 }),
        (Size::new(1, 1), Border { right: 7, bottom: 7, ..Border::default() }),
    ] {
        for channels in [Channels::Rgb, Channels::Bgr] {
            let tensor = noisy_tensor(TensorFormat { channels, ..blocks }, size, border);
            for pixels in PixelFormat::ALL {
                let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
                check_unpack_by(&unpack(&workshop), &tensor, border, format, 5);
            }
        }
    }
}

#[test]
fn what_is_no_number_is_seen_on_a_card_too() {
    let Some(workshop) = workshop() else { return };
    let size = Size::new(33, 9);
    for dtype in [DType::F16, DType::F32] {
        for (tensor, wanted) in spoilt(TensorFormat { dtype, ..TensorFormat::PLANAR }, size) {
            for pixels in PixelFormat::ALL {
                let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
                let (planes, len) = tight_planes(pixels, size);
                let seen = unpack(&workshop)(&tensor, BORDER, format, &planes, &mut vec![0; len]);
                assert_eq!(seen, wanted, "{dtype:?} {pixels:?}");
                let original = noisy_frame(format, 0);
                let (source, styled) = ((&original, Controls::default()), (&tensor, BORDER));
                let mut out = vec![0; len];
                let painted = compose::gpu::paint(&workshop, source, styled, format, &planes, &mut out);
                assert_eq!(painted, Ok(wanted), "{dtype:?} {pixels:?}");
            }
        }
    }
}

/// What the CPU makes of it: planar, mixed, unpacked.
pub(super) fn painted_by_cpu(
    original: &Frame,
    controls: Controls,
    styled: &Tensor,
    planes_out: &[Plane],
    out: &mut [u8],
) {
    let format = original.format();
    let pool = TensorPool::new();
    let [mut source, mut mixed] = [0, 1].map(|_| pool.lend(TensorFormat::PLANAR, format.size));
    cpu::pack(&Crew::alone(), original, Border::default(), &mut source);
    assert_eq!(cpu::planar(styled, BORDER, &mut mixed), Finite::Yes);
    let weights = colour::luma_weights(format.colour.matrix).map(|weight| weight as f32);
    compose::cpu::mix(planes(&source), weights, controls, planes_mut(&mut mixed));
    assert_eq!(cpu::unpack(&Crew::alone(), &mixed, Border::default(), format, planes_out, out), Finite::Yes);
}

#[test]
fn the_mix_on_a_card_is_that_of_its_twin() {
    let Some(workshop) = workshop() else { return };
    for size in [Size::new(1, 1), Size::new(37, 18), Size::new(162, 61)] {
        for (index, tensor_format) in super::tensor_formats().enumerate() {
            let styled = noisy_tensor(tensor_format, size, BORDER);
            for pixels in PixelFormat::ALL {
                let colour = colours().nth(7 * index % 30).unwrap();
                let format = FrameFormat { size, pixels, colour };
                let original = noisy_frame(format, 3);
                let (planes_out, len) = tight_planes(pixels, size);
                for (strength, keep_colour) in [(0.0, false), (0.4, false), (1.0, true), (0.7, true), (f32::NAN, true)]
                {
                    let controls = Controls { strength, keep_colour, ..Controls::default() };
                    let (mut got, mut wanted) = (vec![0; len], vec![0; len]);
                    let given = ((&original, controls), (&styled, BORDER));
                    let done = compose::gpu::paint(&workshop, given.0, given.1, format, &planes_out, &mut got);
                    assert_eq!(done, Ok(Finite::Yes));
                    painted_by_cpu(&original, controls, &styled, &planes_out, &mut wanted);
                    let mut errors = Errors::default();
                    got.iter().zip(&wanted).for_each(|(got, wanted)| errors.see(f64::from(*got) - f64::from(*wanted)));
                    // Both round what they have; where it lies midway between two codes they may differ by one.
                    assert!(errors.greatest <= 1.0, "{format:?} {tensor_format:?} {controls:?}: {}", errors.greatest);
                    assert!(errors.mean() <= 0.01, "{format:?} {tensor_format:?} {controls:?}: {}", errors.mean());
                }
            }
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the threads of this test end with it")]
fn frames_that_are_on_a_card_at_the_same_time_do_not_meet() {
    let Some(workshop) = workshop() else { return };
    let sizes = [Size::new(64, 48), Size::new(17, 33), Size::new(161, 121), Size::new(3, 5), Size::new(90, 90)];
    thread::scope(|scope| {
        for (nth, size) in sizes.into_iter().enumerate() {
            let workshop = &workshop;
            scope.spawn(move || {
                let pixels = PixelFormat::ALL[nth % 3];
                let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
                let (frame, tensor) = (noisy_frame(format, nth), noisy_tensor(WIDE, size, BORDER));
                for _ in 0..8 {
                    check_pack_by(&pack(workshop), &frame, WIDE, BORDER);
                    check_unpack_by(&unpack(workshop), &tensor, BORDER, format, nth);
                }
            });
        }
    });
}
