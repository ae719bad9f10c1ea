//! A picture in memory, and the moment that it belongs to.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The smallest size that holds this one and whose sides are multiples of `multiple` (at least 1).
    pub const fn round_up_to(self, multiple: u32) -> Self {
        let multiple = if multiple == 0 { 1 } else { multiple };
        Self::new(self.width.next_multiple_of(multiple), self.height.next_multiple_of(multiple))
    }

    /// Size of a plane that is subsampled by two in both directions; odd sides round up.
    pub const fn halved(self) -> Self {
        Self::new(self.width.div_ceil(2), self.height.div_ceil(2))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// How the samples of a frame lie in memory. All are 8 bits a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Three planes Y, U, V; chroma at half width and half height.
    I420,
    /// Two planes: Y, and U and V interleaved, at half width and half height.
    Nv12,
    /// One plane of R, G, B and an unused byte.
    Rgbx,
}

impl PixelFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::I420, Self::Nv12, Self::Rgbx];

    /// Number of planes.
    pub const fn planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
            Self::Rgbx => 1,
        }
    }

    /// Bytes from one pixel of `plane` to the next.
    pub const fn pixel_bytes(self, plane: usize) -> usize {
        match (self, plane) {
            (Self::Rgbx, _) => 4,
            (Self::Nv12, 1) => 2,
            (Self::I420 | Self::Nv12, _) => 1,
        }
    }

    /// Bytes in a row of `plane` that carry picture, and the number of rows.
    pub const fn plane_extent(self, plane: usize, size: Size) -> (usize, usize) {
        let half = size.halved();
        match (self, plane) {
            (Self::Rgbx, _) => (size.width as usize * 4, size.height as usize),
            (_, 0) => (size.width as usize, size.height as usize),
            (Self::I420, _) => (half.width as usize, half.height as usize),
            (Self::Nv12, _) => (half.width as usize * 2, half.height as usize),
        }
    }
}

/// The luma weights that relate Y'CbCr to R'G'B' (ITU-T H.273, `MatrixCoefficients`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// FCC 47 CFR 73.682: Kr 0.30, Kb 0.11.
    Fcc,
    /// BT.601: Kr 0.299, Kb 0.114.
    Bt601,
    /// BT.709: Kr 0.2126, Kb 0.0722.
    Bt709,
    /// SMPTE 240M: Kr 0.212, Kb 0.087.
    Smpte240m,
    /// BT.2020 non-constant luminance: Kr 0.2627, Kb 0.0593.
    Bt2020,
}

impl Matrix {
    /// Every matrix.
    pub const ALL: [Self; 5] = [Self::Fcc, Self::Bt601, Self::Bt709, Self::Smpte240m, Self::Bt2020];
}

/// Which codes the samples use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Y 16..=235, chroma 16..=240.
    Limited,
    /// 0..=255.
    Full,
}

/// Opto-electronic transfer function of SDR; carried along, never applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// BT.709, and BT.601 and BT.2020 which share its curve.
    Bt709,
    /// sRGB (IEC 61966-2-1).
    Srgb,
    /// SMPTE 240M.
    Smpte240m,
    /// Gamma 2.2 (BT.470 System M).
    Gamma22,
    /// Gamma 2.8 (BT.470BG).
    Gamma28,
}

/// Chromaticities of the primaries (H.273, table 2); carried along, applied only where HDR is tone-mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Primaries {
    /// BT.709 and sRGB.
    Bt709,
    /// BT.470 System M.
    Bt470m,
    /// BT.470BG (625 lines).
    Bt470bg,
    /// SMPTE 170M (525 lines).
    Smpte170m,
    /// SMPTE 240M: those of 170M by another name.
    Smpte240m,
    /// Generic film with illuminant C.
    Film,
    /// BT.2020.
    Bt2020,
    /// SMPTE ST 428: CIE XYZ.
    Smpte428,
    /// SMPTE RP 431: DCI-P3.
    DciP3,
    /// SMPTE EG 432: Display P3.
    DisplayP3,
    /// EBU Tech 3213.
    Ebu3213,
}

/// Where the chroma samples of a 4:2:0 picture sit relative to the luma samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChromaSite {
    /// On the even columns, between the rows: MPEG-2, H.264's default.
    Left,
    /// Between the columns and between the rows: JPEG, MPEG-1.
    Centre,
    /// On the even columns and the even rows: BT.2020's default.
    TopLeft,
}

/// What the numbers of a frame mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Luma weights.
    pub matrix: Matrix,
    /// Code range.
    pub range: Range,
    /// Transfer function.
    pub transfer: Transfer,
    /// Primaries.
    pub primaries: Primaries,
    /// Chroma siting; without meaning for RGB.
    pub chroma_site: ChromaSite,
}

