//! What a camera offers, and which of it is taken. Knows no library.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::frame::{FrameRate, Size};
use crate::options::Mode;

/// Cameras say 29.97 for 30: rates that are so near are one.
const SAME_RATE: f64 = 0.01;

/// A picture of another shape than was wanted counts so much of one that has it.
const OTHER_SHAPE: f64 = 0.9;

/// How pictures come from a camera.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Coding {
    /// As samples, in the layout of this name; it may be empty where the camera leaves it open.
    Raw(String),
    /// Each a JPEG.
    Jpeg,
    /// As H.264.
    H264,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw(layout) if layout.is_empty() => "raw",
            Self::Raw(layout) => layout,
            Self::Jpeg => "MJPEG",
            Self::H264 => "H.264",
        })
    }
}

impl Coding {
    /// The less, the less is lost or done on the way to a frame.
    fn effort(&self) -> u32 {
        match self {
            Self::Raw(layout) if layout == "I420" => 0,
            Self::Raw(layout) if layout == "NV12" => 1,
            Self::Raw(_) => 2,
            Self::Jpeg => 3,
            Self::H264 => 4,
        }
    }
}

/// Numbers from `least` to `most`, each `step` (at least 1) after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    pub(super) least: u32,
    pub(super) most: u32,
    pub(super) step: u32,
}

impl Span {
    /// One number.
    pub(super) const fn one(number: u32) -> Self {
        Self { least: number, most: number, step: 1 }
    }

    /// The number of it that is nearest to `wanted` from below, if there is one.
    fn nearest(self, wanted: u32) -> u32 {
        let Self { least, most, step } = self;
        let within = wanted.clamp(least, most.max(least)) - least;
        least + within / step.max(1) * step.max(1)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least == self.most {
            true => write!(f, "{}", self.least),
            false => write!(f, "({}-{})", self.least, self.most),
        }
    }
}

/// A way in which a camera films.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub(super) coding: Coding,
    pub(super) width: Span,
    pub(super) height: Span,
    /// Least and greatest rate; none where the camera does not say.
    pub(super) rates: Option<[FrameRate; 2]>,
}

/// What is asked of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) coding: Coding,
    pub(super) size: Size,
    /// None where the camera does not say.
    pub(super) rate: Option<FrameRate>,
}

impl Chosen {
    /// What of `offer` is nearest to `wanted`.
    fn of(offer: &Offer, wanted: Mode) -> Self {
        let rate = offer.rates.map(|[least, most]| match wanted.rate {
            rate if per_second(rate) < per_second(least) => least,
            rate if per_second(rate) > per_second(most) => most,
            rate => rate,
        });
        let size = Size::new(offer.width.nearest(wanted.size.width), offer.height.nearest(wanted.size.height));
        Self { coding: offer.coding.clone(), size, rate }
    }

    /// Frames a second; where the camera does not say, those that are wanted.
    fn per_second(&self, wanted: Mode) -> f64 {
        per_second(self.rate.unwrap_or(wanted.rate))
    }

    /// How near it is to `wanted`, up to 1: the share of the rate, times that of the picture's sides. So half the rate
    /// costs as much as half the width and height; what is more than wanted counts in size, as it has to be worked on,
    /// and not in rate.
    fn worth(&self, wanted: Mode) -> f64 {
        let rate = self.per_second(wanted) / per_second(wanted.rate);
        let rate = if rate > 1.0 - SAME_RATE { 1.0 } else { rate };
        let (pixels, goal) = (self.size.pixels().max(1) as f64, wanted.size.pixels().max(1) as f64);
        let sides = (pixels / goal).min(goal / pixels).sqrt();
        rate * sides * if same_shape(self.size, wanted.size) { 1.0 } else { OTHER_SHAPE }
    }

    fn is_exactly(&self, mode: Mode) -> bool {
        let off = self.per_second(mode) / per_second(mode.rate) - 1.0;
        self.size == mode.size && off.abs() < SAME_RATE
    }
}

/// The best of `offers` for who wants `wanted`: raw or compressed, whichever comes nearest; of equals the one whose rate
/// is not higher than it must be, then the one that takes least to decode. None where nothing is offered.
pub(super) fn choose(offers: &[Offer], wanted: Mode) -> Option<Chosen> {
    let chosen = offers.iter().map(|offer| Chosen::of(offer, wanted));
    // The first of equals wins.
    chosen.min_by(|a, b| {
        let excess = |chosen: &Chosen| chosen.per_second(wanted) - per_second(wanted.rate);
        let worth = b.worth(wanted).total_cmp(&a.worth(wanted));
        worth.then(excess(a).abs().total_cmp(&excess(b).abs())).then(a.coding.effort().cmp(&b.coding.effort()))
    })
}

