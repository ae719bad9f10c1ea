use super::*;
use crate::compose::Controls;
use crate::frame::{Colour, PixelFormat, Size, Stamp, tight_planes};
use crate::gpu::context::Fault;
use crate::pool::Pool;
use crate::tensor::{Border, Tensor, TensorFormat, TensorPool, Values};

#[path = "../../../tests/common/card.rs"]
mod card;

const SIZE: Size = Size::new(98, 66);
const FORMAT: FrameFormat = FrameFormat { size: SIZE, pixels: PixelFormat::I420, colour: Colour::assumed_for(SIZE) };

/// An original that stands still, and a painting of it, at the size of the network, that shimmers.
fn styled(moment: u64, net: Size) -> Timed<Styled> {
    let (planes, len) = tight_planes(FORMAT.pixels, SIZE);
    let mut bytes = vec![128; len];
    for (at, byte) in bytes.iter_mut().enumerate().take(SIZE.pixels()) {
        let (x, y) = ((at % SIZE.width as usize) as f32, (at / SIZE.width as usize) as f32);
        *byte = (120.0 + 50.0 * (0.31 * x).sin() + 40.0 * (0.23 * y + 0.1 * x).cos()) as u8;
    }
    let original = Frame::new(FORMAT, planes, Arc::new(bytes)).unwrap();
    let mut tensor = TensorPool::new().lend(TensorFormat::PLANAR, net);
    for (at, value) in values(&mut tensor).iter_mut().enumerate() {
        let noise = (at as u64 * 31 + moment * 7919).wrapping_mul(2_654_435_761) >> 9;
        *value = 0.3 + (noise % 256) as f32 / 640.0;
    }
    let stamp = Stamp { seq: moment, ..Stamp::default() };
    Timed { stamp, item: Styled { original, tensor, border: Border::default() } }
}

fn values(tensor: &mut Tensor) -> &mut [f32] {
    let Values::F32(values) = &mut tensor.values else { panic!("planar pictures are of f32") };
    values
}

/// The stages on the processor.
struct OnCpu(Compose, Unpack, Stabilise);

impl OnCpu {
    fn new(controls: Controls, meter: &Meter) -> Self {
        let (controls, tensors, frames) = (LiveControls::new(controls), TensorPool::new(), Pool::new());
        let compose = Compose::new(SIZE, controls.clone(), tensors.clone());
        Self(compose, Unpack::new(FORMAT, frames.clone(), tensors, meter.clone()), Stabilise::new(controls, frames))
    }

    /// The painting, which continues the one before or not.
    fn paint(&mut self, mut styled: Timed<Styled>, discontinuity: bool) -> Frame {
        styled.stamp.discontinuity = discontinuity;
        self.2.process(self.1.process(self.0.process(styled).unwrap()).unwrap()).unwrap().item
    }
}

fn on_card(card: &Card, controls: Controls, meter: &Meter) -> (Submit, Collect) {
    let OnCpu(compose, unpack, stabilise) = OnCpu::new(controls, meter);
    let (compose, unpack, stabilise) = (Box::new(compose), Box::new(unpack), Box::new(stabilise));
    let submit = Submit::new((card.clone(), Crew::of(2)), LiveControls::new(controls), FORMAT, meter.clone());
    (submit, Collect { card: card.clone(), format: FORMAT, meter: meter.clone(), compose, unpack, stabilise })
}

/// Both round what they have: a painting may differ by one code, and the mix of two that do by one more.
fn assert_alike(got: &Frame, wanted: &Frame, what: &str) {
    assert_eq!(got.format(), wanted.format());
    let furthest = got.bytes().iter().zip(wanted.bytes()).map(|(got, wanted)| got.abs_diff(*wanted)).max();
    assert!(furthest.is_some_and(|codes| codes <= 2), "{what}: {furthest:?}");
}

const STEADY: Controls = Controls { strength: 1.0, keep_colour: false, stabilise: 0.9 };

