//! What the graph of a model says of its inputs and outputs, as plain data.

use std::fmt;

/// Type of the elements of a graph's tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// Unsigned byte.
    U8,
    /// Half precision.
    F16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// Anything else, by its name.
    Other(String),
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::Other(name) => name,
        })
    }
}

/// One dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this.
    Fixed(u64),
    /// Decided when the model is run; the graph may give it a name.
    Free(Option<String>),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(len) => write!(f, "{len}"),
            Self::Free(Some(name)) => write!(f, "{}", name.escape_debug()),
            Self::Free(None) => f.write_str("?"),
        }
    }
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphPort {
    /// As the graph calls it.
    pub name: String,
    /// Type of its elements.
    pub element: Element,
    /// Its dimensions; none where the graph does not say how many there are.
    pub dims: Vec<Dim>,
}

impl fmt::Display for GraphPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<_> = self.dims.iter().map(Dim::to_string).collect();
        write!(f, "{} [{}] {}", self.name.escape_debug(), dims.join(", "), self.element)
    }
}

/// All inputs and outputs of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Those that must be given.
    pub inputs: Vec<GraphPort>,
    /// Those that may be given, since the graph holds a value for them.
    pub optional_inputs: Vec<GraphPort>,
    /// What it gives.
    pub outputs: Vec<GraphPort>,
}
