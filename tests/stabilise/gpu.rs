//! The stabiliser on a graphics card gives bit for bit what its twin on the processor gives.

use std::sync::Arc;

use stylize::compose::{Controls, LiveControls};
use stylize::flow::Stage;
use stylize::frame::{Frame, FrameFormat, Painted, PixelFormat, Plane, Size, Stamp, Timed, tight_planes};
use stylize::gpu::workshop::Workshop;
use stylize::pool::Pool;
use stylize::stabilise::{Stabilise, gpu};

use super::{card, frame, noise, texture};

fn workshop() -> Option<Arc<Workshop>> {
    card::shared().map(|card| card.workshop().expect("no test breaks the shared card"))
}

/// Both twins, and the controls that they obey.
struct Twins {
    workshop: Arc<Workshop>,
    controls: LiveControls,
    on_cpu: Stabilise,
    on_card: gpu::Stabilise,
    seq: u64,
}

impl Twins {
    fn new(workshop: &Arc<Workshop>, stabilise: f32) -> Self {
        let controls = LiveControls::new(Controls { stabilise, ..Controls::default() });
        Self {
            workshop: Arc::clone(workshop),
            controls: controls.clone(),
            on_cpu: Stabilise::new(controls.clone(), Pool::new()),
            on_card: gpu::Stabilise::new(controls),
            seq: 0,
        }
    }

    /// Gives both the same; says in how many bytes that differs from the painting.
    fn give(&mut self, original: &Frame, painting: &Frame, discontinuity: bool) -> usize {
        let stamp = Stamp { seq: self.seq, discontinuity, ..Stamp::default() };
        self.seq += 1;
        let painted = Timed { stamp, item: Painted { original: original.clone(), frame: painting.clone() } };
        let format = painting.format();
        let (planes, len) = tight_planes(format.pixels, format.size);
        let mut bytes = vec![0; len];
        let mixed = self.on_card.process(&self.workshop, &painted, &planes, &mut bytes).unwrap();
        let got = if mixed { Frame::new(format, planes, Arc::new(bytes)).unwrap() } else { painting.clone() };
        let wanted = self.on_cpu.process(painted).unwrap().item;
        let [got, wanted, painting] = [&got, &wanted, painting].map(bytes_of);
        let wrong = got.iter().zip(&wanted).position(|(got, wanted)| got != wanted);
        if let Some(at) = wrong {
            let of = original.size();
            panic!("frame {} of {format:?} from {of}: byte {at} is {}, not {}", stamp.seq, got[at], wanted[at]);
        }
        wanted.iter().zip(&painting).filter(|(wanted, painting)| wanted != painting).count()
    }
}

/// The picture of a frame, plane after plane, without padding.
fn bytes_of(frame: &Frame) -> Vec<u8> {
    let FrameFormat { size, pixels, .. } = frame.format();
    let rows = |plane| (0..pixels.plane_extent(plane, size).1).map(move |y| (plane, y));
    (0..pixels.planes()).flat_map(rows).flat_map(|(plane, y)| frame.row(plane, y).to_vec()).collect()
}

/// The same picture with bytes between its rows.
fn padded(frame: &Frame, padding: usize) -> Frame {
    let FrameFormat { size, pixels, .. } = frame.format();
    let mut planes = [Plane::default(); 3];
    let mut bytes = vec![0xA5; padding];
    for (index, plane) in planes.iter_mut().enumerate().take(pixels.planes()) {
        let (row_bytes, rows) = pixels.plane_extent(index, size);
        *plane = Plane { offset_bytes: bytes.len(), stride_bytes: row_bytes + padding };
        for y in 0..rows {
            bytes.extend_from_slice(frame.row(index, y));
            bytes.extend(std::iter::repeat_n(0xA5, padding));
        }
    }
    Frame::new(frame.format(), planes, Arc::new(bytes)).unwrap()
}

/// An input that moves, and its painting, which shimmers.
fn scene(pixels: PixelFormat, [input, out]: [Size; 2], way: [f32; 2], moment: u64) -> [Frame; 2] {
    let [dx, dy] = way.map(|way| way * moment as f32);
    let scale = [input.width as f32 / out.width as f32, input.height as f32 / out.height as f32];
    let original = frame(input, pixels, |x, y| texture(x + dx, y + dy) + 2.0 * noise(x, y, moment));
    let painting = frame(out, pixels, |x, y| {
        255.0 - texture(x * scale[0] + dx, y * scale[1] + dy) + 30.0 * noise(y, x, moment + 1000)
    });
    [padded(&original, 5), padded(&painting, 3)]
}

