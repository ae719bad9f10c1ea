//! Damage that is covered up. Decoders conceal what they cannot read, and demuxers skip it; neither posts a message, but
//! both write it to GStreamer's log. So the log is read: there is no other sign of it in GStreamer 1.22.
//!
//! What the log says is of a process, not of a pipeline: of two jobs that run in one process at the same time, each may
//! count the damage of the other. The programs run one after the other.

use std::collections::BTreeMap;
use std::sync::{Mutex, Once, PoisonError};

use gst::log::{DebugMessage, LoggedObject};

use crate::report::Meter;

/// Log levels of the categories that are read: libav's "concealing …" is information, all others warn.
const THRESHOLDS: &str = "libav:4,videodecoder:2,tsdemux:2,mpegtspacketizer:2,matroskademux:2";

/// What was seen since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Frames in which the decoder made something up.
    concealed: u64,
    /// Frames that the decoder gave up.
    failed: u64,
    /// Places where the demuxer missed or skipped data.
    gaps: u64,
}

impl Tally {
    fn since(self, earlier: Self) -> Self {
        Self {
            concealed: self.concealed - earlier.concealed,
            failed: self.failed - earlier.failed,
            gaps: self.gaps - earlier.gaps,
        }
    }
}

/// What the log has said so far.
#[derive(Debug, Default)]
struct Heard {
    concealed: u64,
    gaps: u64,
    /// Failures of a frame, by the line of GStreamer's source that tells of them: some are told in two lines, a text for
    /// users and one for developers.
    failures: BTreeMap<u32, u64>,
}

static HEARD: Mutex<Heard> = Mutex::new(Heard { concealed: 0, gaps: 0, failures: BTreeMap::new() });

impl Heard {
    fn hear(&mut self, category: &str, function: &str, line: u32, text: &str) {
        match category {
            "libav" if text.starts_with("concealing ") => self.concealed += 1,
            "videodecoder" if function == "_gst_video_decoder_error" && text.starts_with("error: ") => {
                *self.failures.entry(line).or_default() += 1;
            }
            "tsdemux" | "mpegtspacketizer" if text.contains("CONTINUITY: Mismatch") => self.gaps += 1,
            "matroskademux" if text.starts_with("parse error, trying next cluster") => self.gaps += 1,
            _ => {}
        }
    }

    fn tally(&self) -> Tally {
        let failed = self.failures.values().copied().max().unwrap_or(0);
        Tally { concealed: self.concealed, failed, gaps: self.gaps }
    }
}

/// The damage of one input, and how much of it the meter knows.
#[derive(Debug)]
pub(super) struct Account {
    since: Tally,
    /// What was seen when the last frame that is wanted had been decoded.
    until: Option<Tally>,
    /// Frames that the decoder itself marked.
    marked: u64,
    /// Sound is missing.
    sound_lost: bool,
    told_frames: u64,
    told_gaps: u64,
}

impl Account {
    /// Begins to listen. GStreamer has been started.
    pub(super) fn open() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // Who reads the log on purpose keeps it on the terminal; nobody else is to see what is switched on here.
            if std::env::var_os("GST_DEBUG").is_none_or(|levels| levels.is_empty()) {
                gst::log::remove_default_log_function();
            }
            gst::log::add_log_function(|category, _, _, function, line, _: Option<&LoggedObject>, message| {
                hear(category.name(), function, line, message);
            });
            gst::log::set_active(true);
            gst::log::set_threshold_from_string(THRESHOLDS, false);
        });
        Self::since(tally())
    }

    fn since(since: Tally) -> Self {
        Self { since, until: None, marked: 0, sound_lost: false, told_frames: 0, told_gaps: 0 }
    }

    /// Discards the damage of frames so far.
    pub(super) fn forget(&mut self) {
        let now = tally();
        *self = Self { until: self.until.map(|_| now), sound_lost: self.sound_lost, ..Self::since(now) };
    }

    /// Discards the damage that the log tells of from now on: it is in no frame that is wanted.
    pub(super) fn close(&mut self) {
        self.until.get_or_insert_with(tally);
    }

    /// The decoder marked a frame that is wanted as damaged.
    pub(super) fn mark(&mut self) {
        self.marked += 1;
    }

    /// A track of sound could not be read.
    pub(super) fn lose_sound(&mut self) {
        self.sound_lost = true;
    }

    /// Tells `meter` what has come up since the last time.
    pub(super) fn tell(&mut self, meter: &Meter) {
        let Tally { concealed, failed, gaps } = self.until.unwrap_or_else(tally).since(self.since);
        let gaps = gaps + u64::from(self.sound_lost);
        // Of a frame that is marked, the log speaks as well.
        let frames = concealed.max(self.marked) + failed;
        meter.frames_damaged_more(frames - self.told_frames);
        meter.gaps_more(gaps - self.told_gaps);
        (self.told_frames, self.told_gaps) = (frames, gaps);
    }
}

