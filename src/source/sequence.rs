//! Numbered pictures as a video of constant rate.

use std::sync::Arc;

use image::{ImageBuffer, ImageError, Rgba, imageops};

use super::cut::LEAST_SHOWN_NANOS;
use super::still::{check_room, decode_still};
use super::{Opened, Request};
use crate::error::{Error, Result, SourceError};
use crate::flow::Source;
use crate::frame::{Frame, FrameFormat, FrameRate, Size, Stamp, Timed, tight_planes};
use crate::media::Timing;
use crate::options::Part;
use crate::pattern::Pattern;
use crate::report::Meter;

/// Opens the pictures of `pattern`, from the lowest number up to the first that is missing, or `part` of them.
pub(super) fn open(pattern: &Pattern, rate: FrameRate, request: Request<'_>, meter: &Meter) -> Result<Opened> {
    let (path, part) = (pattern.as_path(), request.part);
    let numbers = pattern.numbers().map_err(|error| SourceError::open(pattern.folder(), &error))?;
    let Some(&lowest) = numbers.first() else {
        let reason = "no picture has a name of that form; look at the folder and the number of digits".into();
        return Err(SourceError::Open { path: path.into(), reason }.into());
    };
    let together = (lowest..).zip(&numbers).take_while(|(expected, number)| expected == *number).count() as u64;
    if numbers.len() as u64 > together {
        let missing = pattern.path(lowest + together);
        let behind = numbers.len() as u64 - together;
        meter.warn(format!("{missing:?} is missing: the pictures end before it, and {behind} behind it are left out"));
    }
    let wanted = cut(together, rate, part);
    if wanted.is_empty() {
        return Err(Error::Usage(format!("{path:?} has no picture in the part that --start, --end and --frames name")));
    }
    let first_nanos = part.start_nanos.unwrap_or(0);
    let mut timing = Timing::constant(rate);
    timing.duration_nanos = Some(rate.nanos_at(wanted.end).min(part.end_nanos.unwrap_or(u64::MAX)) - first_nanos);
    let number = lowest + wanted.start;
    let single = wanted.end - wanted.start == 1;
    let reader = Reader { pattern: pattern.clone(), room_bytes: request.room_bytes, meter: meter.clone() };
    let first = reader.read(number)?;
    let format = first.format();
    let source = Pictures {
        reader,
        rate,
        lowest,
        first_nanos,
        end_nanos: part.end_nanos.unwrap_or(u64::MAX),
        next: wanted.start,
        begin: wanted.start,
        end: wanted.end,
        last: first,
    };
    Ok(Opened { source: Box::new(source), format, timing, single, number, media: None })
}

/// Which of `count` pictures, from 0, are shown within `part`.
fn cut(count: u64, rate: FrameRate, part: Part) -> std::ops::Range<u64> {
    let start_nanos = part.start_nanos.unwrap_or(0);
    let start = partition(count, |index| rate.nanos_at(index + 1) < start_nanos.saturating_add(LEAST_SHOWN_NANOS));
    let is_before = |end: u64| move |index| rate.nanos_at(index) + LEAST_SHOWN_NANOS <= end;
    let end = part.end_nanos.map_or(count, |nanos| partition(count, is_before(nanos)));
    start..end.min(start.saturating_add(part.frames.unwrap_or(u64::MAX)))
}

