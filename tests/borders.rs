//! The borders of the architecture that no compiler holds: who may name which library, who makes threads, that modules
//! import each other in one direction only, what a repository may hold.
#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates that only some places may name.
struct Border {
    crates: &'static [&'static str],
    homes: &'static [&'static str],
}

const BORDERS: [Border; 4] = [
    Border {
        crates: &["gstreamer", "gstreamer_app", "gstreamer_base", "gstreamer_pbutils", "gstreamer_video", "gst"],
        homes: &["media/", "source/", "sink/"],
    },
    Border {
        crates: &["wgpu", "naga", "winit", "glyphon"],
        homes: &["gpu/", "gpu.rs", "convert/gpu", "compose/gpu", "sink/window"],
    },
    Border { crates: &["ort", "ort_sys"], homes: &["model/"] },
    // Its threads are the flow's.
    Border { crates: &["rayon"], homes: &["flow/"] },
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

/// A word or a punctuation mark, and its line.
type Token<'a> = (usize, &'a str);

/// The code in `text` without the tests at the end of the file; blanks in place of comments and literals.
fn code_of(text: &str) -> String {
    blank_literals(text.split("#[cfg(test)]\nmod tests").next().unwrap())
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    code.lines().enumerate().flat_map(|(index, line)| tokens_of(index + 1, line)).collect()
}

fn tokens_of(number: usize, line: &str) -> Vec<Token<'_>> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let parts = line.split_inclusive(|c| !in_word(c)).flat_map(|part| {
        let (word, mark) = part.split_at(part.find(|c| !in_word(c)).unwrap_or(part.len()));
        [word, mark.trim()]
    });
    parts.filter(|part| !part.is_empty()).map(|part| (number, part)).collect()
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

/// Whether token `at` names a crate: it begins a path, or is imported whole.
fn names_crate(tokens: &[Token<'_>], at: usize) -> bool {
    let word = |index: usize| tokens.get(index).map_or("", |token| token.1);
    let begins = at == 0 || ![":", "."].contains(&word(at - 1));
    begins && (word(at + 1) == ":" && word(at + 2) == ":" || word(at + 1) == "as" || at > 0 && word(at - 1) == "use")
}

/// Whether token `at` is a `thread` through which a thread is made, or what makes one is imported.
fn makes_thread(tokens: &[Token<'_>], at: usize) -> bool {
    let rest: Vec<&str> = tokens[at..].iter().map(|token| token.1).collect();
    match rest.as_slice() {
        ["thread", ":", ":", "{", list @ ..] => {
            list.iter().take_while(|&&word| word != "}").any(|w| THREAD_MAKERS.contains(w))
        }
        ["thread", ":", ":", word, ..] => THREAD_MAKERS.contains(word),
        _ => false,
    }
}

/// Where `text`, that stands in `name`, crosses a border.
fn crossings(name: &str, text: &str) -> Vec<String> {
    let code = code_of(text);
    let tokens = tokens(&code);
    let mut crossings = Vec::new();
    for (at, &(line, word)) in tokens.iter().enumerate() {
        for Border { crates, homes } in &BORDERS {
            let at_home = homes.iter().any(|home| name.starts_with(home));
            if !at_home && crates.contains(&word) && names_crate(&tokens, at) {
                crossings.push(format!("src/{name}:{line} names {word}, which only {homes:?} may"));
            }
        }
        if name != "flow.rs" && makes_thread(&tokens, at) {
            crossings.push(format!("src/{name}:{line} makes a thread, which only flow.rs may"));
        }
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
    assert_eq!(seen("job.rs", "use gstreamer as gst;\nuse gst::prelude::*;"), 2);
    assert_eq!(
        seen("job.rs", "let gstreamer = survey.gstreamer; Facts { gstreamer: ort }; crate::doctor::ort::list();"),
        0
    );
    assert_eq!(seen("sink/file.rs", "use gstreamer as gst;\n"), 0);
    assert_eq!(seen("sink/file.rs", "use ort;\nlet x = ort::init();\nlet x = wgpu::Instance::default();"), 3);
    assert_eq!(seen("convert/gpu.rs", "use wgpu::Device;"), 0);
    assert_eq!(seen("job.rs", "std::thread::spawn(|| {}); use std::thread::{Builder, sleep}; thread::sleep(t);"), 2);
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

/// For each top-level module those that it imports, and where it does so first.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// The modules that the file `name` below `src/` is in, outermost first; none for the roots of the library and the programs,
/// and for tests, which may look at any module.
fn modules_of(name: &str) -> Vec<&str> {
    let mut path: Vec<&str> = name.trim_end_matches(".rs").split('/').collect();
    if path == ["lib"] || path[0] == "bin" || path.contains(&"tests") {
        return Vec::new();
    }
    path.pop_if(|last| *last == "mod");
    path
}

/// What `lib.rs` has at the root of the crate beside its modules: each name, and the module that it comes from.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let code = code_of(lib);
    let uses = code.split(';').filter_map(|item| item.trim().strip_prefix("pub use "));
    let named = uses.filter_map(|path| path.split_once("::")).flat_map(|(module, names)| {
        let names = names.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty());
        names.map(|name| (name.to_owned(), module.to_owned()))
    });
    named.collect()
}

/// What `tokens` name of the root of the crate, and in which line; `depth` modules lie between it and the code.
fn root_names<'a>(tokens: &[Token<'a>], depth: usize) -> Vec<Token<'a>> {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.1);
    let steps = |at: usize| word(at + 1) == ":" && word(at + 2) == ":";
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let begins = at == 0 || word(at - 1) != ":";
        let supers = (0..).take_while(|step| word(at + 3 * step) == "super" && steps(at + 3 * step)).count();
        let behind = match word(at) {
            "crate" if begins && steps(at) => at + 3,
            "super" if begins && supers == depth => at + 3 * supers,
            _ => continue,
        };
        if word(behind) != "{" {
            found.extend(tokens.get(behind));
            continue;
        }
        // Of a list, the names that begin its paths.
        let mut nesting = 0;
        for at in behind..tokens.len() {
            match word(at) {
                "{" => nesting += 1,
                "}" => nesting -= 1,
                _ => {}
            }
            if nesting == 0 {
                break;
            }
            if nesting == 1 && (at == behind || word(at) == ",") {
                found.extend(tokens.get(at + 1).filter(|token| token.1 != "}"));
            }
        }
    }
    found
}

