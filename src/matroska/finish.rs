//! The header and the tags of a finished file: what GStreamer's muxer cannot write, or writes
//! wrongly.
//!
//! The muxer calls a track without a title "Audio", takes none for English when its language is not known, lets players
//! start with all of them, and quotes text in its tags as it does in its own logs. Nothing may move between the header
//! and the end, since an index points there: so the muxer is given titles with blanks behind them ([`roomy`]), and
//! [`finish`] writes into that room.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use super::{Element, SEGMENT, TRACK_ENTRY, TRACKS, element, elements};
use crate::about::Label;

/// Blanks behind a title: the longest that is written into them, and the least that a void takes.
const ROOM: &str = "            ";

/// A header ends before this.
const LONGEST_HEAD: u64 = 16 << 20;

/// Tags are shorter than this; pictures stand elsewhere.
const LONGEST_TAGS: u64 = 16 << 20;

const SEEK_HEAD: u32 = 0x114D_9B74;
const SEEK: u32 = 0x4DBB;
const SEEK_ID: u32 = 0x53AB;
const SEEK_POSITION: u32 = 0x53AC;
const CLUSTER: u32 = 0x1F43_B675;
const NAME: u32 = 0x536E;
const LANGUAGE: u32 = 0x22_B59C;
const FLAG_DEFAULT: u32 = 0x88;
const VOID: u32 = 0xEC;
const TAGS: u32 = 0x1254_C367;
const TAG: u32 = 0x7373;
const SIMPLE_TAG: u32 = 0x67C8;
const TAG_NAME: u32 = 0x45A3;
const TAG_STRING: u32 = 0x4487;

/// The title that the muxer is to be given for a track.
pub(crate) fn roomy(title: Option<&str>) -> String {
    title.unwrap_or_default().to_owned() + ROOM
}

/// Makes a finished file say what `tracks` say, in their order. A file that is laid out in another way than GStreamer's
/// muxer does is left as it is.
pub(crate) fn finish(path: &Path, tracks: &[Label]) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut head = Vec::new();
    (&mut file).take(LONGEST_HEAD).read_to_end(&mut head)?;
    let Some(segment) = elements(&head, 0..head.len()).find(|element| element.id == SEGMENT) else { return Ok(()) };
    for (at, bytes) in labelled(&head, &segment.body, tracks) {
        file.seek(SeekFrom::Start(at as u64))?;
        file.write_all(&bytes)?;
    }
    let len = file.metadata()?.len();
    match tags_at(&head, &segment.body).filter(|&at| at < len) {
        Some(at) => mend_tags(&mut file, &segment, at),
        None => Ok(()),
    }
}

/// Rewrites the tags, which begin at `at` and end the file.
fn mend_tags(file: &mut File, segment: &Element, at: u64) -> io::Result<()> {
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(LONGEST_TAGS).read_to_end(&mut tail)?;
    let first = elements(&tail, 0..tail.len()).next();
    let whole = first.filter(|tags| tags.id == TAGS && tags.body.end == tail.len());
    // The size of the segment is to stand in the eight bytes before its body.
    let Some(tags) = whole.filter(|_| segment.start + 12 == segment.body.start) else { return Ok(()) };
    let mended = element(TAGS, &mended(&tail, tags.body));
    let len = at + mended.len() as u64 - segment.body.start as u64;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&mended)?;
    file.set_len(at + mended.len() as u64)?;
    file.seek(SeekFrom::Start(segment.body.start as u64 - 8))?;
    file.write_all(&(len | 1 << 56).to_be_bytes())
}

/// Where in the file tags begin.
fn tags_at(head: &[u8], segment: &Range<usize>) -> Option<u64> {
    let index = elements(head, segment.clone()).find(|element| element.id == SEEK_HEAD)?;
    let value = |seek: &Element, id| {
        let field = elements(head, seek.body.clone()).find(|element| element.id == id)?;
        Some(head[field.body].iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte)))
    };
    let mut seeks = elements(head, index.body).filter(|element| element.id == SEEK);
    let seek = seeks.find(|seek| value(seek, SEEK_ID) == Some(TAGS.into()))?;
    value(&seek, SEEK_POSITION)?.checked_add(segment.start as u64)
}

