//! What is known of a model, where it comes from, and what is missing: `stylize inspect MODEL`.

use std::fmt;

use super::describe::{Description, ModelSource};
use super::graph::Graph;
use super::port::Port;
use super::spec::ModelSpec;
use super::statements::{INPUT_PREFIX, KEYS, Statements};
use super::{Runtime, SpecOverrides, one_line};
use crate::error::{ModelError, Origin, SpecError};
use crate::frame::Size;

/// What is known of one property of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The key (models/README.md).
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
    /// Size that the pictures must have, border left out; none when any goes, or when that cannot be told.
    pub fixed_picture: Option<Size>,
    /// Why it cannot be run as it is, each with the line that would help; none when it can.
    pub missing: Vec<String>,
}

impl Inspection {
    /// Looks at the model at `source`, with what the `flags` say of it.
    ///
    /// # Errors
    /// When there is no model that ONNX Runtime loads. That something is missing is no error here: see
    /// [`Inspection::missing`].
    pub fn of(runtime: &Runtime, source: ModelSource, flags: &SpecOverrides) -> Result<Self, ModelError> {
        let described = Description::read(runtime, source, flags)?;
        let Settled { spec, assumed, problems } = settle(&described);
        let known = |key: &str| !assumed.iter().any(|assumed| assumed == key);
        let mut facts: Vec<_> = KEYS.iter().map(|key| fact(key, &described.said, spec.as_ref(), &known)).collect();
        facts.extend(described.said.inputs().map(|(name, value, from)| Fact {
            key: format!("{INPUT_PREFIX}{}", one_line(name)),
            value: Some(one_line(value)),
            from,
        }));
        Ok(Self {
            model: described.source.label(),
            facts,
            fixed_picture: spec.as_ref().and_then(ModelSpec::fixed_picture),
            missing: problems.into_iter().map(|problem| described.spec_error(problem).to_string()).collect(),
            graph: described.graph,
        })
    }
}

/// How far a model can be understood.
struct Settled {
    /// With the assumptions.
    spec: Option<ModelSpec>,
    /// Keys that had to be assumed.
    assumed: Vec<String>,
    problems: Vec<SpecError>,
}

/// Puts the contract together; what is missing is noted and assumed, so that all else can still be told.
fn settle(described: &Description) -> Settled {
    let mut said = described.said.clone();
    let mut settled = Settled { spec: None, assumed: Vec::new(), problems: Vec::new() };
    loop {
        let problem = match ModelSpec::resolve(&described.graph, &said) {
            Ok(spec) => return Settled { spec: Some(spec), ..settled },
            Err(problem) => problem,
        };
        let assumption = match &problem {
            SpecError::NoRange => Some(("range".to_owned(), "0..1")),
            SpecError::NoLayout { .. } => Some(("layout".to_owned(), "nchw")),
            SpecError::NoValue { name } => Some((format!("{INPUT_PREFIX}{name}"), "1")),
            _ => None,
        };
        settled.problems.push(problem);
        match assumption {
            Some((key, value)) if !settled.assumed.contains(&key) => {
                said = said.assuming(&key, value);
                settled.assumed.push(key);
            }
            _ => return settled,
        }
    }
}

fn fact(key: &str, said: &Statements, spec: Option<&ModelSpec>, known: &impl Fn(&str) -> bool) -> Fact {
    let fact = |value, from| Fact { key: key.to_owned(), value, from };
    if let Some((value, from)) = said.get(key) {
        return fact(Some(one_line(value)), from);
    }
    let Some(spec) = spec.filter(|_| known(key)) else { return fact(None, Origin::Default) };
    let number = |number: u32| Some(number.to_string());
    match key {
        "layout" => fact(Some(spec.input.layout.to_string()), spec.layouts_from[0]),
        "output_layout" if known("layout") => fact(Some(spec.output.layout.to_string()), spec.layouts_from[1]),
        "channels" => fact(Some(spec.input.channels.to_string()), Origin::Default),
        "output_range" if known("range") => fact(Some(spec.output.range.to_string()), Origin::Default),
        "mean" => fact(triple(&spec.input, |port| port.mean), Origin::Default),
        "std" => fact(triple(&spec.input, |port| port.std), Origin::Default),
        "multiple_of" => fact(number(spec.multiple_of), Origin::Default),
        "pad" => fact(number(spec.pad), Origin::Default),
        "output_pad" => fact(number(spec.output_pad), Origin::Default),
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
        if let Some(size) = self.fixed_picture {
            writeln!(f, "  picture: {size} only")?;
        }
        for fact in &self.facts {
            match &fact.value {
                Some(value) => writeln!(f, "  {:<15} {value}  ({})", fact.key, fact.from)?,
                None => writeln!(f, "  {:<15} -", fact.key)?,
            }
        }
        if self.missing.is_empty() {
            return write!(f, "can be run");
        }
        write!(f, "cannot be run yet:")?;
        self.missing.iter().try_for_each(|missing| write!(f, "\n  {missing}"))
    }
}
