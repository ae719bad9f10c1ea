//! Stylizes a clip: `cargo run --release --example clip -- in.mp4 out.mp4 [style]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks")]

use std::env;
use std::io::Write;
use std::process::ExitCode;

use stylize::job::{self, Job, StyleChoice};
use stylize::options::{Input, Output};
use stylize::report::Meter;
use stylize::{Observer, Plan, Stop};

/// Tells what is done, and how far it has come.
struct Teller;

impl Observer for Teller {
    fn started(&mut self, plan: &Plan) {
        println!("{} at {} on {}", plan.style, plan.net_size, plan.provider);
    }

    fn tick(&mut self, meter: &Meter) {
        print!("\r{} frames", meter.frames_out());
        let _ = std::io::stdout().flush();
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [input, output, style @ ..] = &words[..] else {
        eprintln!("give IN and OUT, and a style if you like");
        return ExitCode::from(2);
    };
    let mut job = Job::new(Input::File(input.into()), Output::File(output.into()));
    job.engine.style = StyleChoice::Zoo(style.first().cloned());
    // `Stop` ends it early from another thread; `()` instead of `Teller` watches nothing.
    match job::run(&job, &Stop::new(), &Meter::new(), &mut Teller) {
        Ok(report) => {
            println!("\r{} frames, {:.1} a second", report.frames_out, report.fps);
            report.warnings.iter().for_each(|warning| println!("{warning}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}
