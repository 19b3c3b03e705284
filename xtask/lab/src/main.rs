//! Measures how well the classifiers find what labelled documents hold, and the detectors of behaviour
//! what scripted agents do.

mod corpus;
mod eval;
mod goals;
mod predict;
mod report;
mod score;
#[cfg(test)]
mod secrets;
mod sessions;
mod spans;
mod table;
mod train;

use std::process::ExitCode;

use clap::Parser as _;

/// Measures the classifiers, and the detectors of behaviour.
#[derive(Debug, clap::Parser)]
#[command(name = "lab")]
enum Command {
    /// Score the classifiers on a labelled corpus.
    Eval(eval::Arguments),
    /// Score the detectors of behaviour on scripted sessions.
    Sessions(sessions::Arguments),
    /// Make the lists and the model of the tagger of names.
    Train(train::Options),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Sessions(arguments) => sessions::run(&arguments),
        Command::Train(options) => train::run(&options),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
