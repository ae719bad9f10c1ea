//! How each provider is set.

use std::path::Path;

use ort::ep::directml::{DeviceFilter, PerformancePreference};
use ort::ep::{
    self, ArbitrarilyConfigurableExecutionProvider, ArenaExtendStrategy, ExecutionProviderDispatch, coreml, cuda,
};

use super::{Arithmetic, ModelSource, SessionOptions};
use crate::folders::cache_home;
use crate::frame::Size;
use crate::resume::identity;

/// What a provider is set by.
pub(super) struct Setting<'a> {
    /// How the session is to run.
    pub options: &'a SessionOptions,
    /// Whether the provider calculates in 16 bits what the network has in single precision.
    pub halves: bool,
    /// The network.
    pub source: &'a ModelSource,
    /// Size of what goes in, border included.
    pub size: Size,
    /// Version of ONNX Runtime.
    pub version: &'a str,
}

impl Setting<'_> {
    /// `$XDG_CACHE_HOME/stylize/NAME/...`, where a provider keeps what it compiles, made if needed; none where that cannot be. What is
    /// compiled for a trial is kept as well, or each run would compile it anew before its own.
    fn cache(&self, name: &str) -> Option<String> {
        self.cache_in(&cache_home()?.join("stylize").join(name))
    }

    /// A folder in `home` for this network at this size alone: TensorRT and CoreML know what they compiled by the names in a graph, and
    /// would take it for another network, or for other sides.
    fn cache_in(&self, home: &Path) -> Option<String> {
        let Self { halves, source, size, version, .. } = self;
        let network = source.fingerprint().ok()?;
        let folder = home.join(identity::hash(format!("{network} {size} {halves} {version}").as_bytes()));
        std::fs::create_dir_all(&folder).ok()?;
        folder.into_os_string().into_string().ok()
    }
}

/// ONNX Runtime's own kernels, and where they take their memory from (`session.rs` says why).
pub(super) fn cpu() -> ExecutionProviderDispatch {
    ep::CPU::default().with_arena_allocator(super::session::MEMORY_ARENA).build()
}

/// The first picture takes a second longer, since every way to convolve is tried; all others are of one size.
pub(super) fn cuda(setting: &Setting<'_>) -> ExecutionProviderDispatch {
    ep::CUDA::default()
        .with_conv_algorithm_search(cuda::ConvAlgorithmSearch::Exhaustive)
        .with_conv_max_workspace(true)
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        .with_tf32(setting.options.arithmetic != Arithmetic::Exact)
        .build()
}

/// Engines are built for minutes, and kept. Single precision has ten bits of each factor in them: ort has no option against that.
pub(super) fn tensor_rt(setting: &Setting<'_>) -> ExecutionProviderDispatch {
    let engine = ep::TensorRT::default().with_fp16(setting.halves);
    match setting.cache("tensorrt") {
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
pub(super) fn open_vino(setting: &Setting<'_>) -> ExecutionProviderDispatch {
    let precision = if setting.halves { "bf16" } else { "f32" };
    // It would bind the threads of every session to the same cores.
    let config = format!(r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{precision}","ENABLE_CPU_PINNING":false}}}}"#);
    let processor = ep::OpenVINO::default().with_device_type("CPU").with_num_threads(setting.options.threads.max(1));
    processor.with_num_streams(1).with_arbitrary_config("load_config", config).build()
}

/// On Intel's graphics, whose kernels are compiled for seconds, and kept. Left to itself it calculates in halves whatever the network has.
pub(super) fn open_vino_on_card(setting: &Setting<'_>) -> ExecutionProviderDispatch {
    let precision = if setting.halves { "f16" } else { "f32" };
    let config = format!(r#"{{"GPU":{{"INFERENCE_PRECISION_HINT":"{precision}"}}}}"#);
    let card = ep::OpenVINO::default().with_device_type("GPU").with_arbitrary_config("load_config", config);
    setting.cache("openvino").map_or(card.clone(), |folder| card.with_cache_dir(folder)).build()
}

pub(super) fn core_ml(setting: &Setting<'_>) -> ExecutionProviderDispatch {
    let units = ep::CoreML::default()
        .with_model_format(coreml::ModelFormat::MLProgram)
        .with_compute_units(coreml::ComputeUnits::All)
        .with_static_input_shapes(true);
    setting.cache("coreml").map_or(units.clone(), |folder| units.with_model_cache_dir(folder)).build()
}

pub(super) fn direct_ml() -> ExecutionProviderDispatch {
    ep::DirectML::default()
        .with_performance_preference(PerformancePreference::HighPerformance)
        .with_device_filter(DeviceFilter::Gpu)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_is_kept_for_each_network_size_precision_and_library() {
        let home = tempfile::tempdir().unwrap();
        let options = SessionOptions::default();
        let folder = |bytes: &'static [u8], size, halves, version| {
            let source = &ModelSource::BuiltIn { style: "wave", bytes };
            Setting { options: &options, halves, source, size, version }.cache_in(home.path()).unwrap()
        };
        let (size, other) = (Size::new(64, 48), Size::new(48, 64));
        let folders = [
            folder(b"a", size, true, "1.31.1"),
            folder(b"b", size, true, "1.31.1"),
            folder(b"a", other, true, "1.31.1"),
            folder(b"a", size, false, "1.31.1"),
            folder(b"a", size, true, "1.32.0"),
        ];
        for (index, one) in folders.iter().enumerate() {
            assert!(Path::new(one).is_dir() && !folders[..index].contains(one), "{folders:?}");
        }
        assert_eq!(folders[0], folder(b"a", size, true, "1.31.1"));
    }
}
