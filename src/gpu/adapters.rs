//! Which graphics adapters the machine has.

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use wgpu::{Backends, Instance, InstanceDescriptor};

/// An adapter, as its driver describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Such as `NVIDIA GeForce RTX 4090`.
    pub name: String,
    /// Such as `DiscreteGpu`; `Cpu` draws in software.
    pub kind: String,
    /// Such as `Vulkan`.
    pub backend: String,
    /// Driver and its version; may be empty.
    pub driver: String,
}

impl Adapter {
    /// Whether it is a program that imitates a graphics card.
    pub fn is_software(&self) -> bool {
        self.kind == "Cpu"
    }
}

/// All adapters that Vulkan, Metal or DirectX 12 show; none where there is no such driver.
pub fn list() -> Vec<Adapter> {
    let wanted = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let instance =
        Instance::new(InstanceDescriptor { backends: wanted, ..InstanceDescriptor::new_without_display_handle() });
    let adapters = pollster::block_on(instance.enumerate_adapters(wanted));
    let described = adapters.iter().map(|adapter| {
        let info = adapter.get_info();
        let driver = format!("{} {}", info.driver, info.driver_info).trim().to_owned();
        let (kind, backend) = (format!("{:?}", info.device_type), format!("{:?}", info.backend));
        Adapter { name: info.name, kind, backend, driver }
    });
    described.collect()
}

/// The list, for another process.
pub fn to_json(adapters: &[Adapter]) -> String {
    serde_json::to_string(adapters).unwrap_or_default()
}

/// The list, as `asked` prints it (by [`to_json`]): drivers print to stderr what they like, and a broken one crashes.
/// That stays in the other process.
///
/// # Errors
/// When the other process does not answer; the text says why.
pub fn list_apart(asked: &mut Command) -> Result<Vec<Adapter>, String> {
    let output = asked.stdin(Stdio::null()).stderr(Stdio::null()).output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| format!("a graphics driver crashed ({})", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_survives_the_way_between_processes() {
        let text = |text: &str| text.to_owned();
        let adapter =
            Adapter { name: text("a \"b\""), kind: text("Cpu"), backend: text("Vulkan"), driver: String::new() };
        let list = vec![adapter];
        assert_eq!(list_apart(Command::new("echo").arg(to_json(&list))), Ok(list));
    }

    #[test]
    fn a_process_that_does_not_answer_is_an_error() {
        assert!(list_apart(&mut Command::new("false")).is_err());
        assert!(list_apart(&mut Command::new("/nowhere/at-all")).is_err());
    }
}
