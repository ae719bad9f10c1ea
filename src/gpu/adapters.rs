//! Which graphics adapters the machine has.

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

/// The list, for another process: drivers print to stderr what they like, and a broken one crashes or hangs. That stays there.
pub fn to_json(adapters: &[Adapter]) -> String {
    serde_json::to_string(adapters).unwrap_or_default()
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
        assert_eq!(serde_json::from_str::<Vec<Adapter>>(&to_json(&list)).unwrap(), list);
    }
}
