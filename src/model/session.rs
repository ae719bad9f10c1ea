//! A model, opened; and a session: a model made ready to run on pictures of one size.

use std::ffi::CString;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use half::f16;
use ort::ep::ExecutionProviderDispatch;
use ort::session::builder::{AutoDevicePolicy, GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, SessionInputValue};
use ort::value::{DynValue, DynValueRef, DynValueRefMut, TensorRef, TensorRefMut};

use super::assignment::{leftover, noted};
use super::complaint::reason;
use super::cpu::cuts_sums_off;
use super::describe::{Description, ModelSource};
use super::graph::{Dim, Element};
use super::port::Port;
use super::provider::{self, Choice, Excuse, PassedOver, Row};
use super::quiet::hushed;
use super::register::{self, Setting};
use super::run::run_into;
use super::spec::{Constant, ModelSpec};
use super::{Runtime, SpecOverrides};
use crate::error::ModelError;
use crate::flow::with_watchdog;
use crate::frame::Size;
use crate::memory;
use crate::options::Provider;
use crate::tensor::{Border, Tensor, TensorFormat, TensorPool, Values};

/// Whether ONNX Runtime keeps its memory from run to run (arena), and whether it lays it out in one planned block on top
/// of that (pattern). Peak of a process with one session of 8.5 kMAC a pixel in fp32, with its two tensors, at 1280x720 / 1920x1080:
/// arena 146 / 343 MB, arena and pattern 255 / 509 MB, pattern alone 213 / 393 MB, neither 318 / 566 MB (the C library
/// then keeps the memory, in pieces). CPU seconds for 25 frames of 1280x720: 5.5, 5.3, 6.8, 5.5.
/// A second session costs as much memory again (270 / 676 MB), and saves about 5 % of the CPU time.
pub(super) const MEMORY_ARENA: bool = true;
const MEMORY_PATTERN: bool = false;

/// Has ONNX Runtime add products of bytes in 32 bits where it would add two of them in 16, which costs 2 to 5 dB of networks whose sums have
/// no room there. It takes up to two thirds longer. With VNNI there is nothing to gain by it.
const EXACT_SUMS: &str = "session.x64quantprecision";
const FAST_SUM_BITS: u32 = 16;

/// A model whose contract is known.
#[derive(Clone, Debug)]
pub struct Model {
    runtime: Runtime,
    described: Description,
    spec: ModelSpec,
}

/// In what numbers a network may be calculated that has others than bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arithmetic {
    /// Those that it has, and of single precision all bits.
    Exact,
    /// Those that it has. Of single precision, ten bits of each factor are enough for a picture.
    #[default]
    Own,
    /// 16 bits where that is faster.
    Halves,
}

/// How a session runs.
#[derive(Clone, Copy, Debug)]
pub struct SessionOptions {
    /// Who runs it. One that is named must work.
    pub provider: Provider,
    /// CPU threads that work on one picture (at least 1).
    pub threads: usize,
    /// In what numbers it calculates.
    pub arithmetic: Arithmetic,
    /// Whether the network is of the live tier: not every provider is worth its start for one so light.
    pub light: bool,
    /// The first run, which is part of opening the session, may take this long: then the model is held to run for ever.
    pub first_run_limit: Duration,
    /// Memory cap for this process while a session is opened on the CPU, its first run included. `None`: no cap, as where other
    /// work runs in the process, which the cap would kill.
    pub ceiling_bytes: Option<u64>,
}

impl Default for SessionOptions {
    /// Whatever works best, on all cores, with two minutes for the first picture.
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let first_run_limit = Duration::from_secs(120);
        Self {
            provider: Provider::Auto,
            threads,
            arithmetic: Arithmetic::default(),
            light: false,
            first_run_limit,
            ceiling_bytes: memory::limit_bytes(None),
        }
    }
}

impl Model {
    /// Opens a model and settles what it wants and gives; `flags` go before what it says itself.
    ///
    /// # Errors
    /// When the file is no model that ONNX Runtime takes, or what is known of it is not enough or contradicts itself.
    pub fn open(runtime: &Runtime, source: ModelSource, flags: &SpecOverrides) -> Result<Self, ModelError> {
        let described = Description::read(runtime, source, flags)?;
        let spec = ModelSpec::resolve(&described.graph, &described.said).map_err(|e| described.spec_error(e))?;
        Ok(Self { runtime: runtime.clone(), described, spec })
    }

    /// What messages call it: the style, or the file.
    pub fn label(&self) -> String {
        self.described.source.label()
    }

    /// Where it lies.
    pub fn source(&self) -> &ModelSource {
        &self.described.source
    }

    /// What it wants and gives.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// The size of picture that it is given where `wanted` is asked for: its own, if that is fixed.
    pub fn picture_size(&self, wanted: Size) -> Size {
        self.spec.fixed_picture().unwrap_or(wanted)
    }

