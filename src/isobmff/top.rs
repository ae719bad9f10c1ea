//! The boxes at the top of a file, by their headers alone: what lies in them may be larger than the memory.

use std::io::{self, Read, Seek, SeekFrom};
use std::iter;

/// So many are looked at, at most: those of six days in fragments of a second, each of two boxes.
const MOST_BOXES: usize = 1 << 20;

/// A box at the top of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopBox {
    /// What it is: `ftyp`, `moov`, `mdat`.
    pub(crate) name: [u8; 4],
    /// Where it begins.
    pub(crate) offset: u64,
    /// How long it is, by its own words, with its header; the file may be shorter. None: it goes to the end of the file.
    pub(crate) len: Option<u64>,
}

impl TopBox {
    /// Where the next one begins, if any can.
    pub(crate) fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.len?)
    }
}

/// The boxes at the top of `file`, which is `len` bytes long. Ends where no header fits any more, and behind an error: that
/// of reading, or `InvalidData` where a length makes no sense or there are too many of them.
pub(crate) fn top_boxes(file: &mut (impl Read + Seek), len: u64) -> impl Iterator<Item = io::Result<TopBox>> {
    let (mut at, mut count) = (Some(0), 0);
    iter::from_fn(move || {
        let offset = at.filter(|&at| len.saturating_sub(at) >= 8)?;
        count += 1;
        let found = if count > MOST_BOXES { Err(io::ErrorKind::InvalidData.into()) } else { header(file, offset) };
        at = found.as_ref().ok().and_then(TopBox::end);
        Some(found)
    })
}

/// The box that begins at `offset`.
fn header(file: &mut (impl Read + Seek), offset: u64) -> io::Result<TopBox> {
    file.seek(SeekFrom::Start(offset))?;
    let mut header = [0; 8];
    file.read_exact(&mut header)?;
    let [a, b, c, d, name @ ..] = header;
    let (head, len) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (8, None),
        1 => {
            let mut large = [0; 8];
            file.read_exact(&mut large)?;
            (16, Some(u64::from_be_bytes(large)))
        }
        len => (8, Some(u64::from(len))),
    };
    let found = TopBox { name, offset, len };
    let makes_sense = len.is_none_or(|len| len >= head && found.end().is_some());
    if makes_sense { Ok(found) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn walk(bytes: &[u8]) -> Vec<Result<TopBox, io::ErrorKind>> {
        let found = top_boxes(&mut Cursor::new(bytes), bytes.len() as u64).collect::<Vec<_>>();
        found.into_iter().map(|found| found.map_err(|error| error.kind())).collect()
    }

    fn top(name: &[u8; 4], offset: u64, len: Option<u64>) -> TopBox {
        TopBox { name: *name, offset, len }
    }

    #[test]
    fn boxes_of_all_lengths_are_found() {
        let bytes =
            [&b"\0\0\0\x0cftypisom\0\0\0\x01wide"[..], &18u64.to_be_bytes(), b"ab\0\0\0\0mdat and so on"].concat();
        let found = [top(b"ftyp", 0, Some(12)), top(b"wide", 12, Some(18)), top(b"mdat", 30, None)];
        assert_eq!(walk(&bytes), found.map(Ok));
        assert_eq!(walk(&bytes[..37]), [Ok(found[0]), Ok(found[1])], "less than a header is left");
        assert_eq!(walk(&bytes[..25]), [Ok(found[0]), Err(io::ErrorKind::UnexpectedEof)]);
        assert_eq!(walk(b"\0\0\x01\0mdat"), [Ok(top(b"mdat", 0, Some(256)))], "it reaches beyond the file");
    }

    #[test]
    fn rubbish_ends() {
        let invalid = Err(io::ErrorKind::InvalidData);
        assert_eq!(walk(b"\0\0\0\x07ftypabcdefgh"), [invalid]);
        let beyond = [&b"\0\0\0\x01wide"[..], &u64::MAX.to_be_bytes()].concat();
        assert_eq!(walk(&[&b"\0\0\0\x08free"[..], &beyond].concat()), [Ok(top(b"free", 0, Some(8))), invalid]);
        let many = walk(&b"\0\0\0\x08free".repeat(MOST_BOXES + 5));
        assert_eq!((many.len(), many[MOST_BOXES]), (MOST_BOXES + 1, invalid));
    }
}
