//! Rows of the machine: no graphics, no display, a runtime that is none, models that are none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::Command as Bounded;

use crate::common::clip::Clip;
use crate::common::{Ended, Folder, HANG, model, skip};

const TOOL: &str = env!("CARGO_BIN_EXE_stylize");

/// A folder with a clip of five frames.
fn with_clip() -> Folder {
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    folder
}

/// Runs with a variable of the environment set, or without it.
fn run_with(folder: &Folder, words: &str, variables: &[(&str, Option<&Path>)]) -> Ended {
    let mut command = folder.command(words);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.timeout(HANG).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ended { code: output.status.code().unwrap_or(-1), stderr, report: folder.take_report() }
}

const NO_VULKAN: [(&str, Option<&str>); 2] =
    [("VK_DRIVER_FILES", Some("/nowhere")), ("VK_ICD_FILENAMES", Some("/nowhere"))];

fn paths<'a>(variables: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, Option<&'a Path>)> {
    variables.iter().map(|(name, value)| (*name, value.map(Path::new))).collect()
}

#[test]
fn row_44_without_vulkan_the_doctor_is_content_and_the_cpu_works() {
    let mut doctor = Bounded::new(TOOL);
    doctor.arg("doctor");
    for (name, value) in NO_VULKAN {
        doctor.env(name, value.unwrap());
    }
    let output = doctor.timeout(HANG).output().unwrap();
    let screen = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()), "{screen}");
    assert!(screen.contains("the CPU does all") && screen.contains("Ready"), "{screen}");
    let folder = with_clip();
    run_with(&folder, "in.mp4 out.mp4", &paths(&NO_VULKAN)).good(5);
}

#[test]
fn row_44_a_graphics_card_that_is_asked_for_and_missing_is_6() {
    let folder = with_clip();
    run_with(&folder, "in.mp4 out.mp4 --convert gpu", &paths(&NO_VULKAN)).refused(6, "--convert");
    assert_eq!(folder.names(), ["in.mp4"]);
}

#[test]
fn row_45_without_a_display_videos_are_made() {
    let folder = with_clip();
    let none = [("DISPLAY", None), ("WAYLAND_DISPLAY", None), ("XDG_RUNTIME_DIR", None)];
    run_with(&folder, "in.mp4 out.mp4", &none).good(5);
}

/// Runs with this as ONNX Runtime.
fn run_on(folder: &Folder, library: &Path) -> Ended {
    run_with(folder, "in.mp4 out.mp4", &[("ORT_DYLIB_PATH", Some(library))])
}

#[test]
fn row_46_a_runtime_that_is_missing_or_none_is_5() {
    let folder = with_clip();
    run_on(&folder, Path::new("/nowhere/libonnxruntime.so")).refused(5, "make setup");
    fs::create_dir(folder.path("empty")).unwrap();
    run_on(&folder, &folder.path("empty")).refused(5, "make setup");
    fs::write(folder.path("libonnxruntime.so"), "hello").unwrap();
    run_on(&folder, &folder.path("libonnxruntime.so")).refused(5, "is not a shared library");
    if let Some(other) = library("other", "") {
        run_on(&folder, &other.path).refused(5, "is not ONNX Runtime");
    }
    assert_eq!(folder.names(), ["empty", "in.mp4", "libonnxruntime.so"]);
}

