//! Matroska and WebM files (RFC 9559) as EBML (RFC 8794): what GStreamer's demuxer does not tell, and what its muxer cannot
//! write.

use std::ops::Range;

mod dolby;
mod finish;
mod head;
mod projection;

pub(crate) use finish::{finish, roomy};
pub(crate) use head::Head;

pub(crate) const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;

/// An element: its name, and where its content lies.
struct Element {
    id: u32,
    start: usize,
    body: Range<usize>,
}

/// The elements in `within`. One that reaches beyond is cut there, and is the last.
fn elements(bytes: &[u8], within: Range<usize>) -> impl Iterator<Item = Element> + '_ {
    let mut at = within.start;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..within.end)?;
        let (id, id_len) = number(rest, true).filter(|&(_, len)| len <= 4)?;
        let (size, size_len) = number(&rest[id_len..], false)?;
        let start = at + id_len + size_len;
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size)).unwrap_or(usize::MAX);
        let end = end.min(within.end);
        let element = Element { id: u32::try_from(id).ok()?, start: at, body: start..end };
        at = end;
        Some(element)
    })
}

/// A number whose first bits tell of how many bytes it is, and that number of bytes.
pub(crate) fn number(bytes: &[u8], with_marker: bool) -> Option<(u64, usize)> {
    let first = *bytes.first().filter(|&&first| first != 0)?;
    let len = first.leading_zeros() as usize + 1;
    let rest = bytes.get(1..len)?;
    let begin = if with_marker { u64::from(first) } else { u64::from(first) & ((0x80 >> (len - 1)) - 1) };
    Some((rest.iter().fold(begin, |number, &byte| number << 8 | u64::from(byte)), len))
}

/// The bytes of an element.
fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|&byte| byte == 0).collect();
    let size = match body.len() as u64 {
        size @ 0..0x7F => vec![0x80 | size as u8],
        size => (size | 1 << 56).to_be_bytes().to_vec(),
    };
    [&id, &size, body].concat()
}
