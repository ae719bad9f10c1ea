//! Rows of the output: where it cannot be written, and what must not be touched.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::common::clip::Clip;
use crate::common::read::decode;
use crate::common::{Folder, plugins_without};

#[test]
fn row_27_an_encoder_that_is_missing_is_4_before_anything_is_decoded() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    let Some(plugins) = plugins_without(&["x264", "openh264"]) else { return };
    let output = plugins.apply(folder.command("in.mp4 out.mp4")).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(4), 1), "{stderr}");
    assert!(stderr.contains("no encoder for") && stderr.contains("install "), "{stderr}");
    assert_eq!(folder.names(), ["in.mp4"]);
}

#[test]
fn row_27_a_named_encoder_that_is_none_is_4() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    folder.run("in.mp4 out.mp4 --encoder nosuchenc").refused(4, "nosuchenc");
    assert_eq!(folder.names(), ["in.mp4"]);
}

#[test]
fn row_29_the_source_is_never_the_target() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    let source = fs::read(folder.path("in.mp4")).unwrap();
    fs::hard_link(folder.path("in.mp4"), folder.path("hard.mp4")).unwrap();
    symlink("in.mp4", folder.path("soft.mp4")).unwrap();
    for words in ["in.mp4 in.mp4", "in.mp4 ./in.mp4", "in.mp4 hard.mp4", "in.mp4 soft.mp4", "soft.mp4 in.mp4"] {
        folder.run(&format!("{words} --force")).refused(2, "same file");
        assert!(fs::read(folder.path("in.mp4")).unwrap() == source, "{words}");
    }
    assert_eq!(folder.names(), ["hard.mp4", "in.mp4", "soft.mp4"]);
}

#[test]
fn row_30_a_place_that_is_none_is_4() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    fs::create_dir(folder.path("folder.mp4")).unwrap();
    folder.run("in.mp4 missing/out.mp4").refused(4, "folder");
    folder.run("in.mp4 in.mp4/out.mp4").refused(4, "folder");
    folder.run("in.mp4 folder.mp4 --force").refused(4, "directory");
    folder.run(&format!("in.mp4 {}.mp4", "long".repeat(80))).refused(4, "long");
    folder.run("in.mp4 /dev/full --force").refused(2, "extension");
    folder.run("in.mp4 /proc/out.mp4").refused(4, "/proc/out.mp4");
    assert_eq!(folder.names(), ["folder.mp4", "in.mp4"]);
}

#[test]
fn row_30_a_folder_that_is_read_only_is_4() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    fs::create_dir(folder.path("locked")).unwrap();
    fs::set_permissions(folder.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    let Some(ended) = folder.run_as_nobody("in.mp4 locked/out.mp4") else { return };
    ended.refused(4, "permission denied");
    assert_eq!(fs::read_dir(folder.path("locked")).unwrap().count(), 0);
}

#[test]
fn row_31_what_is_there_is_replaced_only_by_force() {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    fs::write(folder.path("there.mp4"), "precious").unwrap();
    folder.run("in.mp4 there.mp4").refused(4, "--force");
    assert_eq!(fs::read_to_string(folder.path("there.mp4")).unwrap(), "precious");
    folder.run("in.mp4 there.mp4 --force").good(5);
    assert_eq!(decode(&folder.path("there.mp4")).video.len(), 5);
    assert_eq!(folder.names(), ["in.mp4", "there.mp4"]);
}
