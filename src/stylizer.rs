//! `pack → infer → compose → unpack → stabilise`: planes in host memory to planes in host memory. Knows nothing of GStreamer, so that
//! a program, a server or a test can wrap it.

use std::fmt;
use std::iter::{once, repeat_with};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;

use crate::compose::{Compose, LiveControls};
use crate::convert::choice::{Converter, Load};
use crate::convert::{Convert, ConvertChoice, Pack, RunCard, Unpack};
use crate::error::Result;
use crate::flow::{Crew, Flow, Measured, Stage, beside_each_other};
use crate::frame::{Frame, FrameFormat, Size, Timed};
use crate::gpu::card::Card;
use crate::memory::NetworkBytes;
use crate::model::{Arithmetic, Choice, Infer, Model, SessionOptions, StandIn};
use crate::options::Provider;
use crate::pool::Pool;
use crate::report::Meter;
use crate::stabilise::Stabilise;
use crate::tensor::{Styled, TensorPool};

mod paint;
mod worker;

use paint::{Collect, Submit};
use worker::Worker;

/// Memory for networks that run beside each other, a core.
const WORKER_BYTES_PER_CORE: usize = 64 << 20;

/// Cores of which one may share the rows of a frame with others, where many frames are under way: the stabiliser, which frames pass one
/// by one, is to keep up with a network on all cores.
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
    /// In what numbers the network may be calculated.
    pub arithmetic: Arithmetic,
    /// Whether it is of the live tier ([`SessionOptions::light`]).
    pub light: bool,
    /// Whether a card is expected to run it.
    pub on_card: bool,
    /// Who converts colours.
    pub convert: ConvertChoice,
    /// The card of the run, should one convert.
    pub card: RunCard,
    /// CPU threads for the network; `None`: all cores.
    pub threads: Option<usize>,
    /// What the process may have while the network is tried ([`SessionOptions::ceiling_bytes`]).
    pub ceiling_bytes: Option<u64>,
    /// Frames that the network works on at the same time: [`workers`], as far as memory suffices ([`crate::memory::fit`]).
    pub workers: usize,
    /// Threads that share the rows of a frame in the stabiliser, and where the processor stands in for a card.
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
    sessions: usize,
    convert_excuse: String,
    line: Line,
    tensors: TensorPool,
    frames: Pool<u8>,
}

/// The stages, as threads share them out.
enum Line {
    /// Colours on the processor: any number of frames beside each other, each on one thread until it is painted.
    Cpu { workers: Vec<Worker>, stabilise: Box<Measured<Stabilise>> },
    /// Colours on a card, which gets the frames one after the other: a thread for each stage.
    Gpu { pack: Vec<Measured<Pack>>, infer: Vec<Infer>, submit: Box<Measured<Submit>>, collect: Box<Measured<Collect>> },
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

/// What stages are made with.
struct Kit<'a> {
    order: &'a Order,
    meter: &'a Meter,
    tensors: TensorPool,
    frames: Pool<u8>,
}

impl Kit<'_> {
    fn compose(&self) -> Compose {
        Compose::new(self.order.out.size, self.order.controls.clone(), self.tensors.clone())
    }

    fn unpack(&self) -> Unpack {
        Unpack::new(self.order.out, self.frames.clone(), self.tensors.clone(), self.meter.clone())
    }

    fn stabilise(&self) -> Stabilise {
        Stabilise::new(self.order.controls.clone(), self.frames.clone())
    }

    /// A worker for each `infer`, each of so many `threads`.
    fn on_processor(
        &self,
        pack: impl Iterator<Item = Pack>,
        infer: impl Iterator<Item = Infer>,
        threads: usize,
    ) -> Line {
        let worker = |(infer, pack): (Infer, Pack)| {
            let crew = Crew::of(threads);
            let behind = (self.compose(), self.unpack().with(crew.clone()));
            Worker::new((pack.with(crew), infer), behind, self.meter)
        };
        let stabilise = self.stabilise().with(Crew::of(self.order.crew));
        let stabilise = Box::new(Measured::new("stabilise", stabilise, self.meter));
        Line::Cpu { workers: infer.zip(pack).map(worker).collect(), stabilise }
    }

    fn on_card(&self, pack: impl Iterator<Item = Pack>, infer: impl Iterator<Item = Infer>, card: &Card) -> Line {
        let Self { order, meter, .. } = *self;
        let crew = Crew::of(order.crew);
        let on_card = |pack: Pack| Measured::new("pack", pack.on(card.clone(), meter).with(crew.clone()), meter);
        let pack = pack.map(on_card).take(CARD_WORKERS).collect();
        let submit = Submit::new((card.clone(), crew.clone()), order.controls.clone(), order.out, meter.clone());
        let collect = Collect {
            card: card.clone(),
            format: order.out,
            meter: meter.clone(),
            compose: Box::new(self.compose()),
            unpack: Box::new(self.unpack().with(crew.clone())),
            stabilise: Box::new(self.stabilise().with(crew)),
        };
        let submit = Box::new(Measured::new("compose", submit, meter));
        let collect = Box::new(Measured::new("unpack", collect, meter));
        Line::Gpu { pack, infer: infer.collect(), submit, collect }
    }
}

