//! The network of a run: which model it is, and how it is made ready.

use super::{Engine, Job, StyleChoice, codec, out_format};
use crate::compose::LiveControls;
use crate::error::Result;
use crate::frame::{FrameFormat, Size};
use crate::memory;
use crate::model::{Model, ModelSource, Precision, Provider, Runtime, Tier, trial, zoo};
use crate::report::Meter;
use crate::stylizer::{self, Stylizer};
use crate::tensor::DType;

/// A model, opened, and which of the zoo's it is.
pub(crate) struct Network {
    pub(super) model: Model,
    /// Which of the zoo's it is; `None`: somebody else's.
    chosen: Option<(Tier, Precision)>,
    /// What was asked for.
    precision: Option<Precision>,
    /// Who is likely to run it.
    provider: Provider,
    /// What the process may have while the network is opened and tried; `None`: there is no ceiling.
    ceiling_bytes: Option<u64>,
}

impl Network {
    /// Opens it: while it is opened and tried, the process may allocate no more than the run may take. What is at work meanwhile, such as
    /// a camera, has what it needs.
    pub(crate) fn open(engine: &Engine) -> Result<Self> {
        Self::open_below(engine, memory::limit_bytes(engine.memory_limit_bytes))
    }

    /// Opens it beside others at work, whom a ceiling would end.
    pub(crate) fn open_beside(engine: &Engine) -> Result<Self> {
        Self::open_below(engine, None)
    }

    fn open_below(engine: &Engine, ceiling_bytes: Option<u64>) -> Result<Self> {
        let runtime = Runtime::load_for(engine.runtime.as_deref(), engine.provider)?;
        let light = matches!(engine.style, StyleChoice::Zoo(_)) && engine.tier != Some(Tier::Fine);
        let settled = trial::settle(&runtime, engine.provider, light)?;
        let (source, chosen) = match &engine.style {
            StyleChoice::Zoo(name) => {
                let order = zoo::best_first(settled.provider, settled.on_card);
                let entry = zoo::find(name.as_deref(), engine.tier, engine.precision, order)?;
                (entry.source, Some((entry.tier, entry.precision)))
            }
            StyleChoice::File(path) => (ModelSource::File(path.clone()), None),
        };
        let ceiling = ceiling_bytes.map(memory::Ceiling::lower);
        let model = Model::open(&runtime, source, &engine.overrides)?;
        drop(ceiling);
        Ok(Self { model, chosen, precision: engine.precision, provider: settled.provider, ceiling_bytes })
    }

    /// Name of the style, or of the file.
    pub(crate) fn label(&self) -> String {
        self.model.label()
    }

    /// Tier, for the report; empty for somebody else's.
    pub(super) fn tier(&self) -> String {
        self.chosen.map(|(tier, _)| tier.to_string()).unwrap_or_default()
    }

    /// Precision, for the report. What numbers somebody else's network calculates with is not asked for; what it takes is.
    pub(super) fn precision(&self) -> String {
        match (self.chosen, self.dtype()) {
            (Some((_, precision)), _) => precision.to_string(),
            (None, DType::U8) => "u8".into(),
            (None, DType::F16) => "fp16".into(),
            (None, DType::F32) => "fp32".into(),
        }
    }

    /// Whether it was made for less than single precision, or is to run in less.
    fn halves(&self) -> bool {
        let precision = self.chosen.map(|(_, precision)| precision).or(self.precision);
        precision.map_or(self.dtype() == DType::F16, |precision| precision != Precision::Fp32)
    }

    fn is_light(&self) -> bool {
        matches!(self.chosen, Some((Tier::Live, _)))
    }

    fn dtype(&self) -> DType {
        self.model.spec().input.tensor_format().dtype
    }

    /// Makes it ready for `job`, whose source gives frames of format `source`.
    pub(crate) fn stylizer(&self, job: &Job, source: FrameFormat, meter: &Meter) -> Result<Stylizer> {
        let net = job.look.net_size.resolve(source.size);
        let needs = self.needs(job, source);
        let order = stylizer::Order {
            source,
            net,
            out: needs.out,
            workers: memory::fit(job.input.path(), &needs, memory::limit_bytes(job.engine.memory_limit_bytes))?,
            controls: LiveControls::new(job.look.controls),
            provider: job.engine.provider,
            halves: self.halves(),
            light: self.is_light(),
            convert: job.engine.convert.clone(),
            threads: job.engine.threads,
            ceiling_bytes: self.ceiling_bytes,
            crew: stylizer::crew(stylizer::cores(job.engine.threads)),
        };
        Stylizer::new(&self.model, &order, meter)
    }

    /// Makes it ready for a live picture of format `format`, which it takes at its size and gives at its size: one frame at a
    /// time, with all threads.
    pub(crate) fn live(
        &self,
        engine: &Engine,
        format: FrameFormat,
        controls: LiveControls,
        meter: &Meter,
    ) -> Result<Stylizer> {
        let order = stylizer::Order {
            source: format,
            net: format.size,
            out: format,
            workers: 1,
            controls,
            provider: engine.provider,
            halves: self.halves(),
            light: self.is_light(),
            convert: engine.convert.clone(),
            threads: engine.threads,
            ceiling_bytes: self.ceiling_bytes,
            crew: stylizer::cores(engine.threads),
        };
        Stylizer::new(&self.model, &order, meter)
    }

    /// Memory that it takes for pictures of size `net`, a frame at a time.
    pub(crate) fn bytes_at(&self, net: Size) -> u64 {
        self.bytes().at_work() * net.pixels() as u64
    }

    fn bytes(&self) -> memory::NetworkBytes {
        let is_quantised = self.chosen.is_some_and(|(_, precision)| precision == Precision::Int8);
        let bytes = memory::NetworkBytes::of(self.dtype(), is_quantised, self.provider);
        if matches!(self.chosen, Some((Tier::Fine, _))) { bytes.fine() } else { bytes }
    }

    /// What decides how much memory `job` takes, whose source gives frames of format `source`.
    pub(crate) fn needs(&self, job: &Job, source: FrameFormat) -> memory::Needs {
        let net = self.model.picture_size(job.look.net_size.resolve(source.size));
        // What cannot be encoded was told of before.
        let codec = codec(job).ok().flatten();
        let network = self.bytes();
        let workers = stylizer::workers(net, network, stylizer::cores(job.engine.threads));
        let cores = stylizer::cores(None);
        memory::Needs { network, source: source.size, net, out: out_format(source, job), codec, workers, cores }
    }
}
