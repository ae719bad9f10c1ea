//! The styled picture meets the original: size, strength, colour.

mod cpu;
mod guide;
