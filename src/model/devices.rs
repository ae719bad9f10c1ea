//! What there is to calculate on, as far as the system tells without a driver's library: names for the report, and whether it is
//! worth while to load a runtime for a card at all.

use std::fs;
use std::path::Path;

/// The processor, as it names itself. Linux tells it in a file; elsewhere the architecture has to do.
pub(crate) fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    named.map_or(std::env::consts::ARCH, |(_, name)| name.trim()).to_owned()
}

/// NVIDIA's card; where there are several of different kinds, all names.
pub(super) fn nvidia() -> String {
    nvidia_in(Path::new("/proc/driver/nvidia/gpus"))
}

fn nvidia_in(folder: &Path) -> String {
    let cards = fs::read_dir(folder).into_iter().flatten().flatten();
    let about = cards.filter_map(|card| fs::read_to_string(card.path().join("information")).ok());
    let model = |text: String| Some(text.lines().find_map(|line| line.strip_prefix("Model:"))?.trim().to_owned());
    let mut models: Vec<_> = about.filter_map(model).collect();
    models.sort();
    models.dedup();
    models.join(" or ")
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
}
