//! How much memory a run may take: what the system can give, and what a control group (of a container, of a service)
//! allows.

use std::path::{Path, PathBuf};

/// Memory that this process has already and can still get, where the system tells (Linux): the least of what is free in
/// the machine and what its control groups leave.
pub fn room_bytes() -> Option<u64> {
    room_below(Path::new("/"))
}

/// Memory that this process uses.
pub(super) fn resident_bytes() -> Option<u64> {
    own_bytes(Path::new("/"))
}

/// Memory that this process has allocated, used or not.
#[cfg(target_os = "linux")]
pub(super) fn data_bytes() -> Option<u64> {
    figure(&read(Path::new("/proc/self/status"))?, "VmData")
}

fn room_below(root: &Path) -> Option<u64> {
    let own = own_bytes(root).unwrap_or(0);
    let machine = available_bytes(root).map(|available| available.saturating_add(own));
    machine.into_iter().chain(group_bytes(root)).min()
}

/// The figure behind `name` in a file of lines like `name: 12 kB` or `name 12`.
fn figure(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix([':', ' ']))?;
    let (number, unit) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let scale = if unit == "kB" { 1024 } else { 1 };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

fn available_bytes(root: &Path) -> Option<u64> {
    figure(&read(&root.join("proc/meminfo"))?, "MemAvailable")
}

fn own_bytes(root: &Path) -> Option<u64> {
    figure(&read(&root.join("proc/self/status"))?, "VmRSS")
}

/// What the control groups of this process leave, each and its parents, with what this process has.
fn group_bytes(root: &Path) -> Vec<u64> {
    let groups = read(&root.join("proc/self/cgroup")).unwrap_or_default();
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let kind = match controllers {
            "" => UNIFIED,
            _ if controllers.split(',').any(|controller| controller == "memory") => MEMORY,
            _ => continue,
        };
        let mount = root.join(kind.mount);
        let own = PathBuf::from(path.trim_start_matches('/'));
        found.extend(own.ancestors().filter_map(|group| kind.left_bytes(&mount.join(group))));
    }
    found
}

/// The files of one version of control groups.
struct Kind {
    mount: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// Pages of files, which go when memory is short.
    cached: &'static str,
}

const UNIFIED: Kind =
    Kind { mount: "sys/fs/cgroup", limit: "memory.max", usage: "memory.current", cached: "inactive_file" };
const MEMORY: Kind = Kind {
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cached: "total_inactive_file",
};

impl Kind {
    /// What `group` leaves; a group without a limit says nothing.
    fn left_bytes(&self, group: &Path) -> Option<u64> {
        let number = |name: &str| read(&group.join(name))?.trim().parse::<u64>().ok();
        let (limit, usage) = (number(self.limit)?, number(self.usage)?);
        let cached = read(&group.join("memory.stat")).and_then(|text| figure(&text, self.cached)).unwrap_or(0);
        Some(limit.saturating_sub(usage.saturating_sub(cached)))
    }
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:    1000 kB\n");

    #[test]
    fn without_groups_the_machine_is_the_limit() {
        let status = ("proc/self/status", "Name:\tx\nVmRSS:\t     24 kB\n");
        assert_eq!(room_below(machine(&[MEMINFO, status]).path()), Some(1024 * 1024));
        assert_eq!(room_below(machine(&[]).path()), None);
    }

    #[test]
    fn a_group_or_one_above_it_may_leave_less() {
        let own = ("proc/self/cgroup", "0::/a/b\n");
        let unlimited = ("sys/fs/cgroup/a/b/memory.max", "max\n");
        let usage = ("sys/fs/cgroup/a/memory.current", "300000\n");
        let stat = ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 100000\n");
        let limit = ("sys/fs/cgroup/a/memory.max", "700000\n");
        assert_eq!(room_below(machine(&[MEMINFO, own, unlimited, usage, stat, limit]).path()), Some(500_000));
        assert_eq!(room_below(machine(&[MEMINFO, own, unlimited, usage, stat]).path()), Some(1_024_000));
    }

    #[test]
    fn older_groups_are_heard_too() {
        let own = ("proc/self/cgroup", "5:cpu,memory:/x\n0::/x\n");
        let limit = ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "100\n");
        let usage = ("sys/fs/cgroup/memory/x/memory.usage_in_bytes", "40\n");
        assert_eq!(room_below(machine(&[MEMINFO, own, limit, usage]).path()), Some(60));
    }
}
