//! `stylize`: styles, models, and what the machine has.

fn main() {}
