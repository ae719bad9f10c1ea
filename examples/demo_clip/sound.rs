//! The sound of the clip: a harp over slow chords, and the wind.

use std::f32::consts::TAU;

/// Samples a second.
pub(crate) const RATE: u32 = 48_000;

/// Steps of the harp: semitones above A3, none for a rest. Two steps a second.
const MELODY: [Option<i32>; 16] = [
    Some(17),
    Some(12),
    Some(14),
    Some(9),
    Some(14),
    None,
    Some(10),
    Some(5),
    Some(7),
    Some(14),
    Some(17),
    Some(19),
    Some(16),
    Some(12),
    Some(7),
    None,
];
/// Four chords of two seconds each: semitones above A2.
const CHORDS: [[i32; 3]; 4] = [[5, 9, 12], [2, 5, 9], [10, 14, 17], [0, 7, 16]];
const STEP_SAMPLES: u64 = RATE as u64 / 2;
const CHORD_SAMPLES: u64 = RATE as u64 * 2;
const ECHO_SAMPLES: usize = RATE as usize * 3 / 8;

/// Renders stereo sound, sample after sample.
pub(crate) struct Sound {
    position: u64,
    end: u64,
    wind: Wind,
    /// What sounded `ECHO_SAMPLES` ago, left and right.
    echo: Vec<[f32; 2]>,
}

impl Sound {
    /// `length` samples of it.
    pub(crate) fn new(length: u64) -> Self {
        Self { position: 0, end: length, wind: Wind::default(), echo: vec![[0.0; 2]; ECHO_SAMPLES] }
    }

    /// Samples rendered so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Renders one sample, left and right; none at the end.
    pub(crate) fn next_sample(&mut self) -> Option<[f32; 2]> {
        if self.position == self.end {
            return None;
        }
        let harp = harp(self.position);
        let chord = chord(self.position);
        let wind = self.wind.next(self.position);
        let slot = (self.position % ECHO_SAMPLES as u64) as usize;
        let [echo_left, echo_right] = self.echo[slot];
        // The echo changes sides each time it comes back.
        let dry = [harp * 0.62 + chord, harp * 0.38 + chord];
        self.echo[slot] = [dry[0] * 0.30 + echo_right * 0.42, dry[1] * 0.30 + echo_left * 0.42];
        let fade = edge(self.position, self.end);
        self.position += 1;
        Some([(dry[0] + echo_left + wind[0]) * fade, (dry[1] + echo_right + wind[1]) * fade])
    }
}

fn seconds(samples: u64) -> f32 {
    samples as f32 / RATE as f32
}

fn pitch(base_hertz: f32, semitones: i32) -> f32 {
    base_hertz * (semitones as f32 / 12.0).exp2()
}

/// Rises over the first and falls over the last half second.
fn edge(position: u64, end: u64) -> f32 {
    (seconds(position) * 2.0).min(seconds(end - position) * 2.0).min(1.0)
}

/// The notes that still ring: a pluck is a few partials, the higher the sooner gone.
fn harp(position: u64) -> f32 {
    const RINGING_STEPS: u64 = 5;
    let step = position / STEP_SAMPLES;
    (step.saturating_sub(RINGING_STEPS - 1)..=step)
        .filter_map(|step| Some((step, MELODY[(step % MELODY.len() as u64) as usize]?)))
        .map(|(step, note)| {
            let age = seconds(position - step * STEP_SAMPLES);
            let turns = pitch(220.0, note) * age * TAU;
            let partials = (1..=4).map(|n| n as f32);
            let tone: f32 = partials.map(|n| (turns * n).sin() / (n * n) * (-age * 2.2 * n.sqrt()).exp()).sum();
            tone * (age * 400.0).min(1.0) * 0.20
        })
        .sum()
}

/// The chord under the melody, swelling and fading within its two seconds.
fn chord(position: u64) -> f32 {
    let notes = CHORDS[(position / CHORD_SAMPLES % CHORDS.len() as u64) as usize];
    let age = seconds(position % CHORD_SAMPLES);
    let swell = (age * std::f32::consts::FRAC_PI_2).sin().powi(2);
    notes.iter().map(|&note| (pitch(110.0, note) * age * TAU).sin()).sum::<f32>() * swell * 0.045
}

/// Noise through two low-pass filters whose corner moves with the gusts; a side each.
#[derive(Default)]
struct Wind {
    state: u64,
    filters: [[f32; 2]; 2],
}

impl Wind {
    fn next(&mut self, position: u64) -> [f32; 2] {
        let time = seconds(position);
        let gust = 0.55 + 0.28 * (time * 0.9).sin() + 0.17 * (time * 2.3 + 1.0).sin();
        let corner = 0.012 + 0.030 * gust;
        let noise = [self.noise(), self.noise()];
        for (filter, noise) in self.filters.iter_mut().zip(noise) {
            filter[0] += (noise - filter[0]) * corner;
            filter[1] += (filter[0] - filter[1]) * corner;
        }
        self.filters.map(|filter| filter[1] * gust * 0.9)
    }

    /// White noise in -1..1 (Knuth's generator).
    fn noise(&mut self) -> f32 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}
