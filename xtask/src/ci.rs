//! The one gate: what must hold before a change goes in.

use anyhow::Result;

use crate::{
    demo, fuzz, instructions, kernels, package, pdf,
    setup::{self, Scope},
    step::{run as command, say, step},
    test,
    workspace::Workspace,
};

/// Every check, cheapest first; the first that fails ends it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    step("set-up", || {
        setup::complete(
            workspace,
            Scope {
                yes: true,
                ci: true,
                ..Scope::default()
            },
        )
    })?;
    step("format", || {
        command(&mut workspace.cargo(&["fmt", "--all", "--check"]))
    })?;
    step("lints", || command(&mut clippy(workspace)))?;
    step("licences, sources, bans", || {
        command(&mut workspace.cargo(&["deny", "check", "bans", "licenses", "sources"]))
    })?;
    pdf::check(workspace)?;
    step("advisories", || advisories(workspace))?;
    test::all(workspace)?;
    fuzz::run(workspace, &fuzz::Wanted::a_minute_each())?;
    package::check(workspace, &workspace.built("debug", "tidegate"))?;
    step("older kernels", || {
        kernels::run(workspace, kernels::Size::Small)
    })?;
    step("instructions", || instructions::run(workspace))?;
    step("demo", || command(&mut demo::built(workspace, true)?))
}

/// The rules of the house are ordinary tests of this package.
pub(crate) fn tidy(workspace: &Workspace) -> Result<()> {
    command(&mut workspace.cargo(&["test", "--quiet", "--package", "xtask"]))
}

fn clippy(workspace: &Workspace) -> std::process::Command {
    // The kernel programs are for another target; `ebpf/flows` builds them.
    workspace.cargo(&[
        "clippy",
        "--workspace",
        "--exclude",
        "programs",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ])
}

/// Known vulnerabilities, where the network lets us ask for them.
fn advisories(workspace: &Workspace) -> Result<()> {
    if command(&mut workspace.cargo(&["deny", "fetch", "db"])).is_err() {
        say("NOT CHECKED: the advisory database cannot be fetched from here");
        return Ok(());
    }
    command(&mut workspace.cargo(&["deny", "check", "advisories"]))
}
