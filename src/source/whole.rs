//! Whether a file is as long as it says itself: a download or a copy that broke off is not.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::isobmff::top_boxes;
use crate::matroska;

/// What MP4 and QuickTime files begin with.
const FIRST_BOXES: [[u8; 4]; 5] = [*b"ftyp", *b"moov", *b"mdat", *b"wide", *b"free"];

/// What of the file at `path` is missing, in words; none when it is whole, or of a kind that does not tell.
pub(super) fn missing(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let len = file.metadata().ok()?.len();
    let stated = stated_len(&mut file, len).ok()??;
    (stated > len).then(|| format!("{len} of {stated} bytes are there"))
}

/// The length that a file states.
pub(crate) fn stated_len(file: &mut (impl Read + Seek), len: u64) -> io::Result<Option<u64>> {
    let mut start = [0; 12];
    file.read_exact(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    match &start {
        [0x1A, 0x45, 0xDF, 0xA3, ..] => segment(file),
        [b'R', b'I', b'F', b'F', a, b, c, d, ..] => Ok(Some(8 + u64::from(u32::from_le_bytes([*a, *b, *c, *d])))),
        [_, _, _, _, kind @ .., _, _, _, _] if FIRST_BOXES.iter().any(|name| name == kind) => boxes(file, len),
        _ => transport(file, len),
    }
}

/// MP4: boxes, each with its length in front.
fn boxes(file: &mut (impl Read + Seek), len: u64) -> io::Result<Option<u64>> {
    let mut end = 0;
    for found in top_boxes(file, len) {
        end = match found.map(|top| top.end()) {
            Ok(Some(end)) => end,
            // To the end of the file, however long.
            Ok(None) => return Ok(None),
            // No box: something else follows the video.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
            Err(error) => return Err(error),
        };
    }
    // Behind the last box comes nothing, or what is too short even for a header.
    Ok(Some(if end < len { end + 8 } else { end }))
}

/// Matroska: a header, then a segment that holds everything.
fn segment(file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
    let Some((_, start)) = element(file, 0)? else { return Ok(None) };
    Ok(element(file, start)?.filter(|(id, _)| *id == matroska::SEGMENT).map(|(_, end)| end))
}

/// The name of the element of Matroska at `start`, which takes four bytes, and its end; none where it does not state that.
fn element(file: &mut (impl Read + Seek), start: u64) -> io::Result<Option<(u32, u64)>> {
    const LONGEST_SIZE: u64 = 8;
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(4 + LONGEST_SIZE).read_to_end(&mut head)?;
    let Some((id, size)) = head.split_first_chunk() else { return Ok(None) };
    // All bits set mean "unknown".
    let stated = matroska::number(size, false).filter(|&(size, bytes)| size != (1 << (7 * bytes)) - 1);
    let end = |(size, bytes): (u64, usize)| start.saturating_add(4 + bytes as u64).saturating_add(size);
    Ok(stated.map(|stated| (u32::from_be_bytes(*id), end(stated))))
}

/// MPEG transport stream: packets of equal length.
fn transport(file: &mut (impl Read + Seek), len: u64) -> io::Result<Option<u64>> {
    const PACKET: u64 = 188;
    for at in [0, PACKET] {
        let mut sync = [0];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut sync)?;
        if sync != [0x47] {
            return Ok(None);
        }
    }
    Ok(Some(len.next_multiple_of(PACKET)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn stated(bytes: &[u8]) -> Option<u64> {
        stated_len(&mut Cursor::new(bytes), bytes.len() as u64).ok().flatten()
    }

    #[test]
    fn every_kind_states_its_length() {
        let mp4 = |size: u32| [&[0, 0, 0, 12], &b"ftypisom"[..], &size.to_be_bytes(), b"mdatabcd"].concat();
        assert_eq!((stated(&mp4(12)), stated(&mp4(500)), stated(&mp4(0))), (Some(24), Some(512), None));
        assert_eq!(stated(&mp4(12)[..20]), Some(24));
        assert_eq!(stated(&mp4(12)[..15]), Some(20), "not even the next header is whole");
        let mkv = |size: &[u8]| [&[0x1A, 0x45, 0xDF, 0xA3, 0x82, 7, 7, 0x18, 0x53, 0x80, 0x67], size, &[0; 4]].concat();
        assert_eq!((stated(&mkv(&[0x84])), stated(&mkv(&[0x41, 0x00]))), (Some(16), Some(13 + 256)));
        assert_eq!((stated(&mkv(&[0xFF])), stated(&mkv(&[1, 255, 255, 255, 255, 255, 255, 255]))), (None, None));
        assert_eq!(stated(b"RIFF\x10\0\0\0AVI LIST"), Some(24));
        let mut packets = vec![0; 400];
        (packets[0], packets[188]) = (0x47, 0x47);
        assert_eq!((stated(&packets), stated(&packets[..376])), (Some(564), Some(376)));
        assert_eq!((stated(&[0; 400]), stated(b"short")), (None, None));
    }
}
