//! The index of MP4 and QuickTime files (ISO/IEC 14496-12): what GStreamer reads wrongly in it, or cannot write.
//!
//! AAC needs a packet of run-up before its first sample. An MP4 file holds that packet and an edit list (8.6.5 and 8.6.6)
//! that hides it. GStreamer's demuxer obeys the list by dropping the packet, and its muxer cannot write one that hides
//! it: the first 20 ms of sound would decode to something else. So the list is hidden from the demuxer ([`Index`]), the
//! packet comes along, everything is shifted by its length, and [`finish`] writes the lists as they should be.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

mod dolby;
mod finish;
mod fragments;
mod hidden;
mod matrix;
#[cfg(test)]
mod tests;
mod top;

pub(crate) use dolby::DolbyVision;
pub(crate) use finish::{Finish, finish};
pub(crate) use fragments::{Sample, mend, read_fragments, video_samples};
pub(crate) use hidden::{Index, Priming};
pub(crate) use top::{TopBox, top_boxes};

use crate::about::Label;

/// Longest `moov` that is looked into: 10 hours of video take some 30 MB.
const LONGEST_MOOV: u64 = 256 << 20;

const NANOS: u128 = 1_000_000_000;

/// A box: its name and where its content lies.
struct Atom {
    name: [u8; 4],
    start: usize,
    body: Range<usize>,
}

/// The boxes in `within`. Ends at the first that does not fit.
fn atoms(bytes: &[u8], within: Range<usize>) -> impl Iterator<Item = Atom> + '_ {
    let mut at = within.start;
    std::iter::from_fn(move || {
        let header = bytes.get(at..within.end)?.get(..8)?;
        let short = u32::from_be_bytes(header[..4].try_into().ok()?);
        let name = header[4..].try_into().ok()?;
        let (head, len) = match short {
            0 => (8, within.end - at),
            1 => (16, usize::try_from(u64::from_be_bytes(bytes.get(at + 8..at + 16)?.try_into().ok()?)).ok()?),
            len => (8, len as usize),
        };
        let end = at.checked_add(len).filter(|&end| len >= head && end <= within.end)?;
        let atom = Atom { name, start: at, body: at + head..end };
        at = end;
        Some(atom)
    })
}

fn child(bytes: &[u8], within: &Range<usize>, name: &[u8; 4]) -> Option<Atom> {
    atoms(bytes, within.clone()).find(|atom| &atom.name == name)
}

/// The box that is reached by these names.
fn descend(bytes: &[u8], within: &Range<usize>, path: &[&[u8; 4]]) -> Option<Atom> {
    let (last, folders) = path.split_last()?;
    let inside = folders.iter().try_fold(within.clone(), |range, name| child(bytes, &range, name).map(|a| a.body))?;
    child(bytes, &inside, last)
}

/// A big-endian number of 4 or 8 bytes at `at` in the body of `atom`.
fn number(bytes: &[u8], atom: &Atom, at: usize, wide: bool) -> Option<u64> {
    let field = bytes.get(atom.body.clone())?.get(at..)?;
    Some(match wide {
        false => u64::from(u32::from_be_bytes(field.get(..4)?.try_into().ok()?)),
        true => u64::from_be_bytes(field.get(..8)?.try_into().ok()?),
    })
}

fn is_wide(bytes: &[u8], atom: &Atom) -> bool {
    bytes.get(atom.body.start) == Some(&1)
}

/// Ticks a second of `mvhd` or `mdhd`.
fn timescale(bytes: &[u8], header: &Atom) -> Option<u64> {
    let at = if is_wide(bytes, header) { 20 } else { 12 };
    number(bytes, header, at, false).filter(|&scale| scale > 0)
}

/// One entry of an edit list: length in ticks of the movie, start in ticks of the track (-1: nothing is shown).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edit {
    length: u64,
    start: i64,
}

