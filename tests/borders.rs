//! The borders of the architecture that no compiler holds: who may name which library, who makes threads, what a
//! repository may hold.
#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Words that only some places may say.
struct Border {
    words: &'static [&'static str],
    homes: &'static [&'static str],
}

const BORDERS: [Border; 3] = [
    Border {
        words: &["gstreamer", "gstreamer_app", "gstreamer_base", "gstreamer_pbutils", "gstreamer_video", "gst"],
        homes: &["source/", "sink/"],
    },
    Border {
        words: &["wgpu", "naga", "winit"],
        homes: &["gpu/", "gpu.rs", "convert/gpu", "compose/gpu", "sink/window"],
    },
    Border { words: &["ort", "ort_sys"], homes: &["model/"] },
];

/// What makes a thread, when it follows `thread`.
const THREAD_MAKERS: [&str; 3] = ["spawn", "scope", "Builder"];

const LARGEST_FILE_BYTES: u64 = 2_000_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `src/`: its path there, and its text.
fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let mut folders = vec![src.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 10, "only {} files below src/: the test looks in the wrong place", found.len());
    found
}

/// The files that git tracks; none where this is no repository (a source archive).
fn tracked() -> Option<Vec<PathBuf>> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok()?;
    let names = String::from_utf8(listed.stdout).ok().filter(|_| listed.status.success())?;
    Some(names.split('\0').filter(|name| !name.is_empty()).map(|name| root().join(name)).collect())
}

/// The words of the code in `text`, each with its line; without comments, literals and the tests at the end of the file.
fn code_words(text: &str) -> Vec<(usize, String)> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let blanked = blank_literals(code);
    let words_of = |(index, line): (usize, &str)| {
        let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
        words.map(|word| (index + 1, word.to_owned())).collect::<Vec<_>>()
    };
    blanked.lines().enumerate().flat_map(words_of).collect()
}

/// `code` with blanks in place of comments and of string and character literals; lines stay where they are.
fn blank_literals(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(next) = rest.chars().next() {
        let skipped = literal_bytes(rest);
        if skipped == 0 {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            out.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    out
}

/// Length of the comment or literal that `text` begins with; 0 if it begins with neither.
fn literal_bytes(text: &str) -> usize {
    let until = |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("//") {
        until(0, "\n") - usize::from(text.contains('\n'))
    } else if text.starts_with("/*") {
        until(2, "*/")
    } else if text.starts_with("r#\"") {
        until(3, "\"#")
    } else if text.starts_with('"') {
        quoted_bytes(text, '"')
    } else if text.starts_with("'\\") || text.chars().nth(2) == Some('\'') && text.starts_with('\'') {
        quoted_bytes(text, '\'')
    } else {
        0
    }
}

/// Length of the literal that `text` begins with, both of its quotes included.
fn quoted_bytes(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where `text`, that stands in `name`, crosses a border.
fn crossings(name: &str, text: &str) -> Vec<String> {
    let words = code_words(text);
    let mut crossings = Vec::new();
    for Border { words: theirs, homes } in &BORDERS {
        if !homes.iter().any(|home| name.starts_with(home)) {
            let strange = words.iter().filter(|(_, word)| theirs.contains(&word.as_str()));
            crossings.extend(
                strange.map(|(line, word)| format!("src/{name}:{line} names {word}, which only {homes:?} may")),
            );
        }
    }
    if name != "flow.rs" {
        let makes = |pair: &&[(usize, String)]| pair[0].1 == "thread" && THREAD_MAKERS.contains(&pair[1].1.as_str());
        let threads = words.windows(2).filter(makes);
        crossings
            .extend(threads.map(|pair| format!("src/{name}:{} makes a thread, which only flow.rs may", pair[0].0)));
    }
    crossings
}

#[test]
fn libraries_are_named_and_threads_made_only_where_they_belong() {
    let crossings: Vec<String> = sources().iter().flat_map(|(name, text)| crossings(name, text)).collect();
    assert!(crossings.is_empty(), "{}", crossings.join("\n"));
}

#[test]
fn a_crossing_is_seen_and_a_mention_is_not() {
    let seen = |name, text| crossings(name, text).len();
    assert_eq!(seen("job.rs", "use gstreamer as gst;\n"), 2);
    assert_eq!(seen("sink/file.rs", "use gstreamer as gst;\n"), 0);
    assert_eq!(seen("sink/file.rs", "ort::init();\nlet x = wgpu::Instance::default();"), 2);
    assert_eq!(seen("convert/gpu.rs", "use wgpu::Device;"), 0);
    assert_eq!(seen("job.rs", "std::thread::spawn(|| {}); thread::Builder::new();"), 2);
    assert_eq!(seen("flow.rs", "std::thread::spawn(|| {});"), 0);
    assert_eq!(
        seen(
            "job.rs",
            "// gst\nlet s = \"ort \\\" gst\"; let c = '\"'; /* wgpu\n */ let r = r#\"\"gst\"#; fn f<'a>() {}"
        ),
        0
    );
    assert_eq!(seen("job.rs", "let a = 1;\n#[cfg(test)]\nmod tests { use gstreamer; }"), 0);
}

#[test]
fn a_path_of_one_machine_is_nowhere() {
    // Written in two parts, so that this file is not found itself.
    let homes = ["/ho", "/Use", "/ro", "/wo"].into_iter().zip(["me/", "rs/", "ot/", "rk/"]);
    let homes: Vec<String> = homes.map(|(a, b)| format!("{a}{b}")).collect();
    for path in tracked().unwrap_or_default() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (index, line) in text.lines().enumerate() {
            let starts_path = |at: usize| line[..at].chars().next_back().is_none_or(|c| " \"'=(`:".contains(c));
            let named = homes.iter().any(|home| line.match_indices(home.as_str()).any(|(at, _)| starts_path(at)));
            assert!(!named, "{}:{}: a path of one machine: {line}", path.display(), index + 1);
        }
    }
}

#[test]
fn no_large_file_lies_outside_models() {
    for path in tracked().unwrap_or_default() {
        let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let at_home = path.starts_with(root().join("models"));
        assert!(at_home || bytes <= LARGEST_FILE_BYTES, "{}: {bytes} bytes", path.display());
    }
}
