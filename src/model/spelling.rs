//! How choices are written: on the command line, in messages, in the metadata of models. The spellings themselves stand
//! in the `#[value]` attributes of the types.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

use super::spec::ValueRange;
use super::zoo::{Precision, Tier};
use crate::options::Provider;
use crate::tensor::{Channels, Layout};

fn write_name<T: ValueEnum>(value: &T, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    value.to_possible_value().map_or(Ok(()), |spelling| f.pad(spelling.get_name()))
}

fn parse<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, false).map_err(|_| format!("{text:?} is none of {}", spellings::<T>()))
}

/// Every spelling, comma-separated.
pub(super) fn spellings<T: ValueEnum>() -> String {
    let names: Vec<_> = T::value_variants()
        .iter()
        .filter_map(|value| value.to_possible_value().map(|spelling| spelling.get_name().to_owned()))
        .collect();
    names.join(", ")
}

macro_rules! spelled {
    ($($type:ty),+) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_name(self, f)
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                parse(text)
            }
        }
    )+};
}

spelled!(Provider, Precision, Tier, ValueRange, Channels, Layout);

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: ValueEnum + fmt::Display + FromStr<Err = String> + PartialEq + fmt::Debug>(spelled: &str) {
        for value in T::value_variants() {
            assert_eq!(&value.to_string().parse::<T>().unwrap(), value);
        }
        assert_eq!(spellings::<T>(), spelled);
        assert_eq!("x".parse::<T>().unwrap_err(), format!("\"x\" is none of {spelled}"));
    }

    #[test]
    fn every_choice_is_spelled_as_the_command_line_promises() {
        round_trip::<Provider>("auto, cpu, openvino, cuda, tensorrt, webgpu, coreml, directml");
        round_trip::<Precision>("fp32, fp16, int8");
        round_trip::<Tier>("live, fine");
        round_trip::<ValueRange>("0..1, 0..255, -1..1");
        round_trip::<Channels>("rgb, bgr");
        round_trip::<Layout>("nchw, nhwc, blocks4");
    }
}
