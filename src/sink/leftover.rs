//! What killed runs left beside a target.
//!
//! A run writes `OUT.stylize-part` and its journal `OUT.stylize-resume`. A run that continues them sets both aside as
//! `OUT.stylize-kept` and `OUT.stylize-kept-resume`, copies what is whole of them into a new part, and goes on: killed at
//! any moment, one of the two pairs holds all that was done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::container::Container;
use super::place::{PART_ENDING, Place, folder_of};
use super::stored;
use crate::error::Result;
use crate::resume::journal::LONGEST_BYTES;
use crate::resume::{Identity, Journal, Unlike};

/// The names beside a target.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(super) part: PathBuf,
    pub(super) journal: PathBuf,
    kept: PathBuf,
    kept_journal: PathBuf,
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
        Some(Self {
            part: beside(PART_ENDING),
            journal: beside(".stylize-resume"),
            kept: beside(".stylize-kept"),
            kept_journal: beside(".stylize-kept-resume"),
        })
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
fn sync_folder(path: &Path) {
    let _ = File::open(folder_of(path)).and_then(|folder| folder.sync_all());
}

/// The journal at `path`, if there is one.
fn read_journal(path: &Path) -> Option<Journal> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)
        .ok()
        .filter(|file| file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= LONGEST_BYTES))?;
    let mut bytes = Vec::new();
    file.take(LONGEST_BYTES).read_to_end(&mut bytes).ok()?;
    Journal::parse(&bytes)
}

/// What a killed run left, by what its journal says.
pub(super) struct Leftover {
    pub(super) frames: usize,
    pub(super) length_nanos: u64,
}

impl Leftover {
    /// What is there, if any work is in it.
    pub(super) fn look(names: &Names) -> Option<Self> {
        let leftover = |(part, journal): (&Path, &Path)| {
            fs::symlink_metadata(part).ok().filter(|meta| meta.is_file() && meta.len() > 0)?;
            let journal = read_journal(journal)?;
            Some(Self { frames: journal.units.len(), length_nanos: journal.end_nanos() })
        };
        let leftovers = names.pairs().into_iter().filter_map(leftover);
        leftovers.filter(|leftover| leftover.frames > 0).max_by_key(|leftover| leftover.frames)
    }
}

/// What is whole of a killed run's work.
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
    /// Looks for what killed runs did of the run that is `identity`, and makes room for that run beside it.
    pub(crate) fn find_kept(&mut self, identity: &Identity) -> Result<Found> {
        let container = Container::of(self.target());
        let [newer, older] = self.names().pairs().map(|(part, journal)| whole(part, journal, identity, container?));
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
fn whole(part: &Path, journal: &Path, identity: &Identity, container: Container) -> Option<Result<Journal, Unlike>> {
    let mut journal = read_journal(journal).filter(|journal| !journal.units.is_empty() && part.is_file())?;
    if let Err(unlike) = identity.agrees(&journal.run) {
        return Some(Err(unlike));
    }
    let complete = journal.complete(stored::count(part, container, &journal.units));
    if complete == 0 {
        return Some(Err(Unlike("nothing of it can be read".into())));
    }
    journal.units.truncate(complete);
    Some(Ok(journal))
}
