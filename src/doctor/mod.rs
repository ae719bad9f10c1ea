//! `stylize doctor`: one screen of what the machine has and what is missing.

mod cpu;
mod packages;
mod trials;

use std::collections::BTreeSet;
use std::env;
use std::fmt::{self, Display};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use console::style;
use serde::de::DeserializeOwned;

use crate::child;
use crate::error::{Error, io_reason};
use crate::gpu::adapters::Adapter;
use crate::media::elements::{self, Finding, PluginSet, Side, Survey};
use crate::model::trial::{self, Trial};
use crate::options::Provider;
use cpu::Cpu;
use packages::Manager;

/// Chips and cards are opened in a moment; before that GStreamer may look through all its plugins.
const DRIVERS_PATIENCE: Duration = Duration::from_secs(60);

/// What is known of ONNX Runtime.
#[derive(Clone, Debug)]
pub struct RuntimeFacts {
    /// Its file.
    pub path: String,
    /// Its version.
    pub version: String,
}

/// All that was found. Its text is the screen.
#[derive(Debug)]
pub struct Findings {
    gstreamer: Result<Survey, Error>,
    runtime: Result<RuntimeFacts, Error>,
    trials: Vec<Trial>,
    /// Encoders and decoders that are chips, and why they do not work.
    chips: Result<Vec<(String, Option<String>)>, String>,
    adapters: Result<Vec<Adapter>, String>,
    cpu: Cpu,
    manager: Option<Manager>,
    unsafe_packages: Vec<(&'static str, &'static str)>,
}

impl Findings {
    /// Looks around; what there is of ONNX Runtime is known already, and was `named` by the user or found.
    pub fn gather(runtime: Result<RuntimeFacts, Error>, named: Option<&Path>) -> Self {
        let trials = if runtime.is_ok() { try_providers(named) } else { Vec::new() };
        Self {
            trials,
            chips: ask_drivers("chips", "a driver"),
            gstreamer: elements::survey().map_err(Error::from),
            runtime,
            adapters: ask_drivers("adapters", "a graphics driver"),
            cpu: cpu::this(),
            manager: Manager::here(),
            unsafe_packages: packages::unsafe_packages(),
        }
    }

    /// 0 when videos can be stylized on the CPU, else that of the first part that is missing.
    pub fn exit_code(&self) -> u8 {
        let lacks = |side| {
            let survey = self.gstreamer.as_ref().ok();
            let vital = |finding: &&Finding| finding.need.vital && finding.need.side == side;
            survey.is_some_and(|survey| survey.findings.iter().filter(vital).any(|finding| finding.element.is_none()))
        };
        match (&self.gstreamer, &self.runtime) {
            (Err(error), _) => error.exit_code(),
            _ if lacks(Side::Input) => 3,
            _ if lacks(Side::Output) => 4,
            (_, Err(error)) => error.exit_code(),
            _ => 0,
        }
    }

    fn missing_sets(&self) -> BTreeSet<PluginSet> {
        let findings = self.gstreamer.iter().flat_map(|survey| &survey.findings);
        findings.filter(|finding| finding.element.is_none()).map(|finding| finding.need.set).collect()
    }

