//! HDR comes out as the SDR picture that BT.2390 makes of it, and is tagged as that.

use std::path::Path;

use gst::prelude::*;

use crate::common::clip::{Clip, FFV1, H264};
use crate::common::read::{decode, decode_as, play};
use crate::common::{Folder, skip};

const WIDTH: usize = 64;
const HEIGHT: usize = 48;

/// Limited-range code of 10 bits for a signal of 0..=1.
fn code(signal: f64) -> u16 {
    (64.0 + 876.0 * signal).round() as u16
}

/// Writes three frames of grey columns with these luma codes, and `more` in their caps.
fn columns(path: &Path, colorimetry: &str, more: &str, codes: &[u16]) {
    gst::init().unwrap();
    let text = format!("appsrc name=video format=time ! {FFV1} ! matroskamux ! filesink name=file");
    let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path);
    let source = pipeline.by_name("video").unwrap().downcast::<gst_app::AppSrc>().unwrap();
    let caps = format!(
        "video/x-raw,format=I420_10LE,width={WIDTH},height={HEIGHT},framerate=25/1,colorimetry={colorimetry}{more}"
    );
    source.set_caps(Some(&caps.parse().unwrap()));
    let row: Vec<u8> = (0..WIDTH).flat_map(|x| codes[x * codes.len() / WIDTH].to_le_bytes()).collect();
    let mut bytes = row.repeat(HEIGHT);
    bytes.extend(512u16.to_le_bytes().repeat(WIDTH * HEIGHT / 2));
    for number in 0..3 {
        let mut buffer = gst::Buffer::from_mut_slice(bytes.clone());
        let stamped = buffer.get_mut().unwrap();
        stamped.set_pts(gst::ClockTime::from_mseconds(40 * number));
        stamped.set_duration(gst::ClockTime::from_mseconds(40));
        source.push_buffer(buffer).unwrap();
    }
    source.end_of_stream().unwrap();
    play(&pipeline, path);
}

/// Luma in the middle of each of `count` columns.
fn read_columns(luma: &[u8], count: usize) -> Vec<u8> {
    (0..count).map(|column| luma[WIDTH * HEIGHT / 2 + (2 * column + 1) * WIDTH / count / 2]).collect()
}

#[test]
fn row_20_hdr_is_tone_mapped_and_said() {
    // Black, 10 cd/m², the reference white of 203 cd/m², 1000 cd/m², as PQ and as HLG for a display of 1000 cd/m².
    let (pq, hlg) = ([0.0, 0.2997, 0.5807, 0.7518], [0.0, 0.2542, 0.75, 1.0]);
    for (colorimetry, name, signals) in [("bt2100-pq", "PQ", pq), ("bt2100-hlg", "HLG", hlg)] {
        let folder = Folder::new();
        columns(&folder.path("in.mkv"), colorimetry, "", &signals.map(code));
        let ended = folder.run("in.mkv out.mkv --codec ffv1 --strength 0").good(3);
        let warnings = ended.warnings();
        assert!(warnings.contains(&format!("HDR ({name}, up to 1000 cd/m²): tone-mapped")), "{warnings}");
        let after = decode(&folder.path("out.mkv"));
        assert_eq!(after.raw("colorimetry"), "bt709");
        // 10 cd/m² are (10 / 203)^(1 / 2.4) = 28.5 % of the signal; white stands at 90.6 %, below the shoulder's end.
        let wanted = [16, 78, 214, 235];
        let got = read_columns(&after.video[0].planes[0], 4);
        assert!(got.iter().zip(wanted).all(|(got, wanted): (&u8, u8)| got.abs_diff(wanted) <= 1), "{name}: {got:?}");
        assert!(after.video[0].planes[1..].iter().flatten().all(|chroma| chroma.abs_diff(128) <= 1), "{name}");
        for to in ["out.mp4", "out.webm"] {
            folder.run(&format!("in.mkv {to} --strength 0")).good(3);
            assert_eq!(decode(&folder.path(to)).raw("colorimetry"), "bt709", "{name} {to}");
        }
        folder.run("in.mkv out.png --strength 0 --frames 1").good(1);
        let still = image::open(folder.path("out.png")).unwrap().into_rgb8();
        assert_eq!(still.get_pixel(WIDTH as u32 - 4, 20).0, [255; 3], "{name}");
        assert_eq!(folder.run("in.mkv strict.mkv --strict").code, 7, "tone mapping is a warning");
    }
}

