//! Measurements, and scenarios at the size that is too long for every day.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::{
    demo::pass_through,
    setup::{self, Scope},
    step::{answer, run as command, step},
    workspace::Workspace,
};

/// Sets up, builds for release, and measures beside nginx and a bare proxy.
pub(crate) fn run(workspace: &Workspace, yes: bool, arguments: &[String]) -> Result<ExitCode> {
    setup::try_all(
        workspace,
        Scope {
            yes,
            bench: true,
            ..Scope::default()
        },
    )?;
    step("release build", || command(&mut release_build(workspace)))?;
    pass_through(Command::new(workspace.built("release", "tidegate-bench")).args(arguments))
}

/// A scenario that has a long version.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Long {
    /// Ten thousand processes that live for milliseconds: every one attributed.
    Processes,
    /// Two hundred kills of the daemon under load: every byte on record.
    Kills,
    /// One gigabyte through the redactor: memory stays bounded.
    Gigabyte,
}

impl Long {
    /// The scenario's name, and what sets its size.
    fn scenario(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Processes => ("processes", "TIDEGATE_BURST", "10000"),
            Self::Kills => ("kills", "TIDEGATE_KILLS", "200"),
            Self::Gigabyte => ("gigabyte", "TIDEGATE_STREAM_MB", "1000"),
        }
    }
}

/// Runs one scenario at its long size.
pub(crate) fn long(workspace: &Workspace, which: Long) -> Result<()> {
    let (name, variable, size) = which.scenario();
    setup::try_all(workspace, Scope::default())?;
    step("release build", || command(&mut release_build(workspace)))?;
    let tests = [
        "test",
        "--release",
        "--package",
        "tests",
        "--test",
        "scenarios",
        "--",
        name,
    ];
    // cargo is content when a filter matches nothing; we are not.
    let listed = answer(
        workspace
            .cargo(&tests)
            .args(["--list", "--include-ignored"]),
    )
    .context("the scenarios could not be listed")?;
    if !listed.lines().any(|line| line.ends_with(": test")) {
        bail!("no scenario is named `{name}`");
    }
    step(name, || {
        command(
            workspace
                .cargo(&tests)
                .args(["--include-ignored", "--nocapture", "--test-threads=1"])
                .env(variable, size),
        )
    })
}

fn release_build(workspace: &Workspace) -> Command {
    workspace.cargo(&[
        "build",
        "--release",
        "--package",
        "daemon",
        "--package",
        "tests",
    ])
}