/// The best of `offers` that is `mode` to the pixel, and to a hundredth of the rate.
pub(super) fn exactly(offers: &[Offer], mode: Mode) -> Option<Chosen> {
    let fitting: Vec<Offer> = offers.iter().filter(|offer| Chosen::of(offer, mode).is_exactly(mode)).cloned().collect();
    choose(&fitting, mode)
}

fn per_second(rate: FrameRate) -> f64 {
    f64::from(rate.frames.get()) / f64::from(rate.seconds.get())
}

/// Whether two sizes have one shape, to a few pixels.
fn same_shape(a: Size, b: Size) -> bool {
    let ratio = |size: Size| f64::from(size.width) / f64::from(size.height.max(1));
    (ratio(a) / ratio(b) - 1.0).abs() < 0.02
}

/// `offers` for reading, a line a size, the largest first: `1280x720  MJPEG 60, 30; YUY2 10`.
pub(super) fn in_words(offers: &[Offer]) -> Vec<String> {
    let mut sorted: Vec<&Offer> = offers.iter().collect();
    let pixels = |offer: &Offer| u64::from(offer.width.most) * u64::from(offer.height.most);
    sorted.sort_by_key(|&offer| {
        let rate = offer.rates.map_or(0, |[_, most]| (per_second(most) * 1000.0) as u64);
        (Reverse(pixels(offer)), offer.width, offer.height, offer.coding.clone(), Reverse(rate))
    });
    let same_size = |a: &&Offer, b: &&Offer| (a.width, a.height) == (b.width, b.height);
    let lines = sorted.chunk_by(same_size).map(|sizes| {
        let codings = sizes.chunk_by(|a, b| a.coding == b.coding).map(|offers| {
            let mut rates: Vec<String> = offers.iter().filter_map(|offer| offer.rates.map(rates_in_words)).collect();
            rates.dedup();
            format!("{} {}", offers[0].coding, rates.join(", ")).trim_end().to_owned()
        });
        let size = format!("{}x{}", sizes[0].width, sizes[0].height);
        format!("{size:<9}  {}", codings.collect::<Vec<_>>().join("; "))
    });
    lines.collect()
}

fn rates_in_words([least, most]: [FrameRate; 2]) -> String {
    match least == most {
        true => rate_in_words(most),
        false => format!("{}-{}", rate_in_words(least), rate_in_words(most)),
    }
}

