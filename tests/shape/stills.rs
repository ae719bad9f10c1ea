//! Still and animated pictures.

use std::fs::File;
use std::path::Path;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{Delay, ExtendedColorType, ImageEncoder, RgbImage, RgbaImage};

use crate::common::clip::{Clip, MJPEG};
use crate::common::read::decode;
use crate::common::{Folder, HANG};

/// Corners of a picture: red, green, blue, white from the upper left on, by rows.
const CORNERS: [[u8; 3]; 4] = [[250, 10, 10], [10, 250, 10], [10, 10, 250], [240, 240, 240]];

fn picture() -> RgbImage {
    RgbImage::from_fn(48, 32, |x, y| image::Rgb(CORNERS[usize::from(y >= 16) * 2 + usize::from(x >= 24)]))
}

/// EXIF data that holds nothing but the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    bytes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn write(path: &Path, orientation: u8) {
    let (file, picture) = (File::create(path).unwrap(), picture());
    fn encode(mut encoder: impl ImageEncoder, picture: &RgbImage, orientation: u8) {
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).unwrap();
    }
    match path.extension().unwrap().to_str().unwrap() {
        "jpg" => encode(JpegEncoder::new_with_quality(file, 100), &picture, orientation),
        "png" => encode(PngEncoder::new(file), &picture, orientation),
        _ => encode(WebPEncoder::new_lossless(file), &picture, orientation),
    }
}

/// Which corner of the stored picture is shown where, for each orientation of EXIF (TIFF 6.0, tag 274).
const SHOWN: [[usize; 4]; 8] =
    [[0, 1, 2, 3], [1, 0, 3, 2], [3, 2, 1, 0], [2, 3, 0, 1], [0, 2, 1, 3], [2, 0, 3, 1], [3, 1, 2, 0], [1, 3, 0, 2]];

#[test]
fn row_11_all_eight_orientations_of_exif_are_applied() {
    let folder = Folder::new();
    for ending in ["jpg", "png", "webp"] {
        for (index, shown) in SHOWN.into_iter().enumerate() {
            let from = format!("in.{ending}");
            write(&folder.path(&from), index as u8 + 1);
            folder.run(&format!("{from} out.png --force")).good(1);
            let out = image::open(folder.path("out.png")).unwrap().into_rgb8();
            let (width, height) = if index < 4 { (48, 32) } else { (32, 48) };
            assert_eq!(out.dimensions(), (width, height), "{from} {}", index + 1);
            for (corner, stored) in shown.into_iter().enumerate() {
                let (x, y) = (width / 4 + corner as u32 % 2 * width / 2, height / 4 + corner as u32 / 2 * height / 2);
                let found = out.get_pixel(x, y).0;
                let most = found.iter().zip(CORNERS[stored]).map(|(a, b)| a.abs_diff(b)).max();
                assert!(most <= Some(4), "{from} {} corner {corner}: {found:?}", index + 1);
            }
        }
    }
}

#[test]
fn row_22_a_transparent_picture_is_put_over_black() {
    let folder = Folder::new();
    let picture = RgbaImage::from_fn(32, 32, |x, _| image::Rgba([200, 100, 50, if x < 16 { 255 } else { 128 }]));
    for from in ["in.png", "in.webp"] {
        picture.save(folder.path(from)).unwrap();
        let ended = folder.run(&format!("{from} out.png --force")).good(1);
        assert!(ended.warnings().contains("over black"), "{}", ended.warnings());
        let out = image::open(folder.path("out.png")).unwrap().into_rgb8();
        assert_eq!((out.get_pixel(8, 8).0, out.get_pixel(24, 8).0), ([200, 100, 50], [100, 50, 25]));
    }
}

#[test]
fn an_animated_picture_is_a_video_of_its_frames() {
    let folder = Folder::new();
    let shade = |number: u8| RgbaImage::from_pixel(32, 32, image::Rgba([40 * number, 40 * number, 40 * number, 255]));
    let frames = (0..5).map(|n| image::Frame::from_parts(shade(n), 0, 0, Delay::from_numer_denom_ms(80, 1)));
    image::codecs::gif::GifEncoder::new(File::create(folder.path("in.gif")).unwrap()).encode_frames(frames).unwrap();
    animated_png(&folder.path("in.png"), &(0..5).map(|n| shade(n).into_raw()).collect::<Vec<_>>());
    for from in ["in.gif", "in.png"] {
        folder.run(&format!("{from} out.mkv --lossless --force")).good(5);
        let out = decode(&folder.path("out.mkv"));
        let times: Vec<_> = out.times().iter().map(|nanos| nanos / 1_000_000).collect();
        assert_eq!(times, [0, 80, 160, 240, 320], "{from}");
        let lumas: Vec<_> = out.video.iter().map(|picture| picture.planes[0][500]).collect();
        assert!(lumas.is_sorted() && lumas[4] - lumas[0] > 100, "{from}: {lumas:?}");
    }
}

#[test]
fn pictures_one_behind_the_other_in_a_file_are_a_video() {
    for (from, encoder) in [("in.mjpeg", MJPEG), ("in.jpg", MJPEG), ("in.png", "videoconvert ! pngenc")] {
        let folder = Folder::new();
        Clip::new(10).encoder(encoder).muxer("identity").write(&folder.path(from));
        let piped =
            folder.command("- piped.mkv").pipe_stdin(folder.path(from)).unwrap().timeout(HANG).output().unwrap();
        assert_eq!(piped.status.code(), Some(0), "{from}: {}", String::from_utf8_lossy(&piped.stderr));
        folder.run(&format!("{from} out.mkv")).good(10);
        for to in ["out.mkv", "piped.mkv"] {
            let decoded = decode(&folder.path(to));
            let times: Vec<_> = decoded.times().iter().map(|nanos| nanos / 1_000_000).collect();
            assert_eq!(decoded.numbers(), (0..10).collect::<Vec<_>>(), "{from} {to}");
            assert_eq!(times, (0..10).map(|number| number * 40).collect::<Vec<_>>(), "{from} {to}");
        }
    }
}

/// Writes RGBA pictures of 32x32 as a PNG that shows each for 80 ms.
fn animated_png(path: &Path, pictures: &[Vec<u8>]) {
    let mut encoder = png::Encoder::new(File::create(path).unwrap(), 32, 32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(pictures.len() as u32, 0).unwrap();
    encoder.set_frame_delay(80, 1000).unwrap();
    let mut writer = encoder.write_header().unwrap();
    pictures.iter().for_each(|picture| writer.write_image_data(picture).unwrap());
    writer.finish().unwrap();
}
