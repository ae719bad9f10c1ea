//! The place of an output file: written beside its target under a temporary name, visible only when it is whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::SinkError;
use crate::error::{Error, Result};
use crate::source::io_reason;

/// What the name of an unfinished file ends with: nobody else's files do.
pub(super) const PART_ENDING: &str = ".stylize-part";

/// A temporary file beside `target`, locked against other runs. Dropped without [`Place::publish`], it leaves nothing.
pub(crate) struct Place {
    target: PathBuf,
    part: TempPath,
    lock: File,
    replace: bool,
}

impl Place {
    /// Claims the place of `target`, to which `input` will be turned.
    pub(crate) fn claim(target: &Path, input: &Path, replace: bool) -> Result<Self> {
        let write = |reason: &str| SinkError::Write { path: target.into(), reason: reason.into() };
        let name = target.file_name().ok_or_else(|| write("it is no file name"))?;
        refuse_same(target, input)?;
        if fs::metadata(target).is_ok_and(|meta| meta.is_dir()) {
            return Err(write("it is a directory; name a file in it").into());
        }
        // A link to nowhere counts as there, too: publishing would find it.
        if !replace && fs::symlink_metadata(target).is_ok() {
            return Err(SinkError::Exists { path: target.into() }.into());
        }
        let folder = folder_of(target);
        if !folder.is_dir() {
            return Err(write("its folder does not exist; create it first").into());
        }
        let mut part_name = name.to_owned();
        part_name.push(PART_ENDING);
        let part = folder.join(part_name);
        refuse_same(&part, input)?;
        let lock = lock(&part, target)?;
        let part = TempPath::try_from_path(part)
            .map_err(|error| SinkError::Write { path: target.into(), reason: io_reason(&error) })?;
        Ok(Self { target: target.into(), part, lock, replace })
    }

    /// The name that the user gave.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The file to write into.
    pub(crate) fn part(&self) -> &Path {
        &self.part
    }

    /// The file was closed and is good: makes it durable, then visible.
    pub(crate) fn publish(self) -> Result<()> {
        let Self { target, part, lock, replace } = self;
        let failed = |error: &std::io::Error| SinkError::Write { path: target.clone(), reason: io_reason(error) };
        lock.sync_all().map_err(|error| failed(&error))?;
        let moved = if replace { part.persist(&target) } else { part.persist_noclobber(&target) };
        moved.map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => SinkError::Exists { path: target.clone() },
            _ => failed(&error.error),
        })?;
        let folder = File::open(folder_of(&target)).map_err(|error| failed(&error))?;
        // Some network file systems cannot sync a folder; the file itself is safe by now.
        let _ = folder.sync_all();
        Ok(())
    }
}

fn folder_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
        _ => PathBuf::from("."),
    }
}

/// The same file under another name (link, hard link, `./`) would be destroyed by writing it.
fn refuse_same(target: &Path, input: &Path) -> Result<()> {
    if let (Ok(a), Ok(b)) = (fs::metadata(target), fs::metadata(input))
        && (a.dev(), a.ino()) == (b.dev(), b.ino())
    {
        return Err(Error::Usage(format!("{target:?} and {input:?} are the same file; choose another output name")));
    }
    Ok(())
}

/// Opens and locks the unfinished file; one that a killed run left behind is emptied.
fn lock(part: &Path, target: &Path) -> Result<File, SinkError> {
    let write = |reason: String| SinkError::Write { path: target.into(), reason };
    // Neither through a link to somebody's file, nor waiting for the other end of a pipe.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(part)
        .map_err(|error| write(io_reason(&error)))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(SinkError::Busy { path: target.into() }),
        // Some file systems know no locks; the name alone must do there.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    let ours = file.metadata().map_err(|error| write(io_reason(&error)))?;
    if !ours.is_file() {
        return Err(write(format!("{part:?} is in the way; move it")));
    }
    // Between opening and locking, the run that had it may have published it: then it is no part any more.
    match fs::symlink_metadata(part) {
        Ok(named) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => {}
        _ => return Err(SinkError::Busy { path: target.into() }),
    }
    file.set_len(0).map_err(|error| write(io_reason(&error)))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(folder: &Path, replace: bool) -> Result<Place> {
        Place::claim(&folder.join("out.mkv"), &folder.join("in.mp4"), replace)
    }

    #[test]
    fn an_output_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.mkv");
        let place = claim(folder.path(), false).unwrap();
        fs::write(place.part(), "half").unwrap();
        drop(place);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let place = claim(folder.path(), false).unwrap();
        fs::write(place.part(), "whole").unwrap();
        assert!(!target.exists());
        place.publish().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
        assert!(matches!(claim(folder.path(), false), Err(Error::Sink(SinkError::Exists { .. }))));
        let place = claim(folder.path(), true).unwrap();
        fs::write(place.part(), "new").unwrap();
        place.publish().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
    }

    #[test]
    fn a_target_that_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = claim(folder.path(), false).unwrap();
        fs::write(folder.path().join("out.mkv"), "somebody's").unwrap();
        assert!(matches!(place.publish(), Err(Error::Sink(SinkError::Exists { .. }))));
        assert_eq!(fs::read_to_string(folder.path().join("out.mkv")).unwrap(), "somebody's");
    }

    #[test]
    fn the_second_run_to_one_target_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = claim(folder.path(), false).unwrap();
        assert!(matches!(claim(folder.path(), false), Err(Error::Sink(SinkError::Busy { .. }))));
        assert!(first.part().exists());
    }

    #[test]
    fn what_is_in_the_way_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (part, other) = (folder.path().join("out.mkv.stylize-part"), folder.path().join("other"));
        fs::write(&other, "somebody's").unwrap();
        std::os::unix::fs::symlink(&other, &part).unwrap();
        assert!(matches!(claim(folder.path(), true), Err(Error::Sink(SinkError::Write { .. }))));
        assert_eq!(fs::read_to_string(&other).unwrap(), "somebody's");
        fs::remove_file(&part).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("out.mkv")).unwrap();
        assert!(matches!(claim(folder.path(), false), Err(Error::Sink(SinkError::Exists { .. }))));
    }

    #[test]
    fn the_source_in_any_disguise_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.mp4");
        fs::write(&input, "source").unwrap();
        fs::hard_link(&input, folder.path().join("hard.mp4")).unwrap();
        std::os::unix::fs::symlink(&input, folder.path().join("soft.mp4")).unwrap();
        for name in ["in.mp4", "./in.mp4", "hard.mp4", "soft.mp4"] {
            let result = Place::claim(&folder.path().join(name), &input, true);
            assert!(matches!(result, Err(Error::Usage(_))), "{name}");
        }
        let input = folder.path().join("out.mkv.stylize-part");
        fs::write(&input, "source").unwrap();
        assert!(matches!(Place::claim(&folder.path().join("out.mkv"), &input, true), Err(Error::Usage(_))));
        assert_eq!(fs::read_to_string(&input).unwrap(), "source");
    }
}
