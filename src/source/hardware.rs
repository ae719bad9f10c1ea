//! Decoders that are chips: which of them take a stream, and whether they work.

use std::collections::BTreeSet;
use std::path::Path;

use gst::prelude::*;

use super::alpha;
use super::decode::decoder_for;
use crate::error::SourceError;
use crate::media::Stream;
use crate::options::CodecChoice;
use crate::report::Meter;

/// How their elements' names begin: NVDEC, VA-API, VideoToolbox, Media Foundation, V4L2. Others that GStreamer has are older
/// ways to the same chips.
const KINDS: [&str; 5] = ["nv", "va", "vt", "mf", "v4l2"];

/// A decoder, made.
pub(super) struct Chosen {
    pub(super) element: gst::Element,
    /// It is a chip's, and was taken without having been asked for by name.
    pub(super) is_hardware: bool,
}

/// A decoder for `stream` of the file at `path`. What was named must be it; of chips the first is taken that comes up, and what does not is said.
///
/// # Errors
/// When there is none, or the one that was named does not decode this.
pub(super) fn choose(path: &Path, stream: &Stream, wanted: &CodecChoice, meter: &Meter) -> Result<Chosen, SourceError> {
    let made = |factory: gst::ElementFactory| {
        let element = factory.create().build().map_err(|error| SourceError::Gstreamer(error.to_string()))?;
        Ok(Chosen { element, is_hardware: false })
    };
    let caps = &stream.caps;
    if let CodecChoice::Named(name) = wanted {
        let element = named(name, caps)?;
        if let Some(factory) = element.factory() {
            alpha::warn_of_loss(&factory, caps, meter);
        }
        return Ok(Chosen { element, is_hardware: false });
    }
    // Pictures with alpha come from no chip.
    if let Some(factory) = alpha::decoder_for(caps, meter) {
        return made(factory);
    }
    if *wanted == CodecChoice::Auto
        && let Some(element) = first_that_comes_up(&candidates(caps), meter)
    {
        return Ok(Chosen { element, is_hardware: true });
    }
    made(decoder_for(caps).ok_or_else(|| SourceError::NoDecoder { path: path.into(), codec: stream.codec() })?)
}

impl Chosen {
    /// Name of the element, if it is a chip's.
    pub(super) fn hardware(&self) -> Option<String> {
        let factory = self.element.factory().filter(|_| self.is_hardware);
        factory.map(|factory| factory.name().to_string())
    }
}

fn named(name: &str, caps: &gst::Caps) -> Result<gst::Element, SourceError> {
    let refused = |reason: &str| SourceError::Decoder { element: name.to_owned(), reason: reason.to_owned() };
    let factory = gst::ElementFactory::find(name).ok_or_else(|| refused("GStreamer has no such element"))?;
    if !factory.has_type(gst::ElementFactoryType::DECODER) || !factory.can_sink_any_caps(caps) {
        return Err(refused("it does not decode the video of this input"));
    }
    comes_up(&factory).map_err(|reason| refused(&reason))
}

/// Chips' decoders that are installed, and why one does not come up, if so.
pub(crate) fn survey() -> Vec<(String, Option<String>)> {
    let of = |media: &str| media.parse::<gst::Caps>().map(|caps| candidates(&caps)).unwrap_or_default();
    let all = ["video/x-h264", "video/x-h265", "video/x-vp9", "video/x-av1"].into_iter().flat_map(of);
    let tried = |factory: gst::ElementFactory| {
        let failure = comes_up(&factory).map(|element| element.set_state(gst::State::Null)).err();
        (factory.name().to_string(), failure)
    };
    each_once(all).into_iter().map(tried).collect()
}

/// Those of macOS and of V4L2 take several codecs.
fn each_once(factories: impl Iterator<Item = gst::ElementFactory>) -> Vec<gst::ElementFactory> {
    let mut named = BTreeSet::new();
    factories.filter(|factory| named.insert(factory.name())).collect()
}

/// Chips' decoders for `caps`, in the order of [`KINDS`]; of a kind the highest rank first.
fn candidates(caps: &gst::Caps) -> Vec<gst::ElementFactory> {
    let kinds = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO;
    let place = |factory: &gst::ElementFactory| KINDS.iter().position(|kind| factory.name().starts_with(kind));
    let mut chips: Vec<_> = gst::ElementFactory::factories_with_type(kinds, gst::Rank::NONE)
        .into_iter()
        .filter(|factory| factory.metadata("klass").is_some_and(|klass| klass.contains("Hardware")))
        .filter(|factory| place(factory).is_some() && factory.can_sink_any_caps(caps))
        .collect();
    chips.sort_by_key(place);
    chips
}

fn first_that_comes_up(candidates: &[gst::ElementFactory], meter: &Meter) -> Option<gst::Element> {
    candidates.iter().find_map(|factory| match comes_up(factory) {
        Ok(element) => {
            tracing::info!("{} decodes", factory.name());
            Some(element)
        }
        Err(reason) => {
            let name = factory.name();
            meter.warn(format!("the decoder {name} does not work here ({reason}); another one decodes"));
            None
        }
    })
}

/// The element, with its device open.
fn comes_up(factory: &gst::ElementFactory) -> Result<gst::Element, String> {
    let element = factory.create().build().map_err(|error| error.to_string())?;
    match element.set_state(gst::State::Ready) {
        Ok(_) => Ok(element),
        Err(_) => {
            // An element goes in the state in which it came.
            let _ = element.set_state(gst::State::Null);
            Err("its device does not open".into())
        }
    }
}

#[cfg(test)]
mod tests;