    fn write_gstreamer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let survey = match &self.gstreamer {
            Ok(survey) => survey,
            Err(error) => return writeln!(f, "{}\n  {} {error}", heading("GStreamer"), Mark::Bad),
        };
        writeln!(f, "{} {}", heading("GStreamer"), survey.version)?;
        for Finding { need, element } in &survey.findings {
            let package = self.manager.unwrap_or(Manager::Apt).package(need.set).unwrap_or("");
            let mark = match element {
                Some(_) => Mark::Good,
                None if need.vital => Mark::Bad,
                None => Mark::Weak,
            };
            let element = element.unwrap_or("missing");
            writeln!(f, "  {mark} {:<16} {element:<15} {}", need.what, style(package).dim())?;
        }
        for (package, safe) in &self.unsafe_packages {
            writeln!(f, "  {} {package} has known holes: update it to {safe} or newer", Mark::Weak)?;
        }
        Ok(())
    }

    fn write_runtime(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.runtime {
            Ok(RuntimeFacts { path, version }) => {
                writeln!(f, "{} {version}", heading("ONNX Runtime"))?;
                writeln!(f, "  {} {path}", Mark::Good)?;
                self.trials.iter().try_for_each(|trial| write_trial(f, trial))
            }
            Err(error) => writeln!(f, "{}\n  {} {error}", heading("ONNX Runtime"), Mark::Bad),
        }
    }

    fn write_machine(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", heading("Graphics"))?;
        match &self.adapters {
            Err(error) => writeln!(f, "  {} {error}; the CPU does all", Mark::Weak)?,
            Ok(none) if none.is_empty() => writeln!(f, "  {} none; the CPU does all", Mark::Weak)?,
            Ok(adapters) => (0..).zip(adapters).try_for_each(|(number, adapter)| write_adapter(f, number, adapter))?,
        }
        self.write_chips(f)?;
        let Cpu { name, cores, instructions } = &self.cpu;
        writeln!(f, "{} {name}, {cores} cores", heading("CPU"))?;
        writeln!(f, "  {} {}", Mark::Good, instructions.join(" "))
    }

    fn write_chips(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chips = match &self.chips {
            Ok(chips) if chips.is_empty() => {
                return writeln!(f, "  {} no codec in hardware; software does it", Mark::Weak);
            }
            Ok(chips) => chips,
            Err(error) => return writeln!(f, "  {} codecs in hardware: {error}", Mark::Weak),
        };
        let working: Vec<_> =
            chips.iter().filter(|(_, failure)| failure.is_none()).map(|(name, _)| &name[..]).collect();
        if !working.is_empty() {
            writeln!(f, "  {} codecs in hardware: {}", Mark::Good, working.join(", "))?;
        }
        let failed = chips.iter().filter_map(|(name, failure)| Some((name, failure.as_ref()?)));
        failed.into_iter().try_for_each(|(name, why)| writeln!(f, "  {} {name} does not work: {why}", Mark::Weak))
    }

    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets = self.missing_sets();
        let manager = self.manager.unwrap_or(Manager::Apt);
        let packages: BTreeSet<&str> = sets.iter().filter_map(|set| manager.package(*set)).collect();
        if !packages.is_empty() {
            let packages: Vec<&str> = packages.into_iter().collect();
            writeln!(f, "To get what is missing: {}", manager.install_command(&packages))?;
        }
        match self.exit_code() {
            0 => write!(f, "Ready: videos can be stylized on this machine's CPU."),
            _ => write!(f, "Not ready: what is marked {} has to be there first; `make setup` fetches it.", Mark::Bad),
        }
    }
}

impl Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_gstreamer(f)?;
        self.write_runtime(f)?;
        self.write_machine(f)?;
        self.write_verdict(f)
    }
}

fn write_trial(f: &mut fmt::Formatter<'_>, trial: &Trial) -> fmt::Result {
    let Trial { provider, device, millis, reason, version } = trial;
    match millis {
        Some(millis) => writeln!(
            f,
            "  {} {provider:<9} {} {}",
            Mark::Good,
            format_args!("{millis:.1} ms for 64x64"),
            style(format!("{device}, ONNX Runtime {version}")).dim()
        ),
        None => writeln!(f, "  {} {provider:<9} {reason}", Mark::Weak),
    }
}

/// `--gpu` takes the number.
fn write_adapter(f: &mut fmt::Formatter<'_>, number: usize, adapter: &Adapter) -> fmt::Result {
    let Adapter { name, backend, driver, .. } = adapter;
    if adapter.is_software() {
        writeln!(f, "  {} {number} {name}: {backend} in software", Mark::Weak)
    } else {
        writeln!(f, "  {} {number} {name}: {backend}, {driver}", Mark::Good)
    }
}

/// The verb `trial` of this same program, for each provider.
fn try_providers(named: Option<&Path>) -> Vec<Trial> {
    let Ok(program) = env::current_exe() else { return Vec::new() };
    let ask = |provider: Provider| {
        let name = provider.to_string();
        let mut asked = Command::new(&program);
        asked.args(["trial", &name]);
        named.map(|path| asked.arg("--runtime").arg(path));
        trials::ask(&name, &mut asked)
    };
    trial::providers().flat_map(ask).collect()
}

/// What `verb` of this same program lists: drivers crash and hang.
fn ask_drivers<T: DeserializeOwned>(verb: &str, whose: &str) -> Result<T, String> {
    let program = env::current_exe().map_err(|error| io_reason(&error))?;
    child::ask(Command::new(program).arg(verb), whose, DRIVERS_PATIENCE)
}

