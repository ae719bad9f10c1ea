//! How time and pixels of a video go.

use std::num::NonZeroU32;

use crate::frame::{FrameRate, Size};
use crate::options::SizeChoice;

/// What a container says of a video beside its format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Nominal frame rate. Never used for time stamps.
    pub(crate) rate: Option<gst::Fraction>,
    /// Shape of a pixel.
    pub(crate) aspect: gst::Fraction,
    /// Length of the part that is read.
    pub(crate) duration_nanos: Option<u64>,
}

impl Timing {
    /// Of frames at a constant rate, without an end that is known.
    pub(crate) fn constant(rate: FrameRate) -> Self {
        let side = |n: NonZeroU32| i32::try_from(n.get()).unwrap_or(i32::MAX);
        let rate = Some(gst::Fraction::new(side(rate.frames), side(rate.seconds)));
        Self { rate, aspect: gst::Fraction::new(1, 1), duration_nanos: None }
    }

    /// Nominal frames a second.
    pub(crate) fn frames_per_second(&self) -> Option<f64> {
        self.rate.map(|rate| f64::from(rate.numer()) / f64::from(rate.denom()))
    }

    /// For a video that was scaled from `size`. A height alone keeps the shape of the pixels, as it keeps the aspect;
    /// somebody who gives both sides means square pixels.
    pub(crate) fn resized(self, size: Size, choice: SizeChoice) -> Self {
        match choice {
            SizeChoice::Exact(exact) if exact != size => Self { aspect: gst::Fraction::new(1, 1), ..self },
            _ => self,
        }
    }
}