/// A shared library, made for a test.
struct Library {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

/// Compiles `code`; none where there is no compiler.
fn library(name: &str, code: &str) -> Option<Library> {
    let folder = tempfile::tempdir().unwrap();
    let (source, path) = (folder.path().join("lib.rs"), folder.path().join(format!("lib{name}.so")));
    fs::write(&source, code).unwrap();
    let mut compiler = Command::new("rustc");
    compiler.args(["--crate-type", "cdylib", "--edition", "2024", "-o"]).arg(&path).arg(&source);
    let compiled = compiler.output().ok().filter(|output| output.status.success());
    if compiled.is_none() {
        skip(&format!("a library called {name}: rustc does not run"));
    }
    compiled.map(|_| Library { path, _folder: folder })
}

/// What an old ONNX Runtime answers to those who ask for a newer interface; its version follows.
const OLD_RUNTIME: &str = r#"
    use std::ffi::{c_char, c_void};
    #[repr(C)]
    pub struct Base(extern "C" fn(u32) -> *const c_void, extern "C" fn() -> *const c_char);
    extern "C" fn api(_: u32) -> *const c_void { std::ptr::null() }
    extern "C" fn version() -> *const c_char { VERSION.as_ptr() }
    static BASE: Base = Base(api, version);
    #[unsafe(no_mangle)]
    pub extern "C" fn OrtGetApiBase() -> *const Base { &raw const BASE }
"#;

#[test]
fn row_47_a_runtime_that_is_too_old_is_5() {
    let folder = with_clip();
    for version in ["1.10.0", "1.23.2"] {
        let code = format!("{OLD_RUNTIME} static VERSION: &std::ffi::CStr = c\"{version}\";");
        let Some(old) = library("onnxruntime", &code) else { return };
        run_on(&folder, &old.path).refused(5, &format!("{version}, too old"));
    }
    assert_eq!(folder.names(), ["in.mp4"]);
}

#[test]
fn row_48_a_runtime_that_is_cut_is_5_and_not_a_crash() {
    let folder = with_clip();
    let whole = fs::read(stylize::Runtime::load(None).unwrap().path()).unwrap();
    for keep in [whole.len() - 1, whole.len() / 2, 5000, 100] {
        fs::write(folder.path("libonnxruntime.so"), &whole[..keep]).unwrap();
        run_on(&folder, &folder.path("libonnxruntime.so")).refused(5, "is cut");
    }
}

/// The style is refused before a frame is decoded, and nothing stays.
fn bad_style(name: &str, part: &str) {
    let folder = with_clip();
    folder.run(&format!("in.mp4 out.mp4 --style {name}")).refused(5, part);
    assert_eq!(folder.names(), ["in.mp4"], "{name}");
}

#[test]
fn row_49_what_is_no_model_is_5() {
    bad_style("missing.onnx", "missing.onnx");
    bad_style("@future_opset", "Opset 99");
    let folder = with_clip();
    let whole = fs::read(model("identity")).unwrap();
    for (name, bytes, part) in [
        ("empty.onnx", &b""[..], "is empty"),
        ("text.onnx", b"this is no model\n", "is not an ONNX model"),
        ("cut.onnx", &whole[..whole.len() / 2], "is cut"),
    ] {
        fs::write(folder.path(name), bytes).unwrap();
        folder.run(&format!("in.mp4 out.mp4 --style {name}")).refused(5, part);
    }
}

#[test]
fn row_50_a_model_of_another_shape_is_5() {
    bad_style("@wrong_rank", "a picture has 3 or 4 dimensions");
    bad_style("@wrong_int64", "is not supported");
    bad_style("@grey_out", "no dimension is of 3 channels");
    bad_style("@grey_out_unsaid", "no picture of 3 channels");
    let folder = with_clip();
    let warnings =
        |words: &str| folder.run(&format!("in.mp4 out.mp4 --force --style @fixed {words}")).good(5).warnings();
    assert!(warnings("--net-size 31x17").contains("--net-size 31x17: "), "a size is passed over in silence");
    assert_eq!(warnings("--net-size 64x48") + &warnings(""), "");
}

#[test]
fn row_52_a_model_that_reads_other_files_is_5() {
    bad_style("@external_outside", "escapes model directory");
}

#[test]
fn row_53_a_model_that_wants_all_memory_is_5() {
    bad_style("@memory_bomb", "memory");
}

#[test]
fn row_53_what_takes_more_than_the_limit_is_5_before_it_starts() {
    let folder = Folder::new();
    Clip::new(5).size(640, 480).write(&folder.path("in.mp4"));
    folder.run("in.mp4 out.mp4 --memory-limit 130M --provider cpu").refused(5, "GB of memory");
    assert_eq!(folder.names(), ["in.mp4"]);
    folder.run("in.mp4 out.mp4 --memory-limit 2G").good(5);
    folder.run("in.mp4 b.mp4 --memory-limit much").refused(2, "--memory-limit");
}

#[test]
fn row_55_a_provider_that_is_named_and_not_there_is_5() {
    let folder = with_clip();
    for provider in ["coreml", "directml"] {
        folder.run(&format!("in.mp4 out.mp4 --provider {provider}")).refused(5, provider);
    }
    for (provider, runtime) in [("cuda", "gpu"), ("tensorrt", "gpu"), ("webgpu", "webgpu")] {
        if ["/dev/nvidiactl", "/dev/dri"].iter().any(|path| Path::new(path).exists()) {
            println!("skipped: {provider} (there may be a card here)");
            continue;
        }
        let advice = format!("it needs `make setup RUNTIME={runtime}`");
        folder.run(&format!("in.mp4 out.mp4 --provider {provider}")).refused(5, &advice);
    }
    // Which one, what is installed decides.
    assert_ne!(folder.run("in.mp4 out.mp4 --provider auto").good(5).report["provider"], "auto");
    assert_eq!(folder.names(), ["in.mp4", "out.mp4"]);
}
