//! What there is to calculate on, as far as the system tells without a driver's library: names for the report, and whether it is
//! worth while to load a runtime for a card at all.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::quiet::hushed;
use crate::gpu::adapters::{self, Adapter};

/// The processor, as it names itself. Linux tells it in a file, macOS by a program; elsewhere the architecture has to do.
pub(crate) fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let named = named.map(|(_, name)| name.trim().to_owned()).or_else(apple);
    named.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Such as `Apple M2`; none elsewhere.
fn apple() -> Option<String> {
    let mut asked = Command::new("/usr/sbin/sysctl");
    let told = cfg!(target_os = "macos").then(|| asked.args(["-n", "machdep.cpu.brand_string"]).output().ok())??;
    let name = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    (!name.is_empty()).then_some(name)
}

/// The graphics cards, as their drivers call them; which of several a provider takes it does not tell.
pub(super) fn graphics() -> String {
    static NAMES: OnceLock<String> = OnceLock::new();
    NAMES.get_or_init(|| cards_of(hushed(true, adapters::list))).clone()
}

fn cards_of(adapters: Vec<Adapter>) -> String {
    all_names(adapters.into_iter().filter(|adapter| !adapter.is_software()).map(|adapter| adapter.name).collect())
}

/// Where there are several of different kinds, all names.
fn all_names(mut names: Vec<String>) -> String {
    names.sort();
    names.dedup();
    names.join(" or ")
}

/// NVIDIA's card.
pub(super) fn nvidia() -> String {
    nvidia_in(Path::new("/proc/driver/nvidia/gpus"))
}

fn nvidia_in(folder: &Path) -> String {
    let cards = fs::read_dir(folder).into_iter().flatten().flatten();
    let about = cards.filter_map(|card| fs::read_to_string(card.path().join("information")).ok());
    let model = |text: String| Some(text.lines().find_map(|line| line.strip_prefix("Model:"))?.trim().to_owned());
    all_names(about.filter_map(model).collect())
}

/// Whether NVIDIA's driver is there, or that of Windows below Linux.
pub(super) fn has_nvidia() -> bool {
    cfg!(windows)
        || ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"].iter().any(|path| Path::new(path).exists())
}

/// Whether there is a card that draws.
pub(super) fn has_graphics() -> bool {
    let draws = |name: &str| name.starts_with("renderD");
    let nodes = fs::read_dir("/dev/dri").into_iter().flatten().flatten();
    cfg!(not(target_os = "linux"))
        || has_nvidia()
        || nodes.into_iter().any(|node| draws(&node.file_name().to_string_lossy()))
}

/// Whether there is a card of Intel's that calculates. Windows keeps that to itself.
pub(super) fn has_intel_graphics() -> bool {
    cfg!(windows) || has_intel_graphics_in(Path::new("/sys/class/drm"))
}

fn has_intel_graphics_in(folder: &Path) -> bool {
    const INTEL: &str = "0x8086";
    let nodes = fs::read_dir(folder).into_iter().flatten().flatten();
    let renders = nodes.filter(|node| node.file_name().to_string_lossy().starts_with("renderD"));
    let mut vendors = renders.filter_map(|node| fs::read_to_string(node.path().join("device/vendor")).ok());
    vendors.any(|vendor| vendor.trim() == INTEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_of_one_kind_have_one_name() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nvidia_in(folder.path()), "");
        for (number, model) in ["NVIDIA A", "NVIDIA B", "NVIDIA A"].iter().enumerate() {
            let card = folder.path().join(format!("0000:0{number}:00.0"));
            fs::create_dir(&card).unwrap();
            fs::write(card.join("information"), format!("Model: \t\t {model}\nIRQ:   1\n")).unwrap();
        }
        assert_eq!(nvidia_in(folder.path()), "NVIDIA A or NVIDIA B");
        assert!(!processor().is_empty());
    }

    #[test]
    fn a_program_that_imitates_a_card_is_no_name_of_one() {
        let adapter = |name: &str, kind: &str| Adapter {
            name: name.into(),
            kind: kind.into(),
            backend: "Vulkan".into(),
            driver: String::new(),
        };
        let adapters = [("Card", "DiscreteGpu"), ("llvmpipe", "Cpu"), ("Card", "DiscreteGpu")];
        assert_eq!(cards_of(adapters.map(|(name, kind)| adapter(name, kind)).into()), "Card");
        assert_eq!(cards_of(vec![adapter("llvmpipe", "Cpu")]), "");
    }

    #[test]
    fn only_a_card_of_intels_is_one_for_open_vino() {
        let folder = tempfile::tempdir().unwrap();
        let node = |name: &str, vendor: &str| {
            let device = folder.path().join(name).join("device");
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("vendor"), format!("{vendor}\n")).unwrap();
        };
        assert!(!has_intel_graphics_in(&folder.path().join("nowhere")));
        node("renderD128", "0x10de");
        node("renderD129", "0x1002");
        // Of Intel's, but a display alone.
        node("card0", "0x8086");
        assert!(!has_intel_graphics_in(folder.path()));
        node("renderD130", "0x8086");
        assert!(has_intel_graphics_in(folder.path()));
    }
}
