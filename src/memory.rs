//! How much memory a run takes, known before anything large is allocated; and what to do where the machine has less.
//!
//! The estimate adds up what the parts hold at their peak, in bytes a pixel. Each figure was measured as the peak of whole
//! runs at 640x360, 1280x720 and 1920x1080 (`--report`'s `peak_rss_mb`), and `tests/memory.rs` holds the sum to them.

use std::path::Path;

use crate::error::{ModelError, Result, SourceError, Sum};
use crate::frame::{FrameFormat, PixelFormat, Size};
use crate::gpu::staging::SETS;
use crate::options::{Codec, Provider};
use crate::tensor::DType;

mod ceiling;
mod heap;
mod room;

pub use ceiling::{Ceiling, check_resident, limit_bytes};
pub use heap::return_large_blocks;
pub use room::room_bytes;

/// Programs and libraries, before there is a picture.
const PROGRAM_BYTES: u64 = 85 << 20;
/// A session, whatever the size of its pictures.
const SESSION_BYTES: u64 = 12 << 20;
/// A planar picture of three f32.
const PLANAR_BYTES: u64 = 12;
/// Decoded pictures that a codec refers to, and those on their way.
const DECODER_BYTES: u64 = 16;
/// A picture for each thread of the decoder.
const DECODER_BYTES_PER_CORE: u64 = 2;
/// What resizing holds between its two directions, and the planes of luma that guide it.
const GUIDE_BYTES: u64 = 40;

/// What a network takes.
#[derive(Clone, Copy, Debug)]
pub struct NetworkBytes {
    /// A picture before or behind it, in bytes a pixel.
    pub tensor: u64,
    /// What a session holds between the layers, in bytes a pixel.
    pub activations: u64,
    /// Libraries of who runs it, beside ONNX Runtime.
    pub libraries: u64,
    /// Whether a card runs it: one session does for all, and what it holds lies there.
    pub is_on_card: bool,
}

impl NetworkBytes {
    /// For networks of the size of the live tier's, that take pictures of `dtype`. Networks of other people may hold twenty
    /// times as much (Johnson's, at full width); what they take shows only when they run.
    pub fn of(dtype: DType, is_quantised: bool, provider: Provider) -> Self {
        let value = match dtype {
            DType::U8 => 1,
            DType::F16 => 2,
            DType::F32 => 4,
        };
        let (activations, libraries) = match provider {
            Provider::OpenVino => (30, 65 << 20),
            _ if is_quantised => (15, 0),
            _ => (45, 0),
        };
        Self { tensor: 3 * value, activations, libraries, is_on_card: false }
    }

    /// The same in the fine tier, whose layers have twice the channels.
    #[must_use]
    pub const fn fine(self) -> Self {
        Self { activations: 2 * self.activations, ..self }
    }

    /// The same on a card.
    #[must_use]
    pub const fn on_card(self) -> Self {
        Self { is_on_card: true, ..self }
    }

    /// What one frame at work takes, in bytes a pixel: activations, and the tensors before and behind them.
    pub const fn at_work(self) -> u64 {
        self.activations + 2 * self.tensor
    }

    /// What of that lies in the memory of the machine.
    pub const fn on_host(self) -> u64 {
        self.at_work() - if self.is_on_card { self.activations } else { 0 }
    }
}

/// All that decides how much memory a run takes.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// The network.
    pub network: NetworkBytes,
    /// Size of the decoded picture.
    pub source: Size,
    /// Size that the network works at.
    pub net: Size,
    /// Whether it takes no other size.
    pub is_fixed: bool,
    /// Format of the frames that come out.
    pub out: FrameFormat,
    /// Codec of the output; `None`: there is no video file.
    pub codec: Option<Codec>,
    /// Whether a card converts.
    pub converts_on_card: bool,
    /// Frames that the network works on at once.
    pub workers: usize,
    /// CPU cores, which decoders and encoders have a thread for each.
    pub cores: usize,
}

/// What each part takes at its peak, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The program and its libraries.
    pub program_bytes: u64,
    /// Decoded pictures.
    pub decoder_bytes: u64,
    /// Networks, and the tensors before and after them.
    pub network_bytes: u64,
    /// Pictures between the network and the encoder, at the size of the output.
    pub compose_bytes: u64,
    /// What goes up to a card that converts, and comes down from it.
    pub staging_bytes: u64,
    /// Pictures in the encoder.
    pub encoder_bytes: u64,
}

