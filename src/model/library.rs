//! Whether the file of a shared library is whole. A cut one is mapped by the loader without a word, and touching what is
//! missing kills the process (SIGBUS): so the file is measured against its own headers first.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::io_reason;

/// No ONNX Runtime is smaller; this is all that is asked of files whose headers are not read (Mach-O, PE).
const SMALLEST_BYTES: u64 = 1 << 20;

/// Most entries of a header table that are believed.
const MOST_ENTRIES: u16 = 4096;

/// Checks that the file is as long as its headers say.
///
/// # Errors
/// What is wrong, for a message.
pub(super) fn check_whole(path: &Path) -> Result<(), String> {
    let unreadable = |error: io::Error| format!("cannot be read: {}", io_reason(&error));
    let mut file = File::open(path).map_err(unreadable)?;
    let len = file.metadata().map_err(unreadable)?.len();
    let mut header = [0; 64];
    let read = read_start(&mut file, &mut header).map_err(unreadable)?;
    let expected = match &header[..read] {
        [0x7f, b'E', b'L', b'F', 2, 1, ..] if read == header.len() => elf_len(&mut file, &header).ok(),
        [0x7f, b'E', b'L', b'F', ..] => return Err("is a library for another kind of machine, or cut".into()),
        [b'M', b'Z', ..] | [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => Some(SMALLEST_BYTES),
        _ => return Err("is not a shared library".into()),
    };
    match expected {
        Some(expected) if expected <= len => Ok(()),
        Some(expected) => Err(format!("is cut: {len} bytes of {expected}")),
        None => Err(format!("is cut: {len} bytes do not reach its headers")),
    }
}

fn read_start(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read(&mut buffer[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// First byte after everything that the headers of a little-endian ELF64 file speak of.
fn elf_len(file: &mut File, header: &[u8; 64]) -> io::Result<u64> {
    // Offsets of the ELF64 header: e_phoff 32, e_shoff 40, e_phentsize 54, e_phnum 56, e_shentsize 58, e_shnum 60.
    let segments = Table { at: u64_at(header, 32), entry_bytes: u16_at(header, 54), entries: u16_at(header, 56) };
    let sections = Table { at: u64_at(header, 40), entry_bytes: u16_at(header, 58), entries: u16_at(header, 60) };
    // Segment: p_offset 8, p_filesz 32. Section: sh_type 4, sh_offset 24, sh_size 32; one of type NOBITS takes no bytes.
    const NOBITS: u32 = 8;
    let mut end = segments.end().max(sections.end());
    segments.each(file, |entry| end = end.max(u64_at(entry, 8).saturating_add(u64_at(entry, 32))))?;
    sections.each(file, |entry| {
        if u32_at(entry, 4) != NOBITS {
            end = end.max(u64_at(entry, 24).saturating_add(u64_at(entry, 32)));
        }
    })?;
    Ok(end)
}

/// A table of headers in an ELF file.
struct Table {
    at: u64,
    entry_bytes: u16,
    entries: u16,
}

impl Table {
    fn end(&self) -> u64 {
        self.at.saturating_add(u64::from(self.entry_bytes) * u64::from(self.entries))
    }

    fn each(&self, file: &mut File, mut look: impl FnMut(&[u8; 64])) -> io::Result<()> {
        if self.entries > MOST_ENTRIES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        for index in 0..u64::from(self.entries) {
            file.seek(SeekFrom::Start(self.at.saturating_add(index * u64::from(self.entry_bytes))))?;
            let mut entry = [0; 64];
            let used = usize::from(self.entry_bytes).min(entry.len());
            file.read_exact(&mut entry[..used])?;
            look(&entry);
        }
        Ok(())
    }
}

fn bytes_at<const N: usize>(bytes: &[u8; 64], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}

fn u16_at(bytes: &[u8; 64], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

fn u32_at(bytes: &[u8; 64], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8; 64], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        std::fs::write(&path, bytes).unwrap();
        check_whole(&path)
    }

    #[test]
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    fn a_cut_elf_file_is_seen_wherever_it_is_cut() {
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(check(&whole), Ok(()));
        for keep in [whole.len() - 1, whole.len() / 2, 4096, 64, 63, 5] {
            let message = check(&whole[..keep]).unwrap_err();
            assert!(message.contains("cut"), "{message}");
        }
    }

    #[test]
    fn what_is_no_library_is_refused() {
        for bytes in [b"".as_slice(), b"hello", b"\x7fELF", b"MZ and not much more"] {
            assert!(check(bytes).is_err(), "{bytes:?}");
        }
        assert!(check_whole(Path::new("/nowhere/lib.so")).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn headers_that_lie_are_no_trap() {
        let mut header = [0xff_u8; 200];
        header[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        assert!(check(&header).is_err());
    }
}
