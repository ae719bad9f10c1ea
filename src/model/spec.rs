//! What a model wants and gives (models/README.md), put together from its graph and from what is said of it.

use super::graph::{Dim, Element, Graph, GraphPort};
use super::port::{Port, Shape, image_input, image_output};
use super::scale::output_border;
use super::statements::Statements;
use super::zoo::{Precision, Tier};
use crate::error::{Origin, SpecError};
use crate::frame::Size;
use crate::tensor::{Border, Channels, Layout};

/// Values that a picture takes in a tensor, from black to white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ValueRange {
    /// 0 to 1.
    #[value(name = "0..1")]
    Unit,
    /// 0 to 255.
    #[value(name = "0..255")]
    Byte,
    /// -1 to 1.
    #[value(name = "-1..1")]
    Signed,
}

impl ValueRange {
    /// Values of black and white.
    pub const fn ends(self) -> (f32, f32) {
        match self {
            Self::Unit => (0.0, 1.0),
            Self::Byte => (0.0, 255.0),
            Self::Signed => (-1.0, 1.0),
        }
    }
}

/// A further input that always gets the same value.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// As the graph calls it.
    pub name: String,
    /// Type of its elements; never [`Element::U8`] or [`Element::Other`].
    pub element: Element,
    /// Its dimensions; free ones are 1.
    pub shape: Vec<i64>,
    /// Value of each element.
    pub value: f32,
}

/// What a person, or a choice among providers, may want to know of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Its name.
    pub name: Option<String>,
    /// Size class, as of a style of the zoo.
    pub tier: Option<Tier>,
    /// Number format of its weights and arithmetic.
    pub precision: Option<Precision>,
    /// Bits in which the sum of any two products of its bytes has room, as far as it says.
    pub sum_bits: Option<u32>,
    /// Thousands of multiplications for each pixel of the input.
    pub kmac_per_pixel: Option<f32>,
    /// Pictures that it learned from.
    pub trained_on: Option<String>,
    /// Licence of the weights.
    pub licence: Option<String>,
    /// The painting: title, artist, year.
    pub style_image: Option<String>,
}

/// What a model wants and gives.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// The picture that goes in.
    pub input: Port,
    /// The picture that comes out.
    pub output: Port,
    /// Sides of the input must be multiples of this (at least 1).
    pub multiple_of: u32,
    /// Pixels of reflected border on each side that are added before.
    pub pad: u32,
    /// How many of them the network gives back, to be cropped: at most `pad`.
    pub output_pad: u32,
    /// Further inputs.
    pub constants: Vec<Constant>,
    /// What else is told.
    pub about: About,
    /// Where the layouts of input and output come from.
    pub layouts_from: [Origin; 2],
}

/// What a model of this version of the contract calls itself.
const VERSION: &str = "1";
/// Largest `multiple_of` and `pad`.
const LARGEST_STEP: u32 = 1024;
/// Most elements that a further input may have.
const LARGEST_CONSTANT: i64 = 1 << 16;

