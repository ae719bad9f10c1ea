//! The network: what it is, who runs it.

/// The model or the runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// To be replaced.
    #[error("{0}")]
    Other(String),
}

/// Number format of a network's weights and arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Precision {
    /// Single.
    Fp32,
    /// Half.
    Fp16,
    /// Quantised to bytes.
    Int8,
}

/// Size class of a zoo style.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Tier {
    /// Small: real time on a CPU.
    Live,
    /// Large.
    Fine,
}

/// Who runs the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
#[value(rename_all = "lower")]
pub enum Provider {
    /// The best that works.
    Auto,
    /// ONNX Runtime's own kernels.
    Cpu,
    /// Intel OpenVINO.
    OpenVino,
    /// NVIDIA CUDA.
    Cuda,
    /// NVIDIA TensorRT.
    TensorRt,
    /// WebGPU (Dawn).
    WebGpu,
    /// Apple CoreML.
    CoreMl,
    /// Microsoft DirectML.
    DirectMl,
}

/// What the user says of a model that does not say it itself (flags of the command line).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpecOverrides {
    /// `--model-range`
    pub range: Option<ValueRange>,
    /// `--model-output-range`
    pub output_range: Option<ValueRange>,
    /// `--model-channels`
    pub channels: Option<crate::tensor::Channels>,
    /// `--model-layout`
    pub layout: Option<crate::tensor::Layout>,
    /// `--model-output-layout`
    pub output_layout: Option<crate::tensor::Layout>,
    /// `--model-input NAME=VALUE`
    pub inputs: Vec<(String, f32)>,
}

/// Values that a picture takes in a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, clap::ValueEnum)]
pub enum ValueRange {
    /// 0..1
    #[serde(rename = "0..1")]
    #[value(name = "0..1")]
    Unit,
    /// 0..255
    #[serde(rename = "0..255")]
    #[value(name = "0..255")]
    Byte,
    /// -1..1
    #[serde(rename = "-1..1")]
    #[value(name = "-1..1")]
    Signed,
}
