//! What the verbs ask of the model module: the only place of the command line that calls it.

use std::path::Path;

use crate::doctor::RuntimeFacts;
use crate::error::{Error, Result};
use crate::media::elements;
use crate::model::describe::Description;
use crate::model::{Inspection, ModelSource, Precision, Runtime, SpecOverrides, Tier, trial, zoo};
use crate::options::Provider;
use crate::{sink, source};

/// A style of the zoo.
#[derive(Clone, Debug)]
pub struct StyleFacts {
    /// Name, as `--style` takes it.
    pub name: String,
    /// Title, artist and year of the painting; empty where nobody says.
    pub title: String,
    /// Networks that there are of it.
    pub networks: Vec<(Tier, Precision)>,
}

/// All styles, the default first. Where ONNX Runtime is missing they have no titles: those stand in the models.
pub fn styles() -> Vec<StyleFacts> {
    let runtime = Runtime::load(None).ok();
    let entries = zoo::entries();
    let facts = |name: &'static str| {
        let own = || entries.iter().filter(move |entry| entry.style == name);
        let title = own().next().and_then(|entry| title(runtime.as_ref()?, &entry.source)).unwrap_or_default();
        StyleFacts { name: name.into(), title, networks: own().map(|entry| (entry.tier, entry.precision)).collect() }
    };
    zoo::styles().map(facts).collect()
}

fn title(runtime: &Runtime, source: &ModelSource) -> Option<String> {
    let model = Description::read(runtime, source.clone(), &SpecOverrides::default()).ok()?;
    model.said.get("style_image").map(|(title, _)| title.to_owned())
}

/// What is known of the model at `path`, or of the style of that name.
///
/// # Errors
/// When ONNX Runtime is missing, or does not load the file.
pub fn inspect(path: &Path, overrides: &SpecOverrides, runtime: Option<&Path>) -> Result<Inspection> {
    let runtime = Runtime::load(runtime)?;
    let style = path.to_str().filter(|name| !path.exists() && zoo::styles().any(|style| style == *name));
    let source = match style {
        Some(_) => zoo::find(style, None, None, zoo::best_first(false))?.source,
        None => ModelSource::File(path.into()),
    };
    Ok(Inspection::of(&runtime, source, overrides)?)
}

/// ONNX Runtime, `named` or looked for.
///
/// # Errors
/// When there is none that can be used.
pub fn runtime(named: Option<&Path>) -> Result<RuntimeFacts> {
    let runtime = Runtime::load(named)?;
    Ok(RuntimeFacts { path: runtime.path().display().to_string(), version: runtime.version().into() })
}

/// The encoders and decoders that are chips, and why they do not work, as JSON.
///
/// # Errors
/// When GStreamer does not start.
pub fn chips() -> Result<String> {
    elements::plugin_folders()?;
    let chips = [source::hardware::survey(), sink::hardware::survey()].concat();
    serde_json::to_string(&chips).map_err(|error| Error::Internal(error.to_string()))
}

/// What comes of trying `provider`, as JSON, with the ONNX Runtime for it.
///
/// # Errors
/// When there is none that can be used.
pub fn trial(provider: Provider, named: Option<&Path>) -> Result<String> {
    let runtime = Runtime::load_for(named, provider)?;
    serde_json::to_string(&trial::tried(&runtime, provider)).map_err(|error| Error::Internal(error.to_string()))
}
