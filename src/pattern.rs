//! Names of numbered pictures, as printf writes them: `shot/%05d.png` is `shot/00001.png`, `shot/00002.png` and so on.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::folders::folder_of;

/// Most digits that a number is padded to: those of the largest one.
const MOST_DIGITS: usize = 20;

/// The names of one sequence of pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As the user wrote it.
    text: PathBuf,
    /// Before the number.
    before: OsString,
    /// Digits that the number has at least; shorter ones get zeros in front.
    digits: usize,
    /// After the number.
    after: OsString,
}

impl Pattern {
    /// The pattern that `path` is: the name of a .png, .jpg or .jpeg with one `%d`, or `%05d` for five digits; `%%` is a
    /// percent sign. None when it is none.
    pub fn parse(path: &Path) -> Option<Self> {
        let ending = path.extension()?;
        if !["png", "jpg", "jpeg"].iter().any(|kind| ending.eq_ignore_ascii_case(kind)) {
            return None;
        }
        let (mut before, mut after, mut digits) = (Vec::new(), Vec::new(), None);
        let mut rest = path.file_name()?.as_bytes();
        while let Some((&byte, tail)) = rest.split_first() {
            let literal = if digits.is_none() { &mut before } else { &mut after };
            rest = tail;
            match (byte, tail.first()) {
                (b'%', Some(b'%')) => {
                    literal.push(b'%');
                    rest = &tail[1..];
                }
                (b'%', _) => {
                    let width = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    let (number, end) = tail.split_at(width);
                    rest = end.strip_prefix(b"d")?;
                    let wanted = if width == 0 { 1 } else { str::from_utf8(number).ok()?.parse().ok()? };
                    if wanted > MOST_DIGITS || digits.replace(wanted).is_some() {
                        return None;
                    }
                }
                _ => literal.push(byte),
            }
        }
        let (before, after) = (OsString::from_vec(before), OsString::from_vec(after));
        Some(Self { text: path.into(), before, digits: digits?, after })
    }

    /// As the user wrote it.
    pub fn as_path(&self) -> &Path {
        &self.text
    }

    /// The folder that the pictures are in.
    pub fn folder(&self) -> &Path {
        folder_of(&self.text)
    }

    /// Name of picture `number`.
    pub fn path(&self, number: u64) -> PathBuf {
        let mut name = self.before.clone();
        name.push(format!("{number:0digits$}", digits = self.digits));
        name.push(&self.after);
        self.text.with_file_name(name)
    }

    /// Numbers of the pictures that are there, in their order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.folder())? {
            numbers.extend(self.number_of(&entry?.file_name()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The number in `name`, if it is written as this pattern writes it.
    fn number_of(&self, name: &OsStr) -> Option<u64> {
        let inner = name.as_bytes().strip_prefix(self.before.as_bytes())?.strip_suffix(self.after.as_bytes())?;
        if !inner.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = str::from_utf8(inner).ok()?.parse().ok()?;
        (self.path(number).file_name() == Some(name)).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Option<Pattern> {
        Pattern::parse(Path::new(text))
    }

    #[test]
    fn names_are_written_as_printf_does() {
        let name = |text, number| pattern(text).unwrap().path(number).to_str().unwrap().to_owned();
        assert_eq!(name("in/%05d.png", 7), "in/00007.png");
        assert_eq!(name("%d.JPG", 7), "7.JPG");
        assert_eq!(name("a%%b_%3d_c.jpeg", 12_345), "a%b_12345_c.jpeg");
        assert_eq!(name("50%/x%02d.png", 1), "50%/x01.png");
    }

    #[test]
    fn what_is_no_pattern_is_a_name() {
        for text in
            ["a.png", "a%.png", "a%s.png", "%d%d.png", "%d.mp4", "%d/a.png", "%99d.png", "%%d.png", "%-5d.png", ""]
        {
            assert_eq!(pattern(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_found_as_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["p0003.png", "p0001.png", "p12345.png", "p4.png", "p00005.png", "q0006.png", "p+007.png", "p.png"]
        {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let numbers = |name: &str| Pattern::parse(&folder.path().join(name)).unwrap().numbers().unwrap();
        assert_eq!(numbers("p%04d.png"), [1, 3, 12_345]);
        assert_eq!(numbers("p%d.png"), [4, 12_345]);
        assert!(Pattern::parse(Path::new("/no/such/folder/%d.png")).unwrap().numbers().is_err());
    }
}
