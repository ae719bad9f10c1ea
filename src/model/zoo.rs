//! The styles that come with the program: (name, tier, precision) → a model.
//!
//! The live tier is built in. The fine tier is installed as files `NAME.TIER.PRECISION.onnx` (`models/README.md`); a
//! file of the same name does not replace what is built in.

use std::path::{Path, PathBuf};

use super::cpu::multiplies_bytes;
use super::describe::ModelSource;
use super::runtime::project_folder;
use crate::error::ModelError;
use crate::folders::data_home;

/// Number format of a network's weights and arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Precision {
    /// Single.
    Fp32,
    /// Half.
    Fp16,
    /// Quantised to bytes.
    Int8,
}

/// Size class of a zoo style.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Tier {
    /// Small: real time on a CPU.
    Live,
    /// Large.
    Fine,
}

/// A network of the zoo.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name of the style.
    pub style: &'static str,
    /// Size class.
    pub tier: Tier,
    /// Number format.
    pub precision: Precision,
    /// Its bytes, or its file.
    pub source: ModelSource,
}

/// A style and its built-in networks.
struct Style {
    name: &'static str,
    built_in: &'static [(Tier, Precision, &'static [u8])],
}

/// The live tier of a style.
macro_rules! style {
    ($name:literal) => {
        Style {
            name: $name,
            built_in: &[
                (Tier::Live, Precision::Fp16, include_bytes!(concat!("../../models/", $name, ".live.fp16.onnx"))),
                (Tier::Live, Precision::Int8, include_bytes!(concat!("../../models/", $name, ".live.int8.onnx"))),
            ],
        }
    };
}

/// Every style; the first is the default.
const STYLES: &[Style] = &[
    style!("wave"),
    style!("scream"),
    style!("udnie"),
    style!("wreck"),
    style!("starry-night"),
    style!("composition-vii"),
    style!("mosaic"),
    style!("chalk"),
    style!("pointillism"),
    style!("cubism"),
];

/// Names of all styles; the first is the default.
pub fn styles() -> impl Iterator<Item = &'static str> {
    STYLES.iter().map(|style| style.name)
}

/// Every network that can be used here: the built-in ones, and those in the folders of [`folders`].
pub fn entries() -> Vec<Entry> {
    STYLES.iter().flat_map(|style| networks(style, &folders())).collect()
}

/// Number formats, the best first, of the zoo's networks where they run on a card or on the processor.
pub fn best_first(on_card: bool) -> [Precision; 3] {
    if on_card {
        [Precision::Fp16, Precision::Fp32, Precision::Int8]
    } else if multiplies_bytes() {
        [Precision::Int8, Precision::Fp32, Precision::Fp16]
    } else {
        [Precision::Fp32, Precision::Fp16, Precision::Int8]
    }
}

/// The network of `style` (`None`: the first style). Where the tier is left open: live before fine. Where the precision is left
/// open: the first in `order`, of which [`best_first`] knows the best.
///
/// # Errors
/// When there is no such style, or not in this tier and precision; the message lists what there is.
pub fn find(
    style: Option<&str>,
    tier: Option<Tier>,
    precision: Option<Precision>,
    order: [Precision; 3],
) -> Result<Entry, ModelError> {
    find_in(style, tier, precision, order, &folders())
}

/// [`find`] with the folders given.
///
/// # Errors
/// As [`find`].
pub fn find_in(
    style: Option<&str>,
    tier: Option<Tier>,
    precision: Option<Precision>,
    order: [Precision; 3],
    folders: &[PathBuf],
) -> Result<Entry, ModelError> {
    let style = match style {
        None => &STYLES[0],
        Some(name) => STYLES.iter().find(|style| style.name == name).ok_or_else(|| {
            let names: Vec<_> = styles().collect();
            ModelError::NotInZoo(format!(
                "no style {name:?}; there are {}; or give a file FILE.onnx to --style",
                names.join(", ")
            ))
        })?,
    };
    let all = networks(style, folders);
    let wanted = |entry: &&Entry| {
        tier.is_none_or(|tier| tier == entry.tier) && precision.is_none_or(|precision| precision == entry.precision)
    };
    let place = |precision| order.iter().position(|&other| other == precision);
    let found = all.iter().filter(wanted).min_by_key(|entry| (entry.tier, place(entry.precision)));
    found.cloned().ok_or_else(|| ModelError::NotInZoo(nothing_like(style.name, tier, precision, &all)))
}

