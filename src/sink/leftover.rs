//! What unfinished runs left beside a target.
//!
//! A run writes `OUT.stylize-part` and its journal `OUT.stylize-resume`. A run that continues them sets both aside as
//! `OUT.stylize-kept` and `OUT.stylize-kept-resume`, copies what is whole of them into a new part, and goes on: killed at
//! any moment, one of the two pairs holds all that was done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::container::Container;
use super::place::{PART_ENDING, Place};
use super::stored;
use crate::error::{Result, SinkError, io_reason};
use crate::folders::folder_of;
use crate::resume::journal::LONGEST_BYTES;
use crate::resume::{Identity, Journal, Unlike};

/// The names beside a target.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(super) part: PathBuf,
    pub(super) journal: PathBuf,
    kept: PathBuf,
    kept_journal: PathBuf,
    /// Of a finished file that cannot have its own.
    pub(super) finished: PathBuf,
}

impl Names {
    /// Those beside `target`, if that can be a file's name.
    pub(super) fn of(target: &Path) -> Option<Self> {
        let name = target.file_name()?;
        let beside = |ending: &str| {
            let mut name = name.to_owned();
            name.push(ending);
            folder_of(target).join(name)
        };
        // Players go by the ending.
        let mut finished = target.file_stem()?.to_owned();
        finished.push(".finished.");
        finished.push(target.extension().unwrap_or_default());
        Some(Self {
            finished: folder_of(target).join(finished),
            part: beside(PART_ENDING),
            journal: beside(".stylize-resume"),
            kept: beside(".stylize-kept"),
            kept_journal: beside(".stylize-kept-resume"),
        })
    }

    /// All that a run to the target may write over or remove: not the finished file's own name, which replaces nothing.
    pub(super) fn all(&self) -> [&Path; 4] {
        [&self.part, &self.journal, &self.kept, &self.kept_journal]
    }

    /// The newer pair first.
    fn pairs(&self) -> [(&Path, &Path); 2] {
        [(&self.part, &self.journal), (&self.kept, &self.kept_journal)]
    }

    /// Removes what was set aside.
    pub(super) fn forget_kept(&self) {
        for path in [&self.kept, &self.kept_journal] {
            // Mostly it is not there; if it cannot be removed, the next run says so.
            let _ = fs::remove_file(path);
        }
    }

    /// Makes the part and its journal the pair that is kept. The journal goes first, as a copy: its frames are those of
    /// the older pair and more, so that it fits both.
    pub(super) fn set_aside(&self) -> io::Result<()> {
        write_whole(&self.kept_journal, &fs::read(&self.journal)?)?;
        fs::rename(&self.part, &self.kept)?;
        sync_folder(&self.part);
        Ok(())
    }
}

/// Writes a file so that under its name there is all of it or what was there before, and returns it open for more.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push("-new");
    let new = PathBuf::from(name);
    let _ = fs::remove_file(&new);
    // Never through a link to somebody's file.
    let mut file = OpenOptions::new().append(true).create_new(true).custom_flags(nix::libc::O_NOFOLLOW).open(&new)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, path));
    sync_folder(path);
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.map(|()| file)
}

/// Makes the names beside `path` durable. Some network file systems cannot; then the files themselves must do.
pub(super) fn sync_folder(path: &Path) {
    let _ = File::open(folder_of(path)).and_then(|folder| folder.sync_all());
}

/// Length of the file at `path`; none where there is none, or something else.
fn file_len(path: &Path) -> io::Result<Option<u64>> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(meta.is_file().then_some(meta.len())),
        // What has too long a name is not there, either.
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::InvalidFilename].contains(&error.kind()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The journal at `path`, if there is one.
fn read_journal(path: &Path) -> io::Result<Option<Journal>> {
    if file_len(path)?.is_none_or(|len| len > LONGEST_BYTES) {
        return Ok(None);
    }
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    file.take(LONGEST_BYTES).read_to_end(&mut bytes)?;
    Ok(Journal::parse(&bytes))
}

/// The error where what an unfinished run left of `path` cannot be read now: perhaps it can another time, so it stays.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> SinkError {
    let reason = io_reason(error);
    let reason = format!("what an unfinished run left of it cannot be read ({reason}) and stays; --force starts over");
    SinkError::Write { path: path.into(), reason }
}

