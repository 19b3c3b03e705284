//! How well the classifiers find what labelled documents hold, and the detectors of behaviour what
//! scripted agents do.

use std::{env, process::ExitCode};

use anyhow::Result;

use crate::{demo::pass_through, workspace::Workspace};

/// The kept results, from the workspace's root.
const TABLE: &str = "classifiers/evaluation.md";
/// Those of sessions.
const SESSIONS: &str = "docs/behaviour.md";

/// Builds the laboratory for release, scores, and compares with what is kept.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let mut lab = workspace.cargo(&["run", "--quiet", "--release", "--package", "lab", "--"]);
    lab.args(["eval", "--table"])
        .arg(workspace.root.join(TABLE))
        .args(arguments)
        // The developer names folders from where they stand.
        .current_dir(env::current_dir()?);
    pass_through(&mut lab)
}

/// Plays the scripted sessions, and compares with what is kept. Nothing here hangs on speed, so that no
/// release is built.
pub(crate) fn sessions(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let mut lab = workspace.cargo(&["run", "--quiet", "--package", "lab", "--"]);
    lab.args(["sessions", "--table"])
        .arg(workspace.root.join(SESSIONS))
        .args(arguments);
    pass_through(&mut lab)
}
