//! What reads the bytes of strangers, a function each: whatever they are given, they return. Driven by `fuzz/` (libFuzzer,
//! thousands of inputs a second for as long as you like) and by `tests/fuzz.rs` (some hundred inputs in every test run).
//!
//! Containers and codecs are read by GStreamer and libav, which have fuzzers of their own; `tests/mutations.rs` runs the
//! whole program on broken files.

use std::io::Cursor;
use std::sync::Arc;

use crate::error::SpecError;
use crate::frame::{Colour, Frame, FrameFormat, PixelFormat, Plane, Size};
use crate::model::graph::{Dim, Element, Graph, GraphPort};
use crate::model::statements::{INPUT_PREFIX, KEYS, METADATA_PREFIX, Statements};
use crate::model::{ModelSpec, SpecOverrides};
use crate::resume::Journal;
use crate::{isobmff, matroska, source};

/// Reads some bytes, and panics where it finds a fault.
pub type Reader = fn(&[u8]);

/// All of them, by name.
pub const READERS: [(&str, Reader); 8] = [
    ("sidecar", sidecar),
    ("metadata", metadata),
    ("boxes", boxes),
    ("fragments", fragments),
    ("heads", heads),
    ("lengths", lengths),
    ("planes", planes),
    ("journal", journal),
];

/// Graphs of all kinds that a model may have.
fn graphs() -> impl Iterator<Item = Graph> {
    let shapes: [&[Option<u64>]; 6] = [
        &[Some(1), Some(3), None, None],
        &[Some(1), Some(3), Some(180), Some(320)],
        &[None, None, None, Some(3)],
        &[None; 4],
        &[Some(3), Some(3), Some(3)],
        &[],
    ];
    let port = |name: &str, element: Element, shape: &[Option<u64>]| {
        let dims = shape.iter().map(|len| len.map_or(Dim::Free(None), Dim::Fixed)).collect();
        GraphPort { name: name.into(), element, dims }
    };
    shapes.into_iter().map(move |shape| Graph {
        inputs: vec![port("in", Element::F32, shape), port("strength", Element::F32, &[Some(1)])],
        outputs: vec![port("out", Element::U8, shape)],
        optional_inputs: vec![port("style", Element::F16, &[None, Some(2)])],
    })
}

/// Settles what was said, for each graph. What is wrong is said in one line.
fn resolve(said: &Result<Statements, SpecError>) {
    let specs = match said {
        Ok(said) => graphs().map(|graph| ModelSpec::resolve(&graph, said).map(drop)).collect(),
        Err(error) => vec![Err(error.clone())],
    };
    for error in specs.into_iter().filter_map(Result::err) {
        let text = error.to_string();
        assert!(!text.contains(['\n', '\r']), "{text:?}");
    }
}

/// The file beside a model.
pub fn sidecar(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        resolve(&Statements::gather([], Some(text), &SpecOverrides::default()));
    }
}

/// Metadata in a model: for each line a key, by its number, and its value.
pub fn metadata(bytes: &[u8]) {
    let lines = bytes.split(|&byte| byte == b'\n').filter_map(<[u8]>::split_first);
    let said = lines.map(|(&number, value)| {
        let value = String::from_utf8_lossy(value).into_owned();
        let key = match KEYS.get(usize::from(number) % (KEYS.len() + 1)) {
            Some(key) => format!("{METADATA_PREFIX}{key}"),
            None => format!("{METADATA_PREFIX}{INPUT_PREFIX}strength"),
        };
        (key, value)
    });
    resolve(&Statements::gather(said, None, &SpecOverrides::default()));
}

/// The journal of an unfinished run.
pub fn journal(bytes: &[u8]) {
    if let Some(journal) = Journal::parse(bytes) {
        assert!(journal.complete(usize::MAX) <= journal.units.len());
        std::hint::black_box(journal.end_nanos());
    }
}

/// The fragments of an MP4 file that an unfinished run left, and mending one.
pub fn fragments(bytes: &[u8]) {
    isobmff::read_fragments(bytes);
}

/// The boxes of an MP4 file that are read, and written anew.
pub fn boxes(bytes: &[u8]) {
    isobmff::read_everything(bytes);
}

/// The head of a Matroska file.
pub fn heads(bytes: &[u8]) {
    let head = matroska::Head::of(bytes.to_vec());
    std::hint::black_box((head.matrix(), head.dolby_vision()));
}

/// What files say of their own length.
pub fn lengths(bytes: &[u8]) {
    // What it says matters as little as that it cannot be read.
    let _ = source::stated_len(&mut Cursor::new(bytes), bytes.len() as u64);
}

/// Where the planes of a frame lie, by whoever made it: seven numbers of 4 bytes, then the frame. What passes the check
/// can be read in all its rows.
pub fn planes(bytes: &[u8]) {
    const NUMBERS: usize = 8;
    let (numbers, rest) = bytes.as_chunks::<4>();
    let Some((numbers, _)) = numbers.split_first_chunk::<NUMBERS>() else { return };
    let [width, height, kind, offset, stride, offset_2, stride_2, scale] = numbers.map(u32::from_le_bytes);
    let pixels = [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgbx][kind as usize % 3];
    let size = Size::new(width, height);
    let far = |number: u32| (number as usize) << (scale % 33);
    let plane = |offset, stride| Plane { offset_bytes: far(offset), stride_bytes: far(stride) };
    let planes = [plane(offset, stride), plane(offset_2, stride_2), plane(offset_2, stride)];
    let format = FrameFormat { size, pixels, colour: Colour::SRGB };
    let owned = [bytes, rest].concat();
    if let Ok(frame) = Frame::new(format, planes, Arc::new(owned)) {
        for plane in 0..pixels.planes() {
            let (_, rows) = pixels.plane_extent(plane, size);
            // Rows may all be the same bytes: some are enough.
            for y in (0..rows).step_by((rows / 64).max(1)).chain([rows - 1]) {
                std::hint::black_box(frame.row(plane, y));
            }
        }
    }
}