impl Colour {
    /// The rule for video that says nothing of its colour, which is that of GStreamer and mpv: BT.709 where it is wider
    /// than 1279 columns or higher than 576 rows, else BT.601 with the primaries of its line count; limited range,
    /// left-sited chroma.
    pub const fn assumed_for(size: Size) -> Self {
        let (matrix, primaries) = match size {
            Size { width: 1280.., .. } | Size { height: 577.., .. } => (Matrix::Bt709, Primaries::Bt709),
            Size { height: 481.., .. } => (Matrix::Bt601, Primaries::Bt470bg),
            Size { .. } => (Matrix::Bt601, Primaries::Smpte170m),
        };
        Self { matrix, range: Range::Limited, transfer: Transfer::Bt709, primaries, chroma_site: ChromaSite::Left }
    }

    /// Full-range sRGB, as in still pictures.
    pub const SRGB: Self = Self {
        matrix: Matrix::Bt709,
        range: Range::Full,
        transfer: Transfer::Srgb,
        primaries: Primaries::Bt709,
        chroma_site: ChromaSite::Centre,
    };
}

/// Everything about a frame but its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameFormat {
    /// Size of the picture.
    pub size: Size,
    /// Layout of the samples.
    pub pixels: PixelFormat,
    /// Meaning of the samples.
    pub colour: Colour,
}

/// Where a plane lies in the bytes of its frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plane {
    /// First byte.
    pub offset_bytes: usize,
    /// Distance between the starts of two rows.
    pub stride_bytes: usize,
}

/// Where the planes of a packed frame of ours lie, and how many bytes it takes: rows without padding, plane after plane.
pub fn tight_planes(pixels: PixelFormat, size: Size) -> ([Plane; 3], usize) {
    planes_of_rows(pixels, size, 1)
}

/// Where the planes of a frame lie on a graphics card, and how many bytes it takes: as [`tight_planes`], but rows begin at
/// multiples of four bytes, since memory there is of words.
pub fn aligned_planes(pixels: PixelFormat, size: Size) -> ([Plane; 3], usize) {
    planes_of_rows(pixels, size, 4)
}

/// Plane after plane, row after row, each a multiple of `multiple` bytes long.
fn planes_of_rows(pixels: PixelFormat, size: Size, multiple: usize) -> ([Plane; 3], usize) {
    let mut planes = [Plane::default(); 3];
    let mut end = 0;
    for (index, plane) in planes.iter_mut().enumerate().take(pixels.planes()) {
        let (row_bytes, rows) = pixels.plane_extent(index, size);
        let stride_bytes = row_bytes.next_multiple_of(multiple);
        *plane = Plane { offset_bytes: end, stride_bytes };
        end += stride_bytes * rows;
    }
    (planes, end)
}

/// Why bytes make no frame: it would have no pixels, or the plane layout does not fit the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Width or height is zero.
    #[error("a frame of {size} has no pixels")]
    Empty {
        /// Size asked for.
        size: Size,
    },
    /// The stride is shorter than a row.
    #[error("plane {plane}: stride of {stride_bytes} bytes, but a row takes {row_bytes}")]
    Stride {
        /// Index of the plane.
        plane: usize,
        /// Stride given.
        stride_bytes: usize,
        /// Bytes of picture in a row.
        row_bytes: usize,
    },
    /// The plane ends behind the last byte.
    #[error("plane {plane} ends at byte {end}, but the frame has {len}")]
    TooShort {
        /// Index of the plane.
        plane: usize,
        /// First byte that is not needed any more.
        end: usize,
        /// Bytes given.
        len: usize,
    },
}

/// Whether `plane`, whose extent is that of [`PixelFormat::plane_extent`], lies within `len` bytes.
pub(crate) fn check_plane(index: usize, plane: Plane, extent: (usize, usize), len: usize) -> Result<(), FrameError> {
    let (row_bytes, rows) = extent;
    if plane.stride_bytes < row_bytes {
        return Err(FrameError::Stride { plane: index, stride_bytes: plane.stride_bytes, row_bytes });
    }
    let end = plane
        .stride_bytes
        .checked_mul(rows - 1)
        .and_then(|before| before.checked_add(row_bytes))
        .and_then(|extent| extent.checked_add(plane.offset_bytes))
        .unwrap_or(usize::MAX);
    if end > len {
        return Err(FrameError::TooShort { plane: index, end, len });
    }
    Ok(())
}

/// An immutable picture. Clones share the bytes. The planes are checked once, in [`Frame::new`], and trusted after.
#[derive(Clone)]
pub struct Frame {
    format: FrameFormat,
    planes: [Plane; 3],
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
}

impl Frame {
    /// A frame over `bytes`, whose planes lie as `planes` says (those that the format has; the others are ignored).
    ///
    /// # Errors
    /// When a side is zero, a plane does not fit the bytes, or its stride is shorter than its row.
    pub fn new(
        format: FrameFormat,
        planes: [Plane; 3],
        bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    ) -> Result<Self, FrameError> {
        let FrameFormat { size, pixels, .. } = format;
        if size.pixels() == 0 {
            return Err(FrameError::Empty { size });
        }
        let len = (*bytes).as_ref().len();
        for (index, plane) in planes.iter().enumerate().take(pixels.planes()) {
            check_plane(index, *plane, pixels.plane_extent(index, size), len)?;
        }
        Ok(Self { format, planes, bytes })
    }

