//! The one pipeline that a source begins and a sink continues: what runs in it, what flows through it, and how GStreamer
//! calls what we call otherwise.

use std::sync::Arc;

use gst::prelude::*;

use crate::error::SourceError;

pub(crate) mod caps;
pub mod elements;
pub(crate) mod labels;
pub(crate) mod microphone;
pub(crate) mod origin;
pub(crate) mod pipeline;
mod stream;
mod timing;
pub(crate) mod track;

pub(crate) use labels::About;
pub(crate) use pipeline::Media;
pub(crate) use stream::{Stream, parsebin};
pub(crate) use timing::Timing;
pub(crate) use track::{Kind, Track};

/// The parts of a pipeline that a sink continues.
pub(crate) struct OpenMedia {
    pub(crate) media: Arc<Media>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) about: About,
}

/// A new element of the kind `factory`.
pub(crate) fn element(factory: &str) -> Result<gst::Element, SourceError> {
    pipeline::init()?;
    gst::ElementFactory::make(factory)
        .build()
        .map_err(|_| SourceError::Gstreamer(format!("its element {factory} is not installed")))
}

/// The pad called `name` that `element` always has.
pub(crate) fn pad(element: &gst::Element, name: &str) -> Result<gst::Pad, SourceError> {
    element.static_pad(name).ok_or_else(|| SourceError::Gstreamer(format!("{} has no pad {name}", element.name())))
}
