//! `--sandbox`: the work is done by a child process, this same program, which confines itself before it looks at the
//! input. The parent hands on signals and the exit code, and tells of it when the child crashes.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::folders::folder_of;
use crate::job::{Engine, Job, StyleChoice};
use crate::model::{Runtime, zoo};
use crate::options::{Input, Output};
use crate::sandbox::Access;

#[cfg(target_os = "linux")]
pub use on_linux::{enter, in_child, is_child};

/// What the system's libraries read: themselves, and what they ask of the machine.
const SYSTEM: [&str; 17] = [
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/self",
    "/proc/sys/vm",
    "/sys/devices/system",
];

/// What `jobs` and the report need to reach.
fn access(jobs: &[Job], report: Option<&Path>, plugins: Vec<PathBuf>) -> Result<Access> {
    let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    read.push("/sys/fs/cgroup".into());
    read.extend(plugins);
    read.extend(zoo::folders());
    let mut write: Vec<PathBuf> = report.map(|report| folder_of(report).into()).into_iter().collect();
    for job in jobs {
        match &job.input {
            Input::File(path) => read.push(path.clone()),
            Input::Pictures { pattern, .. } => read.push(pattern.folder().into()),
            // A pipe is open already, and in no folder.
            Input::Stdin => read.extend(Some(job.input.path()).filter(|path| path.is_file()).map(PathBuf::from)),
        }
        read.extend(of_engine(&job.engine)?);
        // Standard output is open already.
        if let Some(output) = job.output.path().filter(|_| job.output != Output::Stdout) {
            write.push(folder_of(output).into());
            // A link is followed.
            write.extend(std::fs::canonicalize(output).ok().map(|real| folder_of(&real).into()));
        }
    }
    Ok(Access { read, write })
}

/// The runtime, with the providers beside it, and the model with what may lie beside it.
fn of_engine(engine: &Engine) -> Result<Vec<PathBuf>> {
    let library = Runtime::find_for(engine.runtime.as_deref(), engine.provider)?;
    let mut read = vec![folder_of(&library.canonicalize().unwrap_or(library)).into()];
    if let StyleChoice::File(path) = &engine.style {
        let beside = [".toml", ".data", "_data"].map(|ending| {
            let mut name = path.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        });
        read.extend([path.clone(), path.with_extension("toml")].into_iter().chain(beside));
    }
    Ok(read)
}

#[cfg(target_os = "linux")]
mod on_linux {
    use std::os::unix::process::{CommandExt, ExitStatusExt, parent_id};
    use std::process::{Child, Command, ExitStatus};

    use nix::sys::prctl::set_pdeathsig;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use signal_hook::consts::SIGCHLD;
    use signal_hook::iterator::Signals;

    use super::super::signals::asking;
    use super::access;
    use crate::error::{Error, Result, SourceError, io_reason};
    use crate::job::Job;
    use crate::media::elements;
    use crate::sandbox::confine;

    /// Holds the number of the process that started this one to confine itself.
    const PARENT: &str = "STYLIZE_SANDBOX_PARENT";

    /// Whether this process is the one that does the work.
    pub fn is_child() -> bool {
        let parent = std::env::var(PARENT).ok().and_then(|number| number.parse().ok());
        parent == Some(parent_id())
    }

    /// Does in a child process what this one was asked for, and returns its exit code. `input` is what messages name.
    ///
    /// # Errors
    /// When there is no child to be had, or it crashed.
    pub fn in_child(input: &str) -> Result<u8> {
        let failed = |error: std::io::Error| {
            Error::Device(format!("--sandbox: no process can be started ({})", io_reason(&error)))
        };
        // Listened to before there is a child, so that none of its signals is missed.
        let mut signals = Signals::new(asking().into_iter().chain([SIGCHLD])).map_err(failed)?;
        let program = std::env::current_exe().map_err(failed)?;
        let mut child = Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(PARENT, std::process::id().to_string())
            // Ctrl-C comes to this process alone, which hands it on: twice would be a second signal.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let status = wait(&mut child, &mut signals).map_err(failed)?;
        match status.code() {
            Some(code) => Ok(u8::try_from(code).unwrap_or(u8::MAX)),
            None => Err(SourceError::Crashed { input: input.into(), signal: name_of(status) }.into()),
        }
    }

    /// Waits for the end of `child`, and hands signals on to it.
    fn wait(child: &mut Child, signals: &mut Signals) -> std::io::Result<ExitStatus> {
        let pid = Pid::from_raw(child.id().cast_signed());
        for signal in signals.forever() {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if let Some(signal) = Signal::try_from(signal).ok().filter(|signal| *signal != Signal::SIGCHLD) {
                // It has not been waited for, so the number is still its own.
                let _ = kill(pid, signal);
            }
        }
        child.wait()
    }

    fn name_of(status: ExitStatus) -> String {
        let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
        signal.map_or_else(|| status.to_string(), |signal| signal.as_str().to_owned())
    }

    /// Confines this process to what `jobs` need. To be called before anything of their input is read.
    ///
    /// # Errors
    /// When the kernel cannot, or the confinement would be none.
    pub fn enter(jobs: &[Job], report: Option<&std::path::Path>) -> Result<()> {
        let internal = |error: nix::Error| Error::Internal(format!("the sandbox does not hold ({error})"));
        set_pdeathsig(Signal::SIGKILL).map_err(internal)?;
        if !is_child() {
            // The parent died before that took effect.
            return Err(SourceError::Stopped.into());
        }
        // GStreamer may start a helper and write its list of plugins; after this it does not any more.
        let access = access(jobs, report, elements::plugin_folders()?)?;
        let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
        let holds_home = |folder: &std::path::PathBuf| {
            folder.canonicalize().is_ok_and(|folder| home.as_ref().is_some_and(|home| home.starts_with(folder)))
        };
        if let Some(folder) = access.write.iter().find(|folder| holds_home(folder)) {
            return Err(Error::Usage(format!(
                "--sandbox: everything below {folder:?}, where the output is to be, would be open to the confined \
                 process, and that is all that you have; write into a folder of its own"
            )));
        }
        let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
        if threads != 1 {
            return Err(Error::Internal(format!("the sandbox would hold for one thread of {threads}")));
        }
        confine(&access)
    }
}

/// There is no sandbox here.
#[cfg(not(target_os = "linux"))]
pub fn is_child() -> bool {
    false
}

/// There is no sandbox here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn in_child(_input: &str) -> Result<u8> {
    crate::sandbox::confine(&Access::default()).map(|()| 0)
}

/// There is no sandbox here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn enter(jobs: &[Job], report: Option<&Path>) -> Result<()> {
    crate::sandbox::confine(&access(jobs, report, Vec::new())?)
}
