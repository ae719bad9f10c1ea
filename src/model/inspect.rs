//! What is known of a model, where it comes from, and what is missing: `stylize inspect MODEL`.

use std::fmt;

use super::describe::{Description, ModelSource};
use super::graph::Graph;
use super::port::Port;
use super::spec::{ModelSpec, SpecError};
use super::statements::{INPUT_PREFIX, KEYS, Origin, Statements};
use super::{ModelError, Runtime, SpecOverrides, one_line};

/// What is known of one property of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The key (DESIGN §6).
    pub key: String,
    /// What is known; none when it is not.
    pub value: Option<String>,
    /// Who said it.
    pub from: Origin,
}

/// A model, looked at.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Style or file.
    pub model: String,
    /// Inputs and outputs.
    pub graph: Graph,
    /// Every property, in the order of [`KEYS`], further inputs last.
    pub facts: Vec<Fact>,
    /// Size that the pictures must have, border left out; none when any goes.
    pub fixed_picture: Option<crate::frame::Size>,
    /// Why it cannot be run as it is, with the line that would help; none when it can.
    pub missing: Option<String>,
}

impl Inspection {
    /// Looks at the model at `source`, with what the `flags` say of it.
    ///
    /// # Errors
    /// When there is no model that ONNX Runtime loads. That something is missing is no error here: see
    /// [`Inspection::missing`].
    pub fn of(runtime: &Runtime, source: ModelSource, flags: &SpecOverrides) -> Result<Self, ModelError> {
        let described = Description::read(runtime, source, flags)?;
        let resolved = ModelSpec::resolve(&described.graph, &described.said);
        let missing = resolved.as_ref().err().cloned();
        // Without a range all else can still be told.
        let spec = match resolved {
            Err(SpecError::NoRange) => {
                ModelSpec::resolve(&described.graph, &described.said.clone().with_any_range()).ok()
            }
            other => other.ok(),
        };
        let facts = KEYS
            .iter()
            .map(|key| fact(key, &described.said, spec.as_ref(), missing.is_none()))
            .chain(described.said.inputs().map(|(name, value, from)| Fact {
                key: format!("{INPUT_PREFIX}{}", one_line(name)),
                value: Some(one_line(value)),
                from,
            }))
            .collect();
        Ok(Self {
            model: described.source.label(),
            facts,
            fixed_picture: spec.as_ref().and_then(ModelSpec::fixed_picture),
            missing: missing.map(|error| described.spec_error(error).to_string()),
            graph: described.graph,
        })
    }
}

fn fact(key: &str, said: &Statements, spec: Option<&ModelSpec>, complete: bool) -> Fact {
    let fact = |value, from| Fact { key: key.to_owned(), value, from };
    if let Some((value, from)) = said.get(key) {
        return fact(Some(one_line(value)), from);
    }
    let Some(spec) = spec else { return fact(None, Origin::Default) };
    let number = |number: u32| Some(number.to_string());
    match key {
        "layout" => fact(Some(spec.input.layout.to_string()), spec.layouts_from[0]),
        "output_layout" => fact(Some(spec.output.layout.to_string()), spec.layouts_from[1]),
        "channels" => fact(Some(spec.input.channels.to_string()), Origin::Default),
        "output_range" => fact(complete.then(|| spec.output.range.to_string()), Origin::Default),
        "mean" => fact(triple(&spec.input, |port| port.mean), Origin::Default),
        "std" => fact(triple(&spec.input, |port| port.std), Origin::Default),
        "multiple_of" => fact(number(spec.multiple_of), Origin::Default),
        "pad" => fact(number(spec.pad), Origin::Default),
        _ => fact(None, Origin::Default),
    }
}

fn triple(port: &Port, of: impl Fn(&Port) -> [f32; 3]) -> Option<String> {
    let numbers: Vec<_> = of(port).iter().map(f32::to_string).collect();
    Some(numbers.join(","))
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", one_line(&self.model))?;
        let ports = [
            ("input", &self.graph.inputs),
            ("input, with a default", &self.graph.optional_inputs),
            ("output", &self.graph.outputs),
        ];
        for (what, ports) in ports {
            for port in ports {
                writeln!(f, "  {what}: {port}")?;
            }
        }
        match self.fixed_picture {
            Some(size) => writeln!(f, "  picture: {size} only")?,
            None => writeln!(f, "  picture: any size")?,
        }
        for fact in &self.facts {
            match &fact.value {
                Some(value) => writeln!(f, "  {:<15} {value}  ({})", fact.key, fact.from)?,
                None => writeln!(f, "  {:<15} -", fact.key)?,
            }
        }
        match &self.missing {
            Some(missing) => write!(f, "cannot be run yet: {missing}"),
            None => write!(f, "can be run"),
        }
    }
}
