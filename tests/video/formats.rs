//! Whatever its bits and its chroma, no strength gives the source's picture back: as ffmpeg decodes both.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::read::decode;
use crate::common::{Folder, ffmpeg, skip};

const WIDTH: usize = 96;
const HEIGHT: usize = 64;
const FRAMES: u64 = 2;

/// Samples of a format of ffmpeg's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Samples {
    /// Luma; chroma is this many times less, along rows and columns, and sits so far right of its first luma sample.
    Yuv(usize, usize, f64),
    Gray,
    /// Planes green, blue, red.
    Rgb,
}

const C420: Samples = Samples::Yuv(2, 2, 0.0);
const C422: Samples = Samples::Yuv(2, 1, 0.0);
const C444: Samples = Samples::Yuv(1, 1, 0.0);
const C422_JPEG: Samples = Samples::Yuv(2, 1, 0.5);

/// Y', Cb, Cr in limited codes of 8 bits: soft enough that chroma survives being brought down, and none
/// beyond what R'G'B' can show.
fn soft(x: f64, y: f64) -> [f64; 3] {
    let (across, down) = (x / WIDTH as f64, y / HEIGHT as f64);
    let wave = |turns: f64| (std::f64::consts::TAU * turns).sin();
    [70.0 + 100.0 * across, 128.0 + 26.0 * wave(2.0 * down), 128.0 + 26.0 * wave(1.5 * across + down + 0.25)]
}

/// R, G, B of `soft` in 0..=255, by BT.601.
fn soft_rgb(x: f64, y: f64) -> [f64; 3] {
    let [luma, cb, cr] = soft(x, y);
    let (luma, cb, cr) = ((luma - 16.0) / 219.0, (cb - 128.0) / 224.0, (cr - 128.0) / 224.0);
    let (red, blue) = (luma + 1.402 * cr, luma + 1.772 * cb);
    let green = (luma - 0.299 * red - 0.114 * blue) / 0.587;
    [red, green, blue].map(|value| value * 255.0)
}

/// The bytes of a frame with `bits` bits a sample.
fn picture(samples: Samples, bits: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut push = |value: f64, full: bool| {
        let most = f64::from((1u32 << bits) - 1);
        let code = if full { value * most / 255.0 } else { value * f64::from(1u32 << (bits - 8)) };
        let code = code.round().clamp(0.0, most) as u16;
        bytes.extend_from_slice(&code.to_le_bytes()[..if bits > 8 { 2 } else { 1 }]);
    };
    let each = |across: usize, down: usize| {
        (0..HEIGHT / down).flat_map(move |y| (0..WIDTH / across).map(move |x| (x * across, y * down)))
    };
    match samples {
        Samples::Gray => each(1, 1).for_each(|(x, y)| push(soft(x as f64, y as f64)[0], true)),
        Samples::Rgb => {
            for channel in [1, 2, 0] {
                each(1, 1).for_each(|(x, y)| push(soft_rgb(x as f64, y as f64)[channel], true));
            }
        }
        Samples::Yuv(across, down, right) => {
            each(1, 1).for_each(|(x, y)| push(soft(x as f64, y as f64)[0], false));
            let below = (down as f64 - 1.0) / 2.0;
            for channel in [1, 2] {
                each(across, down).for_each(|(x, y)| push(soft(x as f64 + right, y as f64 + below)[channel], false));
            }
        }
    }
    bytes
}

/// Runs ffmpeg with `words` on `input`; what it writes, or none when it cannot.
fn ffmpeg(words: &str, folder: &Path, input: Vec<u8>) -> Option<Vec<u8>> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]).args(words.split_whitespace()).current_dir(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut stdin = child.stdin.take().unwrap();
    // Written by another thread, since ffmpeg may write before it has read all.
    let writer = std::thread::Builder::new().spawn(move || drop(stdin.write_all(&input))).unwrap();
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.status.success().then_some(output.stdout)
}

