//! Why a network cannot be run.

use std::fmt;
use std::path::PathBuf;

use super::Sum;
use crate::frame::Size;
use crate::options::Provider;

/// Minor version of the oldest ONNX Runtime that is taken: older ones read external data of a model from anywhere.
const OLDEST_RUNTIME_MINOR: u32 = 24;

/// The model or the runtime cannot be used. Its text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// ONNX Runtime is nowhere.
    #[error("ONNX Runtime not found in {looked}: run `make setup`, or set ORT_DYLIB_PATH to its library")]
    RuntimeMissing {
        /// The places, comma-separated.
        looked: String,
    },
    /// A file that should be ONNX Runtime is not, or cannot be loaded.
    #[error(
        "{}: {reason}; run `make setup`, or set ORT_DYLIB_PATH to the library of ONNX Runtime 1.{} or newer",
        path.display(),
        OLDEST_RUNTIME_MINOR
    )]
    RuntimeUnusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What is known of the model is not enough, or contradicts itself.
    #[error("{model}: {source}{}", source.sidecar_hint(sidecar))]
    Spec {
        /// File or style.
        model: String,
        /// Name of the file that a line can be added to; empty where there can be none.
        sidecar: String,
        /// What is missing or wrong.
        source: Box<SpecError>,
    },
    /// The file is no model that can be run.
    #[error("{model}: {reason}")]
    Unusable {
        /// File or style.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The provider that was asked for does not run here.
    #[error("provider {provider} does not run here: {reason}; {remedy}")]
    Provider {
        /// Asked for by name.
        provider: Provider,
        /// What it said.
        reason: String,
        /// What to install.
        remedy: &'static str,
    },
    /// The provider ran, and does not run any more.
    #[error("provider {provider} failed with {model}: {reason}; use another --provider")]
    ProviderFailed {
        /// Asked for by name.
        provider: Provider,
        /// File or style.
        model: String,
        /// What it said.
        reason: String,
    },
    /// It takes more memory than there is.
    #[error("painting {out} with a network at {net} takes {sum}; use {remedy}")]
    Memory {
        /// Size that it was to work at.
        net: Size,
        /// Size of the output.
        out: Size,
        /// What the run takes.
        sum: Sum,
        /// Options that make it fit.
        remedy: String,
    },
    /// It took more memory than it may.
    #[error("the run takes {sum} by --memory-limit; use a smaller --net-size, fewer --threads, or a higher limit")]
    OverLimit {
        /// What it has, and what it may have.
        sum: Sum,
    },
    /// The zoo has no such network.
    #[error("{0}")]
    NotInZoo(String),
}

impl ModelError {
    pub(crate) fn unusable(model: &str, reason: impl Into<String>) -> Self {
        Self::Unusable { model: model.to_owned(), reason: reason.into() }
    }
}

/// What is known of a model is not enough to run it, or contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// Nothing says what the values mean.
    #[error("nothing says which values its pictures take; add --model-range 0..255 (or 0..1, or -1..1)")]
    NoRange,
    /// Neither the graph nor anybody says where the channels are.
    #[error("{port}: nothing says where the channels are; add --model-layout nchw (or nhwc)")]
    NoLayout {
        /// The input, with its dimensions.
        port: String,
    },
    /// A further input has no value.
    #[error("input {name:?} has no value; add --model-input {name}=1")]
    NoValue {
        /// The input.
        name: String,
    },
    /// A value that cannot be read, or makes no sense.
    #[error("the {origin} says {key} = {value:?}: {reason}")]
    Value {
        /// Who says it.
        origin: Origin,
        /// About what.
        key: String,
        /// What.
        value: String,
        /// What it should be.
        reason: String,
    },
    /// A value that is longer than anybody needs.
    #[error("{key} is longer than {limit} bytes")]
    TooLong {
        /// About what.
        key: String,
        /// The limit.
        limit: usize,
    },
    /// The sidecar cannot be read.
    #[error("its sidecar file is wrong: {0}")]
    Sidecar(String),
    /// An input or output that cannot be the picture, or contradicts what is said of it.
    #[error("{what} {port}: {reason}")]
    Port {
        /// Input or output.
        what: &'static str,
        /// Name, dimensions, type.
        port: String,
        /// What is wrong.
        reason: String,
    },
    /// There is none at all.
    #[error("it has no {what}")]
    NoPicture {
        /// Input or output.
        what: &'static str,
    },
    /// Several could be the picture.
    #[error("{what}s {names} could each be the picture; models with one are supported")]
    Ambiguous {
        /// Input or output.
        what: &'static str,
        /// Their names.
        names: String,
    },
}

impl SpecError {
    /// The line that would mend it, for the sidecar called `sidecar`; empty where no line would.
    pub(crate) fn sidecar_hint(&self, sidecar: &str) -> String {
        let line = match self {
            _ if sidecar.is_empty() => return String::new(),
            Self::NoRange => "range = \"0..255\"".to_owned(),
            Self::NoLayout { .. } => "layout = \"nchw\"".to_owned(),
            Self::NoValue { name } => format!("inputs = {{ {name:?} = 1.0 }}"),
            _ => return String::new(),
        };
        format!(", or the line `{line}` to {sidecar}")
    }
}

/// Who said something of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An option of the command line.
    Flag,
    /// The file beside the model.
    Sidecar,
    /// The model's own metadata.
    Metadata,
    /// The shapes of the graph.
    Graph,
    /// Nobody: it is so unless somebody says otherwise.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flag => "flag",
            Self::Sidecar => "sidecar",
            Self::Metadata => "metadata",
            Self::Graph => "inferred from the graph",
            Self::Default => "default",
        })
    }
}
