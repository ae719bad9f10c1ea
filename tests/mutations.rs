//! Broken files of all containers through the whole program. However a file is broken, the program ends in time, in bounded
//! memory, with the code of a bad input (3), of a damaged one (7) or of a good one (0), in one line, and leaves nothing
//! behind that is not whole.
//!
//! `STYLIZE_MUTATIONS` files are tried (a few dozen, if it is not set), from number `STYLIZE_MUTATION` on; the file of each
//! number is the same whenever it is made. One that fails is kept in `target/mutations/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use common::clip::{AAC, Clip, FFV1, H264_B, MJPEG, MP3, MPEG4, OPUS, PCM, VORBIS, VP8};
use common::{Folder, model};

/// Files that are tried when nobody says how many.
const A_FEW: u64 = 36;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// Address space of the program, in KiB: more than the memory that it is told to keep to, since not all is used.
const MOST_SPACE_KIB: u64 = 6_000_000;

/// Numbers that look random; all of a file come from its own number (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        dice.throw(2);
        dice
    }

    fn throw(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % below.max(1)
    }

    fn place(&mut self, bytes: &[u8]) -> usize {
        self.throw(bytes.len() as u64) as usize
    }
}

/// Files that are whole, in all containers.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let clip = || Clip::new(12).size(96, 64);
    let folder = Folder::new();
    let clips: [(&'static str, Clip); 13] = [
        ("a.mp4", clip().sound(AAC)),
        ("b.mp4", clip().encoder(H264_B).sound(MP3).muxer("mp4mux faststart=true")),
        ("c.mp4", clip().sound(AAC).muxer("mp4mux fragment-duration=100")),
        ("d.mov", clip().encoder(MJPEG).sound(PCM)),
        ("e.mov", clip().sound(AAC).sound(AAC)),
        ("f.mkv", clip().encoder(H264_B).sound(AAC)),
        ("g.mkv", clip().encoder(FFV1).sound(PCM)),
        ("h.mkv", clip().encoder(MPEG4).sound(VORBIS).subtitles()),
        ("i.webm", clip().encoder(VP8).sound(OPUS)),
        ("j.avi", clip().encoder(MPEG4).sound(MP3)),
        ("k.avi", clip().encoder(MJPEG).sound(PCM)),
        ("l.ts", clip().sound(AAC)),
        ("m.ts", clip().encoder(H264_B)),
    ];
    let files = clips.into_iter().map(|(name, clip)| {
        clip.write(&folder.path(name));
        (name, fs::read(folder.path(name)).unwrap())
    });
    let mut seeds: Vec<_> = files.collect();
    let picture = image::RgbImage::from_fn(48, 32, |x, y| image::Rgb([x as u8 * 5, y as u8 * 7, (x * y) as u8]));
    for name in ["n.png", "o.jpg", "p.gif"] {
        picture.save(folder.path(name)).unwrap();
        seeds.push((name, fs::read(folder.path(name)).unwrap()));
    }
    seeds
}

/// Names that stand behind a size: of boxes in MP4, of chunks in AVI and PNG.
fn is_name(four: &[u8]) -> bool {
    four.iter().all(u8::is_ascii_alphanumeric)
}

/// Breaks `bytes` in one way.
fn break_once(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.len() < 16 {
        return;
    }
    let at = dice.place(bytes);
    let len = (1 + dice.throw(400) as usize).min(bytes.len() - at);
    match dice.throw(8) {
        0 => (0..=dice.throw(24)).for_each(|_| {
            let place = dice.place(bytes);
            bytes[place] ^= 1 << dice.throw(8);
        }),
        1 => bytes[at..at + len].fill_with(|| dice.throw(256) as u8),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..at + len)),
        4 => {
            let block = bytes[at..at + len].to_vec();
            let to = dice.place(bytes);
            bytes.splice(to..to, block);
        }
        5 => {
            let other = dice.place(bytes).min(bytes.len() - len);
            (0..len).for_each(|index| bytes.swap(at + index, other + index));
        }
        6 => break_size(bytes, dice),
        _ => {
            // In the headers, where a byte weighs more.
            let place = dice.throw(bytes.len().min(400) as u64) as usize;
            bytes[place] = dice.throw(256) as u8;
        }
    }
}

