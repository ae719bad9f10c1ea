//! Who does the arithmetic. A provider is one row of a table.

use std::fmt;
use std::path::Path;

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

use super::assignment::Leftover;
use super::cpu::{multiplies_halves, multiplies_tiles_of_halves};
use super::register::{self, Setting};
use super::{Arithmetic, Runtime, SessionOptions, devices};
use crate::error::ModelError;
use crate::options::Provider;

/// The provider that runs a session, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Never [`Provider::Auto`].
    pub provider: Provider,
    /// On what it calculates, such as the name of a graphics card; empty where that is not known.
    pub device: String,
    /// Whether that is a card, and not the processor.
    pub on_card: bool,
    /// Whether it calculates in 16 bits what the network has in single precision.
    pub halves: bool,
    /// Who might have been taken before it.
    pub passed_over: Vec<PassedOver>,
    /// What of the network it leaves to others.
    pub leftover: Leftover,
}

/// A provider that was not taken, on a kind of device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Which one.
    pub provider: Provider,
    /// Why.
    pub excuse: Excuse,
    /// What to do to have it run; empty where that would not help.
    pub remedy: &'static str,
}

/// What is to be done is said where it was to be expected that the provider runs.
impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { excuse, remedy, .. } = self;
        if excuse.is_expected() || remedy.is_empty() { write!(f, "{excuse}") } else { write!(f, "{excuse}; {remedy}") }
    }
}

/// Why a provider does not run a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// The library was built without it.
    NotBuiltIn {
        /// The card that waits for it, where the system itself tells of one.
        waiting: Option<String>,
    },
    /// It is for a kind of card, and there is none.
    NoCard,
    /// It runs here, but is worth its start for heavier networks alone.
    TooLight,
    /// It was tried; what came of that.
    Failed(String),
}

impl Excuse {
    /// Whether it was left alone as a matter of course: nobody would expect it to run.
    pub const fn is_expected(&self) -> bool {
        matches!(self, Self::NotBuiltIn { waiting: None } | Self::NoCard | Self::TooLight)
    }
}

