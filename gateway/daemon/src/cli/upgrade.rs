//! `tidegate run`, and `tidegate upgrade`, which starts that in the place of the gateway that runs.

use std::{
    env,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode, Stdio},
};

use clap::Args;
use jiff::SignedDuration;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde_json::Value;

use super::{Configured, run as serving};

/// How to serve.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    configured: Configured,
    /// Take the place of the gateway that runs with this log, which serves on if this one cannot
    #[arg(long)]
    takeover: bool,
    /// How long that one may go on with what is open
    #[arg(long, value_name = "TIME", default_value = DRAIN, requires = "takeover")]
    drain: SignedDuration,
}

/// How long a gateway that was taken over may go on, if nothing is said.
const DRAIN: &str = "10m";

#[derive(Debug, Args)]
pub(super) struct Asked {
    #[command(flatten)]
    configured: Configured,
    /// How long the gateway that runs may go on with what is open
    #[arg(long, value_name = "TIME", default_value = DRAIN)]
    drain: SignedDuration,
}

pub(super) fn run(asked: &Run) -> Result<ExitCode> {
    let drain = asked.drain.try_into().into_diagnostic();
    let drain = drain.wrap_err("`--drain` is no time to wait")?;
    serving::run(&asked.configured.config, asked.takeover.then_some(drain))
}

pub(super) fn upgrade(asked: &Asked) -> Result<ExitCode> {
    let program = env::current_exe().into_diagnostic()?;
    let mut child = Command::new(&program)
        .args(["run", "--takeover", "--drain", &asked.drain.to_string()])
        .arg("--config")
        .arg(&asked.configured.config)
        // It names this process; the one that lives on is its child.
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What ends this command at a terminal must not end the gateway.
        .process_group(0)
        .spawn()
        .into_diagnostic()
        .wrap_err_with(|| format!("`{}` cannot be started", program.display()))?;
    let said = child.stdout.take().map(BufReader::new);
    let said = said.ok_or_else(|| miette!("nothing is heard of it"))?;
    for line in said.lines().map_while(Result::ok) {
        let said = serde_json::from_str(&line).unwrap_or(Value::Null);
        if said.get("ready") == Some(&Value::Bool(true)) {
            println!(
                "pid {} serves; the one before ends with its last connection",
                child.id()
            );
            return Ok(ExitCode::SUCCESS);
        }
    }
    let ended = child.wait().into_diagnostic()?;
    Err(miette!(
        help = "it says above why; the gateway that runs serves on unless it had handed over",
        "the new gateway did not take over: {ended}"
    ))
}
