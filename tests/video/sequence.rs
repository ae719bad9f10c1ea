//! Numbered pictures, in and out.

use std::fs;
use std::ops::RangeInclusive;

use crate::common::Folder;
use crate::common::clip::{AAC, Clip};
use crate::common::read::{Decoded, Picture, decode};

/// A folder whose `p` holds pictures of the `numbers`, each carrying its number less the first.
fn pictures(numbers: RangeInclusive<u64>) -> Folder {
    let folder = Folder::new();
    Clip::new(numbers.end() - numbers.start() + 1).write(&folder.path("clip.mkv"));
    for name in ["made", "p"] {
        fs::create_dir(folder.path(name)).unwrap();
    }
    folder.run("clip.mkv made/%d.png").good(numbers.end() - numbers.start() + 1);
    for number in numbers.clone() {
        let made = folder.path(&format!("made/{}.png", number - numbers.start() + 1));
        fs::rename(made, folder.path(&format!("p/{number:04}.png"))).unwrap();
    }
    folder
}

fn numbers(folder: &Folder, of: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.path(of)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The number that the picture of this name carries.
fn carried(folder: &Folder, name: &str) -> u64 {
    let picture = image::open(folder.path(name)).unwrap().into_rgb8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Picture { pts_nanos: 0, duration_nanos: None, width, height, planes: vec![picture.into_raw()] }.number()
}

fn times_ms(decoded: &Decoded) -> Vec<u64> {
    decoded.times().iter().map(|nanos| (nanos + 500_000) / 1_000_000).collect()
}

#[test]
fn a_video_becomes_numbered_pictures() {
    let folder = Folder::new();
    Clip::new(12).sound(AAC).write(&folder.path("in.mp4"));
    fs::create_dir(folder.path("out")).unwrap();
    let ended = folder.run("in.mp4 out/a%%b_%03d.png").good(12);
    assert!(ended.warnings().contains("sound"), "{}", ended.warnings());
    let expected: Vec<_> = (1..=12).map(|number| format!("a%b_{number:03}.png")).collect();
    assert_eq!(numbers(&folder, "out"), expected);
    for (number, name) in expected.iter().enumerate() {
        assert_eq!(carried(&folder, &format!("out/{name}")), number as u64, "{name}");
    }
    let ended = folder.run("in.mp4 out/%d.jpg --start 0.2 --frames 3 --no-audio").good(3);
    assert_eq!(ended.warnings(), "");
    assert_eq!((1..=3).map(|n| carried(&folder, &format!("out/{n}.jpg"))).collect::<Vec<_>>(), [5, 6, 7]);
}

#[test]
fn pictures_become_a_video_of_their_rate() {
    let folder = pictures(8..=15);
    folder.run("p/%04d.png out.mkv").good(8);
    let decoded = decode(&folder.path("out.mkv"));
    assert_eq!((decoded.numbers(), times_ms(&decoded)), ((0..8).collect(), (0..8).map(|n| n * 40).collect()));
    folder.run("p/%04d.png ntsc.mp4 --fps 30000/1001").good(8);
    let decoded = decode(&folder.path("ntsc.mp4"));
    assert_eq!((decoded.numbers(), decoded.raw("framerate").as_str()), ((0..8).collect(), "30000/1001"));
    let ended = folder.run("p/%04d.png out.mkv --force --fps 10 --start 0.2 --end 0.6").good(4);
    assert!(ended.stderr.contains("at 10 fps"), "{}", ended.stderr);
    let decoded = decode(&folder.path("out.mkv"));
    assert_eq!((decoded.numbers(), times_ms(&decoded)), (vec![2, 3, 4, 5], vec![0, 100, 200, 300]));
    let ended = folder.run("clip.mkv p/%04d.png -o styled").report;
    assert_eq!((&ended[1]["output"], &ended[1]["frames_out"]), (&"styled/p.mkv".into(), &8.into()));
}

#[test]
fn pictures_become_pictures_of_the_same_numbers() {
    let folder = pictures(98..=103);
    fs::create_dir(folder.path("out")).unwrap();
    folder.run("p/%04d.png out/%d.png --start 0.04 --frames 4").good(4);
    assert_eq!(numbers(&folder, "out"), ["100.png", "101.png", "102.png", "99.png"]);
    assert_eq!(carried(&folder, "out/102.png"), 4);
    folder.run("p/%04d.png one.png").refused(2, "--frames 1");
    folder.run("p/%04d.png one.png --frames 1").good(1);
}

#[test]
fn row_29_pictures_that_are_read_are_not_written_over() {
    let folder = pictures(1..=4);
    std::os::unix::fs::symlink("p", folder.path("link")).unwrap();
    fs::hard_link(folder.path("p/0003.png"), folder.path("hard.png")).unwrap();
    let before: Vec<_> = (1..=4).map(|number| fs::read(folder.path(&format!("p/{number:04}.png"))).unwrap()).collect();
    for to in ["p/%04d.png", "p/%4d.png", "./p/../p/%04d.png", "link/%04d.png", "p/0002.png --frames 1"] {
        folder.run(&format!("p/%04d.png {to} --force")).refused(2, "pictures");
    }
    folder.run("p/%04d.png hard.png --force --frames 1").refused(2, "pictures");
    let after: Vec<_> = (1..=4).map(|number| fs::read(folder.path(&format!("p/{number:04}.png"))).unwrap()).collect();
    assert!(before == after);
    folder.run("p/%04d.png p/x%d.png").good(4);
}

#[test]
fn a_gap_ends_the_pictures_and_is_said() {
    let folder = pictures(1..=9);
    fs::remove_file(folder.path("p/0006.png")).unwrap();
    let ended = folder.run("p/%04d.png out.mkv").good(5);
    assert!(ended.warnings().contains("0006.png") && ended.warnings().contains("3 behind"), "{}", ended.warnings());
    folder.run("q/%04d.png none.mkv").refused(3, "no such file or directory");
    folder.run("p/%05d.png none.mkv").refused(3, "p/%05d.png");
    folder.run("p/%04d.png none.mkv --start 9").refused(2, "--start");
    assert!(!folder.path("none.mkv").exists());
}

#[test]
fn pictures_that_differ_or_are_damaged_keep_the_time() {
    let folder = pictures(1..=6);
    let large = image::open(folder.path("p/0003.png")).unwrap().resize_exact(96, 96, image::imageops::Nearest);
    large.save(folder.path("p/0003.png")).unwrap();
    let ended = folder.run("p/%04d.png out.mkv").good(6);
    assert!(ended.warnings().contains("differ in size: all became 64x48"), "{}", ended.warnings());
    assert_eq!(decode(&folder.path("out.mkv")).numbers(), [0, 1, 2, 3, 4, 5]);
    let whole = fs::read(folder.path("p/0004.png")).unwrap();
    fs::write(folder.path("p/0004.png"), &whole[..whole.len() / 2]).unwrap();
    let ended = folder.run("p/%04d.png out.mkv --force");
    assert_eq!((ended.code, &ended.report["frames_damaged"]), (7, &1.into()), "{}", ended.stderr);
    assert!(ended.warnings().contains("0004.png"), "{}", ended.warnings());
    assert_eq!(decode(&folder.path("out.mkv")).numbers(), [0, 1, 2, 2, 4, 5]);
    fs::write(folder.path("p/0001.png"), "no picture").unwrap();
    folder.run("p/%04d.png out.mkv --force").refused(3, "0001.png");
}

#[test]
fn pictures_that_are_there_need_force() {
    let folder = pictures(1..=4);
    fs::create_dir(folder.path("out")).unwrap();
    fs::write(folder.path("out/3.png"), "precious").unwrap();
    fs::write(folder.path("out/77.png"), "older").unwrap();
    folder.run("p/%04d.png out/%d.png").refused(4, "out/3.png");
    assert_eq!(numbers(&folder, "out"), ["3.png", "77.png"]);
    let ended = folder.run("p/%04d.png out/%d.png --force").good(4);
    assert!(ended.warnings().contains("1 older"), "{}", ended.warnings());
    assert_eq!(
        (carried(&folder, "out/3.png"), fs::read_to_string(folder.path("out/77.png")).unwrap()),
        (2, "older".into())
    );
    folder.run("p/%04d.png none/%d.png").refused(4, "folder");
}

#[test]
fn what_was_written_before_a_failure_stays_and_is_said() {
    let folder = pictures(1..=6);
    fs::create_dir_all(folder.path("out/4.png")).unwrap();
    fs::write(folder.path("out/4.png/x"), "").unwrap();
    folder.run("p/%04d.png out/%d.png --force").refused(4, "the 3 pictures before it stay");
    assert_eq!(numbers(&folder, "out"), ["1.png", "2.png", "3.png", "4.png"]);
}
