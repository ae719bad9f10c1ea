//! How each provider is set.

use std::path::PathBuf;

use ort::ep::directml::{DeviceFilter, PerformancePreference};
use ort::ep::{
    self, ArbitrarilyConfigurableExecutionProvider, ArenaExtendStrategy, ExecutionProviderDispatch, coreml, cuda,
};

use super::SessionOptions;
use super::cpu::multiplies_halves;

/// ONNX Runtime's own kernels, and where they take their memory from (`session.rs` says why).
pub(super) fn cpu() -> ExecutionProviderDispatch {
    ep::CPU::default().with_arena_allocator(super::session::MEMORY_ARENA).build()
}

/// The first picture takes a second longer, since every way to convolve is tried; all others are of one size. Where a network is
/// in fp32, ten bits of each factor are enough for a picture.
pub(super) fn cuda() -> ExecutionProviderDispatch {
    ep::CUDA::default()
        .with_conv_algorithm_search(cuda::ConvAlgorithmSearch::Exhaustive)
        .with_conv_max_workspace(true)
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        .with_tf32(true)
        .build()
}

/// Engines are built for minutes, and kept.
pub(super) fn tensor_rt(options: &SessionOptions) -> ExecutionProviderDispatch {
    let engine = ep::TensorRT::default().with_fp16(options.halves);
    match cache("tensorrt") {
        Some(folder) => engine
            .with_engine_cache(true)
            .with_engine_cache_path(&folder)
            .with_timing_cache(true)
            .with_timing_cache_path(&folder)
            .build(),
        None => engine.build(),
    }
}

/// On the processor.
pub(super) fn open_vino(options: &SessionOptions) -> ExecutionProviderDispatch {
    let precision = if options.halves && multiplies_halves() { "bf16" } else { "f32" };
    // It would bind the threads of every session to the same cores.
    let config = format!(r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{precision}","ENABLE_CPU_PINNING":false}}}}"#);
    let processor = ep::OpenVINO::default().with_device_type("CPU").with_num_threads(options.threads.max(1));
    processor.with_num_streams(1).with_arbitrary_config("load_config", config).build()
}

/// On Intel's graphics, whose kernels are compiled for seconds, and kept.
pub(super) fn open_vino_on_card() -> ExecutionProviderDispatch {
    let card = ep::OpenVINO::default().with_device_type("GPU");
    cache("openvino").map_or(card.clone(), |folder| card.with_cache_dir(folder)).build()
}

pub(super) fn core_ml() -> ExecutionProviderDispatch {
    let units = ep::CoreML::default()
        .with_model_format(coreml::ModelFormat::MLProgram)
        .with_compute_units(coreml::ComputeUnits::All)
        .with_static_input_shapes(true);
    cache("coreml").map_or(units.clone(), |folder| units.with_model_cache_dir(folder)).build()
}

pub(super) fn direct_ml() -> ExecutionProviderDispatch {
    ep::DirectML::default()
        .with_performance_preference(PerformancePreference::HighPerformance)
        .with_device_filter(DeviceFilter::Gpu)
        .build()
}

/// `$XDG_CACHE_HOME/stylize/NAME`, made if needed; none where that cannot be, or its name is no text.
fn cache(name: &str) -> Option<String> {
    let set = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = set.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let folder = home.join("stylize").join(name);
    std::fs::create_dir_all(&folder).ok()?;
    folder.into_os_string().into_string().ok()
}
