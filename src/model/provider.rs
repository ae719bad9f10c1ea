//! Who does the arithmetic. A provider is one row of a table.

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProvider, ExecutionProviderDispatch};

use super::cpu::multiplies_halves;
use super::{Runtime, SessionOptions};

/// Who runs the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Provider {
    /// The best that works.
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

impl Provider {
    /// Whether it calculates on the CPU's cores, and in its memory.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Cpu | Self::OpenVino)
    }
}

/// The provider that runs a session, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Never [`Provider::Auto`].
    pub provider: Provider,
    /// For `auto`: what was tried before, and why it was not taken. Empty when a provider was asked for by name.
    pub passed_over: Vec<(Provider, String)>,
}

/// Everything about a provider.
pub(super) struct Row {
    pub provider: Provider,
    /// Whether the loaded library was built with it; whether it also works shows only when it is used.
    is_built_in: fn() -> ort::Result<bool>,
    pub register: fn(&SessionOptions) -> ExecutionProviderDispatch,
    /// Whether it wants the graph as it is written: it has its own ways to make it faster.
    pub as_written: bool,
    /// What to do where it does not run.
    pub remedy: &'static str,
}

/// In the order in which `auto` tries them. TensorRT is left to those who ask for it: it builds its engine for minutes.
const ROWS: [Row; 7] = [
    Row {
        provider: Provider::Cuda,
        is_built_in: ep::CUDA::is_available,
        register: |_| ep::CUDA::default().build(),
        as_written: false,
        remedy: "set ORT_DYLIB_PATH to the library of the wheel onnxruntime-gpu; it needs an NVIDIA driver, CUDA 13 and cuDNN 9",
    },
    Row {
        provider: Provider::CoreMl,
        is_built_in: ep::CoreML::is_available,
        register: |_| ep::CoreML::default().build(),
        as_written: false,
        remedy: "it needs macOS and the ONNX Runtime for it: run `make setup` there",
    },
    Row {
        provider: Provider::DirectMl,
        is_built_in: ep::DirectML::is_available,
        register: |_| ep::DirectML::default().build(),
        as_written: false,
        remedy: "it needs Windows and the DirectML build of ONNX Runtime (set ORT_DYLIB_PATH)",
    },
    Row {
        provider: Provider::WebGpu,
        is_built_in: ep::WebGPU::is_available,
        register: |_| ep::WebGPU::default().build(),
        as_written: false,
        remedy: "set ORT_DYLIB_PATH to the library of the wheel onnxruntime-webgpu; it needs a graphics card with a recent Vulkan driver",
    },
    Row {
        provider: Provider::OpenVino,
        is_built_in: ep::OpenVINO::is_available,
        register: openvino,
        as_written: true,
        remedy: "set ORT_DYLIB_PATH to the library of the wheel onnxruntime-openvino",
    },
    Row {
        provider: Provider::Cpu,
        is_built_in: ep::CPU::is_available,
        register: |_| cpu(),
        as_written: false,
        remedy: "run `make setup`",
    },
    Row {
        provider: Provider::TensorRt,
        is_built_in: ep::TensorRT::is_available,
        register: |_| ep::TensorRT::default().build(),
        as_written: false,
        remedy: "set ORT_DYLIB_PATH to the library of the wheel onnxruntime-gpu; it needs an NVIDIA driver, CUDA 13 and TensorRT 10",
    },
];

/// OpenVINO on the CPU.
fn openvino(options: &SessionOptions) -> ExecutionProviderDispatch {
    let precision = if options.halves && multiplies_halves() { "bf16" } else { "f32" };
    // It would bind the threads of every session to the same cores.
    let config = format!(r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{precision}","ENABLE_CPU_PINNING":false}}}}"#);
    let provider = ep::OpenVINO::default().with_device_type("CPU").with_num_threads(options.threads.max(1));
    provider.with_arbitrary_config("load_config", config).build()
}

/// ONNX Runtime's own kernels, and where they take their memory from (`session.rs` says why).
pub(super) fn cpu() -> ExecutionProviderDispatch {
    ep::CPU::default().with_arena_allocator(super::session::MEMORY_ARENA).build()
}

/// The rows to try for `provider`, the first first: for `auto` all up to the CPU, else the one.
pub(super) fn rows(provider: Provider) -> &'static [Row] {
    let index = |wanted: Provider| ROWS.iter().position(|row| row.provider == wanted);
    match (provider, index(provider), index(Provider::Cpu)) {
        (Provider::Auto, _, Some(cpu)) => &ROWS[..=cpu],
        (_, Some(at), _) => &ROWS[at..=at],
        _ => &[],
    }
}

impl Row {
    /// Whether the library was built with it.
    pub fn is_built_in(&self) -> bool {
        (self.is_built_in)().unwrap_or(false)
    }
}

/// The providers that the library was built with. Whether the machine has what they need shows only when they are used.
pub fn built_in(_runtime: &Runtime) -> Vec<Provider> {
    ROWS.iter().filter(|row| row.is_built_in()).map(|row| row.provider).collect()
}

/// The provider that is likely to run a session for `provider`: of those to try, the first that the library was built with.
pub fn expected(_runtime: &Runtime, provider: Provider) -> Provider {
    rows(provider).iter().find(|row| row.is_built_in()).map_or(provider, |row| row.provider)
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
            assert_eq!(rows(provider).iter().map(|row| row.provider).collect::<Vec<_>>(), [provider]);
            assert!(!remedy(provider).is_empty());
        }
        assert_eq!(rows(Provider::Auto).last().map(|row| row.provider), Some(Provider::Cpu));
        assert!(rows(Provider::Auto).iter().all(|row| row.provider != Provider::TensorRt));
    }
}
