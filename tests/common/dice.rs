//! Numbers that look random and are the same in every run.
#![allow(dead_code, reason = "every test binary uses its part of this")]

/// What is in it is the seed.
pub struct Dice(pub u64);

impl Dice {
    /// At most 31 bits.
    pub fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    pub fn byte(&mut self) -> u8 {
        self.throw(256) as u8
    }

    /// Below 1.
    pub fn unit(&mut self) -> f64 {
        self.throw(1 << 31) as f64 / f64::from(1u32 << 31)
    }
}
