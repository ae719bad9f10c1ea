//! What is said of a model outside its graph: in its metadata, in a sidecar file, by flags.
//!
//! All three speak the same keys (models/README.md; in the metadata with `stylize.` in front), and all values are text until
//! [`spec`](super::spec) reads them. Flags go before the sidecar, the sidecar before the metadata.

use std::collections::BTreeMap;

use super::spec::ValueRange;
use crate::error::{Origin, SpecError};
use crate::tensor::{Channels, Layout};

/// The keys, in the order in which they are shown. `inputs.NAME` comes on top of them.
pub const KEYS: [&str; 19] = [
    "version",
    "name",
    "layout",
    "channels",
    "range",
    "mean",
    "std",
    "multiple_of",
    "pad",
    "output_layout",
    "output_range",
    "output_pad",
    "tier",
    "precision",
    "sum_bits",
    "kmac_per_pixel",
    "trained_on",
    "licence",
    "style_image",
];

/// What stands before a key in the metadata of a model.
pub const METADATA_PREFIX: &str = "stylize.";

/// What stands before the name of a further input.
pub const INPUT_PREFIX: &str = "inputs.";

/// Longest value that is read, in bytes.
const LONGEST_VALUE: usize = 4096;

/// Longest sidecar file that is read, in bytes.
pub const LONGEST_SIDECAR: u64 = 64 << 10;

/// What the user says of a model that does not say it itself (flags of the command line).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpecOverrides {
    /// `--model-range`
    pub range: Option<ValueRange>,
    /// `--model-output-range`
    pub output_range: Option<ValueRange>,
    /// `--model-channels`
    pub channels: Option<Channels>,
    /// `--model-layout`
    pub layout: Option<Layout>,
    /// `--model-output-layout`
    pub output_layout: Option<Layout>,
    /// `--model-input NAME=VALUE`
    pub inputs: Vec<(String, f32)>,
}

impl SpecOverrides {
    fn by_key(&self) -> impl Iterator<Item = (String, String)> {
        let text = |key: &str, value: Option<String>| value.map(|value| (key.to_owned(), value));
        let fixed = [
            text("range", self.range.map(|v| v.to_string())),
            text("output_range", self.output_range.map(|v| v.to_string())),
            text("channels", self.channels.map(|v| v.to_string())),
            text("layout", self.layout.map(|v| v.to_string())),
            text("output_layout", self.output_layout.map(|v| v.to_string())),
        ];
        let inputs = self.inputs.iter().map(|(name, value)| (format!("{INPUT_PREFIX}{name}"), value.to_string()));
        fixed.into_iter().flatten().chain(inputs)
    }
}

/// Everything that was said, the stronger word for each key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statements(BTreeMap<String, (String, Origin)>);

impl Statements {
    /// Merges what `metadata` (keys with their prefix; foreign ones are left alone), `sidecar` (text of a TOML file) and
    /// `flags` say.
    ///
    /// # Errors
    /// When the sidecar is no TOML, knows keys that do not exist, or a value is longer than anybody needs.
    pub fn gather(
        metadata: impl IntoIterator<Item = (String, String)>,
        sidecar: Option<&str>,
        flags: &SpecOverrides,
    ) -> Result<Self, SpecError> {
        let mut said = Self::default();
        for (key, value) in metadata {
            if let Some(key) = key.strip_prefix(METADATA_PREFIX).filter(|key| is_known(key)) {
                said.add(key, value, Origin::Metadata)?;
            }
        }
        for (key, value) in sidecar.map(parse_sidecar).transpose()?.unwrap_or_default() {
            said.add(&key, value, Origin::Sidecar)?;
        }
        for (key, value) in flags.by_key() {
            said.add(&key, value, Origin::Flag)?;
        }
        Ok(said)
    }

    fn add(&mut self, key: &str, value: String, origin: Origin) -> Result<(), SpecError> {
        if value.len() > LONGEST_VALUE {
            return Err(SpecError::TooLong { key: super::one_line(key), limit: LONGEST_VALUE });
        }
        self.0.insert(key.to_owned(), (value, origin));
        Ok(())
    }

    /// What was said about `key`, and by whom.
    pub fn get(&self, key: &str) -> Option<(&str, Origin)> {
        self.0.get(key).map(|(value, origin)| (value.as_str(), *origin))
    }