#[test]
fn the_card_is_its_twin_in_every_format_and_size() {
    let Some(workshop) = workshop() else { return };
    let sizes = [(1, 1), (7, 5), (16, 16), (33, 31), (63, 65), (130, 71), (257, 129)];
    for (width, height) in sizes {
        let input = Size::new(width, height);
        for pixels in PixelFormat::ALL {
            for out in [input, Size::new(48, 36), Size::new(201, 99), Size::new(1, 3)] {
                for way in [[0.0, 0.0], [3.0, -1.5]] {
                    let mut twins = Twins::new(&workshop, 1.0);
                    let mut mixed = 0;
                    for moment in 0..4 {
                        let [original, painting] = scene(pixels, [input, out], way, moment);
                        mixed += twins.give(&original, &painting, false);
                    }
                    // What is too small to be followed is left as it is.
                    let followed = width.min(height) >= 63 && out.width > 1;
                    assert!(!followed || mixed > 100, "{input} {pixels:?} {out} {way:?}: nothing was mixed");
                }
            }
        }
    }
}

#[test]
fn the_card_begins_anew_where_its_twin_does() {
    let Some(workshop) = workshop() else { return };
    let sizes = [Size::new(130, 70); 2];
    for pixels in PixelFormat::ALL {
        let mut twins = Twins::new(&workshop, 0.8);
        let moving = |moment| scene(pixels, sizes, [1.0, 0.5], moment);
        let mut give =
            |[original, painting]: [Frame; 2], discontinuity| twins.give(&original, &painting, discontinuity);
        assert_eq!(give(moving(0), false), 0, "the first");
        assert!(give(moving(1), false) > 1000);
        let checks = frame(sizes[0], pixels, |x, y| if ((x + y) / 24.0) as i32 % 2 == 0 { 30.0 } else { 230.0 });
        assert_eq!(give([checks.clone(), checks], false), 0, "a cut");
        assert_eq!(give(moving(2), false), 0, "another cut");
        assert!(give(moving(3), false) > 1000);
        assert_eq!(give(moving(4), true), 0, "a discontinuity");
        assert!(give(moving(5), false) > 1000);
        assert_eq!(
            give(scene(pixels, [Size::new(66, 40), sizes[1]], [0.0; 2], 0), false),
            0,
            "another size of the input"
        );
        assert_eq!(give(moving(7), false), 0, "and back");
        let large = [sizes[0], Size::new(260, 140)];
        assert_eq!(give(scene(pixels, large, [0.0; 2], 0), false), 0, "another size of the painting");
        assert!(give(scene(pixels, large, [0.0; 2], 1), false) > 1000);
    }
}

#[test]
fn the_card_obeys_the_controls_from_frame_to_frame() {
    let Some(workshop) = workshop() else { return };
    let mut twins = Twins::new(&workshop, 0.8);
    let amounts = [0.8, 0.8, 0.0, 0.0, 0.8, 0.3, 1.0, f32::NAN, 0.5, 7.0];
    for (moment, amount) in (0..).zip(amounts) {
        twins.controls.set(Controls { stabilise: amount, ..Controls::default() });
        let [original, painting] = scene(PixelFormat::I420, [Size::new(130, 71); 2], [1.0, 2.0], moment);
        let mixed = twins.give(&original, &painting, false);
        // What follows a frame that was not mixed has nothing to be mixed with.
        assert_eq!(mixed > 1000, [1, 5, 6, 9].contains(&moment), "frame {moment} at {amount}: {mixed}");
    }
}

#[test]
fn a_painting_of_another_device_is_none() {
    let Some((first, second)) = workshop().zip(card::open().and_then(|card| card.workshop())) else { return };
    let mut stabilise = gpu::Stabilise::new(LiveControls::new(Controls { stabilise: 1.0, ..Controls::default() }));
    for (moment, workshop) in (0..).zip([&first, &first, &second, &second, &first]) {
        let [original, painting] = scene(PixelFormat::Nv12, [Size::new(130, 71); 2], [1.0, 2.0], moment);
        let format = painting.format();
        let (planes, len) = tight_planes(format.pixels, format.size);
        let mut bytes = vec![0; len];
        let stamp = Stamp { seq: moment, ..Stamp::default() };
        let painted = Timed { stamp, item: Painted { original, frame: painting.clone() } };
        assert!(stabilise.process(workshop, &painted, &planes, &mut bytes).unwrap());
        assert_eq!(bytes != bytes_of(&painting), [1, 3].contains(&moment), "frame {moment}");
    }
}
