//! The readers of `stylize::fuzz` on bytes of all kinds; `fuzz/` gives them more for longer.
#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

mod common;

use common::clip::{AAC, Clip};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use stylize::fuzz::{READERS, Reader};
use stylize::resume::journal::{first_line, stream_line, unit_line};
use stylize::resume::{Identity, Unit};

/// A good example for each reader.
fn example(name: &str) -> Vec<u8> {
    match name {
        "sidecar" => {
            b"range = \"0..255\"\nmean = [0.5, 0.5, 0.5]\nstd = 0.25\n[inputs]\nstrength = 1.0\nstyle = 0\n".into()
        }
        "metadata" => {
            let lines = ["\x001", "\x01wave", "\x02nchw", "\x040..1", "\x050.5", "\x060.2,0.3,0.4", "\x078", "\x0f1.0"];
            lines.join("\n").into()
        }
        "planes" => {
            let numbers: [u32; 8] = [8, 4, 1, 0, 8, 32, 4, 0];
            numbers.iter().flat_map(|number| number.to_le_bytes()).chain([7; 40]).collect()
        }
        "journal" => {
            let run = Identity::new().with("the input", &"hash");
            let unit = |n: u64| Unit {
                pts_nanos: n * 40,
                dts_nanos: Some(n.cast_signed() * 40 - 80),
                duration_nanos: Some(40),
                key: n == 0,
                bytes: 1000,
                digest: n,
                shown_nanos: n * 40,
            };
            let units = (0..3).flat_map(|n| unit_line(&unit(n)));
            first_line(&run).into_iter().chain(stream_line("video/x-h264")).chain(units).collect()
        }
        "fragments" => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("clip.mp4");
            Clip::new(9).muxer("mp4mux fragment-duration=100").write(&path);
            std::fs::read(path).unwrap()
        }
        "heads" => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("clip.mkv");
            Clip::new(2).write(&path);
            let mut bytes = std::fs::read(path).unwrap();
            bytes.truncate(1000);
            bytes
        }
        _ => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("clip.mp4");
            Clip::new(4).sound(AAC).write(&path);
            let bytes = std::fs::read(path).unwrap();
            // Of the boxes those that matter stand at the end: the index, behind the data.
            let index = bytes.windows(4).rposition(|name| name == b"moov").unwrap() - 4;
            if name == "boxes" { bytes[index..].to_vec() } else { bytes }
        }
    }
}

/// Numbers that are at the edge of something.
const EDGES: [u32; 10] = [0, 1, 7, 8, 16, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fffe, 0x0100_0000];

/// Changes a few bytes, sets a few numbers to what is at the edge, and cuts the end off.
fn changed(mut bytes: Vec<u8>, flips: &[(Index, u8)], edges: &[(Index, Index)], keep: Option<Index>) -> Vec<u8> {
    for (at, value) in flips {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    let edges = if bytes.len() < 4 { &[] } else { edges };
    for (at, edge) in edges {
        let at = at.index(bytes.len() - 3);
        bytes[at..at + 4].copy_from_slice(&EDGES[edge.index(EDGES.len())].to_be_bytes());
    }
    bytes.truncate(keep.map_or(bytes.len(), |keep| keep.index(bytes.len()) + 1));
    bytes
}

fn on_rubbish(reader: Reader) {
    proptest!(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() },
        |(bytes in vec(any::<u8>(), 0..600))| reader(&bytes));
}

fn on_changes(reader: Reader, example: &[u8]) {
    reader(example);
    let any_change = (vec(any::<(Index, u8)>(), 0..6), vec(any::<(Index, Index)>(), 0..4), any::<Option<Index>>());
    proptest!(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() },
        |((flips, edges, keep) in any_change)| reader(&changed(example.to_vec(), &flips, &edges, keep)));
}

#[test]
fn nothing_that_is_read_makes_a_reader_panic() {
    for (name, reader) in READERS {
        println!("{name}");
        on_rubbish(reader);
        on_changes(reader, &example(name));
    }
}