impl Estimate {
    /// For a run that needs this.
    pub fn of(needs: &Needs) -> Self {
        let Needs { network, source, net, is_fixed: _, out, codec, converts_on_card, workers, cores } = *needs;
        let (source_px, net_px, out_px) = (pixels(source), pixels(net), pixels(out.size));
        let (workers, cores, sets) = (workers as u64, cores as u64, SETS as u64);
        let (sessions, activations) =
            if network.is_on_card { (1, 0) } else { (workers, network.activations * workers) };
        // One before and one behind the network; while a card has a frame, that has one of both. And at each turnstile all but one may have
        // overtaken a slower one.
        let tensors = if converts_on_card { 2 * sessions + sets + (sets - 1) + (sessions - 1) } else { 2 * workers };
        let mut network_bytes = net_px.saturating_mul(activations + network.tensor * tensors);
        network_bytes = network_bytes.saturating_add(SESSION_BYTES * sessions);
        let frame_bytes = if out.pixels == PixelFormat::Rgbx { 4 } else { 2 };
        let mut compose_bytes = out_px.saturating_mul(3 * frame_bytes);
        if !converts_on_card {
            // Of as many workers all but one may have overtaken a slower one: what they painted waits, with its original.
            let waiting = out_px.saturating_add(source_px).saturating_mul(frame_bytes);
            compose_bytes = compose_bytes.saturating_add(waiting.saturating_mul(workers - 1));
        }
        let mut staging_bytes = 0;
        if converts_on_card {
            // A frame and a tensor go up, one of both comes down; what is resized stays there.
            let [frame, tensor] = [source_px.saturating_mul(frame_bytes), net_px.saturating_mul(network.tensor)];
            let down = tensor.max(out_px.saturating_mul(frame_bytes));
            staging_bytes = frame.saturating_add(tensor).saturating_add(down).saturating_mul(sets);
        }
        if source != net && !converts_on_card {
            network_bytes = network_bytes.saturating_add(source_px.saturating_mul(2 * PLANAR_BYTES * workers));
        }
        if net != out.size && !converts_on_card {
            let guide = source_px.saturating_mul((PLANAR_BYTES + GUIDE_BYTES / 2) * workers);
            let guided = out_px.saturating_mul((2 * PLANAR_BYTES + GUIDE_BYTES / 2) * workers);
            compose_bytes = compose_bytes.saturating_add(guide).saturating_add(guided);
        }
        Self {
            program_bytes: PROGRAM_BYTES + network.libraries,
            decoder_bytes: decoder_bytes(source, cores),
            network_bytes,
            compose_bytes,
            staging_bytes,
            encoder_bytes: codec.map_or(0, |codec| out_px.saturating_mul(encoder_bytes_per_pixel(codec, out, cores))),
        }
    }

    /// All of it.
    pub fn total_bytes(&self) -> u64 {
        let Self { program_bytes, decoder_bytes, network_bytes, compose_bytes, staging_bytes, encoder_bytes } = *self;
        [decoder_bytes, network_bytes, compose_bytes, staging_bytes, encoder_bytes]
            .into_iter()
            .fold(program_bytes, u64::saturating_add)
    }
}

fn pixels(size: Size) -> u64 {
    u64::from(size.width) * u64::from(size.height)
}

fn decoder_bytes(source: Size, cores: u64) -> u64 {
    pixels(source).saturating_mul(DECODER_BYTES + DECODER_BYTES_PER_CORE * cores)
}

/// Frames that an encoder looks ahead at or refers to, with what it notes of them.
fn encoder_bytes_per_pixel(codec: Codec, out: FrameFormat, cores: u64) -> u64 {
    match codec {
        Codec::H264 => 14 + 10 * cores.div_ceil(2),
        Codec::Hevc | Codec::Vp9 => 130,
        Codec::Av1 => 60,
        Codec::Ffv1 if out.pixels == PixelFormat::Rgbx => 190,
        Codec::Ffv1 => 70,
    }
}

