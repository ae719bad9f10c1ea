//! That every row has its test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Rows of the table: number, and whether it says that it is not tested.
fn rows() -> BTreeMap<u32, bool> {
    let text = fs::read_to_string(root().join("docs/FAULTS.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|');
        let number = cells.next()?.trim().parse().ok()?;
        Some((number, line.contains("not yet")))
    });
    rows.collect()
}

fn files_below(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(path) } else { vec![path] }).collect()
}

/// Numbers in the names of tests.
fn tested() -> BTreeSet<u32> {
    let files = ["src", "tests"].into_iter().flat_map(|folder| files_below(root().join(folder)));
    let texts = files.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).map(fs::read_to_string);
    let number = |line: &str| line.trim().strip_prefix("fn row_")?.split('_').next()?.parse().ok();
    texts.flat_map(|text| text.unwrap().lines().filter_map(number).collect::<Vec<_>>()).collect()
}

#[test]
fn every_row_of_the_table_has_a_test() {
    let (rows, tested) = (rows(), tested());
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), (1..=57).collect::<Vec<_>>());
    let missing: Vec<_> = rows.iter().filter(|(row, later)| !**later && !tested.contains(row)).collect();
    assert!(missing.is_empty(), "rows without a test: {missing:?}");
    assert!(tested.iter().all(|row| rows.contains_key(row)), "{tested:?}");
}