/// Sets the number before some name to something that does not fit.
fn break_size(bytes: &mut [u8], dice: &mut Dice) {
    let names: Vec<usize> = (4..bytes.len() - 4).filter(|&at| is_name(&bytes[at..at + 4])).collect();
    let Some(&name) = names.get(dice.throw(names.len() as u64) as usize) else { return };
    let stated = u32::from_be_bytes(bytes[name - 4..name].try_into().unwrap());
    let numbers = [0, 1, 7, 8, stated ^ 1, stated.wrapping_sub(4), stated.wrapping_mul(2), 0x7fff_ffff, u32::MAX];
    let number = numbers[dice.throw(numbers.len() as u64) as usize];
    bytes[name - 4..name].copy_from_slice(&number.to_be_bytes());
}

fn broken(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    (0..=dice.throw(3)).for_each(|_| break_once(&mut bytes, dice));
    bytes
}

/// Runs the program on `name` in `folder`; says what is wrong with how it ended.
fn run(folder: &Folder, name: &str, output: &str) -> Result<i32, String> {
    let script = format!("ulimit -v {MOST_SPACE_KIB}; exec \"$0\" \"$@\"");
    let ended = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_stylize-video")])
        .args([name, output, "-q", "--threads", "2", "--memory-limit", "2G", "--size", "96x64", "--net-size", "64x48"])
        .arg("--style")
        .arg(model("identity"))
        .current_dir(folder.path("."))
        .timeout(PATIENCE)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    let code = ended.status.code().unwrap_or(-1);
    let lines = stderr.lines().count();
    let mut left = folder.names();
    left.retain(|left| left != name);
    let made = [0, 7].contains(&code) && output != "null:";
    let wanted = if made { vec![output.to_owned()] } else { Vec::new() };
    match code {
        0 | 3 | 7 if lines != usize::from(code != 0) => Err(format!("exit {code}, {lines} lines: {stderr}")),
        0 | 3 | 7 if left != wanted => Err(format!("exit {code}, left behind: {left:?}")),
        0 | 3 | 7 => Ok(code),
        _ => Err(format!("exit {code} ({}): {stderr}", ended.status)),
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// Keeps a file that showed a fault.
fn keep(name: &str, number: u64, bytes: &[u8]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mutations");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{number}-{name}"));
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn broken_files_end_in_time_with_3_or_7_or_0() {
    let (first, count) = (number("STYLIZE_MUTATION", 0), number("STYLIZE_MUTATIONS", A_FEW));
    let seeds = seeds();
    let (mut codes, mut faults, mut longest) = ([0; 8], Vec::new(), (Duration::ZERO, 0));
    for number in first..first + count {
        let mut dice = Dice::new(number);
        let (name, seed) = &seeds[number as usize % seeds.len()];
        let bytes = broken(seed, &mut dice);
        let output = ["out.mp4", "out.mkv", "null:"][dice.throw(3) as usize];
        let folder = Folder::new();
        fs::write(folder.path(name), &bytes).unwrap();
        let since = Instant::now();
        match run(&folder, name, output) {
            Ok(code) => codes[code as usize] += 1,
            Err(why) => faults.push(format!("{}, to {output}: {why}", keep(name, number, &bytes))),
        }
        longest = longest.max((since.elapsed(), number));
    }
    println!("{count} files: exit 0 {}, 3 {}, 7 {}; longest {longest:?}", codes[0], codes[3], codes[7]);
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn whole_files_are_good_under_the_same_limits() {
    for (name, bytes) in seeds() {
        let folder = Folder::new();
        fs::write(folder.path(name), bytes).unwrap();
        assert_eq!(run(&folder, name, "out.mkv"), Ok(0), "{name}");
    }
}
