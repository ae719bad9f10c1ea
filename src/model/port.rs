//! Which input and output of a graph are the picture, and how it lies in them.

use super::graph::{Dim, Element, Graph, GraphPort};
use super::spec::ValueRange;
use crate::error::{Origin, SpecError};
use crate::frame::Size;
use crate::tensor::{BLOCK_SIDE, Channels, DType, Layout, TensorFormat};

/// Values of a block, the channels of [`Layout::Blocks4`].
const BLOCK_LEN: u64 = 3 * (BLOCK_SIDE * BLOCK_SIDE) as u64;

/// Longest side of a picture that a graph may fix.
const LONGEST_SIDE: u64 = 16_384;

/// An input or output that holds the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// As the graph calls it.
    pub name: String,
    /// Type of the values.
    pub dtype: DType,
    /// Order of the dimensions.
    pub layout: Layout,
    /// Whether a batch dimension (of 1) comes first. For an output whose graph does not say: as the input.
    pub batch: bool,
    /// The size that the graph fixes; none where it is free.
    pub fixed_size: Option<Size>,
    /// Order of the channels.
    pub channels: Channels,
    /// Values of black and white.
    pub range: ValueRange,
    /// Taken off the value before it goes in: red, green, blue, in units of `range`.
    pub mean: [f32; 3],
    /// What the value is divided by after that.
    pub std: [f32; 3],
}

impl Port {
    /// What the numbers of its tensor mean: `value = gain * c + bias`, c in 0..=1, which is
    /// `(low + (high - low) * c - mean) / std`.
    pub fn tensor_format(&self) -> TensorFormat {
        let (low, high) = self.range.ends();
        let mut format = TensorFormat {
            dtype: self.dtype,
            layout: self.layout,
            channels: self.channels,
            gain: [high - low; 3],
            bias: [low; 3],
        };
        for channel in 0..3 {
            format.gain[channel] /= self.std[channel];
            format.bias[channel] = (low - self.mean[channel]) / self.std[channel];
        }
        format
    }

    /// Dimensions of its tensor for a picture of `size`.
    pub fn shape(&self, size: Size) -> Vec<i64> {
        let (height, width) = (i64::from(size.height), i64::from(size.width));
        let picture = match self.layout {
            Layout::Nchw => [3, height, width],
            Layout::Nhwc => [height, width, 3],
            Layout::Blocks4 => [height / BLOCK_SIDE as i64, width / BLOCK_SIDE as i64, BLOCK_LEN as i64],
        };
        if self.batch { [&[1], picture.as_slice()].concat() } else { picture.to_vec() }
    }

    /// The size of the picture in a tensor of these dimensions; none when it holds no picture of this port's kind.
    pub fn size_of(&self, shape: &[i64]) -> Option<Size> {
        let picture = match (self.batch, shape) {
            (true, [1, picture @ ..]) => picture,
            (false, picture) => picture,
            _ => return None,
        };
        let (width, height, times) = match (self.layout, picture) {
            (Layout::Nchw, &[3, height, width]) | (Layout::Nhwc, &[height, width, 3]) => (width, height, 1),
            (Layout::Blocks4, &[rows, columns, len]) if len == BLOCK_LEN as i64 => (columns, rows, BLOCK_SIDE as i64),
            _ => return None,
        };
        let side = |side: i64| u32::try_from(side.checked_mul(times)?).ok().filter(|&side| side > 0);
        Some(Size::new(side(width)?, side(height)?))
    }
}

/// What the shape of a graph's tensor says of the picture in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape<'a> {
    pub port: &'a GraphPort,
    pub dtype: DType,
    pub layout: Layout,
    pub layout_from: Origin,
    pub batch: bool,
    pub fixed_size: Option<Size>,
}

/// The input that takes the picture.
pub(super) fn image_input(graph: &Graph, said: Option<(Layout, Origin)>) -> Result<Shape<'_>, SpecError> {
    one_of("input", &graph.inputs, said, None)
}

/// The output that gives the picture. `input` is what decides where the graph and the user leave it open.
pub(super) fn image_output<'a>(
    graph: &'a Graph,
    said: Option<(Layout, Origin)>,
    input: &Shape<'_>,
) -> Result<Shape<'a>, SpecError> {
    one_of("output", &graph.outputs, said, Some(input))
}

fn one_of<'a>(
    what: &'static str,
    ports: &'a [GraphPort],
    said: Option<(Layout, Origin)>,
    input: Option<&Shape<'_>>,
) -> Result<Shape<'a>, SpecError> {
    let mut fitting = Vec::new();
    let mut first_problem = None;
    for port in ports {
        match shape(what, port, said, input) {
            Ok(shape) => fitting.push(shape),
            Err(problem) => {
                first_problem.get_or_insert(problem);
            }
        }
    }
    match fitting.len() {
        1 => fitting.pop().ok_or(SpecError::NoPicture { what }),
        0 => Err(first_problem.unwrap_or(SpecError::NoPicture { what })),
        _ => {
            let names: Vec<_> = fitting.iter().map(|shape| format!("{:?}", shape.port.name)).collect();
            Err(SpecError::Ambiguous { what, names: names.join(" and ") })
        }
    }
}

