//! How MP4 and QuickTime files say that a picture lies (ISO/IEC 14496-12, 8.3.2).

use super::{child, handler, is_wide, number, traks};

/// Fixed-point numbers of 16 bits before the point.
const ONE: i32 = 1 << 16;

/// The matrix of the first video track of a `moov` box, where its numbers are -1, 0 and 1: a point `(x, y)` of the stored
/// picture is shown at `(a x + c y, b x + d y)`.
pub(super) fn in_moov(bytes: &[u8]) -> Option<[i32; 4]> {
    let trak = traks(bytes).into_iter().find(|trak| handler(bytes, trak) == Some(b"vide"))?;
    let header = child(bytes, &trak, b"tkhd")?;
    let begin = if is_wide(bytes, &header) { 52 } else { 40 };
    let whole = |place: usize| {
        let value = u32::try_from(number(bytes, &header, begin + 4 * place, false)?).ok()?.cast_signed();
        (value % ONE == 0).then_some(value / ONE).filter(|value| value.abs() <= 1)
    };
    // Rows of three: the third number of each is for perspective.
    Some([whole(0)?, whole(1)?, whole(3)?, whole(4)?])
}

#[cfg(test)]
mod tests {
    use super::super::finish::boxed;
    use super::*;

    fn moov(version: u8, numbers: [i32; 4]) -> Vec<u8> {
        let mut header = vec![0; if version == 1 { 96 } else { 84 }];
        header[0] = version;
        for (place, value) in [0, 1, 3, 4].into_iter().zip(numbers) {
            let at = if version == 1 { 52 } else { 40 } + 4 * place;
            header[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        let handler = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0vide\0\0\0\0");
        let trak = [boxed(b"tkhd", &header), boxed(b"mdia", &handler)].concat();
        boxed(b"moov", &boxed(b"trak", &trak))
    }

    #[test]
    fn whole_turns_are_read_and_others_are_not() {
        for version in [0, 1] {
            assert_eq!(in_moov(&moov(version, [0, -ONE, -ONE, 0])), Some([0, -1, -1, 0]));
            assert_eq!(in_moov(&moov(version, [ONE / 2, 0, 0, ONE])), None);
        }
        let whole = moov(0, [ONE, 0, 0, ONE]);
        for len in 0..whole.len() {
            assert_eq!(in_moov(&whole[..len]), None);
        }
    }
}
