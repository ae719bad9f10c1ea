//! The boxes are made here, as small as they can be.
#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use proptest::prelude::*;

use super::finish::{boxed, edit_box, finished, mend_opus};
use super::hidden::primings;
use super::*;
use crate::about::{Chapter, Label};

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
    moov_of(1000, traks)
}

fn moov_of(scale: u32, traks: &[Vec<u8>]) -> Vec<u8> {
    let head = boxed(b"mvhd", &header(100, &[(12, scale), (16, 5000)]));
    boxed(b"moov", &[head, traks.concat()].concat())
}

/// `trak` with this in its table of samples.
fn with_table(mut trak: Vec<u8>, table: &[u8]) -> Vec<u8> {
    // Into mdia, the last box of the track.
    let mdia = descend(&trak, &(0..trak.len()), &[b"trak", b"mdia"]).unwrap().start;
    trak.extend_from_slice(&boxed(b"minf", &boxed(b"stbl", table)));
    let (len, rest) = (trak.len(), trak.len() - mdia);
    trak[..4].copy_from_slice(&(len as u32).to_be_bytes());
    trak[mdia..mdia + 4].copy_from_slice(&(rest as u32).to_be_bytes());
    trak
}

fn sizes(count: u32) -> Vec<u8> {
    boxed(b"stsz", &header(12, &[(8, count)]))
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
    let index = Index::find(&path, true);
    let expected = Priming { track_id: 7, nanos: 21_333_333, heard_nanos: 5_000_000_000 };
    assert_eq!(index.primings, [expected]);
    assert_eq!(index.duration_nanos, Some(5_000_000_000));
    let entry = |id, kind| hidden::Entry { id, kind, enabled: false };
    assert_eq!(index.tracks, [entry(1, *b"vide"), entry(7, *b"soun"), entry(8, *b"soun")]);
    assert!(index.touches(0, bytes.len()) && !index.touches(0, 20));
    // In pieces, as a demuxer may read it.
    for (number, piece) in bytes.chunks_mut(7).enumerate() {
        index.apply(number as u64 * 7, piece);
    }
    std::fs::write(&path, &bytes).unwrap();
    let seen = Index::find(&path, true);
    assert_eq!((seen.primings, seen.duration_nanos), (Vec::new(), Some(0)));
}

#[test]
fn samples_are_counted() {
    let video = with_table(trak(b"vide", 1, 90, 45, &[]), &sizes(33));
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
    let (first, second) = (label("German", true), label("", false));
    let finish = Finish {
        shift_nanos: priming.nanos,
        begin_nanos: priming.nanos,
        tracks: vec![(first, Some(priming)), (second, None)],
        ..Finish::default()
    };
    let changed = finished(&moov(&[video, sound, later]), &finish).unwrap();
    let found: Vec<_> = traks(&changed).iter().map(|trak| edits(&changed, trak).unwrap()).collect();
    assert_eq!(found, [vec![shown(5000, 6000)], vec![shown(4990, 1024)], vec![gap(100), shown(5000, 0)]]);
    let length =
        |path: &[&[u8; 4]], at| number(&changed, &descend(&changed, &(0..changed.len()), path).unwrap(), at, false);
    assert_eq!(length(&[b"moov", b"mvhd"], 16), Some(5100));
    assert_eq!(length(&[b"moov", b"trak", b"tkhd"], 20), Some(5000));
    let said: Vec<_> = traks(&changed)
        .iter()
        .map(|trak| {
            let head = child(&changed, trak, b"tkhd").unwrap().body.start;
            let name = descend(&changed, trak, &[b"udta", b"name"]).map(|name| changed[name.body].to_vec());
            (changed[head + 3], changed[head + 35], name)
        })
        .collect();
    assert_eq!(said, [(0, 0, None), (1, 1, Some(b"German".to_vec())), (0, 1, Some(Vec::new()))]);
}

