//! What a file says of Dolby Vision (RFC 9559 and its registry: `BlockAdditionMapping` of types `dvcC` and `dvvC`).

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use super::{SEGMENT, TRACK_ENTRY, TRACKS, elements};
use crate::isobmff::DolbyVision;

/// How much of a file is looked into. The tracks stand at its head, before the first picture.
const HEAD_BYTES: u64 = 4 << 20;

const EBML: u32 = 0x1A45_DFA3;
const BLOCK_ADDITION_MAPPING: u32 = 0x41E4;
const BLOCK_ADD_ID_EXTRA_DATA: u32 = 0x41ED;
const BLOCK_ADD_ID_TYPE: u32 = 0x41E7;

/// The Dolby Vision configuration of the first track of `path` that has one.
pub(crate) fn dolby_vision(path: &Path) -> Option<DolbyVision> {
    let mut file = File::open(path).ok()?.take(HEAD_BYTES);
    let mut head = Vec::new();
    file.by_ref().take(4).read_to_end(&mut head).ok()?;
    if head != EBML.to_be_bytes() {
        return None;
    }
    file.read_to_end(&mut head).ok()?;
    in_head(&head)
}

fn in_head(head: &[u8]) -> Option<DolbyVision> {
    let child = |within: &Range<usize>, id| elements(head, within.clone()).find(|element| element.id == id);
    let segment = child(&(0..head.len()), SEGMENT)?;
    let tracks = child(&segment.body, TRACKS)?;
    let entries = elements(head, tracks.body).filter(|element| element.id == TRACK_ENTRY);
    let fields = entries.flat_map(|entry| elements(head, entry.body));
    fields.filter(|field| field.id == BLOCK_ADDITION_MAPPING).find_map(|mapping| {
        let kind = &head[child(&mapping.body, BLOCK_ADD_ID_TYPE)?.body];
        let configuration = &head[child(&mapping.body, BLOCK_ADD_ID_EXTRA_DATA)?.body];
        DolbyVision::of_box(kind.last_chunk()?, configuration)
    })
}

#[cfg(test)]
mod tests {
    use super::super::element;
    use super::*;

    fn file(kind: &[u8; 4], configuration: &[u8]) -> Vec<u8> {
        let mapping =
            [element(0x41F0, &[4]), element(BLOCK_ADD_ID_TYPE, kind), element(BLOCK_ADD_ID_EXTRA_DATA, configuration)];
        let entry = [element(0xD7, &[1]), element(BLOCK_ADDITION_MAPPING, &mapping.concat())].concat();
        let tracks = element(TRACKS, &[element(TRACK_ENTRY, &[]), element(TRACK_ENTRY, &entry)].concat());
        let segment = [element(0x114D_9B74, &[0; 9]), tracks].concat();
        // A segment of unknown length, as those that are streamed.
        [
            element(EBML, &[0; 20]),
            SEGMENT.to_be_bytes().to_vec(),
            vec![0x01, 255, 255, 255, 255, 255, 255, 255],
            segment,
        ]
        .concat()
    }

    #[test]
    fn a_configuration_is_found() {
        let found = in_head(&file(b"dvcC", &[1, 0, 5 << 1, 0, 0, 0])).unwrap();
        assert_eq!((found.profile, found.has_compatible_base()), (5, false));
        let found = in_head(&file(b"dvvC", &[1, 0, 8 << 1, 0, 0x10, 0])).unwrap();
        assert_eq!((found.profile, found.has_compatible_base()), (8, true));
        assert_eq!(in_head(&file(b"hvcE", &[1, 0, 10, 0, 0])), None);
    }

    #[test]
    fn what_is_cut_or_strange_says_nothing() {
        let whole = file(b"dvcC", &[1, 0, 5 << 1, 0, 0, 0]);
        for len in 0..whole.len() {
            let _ = in_head(&whole[..len]);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x40, 0x80, 0xFF] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = in_head(&changed);
            }
        }
    }
}
