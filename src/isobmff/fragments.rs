//! The fragments of an unfinished file (ISO/IEC 14496-12, 8.8): mended while they are written ([`mend`]), and read back
//! with the samples of the `moov` before them ([`video_samples`]). The data of a fragment stands before its `moof` here:
//! GStreamer's muxer of 1.22 writes that, its demuxer does not read it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::{Atom, LONGEST_MOOV, TopBox, atoms, child, descend, handler, is_wide, number, top_boxes, traks};

/// An encoded frame in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Its first byte, from the beginning of the file.
    pub(crate) offset: u64,
    /// Its length in bytes.
    pub(crate) size: u64,
}

/// The samples of the first video track of `path`, in the order of decoding, as far as the file goes.
pub(crate) fn video_samples(path: &Path) -> io::Result<Vec<Sample>> {
    samples_in(&mut File::open(path)?)
}

/// The same for a file in memory; and mends it, as if all of it were one fragment. For fuzzing.
pub(crate) fn read_fragments(bytes: &[u8]) {
    let samples = samples_in(&mut io::Cursor::new(bytes)).unwrap_or_default();
    assert!(samples.iter().all(|sample| sample.offset + sample.size <= bytes.len() as u64));
    mend(&mut bytes.to_vec());
}

fn samples_in(file: &mut (impl Read + Seek)) -> io::Result<Vec<Sample>> {
    let len = file.seek(SeekFrom::End(0))?;
    let mut track = None;
    let mut samples = Vec::new();
    for found in whole_boxes(file, len)? {
        let found_samples = match &found.name {
            b"moov" => {
                let moov = read(file, &found)?;
                track = Track::of_video(&moov);
                track.as_ref().and_then(|_| indexed(&moov))
            }
            b"moof" => {
                let moof = read(file, &found)?;
                track.as_ref().and_then(|track| fragment(&moof, found.offset, track))
            }
            _ => Some(Vec::new()),
        };
        // Behind what makes no sense nothing can be trusted.
        let Some(found_samples) = found_samples else { break };
        samples.extend(found_samples);
    }
    samples.retain(|sample| sample.offset.checked_add(sample.size).is_some_and(|end| end <= len));
    Ok(samples)
}

/// The boxes at the top of a file of length `len`, up to the first that is not there as a whole: the last one of an
/// unfinished file has no length yet.
///
/// # Errors
/// When the file cannot be read, whatever is in it.
fn whole_boxes(file: &mut (impl Read + Seek), len: u64) -> io::Result<Vec<TopBox>> {
    let is_whole = |found: &io::Result<TopBox>| match found {
        Ok(found) => found.end().is_some_and(|end| end <= len),
        Err(error) => ![io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof].contains(&error.kind()),
    };
    top_boxes(file, len).take_while(is_whole).collect()
}

