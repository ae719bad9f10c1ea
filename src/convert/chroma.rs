//! Chroma of 4:2:0 pictures: up by linear interpolation at its siting, down by the matching triangle. The weights, for the
//! kernels of whatever device.
//!
//! ```text
//! luma columns       0     1     2     3              up                          down
//! co-sited           C0          C1           even: C; odd: (C C')/2          (1 2 1)/4
//! between               C0          C1        (1 3)/4 and (3 1)/4             (1 3 3 1)/8
//! ```
//! Both axes alike, each by its own siting; edges are repeated.

use crate::frame::ChromaSite;

/// Position of chroma samples along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// On the even luma samples.
    CoSited,
    /// Midway between an even luma sample and the next.
    Between,
}

/// Along the rows and along the columns.
fn phases(site: ChromaSite) -> [Phase; 2] {
    match site {
        ChromaSite::Left => [Phase::CoSited, Phase::Between],
        ChromaSite::Centre => [Phase::Between, Phase::Between],
        ChromaSite::TopLeft => [Phase::CoSited, Phase::CoSited],
    }
}

/// Weights to come up by two, along the rows and along the columns: for an even sample those of chroma `i − 1` and `i`,
/// then for an odd one those of `i` and `i + 1`.
pub fn up_weights(site: ChromaSite) -> [[f32; 4]; 2] {
    phases(site).map(|phase| match phase {
        Phase::CoSited => [0.0, 1.0, 0.5, 0.5],
        Phase::Between => [0.25, 0.75, 0.75, 0.25],
    })
}

/// Weights to go down by two, along the rows and along the columns: chroma `i` is made of samples `2i − 1` to `2i + 2`.
pub fn down_weights(site: ChromaSite) -> [[f32; 4]; 2] {
    phases(site).map(|phase| match phase {
        Phase::CoSited => [0.25, 0.5, 0.25, 0.0],
        Phase::Between => [0.125, 0.375, 0.375, 0.125],
    })
}
