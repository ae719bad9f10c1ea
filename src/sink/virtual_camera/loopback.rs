//! The devices of v4l2loopback, as the kernel lists them.

use std::path::{Path, PathBuf};

use super::LOAD;

/// Where the kernel lists devices that are no hardware.
const LISTED: &str = "/sys/devices/virtual/video4linux";

/// What only v4l2loopback says of a device.
const MARK: &str = "max_openers";

/// The first device that there is.
///
/// # Errors
/// Where there is none: why, and what to do.
pub(super) fn first() -> Result<PathBuf, String> {
    if !cfg!(target_os = "linux") {
        return Err("there is no virtual camera on this system: let OBS capture the window, and use its own".into());
    }
    devices(Path::new(LISTED)).into_iter().next().ok_or_else(|| format!("there is no v4l2loopback device: {LOAD}"))
}

/// Whether `path` is such a device.
///
/// # Errors
/// Where it is none: what it is instead, and what to do.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let real = path.canonicalize().map_err(|_| format!("{}: there is no such device; {LOAD}", path.display()))?;
    if devices(Path::new(LISTED)).contains(&real) {
        return Ok(());
    }
    Err(format!("{}: not a device of v4l2loopback, which alone can be written to; {LOAD}", path.display()))
}

/// The devices in the list at `listed`, by their number.
fn devices(listed: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(listed).into_iter().flatten().flatten();
    let number = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let number: u32 = name.strip_prefix("video")?.parse().ok()?;
        entry.path().join(MARK).exists().then_some(number)
    };
    let mut numbers: Vec<_> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| PathBuf::from(format!("/dev/video{number}"))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn devices_of_v4l2loopback_are_told_from_others() {
        let listed = tempfile::tempdir().unwrap();
        for (name, mark) in [("video10", true), ("video2", true), ("video0", false), ("vbi0", true), ("videoX", true)] {
            let folder = listed.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("name"), "stylize\n").unwrap();
            if mark {
                fs::write(folder.join(MARK), "10\n").unwrap();
            }
        }
        assert_eq!(devices(listed.path()), [PathBuf::from("/dev/video2"), PathBuf::from("/dev/video10")]);
        assert!(devices(&listed.path().join("nowhere")).is_empty());
    }

    #[test]
    fn what_is_no_such_device_is_refused_with_the_command_that_makes_one() {
        for path in ["/dev/null", "/dev/nothing-at-all"] {
            assert!(check(Path::new(path)).unwrap_err().ends_with(LOAD), "{path}");
        }
    }
}