impl fmt::Debug for Stylizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { net, choice, sessions, .. } = self;
        f.debug_struct("Stylizer")
            .field("net", net)
            .field("choice", choice)
            .field("sessions", sessions)
            .finish_non_exhaustive()
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
            arithmetic: order.arithmetic,
            light: order.light,
            ceiling_bytes: order.ceiling_bytes,
            ..SessionOptions::default()
        };
        // One after the other they would take seconds where there are many cores.
        let opened = |count| -> Result<Vec<_>> {
            let sessions = beside_each_other(count, || model.session(net, &options));
            Ok(sessions.into_iter().collect::<Result<_, _>>()?)
        };
        // A graphics card is shared by nobody: one session fills it.
        let at_once = if order.on_card { 1 } else { workers };
        let mut sessions = opened(at_once)?;
        let (choice, border, format) = (sessions[0].choice().clone(), sessions[0].border(), sessions[0].input_format());
        tell(&choice, meter);
        if !choice.on_card {
            sessions.extend(opened(workers - at_once)?);
        }
        let sessions: Vec<_> = sessions.into_iter().map(|session| Arc::new(Mutex::new(session))).collect();
        let converter = order.convert.converter(!choice.on_card, &load(order, border.outer(net), net), &order.card)?;
        // Who names a provider wants no other.
        let is_replaced = choice.on_card && order.provider == Provider::Auto;
        let stand_in = is_replaced.then(|| Arc::new(StandIn::new(model.clone(), net, cores, options)));
        let infer = sessions
            .iter()
            .cycle()
            .map(|session| Infer::new(Arc::clone(session), tensors.clone(), meter.clone()).or(stand_in.clone()));
        let pack = repeat_with(|| Pack::new(net, border, format, tensors.clone()));
        let kit = Kit { order, meter, tensors: tensors.clone(), frames: frames.clone() };
        let (line, convert_excuse) = match converter {
            Converter::Processor { excuse } => (kit.on_processor(pack, infer.take(workers), cores / workers), excuse),
            Converter::Card(card) => (kit.on_card(pack, infer.take(sessions.len()), &card), String::new()),
        };
        Ok(Self { net, choice, sessions: sessions.len(), convert_excuse, line, tensors, frames })
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
        self.sessions
    }

    /// The memory that the stages borrow: whether they still allocate shows in its misses.
    pub fn pools(&self) -> (TensorPool, Pool<u8>) {
        (self.tensors.clone(), self.frames.clone())
    }

    /// The card that converts; none where the processor does.
    pub fn card(&self) -> Option<&Card> {
        match &self.line {
            Line::Cpu { .. } => None,
            Line::Gpu { collect, .. } => Some(&collect.stage.card),
        }
    }

    /// Who converts colours.
    pub fn converts_on(&self) -> Convert {
        if self.card().is_some() { Convert::Gpu } else { Convert::Cpu }
    }

    /// Why that is the processor, where a card was to be expected; else empty.
    pub fn convert_excuse(&self) -> &str {
        &self.convert_excuse
    }

    /// The stages that can be measured by themselves, one of each kind but for infer; none if it has none.
    pub(crate) fn into_ends(self) -> Option<Ends> {
        match self.line {
            Line::Cpu { workers, stabilise } => {
                let mut parts = workers.into_iter().map(Worker::into_parts);
                let (pack, first, compose, unpack) = parts.next()?;
                let infer = once(first).chain(parts.map(|(_, infer, ..)| infer)).take(self.sessions).collect();
                let finish = Finish::Cpu {
                    compose: Box::new(compose),
                    unpack: Box::new(unpack),
                    stabilise: Box::new(stabilise.stage),
                };
                Some(Ends { pack, infer, finish })
            }
            Line::Gpu { mut pack, infer, submit, collect } => {
                let finish = Finish::Gpu { submit: Box::new(submit.stage), collect: Box::new(collect.stage) };
                Some(Ends { pack: pack.pop()?.stage, infer, finish })
            }
        }
    }

    /// Lets the frames of `flow` pass through the stages.
    pub fn continue_flow(self, flow: Flow<Frame>) -> Flow<Frame> {
        match self.line {
            Line::Cpu { workers, stabilise } => {
                flow.via_workers("paint", workers).via_workers("stabilise", vec![*stabilise])
            }
            Line::Gpu { pack, infer, submit, collect } => flow
                .via_workers("pack", pack)
                .via_workers("infer", infer)
                .via_workers("compose", vec![*submit])
                .via_workers("unpack", vec![*collect]),
        }
    }
}

