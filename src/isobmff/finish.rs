//! The index of a finished file: what GStreamer's muxer cannot write.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use super::{
    Atom, Edit, Priming, atoms, child, descend, edits, handler, is_wide, nanos, number, read_moov, sample_count,
    scales, ticks, traks,
};
use crate::about::{Chapter, Label};

/// Most chapters that the list can count.
const MOST_CHAPTERS: usize = 255;

/// What a finished file is to say.
#[derive(Default)]
pub(crate) struct Finish<'a> {
    /// By which all tracks were shifted to make room for run-ups.
    pub(crate) shift_nanos: u64,
    /// When the video begins, shifted so.
    pub(crate) begin_nanos: u64,
    /// The tracks behind the video, in the order in which the muxer was given them: what is said of them, and the run-up of
    /// sound.
    pub(crate) tracks: Vec<(Label, Option<Priming>)>,
    /// Chapters.
    pub(crate) chapters: &'a [Chapter],
    /// Where it was filmed, as ISO 6709 writes it.
    pub(crate) location: Option<String>,
}

/// Makes a finished file say `finish`: sound tracks hide their run-up, nothing begins later than it did, one track of
/// each kind is played, and tracks that hold nothing are gone: the muxer leaves some of them without a description, which
/// no player takes. A file that is laid out in another way than GStreamer's muxer does is left as it is.
pub(crate) fn finish(path: &Path, finish: &Finish<'_>) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let Some(moov) = read_moov(&mut file)? else { return Ok(()) };
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    let rest_has_data = atoms(&rest, 0..rest.len()).any(|atom| &atom.name == b"mdat");
    let Some(changed) = finished(&moov.bytes, finish).filter(|_| !rest_has_data) else {
        return Ok(());
    };
    file.seek(SeekFrom::Start(moov.offset))?;
    file.write_all(&changed)?;
    file.write_all(&rest)?;
    file.set_len(moov.offset + (changed.len() + rest.len()) as u64)
}

/// The `moov` box as it should be.
pub(super) fn finished(bytes: &[u8], finish: &Finish<'_>) -> Option<Vec<u8>> {
    let moov = child(bytes, &(0..bytes.len()), b"moov")?;
    let mut tracks = finish.tracks.iter();
    let mut out = vec![0; 8];
    let mut said = Vec::new();
    let mut movie_length = 0;
    let shift_nanos = finish.shift_nanos.saturating_sub(begun_nanos(bytes, finish.begin_nanos).unwrap_or(0));
    for atom in atoms(bytes, moov.body) {
        match &atom.name {
            b"udta" => said.extend_from_slice(&bytes[atom.body]),
            b"trak" => {
                let track = if handler(bytes, &atom.body)? == b"vide" { None } else { tracks.next() };
                if sample_count(bytes, &atom.body) == Some(0) {
                    continue;
                }
                let edits = wanted_edits(bytes, &atom.body, shift_nanos, track.and_then(|(_, priming)| *priming))?;
                let length = edits.iter().fold(0, |sum: u64, edit| sum.saturating_add(edit.length));
                movie_length = u64::max(movie_length, length);
                let trak = trak_with(bytes, &atom.body, &edits, length, track.map(|(label, _)| label))?;
                out.extend_from_slice(&boxed(b"trak", &trak));
            }
            _ => out.extend_from_slice(&bytes[atom.start..atom.body.end]),
        }
    }
    said.extend_from_slice(&chapter_list(finish.chapters));
    if let Some(location) = &finish.location {
        said.extend_from_slice(&location_box(location)?);
    }
    if !said.is_empty() {
        out.extend_from_slice(&boxed(b"udta", &said));
    }
    let header = child(&out, &(8..out.len()), b"mvhd")?;
    let lengthened = with_length(&out, &header, 4, movie_length)?;
    out.splice(header.start..header.body.end, lengthened);
    Some(boxed(b"moov", &out[8..]))
}

/// When the first track began, of which the muxer made 0: so much earlier than it was given does the video begin.
fn begun_nanos(bytes: &[u8], video_nanos: u64) -> Option<u64> {
    let video = traks(bytes).into_iter().find(|trak| handler(bytes, trak) == Some(b"vide"))?;
    let (movie, _) = scales(bytes, &video)?;
    let late = edits(bytes, &video)?.first().filter(|edit| edit.start == -1).map_or(0, |edit| edit.length);
    // A millisecond is rounding.
    video_nanos.checked_sub(nanos(late, movie)).filter(|&begun| begun > 1_000_000)
}

