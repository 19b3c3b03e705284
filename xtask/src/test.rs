//! All tests, in the way that suits this host.

use anyhow::Result;

use crate::{
    pdf,
    setup::{self, Scope},
    step::{run as command, say, step},
    workspace::{Workspace, can_load_programs, program},
};

/// Sets up, builds, and runs every test and every example in the documentation.
pub(crate) fn run(workspace: &Workspace, yes: bool) -> Result<()> {
    setup::try_all(
        workspace,
        Scope {
            yes,
            ..Scope::default()
        },
    )?;
    all(workspace)
}

/// Builds and runs every test.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    if !can_load_programs() {
        say("SKIPPED: the live kernel tests need root and BTF; callers are inferred from /proc");
    }
    // The scenarios start the programs of other packages, which `cargo test` alone does not build.
    step("build", || cargo(workspace, &["build"]))?;
    pdf::test(workspace)?;
    if program("cargo-nextest").is_some() {
        // nextest runs no documentation tests; first these, so that its summary stands at the end.
        step("documentation tests", || {
            cargo(workspace, &["test", "--doc", "--quiet"])
        })?;
        step("tests", || {
            cargo(workspace, &["nextest", "run", "--no-fail-fast"])
        })
    } else {
        step("tests", || {
            cargo(workspace, &["test", "--no-fail-fast", "--quiet"])
        })
    }
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    command(&mut workspace.cargo(arguments))
}