/// All stages one after the other on the caller's thread: no frame waits, so nothing adds to the latency.
impl Stage for Stylizer {
    type In = Frame;
    type Out = Frame;

    fn process(&mut self, frame: Timed<Frame>) -> Result<Timed<Frame>> {
        match &mut self.line {
            Line::Cpu { workers, stabilise } => stabilise.process(workers[0].process(frame)?),
            Line::Gpu { pack, infer, submit, collect } => {
                let styled = infer[0].process(pack[0].process(frame)?)?;
                collect.process(submit.process(styled)?)
            }
        }
    }
}

/// What a card has to hold where the network takes pictures of `outer`, border included, and works at `net`.
fn load(order: &Order, outer: Size, net: Size) -> Load {
    let (source, out) = (order.source.size, order.out.size);
    // What is resized has luma beside its colours.
    let planes = if [source, out] == [net; 2] { 3 } else { 4 };
    Load { source: order.source, out: order.out, values: planes * largest(outer, [source, net, out]) }
}

/// Pixels of the largest picture that lies on a card where the network takes pictures of `outer`. What is resized has its new width first
/// and its new height after that.
fn largest(outer: Size, [source, net, out]: [Size; 3]) -> usize {
    let between = |from: Size, to: Size| Size::new(to.width, from.height);
    let halfway = [between(source, net), between(source, out), between(net, out)];
    [outer, source, out].into_iter().chain(halfway).map(Size::pixels).max().unwrap_or(0)
}

/// Says what was not taken: of what the runtime has and does not run a warning, since somebody installed it to be used.
fn tell(choice: &Choice, meter: &Meter) {
    // One that runs on another device than the best is not worth a word to most.
    for passed in choice.passed_over.iter().filter(|passed| passed.provider != choice.provider) {
        if passed.excuse.is_expected() {
            tracing::info!("provider {} was not taken: {passed}", passed.provider);
        } else {
            meter.warn(format!("provider {} does not run here: {passed}", passed.provider));
        }
    }
    // Provider and processor are the same thing otherwise.
    if choice.on_card && choice.leftover.reaches_processor() {
        meter.warn(format!("provider {} leaves {}", choice.provider, choice.leftover));
    }
}

/// CPU threads that the network gets where `asked` of them are asked for.
pub(crate) fn cores(asked: Option<usize>) -> usize {
    asked.or(available_parallelism().ok().map(NonZeroUsize::get)).unwrap_or(1).max(1)
}

/// How many threads share the rows of a frame in the stabiliser, where as many frames are under way that all `cores` are busy.
pub(crate) fn crew(cores: usize) -> usize {
    cores.div_ceil(CORES_TO_A_CREW)
}

/// How many frames to work on at once: one a core, each on one thread, is the fastest way through a file, since threads
/// that share a frame wait for each other. Large frames get fewer workers with more threads each, to bound the memory.
pub fn workers(net: Size, network: NetworkBytes, cores: usize) -> usize {
    let fitting = cores * WORKER_BYTES_PER_CORE / (net.pixels() * network.on_host() as usize).max(1);
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
        // What a card holds takes nothing of the machine's memory.
        assert_eq!(workers(Size::new(1920, 1080), fp16.on_card(), 2), 2);
    }

    #[test]
    fn what_is_resized_may_be_larger_halfway_than_at_both_ends() {
        let sizes = [(100, 10), (40, 40), (400, 20)].map(|(width, height)| Size::new(width, height));
        assert_eq!(largest(Size::new(40, 40), sizes), 400 * 40);
        let sizes = [(40, 400), (90, 30), (30, 90)].map(|(width, height)| Size::new(width, height));
        assert_eq!(largest(Size::new(90, 30), sizes), 90 * 400);
        let same = Size::new(64, 48);
        assert_eq!(largest(Size::new(96, 80), [same; 3]), 96 * 80);
    }
}
