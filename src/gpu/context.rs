//! One device: which adapter it is on, its queue, and what has gone wrong with it so far.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::{
    Adapter, Backends, Device, DeviceDescriptor, DeviceType, Instance, InstanceDescriptor, Limits, Queue, Surface,
};

/// The interfaces that are tried.
const BACKENDS: Backends = Backends::VULKAN.union(Backends::METAL).union(Backends::DX12);

/// Which adapter is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// A card of its own before one that is part of the processor, that before a virtual one.
    #[default]
    Best,
    /// The best of this kind; `Cpu` draws in software.
    Kind(DeviceType),
    /// That which stands at this place, from 0, in the list of [`super::adapters::list`]; where the list is shorter, the first whose name has
    /// this number in it.
    Index(usize),
    /// The first whose name has this in it, in capitals or not.
    Name(String),
}

impl FromStr for Wanted {
    type Err = String;

    /// A number is a place in the list, or part of a name where the list ends before; `discrete`, `integrated`, `virtual` and
    /// `software` are kinds, `best` is the best; all else is part of a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(index) = text.parse() {
            return Ok(Self::Index(index));
        }
        match text.to_lowercase().as_str() {
            "" => Err("a number, a kind or part of a name is needed; `stylize doctor` lists the adapters".into()),
            "best" => Ok(Self::Best),
            "discrete" => Ok(Self::Kind(DeviceType::DiscreteGpu)),
            "integrated" => Ok(Self::Kind(DeviceType::IntegratedGpu)),
            "virtual" => Ok(Self::Kind(DeviceType::VirtualGpu)),
            "software" => Ok(Self::Kind(DeviceType::Cpu)),
            _ => Ok(Self::Name(text.into())),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("best"),
            Self::Kind(DeviceType::Cpu) => f.write_str("software"),
            Self::Kind(DeviceType::DiscreteGpu) => f.write_str("discrete"),
            Self::Kind(DeviceType::IntegratedGpu) => f.write_str("integrated"),
            Self::Kind(DeviceType::VirtualGpu) => f.write_str("virtual"),
            Self::Kind(DeviceType::Other) => f.write_str("other"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// How an adapter is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Which one.
    pub wanted: Wanted,
    /// Whether [`Wanted::Best`] may be a program that imitates a card. One that is asked for by kind, place or name is
    /// taken whatever stands here.
    pub software: bool,
}

/// Why there is no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No driver shows any adapter, or none that can draw to the surface.
    #[error("no graphics adapter is there")]
    None,
    /// Only programs that imitate a card.
    #[error("the only graphics adapters are software ({names}), which is slower than the CPU alone")]
    OnlySoftware {
        /// Their names.
        names: String,
    },
    /// None is what was asked for.
    #[error("no graphics adapter is {wanted}; there is {names}")]
    NotFound {
        /// What was asked for.
        wanted: Wanted,
        /// The names of those there are.
        names: String,
    },
    /// The driver gives no device.
    #[error("{name} gives no device: {reason}")]
    Refused {
        /// Name of the adapter.
        name: String,
        /// The driver's words.
        reason: String,
    },
}

/// What goes wrong with a device that was opened. It does not work again after the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The card was taken away, or its driver gave up.
    #[error("the device was lost ({0})")]
    Lost(String),
    /// Its memory does not suffice.
    #[error("out of graphics memory")]
    OutOfMemory,
    /// It did not answer in time.
    #[error("no answer within {0} s")]
    Timeout(u64),
    /// It did not take what it was given.
    #[error("{0}")]
    Refused(String),
}

/// The first fault of a device. Clones are of the same device.
#[derive(Clone, Debug, Default)]
struct Health(Arc<Mutex<Option<Fault>>>);

