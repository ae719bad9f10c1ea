//! The stabiliser: what stands still stands still, what moves does not smear, what is new is new.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::sync::Arc;

use stylize::compose::{Controls, LiveControls};
use stylize::flow::{Crew, Stage};
use stylize::frame::{Colour, Frame, FrameFormat, Painted, PixelFormat, Size, Stamp, Timed, tight_planes};
use stylize::pool::Pool;
use stylize::stabilise::Stabilise;

#[path = "common/card.rs"]
mod card;
#[path = "stabilise/gpu.rs"]
mod gpu;

const SIZE: Size = Size::new(192, 128);

/// A rig of one stabiliser and the number of the next frame.
struct Rig(Stabilise, u64);

impl Rig {
    fn new(controls: Controls) -> Self {
        Self(Stabilise::new(LiveControls::new(controls), Pool::new()), 0)
    }

    fn at(stabilise: f32) -> Self {
        Self::new(Controls { stabilise, ..Controls::default() })
    }

    fn give(&mut self, original: &Frame, painting: &Frame, discontinuity: bool) -> Frame {
        let stamp = Stamp { seq: self.1, discontinuity, ..Stamp::default() };
        self.1 += 1;
        let item = Painted { original: original.clone(), frame: painting.clone() };
        self.0.process(Timed { stamp, item }).unwrap().item
    }
}

