//! Conducts jobs: does one after the other and tells how it goes. All jobs of a run hear the same signals.

use super::ending::{Ending, Goal};
use super::groups::MessageArgs;
use super::signals::{Signal, Signals};
use crate::error::{Error, Result, SourceError};
use crate::flow::Stop;
use crate::job::Observer;
use crate::progress::{Event, Progress, Voice};
use crate::report::{Meter, Report};

/// What the jobs of a run share.
#[derive(Debug)]
pub struct Conductor<'a> {
    message: &'a MessageArgs,
    stop: Stop,
    signals: Signals,
}

/// A job that ended without an error.
#[derive(Debug)]
pub enum Done {
    /// There is an output.
    Output {
        /// What was measured.
        report: Box<Report>,
        /// 0, 7, that of a signal, or of what failed beside the job.
        exit_code: u8,
    },
    /// A signal came before the first frame: there is none.
    Stopped(Signal),
}

impl Done {
    /// Exit code of a run that consists of this job.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Output { exit_code, .. } => *exit_code,
            Self::Stopped(signal) => signal.exit_code(),
        }
    }
}

impl<'a> Conductor<'a> {
    /// From now on signals are heard.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new(message: &'a MessageArgs) -> Result<Self> {
        let stop = Stop::new();
        let signals = Signals::ask(&stop)?;
        Ok(Self { message, stop, signals })
    }

    /// Whether the chain of causes is told, too.
    pub fn is_verbose(&self) -> bool {
        self.message.verbose
    }

    /// The signal that asked to stop, if one did.
    pub fn stopped_by(&self) -> Option<Signal> {
        self.signals.received()
    }

    /// Does a job by `work` and tells of it by `voice`; `label` stands before the lines of its progress.
    ///
    /// # Errors
    /// Those of `work`; they have not been said yet.
    pub fn perform<W>(&self, goal: Goal<'_>, voice: &Voice, label: &str, work: W) -> Result<Done>
    where
        W: FnOnce(&Stop, &Meter, &mut dyn Observer) -> Result<Report>,
    {
        let progress = Progress::new(self.message.progress, voice, self.stop.clone()).labelled(label.to_owned());
        // What goes on for hours has no end that warnings could wait for.
        let mut progress = progress.warning_at_once(matches!(goal, Goal::Live(_)));
        let meter = Meter::new();
        let result = work(&self.stop, &meter, &mut progress);
        let warned = progress.close();
        let report = match (result, self.signals.received()) {
            (Err(Error::Source(why @ (SourceError::Stopped | SourceError::StoppedResuming))), Some(signal)) => {
                voice.note(why.to_string());
                return Ok(Done::Stopped(signal));
            }
            (result, _) => Box::new(result?),
        };
        let (signal, strict, failure) = (self.signals.received(), self.message.strict, meter.take_failure());
        let ending = Ending { report: &report, goal, signal, strict, failure: failure.as_ref() };
        let exit_code = tell(voice, &ending, &warned);
        Ok(Done::Output { report, exit_code })
    }
}

/// Says how a job ended that has an output. `warned` are those of its warnings that were said while it ran.
fn tell(voice: &Voice, ending: &Ending<'_>, warned: &[String]) -> u8 {
    let exit_code = ending.exit_code();
    let warnings = ending.report.warnings.iter().filter(|warning| !warned.contains(warning));
    warnings.for_each(|warning| voice.warning(warning));
    voice.note(ending.summary());
    voice.event(&Event::End { exit_code, output: ending.output(), report: ending.report });
    if let Some((why, causes)) = ending.why() {
        voice.error(&why, &causes, exit_code);
    }
    exit_code
}
