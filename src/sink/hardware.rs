//! Encoders that are chips: how each is set, and whether it works.
//!
//! None of them could be tried where this was written; what a version of an element does not know is left as it is, and an
//! encoder is only taken once it has encoded some frames of the size that is meant.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use super::encoder::{default_quality, make, needs_even, parser, software};
use crate::error::SinkError;
use crate::frame::Size;
use crate::media::pipeline;
use crate::options::{Codec, CodecChoice, Encoding};
use crate::report::Meter;

/// An encoder of a chip.
struct Chip {
    codec: Codec,
    element: &'static str,
    /// What makes it keep a constant quality; `{i}`, `{p}` and `{b}` stand for what the three kinds of frames get on the
    /// codec's own scale, `{percent}` for the same as a share of the best, `{share}` as 0 to 1.
    settings: &'static [(&'static str, &'static str)],
}

const VA: &[(&str, &str)] =
    &[("rate-control", "cqp"), ("qpi", "{i}"), ("qpp", "{p}"), ("qpb", "{b}"), ("key-int-max", "250")];
const NV: &[(&str, &str)] = &[
    ("rc-mode", "constqp"),
    ("rate-control", "constqp"),
    ("qp-const", "{p}"),
    ("qp-const-i", "{i}"),
    ("qp-const-p", "{p}"),
    ("qp-const-b", "{b}"),
    ("gop-size", "250"),
];
const VT: &[(&str, &str)] = &[("bitrate", "0"), ("quality", "{share}"), ("max-keyframe-interval", "250")];
const MF: &[(&str, &str)] = &[("rc-mode", "qvbr"), ("quality", "{percent}"), ("gop-size", "250")];
const V4L2_H264: &[(&str, &str)] = &[(
    "extra-controls",
    "controls,frame_level_rate_control_enable=0,h264_i_frame_qp_value={i},h264_p_frame_qp_value={p},video_gop_size=250",
)];
const V4L2_HEVC: &[(&str, &str)] = &[(
    "extra-controls",
    "controls,frame_level_rate_control_enable=0,hevc_i_frame_qp_value={i},hevc_p_frame_qp_value={p},video_gop_size=250",
)];

const fn chip(codec: Codec, element: &'static str, settings: &'static [(&'static str, &'static str)]) -> Chip {
    Chip { codec, element, settings }
}

/// Of each codec the best first.
const CHIPS: &[Chip] = &[
    chip(Codec::H264, "nvh264enc", NV),
    chip(Codec::H264, "vah264enc", VA),
    chip(Codec::H264, "vah264lpenc", VA),
    chip(Codec::H264, "vtenc_h264_hw", VT),
    chip(Codec::H264, "mfh264enc", MF),
    chip(Codec::H264, "v4l2h264enc", V4L2_H264),
    chip(Codec::Hevc, "nvh265enc", NV),
    chip(Codec::Hevc, "vah265enc", VA),
    chip(Codec::Hevc, "vah265lpenc", VA),
    chip(Codec::Hevc, "vtenc_h265_hw", VT),
    chip(Codec::Hevc, "mfh265enc", MF),
    chip(Codec::Hevc, "v4l2h265enc", V4L2_HEVC),
    chip(Codec::Av1, "nvav1enc", NV),
    chip(Codec::Av1, "vaav1enc", VA),
];

/// Frames of the trial, and how long it may take.
const TRIAL_FRAMES: i32 = 5;
const TRIAL_TIME: Duration = Duration::from_secs(5);

/// Size of the pictures that chips are surveyed with; they take no very small ones.
const SURVEYED: Size = Size::new(640, 368);

/// What is asked of a chip.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Task {
    codec: Codec,
    size: Size,
    quality: Option<u32>,
}

/// An encoder and its task, and why it does not do it, if so.
type Tried = (String, Task, Option<String>);

/// What came of the trials of this process: a chip is tried once for a task.
static TRIED: Mutex<Vec<Tried>> = Mutex::new(Vec::new());

