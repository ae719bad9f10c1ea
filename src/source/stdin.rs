//! Standard input: a file that was redirected, or a pipe, whose bytes come once.
//!
//! What a demuxer can take as it comes is streamed: Matroska, WebM, MPEG-TS, fragmented MP4, MP4 with its index in front.
//! The rest is copied to a temporary file first, which has no name and goes with the program.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Opened, Request, file, open_file, still};
use crate::error::{Error, Result, SourceError, io_reason};
use crate::flow::{Source, Stop};
use crate::frame::{Frame, Timed};
use crate::media::pipeline::POLL;
use crate::media::{element, pad};
use crate::report::Meter;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// How far into an MP4 its index is looked for; what stands before it is small.
const MOST_BEFORE_INDEX: usize = 4 << 20;

/// The name of standard input where it is a file.
const DEVICE: &str = "/dev/stdin";

/// Its name in messages where it is none.
const NAME: &str = "<stdin>";

/// Opens standard input.
pub(super) fn open(request: Request<'_>, stop: &Stop, meter: &Meter) -> Result<Opened> {
    let unreadable = |error: &io::Error| SourceError::open(Path::new(NAME), error);
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Error::Usage("IN is -, but stdin is a terminal; pipe or redirect a video into it".into()));
    }
    // Unbuffered, unlike what the standard library gives: a demuxer will read on behind us.
    let mut input = File::from(stdin.as_fd().try_clone_to_owned().map_err(|error| unreadable(&error))?);
    if input.metadata().is_ok_and(|meta| meta.is_file()) {
        return open_file(Path::new(DEVICE), request, stop, meter);
    }
    let mut begin = Vec::new();
    // No more is read than must be: what follows is the demuxer's.
    let way = loop {
        match way_for(&begin) {
            Ok(way) => break way,
            Err(needed) if read_some(&mut input, &mut begin, needed, stop)? == 0 => break Way::Copy,
            Err(_) => {}
        }
    };
    if begin.is_empty() {
        return Err(SourceError::Open { path: NAME.into(), reason: "it is empty (0 bytes)".into() }.into());
    }
    if way == Way::Stream {
        return file::open(Path::new(NAME), Some(&Pipe::new(begin)), request, stop, meter);
    }
    if way == Way::CopyMp4 {
        meter.warn(
            "stdin is an MP4 with its index at the end: copied to a temporary file first, as it cannot be streamed",
        );
    }
    let copy = copy(begin, &mut input, stop)?;
    let path = PathBuf::from(format!("/dev/fd/{}", copy.as_raw_fd()));
    let opened = open_file(&path, request, stop, meter)?;
    Ok(Opened { source: Box::new(Copied { source: opened.source, _copy: copy }), ..opened })
}

/// Appends what is there to `bytes`, up to `most` in all, waiting for it; returns how much that was, 0 at the end.
fn read_some(input: &mut File, bytes: &mut Vec<u8>, most: usize, stop: &Stop) -> Result<usize, SourceError> {
    let unreadable = |error: &io::Error| SourceError::open(Path::new(NAME), error);
    let patience = PollTimeout::try_from(POLL).unwrap_or(PollTimeout::ZERO);
    loop {
        if stop.asked() {
            return Err(SourceError::Stopped);
        }
        let ready = poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], patience);
        if !matches!(ready, Ok(1..)) {
            continue; // nothing yet, or a signal
        }
        let start = bytes.len();
        bytes.resize(most.max(start), 0);
        let read = input.read(&mut bytes[start..]);
        bytes.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Err(error) if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
            read => return read.map_err(|error| unreadable(&error)),
        }
    }
}

/// How standard input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As it comes.
    Stream,
    /// All of it first.
    Copy,
    /// The same, for an MP4 whose index stands at its end.
    CopyMp4,
}

/// The way for what begins with `begin`, or how many bytes of it must be known to tell.
fn way_for(begin: &[u8]) -> Result<Way, usize> {
    let start = begin.get(..still::START).ok_or(still::START)?;
    if still::format_in(start).is_some() {
        return Ok(Way::Copy);
    }
    let boxes = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"].iter().any(|kind| start[4..8] == kind[..]);
    if boxes { way_for_boxes(begin) } else { Ok(Way::Stream) }
}

/// MP4 and QuickTime: boxes, each with its length in front. What counts is whether the index (`moov`) or the data
/// (`mdat`) comes first.
fn way_for_boxes(begin: &[u8]) -> Result<Way, usize> {
    let mut at = 0;
    while at <= MOST_BEFORE_INDEX {
        let header = begin.get(at..at + 8).ok_or(at + 8)?;
        let len = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        match (&header[4..], len) {
            (b"moov" | b"moof" | b"styp" | b"sidx", _) => return Ok(Way::Stream),
            (b"mdat", _) => return Ok(Way::CopyMp4),
            // No length, or one of 64 bits: nothing small.
            (_, 0 | 1) => return Ok(Way::CopyMp4),
            // No box: the demuxer says what is wrong.
            (_, 2..8) => return Ok(Way::Stream),
            (_, len) => at = at.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)),
        }
    }
    Ok(Way::CopyMp4)
}

