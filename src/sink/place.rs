//! The place of an output file: written beside its target under a temporary name, visible only when it is whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc::{EINVAL, ENOSYS, ENOTSUP, EPERM};
use tempfile::{PathPersistError, TempPath};

use super::leftover::{Leftover, Names, sync_folder, unreadable};
use crate::error::{Error, Result, SinkError, io_reason};
use crate::folders::folder_of;
use crate::text::clock;

/// Suffix of unfinished files; assumed to be used by no other program.
pub(super) const PART_ENDING: &str = ".stylize-part";

/// What took so long is kept where the run fails, and can be gone on with; what takes less is sooner made again than thought about.
const WORTH_KEEPING: Duration = Duration::from_secs(60);

/// What may happen to files that are there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The target may be replaced, and what an unfinished run left thrown away.
    pub(crate) force: bool,
    /// What an unfinished run left is to be continued.
    pub(crate) resume: bool,
    /// What is written cannot be made again: no part of it is thrown away when the run fails, nor without `force` one that an
    /// earlier run left.
    pub(crate) once: bool,
}

/// What becomes of a finished file that cannot have its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// It took no time to make.
    Goes,
    /// It is kept, and where is told.
    Stays,
}

/// A temporary file beside `target`, locked against other runs. Dropped without [`Place::publish`], it leaves nothing of
/// its own but what was [spared](Place::spare), and what an unfinished run left as it was, until it is decided what becomes of that.
pub(crate) struct Place {
    target: PathBuf,
    /// Apart, as there are many, and places are handed on.
    names: Box<Names>,
    part: TempPath,
    journal: TempPath,
    lock: File,
    begun: Instant,
    replace: bool,
    once: bool,
}

