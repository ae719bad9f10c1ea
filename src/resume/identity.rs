//! What a run is: everything that decides how its output comes out. Runs that agree in it can continue each other.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::Unlike;

/// Files up to this length are read whole.
const READ_WHOLE: u64 = 64 << 20;

/// Of longer ones so many pieces, evenly spread, the first and the last among them.
const PIECES: u64 = 64;

/// Length of a piece.
const PIECE: u64 = 256 << 10;

/// What a run is, each part under a name that a user understands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity(Vec<(String, String)>);

impl Identity {
    /// A run of this version of the program.
    pub fn new() -> Self {
        Self::default().with("the version of the program", &env!("CARGO_PKG_VERSION"))
    }

    /// The same, with `value` as `name`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &impl Debug) -> Self {
        self.0.push((name.into(), format!("{value:?}")));
        self
    }

    /// Whether a run that is `self` can go on where `other` ended.
    ///
    /// # Errors
    /// Says what changed.
    pub fn agrees(&self, other: &Self) -> Result<(), Unlike> {
        let differs = self.0.iter().find(|part| !other.0.contains(part));
        match differs {
            Some((name, _)) => Err(Unlike(format!("{name} changed since"))),
            None if self.0.len() != other.0.len() => Err(Unlike("the version of the program changed since".into())),
            None => Ok(()),
        }
    }
}

/// What tells the content of a file from another's: a hash of all of it; of a long one its length, its time of change and
/// a hash of pieces from all over it.
///
/// # Errors
/// When it cannot be read.
pub fn content(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    let len = meta.len();
    let mut hasher = blake3::Hasher::new();
    if len <= READ_WHOLE {
        io::copy(&mut file, &mut hasher)?;
        return Ok(hasher.finalize().to_hex().to_string());
    }
    let changed = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    for piece in 0..PIECES {
        file.seek(SeekFrom::Start((len - PIECE) / (PIECES - 1) * piece))?;
        io::copy(&mut (&mut file).take(PIECE), &mut hasher)?;
    }
    file.seek(SeekFrom::End(-PIECE.cast_signed()))?;
    io::copy(&mut file, &mut hasher)?;
    Ok(format!("{len} {} {}", changed.as_nanos(), hasher.finalize().to_hex()))
}

/// What tells a list of files from another: their names, lengths and times of change.
///
/// # Errors
/// When one of them is not there.
pub fn listing(paths: impl Iterator<Item = PathBuf>) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    for path in paths {
        let meta = path.metadata()?;
        hasher.update(format!("{:?} {} {:?}\n", path.file_name(), meta.len(), meta.modified().ok()).as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// What tells bytes from others.
pub fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// What tells a model from another: its file, and the files of weights that exporters write beside it.
///
/// # Errors
/// When one of them cannot be read.
pub fn model(path: &Path) -> io::Result<String> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let weights = [".data", "_data"].map(beside).into_iter().filter(|path| path.is_file());
    let parts: io::Result<Vec<_>> =
        std::iter::once(path.to_owned()).chain(weights).map(|path| content(&path)).collect();
    Ok(parts?.join(" "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_changed_is_named() {
        let run = |strength: f32| Identity::new().with("the input", &"a").with("--strength", &strength);
        assert_eq!(run(1.0).agrees(&run(1.0)), Ok(()));
        assert_eq!(run(1.0).agrees(&run(0.5)).unwrap_err().to_string(), "--strength changed since");
        assert!(run(1.0).agrees(&run(1.0).with("more", &1)).is_err());
        assert!(run(1.0).with("more", &1).agrees(&run(1.0)).is_err());
        assert!(Identity::new().agrees(&Identity::default()).is_err());
    }

    #[test]
    fn a_byte_more_or_another_makes_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let of = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            content(&path).unwrap()
        };
        assert_eq!(of(b"abc"), of(b"abc"));
        assert_ne!(of(b"abc"), of(b"abd"));
        assert_ne!(of(b"abc"), of(b"abc\0"));
    }

    #[test]
    fn a_long_file_is_told_by_its_ends_and_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let file = File::create(&path).unwrap();
        file.set_len(READ_WHOLE + 12_345).unwrap();
        let set_time = || file.set_modified(UNIX_EPOCH).unwrap();
        set_time();
        let plain = content(&path).unwrap();
        assert_eq!(plain, content(&path).unwrap());
        for at in [0, READ_WHOLE + 12_344] {
            std::os::unix::fs::FileExt::write_all_at(&file, b"x", at).unwrap();
            set_time();
            assert_ne!(plain, content(&path).unwrap(), "{at}");
            std::os::unix::fs::FileExt::write_all_at(&file, b"\0", at).unwrap();
            set_time();
            assert_eq!(plain, content(&path).unwrap(), "{at}");
        }
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(1)).unwrap();
        assert_ne!(plain, content(&path).unwrap());
    }
}
