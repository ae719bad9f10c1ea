//! `stylize`: styles, models, and what the machine has.

use std::process::ExitCode;

use stylize::cli::{ToolArgs, main as run};

fn main() -> ExitCode {
    run::<ToolArgs>()
}
