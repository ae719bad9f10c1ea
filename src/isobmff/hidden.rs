//! What the index of a file says, and what of it GStreamer's demuxer is not to see.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use super::{
    DolbyVision, Edit, Moov, atoms, child, descend, edits, handler, is_wide, matrix, nanos, number, read_moov, scales,
    timescale, traks,
};
use crate::about::Chapter;

/// Longest run-up that is taken for one.
const LONGEST_PRIMING_NANOS: u64 = 1_000_000_000;

/// The run-up of a sound track, which an edit list hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Priming {
    /// Number of the track in its file.
    pub(crate) track_id: u32,
    /// Length of what is hidden at the start.
    pub(crate) nanos: u64,
    /// Length of what is to be heard; 0: all that follows.
    pub(crate) heard_nanos: u64,
}

/// Bytes that a demuxer reads in place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Patch {
    offset: u64,
    bytes: Vec<u8>,
}

/// A track as the index lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number in the file.
    pub(crate) id: u32,
    /// What it is: `vide`, `soun`.
    pub(crate) kind: [u8; 4],
    /// Whether it is played.
    pub(crate) enabled: bool,
}

/// The index (`moov`) of an MP4 or QuickTime file, as far as the demuxer does not tell it, or reads it wrongly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    /// Run-ups whose edit lists are hidden.
    pub(crate) primings: Vec<Priming>,
    /// Length of the whole.
    pub(crate) duration_nanos: Option<u64>,
    /// The tracks, without those that only name chapters.
    pub(crate) tracks: Vec<Entry>,
    /// Chapters, from the list that players read (`chpl`).
    pub(crate) chapters: Vec<Chapter>,
    /// Video is encrypted (ISO/IEC 23001-7).
    pub(crate) encrypted: bool,
    /// Dolby Vision's configuration of the first track that has one.
    pub(crate) dolby_vision: Option<DolbyVision>,
    /// How the picture of the first video track lies ([`matrix`]).
    pub(crate) matrix: Option<[i32; 4]>,
    patches: Vec<Patch>,
}

impl Index {
    /// The index of `path`; an empty one if it is no such file. With `primings`, edit lists that hide nothing but the
    /// run-up of a sound track are hidden.
    pub(crate) fn find(path: &Path, primings: bool) -> Self {
        let moov = File::open(path).and_then(|mut file| read_moov(&mut file)).ok().flatten();
        moov.map_or_else(Self::default, |moov| Self::of(&moov, primings))
    }

    /// The same of a `moov` box.
    pub(super) fn of(moov: &Moov, primings: bool) -> Self {
        let mut index = Self {
            chapters: chapters(&moov.bytes),
            tracks: entries(&moov.bytes),
            encrypted: is_encrypted(&moov.bytes),
            dolby_vision: DolbyVision::in_moov(&moov.bytes),
            matrix: matrix::in_moov(&moov.bytes),
            ..Self::default()
        };
        let mut patch = |at: usize, bytes: &[u8]| {
            index.patches.push(Patch { offset: moov.offset + at as u64, bytes: bytes.to_vec() });
        };
        if primings {
            for (name, priming) in self::primings(&moov.bytes) {
                patch(name, b"free");
                index.primings.push(priming);
            }
        }
        if let Some((at, len, nanos)) = length(&moov.bytes) {
            // The demuxer compares times of samples with the length of the movie: it loses the end of a track whose first
            // samples an edit list hides, and takes a video shorter than a fifth of its sound for a preview.
            patch(at, &[0; 8][..len]);
            index.duration_nanos = Some(nanos);
        }
        index
    }

    /// Changes `bytes`, which stand at `offset` in the file, to what is to be read there.
    pub(crate) fn apply(&self, offset: u64, bytes: &mut [u8]) {
        for patch in &self.patches {
            for (at, value) in (patch.offset..).zip(&patch.bytes) {
                if let Some(byte) = at.checked_sub(offset).and_then(|at| bytes.get_mut(usize::try_from(at).ok()?)) {
                    *byte = *value;
                }
            }
        }
    }

    /// Whether any of `len` bytes at `offset` would change.
    pub(crate) fn touches(&self, offset: u64, len: usize) -> bool {
        let end = offset.saturating_add(len as u64);
        self.patches.iter().any(|patch| patch.offset + patch.bytes.len() as u64 > offset && patch.offset < end)
    }
}

