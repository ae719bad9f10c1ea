//! Numbered pictures: each frame a file of its own, which appears whole. What was written before a failure stays.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::still::StillSink;
use super::{Claim, Place};
use crate::error::{Error, Result, SinkError, SourceError, io_reason};
use crate::flow::Sink;
use crate::frame::{Frame, Timed};
use crate::options::Input;
use crate::pattern::Pattern;
use crate::report::Meter;

/// The place of a sequence, kept from other runs by an empty file of the pattern's own name.
pub(crate) struct Pictures {
    pattern: Pattern,
    input: Input,
    replace: bool,
    _lock: Place,
}

impl Pictures {
    /// Claims the names of `pattern`, to which `input` will be turned.
    pub(crate) fn claim(pattern: &Pattern, input: &Input, replace: bool) -> Result<Self> {
        let path = pattern.as_path();
        refuse_pictures(input, |number| pattern.path(number))?;
        let lock = Place::claim(path, input.path(), Claim { force: replace, ..Claim::default() })?;
        let there = numbers(pattern)?;
        if let Some(&number) = there.first().filter(|_| !replace) {
            return Err(SinkError::Exists { path: pattern.path(number) }.into());
        }
        Ok(Self { pattern: pattern.clone(), input: input.clone(), replace, _lock: lock })
    }

    /// The sink whose first picture has this `number`.
    pub(super) fn open(self, number: u64, meter: &Meter) -> PictureSink {
        PictureSink { pictures: self, first: number, next: number, meter: meter.clone() }
    }
}

/// Pictures that `input` reads must not be written over, under whatever name: `written` is what becomes of that with a number.
pub(crate) fn refuse_pictures(input: &Input, written: impl Fn(u64) -> PathBuf) -> Result<()> {
    let Input::Pictures { pattern, .. } = input else { return Ok(()) };
    // Who reads them says what is wrong.
    let numbers = pattern.numbers().unwrap_or_default();
    let file = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let read: HashSet<_> = numbers.iter().filter_map(|&number| file(&pattern.path(number))).collect();
    let is_read = |path: &PathBuf| file(path).is_some_and(|file| read.contains(&file));
    match numbers.into_iter().map(written).find(is_read) {
        None => Ok(()),
        Some(path) => {
            let pattern = pattern.as_path();
            Err(Error::Usage(format!(
                "{path:?} is one of the pictures {pattern:?} that are read; choose another output"
            )))
        }
    }
}

fn numbers(pattern: &Pattern) -> Result<Vec<u64>, SinkError> {
    pattern.numbers().map_err(|error| SinkError::Write { path: pattern.folder().into(), reason: io_reason(&error) })
}

/// Writes the pictures.
pub(super) struct PictureSink {
    pictures: Pictures,
    first: u64,
    next: u64,
    meter: Meter,
}

impl PictureSink {
    fn write(&self, frame: Timed<Frame>) -> Result<()> {
        let Pictures { pattern, input, replace, .. } = &self.pictures;
        let claim = Claim { force: *replace, ..Claim::default() };
        StillSink::new(Place::claim(&pattern.path(self.next), input.path(), claim)?).accept(frame)
    }
}

impl Sink for PictureSink {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        let written = self.next - self.first;
        self.write(frame).map_err(|error| match error {
            Error::Sink(SinkError::Write { path, reason }) if written > 0 => Error::Sink(SinkError::Write {
                path,
                reason: format!("{reason}; the {written} pictures before it stay"),
            }),
            other => other,
        })?;
        self.next += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.next == self.first {
            return Err(SourceError::Stopped.into());
        }
        let others =
            numbers(&self.pictures.pattern)?.iter().filter(|&number| !(self.first..self.next).contains(number)).count();
        if others > 0 {
            let path = self.pictures.pattern.as_path();
            self.meter
                .warn(format!("{others} older pictures of {path:?} have other numbers and were left as they are"));
        }
        Ok(())
    }
}
