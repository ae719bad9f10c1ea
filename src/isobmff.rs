//! The edit lists of MP4 and QuickTime files (ISO/IEC 14496-12, 8.6.5 and 8.6.6).
//!
//! AAC needs a packet of run-up before its first sample. An MP4 file holds that packet and an edit list that hides it.
//! GStreamer's demuxer obeys the list by dropping the packet, and its muxer cannot write one that hides it: the first
//! 20 ms of sound would decode to something else. So the list is hidden from the demuxer ([`Hidden`]), the packet comes
//! along, everything is shifted by its length, and [`restore`] writes the lists as they should be.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

mod dolby;
mod fragments;
mod matrix;

pub(crate) use dolby::DolbyVision;
pub(crate) use fragments::{Sample, mend, read_fragments, video_samples};
pub(crate) use matrix::video_matrix;

/// Longest `moov` that is looked into: 10 hours of video take some 30 MB.
const LONGEST_MOOV: u64 = 256 << 20;

/// Longest run-up that is taken for one.
const LONGEST_PRIMING_NANOS: u64 = 1_000_000_000;

const NANOS: u128 = 1_000_000_000;

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

/// Edit lists of a file that are to be hidden from a demuxer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// What they would have hidden.
    pub(crate) primings: Vec<Priming>,
    /// Where the file says `edts`, to be read as `free`.
    names: Vec<u64>,
}

impl Hidden {
    /// The edit lists of `path` that hide nothing but the run-up of a sound track. None if it is no such file.
    pub(crate) fn find(path: &Path) -> Self {
        File::open(path).and_then(|mut file| read_moov(&mut file)).ok().flatten().map_or_else(Self::default, |moov| {
            let mut hidden = Self::default();
            for (name, priming) in primings(&moov.bytes) {
                hidden.names.push(moov.offset + name as u64);
                hidden.primings.push(priming);
            }
            hidden
        })
    }

    /// Changes the names in `bytes`, which stand at `offset` in the file.
    pub(crate) fn apply(&self, offset: u64, bytes: &mut [u8]) {
        for &name in &self.names {
            for (at, letter) in (name..).zip(b"free") {
                if let Some(byte) = at.checked_sub(offset).and_then(|at| bytes.get_mut(usize::try_from(at).ok()?)) {
                    *byte = *letter;
                }
            }
        }
    }

    /// Whether any of `bytes` at `offset` would change.
    pub(crate) fn touches(&self, offset: u64, len: usize) -> bool {
        self.names.iter().any(|&name| name + 4 > offset && name < offset.saturating_add(len as u64))
    }
}

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

/// Scale of the movie, and of the track.
fn scales(bytes: &[u8], trak: &Range<usize>) -> Option<(u64, u64)> {
    let movie = descend(bytes, &(0..bytes.len()), &[b"moov", b"mvhd"])?;
    let media = descend(bytes, trak, &[b"mdia", b"mdhd"])?;
    Some((timescale(bytes, &movie)?, timescale(bytes, &media)?))
}

/// The run-ups in a `moov` box, each with the place of the name `edts`.
fn primings(bytes: &[u8]) -> Vec<(usize, Priming)> {
    let priming = |trak: &Range<usize>| {
        if handler(bytes, trak)? != b"soun" {
            return None;
        }
        let (movie, media) = scales(bytes, trak)?;
        let [Edit { length, start }] = edits(bytes, trak)?[..] else { return None };
        let hidden = nanos(u64::try_from(start).ok().filter(|&start| start > 0)?, media);
        let head = child(bytes, trak, b"tkhd")?;
        let track_id = number(bytes, &head, if is_wide(bytes, &head) { 20 } else { 12 }, false)?;
        let name = child(bytes, trak, b"edts")?.body.start - 4;
        let priming =
            Priming { track_id: u32::try_from(track_id).ok()?, nanos: hidden, heard_nanos: nanos(length, movie) };
        (hidden <= LONGEST_PRIMING_NANOS).then_some((name, priming))
    };
    traks(bytes).iter().filter_map(priming).collect()
}

struct Moov {
    offset: u64,
    bytes: Vec<u8>,
}

