//! How values are weighted where a row of them is brought to another length; as tables, too, for kernels that cannot ask the
//! [resizer](crate::convert::resize).

use std::collections::HashMap;
use std::f64::consts::PI;

/// How samples are weighted. Where a picture shrinks, the support grows with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Sharp; overshoots a little at edges.
    Lanczos3,
    /// Stays within the values given.
    Bilinear,
}

/// For each place of the result, the first value that it takes, then the weights of that and of those behind it. A weight that would
/// lie behind the last value is 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// Weights of each place.
    pub count: usize,
    /// `1 + count` words for each place: an index, and bits of f32.
    pub words: Vec<u32>,
}

impl Taps {
    /// From `from` values to `to`.
    pub fn new(from: u32, to: u32, filter: Filter) -> Self {
        let step = f64::from(from) / f64::from(to);
        // Where a picture shrinks, the support grows with it.
        let stretch = step.max(1.0);
        let (kernel, support): (fn(f64) -> f64, f64) = match filter {
            Filter::Lanczos3 => (lanczos3, 3.0),
            Filter::Bilinear => (triangle, 1.0),
        };
        let radius = support * stretch;
        let count = 2 * radius.ceil() as usize + 1;
        let mut words = Vec::with_capacity(to as usize * (1 + count));
        for place in 0..to {
            let centre = (f64::from(place) + 0.5) * step;
            let first = (centre - radius).floor().max(0.0) as u32;
            let end = ((centre + radius).ceil() as u32).min(from);
            let weights: Vec<f64> = (first..end).map(|at| kernel((f64::from(at) + 0.5 - centre) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            words.push(first);
            words.extend(weights.iter().map(|weight| ((weight / sum) as f32).to_bits()));
            words.resize((place as usize + 1) * (1 + count), 0);
        }
        Self { count, words }
    }
}

fn lanczos3(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Keeps the tables that were asked for, one behind the other.
#[derive(Debug, Default)]
pub struct TapsKept {
    words: Vec<u32>,
    places: HashMap<(u32, u32, Filter), TapsPlace>,
}

/// Where a table stands.
#[derive(Clone, Copy, Debug)]
pub struct TapsPlace {
    /// Its first word.
    pub first: u32,
    /// See [`Taps::count`].
    pub count: u32,
}

impl TapsKept {
    /// Where what [`Taps::new`] gives stands in [`Self::words`].
    pub fn get(&mut self, from: u32, to: u32, filter: Filter) -> TapsPlace {
        let Self { words, places } = self;
        *places.entry((from, to, filter)).or_insert_with(|| {
            let taps = Taps::new(from, to, filter);
            let place = TapsPlace { first: words.len() as u32, count: taps.count as u32 };
            words.extend(taps.words);
            place
        })
    }

    /// All of them; more come behind these.
    pub fn words(&self) -> &[u32] {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::resize::Resizer;
    use crate::frame::Size;

    #[test]
    fn the_weights_are_those_of_the_resizer() {
        for filter in [Filter::Lanczos3, Filter::Bilinear] {
            for (from, to) in [(1, 1), (1, 7), (7, 1), (20, 50), (50, 20), (33, 34), (160, 480), (481, 160)] {
                let row: Vec<f32> = (0..from).map(|i| ((i * i * 37 + 11 * i) % 97) as f32 / 96.0).collect();
                let mut wanted = vec![0.0; to as usize];
                let sizes = [from, to].map(|width| Size::new(width, 1));
                if from == to {
                    wanted.copy_from_slice(&row);
                } else {
                    Resizer::new().resize_plane(&row, sizes[0], &mut wanted, sizes[1], filter).unwrap();
                }
                let taps = Taps::new(from, to, filter);
                assert_eq!(taps.words.len(), to as usize * (1 + taps.count));
                for (entry, wanted) in taps.words.chunks(1 + taps.count).zip(wanted) {
                    let weights = entry[1..].iter().map(|bits| f32::from_bits(*bits));
                    let taken = (entry[0]..).map(|at| row[at.min(from - 1) as usize]);
                    let got: f32 = weights.zip(taken).map(|(weight, value)| weight * value).sum();
                    assert!((got - wanted).abs() < 1e-6, "{filter:?} {from} to {to}: {got} is not {wanted}");
                }
            }
        }
    }
}
