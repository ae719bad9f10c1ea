//! `stylize-video IN OUT`.

use std::process::ExitCode;

use stylize::cli::{VideoArgs, main as run};

fn main() -> ExitCode {
    run::<VideoArgs>()
}
