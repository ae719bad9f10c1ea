//! Shell completions and man pages, made from the command lines themselves.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::report_file::unwritable;
use super::{ToolArgs, VideoArgs, WebcamArgs};
use crate::error::{Error, Result};

/// A program that can be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgramName {
    /// `stylize-video`
    StylizeVideo,
    /// `stylize-webcam`
    StylizeWebcam,
    /// `stylize`
    Stylize,
}

impl ProgramName {
    const ALL: [Self; 3] = [Self::StylizeVideo, Self::StylizeWebcam, Self::Stylize];

    fn command(self) -> Command {
        match self {
            Self::StylizeVideo => VideoArgs::command(),
            Self::StylizeWebcam => WebcamArgs::command(),
            Self::Stylize => ToolArgs::command(),
        }
    }
}

/// Script that completes `program` (none: every program) in `shell`.
pub fn completions(shell: Shell, program: Option<ProgramName>) -> Vec<u8> {
    let programs = program.map_or(ProgramName::ALL.to_vec(), |program| vec![program]);
    let mut script = Vec::new();
    for program in programs {
        let mut command = program.command();
        let name = command.get_name().to_owned();
        clap_complete::generate(shell, &mut command, name, &mut script);
    }
    script
}

/// Writes a man page of every program into `folder`, and returns their names.
///
/// # Errors
/// When they cannot be written.
pub fn write_pages(folder: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let mut names = Vec::new();
    for program in ProgramName::ALL {
        let command = program.command();
        let name = format!("{}.1", command.get_name());
        let page = page(command).map_err(|error| Error::Internal(format!("{name}: {error}")))?;
        let path = folder.join(&name);
        fs::write(&path, page).map_err(|error| unwritable(&path, &error))?;
        names.push(name);
    }
    Ok(names)
}

/// One page a program, its verbs included: nobody looks for stylize-styles(1).
fn page(mut command: Command) -> io::Result<Vec<u8>> {
    // Only then do the options of verbs know what they take.
    command.build();
    let (synopsis, verbs) = (synopsis(&mut command), verbs(&command));
    let notes = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command).manual("stylize");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis.to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    verbs.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    sections(&notes).to_writer(&mut page)?;
    Ok(page)
}

/// The short form: thirty options in brackets help nobody.
fn synopsis(command: &mut Command) -> Roff {
    let usage = command.render_usage().to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([roman(usage.trim_start_matches("Usage: "))]);
    roff
}

fn verbs(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let mut verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).peekable();
    if verbs.peek().is_some() {
        roff.control("SH", ["VERBS"]);
    }
    for verb in verbs {
        let about = verb.get_long_about().or(verb.get_about()).map(ToString::to_string).unwrap_or_default();
        let takes: String = verb.get_positionals().map(|arg| format!(" {arg}")).collect();
        roff.control("TP", []);
        roff.text([bold(verb.get_name()), roman(takes)]);
        for (index, paragraph) in about.split("\n\n").enumerate() {
            if index > 0 {
                roff.control("IP", []);
            }
            roff.text([roman(paragraph)]);
        }
        options(verb, &mut roff);
    }
    roff
}

/// The options of a verb, a line or two each: its `--help` says more.
fn options(verb: &Command, roff: &mut Roff) {
    let is_shared = |option: &Arg| option.is_global_set() || option.get_id().as_str() == "help";
    let is_told = |option: &&Arg| !(option.is_positional() || option.is_hide_set() || is_shared(option));
    let mut options = verb.get_arguments().filter(is_told).peekable();
    if options.peek().is_none() {
        return;
    }
    roff.control("RS", []);
    for option in options {
        let given = option.get_action().takes_values() && !option.is_hide_default_value_set();
        let defaults = option.get_default_values().iter().filter(|_| given);
        let defaults: String = defaults.map(|value| format!(" [default: {}]", value.to_string_lossy())).collect();
        roff.control("TP", []);
        roff.text([bold(option.to_string()), roman(defaults)]);
        roff.text([roman(option.get_help().map(ToString::to_string).unwrap_or_default())]);
    }
    roff.control("RE", []);
}

/// The notes at the end of the long help: a heading ends with a colon and stands alone, what belongs to it is indented.
fn sections(notes: &str) -> Roff {
    let mut roff = Roff::new();
    for block in notes.split("\n\n") {
        match block.split_once(":\n") {
            Some((heading, lines)) if !heading.contains('\n') => {
                roff.control("SH", [heading.to_uppercase().as_str()]);
                roff.control("nf", []);
                roff.text(lines.lines().flat_map(|line| [roman(line), roman("\n")]).collect::<Vec<_>>());
                roff.control("fi", []);
            }
            _ => {
                roff.control("PP", []);
                roff.text([roman(block)]);
            }
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_completes_every_program() {
        for shell in Shell::value_variants() {
            let all = String::from_utf8(completions(*shell, None)).unwrap();
            assert!(all.contains("stylize-video") && all.contains("lossless") && all.contains("doctor"), "{shell}");
            let one = completions(*shell, Some(ProgramName::Stylize));
            assert!(!String::from_utf8(one).unwrap().contains("lossless"), "{shell}");
        }
    }

    #[test]
    fn a_page_names_options_verbs_and_exit_codes() {
        let video = String::from_utf8(page(VideoArgs::command()).unwrap()).unwrap();
        assert!(video.contains(r"\-\-keep\-colour") && video.contains(".SH \"EXIT CODES\""), "{video}");
        let tool = String::from_utf8(page(ToolArgs::command()).unwrap()).unwrap();
        assert!(tool.contains(".SH VERBS") && tool.contains(r"\fBdoctor\fR"), "{tool}");
        assert!(tool.contains(r"\fB\-\-inside\fR") && tool.contains(r"\fB\-\-program <NAME>\fR"), "{tool}");
        assert!(tool.contains("[default: 1280x720]") && !tool.contains("[default: false]"), "{tool}");
        assert!(!tool.contains(r"\fBman\fR"), "hidden verbs stay hidden");
        for page in [&video, &tool] {
            assert!(page.contains(".SH ENVIRONMENT") && page.contains("XDG_CACHE_HOME"), "{page}");
        }
    }
}
