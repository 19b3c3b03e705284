//! Pages of the manual and completions, made from the commands themselves.

use std::{io, path::Path, process::ExitCode};

use clap::CommandFactory as _;
use clap_complete::Shell;
use miette::{IntoDiagnostic as _, Result, WrapErr as _};

use super::Arguments;

/// Writes `tidegate.1`, `tidegate-run.1` and so on.
pub(super) fn write(to: &Path) -> Result<ExitCode> {
    std::fs::create_dir_all(to)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), to))
        .into_diagnostic()
        .wrap_err_with(|| format!("the manual cannot be written to `{}`", to.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what a shell reads to complete commands and options.
pub(super) fn completions(shell: Shell) -> ExitCode {
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "tidegate", &mut io::stdout());
    ExitCode::SUCCESS
}