/// `30`, `29.97`.
fn rate_in_words(rate: FrameRate) -> String {
    let text = format!("{:.2}", per_second(rate));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn rate(frames: u32, seconds: u32) -> FrameRate {
        FrameRate { frames: NonZeroU32::new(frames).unwrap(), seconds: NonZeroU32::new(seconds).unwrap() }
    }

    fn mode(width: u32, height: u32, fps: u32) -> Mode {
        Mode { size: Size::new(width, height), rate: rate(fps, 1) }
    }

    fn offer(coding: &str, width: u32, height: u32, fps: u32) -> Offer {
        let coding = match coding {
            "MJPEG" => Coding::Jpeg,
            "H264" => Coding::H264,
            layout => Coding::Raw(layout.into()),
        };
        let rates = (fps > 0).then(|| [rate(fps, 1); 2]);
        Offer { coding, width: Span::one(width), height: Span::one(height), rates }
    }

    /// What is chosen for 1280x720 at 30.
    fn best(offers: &[Offer]) -> String {
        words(choose(offers, mode(1280, 720, 30)))
    }

    fn words(chosen: Option<Chosen>) -> String {
        chosen.map_or("nothing".into(), |chosen| {
            let rate = chosen.rate.map_or("?".into(), rate_in_words);
            format!("{} {} {rate}", chosen.coding, chosen.size)
        })
    }

    /// A webcam as most are: USB 2 carries little raw video.
    fn webcam() -> Vec<Offer> {
        let mut offers = Vec::new();
        for (width, height, raw) in [(640, 480, 30), (1280, 720, 10), (1920, 1080, 5)] {
            offers.push(offer("YUY2", width, height, raw));
            offers.extend([60, 30, 15].map(|fps| offer("MJPEG", width, height, fps)));
        }
        offers
    }

    #[test]
    fn whichever_coding_reaches_the_rate_is_taken() {
        assert_eq!(best(&webcam()), "MJPEG 1280x720 30");
        let raw_is_fast: Vec<_> = webcam().into_iter().chain([offer("YUY2", 1280, 720, 30)]).collect();
        assert_eq!(best(&raw_is_fast), "YUY2 1280x720 30", "of equals the one that is not compressed");
        assert_eq!(best(&[offer("H264", 1280, 720, 30), offer("MJPEG", 1280, 720, 30)]), "MJPEG 1280x720 30");
        let raw = [offer("YUY2", 1280, 720, 30), offer("NV12", 1280, 720, 30), offer("I420", 1280, 720, 30)];
        assert_eq!(best(&raw), "I420 1280x720 30");
        assert_eq!(best(&raw[..2]), "NV12 1280x720 30");
    }

    #[test]
    fn the_rate_is_not_higher_than_it_must_be() {
        assert_eq!(best(&[offer("YUY2", 1280, 720, 60), offer("MJPEG", 1280, 720, 30)]), "MJPEG 1280x720 30");
        assert_eq!(best(&[offer("YUY2", 1280, 720, 60), offer("MJPEG", 1280, 720, 15)]), "YUY2 1280x720 60");
    }

    #[test]
    fn rate_and_size_are_weighed_against_each_other() {
        assert_eq!(best(&[offer("YUY2", 640, 480, 30), offer("YUY2", 1280, 720, 10)]), "YUY2 640x480 30");
        assert_eq!(best(&[offer("YUY2", 160, 120, 30), offer("YUY2", 1280, 720, 24)]), "YUY2 1280x720 24");
        assert_eq!(best(&[offer("YUY2", 640, 480, 30), offer("YUY2", 1280, 720, 24)]), "YUY2 1280x720 24");
        assert_eq!(best(&[offer("YUY2", 1920, 1080, 30), offer("YUY2", 320, 240, 30)]), "YUY2 1920x1080 30");
        assert_eq!(best(&[offer("YUY2", 3840, 2160, 30), offer("YUY2", 960, 540, 30)]), "YUY2 960x540 30");
        assert_eq!(best(&[offer("YUY2", 960, 720, 30), offer("YUY2", 1024, 576, 30)]), "YUY2 1024x576 30", "the shape");
    }

    #[test]
    fn thirty_and_29_97_are_one_rate() {
        let ntsc = Offer { rates: Some([rate(30_000, 1001); 2]), ..offer("YUY2", 1280, 720, 30) };
        assert_eq!(best(&[ntsc.clone(), offer("MJPEG", 1280, 720, 60)]), "YUY2 1280x720 29.97");
        assert_eq!(words(exactly(&[ntsc], mode(1280, 720, 30))), "YUY2 1280x720 29.97");
    }

    #[test]
    fn of_spans_the_nearest_is_taken() {
        let (side, step) = (|least, most| Span { least, most, step: 1 }, Span { least: 32, most: 4064, step: 32 });
        let any = Offer {
            width: side(32, 4096),
            height: side(32, 4096),
            rates: Some([rate(1, 1), rate(120, 1)]),
            ..offer("NV12", 1, 1, 1)
        };
        assert_eq!(best(std::slice::from_ref(&any)), "NV12 1280x720 30");
        assert_eq!(best(&[Offer { height: step, ..any.clone() }]), "NV12 1280x704 30");
        assert_eq!(best(&[Offer { width: side(32, 640), height: side(32, 480), ..any.clone() }]), "NV12 640x480 30");
        assert_eq!(best(&[Offer { rates: Some([rate(1, 1), rate(20, 1)]), ..any.clone() }]), "NV12 1280x720 20");
        assert_eq!(best(&[Offer { rates: Some([rate(50, 1), rate(60, 1)]), ..any }]), "NV12 1280x720 50");
    }

    #[test]
    fn what_is_left_open_is_taken_as_it_comes() {
        assert_eq!(best(&[]), "nothing");
        assert_eq!(best(&[offer("", 1280, 720, 0)]), "raw 1280x720 ?");
        assert_eq!(words(exactly(&[offer("", 1280, 720, 0)], mode(1280, 720, 25))), "raw 1280x720 ?");
    }

    #[test]
    fn a_mode_is_taken_to_the_pixel_or_not_at_all() {
        let exact = |width, height, fps| words(exactly(&webcam(), mode(width, height, fps)));
        assert_eq!(exact(1920, 1080, 30), "MJPEG 1920x1080 30");
        assert_eq!(exact(1280, 720, 10), "YUY2 1280x720 10");
        assert_eq!(exact(640, 480, 30), "YUY2 640x480 30");
        assert_eq!(exact(1280, 720, 25), "nothing");
        assert_eq!(exact(1280, 722, 30), "nothing");
    }

    #[test]
    fn modes_stand_by_size_the_largest_first() {
        let mut offers = webcam();
        offers.push(Offer { rates: Some([rate(30_000, 1001); 2]), ..offer("NV12", 640, 480, 1) });
        let open = Span { least: 16, most: 320, step: 1 };
        offers.push(Offer { width: open, height: open, rates: Some([rate(1, 1), rate(60, 1)]), ..offer("", 1, 1, 1) });
        assert_eq!(
            in_words(&offers),
            [
                "1920x1080  YUY2 5; MJPEG 60, 30, 15",
                "1280x720   YUY2 10; MJPEG 60, 30, 15",
                "640x480    NV12 29.97; YUY2 30; MJPEG 60, 30, 15",
                "(16-320)x(16-320)  raw 1-60",
            ]
        );
    }
}