impl fmt::Display for Excuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NOT_BUILT_IN: &str = "the ONNX Runtime that was found is built without it";
        match self {
            Self::NotBuiltIn { waiting: None } => f.write_str(NOT_BUILT_IN),
            Self::NotBuiltIn { waiting: Some(card) } => write!(f, "{NOT_BUILT_IN}, and {card} is here"),
            Self::NoCard => f.write_str("there is no such card here"),
            Self::TooLight => {
                f.write_str("it gains nothing with a network as light as this, and takes longer to start")
            }
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

/// Everything about a provider on a kind of device.
pub(super) struct Row {
    pub provider: Provider,
    /// As ONNX Runtime calls it.
    pub name: &'static str,
    /// Whether `auto` tries it.
    by_itself: bool,
    /// Folder, below those that runtimes are looked for in, of the library that has it; empty: the folder itself.
    runtime: &'static str,
    /// Whether the loaded library was built with it; whether it also works shows only when it is used.
    is_built_in: fn() -> ort::Result<bool>,
    pub register: fn(&Setting<'_>) -> Vec<ExecutionProviderDispatch>,
    /// Whether it can calculate in 16 bits what a network has in single precision.
    halves: fn() -> bool,
    /// Whether it wants the graph as it is written: it has ways of its own to make it faster.
    pub as_written: bool,
    /// Whether there may be such a device: where there is none, it is tried for those alone who ask for it.
    present: fn() -> bool,
    /// Whether it is worth its start for a network of the live tier, too: else `auto` gives it heavier ones alone.
    for_light: fn() -> bool,
    /// Whether it calculates on a card: in half precision by default, and shared by nobody.
    pub on_card: bool,
    /// The name of what it calculates on.
    pub device: fn() -> String,
    /// Name of a card for it that is present, as far as the system tells; empty if none. Told where the loaded library was built
    /// without the provider.
    waiting: fn() -> String,
    /// Beside the runtime, libraries that must be in the process before it, in this order: their makers leave it to others to
    /// find them.
    libraries: &'static [&'static str],
    /// Whether it writes to stderr, which is the user's.
    pub speaks: bool,
    /// Times the patience that others get with their first picture.
    pub slowness: u32,
    /// What to do where it does not run.
    pub remedy: &'static str,
}

/// Defaults for the rows below.
const CARD: Row = Row {
    provider: Provider::Cpu,
    name: ep::CPU::NAME,
    by_itself: true,
    runtime: "",
    is_built_in: ep::CPU::is_available,
    register: |_| Vec::new(),
    halves: || false,
    as_written: false,
    present: || true,
    for_light: || true,
    on_card: true,
    device: String::new,
    waiting: String::new,
    libraries: &[],
    speaks: false,
    slowness: 1,
    remedy: "",
};

/// What the wheels of CUDA and cuDNN hold that ONNX Runtime uses, each behind what it needs itself.
const CUDA: &[&str] = &[
    "libcudart.so.13",
    "libnvJitLink.so.13",
    "libcublasLt.so.13",
    "libcublas.so.13",
    "libnvrtc.so.13",
    "libcurand.so.10",
    "libcufft.so.12",
    "libcudnn.so.9",
    "libcudnn_graph.so.9",
    "libcudnn_ops.so.9",
    "libcudnn_heuristic.so.9",
    "libcudnn_adv.so.9",
    "libcudnn_cnn.so.9",
    "libcudnn_engines_precompiled.so.9",
    "libcudnn_engines_runtime_compiled.so.9",
    "libcudnn_engines_tensor_ir.so.9",
    "libcudnn_ext.so.9",
    "libnvinfer.so.10",
    "libnvonnxparser.so.10",
];

/// In the order in which `auto` tries them. Two are left to those who ask for them: TensorRT, which builds its engine for minutes, and
/// Intel's graphics. Those are mostly a part of the processor, which may well be the faster one of the two, and nobody has measured it.
static ROWS: [Row; 8] = [
    Row {
        provider: Provider::Cuda,
        name: ep::CUDA::NAME,
        runtime: "gpu",
        is_built_in: ep::CUDA::is_available,
        register: |setting| vec![register::cuda(setting)],
        device: devices::nvidia,
        waiting: devices::nvidia,
        libraries: CUDA,
        remedy: "it needs `make setup RUNTIME=gpu` and an NVIDIA driver of version 580 or newer",
        ..CARD
    },
    Row {
        provider: Provider::CoreMl,
        name: ep::CoreML::NAME,
        is_built_in: ep::CoreML::is_available,
        register: |setting| vec![register::core_ml(setting)],
        // Its graphics and its neural engine are parts of the same chip.
        device: devices::processor,
        remedy: "it needs macOS and the ONNX Runtime for it: run `make setup` there",
        ..CARD
    },
    Row {
        provider: Provider::DirectMl,
        name: ep::DirectML::NAME,
        is_built_in: ep::DirectML::is_available,
        register: |_| vec![register::direct_ml()],
        device: devices::graphics,
        remedy: "it needs Windows and the DirectML build of ONNX Runtime (set ORT_DYLIB_PATH)",
        ..CARD
    },
    Row {
        provider: Provider::WebGpu,
        name: ep::WebGPU::NAME,
        runtime: "webgpu",
        is_built_in: ep::WebGPU::is_available,
        register: |_| vec![ep::WebGPU::default().build()],
        device: devices::graphics,
        speaks: true,
        remedy: "it needs `make setup RUNTIME=webgpu` and a graphics card with a recent Vulkan driver",
        ..CARD
    },
    Row {
        provider: Provider::OpenVino,
        name: ep::OpenVINO::NAME,
        by_itself: false,
        runtime: "openvino",
        is_built_in: ep::OpenVINO::is_available,
        register: |setting| vec![register::open_vino_on_card(setting)],
        halves: || true,
        as_written: true,
        present: devices::has_intel_graphics,
        device: || "Intel graphics".into(),
        remedy: "it needs `make setup RUNTIME=openvino`, Intel graphics and their OpenCL driver",
        ..CARD
    },
    Row {
        provider: Provider::OpenVino,
        name: ep::OpenVINO::NAME,
        runtime: "openvino",
        is_built_in: ep::OpenVINO::is_available,
        register: |setting| vec![register::open_vino(setting)],
        halves: multiplies_halves,
        as_written: true,
        for_light: multiplies_tiles_of_halves,
        on_card: false,
        device: devices::processor,
        remedy: "it needs `make setup RUNTIME=openvino`",
        ..CARD
    },
    Row { register: |_| vec![], on_card: false, device: devices::processor, remedy: "run `make setup`", ..CARD },
    Row {
        provider: Provider::TensorRt,
        name: ep::TensorRT::NAME,
        by_itself: false,
        runtime: "gpu",
        is_built_in: ep::TensorRT::is_available,
        // What it does not take, such as bytes, CUDA does on the same card.
        register: |setting| vec![register::tensor_rt(setting), register::cuda(setting)],
        halves: || true,
        device: devices::nvidia,
        libraries: CUDA,
        slowness: 10,
        remedy: "it needs `make setup RUNTIME=gpu`, an NVIDIA driver of version 580 or newer, and the libraries of TensorRT 10, \
                 installed or beside that runtime",
        ..CARD
    },
];

/// The rows to try for `provider`, the first first: for `auto` all up to the CPU, else its own.
pub(super) fn rows(provider: Provider) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| match provider {
        Provider::Auto => row.by_itself,
        named => row.provider == named,
    })
}

