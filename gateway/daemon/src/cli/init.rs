//! `tidegate init`: writes a configuration and policies that work, from a few answers.

mod answers;
mod files;
mod place;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use super::check;
use answers::{Answers, Asked};

/// What is written, and what need not be asked.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder that gets `tidegate.yaml` and `policies`.
    #[arg(long, value_name = "DIR", default_value = "/etc/tidegate")]
    to: PathBuf,
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/tidegate")]
    data: PathBuf,
    /// Where agents connect.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8440")]
    listen: SocketAddr,
    /// Health, metrics and flows, for operators.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8441")]
    admin: SocketAddr,
    /// Ask nothing: what no option says is left out, and can be added to the file.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    asked: Asked,
}

pub(super) fn init(arguments: &Init) -> Result<ExitCode> {
    let config = arguments.to.join("tidegate.yaml");
    let policies = arguments.to.join("policies");
    let calls = policies.join("calls.cedar");
    let disclosures = policies.join("disclosures.cedar");
    for path in [&config, &calls, &disclosures] {
        if path.exists() {
            return Err(miette!(
                help = "nothing was changed. Edit it, move it away, or write elsewhere with `--to DIR`",
                "`{}` is there already",
                path.display()
            ));
        }
    }
    let stdin = io::stdin().lock();
    let answers = if arguments.yes {
        Answers::of(&arguments.asked)
    } else {
        Answers::ask(&arguments.asked, stdin, io::stdout())?
    };
    fs::create_dir_all(&policies)
        .into_diagnostic()
        .wrap_err_with(|| format!("`{}` cannot be made", policies.display()))?;
    write(&config, &files::config(arguments, &answers))?;
    write(&calls, &files::calls(&answers))?;
    write(&disclosures, &files::disclosures(&answers))?;
    let checked = check::check(&config)?;
    println!("{}", files::next(arguments, &config, &answers));
    Ok(checked)
}

/// Writes a file that was not there.
fn write(path: &Path, text: &str) -> Result<()> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .into_diagnostic()
        .wrap_err_with(|| format!("`{}` cannot be written", path.display()))
}

#[cfg(test)]
mod tests;
