//! What the frames look like: identity gives the source picture, inversion inverts it, sizes and colours are as asked.

use crate::common::Folder;
use crate::common::clip::{Clip, FFV1, VP8};
use crate::common::read::{Decoded, Picture, bitstream, decode, decode_as};

/// Codes that conversion to RGB may cost.
const ROUNDING: u8 = 1;
/// The same where chroma is sampled between other pixels.
const TURNED: u8 = 40;

/// Greatest difference of two pictures' samples where colours are flat: between two colours, conversions differ in how
/// they interpolate.
fn difference(a: &Picture, b: &Picture) -> u8 {
    assert_eq!((a.width, a.height, a.planes.len()), (b.width, b.height, b.planes.len()));
    let (width, height) = (a.width, a.height);
    let flat = |index: usize| {
        let (x, y) = (index % width, index / width);
        y.abs_diff(height / 2) > 4 && (x < width / 3 - 4 || x > 2 * width / 3 + 4)
    };
    let differences = a.planes.iter().zip(&b.planes).flat_map(|(a, b)| a.iter().zip(b).enumerate());
    differences.filter(|(index, _)| flat(*index)).map(|(_, (a, b))| a.abs_diff(*b)).max().unwrap()
}

/// `clip` and what comes of it, neither changed by a lossy codec.
fn lossless(clip: Clip, words: &str) -> (Decoded, Decoded) {
    let folder = Folder::new();
    let (clip, from) = (clip.encoder(FFV1), "in.mkv");
    clip.write(&folder.path(from));
    folder.run(&format!("{from} out.mkv --lossless {words}")).good(clip.frames());
    let mut before = decode(&folder.path(from));
    let colorimetry: gst_video::VideoColorimetry = before.raw("colorimetry").parse().unwrap();
    before.video.iter_mut().for_each(|picture| *picture = in_rgb(picture, &colorimetry));
    (before, decode_as(&folder.path("out.mkv"), "GBR"))
}