#[test]
fn frames_that_are_on_the_card_together_are_painted_one_after_the_other() {
    let Some(card) = card::shared() else { return };
    for (strength, net) in [(1.0, SIZE), (0.8, SIZE), (1.0, Size::new(49, 33)), (0.8, Size::new(130, 70))] {
        let (controls, meter) = (Controls { strength, ..STEADY }, Meter::new());
        let (mut submit, mut collect) = on_card(&card, controls, &meter);
        let mut on_cpu = OnCpu::new(controls, &meter);
        let submitted: Vec<_> = (0..6).map(|moment| submit.process(styled(moment, net)).unwrap()).collect();
        assert!(submitted.iter().all(|frame| frame.item.flight.is_some()));
        for (moment, frame) in (0..).zip(submitted) {
            let got = collect.process(frame).unwrap();
            assert_eq!(got.stamp.seq, moment);
            assert_alike(&got.item, &on_cpu.paint(styled(moment, net), false), &format!("frame {moment} from {net}"));
        }
        assert_eq!((meter.gpu_faults(), meter.frames_substituted()), (0, 0));
    }
}

#[test]
fn a_card_that_is_lost_with_frames_on_it_loses_none() {
    let Some(card) = card::open() else { return };
    let meter = Meter::new();
    let (mut submit, mut collect) = on_card(&card, STEADY, &meter);
    let mut on_cpu = OnCpu::new(STEADY, &meter);
    let mut check = |submitted: Timed<Submitted>, begins: bool| {
        let moment = submitted.stamp.seq;
        let got = collect.process(submitted).unwrap();
        assert_alike(&got.item, &on_cpu.paint(styled(moment, SIZE), begins), &format!("frame {moment}"));
    };
    for round in 0..2 {
        let mut next = |at: u64| submit.process(styled(5 * round + at, SIZE)).unwrap();
        let workshop = card.workshop().unwrap();
        check(next(0), false);
        check(next(1), false);
        let lost = [next(2), next(3)];
        assert!(lost.iter().all(|frame| frame.item.flight.is_some()));
        // A device that is destroyed may have done what it was given before.
        workshop.context().fail(Fault::Lost("the test says so".into()));
        // The processor begins anew, and follows from there.
        for (frame, begins) in lost.into_iter().zip([true, false]) {
            check(frame, begins);
        }
        assert_eq!(meter.gpu_faults(), round + 1);
        check(next(4), round == 0);
    }
    assert!(card.workshop().is_none(), "a card that was lost twice is not tried again");
    assert_eq!(meter.frames_substituted(), 0);
}

#[test]
fn a_painting_that_is_no_number_is_not_mixed_into_the_next() {
    let Some(card) = card::shared() else { return };
    let meter = Meter::new();
    let (mut submit, mut collect) = on_card(&card, STEADY, &meter);
    let mut on_cpu = OnCpu::new(STEADY, &meter);
    let spoilt = |mut frame: Timed<Styled>| {
        values(&mut frame.item.tensor)[40] = f32::NAN;
        frame
    };
    let frames = (0..6).map(|moment| styled(moment, SIZE));
    let frames = frames.map(|frame| if frame.stamp.seq == 2 { spoilt(frame) } else { frame });
    let submitted: Vec<_> = frames.map(|frame| submit.process(frame).unwrap()).collect();
    for (moment, frame) in (0..).zip(submitted) {
        let got = collect.process(frame).unwrap().item;
        let painting = styled(moment, SIZE);
        let original = painting.item.original.clone();
        let wanted = on_cpu.paint(if moment == 2 { spoilt(painting) } else { painting }, false);
        assert_alike(&got, &wanted, &format!("frame {moment}"));
        assert_eq!(got.bytes() == original.bytes(), moment == 2, "frame {moment}");
    }
    // Once for each.
    assert_eq!((meter.gpu_faults(), meter.frames_substituted()), (0, 2));
}
