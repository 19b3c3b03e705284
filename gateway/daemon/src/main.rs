//! `tidegate`: reads arguments and configuration, builds the parts, waits for a signal.

#![expect(
    clippy::print_stdout,
    reason = "the command line answers on standard output"
)]

mod alerts;
mod authority;
mod backup;
mod behaviour;
mod bundles;
mod cli;
mod config;
mod console;
mod copies;
mod credentials;
mod desk;
mod egress;
mod erasure;
mod expiry;
mod fleet;
mod folder;
mod handover;
mod inquiries;
mod keyring;
mod keys;
mod launch;
mod lease;
mod objects;
mod passes;
mod pins;
mod policies;
mod publication;
mod reveal;
mod revoked;
mod risk;
mod rotation;
mod schedules;
mod shelf;
mod shipping;
mod spent;
mod syslog;
mod turns;

use std::process::ExitCode;

use clap::Parser;

pub(crate) use folder::private_folder;

/// An exchange makes dozens of small values on one thread that another drops.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(code) => code,
        Err(report) => {
            eprintln!("{report:?}");
            ExitCode::from(cli::USAGE)
        }
    }
}
