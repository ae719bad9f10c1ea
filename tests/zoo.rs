//! Every network of `models/`: what it says of itself, how large it is, and that it paints as PyTorch does with the trained
//! network (`python -m stylize_train golden tests/data/zoo/scene.png --out tests/data/zoo`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Folder;
use stylize::model::zoo::{self, Entry};
use stylize::model::{Inspection, ModelSource, Precision, Runtime, SpecOverrides, Tier};

/// What all models may take, and the live tier, which is in the executables.
const ALL_BYTES: u64 = 40_000_000;
const LIVE_BYTES: u64 = 12_000_000;

/// Peak signal-to-noise ratio to PyTorch, at least, in dB.
fn close_enough(precision: Precision) -> f64 {
    match precision {
        Precision::Fp32 | Precision::Fp16 => 45.0,
        Precision::Int8 => 32.0,
    }
}

/// How far a network sees, in pixels (`training/stylize_train/network.py`).
fn pad(tier: Tier) -> &'static str {
    match tier {
        Tier::Live => "68",
        Tier::Fine => "100",
    }
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Networks of `models/`, built in or not.
fn entries() -> Vec<Entry> {
    let entries = zoo::entries();
    assert!(entries.iter().any(|entry| matches!(entry.source, ModelSource::BuiltIn { .. })));
    entries
}

fn stem(entry: &Entry) -> String {
    format!("{}.{}", entry.style, entry.tier)
}

#[test]
fn each_network_says_all_of_itself() {
    let runtime = Runtime::load(None).unwrap();
    for entry in entries() {
        let name = format!("{}.{}", stem(&entry), entry.precision);
        let found = Inspection::of(&runtime, entry.source, &SpecOverrides::default()).unwrap();
        assert_eq!(found.missing, [""; 0], "{name}");
        let said = |key: &str| found.facts.iter().find(|fact| fact.key == key).and_then(|fact| fact.value.clone());
        assert_eq!(said("name").as_deref(), Some(entry.style), "{name}");
        assert_eq!(
            (said("multiple_of").as_deref(), said("pad").as_deref()),
            (Some("8"), Some(pad(entry.tier))),
            "{name}"
        );
        for key in ["style_image", "trained_on", "licence", "kmac_per_pixel"] {
            assert!(said(key).is_some_and(|value| !value.is_empty()), "{name} does not say its {key}");
        }
        assert_eq!(said("licence").as_deref(), Some("MIT OR Apache-2.0"), "{name}");
        let [tier, precision] = [entry.tier.to_string(), entry.precision.to_string()].map(Some);
        assert_eq!((said("tier"), said("precision")), (tier, precision), "{name}");
        // Without it processors that lack VNNI would take their time.
        let bits = (entry.precision == Precision::Int8).then(|| "16".to_owned());
        assert_eq!(said("sum_bits"), bits, "{name}");
    }
}

#[test]
fn each_style_has_its_card_and_its_start() {
    for entry in entries() {
        let card = fs::read_to_string(project(&format!("models/{}.md", stem(&entry)))).unwrap();
        assert!(card.contains("| licence of the weights | MIT OR Apache-2.0 |"), "{card}");
        for kind in ["jpg", "json"] {
            let path = project(&format!("models/{}.{kind}", stem(&entry)));
            assert!(path.is_file(), "{}", path.display());
        }
        // A fine network begins as a live one.
        let start = project(&format!("models/{}.live.safetensors", entry.style));
        assert!(start.is_file(), "{}", start.display());
    }
}

#[test]
fn models_are_small() {
    let sizes = |wanted: &str| -> u64 {
        let files = fs::read_dir(project("models")).unwrap().map(|entry| entry.unwrap());
        files
            .filter(|file| file.file_name().to_str().unwrap().ends_with(wanted))
            .map(|file| file.metadata().unwrap().len())
            .sum()
    };
    assert!(sizes("") < ALL_BYTES, "{}", sizes(""));
    let live = sizes(".live.int8.onnx") + sizes(".live.fp16.onnx");
    assert!(live < LIVE_BYTES, "{live}");
}