/// Name of the element that encodes pictures of `size`: of chips the first that works, if there may be one. What does not
/// is said.
pub(crate) fn element(codec: Codec, encoding: &Encoding, size: Size, meter: &Meter) -> String {
    match &encoding.encoder {
        CodecChoice::Named(name) => name.clone(),
        CodecChoice::Auto if !encoding.lossless => {
            let even = |side: u32| if needs_even(codec) { side.next_multiple_of(2) } else { side };
            let size = Size::new(even(size.width), even(size.height));
            let task = Task { codec, size, quality: encoding.quality };
            let chips = installed(codec).map(|chip| chip.element);
            let works = |element: &str| known_or_tried(element, task);
            first_that_works(chips, works, meter).unwrap_or_else(|| software(codec)).to_owned()
        }
        CodecChoice::Auto | CodecChoice::Software => software(codec).to_owned(),
    }
}

/// Chips' encoders that are installed, and why one does not work, if so.
pub(crate) fn survey() -> Vec<(String, Option<String>)> {
    let installed = CHIPS.iter().filter(|chip| gst::ElementFactory::find(chip.element).is_some());
    installed
        .map(|chip| {
            let task = Task { codec: chip.codec, size: SURVEYED, quality: None };
            (chip.element.to_owned(), encodes(chip.element, task).err())
        })
        .collect()
}

/// Whether a chip may do it.
pub(super) fn may_encode(codec: Codec, encoding: &Encoding) -> bool {
    encoding.encoder == CodecChoice::Auto && installed(codec).next().is_some()
}

fn installed(codec: Codec) -> impl Iterator<Item = &'static Chip> {
    CHIPS.iter().filter(move |chip| chip.codec == codec && gst::ElementFactory::find(chip.element).is_some())
}

fn first_that_works<'a>(
    chips: impl Iterator<Item = &'a str>,
    works: impl Fn(&str) -> Result<(), String>,
    meter: &Meter,
) -> Option<&'a str> {
    for element in chips {
        match works(element) {
            Ok(()) => {
                tracing::info!("{element} encodes");
                return Some(element);
            }
            Err(reason) => {
                meter.warn(format!("the encoder {element} does not work here ({reason}); another one encodes"));
            }
        }
    }
    None
}

fn known_or_tried(element: &str, task: Task) -> Result<(), String> {
    let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = tried.iter().find(|(name, what, _)| name == element && *what == task);
    let failure = match known {
        Some((_, _, failure)) => failure.clone(),
        None => {
            let failure = encodes(element, task).err();
            tried.push((element.to_owned(), task, failure.clone()));
            failure
        }
    };
    failure.map_or(Ok(()), Err)
}

/// Encodes some black frames, set as it would be.
fn encodes(element: &str, Task { codec, size, quality }: Task) -> Result<(), String> {
    let wrong = |error: gst::glib::BoolError| error.to_string();
    pipeline::init().map_err(|error| error.to_string())?;
    let made = |name: &str| gst::ElementFactory::make(name).build().map_err(wrong);
    let (source, filter, end) = (made("videotestsrc")?, made("capsfilter")?, made("fakesink")?);
    source.set_property("num-buffers", TRIAL_FRAMES);
    source.set_property_from_str("pattern", "black");
    let (width, height) = (size.width, size.height);
    let caps = format!("video/x-raw,format=I420,width={width},height={height},framerate=25/1");
    filter.set_property("caps", caps.parse::<gst::Caps>().map_err(wrong)?);
    let (convert, encoder) = (made("videoconvert")?, made(element)?);
    set(&encoder, codec, quality);
    let mut chain = vec![source, filter, convert, encoder];
    if let Some(parser) = parser(codec) {
        chain.push(made(parser)?);
    }
    chain.push(end);
    let trial = gst::Pipeline::new();
    trial.add_many(&chain).map_err(wrong)?;
    gst::Element::link_many(&chain).map_err(wrong)?;
    let outcome = run(&trial);
    // Going down cannot fail for what went up.
    let _ = trial.set_state(gst::State::Null);
    outcome
}

