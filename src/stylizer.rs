//! `pack → infer → compose → unpack → stabilise`: planes in host memory to planes in host memory. Knows nothing of GStreamer, so that
//! a program, a server or a test can wrap it.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::compose::{Compose, LiveControls};
use crate::convert::choice::Load;
use crate::convert::{Convert, ConvertChoice, Pack, Unpack};
use crate::error::Result;
use crate::flow::{Crew, Flow, Stage};
use crate::frame::{Frame, FrameFormat, Size, Timed};
use crate::gpu::card::Card;
use crate::memory::NetworkBytes;
use crate::model::provider::{self, is_of_course};
use crate::model::{Choice, Infer, Model, Provider, SessionOptions};
use crate::pool::Pool;
use crate::report::Meter;
use crate::stabilise::Stabilise;
use crate::tensor::{Styled, TensorPool};

mod paint;

use paint::{Collect, Submit};

/// Memory for networks that run beside each other, a core.
const WORKER_BYTES_PER_CORE: usize = 64 << 20;

/// Cores of which one may share the rows of a frame with others, where many frames are under way: stages that frames pass one by one
/// are to keep up with a network on all cores.
const CORES_TO_A_CREW: usize = 4;

/// Frames that are packed on a graphics card at the same time: one goes up, one is worked on, one comes down.
const CARD_WORKERS: usize = 3;

/// What a stylizer is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// Format of the frames that go in.
    pub source: FrameFormat,
    /// Size that the network works at. A model of fixed size takes its own instead.
    pub net: Size,
    /// Format of the frames that come out.
    pub out: FrameFormat,
    /// Strength, colour and steadiness, live.
    pub controls: LiveControls,
    /// Who runs the network.
    pub provider: Provider,
    /// Whether the network may be calculated in 16 bits ([`SessionOptions::halves`]).
    pub halves: bool,
    /// Whether it is of the live tier ([`SessionOptions::light`]).
    pub light: bool,
    /// Who converts colours.
    pub convert: ConvertChoice,
    /// CPU threads for the network; `None`: all cores.
    pub threads: Option<usize>,
    /// Memory that the run may take; `None`: what the machine has.
    pub memory_limit_bytes: Option<u64>,
    /// Frames that the network works on at the same time: [`workers`], as far as memory suffices ([`crate::memory::fit`]).
    pub workers: usize,
    /// Threads that share the rows of a frame, outside of the network.
    pub crew: usize,
}

/// Stages by themselves.
pub(crate) struct Ends {
    pub(crate) pack: Pack,
    pub(crate) infer: Vec<Infer>,
    pub(crate) finish: Finish,
}

/// What follows the network.
pub(crate) enum Finish {
    Cpu { compose: Box<Compose>, unpack: Box<Unpack>, stabilise: Box<Stabilise> },
    Gpu { submit: Box<Submit>, collect: Box<Collect> },
}

/// The stages, made ready.
pub struct Stylizer {
    net: Size,
    choice: Choice,
    workers: usize,
    pack: Vec<Pack>,
    infer: Vec<Infer>,
    finish: Finish,
    tensors: TensorPool,
    frames: Pool<u8>,
}

impl Finish {
    fn new(
        order: &Order,
        (card, crew): (Option<&Card>, &Crew),
        tensors: &TensorPool,
        frames: &Pool<u8>,
        meter: &Meter,
    ) -> Self {
        let controls = || order.controls.clone();
        let compose = Box::new(Compose::new(order.out.size, controls(), tensors.clone()));
        let unpack = Unpack::new(order.out, frames.clone(), tensors.clone(), meter.clone()).with(crew.clone());
        let stabilise = Stabilise::new(controls(), frames.clone()).with(crew.clone());
        let (unpack, stabilise) = (Box::new(unpack), Box::new(stabilise));
        let Some(card) = card else { return Self::Cpu { compose, unpack, stabilise } };
        let submit = Submit::new((card.clone(), crew.clone()), controls(), order.out, meter.clone());
        let collect =
            Collect { card: card.clone(), format: order.out, meter: meter.clone(), compose, unpack, stabilise };
        Self::Gpu { submit: Box::new(submit), collect: Box::new(collect) }
    }
}

/// One after the other.
impl Stage for Finish {
    type In = Styled;
    type Out = Frame;

    fn process(&mut self, styled: Timed<Styled>) -> Result<Timed<Frame>> {
        match self {
            Self::Cpu { compose, unpack, stabilise } => stabilise.process(unpack.process(compose.process(styled)?)?),
            Self::Gpu { submit, collect } => collect.process(submit.process(styled)?),
        }
    }
}

impl Stylizer {
    /// Makes `model` ready for `order`.
    ///
    /// # Errors
    /// When the model or its provider does not run at this size.
    pub fn new(model: &Model, order: &Order, meter: &Meter) -> Result<Self> {
        let net = model.picture_size(order.net);
        let (tensors, frames) = (TensorPool::new(), Pool::new());
        let cores = cores(order.threads);
        let workers = order.workers.clamp(1, cores);
        let options = SessionOptions {
            provider: order.provider,
            threads: cores / workers,
            halves: order.halves,
            light: order.light,
            memory_limit_bytes: order.memory_limit_bytes,
            ..SessionOptions::default()
        };
        let first = model.session(net, &options)?;
        tell(first.choice(), meter);
        let (choice, border, format) = (first.choice().clone(), first.border(), first.input_format());
        // A graphics card is shared by nobody: one session fills it.
        let workers = if choice.on_card { 1 } else { workers };
        let mut infer = vec![Infer::new(first, tensors.clone())];
        for _ in 1..workers {
            infer.push(Infer::new(model.session(net, &options)?, tensors.clone()));
        }
        let outer = border.outer(net);
        // What is resized has luma beside its colours.
        let planes = if [order.source.size, order.out.size] == [net; 2] { 3 } else { 4 };
        let largest = [outer, order.source.size, order.out.size].map(Size::pixels).into_iter().max().unwrap_or(0);
        let load = Load { source: order.source, out: order.out, values: planes * largest };
        let card = order.convert.card(!choice.on_card, &load)?;
        let crew = Crew::of(order.crew);
        let packs = if card.is_some() { CARD_WORKERS } else { 1 };
        let pack = || Pack::new(net, border, format, tensors.clone()).on(card.clone(), meter).with(crew.clone());
        Ok(Self {
            net,
            choice,
            workers,
            pack: std::iter::repeat_with(pack).take(packs).collect(),
            infer,
            finish: Finish::new(order, (card.as_ref(), &crew), &tensors, &frames, meter),
            tensors,
            frames,
        })
    }

