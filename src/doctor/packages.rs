//! What brings a missing part: names of packages, and the command that installs them.

use std::env;
use std::process::Command;

use crate::media::elements::PluginSet;

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora.
    Dnf,
    /// Arch.
    Pacman,
    /// Homebrew.
    Brew,
}

impl Manager {
    /// The manager of this machine.
    pub fn here() -> Option<Self> {
        let known = [("apt-get", Self::Apt), ("dnf", Self::Dnf), ("pacman", Self::Pacman), ("brew", Self::Brew)];
        let path = env::var_os("PATH").unwrap_or_default();
        let is_here = |name: &str| env::split_paths(&path).any(|folder| folder.join(name).is_file());
        known.into_iter().find(|(name, _)| is_here(name)).map(|(_, manager)| manager)
    }

    /// Package that brings a set of plugins; none where it depends on more than we know.
    pub const fn package(self, set: PluginSet) -> Option<&'static str> {
        match (self, set) {
            (Self::Apt, PluginSet::Base) => Some("gstreamer1.0-plugins-base"),
            (Self::Apt, PluginSet::Good) => Some("gstreamer1.0-plugins-good"),
            (Self::Apt, PluginSet::Bad | PluginSet::BadEncoders) => Some("gstreamer1.0-plugins-bad"),
            (Self::Apt, PluginSet::Ugly) => Some("gstreamer1.0-plugins-ugly"),
            (Self::Apt, PluginSet::Libav) => Some("gstreamer1.0-libav"),
            (Self::Dnf, PluginSet::Base) => Some("gstreamer1-plugins-base"),
            (Self::Dnf, PluginSet::Good) => Some("gstreamer1-plugins-good"),
            (Self::Dnf, PluginSet::Bad) => Some("gstreamer1-plugins-bad-free"),
            (Self::Dnf, PluginSet::BadEncoders) => None,
            // From RPM Fusion.
            (Self::Dnf, PluginSet::Ugly) => Some("gstreamer1-plugins-ugly"),
            (Self::Dnf, PluginSet::Libav) => Some("gstreamer1-plugin-libav"),
            (Self::Pacman, PluginSet::Base) => Some("gst-plugins-base"),
            (Self::Pacman, PluginSet::Good) => Some("gst-plugins-good"),
            (Self::Pacman, PluginSet::Bad | PluginSet::BadEncoders) => Some("gst-plugins-bad"),
            (Self::Pacman, PluginSet::Ugly) => Some("gst-plugins-ugly"),
            (Self::Pacman, PluginSet::Libav) => Some("gst-libav"),
            (Self::Brew, _) => Some("gstreamer"),
        }
    }

    /// The command that installs `packages`.
    pub fn install_command(self, packages: &[&str]) -> String {
        let verb = match self {
            Self::Apt => "sudo apt-get install",
            Self::Dnf => "sudo dnf install",
            Self::Pacman => "sudo pacman -S",
            Self::Brew => "brew install",
        };
        format!("{verb} {}", packages.join(" "))
    }
}

/// Debian 12's first packages with every known hole in the demuxers closed (they read untrusted files in our process).
const SAFE_SINCE: [(&str, &str); 2] =
    [("gstreamer1.0-plugins-good", "1.22.0-5+deb12u4"), ("gstreamer1.0-plugins-bad", "1.22.0-4+deb12u8")];

/// Packages of this machine with known holes, and the version that closes them. Empty where dpkg is not.
pub fn unsafe_packages() -> Vec<(&'static str, &'static str)> {
    SAFE_SINCE
        .into_iter()
        .filter(|(package, safe)| installed(package).is_some_and(|has| is_older(&has, safe)))
        .collect()
}

fn installed(package: &str) -> Option<String> {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output().ok()?;
    let version = String::from_utf8(query.stdout).ok()?;
    (query.status.success() && !version.is_empty()).then_some(version)
}

fn is_older(version: &str, than: &str) -> bool {
    let verdict = Command::new("dpkg").args(["--compare-versions", version, "lt", than]).status();
    verdict.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_all_packages() {
        let command = Manager::Apt.install_command(&["a", "b"]);
        assert_eq!(command, "sudo apt-get install a b");
    }

    #[test]
    fn versions_are_compared_as_debian_does() {
        if installed("dpkg").is_none() {
            println!("skipped: no dpkg here");
            return;
        }
        assert!(is_older("1.22.0-5+deb12u3", "1.22.0-5+deb12u4"));
        assert!(!is_older("1.22.0-5+deb12u10", "1.22.0-5+deb12u4"));
        assert!(!is_older("1.24.2-1ubuntu1", "1.22.0-5+deb12u4"));
    }
}