fn tally() -> Tally {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner).tally()
}

fn hear(category: &str, function: &str, line: u32, message: &DebugMessage) {
    if THRESHOLDS.split(',').any(|of| of.split_once(':').is_some_and(|(name, _)| name == category))
        && let Some(text) = message.get()
    {
        HEARD.lock().unwrap_or_else(PoisonError::into_inner).hear(category, function, line, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_25_damage_before_and_behind_what_is_wanted_does_not_count() {
        let meter = Meter::new();
        let conceal = || HEARD.lock().unwrap().hear("libav", "", 0, "concealing 1 DC, 1 AC, 1 MV errors in P frame");
        let told = |account: &mut Account| {
            account.tell(&meter);
            meter.frames_damaged()
        };
        let mut account = Account::since(tally());
        conceal();
        account.mark();
        account.forget();
        assert_eq!(told(&mut account), 0);
        conceal();
        assert_eq!(told(&mut account), 1);
        account.close();
        conceal();
        assert_eq!(told(&mut account), 1);
        // Where the only frame that is wanted was the first, it ends before what came before it is forgotten.
        account.forget();
        conceal();
        assert_eq!(told(&mut account), 1);
        account.mark();
        assert_eq!(told(&mut account), 2);
    }

    #[test]
    fn row_25_what_the_log_tells_is_counted_once() {
        let mut heard = Heard::default();
        let mut hear = |category, function, line, text| heard.hear(category, function, line, text);
        hear("libav", "", 0, "concealing 126 DC, 126 AC, 126 MV errors in P frame");
        hear("libav", "", 0, "error while decoding MB 3 11, bytestream -61");
        hear("libav", "", 0, "Reinit context to 320x240, pix_fmt: yuv444p");
        for _ in 0..2 {
            hear("videodecoder", "_gst_video_decoder_error", 4795, "error: Failed to decode frame");
            hear("videodecoder", "_gst_video_decoder_error", 4797, "error: corrupt frame");
        }
        hear("videodecoder", "gst_video_decoder_setcaps", 931, "Subclass refused caps");
        hear(
            "tsdemux",
            "gst_ts_demux_queue_data",
            2742,
            "warning: CONTINUITY: Mismatch packet 15, stream 12 (pid 0x41)",
        );
        hear(
            "matroskademux",
            "gst_matroska_demux_peek_cluster_info",
            2428,
            "Unknown ebml id 0x1c53bb6b (possibly garbage)",
        );
        hear(
            "matroskademux",
            "gst_matroska_demux_check_parse_error",
            5405,
            "parse error, trying next cluster expected at 3",
        );
        assert_eq!(heard.tally(), Tally { concealed: 1, failed: 2, gaps: 2 });
        let earlier = Tally { concealed: 1, failed: 1, gaps: 0 };
        assert_eq!(heard.tally().since(earlier), Tally { concealed: 0, failed: 1, gaps: 2 });
    }
}