/// Luma of the first frame, in codes of 8 bits.
fn luma(bytes: &[u8], bits: u32, full: bool) -> Vec<f64> {
    let bytes = &bytes[..WIDTH * HEIGHT * if bits > 8 { 2 } else { 1 }];
    if bits == 8 {
        return bytes.iter().copied().map(f64::from).collect();
    }
    let unit = if full { f64::from((1u32 << bits) - 1) / 255.0 } else { f64::from(1u32 << (bits - 8)) };
    bytes.chunks_exact(2).map(|two| f64::from(u16::from_le_bytes([two[0], two[1]])) / unit).collect()
}

/// Greatest and mean difference.
fn differences(got: &[u8], wanted: &[f64]) -> (f64, f64) {
    assert_eq!(got.len(), wanted.len());
    let apart = || got.iter().zip(wanted).map(|(got, wanted)| f64::from(*got) - wanted);
    (apart().map(f64::abs).fold(0.0, f64::max), apart().sum::<f64>() / got.len() as f64)
}

/// Values of a chroma plane without its border, where there is nothing to interpolate with.
fn inner<T: Copy>(plane: &[T]) -> Vec<T> {
    let rows = plane.chunks_exact(WIDTH / 2).skip(2).take(HEIGHT / 2 - 4);
    rows.flat_map(|row| row[2..WIDTH / 2 - 2].to_vec()).collect()
}

/// Makes `file` of `pixels` by ffmpeg's `encoder`, runs it through, and compares what ffmpeg says of both. `lost` is what
/// the codec may lose. False if ffmpeg cannot make it.
fn check(file: &str, pixels: &str, (samples, bits): (Samples, u32), encoder: &str, lost: f64) -> bool {
    let folder = Folder::new();
    let size = format!("{WIDTH}x{HEIGHT}");
    let frames = picture(samples, bits).repeat(usize::try_from(FRAMES).unwrap());
    let make = format!("-f rawvideo -pix_fmt {pixels} -s {size} -r 25 -i - {encoder} {file}");
    if ffmpeg(&make, &folder.path(""), frames).is_none() {
        return false;
    }
    folder.run(&format!("{file} out.mkv --codec ffv1 --strength 0")).good(FRAMES);
    let shown = |name: &str, pixels: &str| {
        let words = format!("-i {name} -frames:v 1 -f rawvideo -pix_fmt {pixels} -");
        ffmpeg(&words, &folder.path(""), Vec::new()).unwrap()
    };
    let after = shown("out.mkv", "yuv420p");
    assert_eq!(after.len(), WIDTH * HEIGHT * 3 / 2, "{file}: no 8-bit 4:2:0");
    let raw_format = decode(&folder.path("out.mkv")).raw("format");
    assert!(raw_format.contains("I420"), "{file}: {raw_format}");
    let full = samples == Samples::Gray;
    let wanted = match samples {
        Samples::Rgb => (0..WIDTH * HEIGHT).map(|i| soft((i % WIDTH) as f64, (i / WIDTH) as f64)[0]).collect(),
        _ => luma(&shown(file, pixels), bits, full),
    };
    let (planes, chroma) = after.split_at(WIDTH * HEIGHT);
    let (most, mean) = differences(planes, &wanted);
    // Rounding to 8 bits, and once more on the way to R'G'B' and back.
    assert!(
        most <= 1.05 + lost && mean.abs() <= 0.15 + lost / 4.0,
        "{pixels} in {file}: luma is {most} off, {mean} in the mean"
    );
    let right = if let Samples::Yuv(_, _, right) = samples { right } else { 0.0 };
    for (channel, got) in [1, 2].into_iter().zip(chroma.chunks_exact(WIDTH * HEIGHT / 4)) {
        let value = |i: usize| {
            let (x, y) = (i % (WIDTH / 2), i / (WIDTH / 2));
            if full { 128.0 } else { soft(2.0 * x as f64 + right, 2.0 * y as f64 + 0.5)[channel] }
        };
        let wanted: Vec<f64> = (0..got.len()).map(value).collect();
        let (most, mean) = differences(&inner(got), &inner(&wanted));
        // The triangles that bring chroma up and down take a little from its waves.
        assert!(
            most <= 1.4 + lost && mean.abs() <= 0.15 + lost / 4.0,
            "{pixels} in {file}: chroma is {most} off, {mean} in the mean"
        );
    }
    true
}