fn is_encrypted(bytes: &[u8]) -> bool {
    let first_sample_entry = |trak: &Range<usize>| {
        let table = descend(bytes, trak, &[b"mdia", b"minf", b"stbl", b"stsd"])?;
        atoms(bytes, table.body.start + 8..table.body.end).next()
    };
    traks(bytes).iter().filter_map(first_sample_entry).any(|entry| &entry.name == b"encv")
}

/// Where the length of the movie stands, in how many bytes, and what it is. None for files of fragments, whose length
/// stands elsewhere.
fn length(bytes: &[u8]) -> Option<(usize, usize, u64)> {
    let moov = child(bytes, &(0..bytes.len()), b"moov")?;
    let header = child(bytes, &moov.body, b"mvhd")?;
    if child(bytes, &moov.body, b"mvex").is_some() {
        return None;
    }
    let wide = is_wide(bytes, &header);
    let (at, len) = if wide { (24, 8) } else { (16, 4) };
    let length = nanos(number(bytes, &header, at, wide)?, timescale(bytes, &header)?);
    Some((header.body.start + at, len, length))
}

fn track_id(bytes: &[u8], trak: &Range<usize>) -> Option<u32> {
    let head = child(bytes, trak, b"tkhd")?;
    u32::try_from(number(bytes, &head, if is_wide(bytes, &head) { 20 } else { 12 }, false)?).ok()
}

/// The run-ups in a `moov` box, each with the place of the name `edts`.
pub(super) fn primings(bytes: &[u8]) -> Vec<(usize, Priming)> {
    let priming = |trak: &Range<usize>| {
        if handler(bytes, trak)? != b"soun" {
            return None;
        }
        let (movie, media) = scales(bytes, trak)?;
        let [Edit { length, start }] = edits(bytes, trak)?[..] else { return None };
        let hidden = nanos(u64::try_from(start).ok().filter(|&start| start > 0)?, media);
        let name = child(bytes, trak, b"edts")?.body.start - 4;
        let priming = Priming { track_id: track_id(bytes, trak)?, nanos: hidden, heard_nanos: nanos(length, movie) };
        (hidden <= LONGEST_PRIMING_NANOS).then_some((name, priming))
    };
    traks(bytes).iter().filter_map(priming).collect()
}

fn entries(bytes: &[u8]) -> Vec<Entry> {
    let traks = traks(bytes);
    let named = |trak: &Range<usize>| {
        let list = descend(bytes, trak, &[b"tref", b"chap"])?;
        Some(bytes[list.body].chunks_exact(4).map(|id| u32::from_be_bytes([id[0], id[1], id[2], id[3]])).collect())
    };
    let of_chapters: Vec<u32> = traks.iter().filter_map(named).flat_map(|ids: Vec<u32>| ids).collect();
    let entry = |trak| {
        let head = child(bytes, trak, b"tkhd")?.body;
        let enabled = bytes.get(head)?.get(3)? & 1 == 1;
        Some(Entry { id: track_id(bytes, trak)?, kind: handler(bytes, trak)?.try_into().ok()?, enabled })
    };
    traks.iter().filter_map(entry).filter(|entry| !of_chapters.contains(&entry.id)).collect()
}

/// The list that Nero introduced, and most players read: begins in units of 100 ns, and titles.
fn chapters(bytes: &[u8]) -> Vec<Chapter> {
    let Some(list) = descend(bytes, &(0..bytes.len()), &[b"moov", b"udta", b"chpl"]) else { return Vec::new() };
    let mut rest = &bytes[list.body.clone()];
    let head = if is_wide(bytes, &list) { 8 } else { 4 };
    let (Some(&count), Some(entries)) = (rest.get(head), rest.get(head + 1..)) else { return Vec::new() };
    rest = entries;
    let next = |_| {
        let (start, after) = rest.split_first_chunk::<8>()?;
        let (&len, after) = after.split_first()?;
        let (title, after) = after.split_at_checked(len.into())?;
        rest = after;
        let title = String::from_utf8_lossy(title).into_owned();
        Some(Chapter { start_nanos: u64::from_be_bytes(*start).saturating_mul(100), end_nanos: None, title })
    };
    (0..count).map_while(next).collect()
}
