//! What Matroska files say of Dolby Vision (RFC 9559 and its registry: `BlockAdditionMapping` of types `dvcC` and `dvvC`).

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::isobmff::DolbyVision;

/// How much of a file is looked into. The tracks stand at its head, before the first picture.
const HEAD_BYTES: u64 = 4 << 20;

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const BLOCK_ADDITION_MAPPING: u32 = 0x41E4;
const BLOCK_ADD_ID_EXTRA_DATA: u32 = 0x41ED;
const BLOCK_ADD_ID_TYPE: u32 = 0x41E7;

/// The Dolby Vision configuration of the first track of `path` that has one.
pub(super) fn dolby_vision(path: &Path) -> Option<DolbyVision> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(4).read_to_end(&mut head).ok()?;
    if head != EBML.to_be_bytes() {
        return None;
    }
    head.clear();
    File::open(path).ok()?.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    in_head(&head)
}

fn in_head(head: &[u8]) -> Option<DolbyVision> {
    let (_, segment) = elements(head).find(|(id, _)| *id == SEGMENT)?;
    let (_, tracks) = elements(segment).find(|(id, _)| *id == TRACKS)?;
    let entries = elements(tracks).filter(|(id, _)| *id == TRACK_ENTRY);
    entries.flat_map(|(_, entry)| elements(entry)).filter(|(id, _)| *id == BLOCK_ADDITION_MAPPING).find_map(
        |(_, mapping)| {
            let (_, kind) = elements(mapping).find(|(id, _)| *id == BLOCK_ADD_ID_TYPE)?;
            let (_, body) = elements(mapping).find(|(id, _)| *id == BLOCK_ADD_ID_EXTRA_DATA)?;
            DolbyVision::of_box(kind.last_chunk()?, body)
        },
    )
}

/// The elements in `bytes`: number and content. One that is longer than what is there ends with it, and one of unknown
/// length too.
fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, rest) = number(bytes, 4)?;
        let (size, rest) = number(rest, 8)?;
        // The bits that say how long a number is belong to an element's name, but not to its size.
        let bits = 7 * (bytes.len() - rest.len() - id_len(id));
        let size = size & ((1 << bits) - 1);
        let len = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
        let (body, next) = rest.split_at(len);
        bytes = next;
        Some((u32::try_from(id).ok()?, body))
    })
}

/// Bytes that an element's name takes.
fn id_len(id: u64) -> usize {
    (64 - id.leading_zeros() as usize).div_ceil(8)
}

/// A number of up to `most` bytes whose first bits tell how many there are, with these bits, and what follows it.
fn number(bytes: &[u8], most: usize) -> Option<(u64, &[u8])> {
    let len = bytes.first()?.leading_zeros() as usize + 1;
    let (number, rest) = bytes.split_at_checked(len).filter(|_| len <= most)?;
    Some((number.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(id: u32, body: &[u8]) -> Vec<u8> {
        let id = id.to_be_bytes();
        let name = &id[id.iter().position(|byte| *byte != 0).unwrap()..];
        [name, &[0x40 | (body.len() >> 8) as u8, body.len() as u8], body].concat()
    }

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