/// Reads the `moov` box of a file, wherever it stands.
fn read_moov(file: &mut (impl Read + Seek)) -> io::Result<Option<Moov>> {
    let len = file.seek(SeekFrom::End(0))?;
    let mut offset = 0;
    while len - offset >= 16 {
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut head)?;
        let size = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
            0 => len - offset,
            1 => u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]),
            size => u64::from(size),
        };
        if size < 8 || size > len - offset {
            return Ok(None);
        }
        if &head[4..8] == b"moov" {
            if size > LONGEST_MOOV {
                return Ok(None);
            }
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.take(size).read_to_end(&mut bytes)?;
            return Ok(Some(Moov { offset, bytes }));
        }
        offset += size;
    }
    Ok(None)
}

/// The tracks of a finished file: what each is (`vide`, `soun`) and how many samples it has.
pub(crate) fn tracks(path: &Path) -> io::Result<Vec<([u8; 4], u64)>> {
    let moov = read_moov(&mut File::open(path)?)?.map(|moov| moov.bytes).unwrap_or_default();
    let track = |trak: &Range<usize>| {
        let sizes = descend(&moov, trak, &[b"mdia", b"minf", b"stbl", b"stsz"])?;
        Some((handler(&moov, trak)?.try_into().ok()?, number(&moov, &sizes, 8, false)?))
    };
    Ok(traks(&moov).iter().filter_map(track).collect())
}

/// Reads and writes all that this module does, from bytes that may be anything.
pub(crate) fn read_everything(bytes: &[u8]) {
    let Ok(Some(moov)) = read_moov(&mut io::Cursor::new(bytes)) else { return };
    std::hint::black_box(matrix::in_moov(&moov.bytes));
    let primings: Vec<_> = primings(&moov.bytes).into_iter().map(|(_, priming)| Some(priming)).collect();
    for primings in [&primings[..], &[None, None]] {
        std::hint::black_box(with_edits(&moov.bytes, LONGEST_PRIMING_NANOS / 50, primings));
    }
}

/// Gives a finished file, all of whose tracks were shifted by `shift_nanos`, the edit lists that it should have: sound
/// tracks hide their run-up (`primings`, in the order of the sound tracks), and nothing begins later than it did. A file
/// that is laid out in another way than GStreamer's muxer does is left as it is, which only keeps the shift.
pub(crate) fn restore(path: &Path, shift_nanos: u64, primings: &[Option<Priming>]) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let Some(moov) = read_moov(&mut file)? else { return Ok(()) };
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    let rest_has_data = atoms(&rest, 0..rest.len()).any(|atom| &atom.name == b"mdat");
    let Some(changed) = with_edits(&moov.bytes, shift_nanos, primings).filter(|_| !rest_has_data) else {
        return Ok(());
    };
    file.seek(SeekFrom::Start(moov.offset))?;
    file.write_all(&changed)?;
    file.write_all(&rest)?;
    file.set_len(moov.offset + (changed.len() + rest.len()) as u64)
}

/// The `moov` box with other edit lists.
fn with_edits(bytes: &[u8], shift_nanos: u64, primings: &[Option<Priming>]) -> Option<Vec<u8>> {
    let moov = child(bytes, &(0..bytes.len()), b"moov")?;
    let mut sounds = primings.iter();
    let mut out = vec![0; 8];
    let mut movie_length = 0;
    for atom in atoms(bytes, moov.body) {
        if &atom.name != b"trak" {
            out.extend_from_slice(&bytes[atom.start..atom.body.end]);
            continue;
        }
        let sound = handler(bytes, &atom.body)? == b"soun";
        let priming = if sound { sounds.next().copied().flatten() } else { None };
        let edits = wanted_edits(bytes, &atom.body, shift_nanos, priming)?;
        let length = edits.iter().map(|edit| edit.length).sum();
        movie_length = u64::max(movie_length, length);
        let trak = trak_with(bytes, &atom.body, &edits, length)?;
        out.extend_from_slice(&boxed(b"trak", &trak));
    }
    let header = descend(&out, &(8..out.len()), &[b"mvhd"])?;
    set_length(&mut out, &header, 16, 24, movie_length)?;
    Some(boxed(b"moov", &out[8..]))
}

