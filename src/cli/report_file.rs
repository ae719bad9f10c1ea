//! The file of `--report`: tried before the work begins, so that a wrong path is known then, and visible only when whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use crate::error::{Error, Result, SinkError, io_reason};
use crate::folders::folder_of;

/// Where the report will be.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file, which a temporary one beside it will replace.
    File,
    /// A pipe or device such as /dev/stdout, which a rename would replace.
    Direct(File),
}

impl ReportFile {
    /// Makes sure that `path` can be written.
    ///
    /// # Errors
    /// When it is one of the `taken` files, the inputs and outputs of the run, or cannot be written.
    pub fn open<'a>(path: &Path, mut taken: impl Iterator<Item = &'a Path>) -> Result<Self> {
        if taken.any(|other| same_place(path, other)) {
            let why = format!("--report {} is the input or the output; name another file", path.display());
            return Err(Error::Usage(why));
        }
        let path = path.canonicalize().unwrap_or_else(|_| path.into());
        let place = Place::open(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(Self { path, place })
    }

    /// Writes `report` as JSON, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(self, report: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(report).map_err(|error| Error::Internal(error.to_string()))?;
        text.push(b'\n');
        let Self { path, place } = self;
        let written = match place {
            Place::Direct(mut file) => file.write_all(&text),
            Place::File => temporary_beside(&path).and_then(|mut file| {
                file.write_all(&text)?;
                file.as_file().sync_all()?;
                file.persist(&path).map(drop).map_err(|error| error.error)
            }),
        };
        written.map_err(|error| unwritable(&path, &error))
    }
}

impl Place {
    fn open(path: &Path) -> io::Result<Self> {
        match path.metadata() {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() => OpenOptions::new().write(true).open(path).map(Self::Direct),
            // Only a try: what stays open until the end would stay behind when the run is killed.
            _ => temporary_beside(path).map(|_| Self::File),
        }
    }
}

fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".stylize-report-").suffix(".part").tempfile_in(folder_of(path))
}

/// Whether two paths name one file, or would once it is there. Hard links do not matter: the rename replaces a name.
fn same_place(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| -> Option<PathBuf> {
        path.canonicalize().ok().or_else(|| Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?)))
    };
    real(one).is_some_and(|path| Some(path) == real(other))
}

/// The error of an output that is not the video.
pub fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::Sink(SinkError::Write { path: path.into(), reason: format!("{}; name another place", io_reason(error)) })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_of_one_file_are_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("a"), "").unwrap();
        assert!(same_place(&file("a"), &file("./a")));
        assert!(same_place(&file("new"), &file("./new")));
        assert!(!same_place(&file("a"), &file("b")));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(file("a"), file("link")).unwrap();
            assert!(same_place(&file("link"), &file("a")));
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_known_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Place::open(&folder.path().join("none/report.json")).is_err());
        assert!(Place::open(folder.path()).is_err());
    }

    #[test]
    fn nothing_stays_behind_when_the_work_fails_or_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let _open = Place::open(&folder.path().join("report.json")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
