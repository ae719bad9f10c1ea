//! The head of a file: what stands before its first picture.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Element, SEGMENT, TRACK_ENTRY, TRACKS, elements};

/// How much of a file is looked into. The tracks stand at its head, before the first picture.
const HEAD_BYTES: u64 = 4 << 20;

const EBML: u32 = 0x1A45_DFA3;

/// The begin of a Matroska or WebM file.
pub(crate) struct Head(Vec<u8>);

impl Head {
    /// That of the file at `path`; none if it is of another kind.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?.take(HEAD_BYTES);
        let mut head = Vec::new();
        file.by_ref().take(4).read_to_end(&mut head).ok()?;
        if head != EBML.to_be_bytes() {
            return None;
        }
        file.read_to_end(&mut head).ok()?;
        Some(Self(head))
    }

    /// That of a file which begins with `bytes`.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The elements in `parent`.
    pub(super) fn elements(&self, parent: Element) -> impl Iterator<Item = Element> + '_ {
        elements(&self.0, parent.body)
    }

    /// The first element of this name in `parent`.
    pub(super) fn child(&self, parent: &Element, id: u32) -> Option<Element> {
        elements(&self.0, parent.body.clone()).find(|element| element.id == id)
    }

    /// What the first element of this name in `parent` holds.
    pub(super) fn content(&self, parent: &Element, id: u32) -> Option<&[u8]> {
        self.child(parent, id).map(|element| &self.0[element.body])
    }

    /// The tracks.
    pub(super) fn tracks(&self) -> impl Iterator<Item = Element> + '_ {
        let segment = elements(&self.0, 0..self.0.len()).find(|element| element.id == SEGMENT);
        let tracks = segment.and_then(|segment| self.child(&segment, TRACKS));
        let entries = tracks.into_iter().flat_map(|tracks| self.elements(tracks));
        entries.filter(|element| element.id == TRACK_ENTRY)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::element;
    use super::*;

    /// A file of two tracks, the first of which says nothing, the second `entry`.
    pub(in super::super) fn file(entry: &[u8]) -> Vec<u8> {
        let tracks = element(TRACKS, &[element(TRACK_ENTRY, &[]), element(TRACK_ENTRY, entry)].concat());
        let segment = [element(0x114D_9B74, &[0; 9]), tracks].concat();
        // A segment of unknown length, as those that are streamed.
        let unknown = [0x01, 255, 255, 255, 255, 255, 255, 255];
        [&element(EBML, &[0; 20]), &SEGMENT.to_be_bytes()[..], &unknown, &segment].concat()
    }

    #[test]
    fn only_matroska_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(Head::read(&path).is_none());
        for (bytes, is_one) in [(file(&[]), true), (b"\0\0\0\x0cftypisom".to_vec(), false), (vec![0x1A], false)] {
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(Head::read(&path).map(|head| head.0), is_one.then_some(bytes));
        }
    }
}
