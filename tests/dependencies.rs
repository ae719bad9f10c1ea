//! What the project is built from: only crates of the registry, under licences that let anybody use the whole.
#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than a notice.
const PERMISSIVE: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
/// Licences of the fonts that the window's words are set in. Whatever a program's own licence is, they may be part of it;
/// what they ask for is their notice, and another name for a font that was changed.
const OF_FONTS: [&str; 2] = ["OFL-1.1", "Ubuntu-font-1.0"];
/// Licence with the exception that takes its conditions from what is compiled.
const WITH_EXCEPTION: &str = "Apache-2.0 WITH LLVM-exception";

/// Whether `expression` (SPDX, or names parted by slashes as in old manifests) can be met with permissive licences alone.
fn permissive(expression: &str) -> bool {
    let expression = expression.replace(WITH_EXCEPTION, "Apache-2.0").replace('/', " OR ");
    if let Some((inner, outer)) = innermost_group(&expression) {
        let name = if permissive(inner) { "MIT" } else { "none" };
        return permissive(&format!("{}{name}{}", &expression[..outer.start], &expression[outer.end..]));
    }
    let is_known = |name: &str| PERMISSIVE.contains(&name) || OF_FONTS.contains(&name);
    expression.split(" OR ").any(|all| all.split(" AND ").all(|name| is_known(name.trim())))
}

/// What stands in the first innermost brackets, and where they stand.
fn innermost_group(expression: &str) -> Option<(&str, std::ops::Range<usize>)> {
    let close = expression.find(')')?;
    let open = expression[..close].rfind('(')?;
    Some((&expression[open + 1..close], open..close + 1))
}

/// All packages of the build on this machine, as cargo describes them.
fn packages() -> Vec<Value> {
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn every_crate_comes_from_the_registry_under_a_permissive_licence() {
    let packages = packages();
    assert!(packages.len() > 50, "only {} packages", packages.len());
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(permissive(licence), "{name} is under {licence:?}");
        let source = package["source"].as_str().unwrap_or("");
        assert!(name == "stylize" || source.starts_with("registry+"), "{name} comes from {source:?}");
    }
}

#[test]
fn licence_expressions_are_understood() {
    for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR GPL-2.0) AND Unicode-3.0", "Zlib AND (ISC OR X)"] {
        assert!(permissive(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND LGPL-2.1", "(MIT OR Apache-2.0) AND AGPL-3.0", "none", ""] {
        assert!(!permissive(bad), "{bad}");
    }
}