/// How many frames the network may work on at once, at most `needs.workers`, so that the run stays below `limit_bytes`
/// (`None`: nobody knows of a limit).
///
/// # Errors
/// When not even one fits. The text says what it would take and what to do: a [`ModelError`] with the options that make it
/// fit, or where none do, since the pictures of `path` alone are too large, a [`SourceError`].
pub fn fit(path: &Path, needs: &Needs, limit_bytes: Option<u64>) -> Result<usize> {
    let Some(limit_bytes) = limit_bytes else { return Ok(needs.workers) };
    let total = |needs: &Needs| Estimate::of(needs).total_bytes();
    let fitting = (1..=needs.workers).rev().find(|&workers| total(&Needs { workers, ..*needs }) <= limit_bytes);
    if let Some(workers) = fitting {
        return Ok(workers);
    }
    let alone = Needs { workers: 1, ..*needs };
    let sum = |bytes| Sum { bytes, limit_bytes };
    if let Some(remedy) = remedy(&alone, limit_bytes) {
        return Err(ModelError::Memory { net: needs.net, out: needs.out.size, sum: sum(total(&alone)), remedy }.into());
    }
    let least = total(&smaller(&alone, HEIGHTS[HEIGHTS.len() - 1]));
    Err(SourceError::Memory { path: path.into(), size: needs.source, sum: sum(least) }.into())
}

/// Usual heights of pictures.
const HEIGHTS: [u32; 7] = [2160, 1440, 1080, 720, 540, 360, 240];

/// The options that make a run fit which change the least: a smaller network if it takes one, or else that and a smaller output. (An
/// output that is larger than the network costs more than a network of its size: it is guided by the original.)
fn remedy(needs: &Needs, limit_bytes: u64) -> Option<String> {
    let fits = |needs: &Needs| Estimate::of(needs).total_bytes() <= limit_bytes;
    let below = |size: Size| HEIGHTS.into_iter().filter(move |&height| height < size.height);
    let out = || below(needs.out.size).find(|&height| fits(&smaller(needs, height)));
    if needs.is_fixed {
        return out().map(|height| format!("--size {height}p"));
    }
    let net = below(needs.net).find(|&height| fits(&Needs { net: scaled(needs.net, height), ..*needs }));
    let net = net.map(|height| format!("--net-size {height}p"));
    net.or_else(|| out().map(|height| format!("--size {height}p --net-size {height}p")))
}

/// The same with an output of this height, and a network that follows if it can.
fn smaller(needs: &Needs, height: u32) -> Needs {
    let size = scaled(needs.out.size, height);
    let net = if needs.is_fixed { needs.net } else { size };
    Needs { net, out: FrameFormat { size, ..needs.out }, ..*needs }
}

fn scaled(size: Size, height: u32) -> Size {
    let width = u64::from(size.width) * u64::from(height) / u64::from(size.height.max(1));
    Size::new(u32::try_from(width).unwrap_or(u32::MAX), height)
}

