//! Who runs the network.

/// Who runs the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
#[non_exhaustive]
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