fn graph(sources: &[(String, String)]) -> Graph {
    let lib = sources.iter().find(|(name, _)| name == "lib.rs").map_or("", |(_, text)| text);
    let exports = exports(lib);
    let mut graph = Graph::new();
    for (name, text) in sources {
        let path = modules_of(name);
        let Some(&module) = path.first() else { continue };
        let imports = graph.entry(module.to_owned()).or_default();
        let code = code_of(text);
        for (line, root_name) in root_names(&tokens(&code), path.len()) {
            let imported = exports.get(root_name).map_or(root_name, String::as_str);
            if imported != module {
                let place = || format!("src/{name}:{line}: {module} imports {imported}");
                imports.entry(imported.to_owned()).or_insert_with(place);
            }
        }
    }
    graph
}

/// The places by which modules import each other in a circle; none where there is no such circle.
fn cycle(graph: &Graph) -> Vec<&str> {
    let mut left: BTreeSet<&str> = graph.keys().map(String::as_str).collect();
    let next = |left: &BTreeSet<&str>, module: &str| {
        graph[module].iter().map(|(to, place)| (to.as_str(), place.as_str())).find(|(to, _)| left.contains(to))
    };
    // Who imports nobody that is left is in no circle.
    while let Some(free) = left.iter().copied().find(|module| next(&left, module).is_none()) {
        left.remove(free);
    }
    let mut way: Vec<(&str, &str)> = Vec::new();
    let mut here = left.first().copied();
    while let Some((module, (to, place))) = here.and_then(|module| Some((module, next(&left, module)?))) {
        if let Some(begin) = way.iter().position(|step| step.0 == module) {
            return way[begin..].iter().map(|step| step.1).collect();
        }
        way.push((module, place));
        here = Some(to);
    }
    Vec::new()
}

#[test]
fn modules_import_each_other_in_one_direction() {
    let graph = graph(&sources());
    assert!(graph["cli"].contains_key("job") && graph["job"].contains_key("source"), "the test sees no imports");
    let cycle = cycle(&graph);
    assert!(cycle.is_empty(), "modules import each other in a circle:\n{}", cycle.join("\n"));
}

#[test]
fn a_circle_of_modules_is_seen_and_named() {
    let circle = |files: &[(&str, &str)]| {
        let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        cycle(&graph(&files)).join(" ")
    };
    let (to_b, to_a) = ("use crate::b::Word;", "use crate::a::Word;");
    assert_eq!(circle(&[("a.rs", to_b), ("b/mod.rs", "use super::c;"), ("c.rs", "// crate::a")]), "");
    assert_eq!(
        circle(&[
            ("a.rs", to_b),
            ("b/mod.rs", "\nuse super::c;"),
            ("c.rs", "fn f() { crate::a::f() }"),
            ("d.rs", to_a)
        ]),
        "src/a.rs:1: a imports b src/b/mod.rs:2: b imports c src/c.rs:1: c imports a"
    );
    let lists = "use crate::{c::{a, d}, b};";
    assert_eq!(circle(&[("a/x.rs", lists), ("b.rs", to_a)]), "src/a/x.rs:1: a imports b src/b.rs:1: b imports a");
    assert_eq!(circle(&[("a/x.rs", lists), ("c.rs", "use super::d; use super::a;"), ("d.rs", "")]).lines().count(), 1);
    assert_eq!(circle(&[("a/x.rs", "use super::b;"), ("b.rs", to_a)]), "", "its own submodule");
    assert!(!circle(&[("a/x.rs", "use super::super::b;"), ("b.rs", to_a)]).is_empty());
    let exported = [("lib.rs", "pub use a::{Word, Other};"), ("a.rs", to_b), ("b.rs", "use crate::Other;")];
    assert!(!circle(&exported).is_empty());
    let tests = "#[cfg(test)]\nmod tests { use crate::a; }";
    assert_eq!(circle(&[("a.rs", to_b), ("b.rs", tests), ("b/tests.rs", to_a)]), "");
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
