//! What can go wrong, row by row of `docs/FAULTS.md`. A test of a row carries its number in its name, here or where its
//! subject is; the last test counts them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

#[path = "faults/colours.rs"]
mod colours;
#[path = "faults/gpu.rs"]
mod gpu;
#[path = "faults/inputs.rs"]
mod inputs;
#[path = "faults/machine.rs"]
mod machine;
#[path = "faults/outputs.rs"]
mod outputs;
#[path = "faults/rows.rs"]
mod rows;