/// What is to be written into the header, and where.
fn labelled(head: &[u8], segment: &Range<usize>, labels: &[Label]) -> Vec<(usize, Vec<u8>)> {
    let mut before = elements(head, segment.clone()).take_while(|element| element.id != CLUSTER);
    let Some(tracks) = before.find(|element| element.id == TRACKS) else { return Vec::new() };
    let entries = elements(head, tracks.body).filter(|element| element.id == TRACK_ENTRY);
    let pairs = entries.zip(labels);
    let write = |(entry, label): (Element, &Label)| {
        let name = elements(head, entry.body.clone()).find(|element| element.id == NAME)?;
        let says_language = elements(head, entry.body).any(|element| element.id == LANGUAGE);
        Some((name.start, in_place_of(name.body.end - name.start, label, says_language)?))
    };
    pairs.filter_map(write).collect()
}

/// As much of `label` as `room` bytes hold, filled up to them.
fn in_place_of(room: usize, label: &Label, says_language: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let title = label.title.as_deref().map(|title| element(NAME, title.as_bytes()));
    let optional = (!label.chosen).then(|| element(FLAG_DEFAULT, &[0]));
    let unknown = (label.language.is_none() && !says_language).then(|| element(LANGUAGE, b"und"));
    for part in [title, optional, unknown].into_iter().flatten() {
        // A void takes two bytes, so one must not be left.
        let left = room.checked_sub(bytes.len() + part.len());
        if left.is_some_and(|left| left != 1) {
            bytes.extend_from_slice(&part);
        }
    }
    let left = room - bytes.len();
    match left {
        0 => {}
        2..=0x80 => bytes.extend_from_slice(&element(VOID, &vec![0; left - 2])),
        _ => return None,
    }
    Some(bytes)
}

/// What tags say, in plain text, without those that say nothing.
fn mended(bytes: &[u8], within: Range<usize>) -> Vec<u8> {
    let mut out = Vec::new();
    for child in elements(bytes, within) {
        match child.id {
            TAG => out.extend_from_slice(&element(TAG, &mended(bytes, child.body))),
            SIMPLE_TAG => {
                let inside = mended(bytes, child.body);
                if elements(&inside, 0..inside.len()).any(|field| field.id == TAG_STRING && !field.body.is_empty()) {
                    out.extend_from_slice(&element(SIMPLE_TAG, &inside));
                }
            }
            TAG_NAME if without_nul(&bytes[child.body.clone()]) == b"COMMENTS" => {
                out.extend_from_slice(&element(TAG_NAME, b"COMMENT"));
            }
            TAG_STRING => out.extend_from_slice(&element(TAG_STRING, &unquoted(&bytes[child.body]))),
            _ => out.extend_from_slice(&bytes[child.start..child.body.end]),
        }
    }
    out
}

fn without_nul(text: &[u8]) -> &[u8] {
    &text[..text.iter().position(|&byte| byte == 0).unwrap_or(text.len())]
}

