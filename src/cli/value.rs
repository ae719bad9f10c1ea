//! Values on the command line: moments, shares, names.

use std::num::NonZeroU32;
use std::path::Path;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::frame::FrameRate;
use crate::options::{ADDRESS_SCHEMES, CameraChoice, LiveInput, Mode, SizeChoice};

/// A choice that the program may make itself: `None` is `auto`. (An alias, as clap gives `Option` a meaning of its own.)
pub type OrAuto<T> = Option<T>;

/// Takes `auto` or a name of `T`.
pub fn or_auto<T: ValueEnum + Send + Sync + 'static>() -> impl TypedValueParser<Value = OrAuto<T>> {
    let auto = PossibleValue::new("auto").help("The best for this machine");
    let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    PossibleValuesParser::new(std::iter::once(auto).chain(names)).map(|name| T::from_str(&name, false).ok())
}

/// A share, from 0 to 1.
///
/// # Errors
/// For what is no number of that range; NaN is none.
pub fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "a number from 0 to 1 is needed".into())
}

/// Frames a second: `25`, `29.97` or `30000/1001`.
///
/// # Errors
/// For anything else, and for rates below 1/1000 or above 1000.
pub fn frame_rate(text: &str) -> Result<FrameRate, String> {
    parse_rate(text).ok_or_else(|| "a rate is frames a second up to 1000, such as 25, 29.97 or 30000/1001".into())
}

fn parse_rate(text: &str) -> Option<FrameRate> {
    let (frames, seconds) = match (text.split_once('/'), text.split_once('.')) {
        (Some((frames, seconds)), _) => (digits(frames)?, digits(seconds)?),
        (None, Some((whole, fraction))) if (1..=6).contains(&fraction.len()) => {
            let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
            (digits(whole)?.checked_mul(scale)?.checked_add(digits(fraction)?)?, scale)
        }
        (None, None) => (digits(text)?, 1),
        _ => return None,
    };
    let in_range = frames <= seconds.checked_mul(1000)? && seconds <= frames.checked_mul(1000)?;
    let side = |n: u64| NonZeroU32::new(u32::try_from(n).ok()?);
    in_range.then_some(FrameRate { frames: side(frames)?, seconds: side(seconds)? })
}

/// How a camera films: `1280x720@30`.
///
/// # Errors
/// For anything else.
pub fn camera_mode(text: &str) -> Result<Mode, String> {
    let parsed = text.split_once('@').and_then(|(size, rate)| {
        let SizeChoice::Exact(size) = size.parse().ok()? else { return None };
        Some(Mode { size, rate: parse_rate(rate)? })
    });
    parsed.ok_or_else(|| "a mode is a size and frames a second, such as 1280x720@30".into())
}

/// What is filmed: a camera's number or name, `test`, `screen`, a file or an address.
///
/// # Errors
/// For an address that is not opened, and for nothing.
pub fn live_input(text: &str) -> Result<LiveInput, String> {
    if let Some((scheme, _)) = text.split_once("://").filter(|_| !Path::new(text).exists()) {
        return if ADDRESS_SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
            Ok(LiveInput::Address(text.into()))
        } else {
            Err(format!("addresses begin with {}://", ADDRESS_SCHEMES.join("://, ")))
        };
    }
    let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Ok(match text {
        "" => return Err("the name is empty; `stylize cameras` lists what there is".into()),
        "test" => LiveInput::Test,
        "screen" => LiveInput::Screen,
        _ => match number {
            Some(number) => LiveInput::Camera(CameraChoice::Number(number)),
            None if text.contains('/') || Path::new(text).is_file() => LiveInput::File(text.into()),
            None => LiveInput::Camera(CameraChoice::Name(text.into())),
        },
    })
}

/// `NAME=VALUE` with a finite number.
///
/// # Errors
/// For anything else.
pub fn named_number(text: &str) -> Result<(String, f32), String> {
    text.rsplit_once('=')
        .filter(|(name, _)| !name.is_empty())
        .and_then(|(name, value)| Some((name.to_owned(), value.parse().ok().filter(|value: &f32| value.is_finite())?)))
        .ok_or_else(|| "write NAME=VALUE with a number, such as alpha=0.8".into())
}

/// Bytes: a whole number, or one with K, M, G or T for thousands, millions and so on, with or without a fraction.
///
/// # Errors
/// For anything else, and for nothing (0).
pub fn size_bytes(text: &str) -> Result<u64, String> {
    let scales = [('K', 1e3), ('M', 1e6), ('G', 1e9), ('T', 1e12)];
    let letter = |letter: char| scales.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(&letter));
    let (number, scale) = match text.chars().last().and_then(letter) {
        Some((_, scale)) => (&text[..text.len() - 1], scale),
        None => (text, 1.0),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let bytes = number.parse::<f64>().ok().filter(|_| plain).map(|number| (number * scale) as u64);
    bytes.filter(|&bytes| bytes > 0).ok_or_else(|| "a size is needed, such as 2G, 1.5G or 512M".into())
}

/// A moment in nanoseconds, from seconds (`12.5`), `MM:SS` or `HH:MM:SS`, each with or without a fraction.
///
/// # Errors
/// For anything else, and for moments that nanoseconds in 64 bits cannot hold (584 years).
pub fn moment_nanos(text: &str) -> Result<u64, String> {
    parse_moment(text).ok_or_else(|| "a moment is seconds, MM:SS or HH:MM:SS, such as 90.5 or 1:30.5".into())
}