    /// Names and values of the further inputs that were spoken of.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &str, Origin)> {
        self.0
            .iter()
            .filter_map(|(key, (value, origin))| Some((key.strip_prefix(INPUT_PREFIX)?, value.as_str(), *origin)))
    }

    /// The same, and `value` for `key`, said by nobody in particular: for looking on past what is missing.
    #[must_use]
    pub fn assuming(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_owned(), (value.to_owned(), Origin::Default));
        self
    }
}

fn is_known(key: &str) -> bool {
    KEYS.contains(&key) || key.strip_prefix(INPUT_PREFIX).is_some_and(|name| !name.is_empty())
}

/// Keys and values of a sidecar. Dashes in keys count as underscores; numbers and lists of numbers need no quotes; further
/// inputs stand in a table `[inputs]`.
fn parse_sidecar(text: &str) -> Result<Vec<(String, String)>, SpecError> {
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| SpecError::Sidecar(super::one_line(error.message())))?;
    let mut said = Vec::new();
    for (key, value) in &table {
        let key = key.replace('-', "_");
        match value {
            toml::Value::Table(inputs) if key == "inputs" => {
                for (name, value) in inputs {
                    said.push((format!("{INPUT_PREFIX}{name}"), plain(name, value)?));
                }
            }
            value if KEYS.contains(&key.as_str()) => said.push((key.clone(), plain(&key, value)?)),
            _ => {
                let line = format!("no key {key:?}; there are {} and [inputs]", KEYS.join(", "));
                return Err(SpecError::Sidecar(super::one_line(&line)));
            }
        }
    }
    Ok(said)
}

/// A value of the sidecar as the metadata would spell it.
fn plain(key: &str, value: &toml::Value) -> Result<String, SpecError> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Array(list) if list.iter().all(|item| item.is_integer() || item.is_float()) => {
            let numbers: Vec<_> = list.iter().map(toml::Value::to_string).collect();
            Ok(numbers.join(","))
        }
        _ => Err(SpecError::Sidecar(format!("{key:?} must be a text, a number or a list of numbers"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(key: &str, value: &str) -> Vec<(String, String)> {
        vec![(key.to_owned(), value.to_owned())]
    }

    #[test]
    fn flags_go_before_the_sidecar_and_that_before_the_metadata() {
        let own =
            [metadata("stylize.range", "0..1"), metadata("stylize.channels", "rgb"), metadata("stylize.pad", "1")];
        let sidecar = "range = \"0..255\"\nchannels = \"bgr\"\n[inputs]\nstrength = 0.5\n";
        let flags = SpecOverrides { range: Some(ValueRange::Signed), ..SpecOverrides::default() };
        let said = Statements::gather(own.concat(), Some(sidecar), &flags).unwrap();
        assert_eq!(said.get("range"), Some(("-1..1", Origin::Flag)));
        assert_eq!(said.get("channels"), Some(("bgr", Origin::Sidecar)));
        assert_eq!(said.get("pad"), Some(("1", Origin::Metadata)));
        assert_eq!(said.get("mean"), None);
        assert_eq!(said.inputs().collect::<Vec<_>>(), [("strength", "0.5", Origin::Sidecar)]);
    }

    #[test]
    fn a_sidecar_speaks_of_numbers_lists_and_dashes() {
        let said = Statements::gather([], Some("multiple-of = 4\nmean = [0.5, 1, -2e-3]"), &SpecOverrides::default());
        let said = said.unwrap();
        assert_eq!(said.get("multiple_of"), Some(("4", Origin::Sidecar)));
        assert_eq!(said.get("mean"), Some(("0.5,1,-0.002", Origin::Sidecar)));
    }

    #[test]
    fn a_wrong_sidecar_is_refused_in_one_line() {
        let gather = |text: &str| Statements::gather([], Some(text), &SpecOverrides::default());
        for text in ["range = ", "rnage = \"0..1\"", "range = true", "pad = { x = 1 }", "inputs = 3", "mean = [\"a\"]"]
        {
            let message = gather(text).unwrap_err().to_string();
            assert!(!message.contains('\n') && message.len() < 300, "{message}");
        }
        let long = format!("licence = \"{}\"", "x".repeat(LONGEST_VALUE + 1));
        assert!(matches!(gather(&long), Err(SpecError::TooLong { .. })));
    }

    #[test]
    fn foreign_metadata_is_left_alone() {
        let own = [metadata("author", "x"), metadata("stylize.colour", "x"), metadata("stylize.inputs.", "x")].concat();
        assert_eq!(Statements::gather(own, None, &SpecOverrides::default()).unwrap(), Statements::default());
    }
}
