//! Every frame once, at its own time.

use crate::common::Folder;
use crate::common::clip::{AAC, Clip, FFV1, H264_B, MJPEG, MPEG4, OPUS, VP8};
use crate::common::read::{Decoded, decode};

/// Times that a container rounds to milliseconds, and what rounding twice adds.
const MATROSKA_NANOS: u64 = 1_000_001;
/// Ticks of a 90 kHz clock.
const MP4_NANOS: u64 = 12_000;

fn close(a: u64, b: u64, tolerance: u64) -> bool {
    a.abs_diff(b) <= tolerance
}

/// The frames of `after` are those of `before`: same numbers, times and durations.
fn same_frames(before: &Decoded, after: &Decoded, tolerance_nanos: u64, what: &str) {
    let count = before.video.len() as u64;
    assert_eq!(before.numbers(), (0..count).collect::<Vec<_>>(), "{what}: the clip itself");
    assert_eq!(after.numbers(), before.numbers(), "{what}");
    for (number, (a, b)) in before.video.iter().zip(&after.video).enumerate() {
        assert!(
            close(a.pts_nanos, b.pts_nanos, tolerance_nanos),
            "{what}: frame {number}: {} {}",
            a.pts_nanos,
            b.pts_nanos
        );
    }
    for (number, (a, b)) in before.times().windows(2).zip(after.times().windows(2)).enumerate() {
        assert!(
            close(a[1] - a[0], b[1] - b[0], 2 * tolerance_nanos),
            "{what}: frame {number} is shown too long or short"
        );
    }
}

/// The last frame of `after` is shown as long as that of `before`.
fn same_end(before: &Decoded, after: &Decoded, tolerance_nanos: u64, what: &str) {
    assert!(
        close(before.duration_nanos, after.duration_nanos, tolerance_nanos),
        "{what}: ends at {} instead of {}",
        after.duration_nanos,
        before.duration_nanos
    );
}

fn round_trip(clip: &Clip, from: &str, to: &str, tolerance_nanos: u64) -> (Decoded, Decoded) {
    let folder = Folder::new();
    clip.write(&folder.path(from));
    folder.run(&format!("{from} {to}")).good(clip.frames());
    let (before, after) = (decode(&folder.path(from)), decode(&folder.path(to)));
    same_frames(&before, &after, tolerance_nanos, &format!("{from} to {to}"));
    assert_eq!(folder.names(), if from < to { [from, to] } else { [to, from] });
    (before, after)
}

#[test]
fn constant_rates_are_kept() {
    for (number, seconds) in [(25, 1), (30_000, 1001), (24_000, 1001), (60, 1)] {
        let clip = Clip::new(0).rate(number, seconds, 40).sound(AAC);
        let (before, after) = round_trip(&clip, "in.mp4", "out.mp4", MP4_NANOS);
        same_end(&before, &after, 2 * MP4_NANOS, &format!("{number}/{seconds}"));
        assert_eq!(after.raw("framerate"), format!("{number}/{seconds}"));
    }
}

#[test]
fn containers_change_and_the_frames_stay() {
    let clip = Clip::new(30).sound(AAC);
    for (from, to) in [("in.mkv", "out.mp4"), ("in.mp4", "out.mkv"), ("in.mp4", "out.webm"), ("in.mp4", "out.mov")] {
        round_trip(&clip, from, to, MATROSKA_NANOS);
    }
    round_trip(&Clip::new(30).encoder(VP8).sound(OPUS), "in.webm", "out.mp4", MATROSKA_NANOS);
    round_trip(&Clip::new(30).encoder(MJPEG).muxer("qtmux"), "in.mov", "out.mkv", MATROSKA_NANOS);
    round_trip(&Clip::new(30).encoder(FFV1), "in.mkv", "out.webm", MATROSKA_NANOS);
}

#[test]
fn old_and_broadcast_containers_are_read() {
    round_trip(&Clip::new(30).encoder(MPEG4), "in.avi", "out.mp4", MATROSKA_NANOS);
    round_trip(&Clip::new(30).sound(AAC), "in.ts", "out.mp4", MATROSKA_NANOS);
}

#[test]
fn a_variable_rate_stays_variable() {
    let times = [0, 40, 50, 130, 140, 340, 345, 600, 601, 640, 1000, 1040, 1100];
    let (before, _) = round_trip(&Clip::new(0).times_ms(&times).sound(AAC), "in.mkv", "out.mkv", MATROSKA_NANOS);
    assert!(close(before.times()[8], 601_000_000, MATROSKA_NANOS), "the clip itself");
    round_trip(&Clip::new(0).times_ms(&times), "in.mkv", "out.mp4", MATROSKA_NANOS);
    let folder = Folder::new();
    Clip::new(0).times_ms(&times).sound(AAC).write(&folder.path("in.mkv"));
    folder.run("in.mkv once.mp4").good(12);
    folder.run("once.mp4 twice.mp4").good(12);
    let (once, twice) = (decode(&folder.path("once.mp4")), decode(&folder.path("twice.mp4")));
    same_frames(&once, &twice, MP4_NANOS, "again");
}

#[test]
fn b_frames_come_in_the_order_of_showing() {
    for to in ["out.mp4", "out.mkv"] {
        let clip = Clip::new(40).encoder(H264_B).sound(AAC);
        round_trip(&clip, "in.mp4", to, MATROSKA_NANOS);
        round_trip(&clip, "in.mkv", to, MATROSKA_NANOS);
    }
}

#[test]
fn a_late_begin_stays_late() {
    let with_sound = Clip::new(20).later_ms(500).sound_between(AAC, 0, 1300);
    let half =
        |before: &Decoded| assert!(close(before.times()[0], 500_000_000, MATROSKA_NANOS), "{:?}", before.times());
    // A file without sound is read from its first frame on, or written so: only beside sound is there a late begin.
    for (from, to) in [("in.mp4", "out.mp4"), ("in.mp4", "out.mkv"), ("in.mkv", "out.mp4"), ("in.mkv", "out.mkv")] {
        half(&round_trip(&with_sound, from, to, MATROSKA_NANOS).0);
    }
}
