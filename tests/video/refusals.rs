//! What cannot be done is said in one line, with the right code, and leaves nothing behind.

use std::fs;

use crate::common::Folder;
use crate::common::clip::{AAC, Clip, VP8};
use crate::common::read::decode;

#[test]
fn a_failed_run_leaves_the_old_output_alone() {
    let folder = Folder::new();
    fs::write(folder.path("there.mp4"), "precious").unwrap();
    fs::write(folder.path("text.mp4"), "no video").unwrap();
    folder.run("text.mp4 there.mp4 --force").refused(3, "text.mp4");
    folder.run("text.mp4 there.mp4 --force --style missing.onnx").refused(5, "missing.onnx");
    assert_eq!(fs::read_to_string(folder.path("there.mp4")).unwrap(), "precious");
    assert_eq!(folder.names(), ["text.mp4", "there.mp4"]);
}

#[test]
fn a_file_that_breaks_off_gives_what_it_has_and_7() {
    // Files that can be read from their begin: streamed ones, and MP4 with its index in front.
    let clip = || Clip::new(60).size(160, 120).sound(AAC);
    let front = "mp4mux faststart=true";
    for (from, clip) in [
        ("in.mkv", clip()),
        ("in.ts", clip()),
        ("in.mp4", clip().muxer(front)),
        ("in.webm", clip().encoder(VP8).muxer("matroskamux")),
    ] {
        let folder = Folder::new();
        clip.write(&folder.path(from));
        let whole = fs::read(folder.path(from)).unwrap();
        fs::write(folder.path(from), &whole[..whole.len() / 2]).unwrap();
        let ended = folder.run(&format!("{from} out.mp4"));
        assert_eq!((ended.code, &ended.report["truncated"]), (7, &true.into()), "{from}: {}", ended.stderr);
        let frames = ended.report["frames_out"].as_u64().unwrap();
        assert!((15..60).contains(&frames), "{from}: {frames} frames");
        let numbers = decode(&folder.path("out.mp4")).numbers();
        assert_eq!(numbers, (0..frames).collect::<Vec<_>>(), "{from}");
    }
}
