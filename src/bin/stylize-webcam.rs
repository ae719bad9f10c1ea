//! `stylize-webcam`: the live filter.

use std::process::ExitCode;

use stylize::cli::{WebcamArgs, main as run};

fn main() -> ExitCode {
    run::<WebcamArgs>()
}