/// The folders, below those that runtimes are looked for in, in which the library for `provider` may lie, the best first. All
/// libraries have the CPU, so any will do in the end.
pub(super) fn runtimes(provider: Provider) -> Vec<&'static str> {
    let is_of_use = |row: &&Row| match (provider, row.runtime) {
        (Provider::Auto, "gpu") => devices::has_nvidia(),
        (Provider::Auto, "webgpu") => devices::has_graphics(),
        _ => true,
    };
    let mut folders: Vec<_> = rows(provider).filter(is_of_use).map(|row| row.runtime).collect();
    // Where the platform's own library has it, that is the one of no folder; but the best comes first.
    if provider == Provider::Auto && !cfg!(any(target_os = "macos", windows)) {
        folders.retain(|folder| !folder.is_empty());
    }
    folders.extend(["", "openvino", "gpu", "webgpu"]);
    let mut seen = Vec::new();
    folders.retain(|folder| {
        !seen.contains(folder) && {
            seen.push(folder);
            true
        }
    });
    folders
}

impl Row {
    /// Whether the library was built with it.
    pub fn is_built_in(&self) -> bool {
        (self.is_built_in)().unwrap_or(false)
    }

    /// Why it need not be tried where `asked` is asked for, for a network that is `light` or not.
    pub fn excuse(&self, asked: Provider, light: bool) -> Option<Excuse> {
        if !self.is_built_in() {
            let waiting = Some((self.waiting)()).filter(|card| !card.is_empty());
            return Some(Excuse::NotBuiltIn { waiting });
        }
        if asked != Provider::Auto {
            return None;
        }
        match (self.present)() {
            false => Some(Excuse::NoCard),
            true => (light && !(self.for_light)()).then_some(Excuse::TooLight),
        }
    }

    /// That it was passed over.
    pub fn passed_over(&self, excuse: Excuse) -> PassedOver {
        PassedOver { provider: self.provider, excuse, remedy: self.remedy }
    }

    /// That it was tried and passed over.
    pub fn failed(&self, error: &ModelError) -> PassedOver {
        match error {
            ModelError::Provider { reason, remedy, .. } => {
                PassedOver { remedy, ..self.passed_over(Excuse::Failed(reason.clone())) }
            }
            // The fault may be the network's.
            other => PassedOver { remedy: "", ..self.passed_over(Excuse::Failed(other.to_string())) },
        }
    }

    /// The error that it does not run here.
    pub fn refusal(&self, reason: String) -> ModelError {
        ModelError::Provider { provider: self.provider, reason, remedy: self.remedy }
    }

