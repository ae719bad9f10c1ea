//! The GStreamer elements that the programs need, whether they are here, and what brings them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::pipeline;
use crate::error::SourceError;

/// Which part of a job does not work without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Reading the input.
    Input,
    /// Writing the output.
    Output,
}

/// A set of plugins that distributions ship together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginSet {
    /// gst-plugins-base
    Base,
    /// gst-plugins-good
    Good,
    /// gst-plugins-bad
    Bad,
    /// The encoders of gst-plugins-bad that some distributions ship apart.
    BadEncoders,
    /// gst-plugins-ugly
    Ugly,
    /// gst-libav
    Libav,
}

/// Something that has to be done, and who can do it.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// What for, in two or three words.
    pub what: &'static str,
    /// Elements that do it; one of them is enough.
    pub elements: &'static [&'static str],
    /// What brings the first of them.
    pub set: PluginSet,
    /// What does not work without.
    pub side: Side,
    /// Whether nothing at all works without (the plain way: an .mp4 with H.264 in, the same out).
    pub vital: bool,
}

const fn need(what: &'static str, elements: &'static [&'static str], set: PluginSet, side: Side) -> Need {
    Need { what, elements, set, side, vital: false }
}

const fn vital(what: &'static str, elements: &'static [&'static str], set: PluginSet, side: Side) -> Need {
    Need { what, elements, set, side, vital: true }
}

use PluginSet::{Bad, BadEncoders, Base, Good, Libav, Ugly};
use Side::{Input, Output};

/// Everything, in the order of the flow.
pub const NEEDS: &[Need] = &[
    vital("read a file", &["parsebin"], Base, Input),
    vital("hand out frames", &["appsink"], Base, Input),
    vital("demux mp4, mov", &["qtdemux"], Good, Input),
    need("demux mkv, webm", &["matroskademux"], Good, Input),
    vital("parse H.264", &["h264parse"], Bad, Input),
    vital("decode H.264", &["avdec_h264", "openh264dec", "vah264dec", "nvh264dec", "vtdec"], Libav, Input),
    need("decode HEVC", &["avdec_h265", "libde265dec", "vah265dec", "nvh265dec", "vtdec"], Libav, Input),
    need("decode VP9", &["vp9dec", "avdec_vp9", "vavp9dec", "nvvp9dec"], Good, Input),
    need("decode AV1", &["dav1ddec", "av1dec", "avdec_av1", "vaav1dec", "nvav1dec"], Bad, Input),
    vital("convert formats", &["videoconvert"], Base, Input),
    vital("take frames", &["appsrc"], Base, Output),
    vital("encode H.264", &["x264enc"], Ugly, Output),
    need("encode HEVC", &["x265enc"], BadEncoders, Output),
    need("encode VP9", &["vp9enc"], Good, Output),
    need("encode AV1", &["av1enc"], BadEncoders, Output),
    need("encode FFV1", &["avenc_ffv1"], Libav, Output),
    need("encode AAC", &["fdkaacenc", "avenc_aac", "voaacenc"], Libav, Output),
    need("encode Opus", &["opusenc"], Base, Output),
    vital("write mp4", &["mp4mux"], Good, Output),
    need("write mov", &["qtmux"], Good, Output),
    need("write mkv", &["matroskamux"], Good, Output),
    need("write webm", &["webmmux"], Good, Output),
];

/// A need, and the element that is here for it.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// The need.
    pub need: &'static Need,
    /// The first of its elements that is installed.
    pub element: Option<&'static str>,
}

/// What GStreamer has.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Version of GStreamer, such as `1.22.0`.
    pub version: String,
    /// All of [`NEEDS`].
    pub findings: Vec<Finding>,
}

/// Looks for everything.
///
/// # Errors
/// When GStreamer itself does not start.
pub fn survey() -> Result<Survey, SourceError> {
    pipeline::init()?;
    let is_here = |element: &&&'static str| gst::ElementFactory::find(element).is_some();
    let findings =
        NEEDS.iter().map(|need| Finding { need, element: need.elements.iter().find(is_here).copied() }).collect();
    Ok(Survey { version: version(), findings })
}

/// Version of GStreamer, such as `1.22.0`.
pub fn version() -> String {
    let (major, minor, micro, _) = gst::version();
    format!("{major}.{minor}.{micro}")
}

/// Folders that GStreamer's plugins lie in. Looks for new plugins first, which may start a helper program.
///
/// # Errors
/// When GStreamer itself does not start.
pub fn plugin_folders() -> Result<Vec<PathBuf>, SourceError> {
    pipeline::init()?;
    let files = gst::Registry::get().plugins().into_iter().filter_map(|plugin| plugin.filename());
    let folders: BTreeSet<PathBuf> = files.filter_map(|file| file.parent().map(PathBuf::from)).collect();
    Ok(folders.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gstreamer_itself_brings_is_found() {
        let survey = survey().unwrap();
        assert!(survey.version.starts_with("1."), "{}", survey.version);
        let found = |what| survey.findings.iter().find(|finding| finding.need.what == what).unwrap().element;
        assert_eq!((found("hand out frames"), found("take frames")), (Some("appsink"), Some("appsrc")));
    }

    #[test]
    fn every_need_is_listed_once_and_can_be_met() {
        for (index, need) in NEEDS.iter().enumerate() {
            assert!(!need.elements.is_empty(), "{}", need.what);
            assert!(NEEDS[..index].iter().all(|other| other.what != need.what), "{}", need.what);
        }
    }
}