fn shape<'a>(
    what: &'static str,
    port: &'a GraphPort,
    said: Option<(Layout, Origin)>,
    input: Option<&Shape<'_>>,
) -> Result<Shape<'a>, SpecError> {
    let wrong = |reason: String| SpecError::Port { what, port: port.to_string(), reason };
    let dtype = match port.element {
        Element::U8 => DType::U8,
        Element::F16 => DType::F16,
        Element::F32 => DType::F32,
        ref other => return Err(wrong(format!("a picture of {other} values is not supported (u8, f16 and f32 are)"))),
    };
    let (layout, layout_from) = layout(what, port, said, input)?;
    let (batch, picture) = match (port.dims.as_slice(), input) {
        ([], Some(input)) => (input.batch, None),
        ([batch, picture @ ..], _) if picture.len() == 3 => {
            if matches!(batch, Dim::Fixed(len) if *len != 1) {
                return Err(wrong(format!("it wants {batch} pictures at once; one is supported")));
            }
            (true, Some(picture))
        }
        (picture, _) if picture.len() == 3 => (false, Some(picture)),
        (dims, _) => return Err(wrong(format!("a picture has 3 or 4 dimensions, not {}", dims.len()))),
    };
    let sides = picture.map(|picture| match layout {
        Layout::Nchw => (&picture[2], &picture[1]),
        Layout::Nhwc | Layout::Blocks4 => (&picture[1], &picture[0]),
    });
    let times = if layout == Layout::Blocks4 { BLOCK_SIDE as u64 } else { 1 };
    let fixed_size = match sides {
        Some((&Dim::Fixed(width), &Dim::Fixed(height))) => match (side(width, times), side(height, times)) {
            (Some(width), Some(height)) => Some(Size::new(width, height)),
            _ => return Err(wrong(format!("no picture is of {width}x{height} pixels"))),
        },
        Some((Dim::Fixed(_), Dim::Free(_)) | (Dim::Free(_), Dim::Fixed(_))) if input.is_none() => {
            return Err(wrong(
                "one side of the picture is fixed and the other is not; both or none are supported".into(),
            ));
        }
        _ => None,
    };
    Ok(Shape { port, dtype, layout, layout_from, batch, fixed_size })
}

/// Pixels of a side that is `len` times as many.
fn side(len: u64, times: u64) -> Option<u32> {
    let len = len.checked_mul(times)?;
    u32::try_from(len).ok().filter(|_| (1..=LONGEST_SIDE).contains(&len))
}

/// Layout of a port: as said, where the graph does not contradict; else as the graph has it; else as the input.
fn layout(
    what: &'static str,
    port: &GraphPort,
    said: Option<(Layout, Origin)>,
    input: Option<&Shape<'_>>,
) -> Result<(Layout, Origin), SpecError> {
    let wrong = |reason: String| SpecError::Port { what, port: port.to_string(), reason };
    let first = match port.dims.len() {
        0 if input.is_some() => None,
        3 => Some(0),
        4 => Some(1),
        other => return Err(wrong(format!("a picture has 3 or 4 dimensions, not {other}"))),
    };
    if let Some((Layout::Blocks4, from)) = said {
        return match (input, first, port.dims.last()) {
            (None, ..) => Err(wrong("blocks can come out of a network, not go in".into())),
            (_, Some(_), Some(Dim::Fixed(BLOCK_LEN) | Dim::Free(_))) if port.element == Element::U8 => {
                Ok((Layout::Blocks4, from))
            }
            _ => Err(wrong(format!("the {from} says {}, which is bytes, {BLOCK_LEN} in a block", Layout::Blocks4))),
        };
    }
    let three = |index: usize| port.dims[index] == Dim::Fixed(3);
    let free = |index: usize| matches!(port.dims[index], Dim::Free(_));
    // Nobody leaves the channels and one side open but not the other.
    let alike = |one: usize, other: usize| free(one) == free(other);
    // Which layouts the graph allows. Where just one place can only be the channels, the other layout is out.
    let (planar, packed) = match first.map(|first| (first, port.dims.len() - 1)) {
        None => (true, true),
        Some((first, last)) => match (three(first), three(last)) {
            (false, false) => (free(first) && alike(first + 1, last), free(last) && alike(first, first + 1)),
            sure => sure,
        },
    };
    match (said, planar, packed) {
        (_, false, false) => Err(wrong("no dimension is of 3 channels".into())),
        (Some((Layout::Nchw, from)), true, _) => Ok((Layout::Nchw, from)),
        (Some((Layout::Nhwc, from)), _, true) => Ok((Layout::Nhwc, from)),
        (Some((layout, from)), ..) => {
            Err(wrong(format!("the {from} says {layout}, which contradicts these dimensions")))
        }
        (None, true, false) => Ok((Layout::Nchw, Origin::Graph)),
        (None, false, true) => Ok((Layout::Nhwc, Origin::Graph)),
        // 3 channels and a side of 3 pixels: planes are what nearly every model has.
        (None, true, true) if first.is_some_and(three) => Ok((Layout::Nchw, Origin::Graph)),
        (None, true, true) => match input {
            Some(input) => Ok((input.layout, Origin::Default)),
            None => Err(SpecError::NoLayout { port: port.to_string() }),
        },
    }
}