/// Text that may be quoted as `gst_value_serialize` does: in quotes, with a backslash before what is no letter or digit,
/// or before three octal digits.
fn unquoted(text: &[u8]) -> Vec<u8> {
    let text = without_nul(text);
    let plain = match text {
        [b'"', inside @ .., b'"'] => {
            let mut plain = Vec::new();
            let mut rest = inside;
            while let Some((&byte, after)) = rest.split_first() {
                let octal = after.get(..3).filter(|digits| digits.iter().all(|digit| (b'0'..b'8').contains(digit)));
                rest = match (byte, octal, after.split_first()) {
                    (b'\\', Some(digits), _) => {
                        plain.push(digits.iter().fold(0u8, |value, digit| value << 3 | (digit - b'0')));
                        &after[3..]
                    }
                    (b'\\', None, Some((&escaped, after))) => {
                        plain.push(escaped);
                        after
                    }
                    _ => {
                        plain.push(byte);
                        after
                    }
                };
            }
            plain
        }
        _ => text.to_vec(),
    };
    plain.trim_ascii_end().to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn simple(name: &str, text: &str) -> Vec<u8> {
        element(SIMPLE_TAG, &[element(TAG_NAME, name.as_bytes()), element(TAG_STRING, text.as_bytes())].concat())
    }

    fn label(title: &str, language: Option<&str>, chosen: bool) -> Label {
        let title = Some(title.to_owned()).filter(|title| !title.is_empty());
        Label { title, language: language.map(Into::into), chosen }
    }

    /// A file as the muxer writes it, with an index of where its tags are.
    fn file(names: &[&str], tags: &[u8]) -> Vec<u8> {
        let entry = |name: &&str| element(TRACK_ENTRY, &element(NAME, format!("{name}\0").as_bytes()));
        let tracks = element(TRACKS, &names.iter().flat_map(entry).collect::<Vec<_>>());
        let cluster = element(CLUSTER, &[0; 300]);
        let seek = |at: usize| {
            let seek = [element(SEEK_ID, &TAGS.to_be_bytes()), element(SEEK_POSITION, &(at as u64).to_be_bytes())];
            element(SEEK_HEAD, &element(SEEK, &seek.concat()))
        };
        let at = seek(0).len() + tracks.len() + cluster.len();
        let body = [seek(at), tracks, cluster, element(TAGS, tags)].concat();
        let size = (body.len() as u64 | 1 << 56).to_be_bytes();
        [&element(0x1A45_DFA3, b"\x42\x86\x81\x01"), &SEGMENT.to_be_bytes()[..], &size, &body].concat()
    }

    fn finished(bytes: &[u8], labels: &[Label]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mkv");
        std::fs::write(&path, bytes).unwrap();
        finish(&path, labels).unwrap();
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn titles_defaults_and_tags_are_put_right() {
        let quoted = simple("TITLE", "\"A\\ Title\\ \\303\\266\\ \\\"x\\\"\"\0");
        let tags = element(TAG, &[quoted, simple("COMMENTS", "c\0"), simple("TITLE", "\"\\ \\ \"\0")].concat());
        let (german, plain) = (roomy(Some("Deutsch")), roomy(None));
        let bytes = file(&[&plain, &german, "Audio"], &tags);
        let said = [label("", Some("eng"), true), label("Deutsch", None, false), label("", None, false)];
        let out = finished(&bytes, &said);
        let wanted = [simple("TITLE", "A Title ö \"x\""), simple("COMMENT", "c")].concat();
        assert!(out.ends_with(&element(TAGS, &element(TAG, &wanted))));
        let segment = elements(&out, 0..out.len()).nth(1).unwrap();
        let size = u64::from_be_bytes(out[segment.body.start - 8..segment.body.start].try_into().unwrap());
        assert_eq!((size ^ 1 << 56) as usize, out.len() - segment.body.start);
        let tracks = elements(&out, segment.body).find(|element| element.id == TRACKS).unwrap();
        let found: Vec<Vec<_>> = elements(&out, tracks.body)
            .map(|entry| {
                let fields = elements(&out, entry.body).filter(|field| field.id != VOID);
                fields.map(|field| (field.id, out[field.body].to_vec())).collect()
            })
            .collect();
        let und = || (LANGUAGE, b"und".to_vec());
        let optional = || (FLAG_DEFAULT, vec![0]);
        assert_eq!(found, [vec![], vec![(NAME, b"Deutsch".to_vec()), optional(), und()], vec![optional()]]);
    }

    #[test]
    fn long_titles_fit() {
        for len in 100..160 {
            let title = "x".repeat(len);
            let said = label(&title, Some("eng"), false);
            let out = finished(&file(&[&roomy(Some(&title))], &element(TAG, &simple("A", "b"))), &[said]);
            let name = element(NAME, title.as_bytes());
            assert!(out.windows(name.len()).any(|window| window == name), "{len}");
        }
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(cut in 0usize..500, at in 0usize..500, value: u8) {
            let mut bytes = file(&["Audio"], &element(TAG, &simple("A", "\"b\\ \\101\"")));
            let len = bytes.len();
            bytes[at % len] = value;
            bytes.truncate(len - cut % len);
            finished(&bytes, &[label("x", None, false)]);
        }
    }
}