#[test]
fn row_20_the_peak_that_the_file_states_is_white() {
    let signals = [0.0, 0.2997, 0.7518, 0.9026];
    for (more, white) in [
        (",content-light-level=(string)4000:400", 3),
        (",mastering-display-info=(string)35400:14600:8500:39850:6550:2300:15635:16450:10000000:50", 2),
        // A mastering display of 0.1 cd/m²: somebody forgot that the unit is 0.0001.
        (",mastering-display-info=(string)35400:14600:8500:39850:6550:2300:15635:16450:1000:50", 2),
    ] {
        let folder = Folder::new();
        columns(&folder.path("in.mkv"), "bt2100-pq", more, &signals.map(code));
        folder.run("in.mkv out.mkv --codec ffv1 --strength 0").good(3);
        let got = read_columns(&decode(&folder.path("out.mkv")).video[0].planes[0], 4);
        assert!(got[white] >= 234 && got[white - 1] < 234, "{more}: {got:?}");
    }
}

#[test]
fn sdr_of_more_bits_is_rounded_and_keeps_its_colours() {
    for colorimetry in ["bt709", "bt2020-10", "1:4:16:4"] {
        let folder = Folder::new();
        let codes: Vec<u16> = (0..16).map(|step| 70 + step * 57).collect();
        columns(&folder.path("in.mkv"), colorimetry, "", &codes);
        let ended = folder.run("in.mkv out.mkv --codec ffv1 --strength 0").good(3);
        assert_eq!(ended.warnings(), "");
        let after = decode(&folder.path("out.mkv"));
        let got = read_columns(&after.video[0].planes[0], 16);
        for (got, code) in got.iter().zip(&codes) {
            let wanted =
                if colorimetry.starts_with('1') { f64::from(*code) * 255.0 / 1023.0 } else { f64::from(*code) / 4.0 };
            assert!((f64::from(*got) - wanted).abs() <= 1.0, "{colorimetry}: {code} became {got}");
        }
        let before = decode_as(&folder.path("in.mkv"), "GBR");
        let depth_apart = |text: String| text.replace("bt2020-10", "bt2020").replace(":16:", ":13:");
        assert_eq!(depth_apart(after.raw("colorimetry")), depth_apart(before.raw("colorimetry")));
    }
}

/// Adds a Dolby Vision configuration to the first video track of an mp4 file whose index stands at its end.
fn configure_dolby_vision(path: &Path, profile: u8, compatibility: u8) {
    const NAMES: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"];
    let mut bytes = std::fs::read(path).unwrap();
    let find = |what: &[u8], from: usize| bytes[from..].windows(4).position(|four| four == what).unwrap() + from;
    let mut starts: Vec<usize> = Vec::new();
    for name in NAMES {
        starts.push(find(name, starts.last().map_or(0, |start| start + 8)) - 4);
    }
    assert!(starts[0] > find(b"mdat", 0), "what stands behind the index would move");
    // The sample entry follows the version and the count of the table.
    starts.push(starts[5] + 16);
    let length = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let end = starts[6] + length(&bytes, starts[6]) as usize;
    let mut configuration = vec![0, 0, 0, 32, b'd', b'v', b'v', b'C', 1, 0, profile << 1, 0x3d, compatibility << 4];
    configuration.resize(32, 0);
    for start in starts {
        let longer = length(&bytes, start) + 32;
        bytes[start..start + 4].copy_from_slice(&longer.to_be_bytes());
    }
    bytes.splice(end..end, configuration);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn dolby_vision_goes_by_its_base_layer_and_is_refused_without() {
    let folder = Folder::new();
    let hevc = "x265enc option-string=log-level=none speed-preset=ultrafast ! h265parse";
    // What decides stands in the container: where HEVC cannot be made, H.264 does.
    gst::init().unwrap();
    let encoder = if gst::ElementFactory::find("x265enc").is_some() { hevc } else { H264 };
    for (profile, compatibility) in [(7, 6), (8, 1), (8, 4)] {
        Clip::new(5).encoder(encoder).write(&folder.path("in.mp4"));
        configure_dolby_vision(&folder.path("in.mp4"), profile, compatibility);
        folder.run("in.mp4 out.mkv --force").good(5);
    }
    for (profile, compatibility) in [(5, 0), (10, 0)] {
        Clip::new(5).encoder(encoder).write(&folder.path("in.mp4"));
        configure_dolby_vision(&folder.path("in.mp4"), profile, compatibility);
        let what = format!("Dolby Vision profile {profile} without a compatible base layer");
        folder.run("in.mp4 none.mkv").refused(3, &what);
        // As Matroska has it, where ffmpeg is installed to write it.
        let words = "-v error -y -i in.mp4 -c copy -strict unofficial in.mkv";
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        let written = ffmpeg.args(words.split_whitespace()).current_dir(folder.path("")).status();
        if written.is_ok_and(|status| status.success()) {
            folder.run("in.mkv none.mkv").refused(3, &what);
            std::fs::remove_file(folder.path("in.mkv")).unwrap();
        } else {
            skip("Dolby Vision in Matroska: ffmpeg is not installed, or cannot write it");
        }
    }
    assert_eq!(folder.names(), ["in.mp4", "out.mkv"]);
}
