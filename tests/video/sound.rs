//! Sound: passed through where the container can hold it, converted with a warning where not, always in step.

use crate::common::Folder;
use crate::common::clip::{AAC, Clip, MP3, OPUS, PCM, VORBIS, VP8};
use crate::common::read::{Sound, codecs, decode};

/// Samples that an AAC or MP3 decoder needs to find its way in, at the begin and once more where the demuxer drops one.
const PRIMING: usize = 4096;

struct Heard {
    before: Vec<Sound>,
    after: Vec<Sound>,
    /// Codecs of the output.
    codecs: Vec<String>,
    warnings: String,
}

/// Styles `clip` and checks that every track is there and in step.
fn heard(clip: &Clip, from: &str, to: &str) -> Heard {
    let folder = Folder::new();
    clip.write(&folder.path(from));
    let ended = folder.run(&format!("{from} {to}")).good(clip.frames());
    let (before, after) = (decode(&folder.path(from)), decode(&folder.path(to)));
    assert_eq!(after.sound.len(), before.sound.len(), "{from} to {to}");
    let late = after.times()[0] as f64 / 1e9 - before.times()[0] as f64 / 1e9;
    for (a, b) in before.sound.iter().zip(&after.sound) {
        let shift = b.tone_s() - a.tone_s() - late;
        assert!(shift.abs() < 0.010, "{from} to {to}: sound is {shift} s off");
        assert!((a.end_s() - b.end_s()).abs() < 0.080, "{from} to {to}: ends at {} not {}", b.end_s(), a.end_s());
    }
    Heard { before: before.sound, after: after.sound, codecs: codecs(&folder.path(to)), warnings: ended.warnings() }
}

/// As [`heard`], and the sound is the very same.
fn passed(clip: &Clip, from: &str, to: &str, codec: &str) {
    let heard = heard(clip, from, to);
    assert_eq!(heard.warnings, "", "{from} to {to}");
    let sound: Vec<_> = heard.codecs.iter().filter(|name| name.starts_with("audio/")).collect();
    assert!(sound.iter().all(|name| *name == codec), "{from} to {to}: {sound:?}");
    for (a, b) in heard.before.iter().zip(&heard.after) {
        assert!(b.continues(a, PRIMING), "{from} to {to}: other samples ({} and {})", a.samples.len(), b.samples.len());
    }
}

#[test]
fn what_the_container_holds_is_passed_through() {
    let h264 = Clip::new(40);
    passed(&h264.clone().sound(AAC), "in.mp4", "out.mp4", "audio/mpeg-4");
    passed(&h264.clone().sound(AAC), "in.mkv", "out.mp4", "audio/mpeg-4");
    passed(&h264.clone().sound(MP3), "in.mp4", "out.mp4", "audio/mpeg-1");
    passed(&h264.clone().sound(MP3), "in.mkv", "out.mkv", "audio/mpeg-1");
    passed(&h264.clone().sound(AAC), "in.ts", "out.mp4", "audio/mpeg-4");
    let vp8 = Clip::new(40).encoder(VP8);
    passed(&vp8.clone().sound(OPUS), "in.webm", "out.webm", "audio/x-opus");
    passed(&vp8.clone().sound(VORBIS), "in.webm", "out.webm", "audio/x-vorbis");
    passed(&vp8.clone().sound(OPUS), "in.webm", "out.mkv", "audio/x-opus");
    passed(&vp8.clone().sound(VORBIS), "in.webm", "out.mkv", "audio/x-vorbis");
    // MP4 has no exact place for what Opus skips at its begin: in step, but not the same samples.
    let mp4 = heard(&vp8.sound(OPUS), "in.webm", "out.mp4");
    assert_eq!((mp4.codecs[0].as_str(), mp4.warnings.as_str()), ("audio/x-opus", ""));
}

