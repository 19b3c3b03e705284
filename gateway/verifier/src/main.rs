//! `tidegate-verify`: judges a log that somebody else hands over.
//!
//! For auditors: no network, no database, no key but public ones. It shares its judgement with `tidegate audit
//! verify` (`proof`).

mod arguments;
mod judge;
mod progress;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use serde::Serialize;

use arguments::{Arguments, Command, Format};
use judge::Fault;

/// Exit code for wrong usage and for what cannot be read.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(fault) => {
            complain(&fault);
            ExitCode::from(USAGE)
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let format = arguments.output;
    match &arguments.command {
        Command::Export { file, by, long } => {
            let report = judge::export(file, by, long)?;
            say(format, &report, report.lines())?;
            Ok(ExitCode::from(report.verdict.code()))
        }
        Command::Tiles { folder, by, long } => {
            let report = judge::tiles(folder, by, long)?;
            say(format, &report, report.lines())?;
            Ok(ExitCode::from(report.verdict.code()))
        }
        Command::Record {
            folder,
            index,
            by,
            later,
        } => {
            let shown = judge::record(folder, *index, by, later)?;
            say(format, &shown, shown.lines())?;
            Ok(ExitCode::from(shown.verdict.code()))
        }
        Command::Consistency { folder, by, later } => {
            let shown = judge::consistency(folder, by, later)?;
            say(format, &shown, shown.lines())?;
            Ok(ExitCode::from(shown.verdict.code()))
        }
        Command::Checkpoint { file, by, later } => {
            let shown = judge::checkpoint(file, by, later)?;
            say(format, &shown, shown.lines())?;
            Ok(ExitCode::from(shown.verdict.code()))
        }
    }
}

fn say(format: Format, all: &impl Serialize, lines: Vec<String>) -> Result<(), Fault> {
    let text = match format {
        Format::Json => serde_json::to_string_pretty(all).map_err(io::Error::from),
        Format::Table => Ok(lines.join("\n")),
    };
    let said = text.and_then(|text| writeln!(io::stdout().lock(), "{text}"));
    match said {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(source) => Err(Fault::Said { source }),
        Ok(()) => Ok(()),
    }
}

/// An error with its causes, one a line.
fn complain(fault: &Fault) {
    let mut err = io::stderr().lock();
    let mut cause: Option<&dyn std::error::Error> = Some(fault);
    let mut lead = "error:";
    while let Some(error) = cause {
        // Nobody is there to be told of a failure to tell.
        drop(writeln!(err, "{lead} {error}"));
        lead = "  because";
        cause = error.source();
    }
}