/// A frame whose luma is `luma(x, y)`; chroma follows it at half its size.
fn frame(size: Size, pixels: PixelFormat, luma: impl Fn(f32, f32) -> f32) -> Frame {
    let (planes, len) = tight_planes(pixels, size);
    let mut bytes = vec![0_u8; len];
    for (index, plane) in planes.iter().enumerate().take(pixels.planes()) {
        let (row_bytes, rows) = pixels.plane_extent(index, size);
        let (step, scale) = match (pixels, index) {
            (PixelFormat::Rgbx, _) => (4, 1.0),
            (_, 0) => (1, 1.0),
            (PixelFormat::I420, _) => (1, 2.0),
            (PixelFormat::Nv12, _) => (2, 2.0),
        };
        for y in 0..rows {
            for x in 0..row_bytes {
                let value = luma((x / step) as f32 * scale, y as f32 * scale);
                bytes[plane.offset_bytes + y * plane.stride_bytes + x] = value.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    let format = FrameFormat { size, pixels, colour: Colour::assumed_for(size) };
    Frame::new(format, planes, Arc::new(bytes)).unwrap()
}

/// A texture without period within the frame, smooth enough to be followed.
fn texture(x: f32, y: f32) -> f32 {
    let waves = (x * 0.11 + (y * 0.05).sin() * 3.0).sin() + (y * 0.13 + (x * 0.043).cos() * 4.0).cos();
    128.0 + 40.0 * waves + 15.0 * (0.31 * x + 0.23 * y).sin()
}

/// Noise between −1 and 1 that is the same on every run.
fn noise(x: f32, y: f32, moment: u64) -> f32 {
    let mut state = (x as u64) << 32 | (y as u64) << 12 | moment;
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((state >> 40) as f32 / 8_388_608.0) - 1.0
}

fn luma(frame: &Frame) -> Vec<f32> {
    let height = frame.size().height as usize;
    (0..height).flat_map(|y| frame.row(0, y).to_vec()).map(f32::from).collect()
}

#[test]
fn a_painting_of_a_still_scene_stops_to_shimmer() {
    // A network that makes ten times as much of the noise.
    let gain = gain_of_noise(16, [3.0, 30.0]);
    assert!(gain < 0.4, "{gain}");
}

#[test]
fn noise_of_a_step_or_two_is_mixed_too() {
    let gain = gain_of_noise(24, [0.0, 3.0]);
    assert!(gain < 0.4, "{gain}");
}

#[test]
fn a_painting_that_changes_by_little_is_forgotten_within_a_second() {
    let mut rig = Rig::at(1.0);
    let original = frame(SIZE, PixelFormat::I420, texture);
    let [old, new] = [0.0, 3.0].map(|more| frame(SIZE, PixelFormat::I420, |x, y| 200.0 - 0.5 * texture(x, y) + more));
    (0..4).for_each(|_| drop(rig.give(&original, &old, false)));
    let furthest = |steadied: &Frame| {
        let differences = luma(steadied).into_iter().zip(luma(&new)).map(|(got, wanted)| (got - wanted).abs());
        differences.fold(0.0, f32::max)
    };
    assert!(furthest(&rig.give(&original, &new, false)) >= 2.0, "nothing stays");
    // A step goes in eight frames.
    (0..24).for_each(|_| drop(rig.give(&original, &new, false)));
    assert_eq!(furthest(&rig.give(&original, &new, false)), 0.0);
}

/// How much of the shimmer comes through of a still scene and its painting, whose noise reaches so far; from the ninth of `moments` on.
fn gain_of_noise(moments: u64, [seen, painted]: [f32; 2]) -> f32 {
    let mut rig = Rig::at(1.0);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for moment in 0..moments {
        let original = frame(SIZE, PixelFormat::I420, |x, y| texture(x, y) + seen * noise(x, y, moment));
        let painting = frame(SIZE, PixelFormat::I420, |x, y| 255.0 - texture(x, y) + painted * noise(y, x, moment));
        let steadied = rig.give(&original, &painting, false);
        if moment >= 8 {
            before.push(luma(&painting));
            after.push(luma(&steadied));
        }
    }
    deviation(&after) / deviation(&before)
}

/// Mean over pixels of the standard deviation over time.
fn deviation(frames: &[Vec<f32>]) -> f32 {
    let count = frames.len() as f32;
    let of = |pixel: usize| {
        let mean = frames.iter().map(|frame| frame[pixel]).sum::<f32>() / count;
        (frames.iter().map(|frame| (frame[pixel] - mean).powi(2)).sum::<f32>() / count).sqrt()
    };
    (0..frames[0].len()).map(of).sum::<f32>() / frames[0].len() as f32
}

#[test]
fn many_hands_paint_what_one_does() {
    for pixels in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgbx] {
        let mut rigs = [Crew::alone(), Crew::of(2), Crew::of(5)].map(|crew| {
            let Rig(stabilise, first) = Rig::at(0.8);
            Rig(stabilise.with(crew), first)
        });
        for moment in 0..6 {
            let way = moment as f32 * 2.5;
            // Odd sides, and half of the picture moves.
            let moved = |x: f32, y: f32| if y < 60.0 { texture(x + way, y) } else { texture(x, y) };
            let size = Size::new(213, 151);
            let original = frame(size, pixels, |x, y| moved(x, y) + 3.0 * noise(x, y, moment));
            let painting = frame(size, pixels, |x, y| 255.0 - moved(x, y) + 30.0 * noise(y, x, moment));
            let [alone, two, five] = rigs.each_mut().map(|rig| rig.give(&original, &painting, false));
            assert!(alone.bytes() == two.bytes() && alone.bytes() == five.bytes(), "{pixels:?}, frame {moment}");
            assert!(moment == 0 || alone.bytes() != painting.bytes(), "nothing was mixed");
        }
    }
}

#[test]
fn strokes_move_along_with_the_picture() {
    // What goes by parts of a pixel is met less well by whole ones, and what is fast is followed less well.
    for (way, limit) in [([3.0, 0.0], 0.6), ([-2.0, 5.0], 0.6), ([0.5, -1.25], 0.75), ([11.0, 7.0], 0.95)] {
        let [steadied, shaky] = shimmer(way, |moment| {
            let [x0, y0] = way.map(|way| way * moment as f32);
            let original = frame(SIZE, PixelFormat::I420, |x, y| texture(x + x0, y + y0));
            let shaky =
                frame(SIZE, PixelFormat::I420, |x, y| 255.0 - texture(x + x0, y + y0) + 20.0 * noise(x, y, moment));
            [original, shaky]
        });
        assert!(steadied < limit * shaky, "{way:?}: {steadied} of {shaky}");
    }
}

/// How much a painting that goes `way` in each frame changes from frame to frame, steadied and as it was; `scene` gives the input and
/// the painting of a moment.
fn shimmer(way: [f32; 2], scene: impl Fn(u64) -> [Frame; 2]) -> [f32; 2] {
    let mut rig = Rig::at(1.0);
    let mut last: Option<[Frame; 2]> = None;
    let mut sums = [0.0, 0.0];
    for moment in 0..10 {
        let [original, shaky] = scene(moment);
        let both = [rig.give(&original, &shaky, false), shaky];
        if let Some(last) = last.filter(|_| moment >= 5) {
            for (sum, (now, last)) in sums.iter_mut().zip(both.iter().zip(&last)) {
                *sum += change(now, last, way);
            }
        }
        last = Some(both);
    }
    sums
}

/// Root of the mean squared difference of luma to that of the frame before, from where it is `way` pixels away there.
fn change(now: &Frame, before: &Frame, way: [f32; 2]) -> f32 {
    const MARGIN: usize = 24;
    let at = |x: usize, y: usize| f32::from(before.row(0, y)[x]);
    let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
    let mut sum = 0.0;
    let (width, height) = (now.size().width as usize - MARGIN, now.size().height as usize - MARGIN);
    for (y, x) in (MARGIN..height).flat_map(|y| (MARGIN..width).map(move |x| (y, x))) {
        let [from_x, from_y] = [x as f32 + way[0], y as f32 + way[1]];
        let (left, top) = (from_x as usize, from_y as usize);
        let [across, down] = [from_x.fract(), from_y.fract()];
        let above = mix(at(left, top), at(left + 1, top), across);
        let below = mix(at(left, top + 1), at(left + 1, top + 1), across);
        sum += (f32::from(now.row(0, y)[x]) - mix(above, below, down)).powi(2);
    }
    (sum / ((width - MARGIN) * (height - MARGIN)) as f32).sqrt()
}

#[test]
fn strokes_that_do_not_meet_keep_their_contrast() {
    for pixels in PixelFormat::ALL {
        let mut rig = Rig::at(1.0);
        let mut contrasts = [0.0, 0.0];
        for moment in 0..10 {
            let [x0, y0] = [3.0 * moment as f32, moment as f32];
            let original = frame(SIZE, pixels, |x, y| texture(x + x0, y + y0));
            // Strokes of three pixels, others in each frame: halves of them, mixed, are grey.
            let painting = frame(SIZE, pixels, |x, y| {
                texture(x + x0, y + y0) + 60.0 * noise((x / 3.0).floor(), (y / 3.0).floor(), moment)
            });
            let steadied = rig.give(&original, &painting, false);
            if moment >= 5 {
                contrasts[0] += contrast(&steadied);
                contrasts[1] += contrast(&painting);
            }
        }
        let [steadied, painted] = contrasts;
        assert!((0.85..1.1).contains(&(steadied / painted)), "{pixels:?}: {steadied} of {painted}");
    }
}

#[test]
fn strokes_that_do_not_meet_at_all_are_no_rubble() {
    for pixels in PixelFormat::ALL {
        let mut rig = Rig::at(1.0);
        let original = frame(SIZE, pixels, |_, _| 60.0);
        for moment in 0..12 {
            // Few strokes on plain ground, others in each frame, though the picture says that nothing has changed.
            let is_stroke = |x: f32, y: f32| noise((x / 8.0).floor(), (y / 4.0).floor(), moment) > 0.7;
            let painting = frame(SIZE, pixels, |x, y| if is_stroke(x, y) { 40.0 } else { 200.0 });
            let steadied = rig.give(&original, &painting, false);
            let (painted, steadied) = (luma(&painting), luma(&steadied));
            let mean = painted.iter().sum::<f32>() / painted.len() as f32;
            let texture: f32 = painted.iter().map(|value| (value - mean).abs()).sum();
            let rubble: f32 = painted.iter().zip(&steadied).map(|(a, b)| (a - b).abs()).sum();
            assert!(rubble < 0.8 * texture, "{pixels:?}, {moment}: {rubble} of {texture}");
        }
    }
}

/// Mean difference of the values of a row from those three pixels on.
fn contrast(frame: &Frame) -> f32 {
    let step = frame.format().pixels.pixel_bytes(0);
    let of = |y: usize| {
        let row = frame.row(0, y);
        row.iter().zip(&row[3 * step..]).map(|(a, b)| f32::from(a.abs_diff(*b))).sum::<f32>() / row.len() as f32
    };
    (24..frame.size().height as usize - 24).map(of).sum()
}

#[test]
fn what_is_uncovered_shows_no_ghost() {
    // A dark square crosses a bright texture, too fast to be followed; where it was, the background is back at once.
    let square = |x: f32, y: f32, at: f32| (x - at).abs() < 20.0 && (y - 64.0).abs() < 20.0;
    let mut rig = Rig::at(1.0);
    for moment in 0..4 {
        let at = 30.0 + 44.0 * moment as f32;
        let scene =
            frame(
                SIZE,
                PixelFormat::I420,
                |x, y| {
                    if square(x, y, at) { 20.0 } else { 150.0 + 0.3 * (texture(x, y) - 128.0) }
                },
            );
        let steadied = rig.give(&scene, &scene, false);
        // The edge itself, a part of a pixel, may be softer.
        let is_edge = |i: usize| {
            let (x, y) = ((i % SIZE.width as usize) as f32, (i / SIZE.width as usize) as f32);
            let near = |distance: f32| (distance.abs() - 20.0).abs() < 2.0;
            near(x - at) || near(y - 64.0)
        };
        let pairs = luma(&steadied).into_iter().zip(luma(&scene)).enumerate();
        let worst = pairs.filter(|(i, _)| !is_edge(*i)).map(|(_, (a, b))| (a - b).abs()).fold(0.0, f32::max);
        // The square is 130 darker.
        assert!(worst <= 12.0, "frame {moment}: {worst}");
    }
}

#[test]
fn what_comes_in_from_outside_is_not_smeared() {
    // Moves down and to the right by less than a cell: at the top and on the left there is nothing before that could stay.
    let mut rig = Rig::at(1.0);
    let (mut changed, mut count) = (0.0, 0.0);
    for moment in 0..6 {
        let [x0, y0] = [-3.0, -2.0].map(|way| way * moment as f32);
        let original = frame(SIZE, PixelFormat::I420, |x, y| texture(x + x0, y + y0));
        let painting = frame(SIZE, PixelFormat::I420, |x, y| 128.0 + 100.0 * noise(x, y, moment));
        let steadied = luma(&rig.give(&original, &painting, false));
        let width = SIZE.width as usize;
        for (at, (steadied, painted)) in steadied.iter().zip(&luma(&painting)).enumerate() {
            if at % width < 2 || at / width < 2 {
                changed += (steadied - painted).abs();
                count += 1.0;
            }
        }
    }
    // Of values that differ by 67 from frame to frame. Not everywhere is the motion found.
    assert!(changed < 20.0 * count, "{}", changed / count);
}

#[test]
fn a_cut_and_a_gap_begin_anew() {
    let first = frame(SIZE, PixelFormat::I420, texture);
    let other =
        frame(
            SIZE,
            PixelFormat::I420,
            |x, y| if ((x / 24.0) as i32 + (y / 24.0) as i32) % 2 == 0 { 30.0 } else { 230.0 },
        );
    let painting = frame(SIZE, PixelFormat::I420, |x, _| x);
    let mut rig = Rig::at(1.0);
    rig.give(&first, &first, false);
    assert_eq!(luma(&rig.give(&other, &painting, false)), luma(&painting), "a cut");
    let mut rig = Rig::at(1.0);
    rig.give(&first, &first, false);
    assert_eq!(luma(&rig.give(&first, &painting, true)), luma(&painting), "a discontinuity");
    let small = frame(Size::new(96, 64), PixelFormat::I420, texture);
    assert_eq!(luma(&rig.give(&small, &painting, false)), luma(&painting), "another size of the input");
}

#[test]
fn nothing_changes_where_nothing_is_asked_for() {
    let pairs = [(0.0, 1.0), (1.0, 0.0), (f32::NAN, 1.0), (0.0, 0.0)];
    for (stabilise, strength) in pairs {
        let mut rig = Rig::new(Controls { stabilise, strength, keep_colour: false });
        for moment in 0..3 {
            let painting = frame(SIZE, PixelFormat::I420, |x, y| texture(x, y) + 20.0 * noise(x, y, moment));
            assert_eq!(luma(&rig.give(&painting, &painting, false)), luma(&painting), "{stabilise} {strength}");
        }
    }
}

#[test]
fn any_size_and_format_of_input_and_output() {
    let sizes = [(1, 1), (2, 2), (7, 5), (15, 17), (16, 16), (33, 31), (63, 65), (64, 64), (130, 71), (257, 129)];
    for (width, height) in sizes {
        for pixels in PixelFormat::ALL {
            for out in [Size::new(width, height), Size::new(48, 36), Size::new(200, 100)] {
                let mut rig = Rig::at(1.0);
                for moment in 0..3 {
                    let original = frame(Size::new(width, height), pixels, |x, y| texture(x + moment as f32, y));
                    let painting = frame(out, pixels, |x, y| texture(x, y) + 9.0 * noise(x, y, moment));
                    let steadied = rig.give(&original, &painting, false);
                    assert_eq!(steadied.format(), painting.format(), "{width}x{height} {pixels:?} {out}");
                }
            }
        }
    }
}

#[test]
fn the_output_may_have_another_size_than_the_input() {
    let large = Size::new(384, 256);
    let [steadied, shaky] = shimmer([6.0, 0.0], |moment| {
        let x0 = 3.0 * moment as f32;
        let original = frame(SIZE, PixelFormat::I420, |x, y| texture(x + x0, y));
        let shaky = frame(large, PixelFormat::I420, |x, y| texture(x / 2.0 + x0, y / 2.0) + 20.0 * noise(x, y, moment));
        [original, shaky]
    });
    assert!(steadied < 0.9 * shaky, "{steadied} of {shaky}");
}