    /// Size that the network works at.
    pub fn net_size(&self) -> Size {
        self.net
    }

    /// Who runs the network, and why not others.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Number of frames that the network works on at the same time.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The memory that the stages borrow: whether they still allocate shows in its misses.
    pub fn pools(&self) -> (TensorPool, Pool<u8>) {
        (self.tensors.clone(), self.frames.clone())
    }

    /// The card that converts; none where the processor does.
    pub fn card(&self) -> Option<&Card> {
        match &self.finish {
            Finish::Cpu { .. } => None,
            Finish::Gpu { collect, .. } => Some(&collect.card),
        }
    }

    /// Who converts colours.
    pub fn converts_on(&self) -> Convert {
        if self.card().is_some() { Convert::Gpu } else { Convert::Cpu }
    }

    /// The stages that can be measured by themselves, one of each kind but for the workers of infer.
    pub(crate) fn into_ends(mut self) -> Option<Ends> {
        Some(Ends { pack: self.pack.pop()?, infer: self.infer, finish: self.finish })
    }

    /// Lets the frames of `flow` pass through the stages, each on a thread of its own.
    pub fn continue_flow(self, flow: Flow<Frame>) -> Flow<Frame> {
        let flow = flow.via_each("pack", self.pack).via_each("infer", self.infer);
        match self.finish {
            Finish::Cpu { compose, unpack, stabilise } => {
                flow.via("compose", *compose).via("unpack", *unpack).via("stabilise", *stabilise)
            }
            Finish::Gpu { submit, collect } => flow.via("compose", *submit).via("unpack", *collect),
        }
    }
}

/// All stages one after the other on the caller's thread: no frame waits, so nothing adds to the latency.
impl Stage for Stylizer {
    type In = Frame;
    type Out = Frame;

    fn process(&mut self, frame: Timed<Frame>) -> Result<Timed<Frame>> {
        let packed = self.pack[0].process(frame)?;
        let styled = self.infer[0].process(packed)?;
        self.finish.process(styled)
    }
}

/// Says what was not taken: of what the runtime has and does not run a warning, since somebody installed it to be used.
fn tell(choice: &Choice, meter: &Meter) {
    // One that runs on another device than the best is not worth a word to most.
    for (provider, reason) in choice.passed_over.iter().filter(|(provider, _)| *provider != choice.provider) {
        if is_of_course(reason) {
            tracing::info!("provider {provider} was not taken: {reason}");
        } else {
            let remedy = provider::remedy(*provider);
            meter.warn(format!("provider {provider} does not run here: {reason}; {remedy}"));
        }
    }
}

/// CPU threads that the network gets where `asked` of them are asked for.
pub(crate) fn cores(asked: Option<usize>) -> usize {
    asked.or(available_parallelism().ok().map(NonZeroUsize::get)).unwrap_or(1).max(1)
}

/// How many threads share the rows of a frame, outside of the network, where as many frames are under way that all `cores` are busy.
pub(crate) fn crew(cores: usize) -> usize {
    cores.div_ceil(CORES_TO_A_CREW)
}

/// How many frames to work on at once: one a core, each on one thread, is the fastest way through a file, since threads
/// that share a frame wait for each other. Large frames get fewer workers with more threads each, to bound the memory.
pub fn workers(net: Size, network: NetworkBytes, cores: usize) -> usize {
    let fitting = cores * WORKER_BYTES_PER_CORE / (net.pixels() * network.at_work() as usize).max(1);
    let most = fitting.clamp(1, cores);
    // Every worker has the same number of threads, so that none is left over.
    (1..=most).rev().find(|workers| cores.is_multiple_of(*workers)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::DType;

    #[test]
    fn workers_fill_the_cores_and_bound_the_memory() {
        let [int8, fp16] = [true, false].map(|is_quantised| NetworkBytes::of(DType::U8, is_quantised, Provider::Cpu));
        for cores in [1, 2, 3, 4, 6, 8, 16, 64] {
            for (width, height) in [(16, 16), (640, 360), (1280, 720), (1920, 1080), (3840, 2160), (7680, 4320)] {
                let net = Size::new(width, height);
                for network in [int8, fp16] {
                    let workers = workers(net, network, cores);
                    assert_eq!(cores % workers, 0, "{net} on {cores}");
                    let bytes = workers * net.pixels() * network.at_work() as usize;
                    assert!(workers == 1 || bytes <= cores * WORKER_BYTES_PER_CORE, "{net} on {cores}: {bytes}");
                }
            }
        }
        assert_eq!(workers(Size::new(1280, 720), fp16, 2), 2);
        assert_eq!([int8, fp16].map(|network| workers(Size::new(1920, 1080), network, 2)), [2, 1]);
        assert_eq!(workers(Size::new(640, 360), fp16, 16), 16);
    }
}
