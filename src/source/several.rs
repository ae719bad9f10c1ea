//! Pictures one behind the other in one file, as Motion JPEG without a container has them, and what `ffmpeg -f image2pipe`
//! writes. Such a file is a video.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use image::ImageFormat;

/// Whether another picture follows the one of `format` that the file at `path` begins with.
pub(super) fn follow(path: &Path, format: ImageFormat) -> bool {
    let found = File::open(path).map(BufReader::new).and_then(|mut file| match format {
        ImageFormat::Jpeg => behind_jpeg(&mut file),
        ImageFormat::Png => behind_png(&mut file),
        _ => Ok(false),
    });
    // What ends within its first picture has no second.
    found.unwrap_or(false)
}

/// A JPEG (ISO/IEC 10918-1, B.1) consists of segments behind markers. Photographs may have others behind them that are not
/// meant to be shown (a preview, a gain map, the other eye); those are listed in it (CIPA DC-007).
fn behind_jpeg(file: &mut impl BufRead) -> io::Result<bool> {
    const START: u8 = 0xD8;
    const END: u8 = 0xD9;
    const TEMPORARY: u8 = 0x01;
    const APPLICATION: u8 = 0xE2;
    let mut two = [0; 2];
    loop {
        match marker(file)? {
            START | TEMPORARY => {}
            END => {
                file.read_exact(&mut two)?;
                return Ok(two == [0xFF, START]);
            }
            kind => {
                file.read_exact(&mut two)?;
                // The length counts its own two bytes.
                let len = u64::from(u16::from_be_bytes(two)).saturating_sub(2);
                let mut segment = Vec::new();
                file.by_ref().take(len).read_to_end(&mut segment)?;
                if kind == APPLICATION && segment.starts_with(b"MPF\0") {
                    return Ok(false);
                }
            }
        }
    }
}

/// The next marker. In the data before it, 0xFF is followed by 0 or by the number of a restart.
fn marker(file: &mut impl BufRead) -> io::Result<u8> {
    loop {
        file.skip_until(0xFF)?;
        let mut kind = [0xFF];
        while kind == [0xFF] {
            file.read_exact(&mut kind)?;
        }
        if !matches!(kind, [0 | 0xD0..=0xD7]) {
            return Ok(kind[0]);
        }
    }
}

/// A PNG (ISO/IEC 15948) consists of chunks with their length in front and four bytes of checksum behind.
fn behind_png(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
    let mut eight = [0; 8];
    file.read_exact(&mut eight)?;
    while !eight.ends_with(b"IEND") {
        file.read_exact(&mut eight)?;
        let [a, b, c, d, ..] = eight;
        file.seek_relative(i64::from(u32::from_be_bytes([a, b, c, d])) + 4)?;
    }
    file.read_exact(&mut eight)?;
    Ok(eight == SIGNATURE)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A JPEG with an end in one of its segments, and data with a 0xFF and a restart.
    fn jpeg(segments: &[u8]) -> Vec<u8> {
        let (head, data) =
            (b"\xFF\xD8\xFF\xE1\0\x08\xFF\xD9\xFF\xD8ab", b"\xFF\xDA\0\x04ab\x01\xFF\0\xFF\xD0\x02\xFF\xFF\xD9");
        [head.as_slice(), segments, data].concat()
    }

    #[test]
    fn a_jpeg_behind_another_makes_a_video_unless_it_is_listed_in_it() {
        let is_video = |bytes: Vec<u8>| behind_jpeg(&mut Cursor::new(bytes)).unwrap_or(false);
        let one = jpeg(b"");
        assert!(is_video(one.repeat(2)));
        assert!(!is_video(one.clone()));
        assert!(!is_video([&one, b"trailer".as_slice()].concat()));
        assert!(!is_video(one.repeat(2)[..one.len() + 1].to_vec()));
        assert!(!is_video(jpeg(b"\xFF\xE2\0\x08MPF\0ab").repeat(2)));
        assert!(is_video(jpeg(b"\xFF\xE2\0\x08ICC\0ab").repeat(2)));
        assert!(!is_video(Vec::new()));
    }

    #[test]
    fn a_png_behind_another_makes_a_video() {
        let is_video = |bytes: Vec<u8>| behind_png(&mut Cursor::new(bytes)).unwrap_or(false);
        let chunk =
            |kind: &[u8; 4], body: &[u8]| [&(body.len() as u32).to_be_bytes(), &kind[..], body, b"-crc"].concat();
        let one = [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IDAT", b"IEND"), &chunk(b"IEND", b"")].concat();
        assert!(is_video(one.repeat(2)));
        assert!(!is_video(one.clone()));
        assert!(!is_video([&one, b"trailer!".as_slice()].concat()));
        assert!(!is_video(one[..20].to_vec()));
    }
}
