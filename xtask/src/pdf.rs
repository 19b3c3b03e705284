//! The program that sets reports as PDF: a workspace of its own, built and tested apart.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    step::{run as command, step},
    workspace::Workspace,
};

/// Where its sources are.
const FOLDER: &str = "gateway/pdf";
const PROGRAM: &str = "tidegate-report-pdf";

/// Builds it and puts it beside the `tidegate` of this profile, which starts it from there.
pub(crate) fn build(workspace: &Workspace, profile: &str) -> Result<()> {
    build_as(workspace, profile, |_| {})
}

/// The same, by a cargo that is told more.
pub(crate) fn build_as(
    workspace: &Workspace,
    profile: &str,
    told: impl FnOnce(&mut Command),
) -> Result<()> {
    let mut arguments = vec!["build", "--locked"];
    if profile == "release" {
        arguments.push("--release");
    }
    step("program for PDF", || {
        let mut cargo = cargo(workspace, &arguments);
        told(&mut cargo);
        command(&mut cargo)
    })?;
    let built = target(workspace).join(profile).join(PROGRAM);
    let beside = workspace.built(profile, PROGRAM);
    let folder = beside.parent().context("a program has a folder")?;
    fs::create_dir_all(folder)?;
    fs::copy(&built, &beside).with_context(|| format!("there is no {}", built.display()))?;
    Ok(())
}

/// Builds it, and runs its own tests.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    build(workspace, "debug")?;
    step("tests of the program for PDF", || {
        command(&mut cargo(workspace, &["test", "--locked", "--quiet"]))
    })
}

/// Its format, its lints, and the licences of what it is made of.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    step("lints of the program for PDF", || {
        command(&mut cargo(workspace, &["fmt", "--check"]))?;
        let lints = [
            "clippy",
            "--locked",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ];
        command(&mut cargo(workspace, &lints))?;
        let deny = ["deny", "check", "bans", "licenses", "sources"];
        command(&mut cargo(workspace, &deny))
    })
}

fn target(workspace: &Workspace) -> PathBuf {
    workspace.target.join("pdf")
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut cargo = workspace.cargo(arguments);
    cargo
        .current_dir(workspace.root.join(FOLDER))
        .env("CARGO_TARGET_DIR", target(workspace));
    cargo
}