/// An I420 picture as planes G, B, R, in double precision (GStreamer's own conversion is some codes off). Chroma is that
/// of the nearest sample.
fn in_rgb(picture: &Picture, colorimetry: &gst_video::VideoColorimetry) -> Picture {
    let (kr, kb) = colorimetry.matrix().kr_kb().unwrap();
    let full = colorimetry.range() == gst_video::VideoColorRange::Range0_255;
    let (black, luma, chroma) = if full { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
    let mut planes = vec![Vec::new(); 3];
    for index in 0..picture.width * picture.height {
        let (x, y) = (index % picture.width, index / picture.width);
        let code = |plane: usize, index: usize| f64::from(picture.planes[plane][index]);
        let half = y / 2 * picture.width.div_ceil(2) + x / 2;
        let light = (code(0, index) - black) / luma;
        let (cb, cr) = ((code(1, half) - 128.0) / chroma, (code(2, half) - 128.0) / chroma);
        let (red, blue) = (light + 2.0 * (1.0 - kr) * cr, light + 2.0 * (1.0 - kb) * cb);
        let green = (light - kr * red - kb * blue) / (1.0 - kr - kb);
        for (plane, value) in planes.iter_mut().zip([green, blue, red]) {
            plane.push((value * 255.0).round().clamp(0.0, 255.0) as u8);
        }
    }
    Picture { planes, ..picture.clone() }
}

#[test]
fn identity_gives_the_source_picture_whatever_its_colours() {
    // BT.601, BT.709, SMPTE 240M and FCC, limited and full range.
    for colorimetry in ["bt601", "bt709", "1:4:0:0", "1:3:5:1", "2:3:5:1", "2:4:16:4", "smpte240m", "2:2:5:2"] {
        let clip = Clip::new(3).colorimetry(colorimetry);
        let (before, after) = lossless(clip, "");
        for (a, b) in before.video.iter().zip(&after.video) {
            let most = difference(a, b);
            assert!(most <= ROUNDING, "{colorimetry} ({}): {most} steps off", before.raw("colorimetry"));
        }
    }
}

#[test]
fn lossless_is_bit_for_bit() {
    let folder = Folder::new();
    let picture = image::RgbImage::from_fn(33, 17, |x, y| image::Rgb([x as u8 * 7, y as u8 * 15, (x * y % 251) as u8]));
    picture.save(folder.path("in.png")).unwrap();
    folder.run("in.png out.mkv --lossless").good(1);
    let decoded = decode_as(&folder.path("out.mkv"), "GBR");
    for (plane, channel) in [1, 2, 0].into_iter().enumerate() {
        let expected: Vec<u8> = picture.pixels().map(|pixel| pixel.0[channel]).collect();
        assert!(decoded.video[0].planes[plane] == expected, "channel {channel}");
    }
}

#[test]
fn no_strength_gives_the_source_picture_of_any_style() {
    let (before, after) = lossless(Clip::new(3), "--style @invert --strength 0");
    assert!(before.video.iter().zip(&after.video).all(|(a, b)| difference(a, b) <= ROUNDING));
}

#[test]
fn inversion_inverts_and_strength_mixes() {
    let (before, after) = lossless(Clip::new(3), "--style @invert");
    for (a, b) in before.video.iter().zip(&after.video) {
        assert_eq!(b.number(), a.number() ^ 0xffff);
        let inverted = a.planes.iter().map(|plane| plane.iter().map(|code| 255 - code).collect());
        let inverted = Picture { planes: inverted.collect(), ..a.clone() };
        let most = difference(&inverted, b);
        assert!(most <= ROUNDING, "{most} steps off");
    }
    let (_, grey) = lossless(Clip::new(3), "--style @invert --strength 0.5");
    let mut codes = grey.video.iter().flat_map(|picture| picture.planes.iter().flatten());
    assert!(codes.all(|code| (126..=130).contains(code)), "half of a picture and half of its negative is grey");
}

#[test]
fn tags_of_colour_come_along() {
    for colorimetry in ["bt601", "bt709", "1:3:5:1", "1:4:16:4", "smpte240m"] {
        let folder = Folder::new();
        Clip::new(3).colorimetry(colorimetry).write(&folder.path("in.mkv"));
        for to in ["out.mp4", "out.mkv"] {
            folder.run(&format!("in.mkv {to}")).good(3);
            // GStreamer's own reading of MP4's colour box takes full range for limited: the bitstream is what counts.
            let (before, after) = (bitstream(&folder.path("in.mkv")), bitstream(&folder.path(to)));
            assert_eq!(after.raw("colorimetry"), before.raw("colorimetry"), "{to}");
            assert_eq!(after.raw("colorimetry"), colorimetry, "{to}");
            let most = before.video.iter().zip(&after.video).map(|(a, b)| difference(a, b)).max();
            assert!(most <= Some(30), "{colorimetry} {to}: {most:?}");
        }
    }
}

#[test]
fn row_12_odd_sizes_become_even_only_where_the_codec_needs_it() {
    let folder = Folder::new();
    Clip::new(5).size(33, 17).encoder(FFV1).write(&folder.path("in.mkv"));
    let ended = folder.run("in.mkv out.mp4").good(5);
    assert!(ended.warnings().contains("34x18"), "{}", ended.warnings());
    assert_eq!((&ended.report["net_width"], &ended.report["net_height"]), (&33.into(), &17.into()));
    assert_eq!(folder.run("in.mkv out.webm").good(5).warnings(), "");
    folder.run("in.mkv lossless.mkv --lossless").good(5);
    let size = |name: &str| {
        let decoded = decode(&folder.path(name));
        assert_eq!(decoded.numbers(), [0, 1, 2, 3, 4], "{name}");
        (decoded.video[0].width, decoded.video[0].height)
    };
    assert_eq!((size("out.mp4"), size("out.webm"), size("lossless.mkv")), ((34, 18), (33, 17), (33, 17)));
}

#[test]
fn row_13_the_smallest_sizes_work_or_are_refused_in_words() {
    let folder = Folder::new();
    Clip::new(3).size(16, 16).write(&folder.path("16.mp4"));
    folder.run("16.mp4 out.mp4").good(3);
    folder.run("16.mp4 out.webm").good(3);
    Clip::new(3).size(8, 8).encoder(FFV1).write(&folder.path("8.mkv"));
    folder.run("8.mkv small.mp4").refused(4, "16x16");
    folder.run("8.mkv small.mkv --lossless").good(3);
    folder.run("8.mkv large.mp4 --size 64x64").good(3);
    assert_eq!(folder.names(), ["16.mp4", "8.mkv", "large.mp4", "out.mp4", "out.webm", "small.mkv"]);
}

#[test]
fn sizes_of_output_and_network_are_apart() {
    let folder = Folder::new();
    Clip::new(5).size(160, 120).write(&folder.path("in.mp4"));
    for (words, out, net) in [
        ("", (160, 120), (160, 120)),
        ("--size 96x64", (96, 64), (160, 120)),
        ("--size 60p", (80, 60), (160, 120)),
        ("--size 320x240", (320, 240), (160, 120)),
        ("--net-size 60p", (160, 120), (80, 60)),
        ("--net-size 200x100 --size 90p", (120, 90), (200, 100)),
    ] {
        let report = folder.run(&format!("in.mp4 out.mkv --force {words}")).good(5).report;
        assert_eq!((&report["net_width"], &report["net_height"]), (&net.0.into(), &net.1.into()), "{words}");
        let decoded = decode(&folder.path("out.mkv"));
        assert_eq!((decoded.video[0].width, decoded.video[0].height), out, "{words}");
        assert_eq!(decoded.numbers(), [0, 1, 2, 3, 4], "{words}");
    }
}

/// Matrices of the track header: quarter turns to the right, and the same mirrored; and what Matroska says instead of each,
/// yaw and roll.
const TURNS: [([i32; 4], (f32, f32)); 8] = [
    ([1, 0, 0, 1], (0.0, 0.0)),
    ([0, 1, -1, 0], (0.0, -90.0)),
    ([-1, 0, 0, -1], (0.0, 180.0)),
    ([0, -1, 1, 0], (0.0, 90.0)),
    ([-1, 0, 0, 1], (180.0, 0.0)),
    ([0, 1, 1, 0], (180.0, 90.0)),
    ([1, 0, 0, -1], (180.0, 180.0)),
    ([0, -1, -1, 0], (180.0, -90.0)),
];

/// Writes `turn` into the header of the first track of an mp4 file.
fn turn(path: &std::path::Path, turn: [i32; 4]) {
    let mut bytes = std::fs::read(path).unwrap();
    let find = |what: &[u8], from: usize| bytes[from..].windows(4).position(|four| four == what).unwrap() + from;
    let header = find(b"tkhd", find(b"moov", 0)) + 4;
    let matrix = header + if bytes[header] == 0 { 40 } else { 52 };
    for (place, value) in [0, 1, 3, 4].into_iter().zip(turn) {
        bytes[matrix + 4 * place..][..4].copy_from_slice(&(value << 16).to_be_bytes());
    }
    std::fs::write(path, bytes).unwrap();
}

/// Writes a projection of `yaw` and `roll` into the first track of a Matroska file that was streamed: nothing in it says
/// where anything is. GStreamer gives all sizes here eight bytes.
fn roll(path: &std::path::Path, (yaw, roll): (f32, f32)) {
    let mut bytes = std::fs::read(path).unwrap();
    let pose = [&[0x76, 0x73, 0x84][..], &yaw.to_be_bytes(), &[0x76, 0x75, 0x84], &roll.to_be_bytes()].concat();
    let projection = [&[0x76, 0x70, 0x80 | pose.len() as u8][..], &pose].concat();
    let mut at = 0;
    for id in [&[0x16, 0x54, 0xAE, 0x6B, 1][..], &[0xAE, 1], &[0xE0, 1]] {
        at += bytes[at..].windows(id.len()).position(|here| here == id).unwrap() + id.len() - 1;
        let size = u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap()) + projection.len() as u64;
        bytes[at..at + 8].copy_from_slice(&size.to_be_bytes());
        at += 8;
    }
    bytes.splice(at..at, projection);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn row_11_a_clip_that_is_to_be_turned_or_mirrored_is() {
    for (matrix, pose) in TURNS {
        let folder = Folder::new();
        Clip::new(3).write(&folder.path("in.mp4"));
        turn(&folder.path("in.mp4"), matrix);
        Clip::new(3).muxer("matroskamux streamable=true").write(&folder.path("in.mkv"));
        roll(&folder.path("in.mkv"), pose);
        for from in ["in.mp4", "in.mkv"] {
            is_turned(&folder, from, matrix);
        }
    }
}

/// Whether what comes of `from`, of 64x48, lies as `matrix` says.
fn is_turned(folder: &Folder, from: &str, matrix: [i32; 4]) {
    let report = folder.run(&format!("{from} out.mkv --lossless --force")).good(3).report;
    let (before, after) = (decode_as(&folder.path(from), "GBR"), decode_as(&folder.path("out.mkv"), "GBR"));
    let upright = matrix[0] != 0;
    let (width, height) = if upright { (64, 48) } else { (48, 64) };
    assert_eq!((after.video[0].width, after.video[0].height), (width, height), "{from} {matrix:?}");
    assert_eq!((&report["net_width"], &report["net_height"]), (&width.into(), &height.into()));
    // A point of the picture is multiplied from the left; what lies on the negative side of an axis is shifted.
    let [a, b, c, d] = matrix;
    let place = |x: i32, y: i32| {
        let (to_x, to_y) = (a * x + c * y, b * x + d * y);
        let shift = |to: i32, negative: bool, side: usize| to + if negative { side as i32 - 1 } else { 0 };
        (shift(to_x, a + c < 0, width) as usize, shift(to_y, b + d < 0, height) as usize)
    };
    for (before, after) in before.video.iter().zip(&after.video) {
        for y in 0..48 {
            for x in 0..64 {
                let (to_x, to_y) = place(x as i32, y as i32);
                for (before, after) in before.planes.iter().zip(&after.planes) {
                    let (before, after) = (before[y * 64 + x], after[to_y * width + to_x]);
                    assert!(before.abs_diff(after) <= TURNED, "{from} {matrix:?} {x},{y}: {before} {after}");
                }
            }
        }
    }
}

#[test]
fn a_stream_that_changes_its_size_keeps_the_size_of_the_output() {
    let folder = Folder::new();
    Clip::new(10).write(&folder.path("a.ts"));
    Clip::new(10).size(96, 64).write(&folder.path("b.ts"));
    let joined: Vec<u8> = ["a.ts", "b.ts"].iter().flat_map(|name| std::fs::read(folder.path(name)).unwrap()).collect();
    std::fs::write(folder.path("in.ts"), joined).unwrap();
    let ended = folder.run("in.ts out.mp4");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let decoded = decode(&folder.path("out.mp4"));
    assert!(decoded.video.iter().all(|picture| (picture.width, picture.height) == (64, 48)));
    assert_eq!(decoded.numbers(), (0..10).chain(0..10).collect::<Vec<_>>());
}

#[test]
fn stills_go_in_and_come_out() {
    let folder = Folder::new();
    let mut picture = image::RgbImage::new(33, 17);
    picture.enumerate_pixels_mut().for_each(|(x, y, pixel)| pixel.0 = [x as u8 * 7, y as u8 * 15, 90]);
    picture.save(folder.path("in.png")).unwrap();
    folder.run("in.png same.png").good(1);
    folder.run("in.png out.png --style @invert").good(1);
    folder.run("in.png out.jpg").good(1);
    folder.run("out.jpg again.png").good(1);
    folder.run("in.png out.webm").good(1);
    let read = |name: &str| image::open(folder.path(name)).unwrap().into_rgb8();
    let most = |a: &image::RgbImage, b: &image::RgbImage| a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert_eq!(most(&picture, &read("same.png")), Some(0), "RGB to RGB loses nothing");
    image::imageops::invert(&mut picture);
    assert!(most(&picture, &read("out.png")) <= Some(1));
    image::imageops::invert(&mut picture);
    assert!(most(&picture, &read("out.jpg")) <= Some(30));
    assert!(most(&read("out.jpg"), &read("again.png")) <= Some(1));
    assert_eq!(decode(&folder.path("out.webm")).video.len(), 1);
    Clip::new(10).encoder(VP8).write(&folder.path("clip.webm"));
    folder.run("clip.webm third.png --start 0.12 --frames 1").good(1);
    folder.run("clip.webm many.png").refused(2, "--frames 1");
    assert_eq!(read("third.png").dimensions(), (64, 48));
}