/// What an unfinished run left, by what its journal says.
#[derive(Default)]
pub(super) struct Leftover {
    pub(super) frames: usize,
    pub(super) length_nanos: u64,
}

impl Leftover {
    /// What is there, if any work is in it.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(super) fn look(names: &Names) -> io::Result<Option<Self>> {
        let mut most: Option<Self> = None;
        for (part, journal) in names.pairs() {
            if file_len(part)?.is_some_and(|len| len > 0)
                && let Some(journal) = read_journal(journal)?
                && journal.units.len() > most.as_ref().map_or(0, |most| most.frames)
            {
                most = Some(Self { frames: journal.units.len(), length_nanos: journal.end_nanos() });
            }
        }
        Ok(most)
    }
}

/// What is whole of an unfinished run's work.
pub(crate) struct Kept {
    /// The journal of just this.
    pub(super) journal: Journal,
    /// The video file that holds it, perhaps with more behind.
    pub(super) file: PathBuf,
}

impl Kept {
    /// Number of frames.
    pub(crate) fn frames(&self) -> u64 {
        self.journal.units.len() as u64
    }
}

/// What `--resume` found.
pub(crate) enum Found {
    /// Nothing that was done.
    Nothing,
    /// What another run did, or nothing that can be read; why.
    Useless(Unlike),
    /// Frames to go on behind.
    Kept(Kept),
}

impl Place {
    /// Looks for what unfinished runs did of the run that is `identity`, and makes room for that run beside it.
    pub(crate) fn find_kept(&mut self, identity: &Identity) -> Result<Found> {
        let container = Container::of(self.target());
        let look = |(part, journal)| container.map_or(Ok(None), |container| whole(part, journal, identity, container));
        let [newer, older] = self.names().pairs().map(look);
        let unreadable = |error| unreadable(self.target(), &error);
        let (newer, older) = (newer.map_err(unreadable)?, older.map_err(unreadable)?);
        let file = self.names().kept.clone();
        match (newer, older) {
            (Some(Ok(newer)), Some(Ok(older))) if older.units.len() > newer.units.len() => {
                self.start_beside()?;
                Ok(Found::Kept(Kept { journal: older, file }))
            }
            (Some(Ok(newer)), _) => {
                self.set_aside()?;
                Ok(Found::Kept(Kept { journal: newer, file }))
            }
            (_, Some(Ok(older))) => {
                self.start_beside()?;
                Ok(Found::Kept(Kept { journal: older, file }))
            }
            (Some(Err(reason)), _) | (None, Some(Err(reason))) => {
                self.start_over()?;
                Ok(Found::Useless(reason))
            }
            (None, None) => {
                self.start_over()?;
                Ok(Found::Nothing)
            }
        }
    }
}

/// The journal of what is whole of `part`; none if no work is in it.
fn whole(
    part: &Path,
    journal: &Path,
    identity: &Identity,
    container: Container,
) -> io::Result<Option<Result<Journal, Unlike>>> {
    let journal = read_journal(journal)?.filter(|journal| !journal.units.is_empty());
    let Some((mut journal, _)) = journal.zip(file_len(part)?) else { return Ok(None) };
    if let Err(unlike) = identity.agrees(&journal.run) {
        return Ok(Some(Err(unlike)));
    }
    let complete = journal.complete(stored::count(part, container, &journal.units)?);
    if complete == 0 {
        return Ok(Some(Err(Unlike("nothing of it can be read".into()))));
    }
    journal.units.truncate(complete);
    Ok(Some(Ok(journal)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_cannot_be_read_is_not_taken_for_none() {
        if cfg!(target_os = "linux") {
            // Where it begins, nothing is mapped.
            assert!(read_journal(Path::new("/proc/self/mem")).is_err());
        }
        let folder = tempfile::tempdir().unwrap();
        let none = |name: &str| read_journal(&folder.path().join(name)).unwrap().is_none();
        assert!(none("missing") && none(".") && none(&"long".repeat(80)));
        std::os::unix::fs::symlink("/proc/self/mem", folder.path().join("link")).unwrap();
        assert!(none("link"), "it is somebody's file");
        fs::write(folder.path().join("text"), "no journal").unwrap();
        assert!(none("text"));
    }
}