fn read(file: &mut (impl Read + Seek), found: &TopBox) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(len) = found.len.filter(|&len| len <= LONGEST_MOOV) {
        file.seek(SeekFrom::Start(found.offset))?;
        file.take(len).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// What fragments refer to.
struct Track {
    id: u64,
    /// Size of a sample where a fragment does not say.
    default_size: u64,
}

impl Track {
    fn of_video(moov: &[u8]) -> Option<Self> {
        let trak = video_trak(moov)?;
        let head = child(moov, &trak, b"tkhd")?;
        let id = number(moov, &head, if is_wide(moov, &head) { 20 } else { 12 }, false)?;
        let mvex = descend(moov, &(0..moov.len()), &[b"moov", b"mvex"]).map_or(0..0, |mvex| mvex.body);
        let defaults = atoms(moov, mvex).find(|atom| &atom.name == b"trex" && number(moov, atom, 4, false) == Some(id));
        let default_size = defaults.and_then(|trex| number(moov, &trex, 16, false)).unwrap_or(0);
        Some(Self { id, default_size })
    }
}

fn video_trak(moov: &[u8]) -> Option<Range<usize>> {
    traks(moov).into_iter().find(|trak| handler(moov, trak) == Some(b"vide"))
}

/// The samples that a `moov` lists itself.
fn indexed(moov: &[u8]) -> Option<Vec<Sample>> {
    let table = descend(moov, &video_trak(moov)?, &[b"mdia", b"minf", b"stbl"])?.body;
    let sizes = child(moov, &table, b"stsz")?;
    let (same, count) = (number(moov, &sizes, 4, false)?, number(moov, &sizes, 8, false)?);
    let size = |index: u64| match same {
        0 => number(moov, &sizes, usize::try_from(12 + 4 * index).ok()?, false),
        same => Some(same),
    };
    let (chunks, wide) = match child(moov, &table, b"stco") {
        Some(chunks) => (chunks, false),
        None => (child(moov, &table, b"co64")?, true),
    };
    let runs = child(moov, &table, b"stsc")?;
    let mut samples = Vec::new();
    for chunk in 0..number(moov, &chunks, 4, false)? {
        let at = 8 + chunk * if wide { 8 } else { 4 };
        let mut offset = number(moov, &chunks, usize::try_from(at).ok()?, wide)?;
        for _ in 0..samples_in_chunk(moov, &runs, chunk + 1)? {
            if samples.len() as u64 == count {
                break;
            }
            let sample = Sample { offset, size: size(samples.len() as u64)? };
            offset = offset.checked_add(sample.size)?;
            samples.push(sample);
        }
    }
    Some(samples)
}

/// How many samples the chunk of this number (from 1) has, by the runs of an `stsc` box.
fn samples_in_chunk(moov: &[u8], runs: &Atom, chunk: u64) -> Option<u64> {
    const ENTRY: usize = 12;
    let count = usize::try_from(number(moov, runs, 4, false)?).ok()?.min(runs.body.len() / ENTRY);
    let run = (0..count).rev().find(|run| number(moov, runs, 8 + run * ENTRY, false).is_some_and(|at| at <= chunk))?;
    number(moov, runs, 8 + run * ENTRY + 4, false)
}

/// The samples of `track` in a `moof` that stands at `offset` in its file.
fn fragment(moof: &[u8], offset: u64, track: &Track) -> Option<Vec<Sample>> {
    let body = child(moof, &(0..moof.len()), b"moof")?.body;
    let mut samples = Vec::new();
    for traf in atoms(moof, body).filter(|atom| &atom.name == b"traf") {
        let head = child(moof, &traf.body, b"tfhd")?;
        if number(moof, &head, 4, false)? != track.id {
            continue;
        }
        let mut fields = Fields { bytes: moof, atom: &head, flags: flags(moof, &head)?, at: 8 };
        let base = fields.next(BASE_OFFSET, true)?.unwrap_or(offset);
        fields.next(DESCRIPTION, false)?;
        fields.next(DEFAULT_DURATION, false)?;
        let default_size = fields.next(DEFAULT_SIZE, false)?.unwrap_or(track.default_size);
        let mut end = base;
        for run in atoms(moof, traf.body).filter(|atom| &atom.name == b"trun") {
            end = append_run(moof, &run, base, end, default_size, &mut samples)?;
        }
    }
    Some(samples)
}

/// Gives the tracks of a `moof` box the size of a sample where some of their runs leave it to a default that is not there:
/// GStreamer's muxer of 1.22 forgets it where a later sample is as long as the first one, and no player reads on behind
/// that. Nothing is moved: the size takes the place of the default flags, which tell whether one can seek to a sample.
pub(crate) fn mend(moof: &mut [u8]) {
    let body = child(moof, &(0..moof.len()), b"moof").map_or(0..0, |moof| moof.body);
    let trafs: Vec<_> = atoms(moof, body).filter(|atom| &atom.name == b"traf").map(|atom| atom.body).collect();
    for traf in trafs {
        if let Some(Mend { flags_at, size_at, size }) = wanted_mend(moof, &traf) {
            moof[size_at..size_at + 4].copy_from_slice(&size.to_be_bytes());
            moof[flags_at] = (moof[flags_at] & !(DEFAULT_FLAGS as u8)) | DEFAULT_SIZE as u8;
        }
    }
}

/// A change of a `tfhd`, by places in the `moof`.
struct Mend {
    flags_at: usize,
    size_at: usize,
    size: u32,
}

fn wanted_mend(moof: &[u8], traf: &Range<usize>) -> Option<Mend> {
    let head = child(moof, traf, b"tfhd")?;
    let head_flags = flags(moof, &head)?;
    let lacks_size = |run: &Atom| flags(moof, run).is_some_and(|flags| flags & SIZE == 0);
    let runs = || atoms(moof, traf.clone()).filter(|atom| &atom.name == b"trun");
    if head_flags & (DEFAULT_SIZE | DEFAULT_FLAGS) != DEFAULT_FLAGS || !runs().any(|run| lacks_size(&run)) {
        return None;
    }
    let mut fields = Fields { bytes: moof, atom: &head, flags: head_flags, at: 8 };
    fields.next(BASE_OFFSET, true)?;
    fields.next(DESCRIPTION, false)?;
    fields.next(DEFAULT_DURATION, false)?;
    let size_at = head.body.start + fields.at;
    // The muxer takes the first sample's for the default.
    let first = runs().next()?;
    let mut fields = Fields { bytes: moof, atom: &first, flags: flags(moof, &first)?, at: 8 };
    fields.next(DATA_OFFSET, false)?;
    fields.next(FIRST_FLAGS, false)?;
    fields.next(DURATION, false)?;
    let size = u32::try_from(fields.next(SIZE, false)??).ok()?;
    (size_at + 4 <= head.body.end).then_some(Mend { flags_at: head.body.start + 3, size_at, size })
}

// Flags of `tfhd`, each for a field.
const BASE_OFFSET: u64 = 0x1;
const DESCRIPTION: u64 = 0x2;
const DEFAULT_DURATION: u64 = 0x8;
const DEFAULT_SIZE: u64 = 0x10;
const DEFAULT_FLAGS: u64 = 0x20;

// Flags of `trun`: for a field, and for a field of each sample.
const DATA_OFFSET: u64 = 0x1;
const FIRST_FLAGS: u64 = 0x4;
const DURATION: u64 = 0x100;
const SIZE: u64 = 0x200;
const SAMPLE_FLAGS: u64 = 0x400;
const COMPOSITION: u64 = 0x800;

fn flags(bytes: &[u8], atom: &Atom) -> Option<u64> {
    Some(number(bytes, atom, 0, false)? & 0xFF_FFFF)
}

/// The optional fields of a box, in their order.
struct Fields<'a> {
    bytes: &'a [u8],
    atom: &'a Atom,
    flags: u64,
    at: usize,
}

