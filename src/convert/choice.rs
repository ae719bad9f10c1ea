//! Whether the processor or a graphics card converts.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::frame::FrameFormat;
use crate::gpu::card::Card;
use crate::gpu::context::{Choice, Wanted};
use crate::gpu::workshop::frame_bytes;
use crate::tensor::TensorFormat;

/// What converts colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Convert {
    /// The best that works.
    Auto,
    /// The graphics card.
    Gpu,
    /// The processor.
    #[default]
    Cpu,
}

/// What converts colours, and which card if it is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvertChoice {
    /// Which of both.
    pub convert: Convert,
    /// Which card.
    pub gpu: Wanted,
}

/// The card of a run, opened when it is first asked for: a device that failed for one stylizer has failed for all, and is opened again once
/// for all of them. Clones are of the same run.
#[derive(Clone, Debug, Default)]
pub struct RunCard(Arc<Mutex<Option<Card>>>);

/// What a card has to hold.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Frames of the source.
    pub source: FrameFormat,
    /// Frames that come out.
    pub out: FrameFormat,
    /// Values of the larger tensor, border included.
    pub values: usize,
}

impl Load {
    /// The largest of the buffers, in bytes.
    fn greatest_bytes(&self) -> u64 {
        let frames = [self.source, self.out].map(|format| frame_bytes(format.pixels, format.size));
        let planar = TensorFormat::PLANAR.dtype.bytes();
        // The mix lies on the card as f32, whatever the network takes.
        frames.into_iter().chain([planar * self.values]).max().unwrap_or(0) as u64
    }
}

impl ConvertChoice {
    /// The card that converts, which is that of the `run`; none where the processor does. `on_cpu`: the network runs on the processor,
    /// where converting on a card gains nothing.
    ///
    /// # Errors
    /// When the card was asked for by name and cannot do it.
    pub fn card(&self, on_cpu: bool, load: &Load, run: &RunCard) -> Result<Option<Card>> {
        match self.convert {
            Convert::Cpu => Ok(None),
            Convert::Gpu => self.open(load, run).map_err(|reason| {
                Error::Device(format!(
                    "--convert gpu: {reason}; use --convert cpu, or choose with --gpu what `stylize doctor` lists"
                ))
            }),
            Convert::Auto if on_cpu => {
                tracing::info!("colours are converted on the CPU, where the network runs");
                Ok(None)
            }
            Convert::Auto => Ok(self.open(load, run).unwrap_or_else(|reason| {
                tracing::info!("colours are converted on the CPU: {reason}");
                None
            })),
        }
    }

    /// The card of the `run`, if it can hold the `load`; none where it has failed for good, which was said then.
    fn open(&self, load: &Load, run: &RunCard) -> Result<Option<Card>, String> {
        let mut opened = run.0.lock().unwrap_or_else(PoisonError::into_inner);
        let card = match &*opened {
            Some(card) => card.clone(),
            None => {
                let choice = Choice { wanted: self.gpu.clone(), software: false };
                opened.insert(Card::open(&choice).map_err(|error| error.to_string())?).clone()
            }
        };
        let Some(workshop) = card.workshop() else { return Ok(None) };
        let most = workshop.most_bytes();
        let needed = load.greatest_bytes();
        if needed > most {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            return Err(format!(
                "{} takes {} MiB at once, and pictures of this size need {}",
                card.name(),
                mib(most),
                mib(needed)
            ));
        }
        tracing::info!("colours are converted on {}", card.name());
        Ok(Some(card))
    }
}

impl fmt::Display for Convert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        })
    }
}