fn wanted_edits(bytes: &[u8], trak: &Range<usize>, shift_nanos: u64, priming: Option<Priming>) -> Option<Vec<Edit>> {
    let (movie, media) = scales(bytes, trak)?;
    let header = descend(bytes, trak, &[b"mdia", b"mdhd"])?;
    let wide = is_wide(bytes, &header);
    let length = nanos(number(bytes, &header, if wide { 24 } else { 16 }, wide)?, media);
    let present = edits(bytes, trak).unwrap_or_else(|| vec![Edit { length: ticks(length, movie), start: 0 }]);
    if let Some(priming) = priming {
        let all = length.saturating_sub(priming.nanos);
        let heard = if priming.heard_nanos == 0 { all } else { all.min(priming.heard_nanos) };
        return Some(vec![Edit { length: ticks(heard, movie), start: ticks(priming.nanos, media).cast_signed() }]);
    }
    let mut shift = ticks(shift_nanos, movie);
    let mut wanted = Vec::new();
    for edit in present {
        if edit.start == -1 {
            let taken = shift.min(edit.length);
            shift -= taken;
            // A tick is rounding.
            if edit.length - taken > 1 {
                wanted.push(Edit { length: edit.length - taken, ..edit });
            }
        } else {
            wanted.push(edit);
        }
    }
    Some(wanted)
}

/// The content of a `trak` box with these edits, of this length in ticks of the movie.
fn trak_with(bytes: &[u8], trak: &Range<usize>, edits: &[Edit], length: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for atom in atoms(bytes, trak.clone()).filter(|atom| &atom.name != b"edts") {
        out.extend_from_slice(&bytes[atom.start..atom.body.end]);
        if &atom.name == b"tkhd" {
            let header = child(&out, &(0..out.len()), b"tkhd")?;
            set_length(&mut out, &header, 20, 28, length)?;
            out.extend_from_slice(&edit_box(edits));
        }
    }
    Some(out)
}

/// Sets the length in a header, at `narrow` or `wide` in its body as its version says.
fn set_length(bytes: &mut [u8], header: &Atom, narrow: usize, wide: usize, length: u64) -> Option<()> {
    let body = header.body.clone();
    if is_wide(bytes, header) {
        bytes.get_mut(body)?.get_mut(wide..wide + 8)?.copy_from_slice(&length.to_be_bytes());
    } else {
        let length = u32::try_from(length).ok()?;
        bytes.get_mut(body)?.get_mut(narrow..narrow + 4)?.copy_from_slice(&length.to_be_bytes());
    }
    Some(())
}

fn edit_box(edits: &[Edit]) -> Vec<u8> {
    let mut list = vec![1, 0, 0, 0];
    list.extend_from_slice(&(edits.len() as u32).to_be_bytes());
    for edit in edits {
        list.extend_from_slice(&edit.length.to_be_bytes());
        list.extend_from_slice(&edit.start.to_be_bytes());
        list.extend_from_slice(&[0, 1, 0, 0]); // at normal speed
    }
    boxed(b"edts", &boxed(b"elst", &list))
}

fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = (body.len() + 8) as u32; // a moov is at most LONGEST_MOOV
    [&len.to_be_bytes(), name.as_slice(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(len: usize, fields: &[(usize, u32)]) -> Vec<u8> {
        let mut body = vec![0; len];
        for &(at, value) in fields {
            body[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        body
    }

    fn trak(kind: &[u8; 4], id: u32, scale: u32, length: u32, edits: &[Edit]) -> Vec<u8> {
        let mut handler = vec![0; 24];
        handler[8..12].copy_from_slice(kind);
        let media = [boxed(b"mdhd", &header(24, &[(12, scale), (16, length)])), boxed(b"hdlr", &handler)].concat();
        let edts = if edits.is_empty() { Vec::new() } else { edit_box(edits) };
        let head = boxed(b"tkhd", &header(84, &[(12, id), (20, 5000)]));
        boxed(b"trak", &[head, edts, boxed(b"mdia", &media)].concat())
    }

    fn moov(traks: &[Vec<u8>]) -> Vec<u8> {
        let head = boxed(b"mvhd", &header(100, &[(12, 1000), (16, 5000)]));
        boxed(b"moov", &[head, traks.concat()].concat())
    }

    const RUN_UP: Edit = Edit { length: 5000, start: 1024 };

    #[test]
    fn the_run_up_of_sound_is_found_and_hidden() {
        let sound = trak(b"soun", 7, 48_000, 300_000, &[RUN_UP]);
        let video = trak(b"vide", 1, 600, 3000, &[Edit { length: 5000, start: 20 }]);
        let late = trak(b"soun", 8, 48_000, 9, &[Edit { length: 40, start: -1 }, RUN_UP]);
        let mut bytes = [boxed(b"ftyp", b"isom"), moov(&[video, sound, late])].concat();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        std::fs::write(&path, &bytes).unwrap();
        let hidden = Hidden::find(&path);
        let expected = Priming { track_id: 7, nanos: 21_333_333, heard_nanos: 5_000_000_000 };
        assert_eq!(hidden.primings, [expected]);
        assert!(hidden.touches(0, bytes.len()) && !hidden.touches(0, 20));
        // In pieces, as a demuxer may read it.
        for (index, piece) in bytes.chunks_mut(7).enumerate() {
            hidden.apply(index as u64 * 7, piece);
        }
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Hidden::find(&path), Hidden::default());
    }

    #[test]
    fn samples_are_counted() {
        let mut video = trak(b"vide", 1, 90, 45, &[]);
        let sizes = boxed(b"minf", &boxed(b"stbl", &boxed(b"stsz", &header(12, &[(8, 33)]))));
        // Into mdia, the last box of the track.
        let mdia = descend(&video, &(0..video.len()), &[b"trak", b"mdia"]).unwrap().start;
        video.extend_from_slice(&sizes);
        let (len, rest) = (video.len(), video.len() - mdia);
        video[..4].copy_from_slice(&(len as u32).to_be_bytes());
        video[mdia..mdia + 4].copy_from_slice(&(rest as u32).to_be_bytes());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        std::fs::write(&path, moov(&[video, trak(b"soun", 2, 90, 45, &[])])).unwrap();
        assert_eq!(tracks(&path).unwrap(), [(*b"vide", 33)]);
    }

    #[test]
    fn lists_are_restored() {
        let gap = |length| Edit { length, start: -1 };
        let shown = |length, start| Edit { length, start };
        let video = trak(b"vide", 1, 90_000, 450_000, &[gap(23), shown(5000, 6000)]);
        let sound = trak(b"soun", 2, 44_100, 221_524, &[]);
        let later = trak(b"soun", 3, 44_100, 220_500, &[gap(123), shown(5000, 0)]);
        let priming = Priming { track_id: 9, nanos: 23_219_954, heard_nanos: 4_990_000_000 };
        let changed = with_edits(&moov(&[video, sound, later]), priming.nanos, &[Some(priming), None]).unwrap();
        let found: Vec<_> = traks(&changed).iter().map(|trak| edits(&changed, trak).unwrap()).collect();
        assert_eq!(found, [vec![shown(5000, 6000)], vec![shown(4990, 1024)], vec![gap(100), shown(5000, 0)]]);
        let length =
            |path: &[&[u8; 4]], at| number(&changed, &descend(&changed, &(0..changed.len()), path).unwrap(), at, false);
        assert_eq!(length(&[b"moov", b"mvhd"], 16), Some(5100));
        assert_eq!(length(&[b"moov", b"trak", b"tkhd"], 20), Some(5000));
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(cut in 0usize..900, at in 0usize..900, value: u8) {
            let mut bytes = moov(&[trak(b"vide", 1, 90, 45, &[]), trak(b"soun", 2, 48_000, 300_000, &[RUN_UP])]);
            let len = bytes.len();
            bytes[at % len] = value;
            bytes.truncate(len - cut % len);
            let priming = Priming { track_id: 9, nanos: 23_219_954, heard_nanos: 4_990_000_000 };
            let _ = primings(&bytes);
            let _ = with_edits(&bytes, 5, &[Some(priming)]);
        }
    }
}