    /// Whether it is tried with a small network before the user's is chosen for it. One that begins for minutes is never taken unasked, and
    /// would begin for minutes more.
    pub fn is_tried(&self) -> bool {
        self.on_card && self.slowness == 1
    }

    /// Whether it calculates in 16 bits what a network has in single precision, set by `options`.
    pub fn takes_halves(&self, options: &SessionOptions) -> bool {
        options.arithmetic == Arithmetic::Halves && (self.halves)()
    }

    /// Gets into the process what has to be there before it. What is missing the provider itself tells of.
    pub fn prepare(&self, runtime: &Runtime) {
        let folder = runtime.path().parent().unwrap_or(Path::new(""));
        for path in self.libraries.iter().map(|name| folder.join(name)).filter(|path| path.is_file()) {
            if let Err(error) = ort::util::preload_dylib(&path) {
                tracing::info!("{} is not loaded: {error}", path.display());
            }
        }
    }
}

/// The providers that the library was built with. Whether the machine has what they need shows only when they are used.
pub fn built_in(_runtime: &Runtime) -> Vec<Provider> {
    let mut there: Vec<_> = rows(Provider::Auto)
        .chain(rows(Provider::TensorRt))
        .filter(|row| row.is_built_in())
        .map(|row| row.provider)
        .collect();
    there.dedup();
    there
}

/// What to do where `provider` does not run.
pub fn remedy(provider: Provider) -> &'static str {
    rows(provider).last().map_or("", |row| row.remedy)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_provider_has_its_row_and_auto_ends_at_the_cpu() {
        for &provider in Provider::value_variants().iter().filter(|&&provider| provider != Provider::Auto) {
            assert!(rows(provider).count() > 0 && rows(provider).all(|row| row.provider == provider));
            assert!(!remedy(provider).is_empty());
        }
        assert_eq!(rows(Provider::Auto).last().map(|row| row.provider), Some(Provider::Cpu));
        assert!(rows(Provider::Auto).all(|row| row.provider != Provider::TensorRt));
        // Intel's graphics come before the processor for those alone who ask for OpenVINO.
        let on_card = |asked| {
            let of_open_vino = rows(asked).filter(|row| row.provider == Provider::OpenVino);
            of_open_vino.map(|row| row.on_card).collect::<Vec<_>>()
        };
        assert_eq!((on_card(Provider::Auto), on_card(Provider::OpenVino)), (vec![false], vec![true, false]));
    }

    #[test]
    fn only_what_was_to_be_expected_needs_no_remedy() {
        let told = |excuse: Excuse| {
            let passed_over = PassedOver { provider: Provider::Cuda, excuse, remedy: "do something" };
            (passed_over.excuse.is_expected(), passed_over.to_string())
        };
        let not_built_in = "the ONNX Runtime that was found is built without it";
        assert_eq!(told(Excuse::NotBuiltIn { waiting: None }), (true, not_built_in.into()));
        let waiting = Excuse::NotBuiltIn { waiting: Some("NVIDIA A".into()) };
        assert_eq!(told(waiting), (false, format!("{not_built_in}, and NVIDIA A is here; do something")));
        assert_eq!(told(Excuse::Failed("no".into())), (false, "no; do something".into()));
        assert!(told(Excuse::NoCard).0 && told(Excuse::TooLight).0);
    }

    #[test]
    fn who_takes_minutes_to_begin_is_not_tried_before() {
        let tried = |provider| rows(provider).map(Row::is_tried).collect::<Vec<_>>();
        assert_eq!((tried(Provider::TensorRt), tried(Provider::Cuda)), (vec![false], vec![true]));
        assert_eq!(tried(Provider::OpenVino), [true, false]);
    }

    #[test]
    fn each_provider_has_a_library_of_its_own_and_any_has_the_cpu() {
        assert_eq!(runtimes(Provider::Cpu), ["", "openvino", "gpu", "webgpu"]);
        assert_eq!(runtimes(Provider::TensorRt), ["gpu", "", "openvino", "webgpu"]);
        assert_eq!(runtimes(Provider::OpenVino)[0], "openvino");
        assert_eq!(runtimes(Provider::Auto).len(), 4);
    }
}
