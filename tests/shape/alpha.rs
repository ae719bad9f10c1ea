//! Video with an alpha channel is put over black.

use crate::common::Folder;
use crate::common::clip::write_raw;
use crate::common::read::decode_as;

/// What the left, middle and right third of the picture let through.
const OPAQUE: [u8; 3] = [255, 128, 0];
const WIDTH: usize = 48;
const HEIGHT: usize = 32;

fn alpha(x: usize) -> u8 {
    OPAQUE[x * 3 / WIDTH]
}

/// Green, blue and red in the middle of each third of the first frame that comes out.
fn thirds(folder: &Folder, from: &str) -> [[u8; 3]; 3] {
    let ended = folder.run(&format!("{from} out.mkv --lossless --force")).good(3);
    assert_eq!(ended.warnings(), "the input is partly transparent: composited over black", "{from}");
    let picture = decode_as(&folder.path("out.mkv"), "GBR").video.swap_remove(0);
    assert_eq!((picture.width, picture.height), (WIDTH, HEIGHT));
    [8, 24, 40].map(|x| [0, 1, 2].map(|plane: usize| picture.planes[plane][16 * WIDTH + x]))
}

fn close(found: [[u8; 3]; 3], wanted: [[u8; 3]; 3], tolerance: u8) {
    let most = found.as_flattened().iter().zip(wanted.as_flattened()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(most <= Some(tolerance), "{found:?} {wanted:?}");
}

#[test]
fn row_22_rgb_video_with_alpha_is_put_over_black() {
    let folder = Folder::new();
    let pixel = |x: usize| [20, 100, 200, alpha(x % WIDTH)];
    let picture: Vec<u8> = (0..WIDTH * HEIGHT).flat_map(pixel).collect();
    let fields = format!("format=BGRA,width={WIDTH},height={HEIGHT}");
    write_raw(&folder.path("in.mkv"), &fields, "avenc_ffv1 ! matroskamux", vec![picture.clone(); 3]);
    close(thirds(&folder, "in.mkv"), [[100, 20, 200], [50, 10, 100], [0, 0, 0]], 1);
    let as_png = "videoconvert ! video/x-raw,format=RGBA ! pngenc ! qtmux";
    write_raw(&folder.path("in.mov"), &fields, as_png, vec![picture; 3]);
    close(thirds(&folder, "in.mov"), [[100, 20, 200], [50, 10, 100], [0, 0, 0]], 1);
}

#[test]
fn row_22_yuv_video_with_alpha_is_put_over_black_in_either_range() {
    let folder = Folder::new();
    let (luma, cb, cr) = ([150; WIDTH * HEIGHT], [100; WIDTH * HEIGHT / 4], [160; WIDTH * HEIGHT / 4]);
    let transparency: Vec<u8> = (0..WIDTH * HEIGHT).map(|index| alpha(index % WIDTH)).collect();
    let picture = [&luma[..], &cb, &cr, &transparency].concat();
    // BT.601: Y' 150, Cb 100, Cr 160.
    for (colorimetry, full) in [("2:4:16:4", [141, 100, 207]), ("1:4:16:4", [137, 100, 195])] {
        let fields = format!("format=A420,width={WIDTH},height={HEIGHT},colorimetry={colorimetry}");
        write_raw(&folder.path("in.mkv"), &fields, "avenc_ffv1 ! matroskamux", vec![picture.clone(); 3]);
        close(thirds(&folder, "in.mkv"), [full, full.map(|value| value.div_ceil(2)), [0, 0, 0]], 2);
    }
}

#[test]
fn row_22_an_alpha_channel_that_lets_everything_through_is_no_news() {
    let folder = Folder::new();
    let fields = format!("format=BGRA,width={WIDTH},height={HEIGHT}");
    write_raw(&folder.path("in.mkv"), &fields, "avenc_ffv1 ! matroskamux", vec![vec![255; 4 * WIDTH * HEIGHT]; 3]);
    assert_eq!(folder.run("in.mkv out.mkv --lossless").good(3).warnings(), "");
}
