//! The network of a run: which model it is, and how it is made ready.

use super::{Engine, Job, StyleChoice, codec, out_format};
use crate::compose::LiveControls;
use crate::convert::{Convert, RunCard};
use crate::error::{Error, Result};
use crate::frame::{FrameFormat, Size};
use crate::memory;
use crate::model::trial::{self, Settled};
use crate::model::{Arithmetic, Choice, Model, ModelSource, Precision, Runtime, Tier, zoo};
use crate::options::SizeChoice;
use crate::report::Meter;
use crate::stylizer::{self, Stylizer};
use crate::tensor::DType;

/// A model, opened, and what is known of it.
pub(crate) struct Network {
    pub(super) model: Model,
    /// Size class; `None`: somebody else's.
    tier: Option<Tier>,
    /// What its numbers are; `None`: nobody says.
    precision: Option<Precision>,
    /// What was asked for.
    asked: Option<Precision>,
    /// Who is likely to run it.
    settled: Settled,
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
        let settle = |light| trial::settle(&runtime, engine.provider, light);
        let open = |source| {
            let _ceiling = ceiling_bytes.map(memory::Ceiling::lower);
            Model::open(&runtime, source, &engine.overrides)
        };
        let asked = engine.precision;
        match &engine.style {
            // Who runs it decides which of the style's networks it is.
            StyleChoice::Zoo(name) => {
                let settled = settle(engine.tier != Some(Tier::Fine))?;
                let order = zoo::best_first(settled.on_card);
                let entry = zoo::find(name.as_deref(), engine.tier, asked, order)?;
                let (tier, precision) = (Some(entry.tier), Some(entry.precision));
                Ok(Self { model: open(entry.source)?, tier, precision, asked, settled, ceiling_bytes })
            }
            // What it is decides who runs it.
            StyleChoice::File(path) => {
                let model = open(ModelSource::File(path.clone()))?;
                let (tier, precision) = (model.spec().about.tier, model.spec().about.precision);
                let settled = settle(tier == Some(Tier::Live))?;
                let network = Self { model, tier, precision, asked, settled, ceiling_bytes };
                network.check_precision()?;
                Ok(network)
            }
        }
    }

    /// Of the numbers that are asked for, a file has those that it was written with; only what is in single precision may be calculated
    /// in halves.
    fn check_precision(&self) -> Result<()> {
        let Some(asked) = self.asked else { return Ok(()) };
        let own = self.precision.or((self.dtype() == DType::F16).then_some(Precision::Fp16));
        let can_be_had = match own {
            None | Some(Precision::Fp32) => asked != Precision::Int8,
            Some(own) => asked == own,
        };
        if can_be_had {
            return Ok(());
        }
        let numbers = own.map_or("does not say that it is".into(), |own| format!("is in {own}"));
        let label = self.label();
        Err(Error::Usage(format!("--precision {asked}: {label} {numbers}, and a file is taken as it is; leave it out")))
    }

    /// Says where halves were asked for in vain.
    fn tell(&self, choice: &Choice, meter: &Meter) {
        let in_halves = choice.halves || self.precision == Some(Precision::Fp16) || self.dtype() == DType::F16;
        if self.asked == Some(Precision::Fp16) && !in_halves {
            let (label, provider) = (self.label(), choice.provider);
            meter.warn(format!("--precision fp16: {provider} calculates here in no other numbers than {label} has"));
        }
    }

    /// Says where a size, `net` for this picture, was asked for in vain.
    pub(crate) fn tell_size(&self, asked: SizeChoice, net: Size, meter: &Meter) {
        let own = self.model.picture_size(net);
        if asked != SizeChoice::Source && own != net {
            meter.warn(format!(
                "--net-size {net}: {} takes pictures of {own} only, and works at that size",
                self.label()
            ));
        }
    }

    /// Name of the style, or of the file.
    pub(crate) fn label(&self) -> String {
        self.model.label()
    }

    /// Tier, for the report; empty for somebody else's.
    pub(super) fn tier(&self) -> String {
        self.tier.map(|tier| tier.to_string()).unwrap_or_default()
    }

    /// Precision, for the report. What numbers somebody else's network calculates with is not asked for; what it takes is.
    pub(super) fn precision(&self) -> String {
        match (self.precision, self.dtype()) {
            (Some(precision), _) => precision.to_string(),
            (None, DType::U8) => "u8".into(),
            (None, DType::F16) => "fp16".into(),
            (None, DType::F32) => "fp32".into(),
        }
    }

    /// In what numbers it may be calculated: in less than single precision what was made for that, or is to run so.
    fn arithmetic(&self) -> Arithmetic {
        let own = self.precision.filter(|&own| own != Precision::Fp32);
        match own.or(self.asked) {
            Some(Precision::Fp32) => Arithmetic::Exact,
            None if self.dtype() != DType::F16 => Arithmetic::Own,
            Some(Precision::Fp16 | Precision::Int8) | None => Arithmetic::Halves,
        }
    }

    fn dtype(&self) -> DType {
        self.model.spec().input.tensor_format().dtype
    }

    /// Makes it ready for `job`, whose source gives frames of format `source`.
    pub(crate) fn stylizer(&self, job: &Job, source: FrameFormat, meter: &Meter) -> Result<Stylizer> {
        let net = job.look.net_size.resolve(source.size);
        self.tell_size(job.look.net_size, net, meter);
        let needs = self.needs(job, source);
        let order = stylizer::Order {
            source,
            net,
            out: needs.out,
            workers: memory::fit(job.input.path(), &needs, memory::limit_bytes(job.engine.memory_limit_bytes))?,
            controls: LiveControls::new(job.look.controls),
            provider: job.engine.provider,
            arithmetic: self.arithmetic(),
            light: self.tier == Some(Tier::Live),
            on_card: self.settled.on_card,
            convert: job.engine.convert.clone(),
            card: RunCard::default(),
            threads: job.engine.threads,
            ceiling_bytes: self.ceiling_bytes,
            crew: stylizer::crew(stylizer::cores(job.engine.threads)),
        };
        self.made_ready(&order, meter)
    }

    /// Makes it ready for a live picture of format `format`, which it takes at its size and gives at its size: one frame at a
    /// time, with all threads. `card` is that of the run, should one convert.
    pub(crate) fn live(
        &self,
        engine: &Engine,
        format: FrameFormat,
        controls: LiveControls,
        card: RunCard,
        meter: &Meter,
    ) -> Result<Stylizer> {
        let order = stylizer::Order {
            source: format,
            net: format.size,
            out: format,
            workers: 1,
            controls,
            provider: engine.provider,
            arithmetic: self.arithmetic(),
            light: self.tier == Some(Tier::Live),
            on_card: self.settled.on_card,
            convert: engine.convert.clone(),
            card,
            threads: engine.threads,
            ceiling_bytes: self.ceiling_bytes,
            crew: stylizer::cores(engine.threads),
        };
        self.made_ready(&order, meter)
    }

    fn made_ready(&self, order: &stylizer::Order, meter: &Meter) -> Result<Stylizer> {
        let stylizer = Stylizer::new(&self.model, order, meter)?;
        self.tell(stylizer.choice(), meter);
        Ok(stylizer)
    }

    /// Memory that it takes for pictures of size `net`, a frame at a time, wherever that lies.
    pub(crate) fn bytes_at(&self, net: Size) -> u64 {
        self.bytes().at_work() * net.pixels() as u64
    }

    fn bytes(&self) -> memory::NetworkBytes {
        let Settled { provider, on_card } = self.settled;
        let bytes = memory::NetworkBytes::of(self.dtype(), self.precision == Some(Precision::Int8), provider);
        let bytes = if self.tier == Some(Tier::Fine) { bytes.fine() } else { bytes };
        if on_card { bytes.on_card() } else { bytes }
    }

    /// What decides how much memory `job` takes, whose source gives frames of format `source`.
    pub(crate) fn needs(&self, job: &Job, source: FrameFormat) -> memory::Needs {
        let net = self.model.picture_size(job.look.net_size.resolve(source.size));
        // What cannot be encoded was told of before.
        let codec = codec(job).ok().flatten();
        let network = self.bytes();
        let workers = stylizer::workers(net, network, stylizer::cores(job.engine.threads));
        memory::Needs {
            network,
            source: source.size,
            net,
            is_fixed: self.model.spec().fixed_picture().is_some(),
            out: out_format(source, job),
            codec,
            converts_on_card: match job.engine.convert.convert {
                Convert::Gpu => true,
                Convert::Cpu => false,
                Convert::Auto => self.settled.on_card,
            },
            workers,
            cores: stylizer::cores(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::options::Provider;

    #[test]
    fn a_file_that_says_its_tier_and_precision_is_taken_as_one_of_the_zoo() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.onnx");
        let unsaid = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/identity_nhwc_u8.onnx");
        fs::copy(unsaid, &path).unwrap();
        let engine = Engine { style: StyleChoice::File(path), provider: Provider::Cpu, ..Engine::default() };
        let opened = |asked| Network::open_beside(&Engine { precision: asked, ..engine.clone() });
        let unsaid = opened(None).unwrap();
        assert_eq!(
            (unsaid.tier(), unsaid.precision(), unsaid.arithmetic()),
            (String::new(), "u8".into(), Arithmetic::Own)
        );
        assert!(matches!(opened(Some(Precision::Int8)), Err(Error::Usage(_))));
        fs::write(folder.path().join("mine.toml"), "tier = \"fine\"\nprecision = \"int8\"\n").unwrap();
        let said = opened(Some(Precision::Int8)).unwrap();
        assert_eq!(
            (said.tier(), said.precision(), said.arithmetic()),
            ("fine".into(), "int8".into(), Arithmetic::Halves)
        );
        let of_the_zoo = memory::NetworkBytes::of(DType::U8, true, Provider::Cpu).fine();
        assert_eq!(said.bytes().activations, of_the_zoo.activations);
        assert!(matches!(opened(Some(Precision::Fp32)), Err(Error::Usage(_))));
    }

    #[test]
    fn single_precision_is_exact_where_it_was_asked_for_and_may_be_less_elsewhere() {
        let arithmetic = |model: &str, asked| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(model);
            let style = StyleChoice::File(path);
            let engine = Engine { style, provider: Provider::Cpu, precision: asked, ..Engine::default() };
            Network::open_beside(&engine).unwrap().arithmetic()
        };
        assert_eq!(arithmetic("identity.onnx", None), Arithmetic::Own);
        assert_eq!(arithmetic("identity.onnx", Some(Precision::Fp32)), Arithmetic::Exact);
        assert_eq!(arithmetic("identity.onnx", Some(Precision::Fp16)), Arithmetic::Halves);
        assert_eq!(arithmetic("identity_f16.onnx", None), Arithmetic::Halves);
    }
}