    /// Makes it ready for pictures of this size, and runs it once. Sessions of one model share nothing that changes.
    ///
    /// # Errors
    /// When it does not take this size, does not give a picture, runs out of time or memory, or the provider does not run.
    pub fn session(&self, picture: Size, options: &SessionOptions) -> Result<Session, ModelError> {
        if self.picture_size(picture) != picture || picture.pixels() == 0 {
            let fixed = self.picture_size(picture);
            let reason = format!("takes pictures of {fixed} only, not {picture}");
            return Err(ModelError::unusable(&self.label(), reason));
        }
        let named = options.provider != Provider::Auto;
        let mut passed_over: Vec<PassedOver> = Vec::new();
        let mut refusal = None;
        for row in provider::rows(options.provider) {
            let known = row.excuse(options.provider, options.light).or_else(|| self.runtime.outcomes().failure(row));
            let (passed, failed) = match known {
                Some(excuse) => {
                    let failed = row.refusal(excuse.to_string());
                    (row.passed_over(excuse), failed)
                }
                None => match self.session_on(row, picture, options) {
                    Ok(mut session) => {
                        session.choice.passed_over = passed_over;
                        return Ok(session);
                    }
                    Err(error) if !named && row.provider == Provider::Cpu => return Err(error),
                    Err(error) => (row.failed(&error), error),
                },
            };
            passed_over.push(passed);
            // Of several kinds of device the last is the plainest, and its error says the most.
            refusal = Some(failed);
        }
        Err(refusal.unwrap_or_else(|| ModelError::unusable(&self.label(), "no provider runs here; run `make setup`")))
    }

    /// Makes it ready on one provider and kind of device.
    pub(super) fn session_on(&self, row: &Row, picture: Size, options: &SessionOptions) -> Result<Session, ModelError> {
        // Graphics cards reserve address space by the terabyte.
        let _ceiling = options.ceiling_bytes.filter(|_| !row.on_card).map(memory::Ceiling::lower);
        let border = self.spec.border(picture);
        let size = border.outer(picture);
        row.prepare(&self.runtime);
        let constants = self.constants()?;
        let (session, shape, leftover) = hushed(row.speaks, || {
            let builder = self.builder(row, size, options).map_err(|error| match row.provider {
                Provider::Cpu => ModelError::unusable(&self.label(), reason(&error)),
                _ => row.refusal(reason(&error)),
            })?;
            let mut session = self.described.source.commit(builder)?;
            let limit = options.first_run_limit * row.slowness;
            let shape = self.warm_up(&mut session, size, &constants, limit)?;
            let leftover = leftover(&session, row.name).map_err(|e| ModelError::unusable(&self.label(), reason(&e)))?;
            Ok::<_, ModelError>((session, shape, leftover))
        })?;
        if leftover.is_all() {
            let reason = format!("it takes none of the {} nodes of {}", leftover.of, self.label());
            return Err(ModelError::Provider { provider: row.provider, reason, remedy: "use another --provider" });
        }
        let output = self.spec.output.size_of(&shape).ok_or_else(|| {
            let reason = format!("gives {shape:?} for a picture of {size}: no picture of 3 channels");
            ModelError::unusable(&self.label(), reason)
        })?;
        Ok(Session {
            session,
            label: self.label(),
            constants,
            border,
            output_border: self.spec.output_border(border, size, output),
            input: Bound::new(&self.spec.input, size, &self.label())?,
            output: Bound::new(&self.spec.output, output, &self.label())?,
            choice: Choice {
                provider: row.provider,
                device: (row.device)(),
                on_card: row.on_card,
                halves: row.takes_halves(options),
                passed_over: Vec::new(),
                leftover,
            },
        })
    }

    /// Puts on record that a provider which ran does not any more: nobody takes it again in this process.
    pub(super) fn provider_failed(&self, choice: &Choice, reason: String) {
        self.runtime.outcomes().failed(choice, Excuse::Failed(reason));
    }

    fn builder(&self, row: &Row, size: Size, options: &SessionOptions) -> ort::Result<SessionBuilder> {
        let level = if row.as_written { GraphOptimizationLevel::Disable } else { GraphOptimizationLevel::All };
        let mut builder = noted(ort::session::Session::builder(self.runtime.environment())?)?
            .with_auto_device(AutoDevicePolicy::PreferCPU)?
            .with_optimization_level(level)?
            .with_parallel_execution(false)?
            .with_inter_threads(1)?
            .with_intra_threads(options.threads.max(1))?
            // The other stages want the cores while this one waits.
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?
            .with_memory_pattern(MEMORY_PATTERN)?;
        if cuts_sums_off() && self.spec.about.sum_bits.is_none_or(|bits| bits > FAST_SUM_BITS) {
            builder = builder.with_config_entry(EXACT_SUMS, "1")?;
        }
        for (symbol, len) in self.free_dims(size) {
            builder = builder.with_dimension_override(symbol, len)?;
        }
        let setting = Setting {
            options,
            halves: row.takes_halves(options),
            source: &self.described.source,
            size,
            version: self.runtime.version(),
        };
        let mut providers: Vec<_> =
            (row.register)(&setting).into_iter().map(ExecutionProviderDispatch::error_on_failure).collect();
        providers.push(register::cpu());
        Ok(builder.with_execution_providers(providers)?)
    }