impl ModelSpec {
    /// Puts together what `graph` has and what is `said`.
    ///
    /// # Errors
    /// When something that is needed is missing, cannot be read or contradicts something else.
    pub fn resolve(graph: &Graph, said: &Statements) -> Result<Self, SpecError> {
        check_version(said)?;
        let input = image_input(graph, value(said, "layout")?)?;
        let output = image_output(graph, value(said, "output_layout")?, &input)?;
        let (range, _) = value::<ValueRange>(said, "range")?.ok_or(SpecError::NoRange)?;
        let output_range = value(said, "output_range")?.map_or(range, |(range, _)| range);
        let channels = value(said, "channels")?.map_or(Channels::Rgb, |(channels, _)| channels);
        let mean = three(said, "mean", |mean| mean.abs() <= 1e6)?.unwrap_or([0.0; 3]);
        let std = three(said, "std", |std| (1e-6..=1e6).contains(&std.abs()))?.unwrap_or([1.0; 3]);
        let port = |shape: &Shape<'_>, range, mean, std| Port {
            name: shape.port.name.clone(),
            dtype: shape.dtype,
            layout: shape.layout,
            batch: shape.batch,
            fixed_size: shape.fixed_size,
            channels,
            range,
            mean,
            std,
        };
        let spec = Self {
            input: port(&input, range, mean, std),
            // Mean and deviation speak of what goes in: networks that undo them do so themselves.
            output: port(&output, output_range, [0.0; 3], [1.0; 3]),
            multiple_of: count(said, "multiple_of")?.max(1),
            pad: count(said, "pad")?,
            output_pad: output_pad(said)?,
            constants: constants(graph, said, &input.port.name)?,
            about: about(said)?,
            layouts_from: [input.layout_from, output.layout_from],
        };
        spec.check_fixed_size(&input, said)?;
        Ok(spec)
    }

    /// The only size of picture that the model takes, border left out; none when any goes.
    pub fn fixed_picture(&self) -> Option<Size> {
        let size = self.input.fixed_size?;
        Some(Size::new(size.width.checked_sub(2 * self.pad)?, size.height.checked_sub(2 * self.pad)?))
    }

    /// The border that a picture of this size needs.
    pub fn border(&self, picture: Size) -> Border {
        Border::around(picture, self.pad, self.multiple_of)
    }

    /// Where the picture lies in an output of size `output`, given an input of size `input` with `border`.
    pub(super) fn output_border(&self, border: Border, input: Size, output: Size) -> Border {
        let eaten = self.pad - self.output_pad;
        let (left, top) = (border.left - eaten, border.top - eaten);
        let left_over = Border { left, top, right: border.right - eaten, bottom: border.bottom - eaten };
        output_border(left_over, left_over.outer(border.inner(input)), output)
    }

    fn check_fixed_size(&self, input: &Shape<'_>, said: &Statements) -> Result<(), SpecError> {
        let Some(size) = self.input.fixed_size else { return Ok(()) };
        let contradiction = |key: &str, reason: String| {
            let (value, origin) = said.get(key).map_or((String::new(), Origin::Default), |(v, o)| (v.to_owned(), o));
            Err(SpecError::Value { origin, key: key.to_owned(), value, reason })
        };
        if size.round_up_to(self.multiple_of) != size {
            return contradiction("multiple_of", format!("input {} is fixed at {size}, no multiple of it", input.port));
        }
        match self.fixed_picture() {
            Some(picture) if picture.pixels() > 0 => Ok(()),
            _ => contradiction("pad", format!("input {} is fixed at {size}, nothing of it is left", input.port)),
        }
    }
}

fn check_version(said: &Statements) -> Result<(), SpecError> {
    match said.get("version") {
        Some((version, origin)) if version.trim() != VERSION => {
            let reason = format!("this program knows version {VERSION}; a newer stylize may know it");
            Err(wrong("version", version, origin, reason))
        }
        _ => Ok(()),
    }
}

fn wrong(key: &str, value: &str, origin: Origin, reason: impl Into<String>) -> SpecError {
    SpecError::Value { origin, key: super::one_line(key), value: super::one_line(value), reason: reason.into() }
}

/// What is said about `key`, read as one of the choices of `T`.
fn value<T: std::str::FromStr<Err = String>>(said: &Statements, key: &str) -> Result<Option<(T, Origin)>, SpecError> {
    let Some((text, origin)) = said.get(key) else { return Ok(None) };
    let parsed = text.trim().parse().map_err(|_| choices_of(key)).map_err(|reason| wrong(key, text, origin, reason))?;
    Ok(Some((parsed, origin)))
}

fn choices_of(key: &str) -> String {
    let choices = match key {
        "range" | "output_range" => super::spelling::spellings::<ValueRange>(),
        "channels" => super::spelling::spellings::<Channels>(),
        "tier" => super::spelling::spellings::<Tier>(),
        "precision" => super::spelling::spellings::<Precision>(),
        _ => super::spelling::spellings::<Layout>(),
    };
    format!("it must be one of {choices}")
}

fn count(said: &Statements, key: &str) -> Result<u32, SpecError> {
    let Some((text, origin)) = said.get(key) else { return Ok(0) };
    let count = text.trim().parse().ok().filter(|&count: &u32| count <= LARGEST_STEP);
    count.ok_or_else(|| wrong(key, text, origin, format!("it must be a whole number from 0 to {LARGEST_STEP}")))
}