/// All of `input`, behind its `begin`, in a file without a name.
fn copy(begin: Vec<u8>, input: &mut File, stop: &Stop) -> Result<File, SourceError> {
    let failed = |error: &io::Error| {
        let folder = std::env::temp_dir();
        let reason =
            format!("it is copied to {} first: {}; set TMPDIR, or name a file", folder.display(), io_reason(error));
        SourceError::Open { path: NAME.into(), reason }
    };
    let mut copy = tempfile::tempfile().map_err(|error| failed(&error))?;
    let mut bytes = begin;
    loop {
        copy.write_all(&bytes).map_err(|error| failed(&error))?;
        bytes.clear();
        if read_some(input, &mut bytes, CHUNK, stop)? == 0 {
            copy.rewind().map_err(|error| failed(&error))?;
            return Ok(copy);
        }
    }
}

/// A source whose file goes with it.
struct Copied {
    source: Box<dyn Source>,
    _copy: File,
}

impl Source for Copied {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        self.source.next()
    }
}

/// A stream on standard input, of which the begin was read already.
pub(super) struct Pipe {
    /// Taken by the first buffer.
    begin: Arc<Mutex<Vec<u8>>>,
    begin_bytes: u64,
}

impl Pipe {
    fn new(begin: Vec<u8>) -> Self {
        Self { begin_bytes: begin.len() as u64, begin: Arc::new(Mutex::new(begin)) }
    }

    /// An element that gives the stream, from its first byte on. Can be had once.
    pub(super) fn element(&self) -> Result<gst::Element, SourceError> {
        let source = element("fdsrc")?;
        source.set_property("fd", io::stdin().as_raw_fd());
        source.set_property("blocksize", CHUNK as u32);
        let (begin, begin_bytes) = (Arc::clone(&self.begin), self.begin_bytes);
        pad(&source, "src")?.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
                let offset = buffer.offset().saturating_add(begin_bytes);
                let begin = std::mem::take(&mut *begin.lock().unwrap_or_else(PoisonError::into_inner));
                let offset = if begin.is_empty() { offset } else { 0 };
                let mut whole = gst::Buffer::from_mut_slice(begin);
                whole.append(std::mem::replace(buffer, gst::Buffer::new()));
                set_offset(&mut whole, offset);
                *buffer = whole;
            }
            gst::PadProbeReturn::Ok
        });
        Ok(source)
    }
}

fn set_offset(buffer: &mut gst::Buffer, offset: u64) {
    let len = buffer.size() as u64;
    let buffer = buffer.make_mut();
    buffer.set_offset(offset);
    buffer.set_offset_end(offset.saturating_add(len));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(kinds: &[(&[u8; 4], u32)]) -> Vec<u8> {
        let whole = |(kind, len): &(&[u8; 4], u32)| {
            let mut bytes = [&len.to_be_bytes()[..], &kind[..]].concat();
            bytes.resize((*len).clamp(8, 64) as usize, 0);
            bytes
        };
        kinds.iter().flat_map(whole).collect()
    }

    #[test]
    fn what_comes_in_order_is_streamed() {
        let mkv = [&[0x1A, 0x45, 0xDF, 0xA3][..], &[0; 20]].concat();
        assert_eq!(way_for(&mkv), Ok(Way::Stream));
        assert_eq!(way_for(&boxes(&[(b"ftyp", 24), (b"free", 8), (b"moov", 64)])), Ok(Way::Stream));
        assert_eq!(way_for(&boxes(&[(b"ftyp", 24), (b"moof", 64)])), Ok(Way::Stream));
        assert_eq!(way_for(b"text that is no video at all"), Ok(Way::Stream));
    }

    #[test]
    fn what_must_be_read_from_its_end_is_copied() {
        assert_eq!(way_for(&boxes(&[(b"ftyp", 24), (b"mdat", 64)])), Ok(Way::CopyMp4));
        assert_eq!(way_for(&boxes(&[(b"ftyp", 24), (b"wide", 8), (b"mdat", 1)])), Ok(Way::CopyMp4));
        assert_eq!(way_for(&boxes(&[(b"ftyp", 24), (b"uuid", 1 << 30)])), Ok(Way::CopyMp4));
        let pictures = [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\x40\0\0\0WEBPVP8L"];
        for start in pictures {
            assert_eq!(way_for(&[start, &[0; 20]].concat()), Ok(Way::Copy), "{start:?}");
        }
        assert_eq!(way_for(&[&b"RIFF\x40\0\0\0AVI LIST"[..], &[0; 20]].concat()), Ok(Way::Stream));
    }

    #[test]
    fn no_more_is_asked_for_than_tells() {
        assert_eq!(way_for(b""), Err(16));
        assert_eq!(way_for(&boxes(&[(b"ftyp", 24)])), Err(32));
        assert_eq!(way_for(&boxes(&[(b"ftyp", 24), (b"free", 4000)])), Err(4032));
    }
}