impl Health {
    fn fail(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    fn fault(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An adapter and a device on it. Whatever goes wrong with the device is put on record here and ends nothing.
#[derive(Debug)]
pub struct Context {
    adapter: Adapter,
    name: String,
    device: Device,
    queue: Queue,
    health: Health,
}

impl Context {
    /// What adapters and surfaces come from. Windows need one with a display handle instead.
    pub fn instance() -> Instance {
        Instance::new(InstanceDescriptor { backends: BACKENDS, ..InstanceDescriptor::new_without_display_handle() })
    }

    /// Opens a device on the adapter that is chosen; with a surface, on one that can draw to it.
    ///
    /// # Errors
    /// When no adapter is what was asked for, or its driver gives no device.
    pub fn open(instance: &Instance, choice: &Choice, surface: Option<&Surface<'_>>) -> Result<Self, OpenError> {
        let mut adapters = pollster::block_on(instance.enumerate_adapters(BACKENDS));
        let kinds: Vec<Listed> = adapters
            .iter()
            .map(|adapter| {
                let info = adapter.get_info();
                let fits = surface.is_none_or(|surface| adapter.is_surface_supported(surface));
                Listed { name: info.name, kind: info.device_type, fits }
            })
            .collect();
        let index = choose(&kinds, choice)?;
        Self::on(adapters.swap_remove(index))
    }

    fn on(adapter: Adapter) -> Result<Self, OpenError> {
        let name = adapter.get_info().name;
        let descriptor = DeviceDescriptor {
            label: Some("stylize"),
            required_limits: needed(&adapter.limits()),
            ..DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| OpenError::Refused { name: name.clone(), reason: error.to_string() })?;
        let health = Health::default();
        let lost = health.clone();
        device.set_device_lost_callback(move |reason, text| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            lost.fail(Fault::Lost(if text.is_empty() { format!("{reason:?}") } else { text }));
        });
        let uncaptured = health.clone();
        // The handler that stands there by default ends the process.
        device.on_uncaptured_error(Arc::new(move |error| uncaptured.fail(fault_of(&error))));
        Ok(Self { adapter, name, device, queue, health })
    }

    /// The adapter: what it can draw to a surface.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// The adapter's name, such as `NVIDIA GeForce RTX 4090`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a program that imitates a card.
    pub fn is_software(&self) -> bool {
        self.adapter.get_info().device_type == DeviceType::Cpu
    }

    /// Makes buffers and pipelines.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Takes commands.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// What has gone wrong first, if anything. After that the device is of no use.
    pub fn fault(&self) -> Option<Fault> {
        self.health.fault()
    }

    /// Puts on record what the driver did not tell of.
    pub fn fail(&self, fault: Fault) {
        self.health.fail(fault);
    }
}

/// An adapter, as far as it matters for the choice.
struct Listed {
    name: String,
    kind: DeviceType,
    /// Whether it can draw to the surface.
    fits: bool,
}

/// The limits that every adapter has, and as large buffers as this one allows.
fn needed(offered: &Limits) -> Limits {
    Limits {
        max_buffer_size: offered.max_buffer_size,
        max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
        ..Limits::downlevel_defaults().using_resolution(offered.clone())
    }
}

fn fault_of(error: &wgpu::Error) -> Fault {
    match error {
        wgpu::Error::OutOfMemory { .. } => Fault::OutOfMemory,
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            Fault::Refused(description.split_whitespace().collect::<Vec<_>>().join(" "))
        }
    }
}

/// Less is better.
fn rank(kind: DeviceType) -> u8 {
    match kind {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    }
}

/// Index of the chosen one.
fn choose(adapters: &[Listed], choice: &Choice) -> Result<usize, OpenError> {
    let names = || adapters.iter().map(|adapter| adapter.name.as_str()).collect::<Vec<_>>().join(", ");
    let best_of = |wanted: &dyn Fn(usize, &Listed) -> bool| {
        let fitting = adapters.iter().enumerate().filter(|(index, adapter)| adapter.fits && wanted(*index, adapter));
        fitting.min_by_key(|(_, adapter)| rank(adapter.kind)).map(|(index, _)| index)
    };
    let named = |part: &str| {
        let part = part.to_lowercase();
        best_of(&|_, adapter| adapter.name.to_lowercase().contains(&part))
    };
    let found = match &choice.wanted {
        Wanted::Best => best_of(&|_, adapter| choice.software || adapter.kind != DeviceType::Cpu),
        Wanted::Kind(kind) => best_of(&|_, adapter| adapter.kind == *kind),
        Wanted::Index(wanted) if *wanted < adapters.len() => best_of(&|index, _| index == *wanted),
        Wanted::Index(number) => named(&number.to_string()),
        Wanted::Name(part) => named(part),
    };
    found.ok_or_else(|| match &choice.wanted {
        _ if !adapters.iter().any(|adapter| adapter.fits) => OpenError::None,
        Wanted::Best => OpenError::OnlySoftware { names: names() },
        wanted => OpenError::NotFound { wanted: wanted.clone(), names: names() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(adapters: &[(&str, DeviceType, bool)]) -> Vec<Listed> {
        adapters.iter().map(|&(name, kind, fits)| Listed { name: name.into(), kind, fits }).collect()
    }

    fn wanted(text: &str) -> Choice {
        Choice { wanted: text.parse().unwrap(), software: false }
    }

    #[test]
    fn the_best_is_a_card_and_software_only_where_it_is_asked_for() {
        let software = ("llvmpipe (LLVM 15)", DeviceType::Cpu, true);
        let all = listed(&[
            software,
            ("Part of a processor", DeviceType::IntegratedGpu, true),
            ("Card One", DeviceType::DiscreteGpu, true),
            ("Card Two", DeviceType::DiscreteGpu, true),
        ]);
        let chosen = |text| choose(&all, &wanted(text)).unwrap();
        assert_eq!(["best", "integrated", "software", "0", "3", "two", "LLVMpipe"].map(chosen), [2, 1, 0, 0, 3, 3, 0]);
        assert!(matches!(choose(&all, &wanted("virtual")), Err(OpenError::NotFound { .. })));
        assert!(matches!(choose(&all, &wanted("4")), Err(OpenError::NotFound { .. })));
        let numbered = [("Card 3090", DeviceType::DiscreteGpu, true), ("Card 4090", DeviceType::DiscreteGpu, true)];
        assert_eq!(["4090", "0", "1"].map(|text| choose(&listed(&numbered), &wanted(text)).unwrap()), [1, 0, 1]);
        let alone = listed(&[software]);
        assert!(matches!(choose(&alone, &Choice::default()), Err(OpenError::OnlySoftware { .. })));
        assert_eq!(choose(&alone, &Choice { wanted: Wanted::Best, software: true }), Ok(0));
        assert_eq!(choose(&[], &Choice::default()), Err(OpenError::None));
    }

    #[test]
    fn a_card_that_cannot_draw_to_the_surface_is_passed_over() {
        let all = listed(&[("Far", DeviceType::DiscreteGpu, false), ("Near", DeviceType::IntegratedGpu, true)]);
        assert_eq!(choose(&all, &Choice::default()), Ok(1));
        let none = listed(&[("Far", DeviceType::DiscreteGpu, false)]);
        assert_eq!(choose(&none, &wanted("far")), Err(OpenError::None));
    }

    #[test]
    fn what_is_wanted_is_spelled_as_it_is_read() {
        for text in ["best", "discrete", "integrated", "virtual", "software", "7", "Radeon"] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), text);
        }
        assert!("".parse::<Wanted>().is_err());
    }

    #[test]
    fn what_a_driver_says_becomes_a_fault() {
        let source = || Box::new(std::io::Error::other("no more"));
        let description = "one\n\n  two".to_owned();
        assert_eq!(fault_of(&wgpu::Error::OutOfMemory { source: source() }), Fault::OutOfMemory);
        let refused = fault_of(&wgpu::Error::Validation { source: source(), description });
        assert_eq!(refused, Fault::Refused("one two".into()));
    }

    #[test]
    fn the_first_fault_is_the_one_that_is_told() {
        let health = Health::default();
        health.fail(Fault::OutOfMemory);
        health.clone().fail(Fault::Lost("later".into()));
        assert_eq!(health.fault(), Some(Fault::OutOfMemory));
    }
}