/// Lets it run to its end.
fn run(trial: &gst::Pipeline) -> Result<(), String> {
    let bus = trial.bus().ok_or("no bus")?;
    // Why it does not start is on the bus.
    let started = trial.set_state(gst::State::Playing);
    let patience = if started.is_ok() { TRIAL_TIME } else { Duration::ZERO };
    let patience = gst::ClockTime::from_nseconds(patience.as_nanos() as u64);
    let message = bus.timed_pop_filtered(patience, &[gst::MessageType::Eos, gst::MessageType::Error]);
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => Err(error.error().to_string()),
        _ if started.is_err() => Err("it does not start".into()),
        _ => Err(format!("it had encoded nothing after {} s", TRIAL_TIME.as_secs())),
    }
}

/// The elements from raw frames to what a parser takes, if `element` is a chip's.
pub(super) fn chain(element: &str, codec: Codec, quality: Option<u32>) -> Option<Result<Vec<gst::Element>, SinkError>> {
    CHIPS.iter().find(|chip| chip.element == element)?;
    let made = || {
        // Most take NV12 alone.
        let convert = make("videoconvert", "colours", "gstreamer1.0-plugins-base")?;
        let encoder = make(element, "the output", "the plugin that has it")?;
        set(&encoder, codec, quality);
        Ok(vec![convert, encoder])
    };
    Some(made())
}

/// Sets `encoder` to a constant quality.
fn set(encoder: &gst::Element, codec: Codec, quality: Option<u32>) {
    let name = encoder.factory().map(|factory| factory.name().to_string()).unwrap_or_default();
    let Some(chip) = CHIPS.iter().find(|chip| chip.element == name) else { return };
    for (property, value) in chip.settings {
        let value = filled(value, codec, quality);
        if !try_to_set(encoder, property, &value) {
            tracing::debug!("{name} has no {property}={value}");
        }
    }
}

/// Sets a property that not all versions have, to a value that not all know.
pub(super) fn try_to_set(element: &gst::Element, property: &str, value: &str) -> bool {
    let Some(spec) = element.find_property(property) else { return false };
    let parsed = gst::glib::Value::deserialize_with_pspec(value, &spec);
    parsed.map(|parsed| element.set_property_from_value(property, &parsed)).is_ok()
}

/// The end of a codec's scale in chips.
fn worst(codec: Codec) -> u32 {
    match codec {
        Codec::Av1 | Codec::Vp9 => 255,
        Codec::H264 | Codec::Hevc | Codec::Ffv1 => 51,
    }
}

/// `text` with the numbers for `quality`. Software spends its bits where they are seen and means by its number an average; a
/// chip takes it by the letter. So frames that others are made from get one step more, the rest three and five, which is about
/// what x264 does by itself.
fn filled(text: &str, codec: Codec, quality: Option<u32>) -> String {
    let worst = worst(codec);
    let mut quality = quality.unwrap_or_else(|| default_quality(codec));
    if codec == Codec::Av1 {
        // libaom's scale of 0 to 63 stands for indices up to 255, which chips take.
        quality *= 4;
    }
    let step = worst / 51;
    let [i, p, b] = [1, 3, 5].map(|steps| (quality + steps * step).min(worst).to_string());
    let share = 1.0 - f64::from(quality.min(worst)) / f64::from(worst);
    let percent = ((share * 100.0).round() as u32).max(1).to_string();
    text.replace("{i}", &i)
        .replace("{p}", &p)
        .replace("{b}", &b)
        .replace("{percent}", &percent)
        .replace("{share}", &format!("{share:.2}"))
}

