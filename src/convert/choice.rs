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

/// Who converts colours in a run.
#[derive(Debug)]
pub enum Converter {
    /// This card.
    Card(Card),
    /// The processor.
    Processor {
        /// Why no card does, where one was to be expected; else empty.
        excuse: String,
    },
}

impl Converter {
    /// The processor, as a matter of course.
    const PROCESSOR: Self = Self::Processor { excuse: String::new() };
}

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
    /// Who converts; a card is that of the `run`. `on_cpu`: the network runs on the processor, where converting on a card gains nothing.
    ///
    /// # Errors
    /// When the card was asked for by name and cannot do it.
    pub fn converter(&self, on_cpu: bool, load: &Load, run: &RunCard) -> Result<Converter> {
        match self.convert {
            Convert::Cpu => Ok(Converter::PROCESSOR),
            Convert::Gpu => self.open(load, run).map_err(|reason| {
                Error::Device(format!(
                    "--convert gpu: {reason}; use --convert cpu, or choose with --gpu what `stylize doctor` lists"
                ))
            }),
            Convert::Auto if on_cpu => {
                tracing::info!("colours are converted on the CPU, where the network runs");
                Ok(Converter::PROCESSOR)
            }
            Convert::Auto => Ok(self.open(load, run).unwrap_or_else(|excuse| Converter::Processor { excuse })),
        }
    }

    /// The card of the `run`, if it can hold the `load`; the processor where it has failed for good, which was said then.
    fn open(&self, load: &Load, run: &RunCard) -> Result<Converter, String> {
        let mut opened = run.0.lock().unwrap_or_else(PoisonError::into_inner);
        let card = match &*opened {
            Some(card) => card.clone(),
            None => {
                let choice = Choice { wanted: self.gpu.clone(), software: false };
                opened.insert(Card::open(&choice).map_err(|error| error.to_string())?).clone()
            }
        };
        let Some(workshop) = card.workshop() else { return Ok(Converter::PROCESSOR) };
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
        Ok(Converter::Card(card))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, PixelFormat, Size};

    /// Who converts where no card is the one that is wanted; none where that is an error.
    fn without_card(convert: Convert, on_cpu: bool) -> Option<String> {
        let choice = ConvertChoice { convert, gpu: Wanted::Name("no such card".into()) };
        let format = FrameFormat { size: Size::new(64, 48), pixels: PixelFormat::I420, colour: Colour::SRGB };
        let load = Load { source: format, out: format, values: 3 * 64 * 48 };
        match choice.converter(on_cpu, &load, &RunCard::default()).ok()? {
            Converter::Card(card) => panic!("{card:?}"),
            Converter::Processor { excuse } => Some(excuse),
        }
    }

    #[test]
    fn that_no_card_converts_has_an_excuse_where_one_was_to_be_expected() {
        assert_eq!(without_card(Convert::Gpu, false), None);
        assert!(without_card(Convert::Auto, false).is_some_and(|excuse| excuse.starts_with("no graphics adapter is")));
        assert_eq!(
            [(Convert::Auto, true), (Convert::Cpu, false)].map(|(convert, on_cpu)| without_card(convert, on_cpu)),
            [const { Some(String::new()) }; 2]
        );
    }
}
