//! The place of an output file: written beside its target under a temporary name, visible only when it is whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::SinkError;
use super::leftover::{Leftover, Names};
use crate::error::{Error, Result};
use crate::source::io_reason;

/// What the name of an unfinished file ends with: nobody else's files do.
pub(super) const PART_ENDING: &str = ".stylize-part";

/// What may happen to files that are there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The target may be replaced, and what a killed run left thrown away.
    pub(crate) force: bool,
    /// What a killed run left is to be continued.
    pub(crate) resume: bool,
    /// What is written cannot be made again: without `force` no part that a killed run left is thrown away.
    pub(crate) once: bool,
}

/// A temporary file beside `target`, locked against other runs. Dropped without [`Place::publish`], it leaves nothing of
/// its own, and what a killed run left as it was, until it is decided what becomes of that.
pub(crate) struct Place {
    target: PathBuf,
    names: Names,
    part: TempPath,
    journal: TempPath,
    lock: File,
    replace: bool,
}

impl Place {
    /// Claims the place of `target`, to which `input` will be turned. Where it is a link and may be replaced, the file that
    /// it leads to is, and the link stays.
    pub(crate) fn claim(target: &Path, input: &Path, claim: Claim) -> Result<Self> {
        let target = &if claim.force { led_to(target) } else { target.into() };
        let write = |reason: &str| SinkError::Write { path: target.into(), reason: reason.into() };
        let names = Names::of(target).ok_or_else(|| write("it is no file name"))?;
        refuse_same(target, input)?;
        if fs::metadata(target).is_ok_and(|meta| meta.is_dir()) {
            return Err(write("it is a directory; name a file in it").into());
        }
        // A link to nowhere counts as there, too: publishing would find it.
        if !claim.force && fs::symlink_metadata(target).is_ok() {
            return Err(SinkError::Exists { path: target.into() }.into());
        }
        let folder = folder_of(target);
        if !folder.is_dir() {
            return Err(write("its folder does not exist; create it first").into());
        }
        refuse_same(&names.part, input)?;
        let lock = lock(&names.part, target)?;
        let leftover = Leftover::look(&names);
        let spared = claim.once && lock.metadata().is_ok_and(|meta| meta.len() > 0);
        let temporary = |path: &Path| {
            let mut path = TempPath::try_from_path(path)
                .map_err(|error| SinkError::Write { path: target.into(), reason: io_reason(&error) })?;
            path.disable_cleanup(leftover.is_some() || spared);
            Ok::<_, SinkError>(path)
        };
        let (part, journal) = (temporary(&names.part)?, temporary(&names.journal)?);
        let place = Self { target: target.into(), names, part, journal, lock, replace: claim.force };
        match leftover {
            None if spared && !claim.force => {
                return Err(SinkError::Recorded { part: place.names.part.clone() }.into());
            }
            None if spared => {}
            None => place.empty()?,
            Some(Leftover { frames, length_nanos }) if !claim.force && !claim.resume => {
                return Err(SinkError::Unfinished { path: target.into(), frames, length: clock(length_nanos) }.into());
            }
            Some(_) => {}
        }
        Ok(place)
    }

    fn failed(&self, error: &io::Error) -> SinkError {
        SinkError::Write { path: self.target.clone(), reason: io_reason(error) }
    }

    fn empty(&self) -> Result<(), SinkError> {
        self.lock.set_len(0).map_err(|error| self.failed(&error))
    }

    /// From now on the unfinished files are of this run, and go with it.
    fn own(&mut self) -> Result<(), SinkError> {
        self.part.disable_cleanup(false);
        self.journal.disable_cleanup(false);
        // It is of what is no longer in the part. Mostly there is none.
        let _ = fs::remove_file(&self.journal);
        self.empty()
    }

    /// Throws away what a killed run left, and begins anew.
    pub(crate) fn start_over(&mut self) -> Result<(), SinkError> {
        self.own()?;
        self.names.forget_kept();
        Ok(())
    }