fn nothing_like(style: &str, tier: Option<Tier>, precision: Option<Precision>, all: &[Entry]) -> String {
    let asked = [tier.map(|tier| tier.to_string()), precision.map(|precision| precision.to_string())];
    let asked: Vec<_> = asked.into_iter().flatten().collect();
    let there: Vec<_> = all.iter().map(|entry| format!("{} {}", entry.tier, entry.precision)).collect();
    format!(
        "style {style} is not here as {}; there are {} (leave --tier and --precision at auto)",
        asked.join(" "),
        there.join(", ")
    )
}

/// Built-in networks of a style, and those that lie in `folders` and are not built in.
fn networks(style: &Style, folders: &[PathBuf]) -> Vec<Entry> {
    let entry = |tier, precision, source| Entry { style: style.name, tier, precision, source };
    let mut all: Vec<_> = style
        .built_in
        .iter()
        .map(|&(tier, precision, bytes)| entry(tier, precision, ModelSource::BuiltIn { style: style.name, bytes }))
        .collect();
    for tier in [Tier::Live, Tier::Fine] {
        for precision in [Precision::Fp32, Precision::Fp16, Precision::Int8] {
            let known = all.iter().any(|entry| (entry.tier, entry.precision) == (tier, precision));
            let name = format!("{}.{tier}.{precision}.onnx", style.name);
            let file = folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file());
            if let (false, Some(path)) = (known, file) {
                all.push(entry(tier, precision, ModelSource::File(path)));
            }
        }
    }
    all
}

/// Where installed networks are looked for: found from the executable and the XDG folders, never from the current one.
pub fn folders() -> Vec<PathBuf> {
    let executable = std::env::current_exe().ok();
    let beside = executable.as_deref().and_then(Path::parent);
    let mut folders = Vec::new();
    folders.extend(beside.map(|folder| folder.join("models")));
    folders.extend(beside.and_then(Path::parent).map(|prefix| prefix.join("share/stylize/models")));
    folders.extend(data_home().map(|home| home.join("stylize/models")));
    folders.extend(executable.as_deref().and_then(project_folder).map(|project| project.join("models")));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: [Precision; 3] = [Precision::Int8, Precision::Fp32, Precision::Fp16];

    #[test]
    fn the_first_style_is_the_default_and_built_in() {
        let entry = find_in(None, None, None, ORDER, &[]).unwrap();
        assert_eq!((entry.style, entry.tier, entry.precision), ("wave", Tier::Live, Precision::Int8));
        assert!(matches!(entry.source, ModelSource::BuiltIn { bytes, .. } if bytes.len() > 200_000));
    }

    #[test]
    fn the_fastest_that_is_there_is_taken() {
        let entry = find_in(None, None, None, [Precision::Fp32, Precision::Fp16, Precision::Int8], &[]).unwrap();
        assert_eq!(entry.precision, Precision::Fp16);
        assert_eq!(best_first(true)[0], Precision::Fp16);
        assert_eq!(best_first(false)[0] == Precision::Int8, multiplies_bytes());
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let message = find_in(Some("sketch"), None, None, ORDER, &[]).unwrap_err().to_string();
        assert!(message.starts_with("no style \"sketch\"; there are wave, "), "{message}");
        assert!(message.ends_with("; or give a file FILE.onnx to --style"), "{message}");
        let message = find_in(None, Some(Tier::Fine), Some(Precision::Int8), ORDER, &[]).unwrap_err().to_string();
        assert!(
            message.starts_with("style wave is not here as fine int8; there are live fp16, live int8"),
            "{message}"
        );
    }

    #[test]
    fn the_fine_tier_is_found_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wave.fine.fp16.onnx");
        std::fs::write(&path, b"x").unwrap();
        std::fs::write(folder.path().join("wave.live.int8.onnx"), b"x").unwrap();
        let folders = [PathBuf::from("/nowhere"), folder.path().to_owned()];
        let fine = find_in(None, Some(Tier::Fine), None, ORDER, &folders).unwrap();
        assert_eq!(fine.precision, Precision::Fp16);
        assert!(matches!(fine.source, ModelSource::File(found) if found == path));
        let live = find_in(None, None, None, ORDER, &folders).unwrap();
        assert!(matches!(live.source, ModelSource::BuiltIn { .. }), "a file does not replace what is built in");
    }
}
