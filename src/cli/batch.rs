//! Several inputs, one after the other, into a folder. One that fails does not stop the others.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::conduct::{Conductor, Done};
use super::program::fail;
use super::report_file::{ReportFile, unwritable};
use super::signals::Signal;
use crate::error::{Error, Result, SinkError};
use crate::flow::Stop;
use crate::job::{Job, Observer};
use crate::progress::{Event, Voice};
use crate::report::{Meter, Report};

/// What became of one input.
struct Outcome {
    input: String,
    output: String,
    /// None: it was not started.
    ended: Option<Result<Done>>,
}

/// What `--report` says of one input: the keys of a run's own report where there was an output, and these.
#[derive(Serialize)]
struct Entry<'a> {
    input: &'a str,
    output: &'a str,
    /// Null where a signal came before it was begun.
    exit_code: Option<u8>,
    error: Option<String>,
    #[serde(flatten)]
    report: Option<&'a Report>,
}

/// Does all `jobs` by `work`, writes the report, and returns the exit code of the run.
///
/// The code is 0 where every file has 0. A signal that ended the run gives its own; else the first file that failed gives
/// its; else it is 7, as of a file that came out with losses.
///
/// # Errors
/// When the report cannot be written.
pub fn run<W>(
    jobs: &[Job],
    conductor: &Conductor<'_>,
    voice: &Voice,
    report: Option<ReportFile>,
    mut work: W,
) -> Result<u8>
where
    W: FnMut(&Job, &Stop, &Meter, &mut dyn Observer) -> Result<Report>,
{
    let mut outcomes = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        let (number, count) = (index + 1, jobs.len());
        let name = |path: &Path| path.display().to_string();
        let (input, output) = (name(job.input.path()), job.output.path().map(name).unwrap_or_default());
        let ended = conductor.stopped_by().is_none().then(|| {
            let voice = voice.of_file(number);
            voice.note(format_args!("[{number}/{count}] {input}"));
            voice.event(&Event::File { number, count, input: input.clone(), output: output.clone() });
            let ended = conductor.perform(
                job.output.path().into(),
                &voice,
                &format!("[{number}/{count}] "),
                |stop, meter, observer| work(job, stop, meter, observer),
            );
            if let Err(error) = &ended {
                fail(&voice, error, conductor.is_verbose());
            }
            ended
        });
        outcomes.push(Outcome { input, output, ended });
    }
    let exit_code = exit_code(&outcomes, conductor.stopped_by());
    summarise(&outcomes, exit_code, voice);
    if let Some(file) = report {
        file.write(&outcomes.iter().map(Outcome::entry).collect::<Vec<_>>())?;
    }
    Ok(exit_code)
}

/// Makes `folder`, and those above it.
///
/// # Errors
/// When it cannot be made, or is none.
pub fn make_folder(folder: &Path) -> Result<()> {
    match fs::create_dir_all(folder) {
        Err(_) if folder.exists() => {
            let reason = "it is a file, and -o names a folder; name another".into();
            Err(SinkError::Write { path: folder.into(), reason }.into())
        }
        made => made.map_err(|error| unwritable(folder, &error)),
    }
}

impl Outcome {
    fn exit_code(&self) -> Option<u8> {
        self.ended.as_ref().map(|ended| match ended {
            Ok(done) => done.exit_code(),
            Err(error) => error.exit_code(),
        })
    }

    /// Why there is no output, if there is none.
    fn failure(&self) -> Option<&Error> {
        self.ended.as_ref()?.as_ref().err()
    }

    fn report(&self) -> Option<&Report> {
        match &self.ended {
            Some(Ok(Done::Output { report, .. })) => Some(report),
            _ => None,
        }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            input: &self.input,
            output: &self.output,
            exit_code: self.exit_code(),
            error: self.failure().map(ToString::to_string),
            report: self.report(),
        }
    }
}

fn exit_code(outcomes: &[Outcome], signal: Option<Signal>) -> u8 {
    let cut_short = |outcome: &Outcome| match (&outcome.ended, outcome.report()) {
        (Some(Err(_)), _) => false,
        (_, report) => report.is_none_or(|report| report.stopped),
    };
    match signal {
        Some(signal) if outcomes.iter().any(cut_short) => signal.exit_code(),
        _ => {
            let failure = outcomes.iter().find_map(Outcome::failure).map(Error::exit_code);
            failure.or_else(|| outcomes.iter().filter_map(Outcome::exit_code).max()).unwrap_or(0)
        }
    }
}

/// How many came to what, and which failed.
fn summarise(outcomes: &[Outcome], exit_code: u8, voice: &Voice) {
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    let done = count(|outcome| outcome.report().is_some());
    let failed = count(|outcome| outcome.failure().is_some());
    let not_started = outcomes.len() - done - failed;
    let left = if not_started == 0 { String::new() } else { format!(", {not_started} not started") };
    voice.note(format_args!("{done} done, {failed} failed{left}"));
    for outcome in outcomes {
        if let Some(error) = outcome.failure() {
            voice.note(format_args!("failed: {}: {error}", outcome.input));
        }
    }
    voice.event(&Event::Summary { done, failed, not_started, exit_code });
}
