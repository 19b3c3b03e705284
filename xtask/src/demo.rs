//! The demo: a real gateway between real agents and made-up services.

use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result};

use crate::{
    setup::{self, Scope},
    step::{run as command, step},
    workspace::Workspace,
};

/// What a child that ended by a signal passes on.
const ENDED_BY_SIGNAL: u8 = 1;

/// Sets up, builds, and tells the story; its exit code is ours.
pub(crate) fn run(workspace: &Workspace, yes: bool, once: bool) -> Result<ExitCode> {
    setup::try_all(
        workspace,
        Scope {
            yes,
            ..Scope::default()
        },
    )?;
    pass_through(&mut built(workspace, once)?)
}

/// Builds the demo; to be run.
pub(crate) fn built(workspace: &Workspace, once: bool) -> Result<Command> {
    step("build", || command(&mut workspace.cargo(&["build"])))?;
    let mut demo = Command::new(workspace.built("debug", "tidegate-demo"));
    demo.args(once.then_some("--once"));
    demo.arg("--tidegate")
        .arg(workspace.built("debug", "tidegate"));
    Ok(demo)
}

/// Runs a program on our terminal; its exit code becomes ours.
pub(crate) fn pass_through(program: &mut Command) -> Result<ExitCode> {
    let status = program
        .status()
        .with_context(|| format!("starting {}", program.get_program().display()))?;
    Ok(exit_code(status))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(ENDED_BY_SIGNAL))
}
