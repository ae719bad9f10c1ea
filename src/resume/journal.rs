//! The journal of an unfinished video: a line of JSON for the run, one for the format of its stream, one for each encoded
//! frame. It only grows, so that a run may be killed at any moment; a line that is not whole ends it.

use serde::{Deserialize, Serialize};

use super::Identity;

/// Number of this format.
const FORMAT: u32 = 1;

/// A longer journal is none: this is more than a day of video at 60 frames a second.
pub const LONGEST_BYTES: u64 = 1 << 30;

/// An encoded frame on its way to the muxer. Moments are nanoseconds from the beginning of the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// When it is shown.
    pub pts_nanos: u64,
    /// When it is decoded; may lie before the begin.
    pub dts_nanos: Option<i64>,
    /// How long it is shown.
    pub duration_nanos: Option<u64>,
    /// Decoding can begin here.
    pub key: bool,
    /// Its length.
    pub bytes: u64,
    /// [`digest`] of its bytes.
    pub digest: u64,
    /// When the frame is shown that stands at its place in the order of showing. Where frames are not reordered, the same
    /// as `pts_nanos`.
    pub shown_nanos: u64,
}

impl Unit {
    /// Whether its times are such as a run writes: what is calculated of them stays a time.
    fn is_possible(&self) -> bool {
        const LATEST_NANOS: u64 = 1 << 62;
        let shown = [self.pts_nanos, self.shown_nanos, self.duration_nanos.unwrap_or(0)];
        let decoded = self.dts_nanos.unwrap_or(0).unsigned_abs();
        shown.into_iter().chain([decoded]).all(|nanos| nanos <= LATEST_NANOS)
    }
}

/// What tells two encoded frames apart.
pub fn digest(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The first.
    StylizeResume { format: u32, run: Identity },
    /// Caps of the video stream, as the muxer got them.
    Stream(String),
    /// The next frame in the order of decoding.
    Unit(Unit),
}

/// The first line of the journal of `run`.
pub fn first_line(run: &Identity) -> Vec<u8> {
    line(&Line::StylizeResume { format: FORMAT, run: run.clone() })
}

/// The line for the stream's caps.
pub fn stream_line(caps: &str) -> Vec<u8> {
    line(&Line::Stream(caps.into()))
}

/// The line for a frame.
pub fn unit_line(unit: &Unit) -> Vec<u8> {
    line(&Line::Unit(unit.clone()))
}

fn line(line: &Line) -> Vec<u8> {
    // Plain data with string keys always serialises; an empty line would end the journal, which is safe.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// What a journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The run that wrote it.
    pub run: Identity,
    /// Caps of its video stream; empty as long as there is none.
    pub stream: String,
    /// Its frames, in the order of decoding.
    pub units: Vec<Unit>,
}

impl Journal {
    /// Reads the whole lines of `bytes`, up to the first that makes no sense; none if it is no journal of this format.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').map_while(|line| line.strip_suffix(b"\n"));
        let Line::StylizeResume { format: FORMAT, run } = serde_json::from_slice(lines.next()?).ok()? else {
            return None;
        };
        let mut journal = Self { run, stream: String::new(), units: Vec::new() };
        for line in lines {
            match serde_json::from_slice(line) {
                Ok(Line::Stream(caps)) if journal.units.is_empty() => journal.stream = caps,
                Ok(Line::Unit(unit)) if unit.is_possible() => journal.units.push(unit),
                _ => break,
            }
        }
        Some(journal)
    }

    /// How many of the first `limit` frames are at most such that nothing that is shown between them is missing: a
    /// number of frames both in the order of decoding and of showing.
    pub fn complete(&self, limit: usize) -> usize {
        let (mut complete, mut last_pts) = (0, 0);
        for (index, unit) in self.units.iter().enumerate().take(limit) {
            last_pts = unit.pts_nanos.max(last_pts);
            if last_pts == unit.shown_nanos {
                complete = index + 1;
            }
        }
        complete
    }

    /// Up to where its frames reach.
    pub fn end_nanos(&self) -> u64 {
        let end = |unit: &Unit| unit.pts_nanos.saturating_add(unit.duration_nanos.unwrap_or(0));
        self.units.iter().map(end).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(pts_nanos: u64, shown_nanos: u64) -> Unit {
        Unit {
            pts_nanos,
            dts_nanos: Some(pts_nanos.cast_signed() - 80),
            duration_nanos: Some(40),
            key: pts_nanos == 0,
            bytes: 7,
            digest: digest(b"1234567"),
            shown_nanos,
        }
    }

    fn written(units: &[Unit]) -> Vec<u8> {
        let mut bytes = first_line(&Identity::default());
        bytes.extend(stream_line("video/x-h264"));
        bytes.extend(units.iter().flat_map(unit_line));
        bytes
    }

    /// An I frame, and twice a P frame with two B frames before it.
    fn reordered() -> Vec<Unit> {
        [(0, 0), (120, 40), (40, 80), (80, 120), (240, 160), (160, 200), (200, 240)].map(|(a, b)| unit(a, b)).into()
    }

    #[test]
    fn what_is_written_is_read() {
        let units = reordered();
        let expected = Journal { run: Identity::default(), stream: "video/x-h264".into(), units: units.clone() };
        assert_eq!(Journal::parse(&written(&units)), Some(expected));
    }

    #[test]
    fn a_line_that_is_not_whole_ends_it() {
        let bytes = written(&reordered());
        let first = first_line(&Identity::default()).len();
        for len in 0..bytes.len() {
            let read = Journal::parse(&bytes[..len]);
            assert_eq!(read.is_some(), len >= first, "{len}");
            let lines = bytes[..len].iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(read.map_or(0, |journal| journal.units.len()), lines.saturating_sub(2), "{len}");
        }
        let mut torn = bytes.clone();
        let middle = torn.len() / 2;
        torn[middle] = b'\n';
        assert!(Journal::parse(&torn).unwrap().units.len() < 7);
    }

    #[test]
    fn frames_count_once_all_that_are_shown_before_them_are_there() {
        let journal = Journal::parse(&written(&reordered())).unwrap();
        let complete: Vec<_> = (0..9).map(|limit| journal.complete(limit)).collect();
        assert_eq!(complete, [0, 1, 1, 1, 4, 4, 4, 7, 7]);
        assert_eq!(journal.end_nanos(), 280);
    }

    #[test]
    fn times_that_no_clock_shows_end_it() {
        let good = reordered();
        let endless = [
            Unit { pts_nanos: u64::MAX, ..good[0].clone() },
            Unit { duration_nanos: Some(u64::MAX), ..good[0].clone() },
            Unit { dts_nanos: Some(i64::MIN), ..good[0].clone() },
        ];
        for unit in endless {
            let written = written(&[good[0].clone(), unit, good[1].clone()]);
            assert_eq!(Journal::parse(&written).unwrap().units, good[..1]);
        }
    }

    #[test]
    fn another_format_is_none() {
        let text = String::from_utf8(written(&[])).unwrap().replace("\"format\":1", "\"format\":2");
        assert_eq!(Journal::parse(text.as_bytes()), None);
        assert_eq!(Journal::parse(b"{}\n"), None);
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(bytes: Vec<u8>, at in 0usize..900, value: u8, limit: usize) {
            let _ = Journal::parse(&bytes);
            let mut changed = written(&reordered());
            let len = changed.len();
            changed[at % len] = value;
            if let Some(journal) = Journal::parse(&changed) {
                prop_assert!(journal.complete(limit) <= journal.units.len());
                let _ = journal.end_nanos();
            }
        }
    }
}
