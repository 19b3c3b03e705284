//! Everything a developer runs: set-up, demo, tests, benches, checks.

mod bench;
mod ci;
mod cli;
mod demo;
mod eval;
mod fuzz;
mod instructions;
mod kernels;
mod package;
mod pdf;
mod peers;
mod profiles;
mod setup;
mod site;
mod step;
mod test;
#[cfg(test)]
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::Command::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