    /// The named free dimensions of the picture's input, and what they are for an input of `size`.
    fn free_dims(&self, size: Size) -> Vec<(String, i64)> {
        let port = self.described.graph.inputs.iter().find(|port| port.name == self.spec.input.name);
        let dims = port.map_or(&[][..], |port| &port.dims);
        let mut named: Vec<(String, i64)> = Vec::new();
        for (dim, len) in dims.iter().zip(self.spec.input.shape(size)) {
            if let Dim::Free(Some(symbol)) = dim {
                named.push((symbol.clone(), len));
            }
        }
        // One name for two lengths: left free, and the run shows whether the network takes it.
        let ambiguous = |(symbol, len): &(String, i64)| named.iter().any(|(other, l)| other == symbol && l != len);
        named.iter().filter(|dim| !ambiguous(dim)).cloned().collect()
    }

    fn constants(&self) -> Result<Vec<(CString, DynValue)>, ModelError> {
        let tensor = |constant: &Constant| {
            let name = c_name(&constant.name, &self.label())?;
            let value = constant_tensor(constant).map_err(|e| ModelError::unusable(&self.label(), reason(&e)))?;
            Ok((name, value))
        };
        self.spec.constants.iter().map(tensor).collect()
    }

    /// Runs on a black picture, and says what dimensions came out.
    fn warm_up(
        &self,
        session: &mut ort::session::Session,
        size: Size,
        constants: &[(CString, DynValue)],
        limit: Duration,
    ) -> Result<Vec<i64>, ModelError> {
        let unusable = |error: ort::Error| ModelError::unusable(&self.label(), reason(&error));
        let picture = TensorPool::new().lend(self.spec.input.tensor_format(), size);
        let shape = self.spec.input.shape(size);
        let picture = view(&picture.values, &shape).map_err(unusable)?;
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![(&self.spec.input.name, picture.into())];
        for (constant, (_, value)) in self.spec.constants.iter().zip(constants) {
            inputs.push((&constant.name, value.into()));
        }
        let options = RunOptions::new().map_err(unusable)?;
        let late = AtomicBool::new(false);
        let outputs = with_watchdog(limit, || stop(&options, &late), || session.run_with_options(inputs, &options));
        let outputs = outputs.map_err(|error| match late.load(Ordering::Relaxed) {
            true => {
                let reason = format!("is not done with its first picture ({size}) after {limit:?}; it may never be");
                ModelError::unusable(&self.label(), reason)
            }
            false => unusable(error),
        })?;
        let output = outputs.get(&self.spec.output.name).and_then(|output| output.dtype().tensor_shape());
        Ok(output.map(|shape| shape.to_vec()).unwrap_or_default())
    }
}

fn stop(options: &RunOptions, late: &AtomicBool) {
    late.store(true, Ordering::Relaxed);
    // It can only fail for options that do not exist.
    let _ = options.terminate();
}

/// One side of a session: what the tensor must be.
#[derive(Debug)]
struct Bound {
    name: CString,
    format: TensorFormat,
    size: Size,
    shape: Vec<i64>,
}

impl Bound {
    fn new(port: &Port, size: Size, label: &str) -> Result<Self, ModelError> {
        let name = c_name(&port.name, label)?;
        Ok(Self { name, format: port.tensor_format(), size, shape: port.shape(size) })
    }

    fn fits(&self, tensor: &Tensor) -> bool {
        let len = 3 * self.size.pixels();
        tensor.format == self.format && tensor.size == self.size && tensor.values.len() == len
    }
}

fn c_name(name: &str, label: &str) -> Result<CString, ModelError> {
    CString::new(name).map_err(|_| ModelError::unusable(label, "a name in its graph holds a NUL"))
}

/// A model that is ready to run on pictures of one size.
#[derive(Debug)]
pub struct Session {
    session: ort::session::Session,
    label: String,
    constants: Vec<(CString, DynValue)>,
    border: Border,
    output_border: Border,
    input: Bound,
    output: Bound,
    pub(super) choice: Choice,
}