    /// Begins anew beside what an earlier run has set aside, which stays until this one is done.
    pub(crate) fn start_beside(&mut self) -> Result<(), SinkError> {
        self.own()
    }

    /// Sets aside what the last killed run left in place of what earlier ones left, and begins anew. At every moment in
    /// between, one of both is whole.
    pub(crate) fn set_aside(&mut self) -> Result<(), SinkError> {
        self.names.set_aside().map_err(|error| self.failed(&error))?;
        self.lock = lock(&self.names.part, &self.target)?;
        self.own()
    }

    /// The names of all files that may belong to it.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// What is written so far goes to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.lock.sync_data()
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
        let Self { target, names, part, journal, lock, replace } = self;
        let failed = |error: &io::Error| SinkError::Write { path: target.clone(), reason: io_reason(error) };
        lock.sync_all().map_err(|error| failed(&error))?;
        let moved = if replace { part.persist(&target) } else { part.persist_noclobber(&target) };
        moved.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => SinkError::Exists { path: target.clone() },
            _ => failed(&error.error),
        })?;
        let folder = File::open(folder_of(&target)).map_err(|error| failed(&error))?;
        // Some network file systems cannot sync a folder; the file itself is safe by now.
        let _ = folder.sync_all();
        drop(journal);
        names.forget_kept();
        Ok(())
    }
}

/// `1:02:03` or `2:03`.
fn clock(nanos: u64) -> String {
    let seconds = nanos / 1_000_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The file that `target` is, or that it leads to if it is a link.
fn led_to(target: &Path) -> PathBuf {
    match fs::read_link(target) {
        Ok(leads) => {
            let leads = folder_of(target).join(leads);
            // One that leads nowhere yet leads to a file that can be made.
            leads.canonicalize().unwrap_or(leads)
        }
        Err(_) => target.into(),
    }
}

pub(super) fn folder_of(target: &Path) -> PathBuf {
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

/// Opens and locks the unfinished file; what a killed run left in it stays.
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
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(folder: &Path, force: bool) -> Result<Place> {
        Place::claim(&folder.join("out.mkv"), &folder.join("in.mp4"), Claim { force, ..Claim::default() })
    }

    const FORCE: Claim = Claim { force: true, resume: false, once: false };

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
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (link, elsewhere) = (folder.path().join("out.mkv"), folder.path().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink("elsewhere/real.mkv", &link).unwrap();
        for before in [None, Some("old")] {
            if let Some(before) = before {
                fs::write(elsewhere.join("real.mkv"), before).unwrap();
            }
            assert!(matches!(claim(folder.path(), false), Err(Error::Sink(SinkError::Exists { .. }))));
            let place = claim(folder.path(), true).unwrap();
            fs::write(place.part(), "new").unwrap();
            assert_eq!(place.part().parent().unwrap().canonicalize().unwrap(), elsewhere.canonicalize().unwrap());
            place.publish().unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(elsewhere.join("real.mkv")).unwrap(), "new");
            fs::remove_file(elsewhere.join("real.mkv")).unwrap();
        }
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn the_source_in_any_disguise_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.mp4");
        fs::write(&input, "source").unwrap();
        fs::hard_link(&input, folder.path().join("hard.mp4")).unwrap();
        std::os::unix::fs::symlink(&input, folder.path().join("soft.mp4")).unwrap();
        for name in ["in.mp4", "./in.mp4", "hard.mp4", "soft.mp4"] {
            let result = Place::claim(&folder.path().join(name), &input, FORCE);
            assert!(matches!(result, Err(Error::Usage(_))), "{name}");
        }
        let input = folder.path().join("out.mkv.stylize-part");
        fs::write(&input, "source").unwrap();
        assert!(matches!(Place::claim(&folder.path().join("out.mkv"), &input, FORCE), Err(Error::Usage(_))));
        assert_eq!(fs::read_to_string(&input).unwrap(), "source");
    }
}
