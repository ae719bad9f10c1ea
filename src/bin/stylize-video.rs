//! `stylize-video IN OUT`.

fn main() {}
