//! What is done to pictures between the decoder and the stylizer, whatever their samples mean: fields become frames, lying
//! pictures stand up, and all get the size of the first.

use gst_video::prelude::*;

use super::deinterlace::{Deinterlacer, First};
use super::fit::Fit;
use super::turn::Orientation;
use crate::error::Result;
use crate::flow::Source;
use crate::frame::{Frame, FrameFormat, Timed};
use crate::pool::Pool;
use crate::report::Meter;

/// What the caps of a sample say of the shape of its picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Shape of a pixel.
    pub(super) aspect: gst::Fraction,
    /// The field that was taken first; none where the picture is progressive.
    pub(super) first: Option<First>,
}

impl Shape {
    /// Of a picture that `info` describes, in `buffer`.
    pub(super) fn of(info: &gst_video::VideoInfo, buffer: &gst::BufferRef) -> Self {
        use gst_video::{VideoBufferFlags, VideoFieldOrder, VideoInterlaceMode};
        let flags = buffer.video_flags();
        let interlaced = match info.interlace_mode() {
            VideoInterlaceMode::Progressive => false,
            VideoInterlaceMode::Mixed => flags.contains(VideoBufferFlags::INTERLACED),
            _ => true,
        };
        let top_first = match info.field_order() {
            VideoFieldOrder::TopFieldFirst => true,
            VideoFieldOrder::BottomFieldFirst => false,
            _ => flags.contains(VideoBufferFlags::TFF),
        };
        let first = if top_first { First::Top } else { First::Bottom };
        Self { aspect: info.par(), first: interlaced.then_some(first) }
    }
}

/// Gives pictures as they were stored.
pub(super) trait Stored: Send {
    /// The next one, or none at the end.
    ///
    /// # Errors
    /// When the input cannot be read on.
    fn next(&mut self) -> Result<Option<(Timed<Frame>, Shape)>>;
}

/// Gives the pictures of `stored` as they are meant.
pub(super) struct Shaped<S> {
    stored: S,
    /// None where fields are left as they are.
    deinterlacer: Option<Deinterlacer>,
    orientation: Orientation,
    fit: Fit,
    pool: Pool<u8>,
    meter: Meter,
}

/// How pictures are meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meant {
    /// Format of the first, and of all, as it comes out.
    pub(super) format: FrameFormat,
    /// Shape of their pixels.
    pub(super) aspect: gst::Fraction,
    /// How they lie.
    pub(super) orientation: Orientation,
    /// Whether interlaced ones become progressive.
    pub(super) deinterlace: bool,
}

impl<S: Stored> Shaped<S> {
    /// Makes of each picture of `stored` what is `meant`.
    pub(super) fn new(stored: S, meant: Meant, meter: Meter) -> Self {
        let Meant { format, aspect, orientation, deinterlace } = meant;
        let pool = Pool::new();
        Self {
            stored,
            deinterlacer: deinterlace.then(|| Deinterlacer::new(pool.clone())),
            orientation,
            fit: Fit::new(format, aspect, pool.clone(), meter.clone()),
            pool,
            meter,
        }
    }

    /// The next picture, progressive if it is to be so.
    fn next_progressive(&mut self) -> Result<Option<(Timed<Frame>, Shape)>> {
        let Self { stored, deinterlacer, meter, .. } = self;
        let what = if deinterlacer.is_some() { DEINTERLACED } else { LEFT };
        let mut next = || {
            let picture = stored.next()?;
            if picture.as_ref().is_some_and(|(_, shape)| shape.first.is_some()) {
                meter.warn(what);
            }
            Ok(picture)
        };
        match deinterlacer {
            Some(deinterlacer) => deinterlacer.next(next),
            None => next(),
        }
    }
}

const DEINTERLACED: &str = "the input is interlaced: deinterlaced, one frame for two fields";
const LEFT: &str = "the input is interlaced and left so (--no-deinterlace): the style mixes its fields";

impl<S: Stored> Source for Shaped<S> {
    fn next(&mut self) -> Result<Option<Timed<Frame>>> {
        let Some((frame, shape)) = self.next_progressive()? else { return Ok(None) };
        let upright = self.orientation.turn(frame.item, &self.pool)?;
        let item = self.fit.fit(upright, self.orientation.aspect(shape.aspect))?;
        Ok(Some(Timed { stamp: frame.stamp, item }))
    }
}

#[cfg(test)]
mod tests {
    use gst_video::{VideoBufferFlags, VideoFieldOrder, VideoFormat, VideoInfo, VideoInterlaceMode};

    use super::*;

    #[test]
    fn row_21_fields_are_told_for_the_stream_or_for_each_frame() {
        gst::init().unwrap();
        let (woven, top) = (VideoBufferFlags::INTERLACED, VideoBufferFlags::TFF);
        let first = |mode, order, flags| {
            let info = VideoInfo::builder(VideoFormat::I420, 16, 16).interlace_mode(mode).field_order(order).build();
            let mut buffer = gst::Buffer::new();
            buffer.get_mut().unwrap().set_video_flags(flags);
            Shape::of(&info.unwrap(), &buffer).first
        };
        use VideoFieldOrder::{BottomFieldFirst, TopFieldFirst, Unknown};
        use VideoInterlaceMode::{Interleaved, Mixed, Progressive};
        assert_eq!(first(Mixed, Unknown, woven | top), Some(First::Top));
        assert_eq!(first(Mixed, Unknown, woven), Some(First::Bottom));
        assert_eq!(first(Mixed, Unknown, top), None, "a progressive frame among others");
        assert_eq!(first(Interleaved, TopFieldFirst, VideoBufferFlags::empty()), Some(First::Top));
        assert_eq!(first(Interleaved, BottomFieldFirst, VideoBufferFlags::empty()), Some(First::Bottom));
        assert_eq!(first(Interleaved, Unknown, top), Some(First::Top));
        assert_eq!(first(Progressive, Unknown, woven), None);
    }
}
