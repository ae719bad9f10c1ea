//! Frames as GStreamer buffers, and in the sizes that a codec can hold.

use std::sync::Arc;

use super::encoder;
use crate::frame::{Frame, FrameFormat, PixelFormat, Size, tight_planes};
use crate::options::Codec;
use crate::pool::Pool;
use crate::report::Meter;

/// A GStreamer buffer over the frame's own bytes.
pub(super) fn buffer(frame: Frame, pts_nanos: Option<u64>, duration_nanos: Option<u64>) -> gst::Buffer {
    struct Bytes(Frame);
    impl AsRef<[u8]> for Bytes {
        fn as_ref(&self) -> &[u8] {
            self.0.bytes()
        }
    }
    let (mut offsets, mut strides) = ([0; 4], [0; 4]);
    for (index, plane) in frame.planes().iter().enumerate() {
        offsets[index] = plane.offset_bytes;
        strides[index] = i32::try_from(plane.stride_bytes).unwrap_or(i32::MAX);
    }
    let FrameFormat { size, pixels, .. } = frame.format();
    let format = match pixels {
        PixelFormat::I420 => gst_video::VideoFormat::I420,
        PixelFormat::Nv12 => gst_video::VideoFormat::Nv12,
        PixelFormat::Rgbx => gst_video::VideoFormat::Rgbx,
    };
    let mut buffer = gst::Buffer::from_slice(Bytes(frame));
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(pts_nanos.map(gst::ClockTime::from_nseconds));
        buffer.set_duration(duration_nanos.map(gst::ClockTime::from_nseconds));
        let planes = pixels.planes();
        // Our planes are tight, which is not what GStreamer assumes of odd sizes. The layout was checked by the frame.
        let _ = gst_video::VideoMeta::add_full(
            buffer,
            gst_video::VideoFrameFlags::empty(),
            format,
            size.width,
            size.height,
            &offsets[..planes],
            &strides[..planes],
        );
    }
    buffer
}

/// Makes odd sides even by repeating the last column and row of luma; the chroma planes of both sizes are the same.
pub(super) struct Evened {
    pub(super) format: FrameFormat,
    pool: Pool<u8>,
}

impl Evened {
    pub(super) fn needed(codec: Codec, format: FrameFormat, meter: &Meter) -> Option<Self> {
        let even = format.size.round_up_to(2);
        if format.pixels != PixelFormat::I420 || even == format.size || !encoder::needs_even(codec) {
            return None;
        }
        meter.warn(format!(
            "{} cannot hold odd sides: {} became {even} by repeating the last column or row",
            encoder::name(codec),
            format.size
        ));
        Some(Self { format: FrameFormat { size: even, ..format }, pool: Pool::new() })
    }

    pub(super) fn frame(&self, frame: &Frame) -> Frame {
        let Size { width, height } = self.format.size;
        let (planes, len) = tight_planes(PixelFormat::I420, self.format.size);
        let mut bytes = self.pool.lend(len);
        let luma_rows = frame.size().height as usize;
        for y in 0..height as usize {
            let row = frame.row(0, y.min(luma_rows - 1));
            let out = &mut bytes[y * width as usize..][..width as usize];
            out[..row.len()].copy_from_slice(row);
            out[row.len()..].fill(row[row.len() - 1]);
        }
        for (index, plane) in planes.iter().enumerate().skip(1) {
            for y in 0..height as usize / 2 {
                let row = frame.row(index, y);
                bytes[plane.offset_bytes + y * plane.stride_bytes..][..row.len()].copy_from_slice(row);
            }
        }
        #[expect(clippy::expect_used, reason = "the layout and the length both come from tight_planes")]
        Frame::new(self.format, planes, Arc::new(bytes)).expect("tight planes fit")
    }
}