/// Whether a picture of this size can be decoded at all within `limit_bytes`.
///
/// # Errors
/// When not.
pub(crate) fn check_decoding(path: &Path, size: Size, limit_bytes: Option<u64>) -> Result<(), SourceError> {
    let bytes = decoder_bytes(size, 1).saturating_add(PROGRAM_BYTES);
    match limit_bytes {
        Some(limit_bytes) if bytes > limit_bytes => {
            Err(SourceError::Memory { path: path.into(), size, sum: Sum { bytes, limit_bytes } })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Colour;

    fn needs(source: Size, net: Size, workers: usize) -> Needs {
        let out = FrameFormat { size: source, pixels: PixelFormat::I420, colour: Colour::assumed_for(source) };
        let network = NetworkBytes::of(DType::F32, false, Provider::Cpu);
        let codec = Some(Codec::H264);
        Needs { network, source, net, is_fixed: false, out, codec, converts_on_card: false, workers, cores: 2 }
    }

    fn refused(needs: &Needs, limit_bytes: u64) -> (u8, String) {
        let error = fit(Path::new("in.mp4"), needs, Some(limit_bytes)).unwrap_err();
        (error.exit_code(), error.to_string())
    }

    const EIGHT_K: Size = Size::new(7680, 4320);

    #[test]
    fn fewer_frames_at_once_are_tried_before_anything_is_refused() {
        let size = Size::new(1280, 720);
        let two = needs(size, size, 2);
        let limit = Estimate::of(&two).total_bytes();
        let fitting = |limit| fit(Path::new("in.mp4"), &two, limit).ok();
        assert_eq!((fitting(None), fitting(Some(limit)), fitting(Some(limit - 1))), (Some(2), Some(2), Some(1)));
        assert_eq!(fitting(Some(100 << 20)), None);
    }

    #[test]
    fn row_14_what_does_not_fit_is_refused_with_the_sum_and_a_way_out() {
        let (code, text) = refused(&needs(EIGHT_K, EIGHT_K, 1), 3_000_000_000);
        assert_eq!(code, 5);
        assert_eq!(
            text,
            "painting 7680x4320 with a network at 7680x4320 takes about 4.0 GB of memory, and 3.0 GB can be had; use \
             --size 2160p --net-size 2160p"
        );
        let (code, text) = refused(&needs(EIGHT_K, EIGHT_K, 1), 1_000_000_000);
        assert_eq!(code, 3);
        assert!(text.starts_with("\"in.mp4\" is 7680x4320, which takes about 1.6 GB of memory"), "{text}");
        let full_hd = Size::new(1920, 1080);
        let mut grown = needs(full_hd, EIGHT_K, 1);
        grown.codec = None;
        let (code, text) = refused(&grown, 700_000_000);
        assert!(code == 5 && text.ends_with("use --net-size 1440p"), "{text}");
        // Nothing is recommended that a network of one size would not heed.
        let (code, text) = refused(&Needs { is_fixed: true, ..grown }, 700_000_000);
        assert!(code == 3 && !text.contains("--net-size"), "{text}");
        let fixed = Needs { is_fixed: true, ..needs(EIGHT_K, full_hd, 1) };
        let (code, text) = refused(&fixed, 2_500_000_000);
        assert!(code == 5 && text.contains("use --size ") && !text.contains("--net-size"), "{text}");
        let huge = Size::new(u32::MAX, u32::MAX);
        assert_eq!(refused(&needs(huge, huge, 64), 1 << 40).0, 3);
    }

    #[test]
    fn a_card_has_one_session_in_its_own_memory_and_takes_buffers_where_it_converts() {
        let (size, small) = (Size::new(1920, 1080), Size::new(640, 360));
        let on_card = |net, workers, converts_on_card| {
            let needs = needs(size, net, workers);
            Estimate::of(&Needs { network: needs.network.on_card(), converts_on_card, ..needs })
        };
        let [one, four] = [1, 4].map(|workers| on_card(size, workers, false));
        // Two tensors of three f32 for each worker more, and nothing else.
        assert_eq!(four.network_bytes - one.network_bytes, 3 * 24 * pixels(size));
        assert_eq!(one.network_bytes, 24 * pixels(size) + SESSION_BYTES);
        let converts = on_card(size, 4, true);
        assert_eq!((one.staging_bytes, converts.staging_bytes), (0, SETS as u64 * (2 + 12 + 12) * pixels(size)));
        assert_eq!(converts, on_card(size, 1, true));
        assert!(on_card(small, 4, true).compose_bytes < on_card(small, 4, false).compose_bytes, "it resizes there");
    }

    #[test]
    fn every_part_grows_with_its_own_size() {
        let (small, large) = (Size::new(640, 360), Size::new(1920, 1080));
        let (a, b) = (Estimate::of(&needs(small, small, 1)), Estimate::of(&needs(large, large, 1)));
        for (a, b) in [
            (a.decoder_bytes, b.decoder_bytes),
            (a.network_bytes, b.network_bytes),
            (a.compose_bytes, b.compose_bytes),
            (a.encoder_bytes, b.encoder_bytes),
        ] {
            assert!(b > 4 * a, "{a} {b}");
        }
        let none = Estimate::of(&Needs { codec: None, ..needs(small, small, 1) });
        assert_eq!((none.encoder_bytes, none.decoder_bytes), (0, a.decoder_bytes));
    }
}