fn heading(text: &str) -> impl Display + '_ {
    style(text).bold()
}

/// How good a finding is.
#[derive(Clone, Copy)]
enum Mark {
    Good,
    Weak,
    Bad,
}

impl Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => style("✓").green().fmt(f),
            Self::Weak => style("-").yellow().fmt(f),
            Self::Bad => style("✗").red().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(missing: &[&str], runtime: Result<RuntimeFacts, Error>) -> Findings {
        let found = |need: &'static elements::Need| {
            let element = (!missing.contains(&need.what)).then_some(need.elements[0]);
            Finding { need, element }
        };
        let survey = Survey { version: "1.22.0".into(), findings: elements::NEEDS.iter().map(found).collect() };
        Findings {
            gstreamer: Ok(survey),
            runtime,
            trials: trials(),
            chips: Ok(vec![("nvh264enc".into(), None), ("vah264enc".into(), Some("no device".into()))]),
            adapters: Ok(vec![adapter("Matrox", "DiscreteGpu"), adapter("llvmpipe", "Cpu")]),
            cpu: Cpu { name: "Z80".into(), cores: 1, instructions: Vec::new() },
            manager: Some(Manager::Apt),
            unsafe_packages: Vec::new(),
        }
    }

    fn adapter(name: &str, kind: &str) -> Adapter {
        Adapter { name: name.into(), kind: kind.into(), backend: "Vulkan".into(), driver: "Mesa 25".into() }
    }

    #[test]
    fn adapters_stand_there_with_the_number_that_the_programs_take() {
        let screen = findings(&[], runtime()).to_string();
        assert!(screen.contains(" 0 Matrox: Vulkan, Mesa 25\n"), "{screen}");
        assert!(screen.contains(" 1 llvmpipe: Vulkan in software\n"), "{screen}");
    }

    fn runtime() -> Result<RuntimeFacts, Error> {
        Ok(RuntimeFacts { path: "/lib/ort.so".into(), version: "1.31.1".into() })
    }

    fn trials() -> Vec<Trial> {
        let trial = |provider: &str, millis| Trial {
            provider: provider.into(),
            device: "Z80".into(),
            millis,
            reason: "libcuda.so.1 is missing".into(),
            version: "1.31.1".into(),
        };
        vec![trial("cpu", Some(2.0)), trial("cuda", None)]
    }

    #[test]
    fn providers_stand_there_with_what_they_take_or_why_they_do_not_run() {
        let screen = findings(&[], runtime()).to_string();
        assert!(screen.contains(" cpu       2.0 ms for 64x64 Z80, ONNX Runtime 1.31.1\n"), "{screen}");
        assert!(screen.contains(" cuda      libcuda.so.1 is missing\n"), "{screen}");
        assert!(screen.contains(" codecs in hardware: nvh264enc\n"), "{screen}");
        assert!(screen.contains(" vah264enc does not work: no device\n"), "{screen}");
    }

    #[test]
    fn only_what_is_vital_decides() {
        assert_eq!(findings(&[], runtime()).exit_code(), 0);
        assert_eq!(findings(&["encode AV1", "write webm"], runtime()).exit_code(), 0);
        assert_eq!(findings(&["decode H.264", "write mp4"], runtime()).exit_code(), 3);
        assert_eq!(findings(&["write mp4"], runtime()).exit_code(), 4);
        assert_eq!(findings(&[], Err(Error::Device("no".into()))).exit_code(), 6);
    }

    #[test]
    fn what_is_missing_comes_with_the_command_that_brings_it() {
        let screen = findings(&["encode H.264", "encode FFV1", "decode H.264"], runtime()).to_string();
        assert!(screen.contains("sudo apt-get install gstreamer1.0-libav gstreamer1.0-plugins-ugly\n"), "{screen}");
        assert!(screen.contains("Not ready"), "{screen}");
        let whole = findings(&[], runtime()).to_string();
        assert!(!whole.contains("apt-get") && whole.contains("Ready:"), "{whole}");
    }

    #[test]
    fn a_screen_has_fifty_lines_at_most() {
        assert!(findings(&[], runtime()).to_string().lines().count() <= 50);
    }
}
