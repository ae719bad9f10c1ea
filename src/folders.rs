//! Folders: that which a file is in, and those that are the user's.

use std::path::{Path, PathBuf};

/// The folder that `path` is in; the current one for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// `$XDG_DATA_HOME`, or what it stands for when unset.
pub(crate) fn data_home() -> Option<PathBuf> {
    home_of("XDG_DATA_HOME", ".local/share")
}

/// `$XDG_CACHE_HOME`, or what it stands for when unset.
pub(crate) fn cache_home() -> Option<PathBuf> {
    home_of("XDG_CACHE_HOME", ".cache")
}

/// What `variable` names; where it is unset, or no absolute path and so not to be heeded, `usual` in the user's home.
fn home_of(variable: &str, usual: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    set.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_a_folder() {
        let folders = ["a/b.mp4", "b.mp4", "/b.mp4", "./b.mp4", "/", ""].map(|path| folder_of(Path::new(path)));
        assert_eq!(folders, ["a", ".", "/", ".", ".", "."].map(Path::new));
    }
}
