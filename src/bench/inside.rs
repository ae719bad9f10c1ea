//! The stylizer by itself: planes in host memory to planes in host memory, without a file, a decoder or an encoder.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Mishaps, RATE, ends, flow, on_device, there_and_back};
use crate::error::{Error, Result};
use crate::flow::{Sink, Source, Stage};
use crate::frame::{Frame, Size, Timed};
use crate::job::{Job, Network};
use crate::report::Meter;
use crate::source::test_pattern::TestPattern;
use crate::stylizer::{Ends, Stylizer};

/// Different frames that go there and back.
const FRAMES: u64 = 8;

/// Of a run this share is not measured: buffers are made and shaders compiled meanwhile.
const WARM_UP: usize = 5;

/// What was measured. Everything is synchronised: a frame counts when its planes lie in host memory.
#[derive(Clone, Debug)]
pub struct Inside {
    size: Size,
    net: Size,
    style: String,
    provider: String,
    convert: String,
    frames: usize,
    /// Frames a second, one behind the other.
    fps: f64,
    /// From one frame that came out to the next.
    apart: Quantiles,
    /// One frame, while no other is under way.
    alone: Quantiles,
    /// Of that the network.
    infer: Quantiles,
    /// What went wrong meanwhile.
    pub mishaps: Mishaps,
}

/// The middle, and the worst but one in a hundred.
#[derive(Clone, Copy, Debug)]
struct Quantiles {
    p50: Duration,
    p99: Duration,
}

impl Quantiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
        Self { p50: at(50), p99: at(99) }
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "p50 {:.3} ms, p99 {:.3} ms", ms(self.p50), ms(self.p99))
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, net, style, provider, convert, frames, fps, apart, alone, infer, .. } = self;
        writeln!(f, "{frames} frames of {size}, network at {net}, style {style} on {provider}, colours on {convert}")?;
        writeln!(f, "  one behind the other  {fps:.1} fps; from frame to frame {apart}")?;
        writeln!(f, "  one alone             {alone}")?;
        let rate = 1.0 / infer.p50.as_secs_f64().max(1e-9);
        write!(f, "  of that the network   {infer} ({rate:.1} a second)")
    }
}

/// Stylizes `frames` frames of `size` as `template` says.
///
/// # Errors
/// When any part of it fails.
pub fn inside(template: &Job, size: Size, frames: u64) -> Result<Inside> {
    let mut scene = TestPattern::new(size, RATE, Some(FRAMES))?;
    let mut pictures = Vec::new();
    while let Some(frame) = scene.next()? {
        pictures.push(frame);
    }
    let pictures = there_and_back(pictures);
    let network = Network::open(&template.engine)?;
    let meter = Meter::new();
    let stylizer = || -> Result<Stylizer> { network.stylizer(template, scene.format(), &meter) };
    let first = stylizer()?;
    let choice = first.choice();
    let (provider, convert) =
        (on_device(&choice.provider.to_string(), &choice.device), first.converts_on().to_string());
    let net = first.net_size();
    let arrivals = Arrivals::default();
    let source = Round { pictures: pictures.clone(), next: 0, count: frames };
    first.continue_flow(flow(source)).into(arrivals.clone()).wait(|| {})?;
    let (alone, infer) = one_by_one(stylizer()?, &pictures, frames)?;
    let times = arrivals.measured();
    let apart: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let whole: Duration = apart.iter().sum();
    Ok(Inside {
        size,
        net,
        style: network.label(),
        provider,
        convert,
        frames: times.len(),
        fps: apart.len() as f64 / whole.as_secs_f64().max(1e-9),
        apart: Quantiles::of(apart),
        alone,
        infer,
        mishaps: Mishaps::of(&meter),
    })
}

/// What a frame takes from its planes to its planes, and the network of that.
fn one_by_one(stylizer: Stylizer, pictures: &[Timed<Frame>], frames: u64) -> Result<(Quantiles, Quantiles)> {
    let Ends { mut pack, mut infer, mut finish } = ends(stylizer)?;
    let worker = infer.first_mut().ok_or_else(|| Error::Internal("a stylizer lacks a stage".into()))?;
    let (mut alone, mut network) = (Vec::new(), Vec::new());
    for frame in pictures.iter().cycle().take(usize::try_from(frames).unwrap_or(usize::MAX)) {
        let frame = frame.clone();
        let since = Instant::now();
        let packed = pack.process(frame)?;
        let begun = Instant::now();
        let styled = worker.process(packed)?;
        network.push(begun.elapsed());
        drop(finish.process(styled)?);
        alone.push(since.elapsed());
    }
    let measured = |times: Vec<Duration>| times[times.len() / WARM_UP..].to_vec();
    Ok((Quantiles::of(measured(alone)), Quantiles::of(measured(network))))
}

/// The same frames over and over.
struct Round {
    pictures: Vec<Timed<Frame>>,
    next: u64,
    count: u64,
}

impl Source for Round {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        if self.next == self.count {
            return Ok(None);
        }
        let mut frame = self.pictures[(self.next % self.pictures.len() as u64) as usize].clone();
        frame.stamp.seq = self.next;
        self.next += 1;
        Ok(Some(frame))
    }
}

/// Notes when frames arrive.
#[derive(Clone, Default)]
struct Arrivals(Arc<Mutex<Vec<Instant>>>);

impl Arrivals {
    fn measured(&self) -> Vec<Instant> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all[all.len() / WARM_UP..].to_vec()
    }
}

impl Sink for Arrivals {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        drop(frame);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let times = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(Quantiles::of(times).to_string(), "p50 100.000 ms, p99 198.000 ms");
        assert_eq!(Quantiles::of(Vec::new()).to_string(), "p50 0.000 ms, p99 0.000 ms");
    }
}