/// The first index for which `is_before` no longer holds.
fn partition(count: u64, is_before: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Reads single pictures.
struct Reader {
    pattern: Pattern,
    /// Memory that may be taken, where it is known.
    room_bytes: Option<u64>,
    meter: Meter,
}

impl Reader {
    fn read(&self, number: u64) -> Result<Frame, SourceError> {
        let path = self.pattern.path(number);
        check_room(&path, self.room_bytes)?;
        let decoded = decode_still(&path, self.pattern.as_path(), &self.meter);
        decoded.map(|picture| picture.item).map_err(|error| match error {
            ImageError::IoError(error) => SourceError::open(&path, &error),
            error => SourceError::Undecodable { path, reason: error.to_string() },
        })
    }
}

struct Pictures {
    reader: Reader,
    rate: FrameRate,
    /// Number of the picture at index 0.
    lowest: u64,
    /// The moment that becomes 0.
    first_nanos: u64,
    /// The moment at which the part ends.
    end_nanos: u64,
    /// Index of the next picture.
    next: u64,
    begin: u64,
    end: u64,
    /// The picture before; at the begin, the first one.
    last: Frame,
}

impl Pictures {
    /// The picture at `index`, in the size of the first one. One that cannot be read is replaced by the one before, which
    /// keeps the time of those behind it.
    fn picture(&self, index: u64) -> Frame {
        let meter = &self.reader.meter;
        match self.reader.read(self.lowest + index).and_then(|picture| self.fitted(picture)) {
            Ok(picture) => picture,
            Err(error) => {
                meter.warn(format!("{error}; the picture before is shown in its place"));
                meter.frames_damaged_more(1);
                self.last.clone()
            }
        }
    }

    fn fitted(&self, picture: Frame) -> Result<Frame, SourceError> {
        let size = self.last.size();
        if picture.size() == size {
            return Ok(picture);
        }
        let Reader { pattern, meter, .. } = &self.reader;
        let path = pattern.as_path();
        meter.warn(format!("the pictures of {path:?} differ in size: all became {size}, as the first one"));
        resized(&picture, size).map_err(|reason| SourceError::Undecodable { path: path.into(), reason })
    }
}

/// `picture`, which has tight rows of RGBx, at another size.
fn resized(picture: &Frame, size: Size) -> Result<Frame, String> {
    let Size { width, height } = picture.size();
    let pixels = ImageBuffer::<Rgba<u8>, _>::from_raw(width, height, picture.bytes())
        .ok_or_else(|| format!("a picture of {} has too few bytes", picture.size()))?;
    let pixels = imageops::resize(&pixels, size.width, size.height, imageops::FilterType::CatmullRom);
    let format = FrameFormat { size, ..picture.format() };
    let (planes, _) = tight_planes(format.pixels, size);
    Frame::new(format, planes, Arc::new(pixels.into_raw())).map_err(|error| error.to_string())
}

impl Source for Pictures {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        let index = self.next;
        if index >= self.end {
            return Ok(None);
        }
        self.next += 1;
        if index > self.begin {
            self.last = self.picture(index);
        }
        // The first one may have begun before the part does.
        let begin_nanos = self.rate.nanos_at(index).max(self.first_nanos);
        let end_nanos = self.rate.nanos_at(index + 1).min(self.end_nanos);
        let stamp = Stamp {
            seq: index - self.begin,
            pts_nanos: Some(begin_nanos - self.first_nanos),
            duration_nanos: Some(end_nanos - begin_nanos),
            discontinuity: index == self.begin,
            ..Stamp::default()
        };
        Ok(Some(Timed { stamp, item: self.last.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_part_holds_the_pictures_that_are_shown_in_it() {
        let rate = FrameRate { frames: NonZeroU32::new(10).unwrap(), seconds: NonZeroU32::MIN };
        let part = |start: u64, end: Option<u64>, frames| Part {
            start_nanos: Some(start * 1_000_000),
            end_nanos: end.map(|end| end * 1_000_000),
            frames,
        };
        assert_eq!(cut(30, rate, Part::default()), 0..30);
        assert_eq!(cut(30, rate, part(500, Some(1000), None)), 5..10);
        assert_eq!(cut(30, rate, part(501, Some(1001), None)), 5..11);
        assert_eq!(cut(30, rate, part(599, Some(601), None)), 5..7);
        assert_eq!(cut(30, rate, part(500, None, Some(3))), 5..8);
        assert_eq!(cut(30, rate, part(2999, Some(9000), Some(3))), 29..30);
        assert!(cut(30, rate, part(3000, None, None)).is_empty());
    }
}
