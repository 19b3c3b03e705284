//! Measures the classifiers: how well they find what labelled documents hold.

mod corpus;
mod eval;
mod goals;
mod predict;
mod report;
mod score;
mod spans;
mod table;
mod train;

use std::process::ExitCode;

use clap::Parser as _;

/// Measures the classifiers.
#[derive(Debug, clap::Parser)]
#[command(name = "lab")]
enum Command {
    /// Score the classifiers on a labelled corpus.
    Eval(eval::Arguments),
    /// Make the lists and the model of the tagger of names.
    Train(train::Options),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Eval(arguments) => eval::run(&arguments),
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