fn parse_moment(text: &str) -> Option<u64> {
    const NANOS: u64 = 1_000_000_000;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<u64> = whole.split(':').map(digits).collect::<Option<_>>()?;
    let seconds = match parts[..] {
        [seconds] => seconds,
        [minutes, seconds] if seconds < 60 => minutes.checked_mul(60)?.checked_add(seconds)?,
        [hours, minutes, seconds] if minutes < 60 && seconds < 60 => {
            hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)?
        }
        _ => return None,
    };
    seconds.checked_mul(NANOS)?.checked_add(fraction_nanos(fraction)?)
}

/// Only digits: `parse` alone would take a sign.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `5` is half a second; what is finer than a nanosecond is cut off.
fn fraction_nanos(text: &str) -> Option<u64> {
    digits(text.get(..text.len().min(9))?)?;
    if text.bytes().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    digits(&format!("{text:0<9}")[..9])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_bytes_with_a_letter() {
        let bytes = |text| size_bytes(text).ok();
        assert_eq!(
            (bytes("2G"), bytes("1.5g"), bytes("512M")),
            (Some(2_000_000_000), Some(1_500_000_000), Some(512_000_000))
        );
        assert_eq!((bytes("12"), bytes("3K"), bytes("1T")), (Some(12), Some(3000), Some(1_000_000_000_000)));
        for wrong in ["", "G", "0", "-1G", "1e9", "inf", "2GB", "2 G", "1.2.3M", "0.1", "é"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_seconds_minutes_or_hours() {
        let nanos = |text| moment_nanos(text).ok();
        assert_eq!(nanos("0"), Some(0));
        assert_eq!(nanos("12.5"), Some(12_500_000_000));
        assert_eq!(nanos("90"), nanos("1:30"));
        assert_eq!(nanos("1:02:03.004"), Some(3_723_004_000_000));
        assert_eq!(nanos("0.000000001"), Some(1));
        assert_eq!(nanos("0.1234567899"), Some(123_456_789));
        assert_eq!(nanos("100:00"), Some(6_000_000_000_000));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "nan", "1:60", "1:2:3:4", "1:", ":1", "1:60:00", "1s", "1.5.2"]
        {
            assert!(moment_nanos(text).is_err(), "{text}");
        }
        assert!(moment_nanos("99999999999999").is_err(), "more than 64 bits");
        assert!(moment_nanos("0.é").is_err());
        assert!(moment_nanos("0.12345678é").is_err());
    }

    #[test]
    fn a_share_is_from_0_to_1() {
        assert_eq!(share("0.25"), Ok(0.25));
        assert_eq!((share("0"), share("1")), (Ok(0.0), Ok(1.0)));
        for text in ["-0.1", "1.0001", "NaN", "inf", "half", ""] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_number_or_a_fraction() {
        let rate = |text| frame_rate(text).map(|rate| (rate.frames.get(), rate.seconds.get())).ok();
        assert_eq!(
            [rate("25"), rate("30000/1001"), rate("1/10")],
            [Some((25, 1)), Some((30_000, 1001)), Some((1, 10))]
        );
        assert_eq!([rate("29.97"), rate("0.5")], [Some((2997, 100)), Some((5, 10))]);
        for text in ["", "0", "0/1", "1/0", "-5", "1e3", "1001", "25.", ".5", "1/1/1", "nan", "1/99999", "4294967296/1"]
        {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn a_named_number_is_finite_and_has_a_name() {
        assert_eq!(named_number("alpha=0.5"), Ok(("alpha".into(), 0.5)));
        assert_eq!(named_number("a=b=-1"), Ok(("a=b".into(), -1.0)));
        for text in ["alpha", "=1", "alpha=", "alpha=inf", "alpha=NaN"] {
            assert!(named_number(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_that_is_written_is_read_back(nanos in 0u64..1_000_000_000_000_000_000) {
            let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            prop_assert_eq!(moment_nanos(&format!("{seconds}.{rest:09}")), Ok(nanos));
            prop_assert_eq!(moment_nanos(&format!("{hours}:{minutes:02}:{:02}.{rest:09}", seconds % 60)), Ok(nanos));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC*") {
            let _ = (moment_nanos(&text), share(&text), named_number(&text), frame_rate(&text), text.parse::<SizeChoice>());
        }

        #[test]
        fn sizes_are_read_as_they_are_written(width in 1u32..=16_384, height in 1u32..=16_384) {
            use crate::options::SizeChoice::{Exact, Height};
            prop_assert_eq!(format!("{width}x{height}").parse(), Ok(Exact(crate::frame::Size::new(width, height))));
            prop_assert_eq!(format!("{height}p").parse(), Ok(Height(height)));
        }
    }

    #[test]
    fn modes_are_a_size_and_a_rate() {
        let mode = camera_mode("1280x720@29.97").unwrap();
        assert_eq!((mode.size.width, mode.size.height), (1280, 720));
        assert_eq!((mode.rate.frames.get(), mode.rate.seconds.get()), (2997, 100));
        for wrong in ["", "1280x720", "720p@30", "1280x720@", "1280x720@0", "source@30", "1280x720@30@30"] {
            assert!(camera_mode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_camera_a_file_and_an_address_are_told_apart() {
        let input = |text| live_input(text).unwrap();
        assert_eq!(input("2"), LiveInput::Camera(CameraChoice::Number(2)));
        assert_eq!(input("HD Webcam"), LiveInput::Camera(CameraChoice::Name("HD Webcam".into())));
        assert_eq!((input("test"), input("screen")), (LiveInput::Test, LiveInput::Screen));
        assert_eq!(input("./test"), LiveInput::File("./test".into()));
        assert_eq!(input("RTSP://host/a"), LiveInput::Address("RTSP://host/a".into()));
        assert!(live_input("ftp://host/a").is_err() && live_input("").is_err());
        // More digits than a number holds.
        assert_eq!(input(&"9".repeat(40)), LiveInput::Camera(CameraChoice::Name("9".repeat(40))));
    }
}
