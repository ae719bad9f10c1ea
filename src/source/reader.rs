//! From the decoder's samples to frames.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::convert::raw::{Narrow, RawFrame};
use crate::error::SourceError;
use crate::frame::{Frame, FrameFormat, Plane};
use crate::isobmff::DolbyVision;
use crate::media::caps::{Layout, Stated, layout};

/// Makes frames of samples: 8-bit 4:2:0 shares the decoder's memory, the rest is brought to it.
pub(super) struct Reader {
    path: PathBuf,
    stated: Stated,
    narrow: Narrow,
}

impl Reader {
    /// For a stream of which `stated` is known beside the caps of its frames.
    pub(super) fn new(path: PathBuf, stated: Stated) -> Self {
        Self { path, stated, narrow: Narrow::new() }
    }

    /// What GStreamer says of `sample`, and the format that its frame will have.
    pub(super) fn format(&self, sample: &gst::Sample) -> Result<(gst_video::VideoInfo, FrameFormat), SourceError> {
        let (info, layout) = self.layout(sample)?;
        let format = match layout {
            Layout::Frame(format) => format,
            Layout::Raw(format) => format.narrowed(),
        };
        Ok((info, format))
    }

    /// The picture of `sample`.
    pub(super) fn frame(&mut self, sample: &gst::Sample) -> Result<Frame, SourceError> {
        let (info, layout) = self.layout(sample)?;
        let buffer = sample.buffer_owned().ok_or_else(|| SourceError::Gstreamer("a sample without a frame".into()))?;
        let planes = planes(&buffer, &info);
        let bytes = buffer
            .into_mapped_buffer_readable()
            .map_err(|_| SourceError::Gstreamer("a frame that cannot be read".into()))?;
        let frame = match layout {
            Layout::Frame(format) => Frame::new(format, planes, Arc::new(bytes)),
            Layout::Raw(format) => RawFrame::new(format, planes, &bytes).and_then(|raw| self.narrow.narrow(&raw)),
        };
        frame.map_err(|error| SourceError::Undecodable { path: self.path.clone(), reason: error.to_string() })
    }

    fn layout(&self, sample: &gst::Sample) -> Result<(gst_video::VideoInfo, Layout), SourceError> {
        let caps = sample.caps().ok_or_else(|| SourceError::Gstreamer("a frame without caps".into()))?;
        let info = gst_video::VideoInfo::from_caps(caps).map_err(|error| SourceError::Gstreamer(error.to_string()))?;
        let layout = layout(caps, &self.stated).ok_or_else(|| self.unsupported(&info))?;
        Ok((info, layout))
    }

    fn unsupported(&self, info: &gst_video::VideoInfo) -> SourceError {
        SourceError::Unsupported {
            path: self.path.clone(),
            what: format!("video of format {}", info.format()),
            hint: "convert it to 8-bit 4:2:0".into(),
        }
    }
}

/// Refuses a picture that only a decoder of Dolby Vision can show: `stated` is what the file at `path` says of it. Others go
/// by their base layer.
pub(super) fn check_dolby_vision(path: &Path, stated: Option<DolbyVision>) -> Result<(), SourceError> {
    match stated.filter(|dolby| !dolby.has_compatible_base()) {
        None => Ok(()),
        Some(DolbyVision { profile, .. }) => Err(SourceError::Unsupported {
            path: path.into(),
            what: format!("Dolby Vision profile {profile} without a compatible base layer"),
            hint: "export it as HDR10, or as profile 8".into(),
        }),
    }
}

/// Where the planes lie: the buffer's meta if it has one, else as its format has them.
fn planes(buffer: &gst::Buffer, info: &gst_video::VideoInfo) -> [Plane; 3] {
    let meta = buffer.meta::<gst_video::VideoMeta>();
    let (offsets, strides) = match &meta {
        Some(meta) => (meta.offset(), meta.stride()),
        None => (info.offset(), info.stride()),
    };
    let mut planes = [Plane::default(); 3];
    for (plane, (offset, stride)) in planes.iter_mut().zip(offsets.iter().zip(strides)) {
        // A negative stride (bottom-up) becomes 0, which is refused as too short.
        *plane = Plane { offset_bytes: *offset, stride_bytes: usize::try_from(*stride).unwrap_or(0) };
    }
    planes
}
