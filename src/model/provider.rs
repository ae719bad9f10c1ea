//! Who does the arithmetic. A provider is one row of a table.

use std::path::Path;

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

use super::assignment::Leftover;
use super::cpu::multiplies_tiles_of_halves;
use super::{Runtime, SessionOptions, devices, register};

/// Who runs the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Provider {
    /// The best that works.
    #[default]
    Auto,
    /// ONNX Runtime's own kernels.
    Cpu,
    /// Intel OpenVINO.
    #[value(name = "openvino")]
    OpenVino,
    /// NVIDIA CUDA.
    Cuda,
    /// NVIDIA TensorRT.
    #[value(name = "tensorrt")]
    TensorRt,
    /// WebGPU (Dawn).
    #[value(name = "webgpu")]
    WebGpu,
    /// Apple CoreML.
    #[value(name = "coreml")]
    CoreMl,
    /// Microsoft DirectML.
    #[value(name = "directml")]
    DirectMl,
}

/// The provider that runs a session, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Never [`Provider::Auto`].
    pub provider: Provider,
    /// On what it calculates, such as the name of a graphics card; empty where that is not known.
    pub device: String,
    /// Whether that is a card, and not the processor.
    pub on_card: bool,
    /// What was tried before, why it was not taken, and what to do where that is no matter of course.
    pub passed_over: Vec<(Provider, String)>,
    /// What of the network it leaves to the processor.
    pub leftover: Leftover,
}

/// Why a provider is not even tried.
const NOT_BUILT_IN: &str = "the ONNX Runtime that was found is built without it";

/// Why a provider for a kind of card is not even tried.
const NO_CARD: &str = "there is no such card here";

/// Why a provider that runs here is left to those who ask for it.
const TOO_LIGHT: &str = "it gains nothing with a network as light as this, and takes longer to start";

/// Whether `reason` is why a provider was left alone as a matter of course: nobody would expect it to run.
pub(crate) fn is_of_course(reason: &str) -> bool {
    [NOT_BUILT_IN, NO_CARD, TOO_LIGHT].contains(&reason)
}

/// Everything about a provider on a kind of device.
pub(super) struct Row {
    pub provider: Provider,
    /// Whether `auto` tries it.
    by_itself: bool,
    /// Folder, below those that runtimes are looked for in, of the library that has it; empty: the folder itself.
    runtime: &'static str,
    /// Whether the loaded library was built with it; whether it also works shows only when it is used.
    is_built_in: fn() -> ort::Result<bool>,
    pub register: fn(&SessionOptions) -> Vec<ExecutionProviderDispatch>,
    /// Whether it wants the graph as it is written: it has ways of its own to make it faster.
    pub as_written: bool,
    /// Whether there may be such a device: `auto` does not try it where there is none.
    present: fn() -> bool,
    /// Whether it is worth its start for a network of the live tier, too: else `auto` gives it heavier ones alone.
    for_light: fn() -> bool,
    /// Whether it calculates on a card: in half precision by default, and shared by nobody.
    pub on_card: bool,
    /// The name of what it calculates on.
    pub device: fn() -> String,
    /// The name of a card that waits for it, as far as the system itself tells of one.
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

/// What most rows are.
const CARD: Row = Row {
    provider: Provider::Cpu,
    by_itself: true,
    runtime: "",
    is_built_in: ep::CPU::is_available,
    register: |_| Vec::new(),
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
    "libnvinfer.so.10",
    "libnvonnxparser.so.10",
];

/// In the order in which `auto` tries them. TensorRT is left to those who ask for it: it builds its engine for minutes.
static ROWS: [Row; 8] = [
    Row {
        provider: Provider::Cuda,
        runtime: "gpu",
        is_built_in: ep::CUDA::is_available,
        register: |_| vec![register::cuda()],
        device: devices::nvidia,
        waiting: devices::nvidia,
        libraries: CUDA,
        remedy: "it needs `make setup RUNTIME=gpu` and an NVIDIA driver of version 580 or newer",
        ..CARD
    },
    Row {
        provider: Provider::CoreMl,
        is_built_in: ep::CoreML::is_available,
        register: |_| vec![register::core_ml()],
        remedy: "it needs macOS and the ONNX Runtime for it: run `make setup` there",
        ..CARD
    },
    Row {
        provider: Provider::DirectMl,
        is_built_in: ep::DirectML::is_available,
        register: |_| vec![register::direct_ml()],
        remedy: "it needs Windows and the DirectML build of ONNX Runtime (set ORT_DYLIB_PATH)",
        ..CARD
    },
    Row {
        provider: Provider::WebGpu,
        runtime: "webgpu",
        is_built_in: ep::WebGPU::is_available,
        register: |_| vec![ep::WebGPU::default().build()],
        speaks: true,
        remedy: "it needs `make setup RUNTIME=webgpu` and a graphics card with a recent Vulkan driver",
        ..CARD
    },
    Row {
        provider: Provider::OpenVino,
        runtime: "openvino",
        is_built_in: ep::OpenVINO::is_available,
        register: |_| vec![register::open_vino_on_card()],
        as_written: true,
        present: devices::has_graphics,
        device: || "Intel graphics".into(),
        remedy: "it needs `make setup RUNTIME=openvino`, Intel graphics and their OpenCL driver",
        ..CARD
    },
    Row {
        provider: Provider::OpenVino,
        runtime: "openvino",
        is_built_in: ep::OpenVINO::is_available,
        register: |options| vec![register::open_vino(options)],
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
        by_itself: false,
        runtime: "gpu",
        is_built_in: ep::TensorRT::is_available,
        // What it does not take, such as bytes, CUDA does on the same card.
        register: |options| vec![register::tensor_rt(options), register::cuda()],
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
    pub fn excuse(&self, asked: Provider, light: bool) -> Option<String> {
        if !self.is_built_in() {
            let card = (self.waiting)();
            return Some(if card.is_empty() {
                NOT_BUILT_IN.into()
            } else {
                format!("{NOT_BUILT_IN}, and {card} is here")
            });
        }
        if asked != Provider::Auto {
            return None;
        }
        match (self.present)() {
            false => Some(NO_CARD.into()),
            true => (light && !(self.for_light)()).then(|| TOO_LIGHT.into()),
        }
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
    }

    #[test]
    fn each_provider_has_a_library_of_its_own_and_any_has_the_cpu() {
        assert_eq!(runtimes(Provider::Cpu), ["", "openvino", "gpu", "webgpu"]);
        assert_eq!(runtimes(Provider::TensorRt), ["gpu", "", "openvino", "webgpu"]);
        assert_eq!(runtimes(Provider::OpenVino)[0], "openvino");
        assert_eq!(runtimes(Provider::Auto).len(), 4);
    }
}
