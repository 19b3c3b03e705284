//! `tidegate help`: topics of the manual, and commands.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::{Args, Command, CommandFactory as _};
use manual::{
    TOPICS, Topic,
    plain::{Style, plain},
};
use miette::{IntoDiagnostic as _, Result};

use super::{Arguments, USAGE};

/// Columns of a line where nobody says how many there are, and at most: longer ones are hard to read.
const WIDTH: usize = 100;

/// What is to be explained.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// A topic, and words of a section of it (`configuration bound tokens`); or a command (`audit verify`). Without any, topics
    /// and commands are listed.
    #[arg(value_name = "TOPIC")]
    words: Vec<String>,
}

pub(super) fn help(asked: &Asked) -> Result<ExitCode> {
    let Some((first, rest)) = asked.words.split_first() else {
        return said(&format!("{}\n{}", commands().render_long_help(), topics()));
    };
    if let Some(topic) = manual::topic(first) {
        return explained(&topic, &rest.join(" "));
    }
    if let Some(mut command) = command(&asked.words) {
        return said(&command.render_long_help().to_string());
    }
    let asked = asked.words.join(" ");
    eprintln!(
        "there is neither a topic nor a command `{asked}`\n\n{}",
        topics()
    );
    Ok(ExitCode::from(USAGE))
}

/// All commands, with the names by which they are started.
fn commands() -> Command {
    let mut all = Arguments::command();
    all.build();
    all
}

/// The command that these words start.
fn command(words: &[String]) -> Option<Command> {
    let all = commands();
    let found = words
        .iter()
        .try_fold(&all, |command, word| command.find_subcommand(word));
    found.cloned()
}

fn explained(topic: &Topic, section: &str) -> Result<ExitCode> {
    let shown = if section.is_empty() {
        topic.text
    } else if let Some(section) = topic.section(section) {
        topic.within(&section)
    } else {
        let name = topic.name;
        eprintln!("`{name}` has no section `{section}`; it has\n");
        for section in topic.sections().iter().filter(|it| it.level > 1) {
            let margin = "  ".repeat(usize::from(section.level - 1));
            eprintln!("{margin}{}", section.title);
        }
        return Ok(ExitCode::from(USAGE));
    };
    let is_terminal = io::stdout().is_terminal();
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let style = Style {
        width: width.filter(|_| is_terminal).unwrap_or(WIDTH).min(WIDTH),
        bold: is_terminal,
    };
    said(&plain(topic, shown, style))
}

/// What there is to read.
fn topics() -> String {
    let longest = TOPICS.iter().map(|topic| topic.name.len()).max();
    let longest = longest.unwrap_or_default();
    let lines = TOPICS
        .iter()
        .map(|topic| format!("  {:<longest$}  {}\n", topic.name, topic.about));
    let lines: String = lines.collect();
    format!(
        "Topics of the manual (`tidegate help TOPIC [SECTION]`; what stands in brackets there is asked for in the same way):\n{lines}"
    )
}

fn said(text: &str) -> Result<ExitCode> {
    io::stdout().write_all(text.as_bytes()).into_diagnostic()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