fn edits(bytes: &[u8], trak: &Range<usize>) -> Option<Vec<Edit>> {
    let list = descend(bytes, trak, &[b"edts", b"elst"])?;
    let wide = is_wide(bytes, &list);
    let (step, half) = if wide { (20, 8) } else { (12, 4) };
    let count = usize::try_from(number(bytes, &list, 4, false)?).ok()?;
    (0..count.min(list.body.len() / step))
        .map(|index| {
            let at = 8 + index * step;
            let start = number(bytes, &list, at + half, wide)?;
            let start = if wide { start.cast_signed() } else { i64::from((start as u32).cast_signed()) };
            Some(Edit { length: number(bytes, &list, at, wide)?, start })
        })
        .collect()
}

fn nanos(ticks: u64, scale: u64) -> u64 {
    u64::try_from(u128::from(ticks) * NANOS / u128::from(scale)).unwrap_or(u64::MAX)
}

fn ticks(nanos: u64, scale: u64) -> u64 {
    u64::try_from((u128::from(nanos) * u128::from(scale) + NANOS / 2) / NANOS).unwrap_or(u64::MAX)
}

fn traks(bytes: &[u8]) -> Vec<Range<usize>> {
    let moov = child(bytes, &(0..bytes.len()), b"moov").map_or(0..0, |moov| moov.body);
    atoms(bytes, moov).filter(|atom| &atom.name == b"trak").map(|atom| atom.body).collect()
}

fn handler<'a>(bytes: &'a [u8], trak: &Range<usize>) -> Option<&'a [u8]> {
    let header = descend(bytes, trak, &[b"mdia", b"hdlr"])?;
    bytes.get(header.body)?.get(8..12)
}

/// How many samples a track has.
fn sample_count(bytes: &[u8], trak: &Range<usize>) -> Option<u64> {
    let sizes = descend(bytes, trak, &[b"mdia", b"minf", b"stbl", b"stsz"])?;
    number(bytes, &sizes, 8, false)
}

/// Scale of the movie, and of the track.
fn scales(bytes: &[u8], trak: &Range<usize>) -> Option<(u64, u64)> {
    let movie = descend(bytes, &(0..bytes.len()), &[b"moov", b"mvhd"])?;
    let media = descend(bytes, trak, &[b"mdia", b"mdhd"])?;
    Some((timescale(bytes, &movie)?, timescale(bytes, &media)?))
}

struct Moov {
    offset: u64,
    bytes: Vec<u8>,
}

/// Reads the `moov` box of a file, wherever it stands.
fn read_moov(file: &mut (impl Read + Seek)) -> io::Result<Option<Moov>> {
    let file_len = file.seek(SeekFrom::End(0))?;
    let mut tops = top_boxes(file, file_len);
    let found = tops.find(|top| top.as_ref().map_or(true, |top| &top.name == b"moov")).transpose()?;
    drop(tops);
    let Some(TopBox { offset, len, .. }) = found else { return Ok(None) };
    let len = len.unwrap_or(file_len - offset);
    if len > (file_len - offset).min(LONGEST_MOOV) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(len).read_to_end(&mut bytes)?;
    Ok(Some(Moov { offset, bytes }))
}

/// The tracks of a finished file: what each is (`vide`, `soun`) and how many samples it has.
pub(crate) fn tracks(path: &Path) -> io::Result<Vec<([u8; 4], u64)>> {
    let moov = read_moov(&mut File::open(path)?)?.map(|moov| moov.bytes).unwrap_or_default();
    let track = |trak: &Range<usize>| Some((handler(&moov, trak)?.try_into().ok()?, sample_count(&moov, trak)?));
    Ok(traks(&moov).iter().filter_map(track).collect())
}

/// Reads and writes all that this module does, from bytes that may be anything.
pub(crate) fn read_everything(bytes: &[u8]) {
    let Ok(Some(moov)) = read_moov(&mut io::Cursor::new(bytes)) else { return };
    std::hint::black_box(Index::of(&moov, true));
    let label = Label { title: Some("title".into()), ..Label::default() };
    let primings = hidden::primings(&moov.bytes).into_iter().map(|(_, priming)| Some(priming));
    let tracks = primings.chain([None, None]).map(|priming| (label.clone(), priming)).collect();
    let finish = Finish { shift_nanos: 20_000_000, tracks, ..Finish::default() };
    std::hint::black_box(finish::finished(&moov.bytes, &finish));
}