#[test]
fn each_network_paints_as_the_trained_one_does() {
    let folder = Folder::new();
    fs::copy(project("tests/data/zoo/scene.png"), folder.path("scene.png")).unwrap();
    for Entry { style, tier, precision, .. } in entries() {
        let words =
            format!("scene.png out.png --force --style {style} --tier {tier} --precision {precision} --strength 1");
        folder.run(&words).good(1);
        let golden = project(&format!("tests/data/zoo/{style}.{tier}.png"));
        let found = psnr(&folder.path("out.png"), &golden);
        println!("{style}.{tier}.{precision}: {found:.1} dB");
        assert!(found >= close_enough(precision), "{style}.{tier}.{precision}: {found:.1} dB");
    }
}

/// The model at `path`, which says some more of itself: what stands behind a message of protobuf is part of it.
fn saying(path: &Path, said: &[(&str, &str)]) -> Vec<u8> {
    const METADATA: u8 = 14;
    let field = |number: u8, bytes: &[u8]| [&[(number << 3) | 2, bytes.len() as u8][..], bytes].concat();
    let entry = |(key, value): &(&str, &str)| {
        field(METADATA, &[field(1, format!("stylize.{key}").as_bytes()), field(2, value.as_bytes())].concat())
    };
    [fs::read(path).unwrap(), said.iter().flat_map(entry).collect()].concat()
}

#[test]
fn a_file_that_says_its_tier_and_precision_runs_as_one_of_the_zoo() {
    let folder = Folder::new();
    fs::copy(project("tests/data/zoo/scene.png"), folder.path("scene.png")).unwrap();
    let model = saying(&project("models/wave.live.int8.onnx"), &[("tier", "live"), ("precision", "int8")]);
    fs::write(folder.path("mine.onnx"), model).unwrap();
    for words in ["", "--precision int8"] {
        let report = folder.run(&format!("scene.png out.png --force --style mine.onnx {words}")).good(1).report;
        assert_eq!((&report["tier"], &report["precision"]), (&"live".into(), &"int8".into()));
    }
    for precision in ["fp32", "fp16"] {
        let part = format!("--precision {precision}: mine.onnx is in int8, and a file is taken as it is");
        folder.run(&format!("scene.png no.png --style mine.onnx --precision {precision}")).refused(2, &part);
    }
    fs::write(folder.path("odd.onnx"), saying(&project("models/wave.live.int8.onnx"), &[("tier", "large")])).unwrap();
    folder.run("scene.png no.png --style odd.onnx").refused(5, "tier = \"large\": it must be one of live, fine");
}

#[test]
fn numbers_that_a_file_has_not_are_refused_or_warned_of() {
    let folder = Folder::new();
    fs::copy(project("tests/data/zoo/scene.png"), folder.path("scene.png")).unwrap();
    let run = |style: &str, precision: &str| {
        folder.run(&format!("scene.png out.png --force --provider cpu --style @{style} --precision {precision}"))
    };
    run("identity", "int8").refused(2, "does not say that it is, and a file is taken as it is");
    run("identity_f16", "fp32").refused(2, "is in fp16");
    for (style, precision) in [("identity", "fp32"), ("identity_f16", "fp16")] {
        let warnings = run(style, precision).good(1).warnings();
        assert!(!warnings.contains("--precision"), "{warnings}");
    }
    let warnings = run("identity", "fp16").good(1).warnings();
    assert!(warnings.contains("--precision fp16: cpu calculates here in no other numbers than "), "{warnings}");
}

#[test]
fn where_nothing_is_said_the_live_tier_is_taken() {
    let order = zoo::best_first(false);
    for style in zoo::styles() {
        let entry = zoo::find(Some(style), None, None, order).unwrap();
        assert_eq!((entry.style, entry.tier), (style, Tier::Live));
    }
}

/// Peak signal-to-noise ratio of two pictures, in dB.
fn psnr(one: &Path, other: &Path) -> f64 {
    let read = |path: &Path| image::open(path).unwrap().to_rgb8();
    let (one, other) = (read(one), read(other));
    assert_eq!(one.dimensions(), other.dimensions());
    let squares: f64 = one.iter().zip(other.iter()).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    20.0 * 255f64.log10() - 10.0 * (squares / one.len() as f64).max(1e-9).log10()
}