    /// Size, layout and colour.
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// Size of the picture.
    pub fn size(&self) -> Size {
        self.format.size
    }

    /// Where the planes lie in [`Frame::bytes`].
    pub fn planes(&self) -> &[Plane] {
        &self.planes[..self.format.pixels.planes()]
    }

    /// All bytes of the frame, padding included.
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Row `y` of plane `plane`, without padding.
    ///
    /// # Panics
    /// When the format has no such plane or row.
    pub fn row(&self, plane: usize, y: usize) -> &[u8] {
        let (row_bytes, rows) = self.format.pixels.plane_extent(plane, self.format.size);
        assert!(y < rows, "row {y} of {rows}");
        let Plane { offset_bytes, stride_bytes } = self.planes()[plane];
        &self.bytes()[offset_bytes + y * stride_bytes..][..row_bytes]
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("format", &self.format).field("planes", &self.planes()).finish_non_exhaustive()
    }
}

/// A constant frame rate: so many frames in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameRate {
    /// Frames.
    pub frames: NonZeroU32,
    /// In so many seconds.
    pub seconds: NonZeroU32,
}

impl FrameRate {
    /// When frame `seq` begins, in nanoseconds, rounded down: errors do not add up.
    pub fn nanos_at(self, seq: u64) -> u64 {
        let nanos = u128::from(seq) * 1_000_000_000 * u128::from(self.seconds.get()) / u128::from(self.frames.get());
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// Position of a frame in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Count of frames from the source, from 0.
    pub seq: u64,
    /// Presentation time since the start of the stream.
    pub pts_nanos: Option<u64>,
    /// How long the frame is shown.
    pub duration_nanos: Option<u64>,
    /// This frame does not continue the one before it: whoever looks back forgets.
    pub discontinuity: bool,
    /// This frame goes nowhere: it is there already, and painted for the sake of those that follow, or it is more than were asked for.
    pub rehearsed: bool,
    /// The network gave what is no number, and the original stands in for the painting.
    pub substituted: bool,
    /// When a live source took it; none for what was recorded.
    pub captured: Option<Instant>,
}

/// A painting, and what it was painted from.
#[derive(Clone, Debug)]
pub struct Painted {
    /// As it came from the source.
    pub original: Frame,
    /// As it goes to the sink, but for the stabiliser.
    pub frame: Frame,
}

/// Something that belongs to a moment of the stream.
#[derive(Clone, Copy, Debug)]
pub struct Timed<T> {
    /// The moment.
    pub stamp: Stamp,
    /// The thing.
    pub item: T,
}

impl<T> Timed<T> {
    /// Another thing of the same moment.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Timed<U> {
        Timed { stamp: self.stamp, item: f(self.item) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn i420(width: u32, height: u32) -> FrameFormat {
        let size = Size::new(width, height);
        FrameFormat { size, pixels: PixelFormat::I420, colour: Colour::assumed_for(size) }
    }

    #[test]
    fn tight_planes_of_an_odd_size_round_chroma_up() {
        let (planes, len) = tight_planes(PixelFormat::I420, Size::new(5, 3));
        assert_eq!(len, 15 + 6 + 6);
        assert_eq!(planes[2], Plane { offset_bytes: 21, stride_bytes: 3 });
    }

    #[test]
    fn planes_that_do_not_fit_are_refused() {
        let (planes, len) = tight_planes(PixelFormat::I420, Size::new(4, 4));
        assert!(Frame::new(i420(4, 4), planes, Arc::new(vec![0u8; len])).is_ok());
        let short = Frame::new(i420(4, 4), planes, Arc::new(vec![0u8; len - 1]));
        assert_eq!(short.unwrap_err(), FrameError::TooShort { plane: 2, end: len, len: len - 1 });
        let mut narrow = planes;
        narrow[0].stride_bytes = 3;
        assert!(matches!(
            Frame::new(i420(4, 4), narrow, Arc::new(vec![0u8; len])),
            Err(FrameError::Stride { plane: 0, .. })
        ));
        let mut far = planes;
        far[1].offset_bytes = usize::MAX;
        assert!(matches!(Frame::new(i420(4, 4), far, Arc::new(vec![0u8; len])), Err(FrameError::TooShort { .. })));
        assert!(matches!(Frame::new(i420(0, 4), planes, Arc::new(vec![0u8; len])), Err(FrameError::Empty { .. })));
    }

    #[test]
    fn a_row_leaves_the_padding_out() {
        let planes = [
            Plane { offset_bytes: 2, stride_bytes: 8 },
            Plane { offset_bytes: 18, stride_bytes: 2 },
            Plane { offset_bytes: 19, stride_bytes: 2 },
        ];
        let frame = Frame::new(i420(2, 2), planes, Arc::new((0..32u8).collect::<Vec<_>>())).unwrap();
        assert_eq!(frame.row(0, 1), [10, 11]);
        assert_eq!(frame.row(2, 0), [19]);
    }
}