impl Fields<'_> {
    /// The field that `flag` announces: none if it is not there; fails if the box ends before it.
    fn next(&mut self, flag: u64, wide: bool) -> Option<Option<u64>> {
        if self.flags & flag == 0 {
            return Some(None);
        }
        let value = number(self.bytes, self.atom, self.at, wide)?;
        self.at += if wide { 8 } else { 4 };
        Some(Some(value))
    }
}

/// Appends the samples of a `trun` that begins where the last one ended, unless it says otherwise; returns its end.
fn append_run(
    moof: &[u8],
    run: &Atom,
    base: u64,
    last_end: u64,
    default_size: u64,
    samples: &mut Vec<Sample>,
) -> Option<u64> {
    let count = number(moof, run, 4, false)?;
    let mut fields = Fields { bytes: moof, atom: run, flags: flags(moof, run)?, at: 8 };
    let start = fields.next(DATA_OFFSET, false)?;
    fields.next(FIRST_FLAGS, false)?;
    let signed = |offset: u64| i64::from((offset as u32).cast_signed());
    let mut offset = start.map_or(Some(last_end), |start| base.checked_add_signed(signed(start)))?;
    // Samples without fields of their own could be any number.
    if count > moof.len() as u64 {
        return None;
    }
    for _ in 0..count {
        fields.next(DURATION, false)?;
        let size = fields.next(SIZE, false)?.unwrap_or(default_size);
        fields.next(SAMPLE_FLAGS, false)?;
        fields.next(COMPOSITION, false)?;
        samples.push(Sample { offset, size });
        offset = offset.checked_add(size)?;
    }
    Some(offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::finish::boxed;
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn moov() -> Vec<u8> {
        let table = [
            boxed(b"stsz", &words(&[0, 0, 3, 10, 20, 30])),
            boxed(b"stsc", &words(&[0, 2, 1, 2, 1, 2, 1, 1])),
            boxed(b"stco", &words(&[0, 2, 100, 500])),
        ];
        let mut kind = words(&[0, 0]);
        kind.extend(b"vide");
        let media = boxed(b"minf", &boxed(b"stbl", &table.concat()));
        let media = boxed(b"mdia", &[boxed(b"hdlr", &kind), media].concat());
        let trak = boxed(b"trak", &[boxed(b"tkhd", &words(&[0, 0, 0, 7])), media].concat());
        let defaults = boxed(b"mvex", &boxed(b"trex", &words(&[0, 7, 1, 0, 44, 0])));
        boxed(b"moov", &[trak, defaults].concat())
    }

    fn moof() -> Vec<u8> {
        let other = boxed(b"traf", &boxed(b"tfhd", &words(&[0, 8])));
        let runs = [
            boxed(b"tfhd", &words(&[1, 7, 0, 1000])),
            boxed(b"trun", &words(&[0x201, 2, 5, 11, 12])),
            boxed(b"trun", &words(&[0xA00, 1, 13, 0])),
            boxed(b"trun", &words(&[0x001, 1, (-1000i32).cast_unsigned()])),
        ];
        boxed(b"moof", &[other, boxed(b"traf", &runs.concat())].concat())
    }

    fn samples(file: &[u8]) -> Vec<(u64, u64)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        std::fs::write(&path, file).unwrap();
        video_samples(&path).unwrap().into_iter().map(|sample| (sample.offset, sample.size)).collect()
    }

    #[test]
    fn samples_of_the_index_and_of_fragments_are_found() {
        let data = boxed(b"mdat", &[0; 2000]);
        let open = [&words(&[0]), b"mdat".as_slice(), &[0; 90]].concat();
        let listed = [(100, 10), (110, 20), (500, 30)];
        assert_eq!(samples(&[moov(), data.clone()].concat()), listed);
        let found = samples(&[moov(), data.clone(), moof(), open].concat());
        assert_eq!(found[..3], listed);
        assert_eq!(found[3..], [(1005, 11), (1016, 12), (1028, 13), (0, 44)]);
        // What lies behind the end is not there, and a fragment that is cut is none.
        let cut = [moov(), data, moof()].concat();
        assert_eq!(samples(&cut[..cut.len() - 1]), listed);
        assert_eq!(samples(&moov()), [(100, 10), (110, 20)]);
    }

    #[test]
    fn a_size_that_the_muxer_forgot_is_put_back() {
        let runs = |flags: u32| {
            let head: &[u32] = if flags & 0x20 == 0 { &[flags, 7, 0, 1000, 40] } else { &[flags, 7, 0, 1000, 40, 99] };
            let runs = [
                boxed(b"tfhd", &words(head)),
                boxed(b"trun", &words(&[0x201, 1, 5, 11])),
                boxed(b"trun", &words(&[0x001, 1, 16])),
            ];
            boxed(b"moof", &boxed(b"traf", &runs.concat()))
        };
        let sizes = |moof: &[u8]| {
            let samples = fragment(moof, 0, &Track { id: 7, default_size: 0 }).unwrap();
            samples.into_iter().map(|sample| sample.size).collect::<Vec<_>>()
        };
        let mut moof = runs(0x29);
        assert_eq!(sizes(&moof), [11, 0]);
        mend(&mut moof);
        assert_eq!((sizes(&moof), moof.len()), (vec![11, 11], runs(0x29).len()));
        // Where there is a default, or no place for one, nothing changes.
        for flags in [0x39, 0x09] {
            let mut moof = runs(flags);
            mend(&mut moof);
            assert_eq!(moof, runs(flags));
        }
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(at in 0usize..900, value: u8) {
            let mut bytes = [moov(), moof()].concat();
            let len = bytes.len();
            bytes[at % len] = value;
            let _ = indexed(&bytes);
            let track = Track::of_video(&bytes).unwrap_or(Track { id: 7, default_size: 1 });
            let _ = fragment(&bytes[moov().len()..], 5, &track);
            mend(&mut bytes[moov().len()..]);
        }
    }
}