impl Session {
    /// Runs it: `input` of [`Session::input_format`] and [`Session::input_size`] is read where it lies, and the result is
    /// written straight into `output`, of [`Session::output_format`] and [`Session::output_size`].
    ///
    /// # Errors
    /// When a tensor is not of the format and size, or ONNX Runtime fails.
    pub fn run(&mut self, input: &Tensor, output: &mut Tensor) -> Result<(), ModelError> {
        if !self.input.fits(input) || !self.output.fits(output) {
            let reason = format!("was made ready for pictures of {}, not {}", self.input.size, input.size);
            return Err(ModelError::unusable(&self.label, reason));
        }
        let ran = view(&input.values, &self.input.shape).and_then(|picture| {
            let mut styled = view_mut(&mut output.values, &self.output.shape)?;
            let constants = self.constants.iter().map(|(name, value)| (name.as_c_str(), value));
            let inputs: Vec<_> = std::iter::once((self.input.name.as_c_str(), &*picture)).chain(constants).collect();
            run_into(&mut self.session, inputs.into_iter(), &self.output.name, &mut styled)
        });
        ran.map_err(|error| match self.choice.provider {
            Provider::Cpu => ModelError::unusable(&self.label, reason(&error)),
            provider => ModelError::ProviderFailed { provider, model: self.label.clone(), reason: reason(&error) },
        })
    }

    /// What goes in.
    pub fn input_format(&self) -> TensorFormat {
        self.input.format
    }

    /// Size of what goes in, border included.
    pub fn input_size(&self) -> Size {
        self.input.size
    }

    /// The border around the picture in what goes in.
    pub fn border(&self) -> Border {
        self.border
    }

    /// What comes out.
    pub fn output_format(&self) -> TensorFormat {
        self.output.format
    }

    /// Size of what comes out, border included; another than that of the input where the network scales.
    pub fn output_size(&self) -> Size {
        self.output.size
    }

    /// The border around the picture in what comes out.
    pub fn output_border(&self) -> Border {
        self.output_border
    }

    /// Who runs it.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }
}

fn view<'a>(values: &'a Values, shape: &'a [i64]) -> ort::Result<DynValueRef<'a>> {
    Ok(match values {
        Values::U8(values) => TensorRef::from_array_view((shape, &values[..]))?.into_dyn(),
        Values::F16(values) => TensorRef::from_array_view((shape, &values[..]))?.into_dyn(),
        Values::F32(values) => TensorRef::from_array_view((shape, &values[..]))?.into_dyn(),
    })
}

fn view_mut<'a>(values: &'a mut Values, shape: &'a [i64]) -> ort::Result<DynValueRefMut<'a>> {
    Ok(match values {
        Values::U8(values) => TensorRefMut::from_array_view_mut((shape, &mut values[..]))?.into_dyn(),
        Values::F16(values) => TensorRefMut::from_array_view_mut((shape, &mut values[..]))?.into_dyn(),
        Values::F32(values) => TensorRefMut::from_array_view_mut((shape, &mut values[..]))?.into_dyn(),
    })
}

fn constant_tensor(constant: &Constant) -> ort::Result<DynValue> {
    let shape = constant.shape.as_slice();
    let len = shape.iter().product::<i64>().unsigned_abs() as usize;
    let value = constant.value;
    Ok(match constant.element {
        Element::F16 => ort::value::Tensor::from_array((shape, vec![f16::from_f32(value); len]))?.into_dyn(),
        Element::F64 => ort::value::Tensor::from_array((shape, vec![f64::from(value); len]))?.into_dyn(),
        Element::I32 => ort::value::Tensor::from_array((shape, vec![value as i32; len]))?.into_dyn(),
        Element::I64 => ort::value::Tensor::from_array((shape, vec![value as i64; len]))?.into_dyn(),
        Element::F32 | Element::U8 | Element::Other(_) => {
            ort::value::Tensor::from_array((shape, vec![value; len]))?.into_dyn()
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn who_fails_in_the_middle_of_a_run_is_named() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/identity.onnx");
        let runtime = Runtime::load(None).unwrap();
        let model = Model::open(&runtime, ModelSource::File(path), &SpecOverrides::default()).unwrap();
        let options = SessionOptions { provider: Provider::Cpu, ..SessionOptions::default() };
        let mut session = model.session(Size::new(8, 8), &options).unwrap();
        let pool = TensorPool::new();
        let input = pool.lend(session.input_format(), session.input_size());
        let mut output = pool.lend(session.output_format(), session.output_size());
        session.run(&input, &mut output).unwrap();
        // What ONNX Runtime does not take.
        session.output.name = c"nothing".into();
        let mut told = |provider| {
            session.choice.provider = provider;
            session.run(&input, &mut output).unwrap_err().to_string()
        };
        let cuda = told(Provider::Cuda);
        assert!(cuda.starts_with("provider cuda failed with ") && cuda.ends_with("; use another --provider"), "{cuda}");
        // The processor fails by fault of the model.
        assert!(!told(Provider::Cpu).contains("provider"));
    }
}
