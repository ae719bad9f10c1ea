//! Parts of an input: exactly the frames that are meant.

use crate::common::Folder;
use crate::common::clip::{AAC, Clip, FFV1, H264_B, OPUS, VP8};
use crate::common::read::decode;

/// A moment as `--start` takes it.
fn moment(nanos: u64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

fn clips() -> Vec<(&'static str, Clip)> {
    let uneven =
        [0, 40, 50, 130, 140, 340, 345, 600, 601, 640, 1000, 1040, 1100, 1300, 1301, 1400, 1500, 1510, 1520, 1600];
    vec![
        ("b.mp4", Clip::new(0).rate(30_000, 1001, 40).encoder(H264_B).sound(AAC)),
        ("b.mkv", Clip::new(40).encoder(H264_B).sound(AAC)),
        ("a.ts", Clip::new(40).sound(AAC)),
        ("a.webm", Clip::new(40).encoder(VP8).sound(OPUS)),
        ("uneven.mkv", Clip::new(0).times_ms(&uneven).encoder(H264_B).sound(AAC)),
        ("uneven.mp4", Clip::new(0).times_ms(&uneven).sound(AAC)),
    ]
}

/// Parts of a whole: where each begins, the rest of its words, and the frames that are shown in it.
fn parts(times: &[u64], from: usize, to: usize) -> [(u64, String, std::ops::Range<usize>); 4] {
    let (start, end) = (times[from], times[to]);
    let middle = start + (times[from + 1] - start) / 2;
    [
        (start, format!("--end {}", moment(end)), from..to),
        (start, format!("--frames {}", to - from), from..to),
        (middle, format!("--end {}", moment(end)), from..to),
        (start, format!("--end {}", moment(end + 1_000_000)), from..to + 1),
    ]
}

#[test]
fn the_frames_of_a_part_are_those_of_the_whole() {
    for (name, clip) in clips() {
        let folder = Folder::new();
        clip.write(&folder.path(name));
        let times = decode(&folder.path(name)).times();
        for (from, to) in [(0, 1), (3, 9), (12, 17)] {
            for (start, rest, frames) in parts(&times, from, to) {
                let words = format!("--start {} {rest}", moment(start));
                folder.run(&format!("{name} part.mkv --force --lossless {words}")).good(frames.len() as u64);
                let part = decode(&folder.path("part.mkv"));
                let expected: Vec<u64> = frames.clone().map(|number| number as u64).collect();
                assert_eq!(part.numbers(), expected, "{name} {words}");
                for (frame, number) in part.video.iter().zip(frames) {
                    let expected = times[number].saturating_sub(start);
                    let pts = frame.pts_nanos;
                    assert!(pts.abs_diff(expected) <= 1_000_001, "{name} {words}: {number} at {pts}, not {expected}");
                }
                let (length, sound) = ((times[to] - start) as f64 / 1e9, part.sound[0].end_s());
                assert!((sound - length).abs() < 0.1, "{name} {words}: {sound} s of sound for {length} s");
            }
        }
    }
}

/// A part that begins far behind a key frame, and one of a long file: sound and picture stay together.
#[test]
fn sound_and_picture_of_a_part_stay_together() {
    for name in ["in.mp4", "in.mkv", "in.ts"] {
        let folder = Folder::new();
        Clip::new(250).encoder(H264_B).sound_between(AAC, 5000, 10_000).write(&folder.path(name));
        let whole = decode(&folder.path(name));
        let tone = whole.sound[0].tone_s();
        for start_ms in [1000, 3520, 4900] {
            let start = start_ms as f64 / 1000.0;
            let ended = folder.run(&format!("{name} part.mkv --force --start {start}"));
            let first = start_ms / 40;
            ended.good(250 - first);
            let part = decode(&folder.path("part.mkv"));
            assert_eq!(part.numbers(), (first..250).collect::<Vec<_>>(), "{name} {start}");
            let (found, expected) = (part.sound[0].tone_s(), tone - start);
            assert!((found - expected).abs() < 0.002, "{name} {start}: tone at {found} s instead of {expected}");
        }
    }
}

#[test]
fn where_the_input_breaks_off_behind_a_part_nothing_is_lost() {
    let folder = Folder::new();
    Clip::new(40).encoder(FFV1).write(&folder.path("whole.mkv"));
    let bytes = std::fs::read(folder.path("whole.mkv")).unwrap();
    std::fs::write(folder.path("in.mkv"), &bytes[..bytes.len() / 2]).unwrap();
    let ended = folder.run("in.mkv all.mkv");
    let frames = ended.report["frames_out"].as_u64().unwrap();
    assert!(ended.code == 7 && (5..40).contains(&frames), "exit {}, {frames} frames", ended.code);
    folder.run(&format!("in.mkv part.mkv --frames {frames}")).good(frames);
    assert_eq!(decode(&folder.path("part.mkv")).numbers(), (0..frames).collect::<Vec<_>>());
}
