//! Reading a model: its graph, its metadata and the sidecar beside it, as plain data.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{TensorElementType, ValueType};

use super::Runtime;
use super::complaint::reason;
use super::graph::{Dim, Element, Graph, GraphPort};
use super::statements::{INPUT_PREFIX, KEYS, LONGEST_SIDECAR, METADATA_PREFIX, SpecOverrides, Statements};
use crate::error::{ModelError, SpecError, io_reason};
use crate::resume::identity;

/// Most further inputs that the metadata may speak of.
const MOST_INPUTS: usize = 64;

/// Where a model lies.
#[derive(Clone, Debug)]
pub enum ModelSource {
    /// In the executable.
    BuiltIn {
        /// The style that it paints.
        style: &'static str,
        /// The ONNX file.
        bytes: &'static [u8],
    },
    /// In a file.
    File(PathBuf),
}

impl ModelSource {
    /// What messages call it: the style, or the file.
    pub fn label(&self) -> String {
        match self {
            Self::BuiltIn { style, .. } => (*style).to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// What tells it from other models.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub(crate) fn fingerprint(&self) -> io::Result<String> {
        match self {
            Self::BuiltIn { bytes, .. } => Ok(identity::hash(bytes)),
            Self::File(path) => identity::model(path),
        }
    }

    /// The file that may say more: beside `candy.onnx` that is `candy.toml`, or `candy.onnx.toml`; a built-in model says
    /// all that is needed.
    fn sidecars(&self) -> Vec<PathBuf> {
        match self {
            Self::BuiltIn { .. } => Vec::new(),
            Self::File(path) => {
                let mut longer = path.clone().into_os_string();
                longer.push(".toml");
                vec![path.with_extension("toml"), longer.into()]
            }
        }
    }

    pub(super) fn commit(&self, mut builder: SessionBuilder) -> Result<ort::session::Session, ModelError> {
        let committed = match self {
            Self::BuiltIn { bytes, .. } => builder.commit_from_memory(bytes),
            // By its file, not by its bytes: ONNX Runtime then holds external data to the folder of the model.
            Self::File(path) => builder.commit_from_file(path),
        };
        committed.map_err(|error| ModelError::unusable(&self.label(), reason(&error)))
    }

    /// What can be known of a file before ONNX Runtime sees it.
    fn check(&self) -> Result<(), ModelError> {
        let Self::File(path) = self else { return Ok(()) };
        let unusable = |reason: String| Err(ModelError::unusable(&self.label(), reason));
        match fs::metadata(path) {
            Err(error) => unusable(format!("cannot be read: {}", io_reason(&error))),
            Ok(found) if found.is_dir() => unusable("is a folder, not an ONNX file".into()),
            Ok(found) if !found.is_file() => unusable("is not a file".into()),
            Ok(found) if found.len() == 0 => unusable("is empty".into()),
            Ok(_) => Ok(()),
        }
    }
}

/// A model as its file shows it.
#[derive(Clone, Debug)]
pub struct Description {
    /// Where it lies.
    pub source: ModelSource,
    /// Inputs and outputs.
    pub graph: Graph,
    /// What is said of it.
    pub said: Statements,
    /// Name of the file that lines can be added to; empty for a built-in model.
    pub sidecar: String,
}

impl Description {
    /// Reads the model at `source`, its sidecar, and what the user says.
    ///
    /// # Errors
    /// When it is no model that ONNX Runtime loads, or what is said of it cannot be read.
    pub fn read(runtime: &Runtime, source: ModelSource, flags: &SpecOverrides) -> Result<Self, ModelError> {
        source.check()?;
        let label = source.label();
        let builder = plain_builder(runtime).map_err(|error| ModelError::unusable(&label, reason(&error)))?;
        let session = source.commit(builder)?;
        let sidecars = source.sidecars();
        let present = sidecars.iter().find(|path| path.is_file());
        let name = present.or(sidecars.first()).and_then(|path| path.file_name());
        let sidecar = name.unwrap_or_default().to_string_lossy().into_owned();
        let spec_error =
            |error| ModelError::Spec { model: label.clone(), sidecar: sidecar.clone(), source: Box::new(error) };
        let text = present.map(|path| read_sidecar(path)).transpose().map_err(spec_error)?;
        let said = Statements::gather(metadata(&session), text.as_deref(), flags).map_err(spec_error)?;
        Ok(Self { graph: graph(&session), said, sidecar, source })
    }

    pub(super) fn spec_error(&self, source: SpecError) -> ModelError {
        ModelError::Spec { model: self.source.label(), sidecar: self.sidecar.clone(), source: Box::new(source) }
    }
}

/// For looking only: nothing is optimised or packed, and no threads are made.
fn plain_builder(runtime: &Runtime) -> ort::Result<SessionBuilder> {
    let builder = ort::session::Session::builder(runtime.environment())?
        .with_optimization_level(GraphOptimizationLevel::Disable)?
        .with_auto_device(ort::session::builder::AutoDevicePolicy::PreferCPU)?
        .with_prepacking(false)?
        .with_intra_threads(1)?;
    Ok(builder)
}

fn read_sidecar(path: &Path) -> Result<String, SpecError> {
    let unreadable = |error: io::Error| SpecError::Sidecar(io_reason(&error));
    let mut text = String::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(LONGEST_SIDECAR + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LONGEST_SIDECAR {
        return Err(SpecError::Sidecar(format!("it is longer than {LONGEST_SIDECAR} bytes")));
    }
    Ok(text)
}

fn metadata(session: &ort::session::Session) -> Vec<(String, String)> {
    let Ok(metadata) = session.metadata() else { return Vec::new() };
    let named = metadata.custom_keys().unwrap_or_default();
    let inputs = format!("{METADATA_PREFIX}{INPUT_PREFIX}");
    let inputs = named.into_iter().filter(|key| key.starts_with(&inputs)).take(MOST_INPUTS);
    let keys = KEYS.iter().map(|key| format!("{METADATA_PREFIX}{key}")).chain(inputs);
    keys.filter_map(|key| metadata.custom(&key).map(|value| (key, value))).collect()
}

fn graph(session: &ort::session::Session) -> Graph {
    let optional = session.overridable_initializers();
    Graph {
        inputs: session.inputs().iter().map(|port| graph_port(port.name(), port.dtype())).collect(),
        optional_inputs: optional.iter().map(|port| graph_port(port.name(), port.dtype())).collect(),
        outputs: session.outputs().iter().map(|port| graph_port(port.name(), port.dtype())).collect(),
    }
}

fn graph_port(name: &str, value: &ValueType) -> GraphPort {
    let ValueType::Tensor { ty, shape, dimension_symbols } = value else {
        return GraphPort { name: name.to_owned(), element: Element::Other("non-tensor".into()), dims: Vec::new() };
    };
    let element = match ty {
        TensorElementType::Uint8 => Element::U8,
        TensorElementType::Float16 => Element::F16,
        TensorElementType::Float32 => Element::F32,
        TensorElementType::Float64 => Element::F64,
        TensorElementType::Int32 => Element::I32,
        TensorElementType::Int64 => Element::I64,
        other => Element::Other(other.to_string()),
    };
    let symbol = |index: usize| dimension_symbols.get(index).filter(|symbol| !symbol.is_empty()).cloned();
    let dim = |(index, &len): (usize, &i64)| u64::try_from(len).map_or_else(|_| Dim::Free(symbol(index)), Dim::Fixed);
    GraphPort { name: name.to_owned(), element, dims: shape.iter().enumerate().map(dim).collect() }
}