#[test]
fn what_32_bits_do_not_hold_keeps_its_length() {
    // Twenty hours, of which the muxer's 32 bits hold the lower part.
    const HOURS: u64 = 20 * 3600;
    let times = |scale: u64, each: u32| {
        let count = u32::try_from(HOURS * scale / u64::from(each)).unwrap();
        boxed(b"stts", &header(16, &[(4, 1), (8, count), (12, each)]))
    };
    let wrapped = (HOURS * 90_000) as u32;
    let shown = Edit { length: wrapped.into(), start: 6000 };
    let video = with_table(trak(b"vide", 1, 90_000, wrapped, &[shown]), &times(90_000, 3600));
    let sound = with_table(trak(b"soun", 2, 48_000, 0, &[]), &times(48_000, 1000));
    let finish = Finish { tracks: vec![(label("German", true), None)], ..Finish::default() };
    let changed = finished(&moov_of(90_000, &[video, sound]), &finish).unwrap();
    let (whole, tracks) = (HOURS * 90_000, traks(&changed));
    let found: Vec<_> = tracks.iter().map(|trak| edits(&changed, trak).unwrap()).collect();
    assert_eq!(found, [vec![Edit { length: whole, ..shown }], vec![Edit { length: whole, start: 0 }]]);
    let number = |within: &Range<usize>, path: &[&[u8; 4]], at, wide| {
        number(&changed, &descend(&changed, within, path).unwrap(), at, wide).unwrap()
    };
    assert_eq!(number(&(0..changed.len()), &[b"moov", b"mvhd"], 24, true), whole);
    for (trak, id, scale) in [(&tracks[0], 1, 90_000), (&tracks[1], 2, 48_000)] {
        assert_eq!(number(trak, &[b"tkhd"], 20, false), id);
        assert_eq!(number(trak, &[b"tkhd"], 28, true), whole);
        assert_eq!(scales(&changed, trak), Some((90_000, scale)));
    }
    assert_eq!(number(&tracks[0], &[b"mdia", b"mdhd"], 24, true), whole);
    assert_eq!(number(&tracks[1], &[b"mdia", b"mdhd"], 16, false), HOURS * 48_000);
    let head = child(&changed, &tracks[1], b"tkhd").unwrap().body.start;
    assert_eq!((changed[head + 3], changed[head + 47]), (1, 1), "it is the one that plays");
}

#[test]
fn tracks_that_hold_nothing_go_and_the_others_keep_what_is_said_of_them() {
    let of = |kind, id, count| with_table(trak(kind, id, 48_000, 240_000, &[]), &sizes(count));
    // The muxer leaves open of what kind a track is that it has been told nothing of.
    let traks_before = [of(b"vide", 1, 9), of(b"\0\0\0\0", 2, 0), of(b"soun", 3, 9), of(b"sbtl", 4, 9)];
    let tracks = ["lost", "heard", "read"].map(|title| (label(title, true), None)).into();
    let changed = finished(&moov(&traks_before), &Finish { tracks, ..Finish::default() }).unwrap();
    let found: Vec<_> = traks(&changed)
        .iter()
        .map(|trak| {
            let name = descend(&changed, trak, &[b"udta", b"name"]).map(|name| changed[name.body].to_vec());
            (handler(&changed, trak).unwrap(), name)
        })
        .collect();
    let named = |name: &[u8]| Some(name.to_vec());
    assert_eq!(found, [(&b"vide"[..], None), (&b"soun"[..], named(b"heard")), (&b"sbtl"[..], named(b"read"))]);
}

fn label(title: &str, chosen: bool) -> Label {
    Label { title: Some(title.into()), language: None, chosen }
}

#[test]
fn chapters_and_place_are_written_and_read() {
    let chapter = |start_nanos, title: &str| Chapter { start_nanos, end_nanos: None, title: title.into() };
    let chapters = [chapter(0, "One"), chapter(1_500_000_000, "Zwölf & mehr")];
    let location = Some("+48.1000+011.5000/".to_owned());
    let finish = Finish { chapters: &chapters, location, ..Finish::default() };
    let changed = finished(&moov(&[trak(b"vide", 1, 90_000, 450_000, &[])]), &finish).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, &changed).unwrap();
    assert_eq!(Index::find(&path, false).chapters, chapters);
    let place = descend(&changed, &(0..changed.len()), &[b"moov", b"udta", b"\xA9xyz"]).unwrap();
    assert_eq!(&changed[place.body][4..], b"+48.1000+011.5000/");
}

#[test]
fn opus_headers_are_mended_once() {
    let opus = |numbers: [u8; 8]| {
        let head = boxed(b"dOps", &[&[0, 2], &numbers[..], &[0]].concat());
        let entry = boxed(b"Opus", &[&[0; 28], &head[..]].concat());
        let table = boxed(b"stsd", &[&[0; 8], &entry[..]].concat());
        boxed(b"mdia", &boxed(b"minf", &boxed(b"stbl", &table)))
    };
    let (wrong, right) = ([0x38, 1, 0x80, 0xBB, 0, 0, 0, 0], [1, 0x38, 0, 0, 0xBB, 0x80, 0, 0]);
    for numbers in [wrong, right] {
        let mut bytes = opus(numbers);
        mend_opus(&mut bytes, 0).unwrap();
        assert_eq!(bytes, opus(right));
    }
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
        let said = label("x", true);
        let _ = finished(&bytes, &Finish { shift_nanos: 5, tracks: vec![(said, Some(priming))], ..Finish::default() });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.mp4"), &bytes).unwrap();
        let _ = Index::find(&folder.path().join("a.mp4"), true);
    }
}
