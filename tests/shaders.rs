//! Every shader below `shaders/` is parsed and validated by naga, on every machine, with or without a GPU.
//!
//! A kernel is one file of `shaders/`; what kernels share stands in `shaders/shared/` and is put before each of them.
#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::fs;
use std::path::{Path, PathBuf};

use naga::valid::{Capabilities, ValidationFlags, Validator};

/// What is wrong with a shader, if anything.
fn check(source: &str) -> Result<(), String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
    validator.validate(&module).map(drop).map_err(|error| error.emit_to_string(source))
}

/// The .wgsl files of `folder`, sorted by name; none if there is no such folder.
fn shaders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wgsl"));
    paths.sort();
    paths
}

#[test]
fn every_shader_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let shared: String =
        shaders_in(&folder.join("shared")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    check(&shared).unwrap();
    let kernels = shaders_in(&folder);
    assert_eq!(folder.exists(), !kernels.is_empty(), "shaders/ holds no kernel");
    for path in kernels {
        let source = format!("{shared}{}", fs::read_to_string(&path).unwrap());
        check(&source).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    }
}

#[test]
fn a_wrong_shader_is_refused() {
    assert!(check("@compute @workgroup_size(8, 8) fn main() {}").is_ok());
    assert!(check("@compute @workgroup_size(8, 8) fn main( {}").is_err());
    assert!(check("@compute @workgroup_size(8, 8) fn main() { let x: u32 = 1.5f; }").is_err());
    assert!(check("fn f() -> f32 { return missing; }").is_err());
}
