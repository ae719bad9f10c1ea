//! Names of the outputs in a folder: the stem of each input, with an ending that fits what is asked for.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::options::{Encoding, Input};
use crate::sink::Container;

/// The outputs of `inputs` in `folder`, in their order.
///
/// # Errors
/// [`Error::Usage`] when an input has no name of its own, when two would have the same output, or when an output is one
/// of the inputs.
pub fn outputs(inputs: &[Input], folder: &Path, encoding: &Encoding) -> Result<Vec<PathBuf>> {
    let outputs = inputs.iter().map(|input| output(input, folder, encoding)).collect::<Result<Vec<_>>>()?;
    let mut taken = HashMap::new();
    for (input, output) in inputs.iter().zip(&outputs) {
        if let Some(earlier) = taken.insert(output, input) {
            let (earlier, input, output) = (earlier.path().display(), input.path().display(), output.display());
            return Err(Error::Usage(format!(
                "{earlier} and {input} would both become {output}; rename one, or give them different folders"
            )));
        }
    }
    refuse_overwriting(inputs, &outputs)?;
    Ok(outputs)
}

fn output(input: &Input, folder: &Path, encoding: &Encoding) -> Result<PathBuf> {
    // Pictures are called after their folder.
    let stem = match input {
        Input::File(path) => path.file_stem(),
        Input::Pictures { pattern, .. } => pattern.folder().file_name(),
        Input::Stdin => None,
    };
    let Some(stem) = stem else {
        let name = input.path().display();
        let why = format!("{name} has no name that an output in a folder could be called after; give IN and OUT");
        return Err(Error::Usage(why));
    };
    let mut name = stem.to_owned();
    name.push(".");
    name.push(match input {
        Input::File(path) => ending(path, encoding),
        Input::Pictures { .. } | Input::Stdin => OsStr::new("mkv"),
    });
    Ok(folder.join(name))
}

/// That of the input where files of it are written and hold what is asked for, else `mkv`, which holds everything.
fn ending<'a>(input: &'a Path, encoding: &Encoding) -> &'a OsStr {
    let own = input.extension().unwrap_or_default();
    let is = |kinds: &[&str]| kinds.iter().any(|kind| own.eq_ignore_ascii_case(kind));
    match Container::of(input) {
        Some(Container::Mkv) => own,
        Some(container) if !encoding.lossless && encoding.codec.is_none_or(|codec| container.holds(codec)) => own,
        _ if is(&["png"]) || (is(&["jpg", "jpeg"]) && !encoding.lossless) => own,
        _ if is(&["jpg", "jpeg"]) => OsStr::new("png"),
        _ => OsStr::new("mkv"),
    }
}

/// One input may lie where another's output will be, under whatever name.
fn refuse_overwriting(inputs: &[Input], outputs: &[PathBuf]) -> Result<()> {
    let files: HashMap<_, _> =
        inputs.iter().filter_map(|input| Some((identity(input.path())?, input.path()))).collect();
    match outputs.iter().find_map(|output| Some((output, files.get(&identity(output)?)?))) {
        Some((output, input)) => Err(Error::Usage(format!(
            "{} would be written over the input {}; choose another folder",
            output.display(),
            input.display()
        ))),
        None => Ok(()),
    }
}

/// Device and number of a file that is there.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Codec;

    fn named(inputs: &[&str], encoding: &Encoding) -> Result<Vec<String>> {
        let inputs: Vec<_> = inputs.iter().map(|path| Input::File(path.into())).collect();
        let outputs = outputs(&inputs, Path::new("/no/such/folder"), encoding)?;
        Ok(outputs.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn a_container_that_is_written_stays_and_others_become_mkv() {
        let inputs = ["a.mp4", "x/b.MOV", "c.webm", "d.mkv", "e.ts", "f.gif", "g.png", "h.JPG", "i", "j.tar.avi"];
        let outputs = named(&inputs, &Encoding::default()).unwrap();
        assert_eq!(
            outputs,
            ["a.mp4", "b.MOV", "c.webm", "d.mkv", "e.mkv", "f.mkv", "g.png", "h.JPG", "i.mkv", "j.tar.mkv"]
        );
    }

    #[test]
    fn what_a_container_cannot_hold_becomes_mkv() {
        let vp9 = Encoding { codec: Some(Codec::Vp9), ..Encoding::default() };
        assert_eq!(named(&["a.mp4", "b.webm", "c.mkv"], &vp9).unwrap(), ["a.mkv", "b.webm", "c.mkv"]);
        let lossless = Encoding { lossless: true, ..Encoding::default() };
        assert_eq!(named(&["a.mp4", "b.jpg", "c.png"], &lossless).unwrap(), ["a.mkv", "b.png", "c.png"]);
    }

    #[test]
    fn pictures_are_called_after_their_folder() {
        let named = |text: &str| {
            let pattern = crate::pattern::Pattern::parse(Path::new(text)).unwrap();
            let rate = crate::cli::value::frame_rate("25").unwrap();
            outputs(&[Input::Pictures { pattern, rate }], Path::new("out"), &Encoding::default())
        };
        assert_eq!(named("shots/a.b/%05d.png").unwrap(), [PathBuf::from("out/a.b.mkv")]);
        assert!(named("%05d.png").is_err());
    }

    #[test]
    fn two_inputs_of_one_name_are_refused() {
        for inputs in [["x/a.mp4", "y/a.mp4"], ["a.avi", "a.ts"], ["a.mp4", "a.mp4"]] {
            let text = named(&inputs, &Encoding::default()).unwrap_err().to_string();
            assert!(text.contains(inputs[0]) && text.contains(inputs[1]), "{text}");
        }
        assert!(named(&["a.mp4", "a.mov"], &Encoding::default()).is_ok());
        assert!(named(&["..", "a.mov"], &Encoding::default()).is_err());
    }

    #[test]
    fn an_input_is_no_place_for_an_output() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::create_dir(file("out")).unwrap();
        for name in ["a.mp4", "out/b.mp4"] {
            std::fs::write(file(name), "").unwrap();
        }
        let wanted = |inputs: &[PathBuf]| {
            let inputs: Vec<_> = inputs.iter().cloned().map(Input::File).collect();
            outputs(&inputs, &file("out"), &Encoding::default())
        };
        assert!(wanted(&[file("a.mp4")]).is_ok());
        assert!(wanted(&[file("out/b.mp4")]).is_err());
        std::fs::hard_link(file("a.mp4"), file("out/c.mp4")).unwrap();
        std::fs::write(file("c.mp4"), "").unwrap();
        assert!(wanted(&[file("c.mp4")]).is_ok());
        assert!(wanted(&[file("c.mp4"), file("a.mp4")]).is_err());
    }
}