/// The list of chapters that Nero introduced, and most players read.
fn chapter_list(chapters: &[Chapter]) -> Vec<u8> {
    let chapters = &chapters[..chapters.len().min(MOST_CHAPTERS)];
    if chapters.is_empty() {
        return Vec::new();
    }
    let mut list = vec![1, 0, 0, 0, 0, 0, 0, 0, chapters.len() as u8];
    for chapter in chapters {
        let title = &chapter.title[..chapter.title.floor_char_boundary(255)];
        list.extend_from_slice(&(chapter.start_nanos / 100).to_be_bytes());
        list.push(title.len() as u8);
        list.extend_from_slice(title.as_bytes());
    }
    boxed(b"chpl", &list)
}

/// QuickTime's place for it, which cameras write and everybody reads.
fn location_box(location: &str) -> Option<Vec<u8>> {
    const NO_LANGUAGE: [u8; 2] = [0x55, 0xC4];
    let len = u16::try_from(location.len()).ok()?.to_be_bytes();
    Some(boxed(b"\xA9xyz", &[&len, &NO_LANGUAGE, location.as_bytes()].concat()))
}

fn wanted_edits(bytes: &[u8], trak: &Range<usize>, shift_nanos: u64, priming: Option<Priming>) -> Option<Vec<Edit>> {
    let (movie, media) = scales(bytes, trak)?;
    let length = nanos(length_of(bytes, trak)?, media);
    let whole = ticks(length, movie);
    let mut present = edits(bytes, trak).unwrap_or_else(|| vec![Edit { length: whole, start: 0 }]);
    if let Some(shown) = present.last_mut().filter(|shown| shown.start != -1 && !fits(whole)) {
        // The muxer's list has 32 bits for it, too.
        shown.length = whole;
    }
    if let Some(priming) = priming {
        let all = length.saturating_sub(priming.nanos);
        let heard = if priming.heard_nanos == 0 { all } else { all.min(priming.heard_nanos) };
        let late = present.first().filter(|edit| edit.start == -1).map_or(0, |edit| edit.length);
        let late = late.saturating_add(ticks(priming.nanos, movie)).saturating_sub(ticks(shift_nanos, movie));
        let shown = Edit { length: ticks(heard, movie), start: ticks(priming.nanos, media).cast_signed() };
        // A tick is rounding.
        let gap = (late > 1).then_some(Edit { length: late, start: -1 });
        return Some(gap.into_iter().chain([shown]).collect());
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

/// How long a track is, in its own ticks: the sum of its samples. Its header says the same, but the muxer has 32 bits for it
/// there, which are full after half a day.
fn length_of(bytes: &[u8], trak: &Range<usize>) -> Option<u64> {
    const ENTRY: usize = 8;
    let Some(table) = descend(bytes, trak, &[b"mdia", b"minf", b"stbl", b"stts"]) else {
        let header = descend(bytes, trak, &[b"mdia", b"mdhd"])?;
        let wide = is_wide(bytes, &header);
        return number(bytes, &header, if wide { 24 } else { 16 }, wide);
    };
    let entries = usize::try_from(number(bytes, &table, 4, false)?).ok()?.min(table.body.len() / ENTRY);
    (0..entries).map(|entry| 8 + entry * ENTRY).try_fold(0, |sum: u64, at| {
        let (count, each) = (number(bytes, &table, at, false)?, number(bytes, &table, at + 4, false)?);
        Some(sum.saturating_add(count * each))
    })
}

/// Whether 32 bits hold `length`.
fn fits(length: u64) -> bool {
    u32::try_from(length).is_ok()
}

/// The content of a `trak` box with these edits, of this length in ticks of the movie, and what `label` says.
fn trak_with(bytes: &[u8], trak: &Range<usize>, edits: &[Edit], length: u64, label: Option<&Label>) -> Option<Vec<u8>> {
    let kind: [u8; 4] = handler(bytes, trak)?.try_into().ok()?;
    let mut out = Vec::new();
    let mut said = Vec::new();
    for atom in atoms(bytes, trak.clone()) {
        match &atom.name {
            b"edts" => {}
            b"udta" => said.extend_from_slice(&bytes[atom.body]),
            b"tkhd" => {
                let start = out.len();
                out.extend_from_slice(&with_length(bytes, &atom, 8, length)?);
                if let Some(label) = label {
                    let header = child(&out, &(start..out.len()), b"tkhd")?;
                    set_choice(&mut out, &header, kind, label.chosen)?;
                }
                out.extend_from_slice(&edit_box(edits));
            }
            b"mdia" => {
                let start = out.len();
                out.extend_from_slice(&mdia_with(bytes, &atom.body, length_of(bytes, trak)?)?);
                mend_opus(&mut out, start);
            }
            _ => out.extend_from_slice(&bytes[atom.start..atom.body.end]),
        }
    }
    if let Some(title) = label.and_then(|label| label.title.as_ref()) {
        said.extend_from_slice(&boxed(b"name", title.as_bytes()));
    }
    if !said.is_empty() {
        out.extend_from_slice(&boxed(b"udta", &said));
    }
    Some(out)
}

/// Tracks of one kind are alternatives, of which those that are enabled play: without this, players that go by the
/// standard play all of them at once.
fn set_choice(bytes: &mut [u8], header: &Atom, kind: [u8; 4], chosen: bool) -> Option<()> {
    const ENABLED: u8 = 1;
    let group = if &kind == b"soun" { 1 } else { 3 };
    let at = if is_wide(bytes, header) { 46 } else { 34 };
    let body = bytes.get_mut(header.body.clone())?;
    body[3] = if chosen { body[3] | ENABLED } else { body[3] & !ENABLED };
    body.get_mut(at..at + 2)?.copy_from_slice(&[0, group]);
    Some(())
}

/// GStreamer 1.22 writes the numbers of an Opus header (`dOps`) with their bytes in the wrong order, and players then
/// skip a third of a second. A sample rate in the wrong order is absurd, and so gives them away.
pub(super) fn mend_opus(bytes: &mut [u8], start: usize) -> Option<()> {
    const HIGHEST_RATE: u32 = 768_000;
    const ENTRY_HEAD: usize = 28;
    let table = descend(bytes, &(start..bytes.len()), &[b"mdia", b"minf", b"stbl", b"stsd"])?;
    let entry = child(bytes, &(table.body.start + 8..table.body.end), b"Opus")?;
    let header = child(bytes, &(entry.body.start + ENTRY_HEAD..entry.body.end), b"dOps")?;
    let numbers = bytes.get_mut(header.body)?.get_mut(2..10)?;
    let rate = u32::from_be_bytes(numbers[2..6].try_into().ok()?);
    if rate > HIGHEST_RATE && rate.swap_bytes() <= HIGHEST_RATE {
        numbers[..2].reverse();
        numbers[2..6].reverse();
        numbers[6..].reverse();
    }
    Some(())
}

/// The `mdia` box with these contents, whose header says this length, in ticks of the track.
fn mdia_with(bytes: &[u8], within: &Range<usize>, length: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for atom in atoms(bytes, within.clone()) {
        match &atom.name {
            b"mdhd" => out.extend_from_slice(&with_length(bytes, &atom, 4, length)?),
            _ => out.extend_from_slice(&bytes[atom.start..atom.body.end]),
        }
    }
    Some(boxed(b"mdia", &out))
}

/// `header` (`mvhd`, `tkhd` or `mdhd`) with this length, before which `between` bytes stand behind its two dates. Where 32 bits
/// do not hold it, version 1 of the box has 64 for the length and for each date.
fn with_length(bytes: &[u8], header: &Atom, between: usize, length: u64) -> Option<Vec<u8>> {
    let body = bytes.get(header.body.clone())?;
    let had_bytes = if is_wide(bytes, header) { 8 } else { 4 };
    let has_bytes = if fits(length) { had_bytes } else { 8 };
    let (version, rest) = body.split_at_checked(4)?;
    let (dates, rest) = rest.split_at_checked(2 * had_bytes)?;
    let (between, rest) = rest.split_at_checked(between)?;
    let mut out = version.to_vec();
    out[0] = u8::from(has_bytes == 8);
    for date in dates.chunks_exact(had_bytes) {
        out.resize(out.len() + has_bytes - had_bytes, 0);
        out.extend_from_slice(date);
    }
    out.extend_from_slice(between);
    out.extend_from_slice(&length.to_be_bytes()[8 - has_bytes..]);
    out.extend_from_slice(rest.get(had_bytes..)?);
    Some(boxed(&header.name, &out))
}

pub(super) fn edit_box(edits: &[Edit]) -> Vec<u8> {
    let mut list = vec![1, 0, 0, 0];
    list.extend_from_slice(&(edits.len() as u32).to_be_bytes());
    for edit in edits {
        list.extend_from_slice(&edit.length.to_be_bytes());
        list.extend_from_slice(&edit.start.to_be_bytes());
        list.extend_from_slice(&[0, 1, 0, 0]); // at normal speed
    }
    boxed(b"edts", &boxed(b"elst", &list))
}

pub(super) fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = (body.len() + 8) as u32; // a moov is at most LONGEST_MOOV
    [&len.to_be_bytes(), name.as_slice(), body].concat()
}
