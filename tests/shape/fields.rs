//! Interlaced video becomes progressive, frame by frame.

use crate::common::Folder;
use crate::common::clip::write_raw;
use crate::common::read::{Decoded, decode};

const WIDTH: usize = 96;
const HEIGHT: usize = 64;
const FRAMES: usize = 12;

/// A bright bar that goes to the right, two pixels a field, with rounded sides; the second field is later.
fn woven(number: usize, top_first: bool) -> Vec<u8> {
    let mut bytes = vec![128; WIDTH * HEIGHT * 3 / 2];
    for y in 0..HEIGHT {
        let late = usize::from((y % 2 == 0) != top_first);
        let centre = (16 + 2 * (2 * number + late)) as f64;
        for x in 0..WIDTH {
            let beside = (x as f64 - centre).abs();
            bytes[y * WIDTH + x] = (60.0 + 20.0 * (10.0 - beside).clamp(0.0, 6.0)) as u8;
        }
    }
    bytes
}

/// Mean difference of each row from the mean of its neighbours, in the middle of the clip: what combs have.
fn combs(decoded: &Decoded) -> f64 {
    let luma = &decoded.video[FRAMES / 2].planes[0];
    let at = |x: usize, y: usize| f64::from(luma[y * WIDTH + x]);
    let rows = (2..HEIGHT - 2).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    rows.map(|(x, y)| ((at(x, y - 1) + at(x, y + 1)) / 2.0 - at(x, y)).abs()).sum::<f64>() / (WIDTH * HEIGHT) as f64
}

fn clip(folder: &Folder, top_first: bool) -> Decoded {
    let order = if top_first { "top-field-first" } else { "bottom-field-first" };
    let fields = format!("format=I420,width={WIDTH},height={HEIGHT},interlace-mode=interleaved,field-order={order}");
    let encoder = "x264enc interlaced=true pass=quant quantizer=4 bframes=0 ! h264parse ! matroskamux";
    write_raw(&folder.path("in.mkv"), &fields, encoder, (0..FRAMES).map(|number| woven(number, top_first)));
    decode(&folder.path("in.mkv"))
}

#[test]
fn row_21_interlaced_video_is_deinterlaced_frame_by_frame() {
    for top_first in [true, false] {
        let folder = Folder::new();
        let stored = clip(&folder, top_first);
        assert_eq!(stored.raw("interlace-mode"), "interleaved", "the clip itself");
        let ended = folder.run("in.mkv out.mkv --codec ffv1").good(FRAMES as u64);
        assert!(ended.warnings().contains("deinterlaced"), "{}", ended.warnings());
        let made = decode(&folder.path("out.mkv"));
        assert_eq!(made.raw("interlace-mode"), "progressive");
        let late: Vec<_> = stored.times().iter().zip(made.times()).map(|(a, b)| a.abs_diff(b) / 1_000_000).collect();
        assert_eq!(late, [0; FRAMES], "times");
        assert!(combs(&made) < combs(&stored) / 6.0, "{} {}", combs(&made), combs(&stored));
        // The first field is kept: the bar is where it was then.
        let bar = |number: usize| {
            let row = &made.video[number].planes[0][32 * WIDTH..][..WIDTH];
            let light: Vec<_> = (0..WIDTH).filter(|&x| row[x] > 120).collect();
            (light[0] + light[light.len() - 1]) / 2
        };
        for number in 0..FRAMES {
            assert!(bar(number).abs_diff(16 + 4 * number) <= 1, "{top_first} {number}: {}", bar(number));
        }
    }
}

#[test]
fn row_21_fields_stay_where_that_is_wanted() {
    let folder = Folder::new();
    let stored = clip(&folder, true);
    let ended = folder.run("in.mkv out.mkv --codec ffv1 --no-deinterlace").good(FRAMES as u64);
    assert!(ended.warnings().contains("--no-deinterlace"), "{}", ended.warnings());
    let left = decode(&folder.path("out.mkv"));
    assert!(combs(&left) > 0.9 * combs(&stored), "{} {}", combs(&left), combs(&stored));
}
