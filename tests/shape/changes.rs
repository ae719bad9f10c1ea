//! Streams that change on the way.

use crate::common::Folder;
use crate::common::clip::Clip;
use crate::common::read::decode;

/// Two clips, one behind the other.
fn joined(folder: &Folder, first: &Clip, second: &Clip) {
    let bytes = |name: &str, clip: &Clip| {
        clip.write(&folder.path(name));
        let bytes = std::fs::read(folder.path(name)).unwrap();
        std::fs::remove_file(folder.path(name)).unwrap();
        bytes
    };
    std::fs::write(folder.path("in.ts"), [bytes("a.ts", first), bytes("b.ts", second)].concat()).unwrap();
}

#[test]
fn row_19_a_change_of_size_keeps_the_size_and_the_shape() {
    for to in ["out.mp4", "out.mkv", "out.webm"] {
        let folder = Folder::new();
        joined(&folder, &Clip::new(8), &Clip::new(8).size(128, 48));
        let ended = folder.run(&format!("in.ts {to}")).good(16);
        assert_eq!(ended.warnings().matches("changes its size").count(), 1, "{}", ended.warnings());
        let decoded = decode(&folder.path(to));
        assert!(decoded.video.iter().all(|picture| (picture.width, picture.height) == (64, 48)));
        let dark =
            |number: usize, y: usize| decoded.video[number].planes[0][y * 64..][..64].iter().all(|&luma| luma < 24);
        // 128x48 is shown as 64x24, between bars of twelve rows.
        for number in 0..16 {
            let rows = [0, 9, 14, 33, 38, 47].map(|y| dark(number, y));
            let bars = number >= 8;
            assert_eq!(rows, [bars, bars, false, false, bars, bars], "{to} {number}");
        }
    }
}

#[test]
fn row_19_a_change_of_colours_is_followed() {
    let folder = Folder::new();
    joined(&folder, &Clip::new(6), &Clip::new(6).colorimetry("bt709"));
    let ended = folder.run("in.ts out.mkv --lossless").good(12);
    assert!(ended.warnings().contains("changes its colours"), "{}", ended.warnings());
}