/// A chip's encoder that works for a stream of `kbits` a second with a frame to begin at every `key_frames`, without looking
/// ahead; none where there is none, or `choice` does not want one.
pub(super) fn for_stream(
    choice: &CodecChoice,
    size: Size,
    (kbits, key_frames): (u32, u32),
    meter: &Meter,
) -> Option<gst::Element> {
    let encoding = Encoding { encoder: choice.clone(), ..Encoding::default() };
    let name = element(Codec::H264, &encoding, size, meter);
    CHIPS.iter().find(|chip| chip.element == name)?;
    let encoder = gst::ElementFactory::make(&name).build().ok()?;
    let (kbits, bits, key_frames) = (kbits.to_string(), (kbits * 1000).to_string(), key_frames.to_string());
    for (property, value) in [("rc-mode", "cbr"), ("rate-control", "cbr"), ("bitrate", &*kbits)] {
        try_to_set(&encoder, property, value);
    }
    for property in ["key-int-max", "gop-size", "max-keyframe-interval"] {
        try_to_set(&encoder, property, &key_frames);
    }
    let at_once =
        [("b-frames", "0"), ("bframes", "0"), ("zerolatency", "true"), ("realtime", "true"), ("low-latency", "true")];
    for (property, value) in at_once {
        try_to_set(&encoder, property, value);
    }
    let controls = format!("controls,video_bitrate={bits},video_gop_size={key_frames}");
    try_to_set(&encoder, "extra-controls", &controls);
    Some(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 64, height: 48 };

    #[test]
    fn the_first_that_works_is_taken_and_what_does_not_is_said() {
        let meter = Meter::new();
        let works = |element: &str| if element == "good" { Ok(()) } else { Err("no device".to_owned()) };
        assert_eq!(first_that_works(["bad", "good", "worse"].into_iter(), works, &meter), Some("good"));
        assert_eq!(meter.warnings(), ["the encoder bad does not work here (no device); another one encodes"]);
        assert_eq!(first_that_works(["bad"].into_iter(), works, &meter), None);
        assert_eq!(meter.warnings().len(), 1, "said once");
    }

    #[test]
    fn an_encoder_is_tried_with_frames_of_the_size() {
        let task = Task { codec: Codec::H264, size: SIZE, quality: Some(30) };
        assert_eq!(encodes("x264enc", task), Ok(()));
        assert!(encodes("x264enc", Task { size: Size::new(1, 1), ..task }).is_err());
        assert!(encodes("nosuchenc", task).is_err());
        assert!(encodes("vp9enc", task).is_err(), "it gives another codec");
    }

    #[test]
    fn software_is_one_word_away_and_what_is_lossless_is_never_a_chips() {
        pipeline::init().unwrap();
        let meter = Meter::new();
        let name = |encoder: CodecChoice, lossless| {
            let encoding = Encoding { encoder, lossless, ..Encoding::default() };
            element(if lossless { Codec::Ffv1 } else { Codec::H264 }, &encoding, SIZE, &meter)
        };
        assert_eq!(name(CodecChoice::Software, false), "x264enc");
        assert_eq!(name(CodecChoice::Auto, true), "avenc_ffv1");
        assert_eq!(name(CodecChoice::Named("openh264enc".into()), false), "openh264enc");
        if installed(Codec::H264).next().is_none() {
            assert_eq!(name(CodecChoice::Auto, false), "x264enc");
        }
    }

    #[test]
    fn quality_is_on_the_scale_of_the_chip() {
        assert_eq!(filled("{i} {p} {b}", Codec::H264, None), "21 23 25");
        assert_eq!(filled("{i} {p} {b}", Codec::Hevc, Some(51)), "51 51 51");
        assert_eq!(filled("{i} {p} {b}", Codec::Av1, None), "137 147 157");
        assert_eq!(filled("{percent} {share}", Codec::H264, Some(21)), "59 0.59");
    }

    #[test]
    fn what_an_element_does_not_know_is_left_as_it_is() {
        pipeline::init().unwrap();
        let encoder = gst::ElementFactory::make("x264enc").build().unwrap();
        assert!(try_to_set(&encoder, "bitrate", "1234"));
        assert_eq!(encoder.property::<u32>("bitrate"), 1234);
        assert!(!try_to_set(&encoder, "no-such-property", "1"));
        assert!(!try_to_set(&encoder, "speed-preset", "no-such-preset"));
    }
}
