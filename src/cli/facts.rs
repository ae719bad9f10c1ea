//! What the verbs ask of the model module: the only place of the command line that calls it.

use std::path::Path;

use crate::doctor::RuntimeFacts;
use crate::error::{Error, Result};
use crate::model::{ModelError, Precision, SpecOverrides, Tier};

/// A style of the zoo.
#[derive(Clone, Debug)]
pub struct StyleFacts {
    /// Name, as `--style` takes it.
    pub name: String,
    /// Title, artist and year of the painting; empty where the model does not say.
    pub title: String,
    /// Networks that there are of it.
    pub networks: Vec<(Tier, Precision)>,
}

/// All styles, the default first.
pub fn styles() -> Result<Vec<StyleFacts>> {
    Err(not_wired("the zoo of styles"))
}

/// What is known of the model at `path`, to be printed.
pub fn inspect(path: &Path, overrides: &SpecOverrides, runtime: Option<&Path>) -> Result<String> {
    let _ = (overrides, runtime);
    Err(not_wired(&path.display().to_string()))
}

/// ONNX Runtime, `named` or looked for.
pub fn runtime(named: Option<&Path>) -> Result<RuntimeFacts> {
    let _ = named;
    Err(not_wired("ONNX Runtime"))
}

fn not_wired(what: &str) -> Error {
    Error::Model(ModelError::Other(format!("{what}: not wired yet; run `make setup`, or set ORT_DYLIB_PATH")))
}
