//! Files of any name, and files that do not stay where they were.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use assert_cmd::Command;

use crate::common::child::{code, wait_until};
use crate::common::clip::{AAC, Clip};
use crate::common::read::decode;
use crate::common::{Folder, HANG, model};

const VIDEO: &str = env!("CARGO_BIN_EXE_stylize-video");

fn names() -> Vec<OsString> {
    let odd = [
        "a b.mp4",
        "it's \"quoted\".mp4",
        "ärger 絵 🎨.mp4",
        "two\nlines.mp4",
        "-in.mp4",
        "--help.mp4",
        "a:b=c,d!e.mp4",
        "%s%n.mp4",
        "$HOME;`x`.mp4",
        "back\\slash.mp4",
        "*.mp4",
        " .mp4",
    ];
    let bytes = OsString::from_vec(b"not\xff\xfeutf8.mp4".to_vec());
    odd.into_iter().map(OsString::from).chain([bytes]).collect()
}

#[test]
fn every_name_is_a_name() {
    let folder = Folder::new();
    Clip::new(5).sound(AAC).write(&folder.path("plain.mp4"));
    fs::create_dir(folder.path("in")).unwrap();
    fs::create_dir(folder.path("out")).unwrap();
    for name in names() {
        let (from, to) = (folder.path("in").join(&name), folder.path("out").join(&name));
        fs::copy(folder.path("plain.mp4"), &from).unwrap();
        let run = |output: &OsStr| {
            // After `--` everything is a name, so the options come first.
            let mut command = Command::new(VIDEO);
            command.args(["-q", "--style"]).arg(model("identity")).arg("--").arg(&name).arg(output);
            command.current_dir(folder.path("in")).timeout(HANG).output().unwrap()
        };
        let mut beside = OsString::from("../out/");
        beside.push(&name);
        let output = run(&beside);
        assert_eq!(output.status.code(), Some(0), "{name:?}: {}", String::from_utf8_lossy(&output.stderr));
        fs::rename(to, folder.path("out/plain.mp4")).unwrap();
        assert_eq!(decode(&folder.path("out/plain.mp4")).numbers(), [0, 1, 2, 3, 4], "{name:?}");
        let again = run(&name);
        let stderr = String::from_utf8_lossy(&again.stderr).into_owned();
        assert_eq!((again.status.code(), stderr.lines().count()), (Some(2), 1), "{name:?}: {stderr}");
        assert_eq!(fs::read_dir(folder.path("out")).unwrap().count(), 1, "{name:?}");
    }
    let all = fs::read_dir(folder.path("in")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut command = Command::new(VIDEO);
    command.args(["-q", "--style"]).arg(model("identity")).args(["-o", "../styled", "--"]).args(all);
    let output = command.current_dir(folder.path("in")).timeout(2 * HANG).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(folder.path("styled")).unwrap().count(), names().len());
    assert!(folder.path("styled").join(OsStr::from_bytes(b"not\xff\xfeutf8.mp4")).is_file());
}

#[test]
fn addresses_of_the_network_are_refused_or_names() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    for words in ["smb://server/a.mp4 out.mp4", "in.mp4 file:///tmp/out.mp4", "https://a/b.mkv out.mp4"] {
        folder.run(words).refused(2, "://");
    }
    folder.run("//server/share/a.mp4 out.mp4").refused(3, "no such file");
    folder.run("\\\\server\\share\\a.mp4 out.mp4").refused(3, "no such file");
    folder.run("in.mp4 server:out.mp4").good(5);
    assert_eq!(folder.names(), ["in.mp4", "server:out.mp4"]);
}

#[test]
fn an_input_that_is_removed_or_replaced_while_it_is_read_is_read_to_its_end() {
    let folder = Folder::new();
    Clip::new(600).size(160, 120).sound(AAC).write(&folder.path("in.mp4"));
    fs::copy(folder.path("in.mp4"), folder.path("kept.mp4")).unwrap();
    for replaced in [false, true] {
        fs::copy(folder.path("kept.mp4"), folder.path("in.mp4")).unwrap();
        let mut child = folder.process("in.mp4 out.mkv --force -q").spawn().unwrap();
        let part = folder.path("out.mkv.stylize-part");
        wait_until("the output", || fs::metadata(&part).is_ok_and(|meta| meta.len() > 1000));
        fs::remove_file(folder.path("in.mp4")).unwrap();
        if replaced {
            fs::write(folder.path("in.mp4"), "something else").unwrap();
        }
        assert_eq!(code(&mut child), Some(0), "{replaced}");
        assert_eq!(folder.take_report()["frames_out"], 600);
    }
    assert_eq!(decode(&folder.path("out.mkv")).video.len(), 600);
}