impl Place {
    /// Claims the place of `target`, to which `input` will be turned. Where it is a link and may be replaced, the file that
    /// it leads to is, and the link stays.
    pub(crate) fn claim(target: &Path, input: &Path, claim: Claim) -> Result<Self> {
        let target = &if claim.force { led_to(target) } else { target.into() };
        let write = |reason: &str| SinkError::Write { path: target.into(), reason: reason.into() };
        let names = Box::new(Names::of(target).ok_or_else(|| write("it is no file name"))?);
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
        names.all().into_iter().try_for_each(|name| refuse_same(name, input))?;
        let lock = lock(&names.part, target)?;
        let leftover = match Leftover::look(&names) {
            // Nobody needs to know what is thrown away.
            Err(_) if claim.force => Some(Leftover::default()),
            found => found.map_err(|error| unreadable(target, &error))?,
        };
        let spared = claim.once && has_bytes(&lock);
        let temporary = |path: &Path| {
            let mut path = TempPath::try_from_path(path)
                .map_err(|error| SinkError::Write { path: target.into(), reason: io_reason(&error) })?;
            path.disable_cleanup(leftover.is_some() || spared);
            Ok::<_, SinkError>(path)
        };
        let (part, journal) = (temporary(&names.part)?, temporary(&names.journal)?);
        let (replace, once, begun) = (claim.force, claim.once, Instant::now());
        let place = Self { target: target.into(), names, part, journal, lock, begun, replace, once };
        match leftover {
            None if spared && !claim.force => {
                return Err(SinkError::Recorded { part: place.names.part.clone() }.into());
            }
            None if spared => {}
            None => place.empty()?,
            Some(Leftover { frames, length_nanos }) if !claim.force && !claim.resume => {
                let length = clock(Duration::from_nanos(length_nanos));
                return Err(SinkError::Unfinished { path: target.into(), frames, length }.into());
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

    /// Throws away what an unfinished run left, and begins anew.
    pub(crate) fn start_over(&mut self) -> Result<(), SinkError> {
        self.own()?;
        self.names.forget_kept();
        Ok(())
    }

    /// Begins anew beside what an earlier run has set aside, which stays until this one is done.
    pub(crate) fn start_beside(&mut self) -> Result<(), SinkError> {
        self.own()
    }

    /// Sets aside what the last unfinished run left in place of what earlier ones left, and begins anew. At every moment in
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

    /// Keeps what was written so far, whatever becomes of the run, if it cannot be made again, or took long and can be gone on
    /// with; says what there is of it.
    pub(crate) fn spare(&mut self) -> Option<&'static str> {
        if !has_bytes(&self.lock) {
            return None;
        }
        if self.once {
            self.part.disable_cleanup(true);
            return Some("what was recorded so far");
        }
        let can_go_on = self.begun.elapsed() >= WORTH_KEEPING && matches!(Leftover::look(&self.names), Ok(Some(_)));
        can_go_on.then(|| {
            self.part.disable_cleanup(true);
            self.journal.disable_cleanup(true);
            "what is done, for --resume to go on with,"
        })
    }

    /// What the user is told where writing failed for this reason: with the place of what is spared.
    pub(crate) fn failure(&mut self, why: SinkError) -> SinkError {
        match self.spare() {
            Some(what) => why.sparing(what, &self.names.part),
            None => why,
        }
    }

    /// The file was closed and is good: makes it durable, then visible.
    pub(crate) fn publish(mut self, unnamed: Unnamed) -> Result<()> {
        if let Err(error) = self.lock.sync_all() {
            let why = self.failed(&error);
            return Err(self.failure(why).into());
        }
        let Self { target, names, part, journal, lock: _lock, begun: _, replace, once } = self;
        let named = if replace { part.persist(&target) } else { persist_new(part, &target) };
        if let Err(PathPersistError { error, path: part }) = named {
            let taken = error.kind() == io::ErrorKind::AlreadyExists;
            if unnamed == Unnamed::Goes && !once {
                let reason = io_reason(&error);
                let path = target;
                return Err(if taken { SinkError::Exists { path } } else { SinkError::Write { path, reason } }.into());
            }
            let place = keep(part, journal, &names);
            // Not that --force replaces it: the finished file is there now.
            let reason = if taken { "there is a file of this name now".into() } else { io_reason(&error) };
            return Err(SinkError::Write { path: target, reason }.sparing("the finished file", place).into());
        }
        sync_folder(&target);
        drop(journal);
        names.forget_kept();
        Ok(())
    }
}

/// Keeps a finished file that cannot have the name it was meant for; says where it is.
fn keep(part: TempPath, mut journal: TempPath, names: &Names) -> &Path {
    // Under a name of its own no run to the target comes upon it.
    match persist_new(part, &names.finished) {
        Ok(()) => {
            sync_folder(&names.finished);
            names.forget_kept();
            &names.finished
        }
        Err(PathPersistError { path: mut part, .. }) => {
            part.disable_cleanup(true);
            // With it the next run does not throw away what it finds, but takes it or asks.
            journal.disable_cleanup(true);
            &names.part
        }
    }
}

fn has_bytes(file: &File) -> bool {
    file.metadata().is_ok_and(|meta| meta.len() > 0)
}

/// Gives the file at `part` the name `target`, which nobody may have.
fn persist_new(part: TempPath, target: &Path) -> Result<(), PathPersistError> {
    part.persist_noclobber(target).or_else(|refused| match refused.error.raw_os_error() {
        // Some file systems (of FUSE, exFAT) know neither a rename that replaces nothing nor a second name for a file.
        Some(EINVAL | ENOSYS | ENOTSUP | EPERM) => match fs::symlink_metadata(target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => refused.path.persist(target),
            Err(error) => Err(PathPersistError { error, path: refused.path }),
            Ok(_) => Err(PathPersistError { error: io::ErrorKind::AlreadyExists.into(), path: refused.path }),
        },
        _ => Err(refused),
    })
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

/// The same file under another name (link, hard link, `./`) would be destroyed by writing it.
fn refuse_same(target: &Path, input: &Path) -> Result<()> {
    if let (Ok(a), Ok(b)) = (fs::metadata(target), fs::metadata(input))
        && (a.dev(), a.ino()) == (b.dev(), b.ino())
    {
        return Err(Error::Usage(format!("{target:?} and {input:?} are the same file; choose another output name")));
    }
    Ok(())
}

/// Opens and locks the unfinished file; what an unfinished run left in it stays.
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
    use crate::resume::journal::{first_line, stream_line, unit_line};
    use crate::resume::{Identity, Unit};

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
        place.publish(Unnamed::Stays).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
        assert!(matches!(claim(folder.path(), false), Err(Error::Sink(SinkError::Exists { .. }))));
        let place = claim(folder.path(), true).unwrap();
        fs::write(place.part(), "new").unwrap();
        place.publish(Unnamed::Stays).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
    }

    #[test]
    fn a_target_that_appears_meanwhile_is_not_replaced_and_the_finished_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let [target, part, finished] =
            ["out.mkv", "out.mkv.stylize-part", "out.finished.mkv"].map(|name| folder.path().join(name));
        let refused = |force: bool, place: &Path, meanwhile: &dyn Fn()| {
            let claimed = claim(folder.path(), force).unwrap();
            fs::write(claimed.part(), "finished").unwrap();
            meanwhile();
            let error = claimed.publish(Unnamed::Stays).unwrap_err().to_string();
            assert!(error.ends_with(&format!("; the finished file is in {place:?}")), "{error}");
            assert_eq!(fs::read_to_string(place).unwrap(), "finished");
            error
        };
        let error = refused(false, &finished, &|| fs::write(&target, "somebody's").unwrap());
        assert!(error.contains("there is a file of this name now"), "{error}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "somebody's");
        assert!(!part.exists());
        fs::remove_file(&target).unwrap();
        let error = refused(true, &part, &|| fs::create_dir_all(target.join("folder")).unwrap());
        assert!(error.contains("cannot write"), "{error}");
    }

    #[test]
    fn what_takes_no_time_to_make_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let place = claim(folder.path(), false).unwrap();
        fs::write(place.part(), "finished").unwrap();
        fs::write(folder.path().join("out.mkv"), "somebody's").unwrap();
        let error = place.publish(Unnamed::Goes).unwrap_err().to_string();
        assert!(error.contains("exists; --force replaces it"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_made_again_stays_where_the_run_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (target, part) = (folder.path().join("me.mkv"), folder.path().join("me.mkv.stylize-part"));
        let claimed = || Place::claim(&target, Path::new(""), Claim { once: true, ..Claim::default() });
        let failure = |place: &mut Place| place.failure(SinkError::Exists { path: "me.mkv".into() }).to_string();
        let mut place = claimed().unwrap();
        assert!(!failure(&mut place).contains("recorded"), "nothing was");
        drop(place);
        assert!(!part.exists());
        let mut place = claimed().unwrap();
        fs::write(place.part(), "half").unwrap();
        assert!(failure(&mut place).ends_with(&format!("; what was recorded so far is in {part:?}")));
        drop(place);
        assert_eq!(fs::read_to_string(&part).unwrap(), "half");
        assert!(matches!(claimed(), Err(Error::Sink(SinkError::Recorded { .. }))));
        assert_eq!(fs::read_to_string(&part).unwrap(), "half");
    }

    #[test]
    fn what_took_long_and_can_be_gone_on_with_stays_where_the_run_fails() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.mkv");
        let claimed = |resume| {
            Place::claim(&target, Path::new(""), Claim { resume, ..Claim::default() }).map(|mut place| {
                place.begun -= WORTH_KEEPING;
                place
            })
        };
        let left = |place: Place| {
            drop(place);
            fs::read_dir(folder.path()).unwrap().count()
        };
        let (dts_nanos, duration_nanos) = (None, Some(40_000_000));
        let unit = Unit { pts_nanos: 0, dts_nanos, duration_nanos, key: true, bytes: 4, digest: 0, shown_nanos: 0 };
        let written = |place: &Place| {
            let journal = [first_line(&Identity::default()), stream_line("video/x-h264"), unit_line(&unit)].concat();
            fs::write(&place.names.journal, journal).unwrap();
            fs::write(place.part(), "half").unwrap();
        };
        let mut nothing_done = claimed(false).unwrap();
        fs::write(nothing_done.part(), "head").unwrap();
        assert!(nothing_done.spare().is_none());
        assert_eq!(left(nothing_done), 0);
        let mut short = claim(folder.path(), false).unwrap();
        written(&short);
        assert!(short.spare().is_none());
        assert_eq!(left(short), 0);
        let mut long = claimed(false).unwrap();
        written(&long);
        let told = long.failure(SinkError::Exists { path: "out.mkv".into() }).to_string();
        assert!(told.contains("; what is done, for --resume to go on with, is in "), "{told}");
        assert_eq!(left(long), 2);
        assert!(matches!(claimed(false), Err(Error::Sink(SinkError::Unfinished { frames: 1, .. }))));
        let mut again = claimed(true).unwrap();
        again.start_over().unwrap();
        assert_eq!(left(again), 0);
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
            place.publish(Unnamed::Stays).unwrap();
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
        for ending in ["part", "resume", "kept", "kept-resume"] {
            let input = folder.path().join(format!("out.mkv.stylize-{ending}"));
            fs::write(&input, "source").unwrap();
            assert!(matches!(Place::claim(&folder.path().join("out.mkv"), &input, FORCE), Err(Error::Usage(_))));
            assert_eq!(fs::read_to_string(&input).unwrap(), "source");
            fs::remove_file(&input).unwrap();
        }
    }
}