#[test]
fn no_strength_gives_back_every_pixel_format() {
    if !ffmpeg::is_here() {
        return;
    }
    for (pixels, samples, bits) in [
        ("yuv420p10le", C420, 10),
        ("yuv420p12le", C420, 12),
        ("yuv422p", C422, 8),
        ("yuv422p10le", C422, 10),
        ("yuv422p12le", C422, 12),
        ("yuv444p", C444, 8),
        ("yuv444p10le", C444, 10),
        ("yuv444p12le", C444, 12),
        ("gray", Samples::Gray, 8),
        ("gray16le", Samples::Gray, 16),
        ("gbrp10le", Samples::Rgb, 10),
        ("gbrp12le", Samples::Rgb, 12),
    ] {
        // RGB of more bits is brought to 8 by GStreamer, which dithers.
        let lost = if samples == Samples::Rgb { 0.5 } else { 0.0 };
        assert!(check("in.mkv", pixels, (samples, bits), "-c:v ffv1", lost), "{pixels}: ffmpeg could not make it");
    }
}

#[test]
fn no_strength_gives_back_the_formats_of_other_codecs() {
    if !ffmpeg::is_here() {
        return;
    }
    for (file, pixels, samples, encoder, lost) in [
        ("in.mp4", "yuv420p10le", (C420, 10), "-c:v libx264 -qp 0", 0.0),
        ("in.mp4", "yuv422p", (C422, 8), "-c:v libx264 -qp 0", 0.0),
        ("in.mkv", "yuv444p10le", (C444, 10), "-c:v libx264 -qp 0", 0.0),
        ("in.mkv", "gbrp", (Samples::Rgb, 8), "-c:v libx264rgb -qp 0", 0.0),
        ("in.mkv", "yuv420p12le", (C420, 12), "-c:v libx265 -x265-params lossless=1:log-level=none", 0.0),
        ("in.webm", "yuv444p", (C444, 8), "-c:v libvpx-vp9 -lossless 1", 0.0),
        ("in.webm", "yuv420p10le", (C420, 10), "-c:v libvpx-vp9 -lossless 1", 0.0),
        ("in.mov", "yuv422p10le", (C422, 10), "-c:v prores_ks -profile:v 3 -qscale:v 1", 1.0),
        ("in.avi", "yuv422p", (C422, 8), "-c:v rawvideo -pix_fmt uyvy422", 0.0),
        ("in.mov", "gbrp", (Samples::Rgb, 8), "-c:v rawvideo -pix_fmt rgb24", 0.0),
        // Packed, so that GStreamer converts it, which moves chroma a little.
        ("in.mov", "yuv422p10le", (C422, 10), "-c:v v210", 1.0),
        ("in.y4m", "yuv420p", (C420, 8), "", 0.0),
        ("in.avi", "yuvj422p", (C422_JPEG, 8), "-c:v mjpeg -q:v 1", 3.0),
    ] {
        if !check(file, pixels, samples, encoder, lost) {
            skip(&format!("{pixels} in {file}: ffmpeg cannot make it ({encoder})"));
        }
    }
}

#[test]
fn what_gstreamer_has_no_format_for_is_refused_without_a_crash() {
    if !ffmpeg::is_here() {
        return;
    }
    for (pixels, samples, bits) in [("gray10le", Samples::Gray, 10), ("yuv440p", Samples::Yuv(1, 2, 0.0), 8)] {
        let folder = Folder::new();
        let make = format!("-f rawvideo -pix_fmt {pixels} -s {WIDTH}x{HEIGHT} -r 25 -i - -c:v ffv1 in.mkv");
        ffmpeg(&make, &folder.path(""), picture(samples, bits).repeat(8)).unwrap();
        // The crash that this is about came in three runs of four.
        for _ in 0..5 {
            folder.run("in.mkv out.mkv").refused(3, "no frame of");
        }
        assert_eq!(folder.names(), ["in.mkv"]);
    }
}