/// Nobody says it of a network that gives back a picture of the size that it took.
fn output_pad(said: &Statements) -> Result<u32, SpecError> {
    let pad = count(said, "pad")?;
    match said.get("output_pad") {
        None => Ok(pad),
        Some((text, origin)) => match count(said, "output_pad")? {
            output_pad if output_pad <= pad => Ok(output_pad),
            _ => Err(wrong("output_pad", text, origin, format!("it is at most pad, which is {pad}"))),
        },
    }
}

fn number(text: &str) -> Option<f32> {
    text.trim().parse().ok().filter(|number: &f32| number.is_finite())
}

/// One number for all channels, or one each for red, green, blue.
fn three(said: &Statements, key: &str, good: impl Fn(f32) -> bool) -> Result<Option<[f32; 3]>, SpecError> {
    let Some((text, origin)) = said.get(key) else { return Ok(None) };
    let list = text.trim().trim_start_matches('[').trim_end_matches(']');
    let numbers: Option<Vec<f32>> = list.split(',').map(|item| number(item).filter(|&number| good(number))).collect();
    match numbers.as_deref() {
        Some(&[all]) => Ok(Some([all; 3])),
        Some(&[red, green, blue]) => Ok(Some([red, green, blue])),
        _ => Err(wrong(key, text, origin, "it must be one number, or three for red, green, blue; std is never 0")),
    }
}

/// Values of all inputs that are not the picture: those that must have one, and those for which one is said.
fn constants(graph: &Graph, said: &Statements, picture: &str) -> Result<Vec<Constant>, SpecError> {
    let required = || graph.inputs.iter().filter(|port| port.name != picture);
    let mut constants = Vec::new();
    for (name, text, origin) in said.inputs() {
        let key = || format!("inputs.{name}");
        let Some(port) = required().chain(&graph.optional_inputs).find(|port| port.name == name) else {
            let names: Vec<_> = required().chain(&graph.optional_inputs).map(|port| port.name.as_str()).collect();
            let there = if names.is_empty() { "none but the picture".into() } else { names.join(", ") };
            return Err(wrong(&key(), text, origin, format!("there is no such input; there is {there}")));
        };
        let value = number(text).ok_or_else(|| wrong(&key(), text, origin, "it must be a number"))?;
        constants.push(constant(port, value)?);
    }
    match required().find(|port| constants.iter().all(|constant| constant.name != port.name)) {
        Some(port) => Err(SpecError::NoValue { name: port.name.clone() }),
        None => Ok(constants),
    }
}

fn constant(port: &GraphPort, value: f32) -> Result<Constant, SpecError> {
    let wrong = |reason: String| SpecError::Port { what: "input", port: port.to_string(), reason };
    if matches!(port.element, Element::U8 | Element::Other(_)) {
        return Err(wrong(format!("a constant of {} is not supported", port.element)));
    }
    let shape: Option<Vec<i64>> = port
        .dims
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(len) => i64::try_from(*len).ok(),
            Dim::Free(_) => Some(1),
        })
        .collect();
    let elements = |shape: &Vec<i64>| shape.iter().try_fold(1i64, |all, &len| all.checked_mul(len));
    match shape.filter(|shape| elements(shape).is_some_and(|all| (1..=LARGEST_CONSTANT).contains(&all))) {
        Some(shape) => Ok(Constant { name: port.name.clone(), element: port.element.clone(), shape, value }),
        None => Err(wrong(format!("a constant has 1 to {LARGEST_CONSTANT} elements"))),
    }
}

fn about(said: &Statements) -> Result<About, SpecError> {
    let text = |key: &str| said.get(key).map(|(text, _)| super::one_line(text));
    let kmac_per_pixel = match said.get("kmac_per_pixel") {
        Some((text, origin)) => match number(text).filter(|&kmac| kmac >= 0.0) {
            Some(kmac) => Some(kmac),
            None => return Err(wrong("kmac_per_pixel", text, origin, "it must be a number, 0 or more")),
        },
        None => None,
    };
    Ok(About {
        name: text("name"),
        tier: value(said, "tier")?.map(|(tier, _)| tier),
        precision: value(said, "precision")?.map(|(precision, _)| precision),
        sum_bits: said.get("sum_bits").map(|_| count(said, "sum_bits")).transpose()?,
        kmac_per_pixel,
        trained_on: text("trained_on"),
        licence: text("licence"),
        style_image: text("style_image"),
    })
}

#[cfg(test)]
mod tests;