#[test]
fn every_track_is_kept_in_its_order() {
    passed(&Clip::new(40).sound(AAC).sound(AAC), "in.mp4", "out.mp4", "audio/mpeg-4");
    passed(&Clip::new(40).sound(AAC).sound(AAC), "in.mkv", "out.mkv", "audio/mpeg-4");
    let heard = heard(&Clip::new(40).sound(AAC).sound(MP3), "in.mkv", "out.mp4");
    let sound: Vec<_> = heard.codecs.iter().filter(|name| name.starts_with("audio/")).collect();
    assert_eq!(sound, ["audio/mpeg-1", "audio/mpeg-4"]);
}

#[test]
fn pcm_becomes_lossless_sound_in_mp4_with_a_warning() {
    let heard = heard(&Clip::new(30).sound(PCM), "in.mkv", "out.mp4");
    assert!(heard.codecs.contains(&"audio/x-alac".into()), "{:?}", heard.codecs);
    assert!(heard.warnings.contains("ALAC"), "{}", heard.warnings);
    let (before, after) = (&heard.before[0].samples, &heard.after[0].samples);
    assert_eq!(before[..], after[..before.len()], "lossless");
}

#[test]
fn what_webm_cannot_hold_becomes_opus_with_a_warning() {
    let heard = heard(&Clip::new(30).sound(AAC), "in.mp4", "out.webm");
    assert!(heard.codecs.contains(&"audio/x-opus".into()), "{:?}", heard.codecs);
    assert!(heard.warnings.contains("Opus"), "{}", heard.warnings);
}

#[test]
fn sound_that_begins_or_ends_elsewhere_stays_where_it_is() {
    for (begin, end) in [(500, 1600), (0, 700), (0, 2500), (400, 900)] {
        let clip = Clip::new(40).sound_between(AAC, begin, end);
        heard(&clip, "in.mp4", "out.mp4");
        heard(&clip, "in.mkv", "out.mkv");
    }
    heard(&Clip::new(30).sound(AAC).later_ms(500), "in.mp4", "out.mp4");
    heard(&Clip::new(30).sound(AAC).later_ms(500), "in.mkv", "out.mp4");
}

#[test]
fn a_track_of_sound_that_begins_behind_the_part_is_left_out_and_said() {
    let folder = Folder::new();
    // As it is stored, the video of less than a second fills the queue before the decoder: what comes later is not read yet.
    let clip = Clip::new(60).size(640, 480).encoder("identity").sound(AAC).sound_between(AAC, 2000, 2400);
    clip.write(&folder.path("in.mkv"));
    for to in ["out.mp4", "out.mov"] {
        let ended = folder.run(&format!("in.mkv {to} --frames 10")).good(10);
        assert!(ended.warnings().contains("sound is missing"), "{to}: {}", ended.warnings());
        let decoded = decode(&folder.path(to));
        assert_eq!((decoded.numbers(), decoded.sound.len()), ((0..10).collect(), 1), "{to}");
    }
}

#[test]
fn sound_that_ends_before_the_part_is_left_out_and_said() {
    let folder = Folder::new();
    Clip::new(100).sound_between(AAC, 0, 1000).write(&folder.path("in.mp4"));
    // The first is near enough for packets of the run-up, the second for none.
    for (start, to) in [("1.2", "out.mp4"), ("1.2", "out.mkv"), ("3.6", "out.mp4"), ("3.6", "out.mov")] {
        let ended =
            folder.run(&format!("in.mp4 {to} --start {start} --force")).good(if start == "1.2" { 70 } else { 10 });
        assert!(ended.warnings().contains("sound is missing"), "{start} {to}: {}", ended.warnings());
    }
}

#[test]
fn no_sound_gives_no_sound() {
    let folder = Folder::new();
    Clip::new(20).write(&folder.path("silent.mp4"));
    Clip::new(20).sound(AAC).sound(AAC).write(&folder.path("loud.mp4"));
    assert_eq!(folder.run("silent.mp4 a.mp4").good(20).warnings(), "");
    assert_eq!(folder.run("loud.mp4 b.mp4 --no-audio").good(20).warnings(), "");
    for name in ["a.mp4", "b.mp4"] {
        assert_eq!(codecs(&folder.path(name)), ["video/x-h264"]);
    }
}
