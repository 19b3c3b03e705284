//! `tidegate doctor`: what this host lacks.

use std::{path::Path, process::ExitCode};

use super::FINDING;

/// Prints one line for each thing that the kernel's part needs.
pub(crate) fn doctor(pins: Option<&Path>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for check in flows::examine(pins) {
        match check.mend {
            None => println!("{}: fine", check.name),
            Some(mend) => {
                println!("{}: {mend}", check.name);
                code = ExitCode::from(FINDING);
            }
        }
    }
    code
}
