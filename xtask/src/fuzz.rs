//! Hostile documents against the classifiers and the redaction, by `cargo fuzz`.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{
    step::{answer, run as command, step},
    workspace::{Workspace, program},
};

/// How long each target runs.
const SECONDS: u32 = 30 * 60;
/// The longest input that is tried, in bytes.
const INPUT_BYTES_MAX: u32 = 4096;
/// Where the targets are, from the workspace's root.
const FOLDERS: [&str; 2] = ["classifiers/fuzz", "gateway/redaction/fuzz"];

/// Runs every target.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if program("cargo-fuzz").is_none() {
        bail!("`cargo fuzz` is not installed: `cargo install cargo-fuzz`");
    }
    for folder in FOLDERS {
        let targets = answer(fuzz(workspace, "list").arg("--fuzz-dir").arg(folder))
            .context("the fuzz targets could not be listed")?;
        for target in targets.lines() {
            step(target, || one(workspace, folder, target))?;
        }
    }
    Ok(())
}

fn one(workspace: &Workspace, from: &str, target: &str) -> Result<()> {
    let folder = workspace.root.join(from);
    let corpus = folder.join("corpus").join(target);
    fs::create_dir_all(&corpus)?;
    command(
        fuzz(workspace, "run")
            .args(["--fuzz-dir", from, target])
            .arg(corpus)
            .arg(folder.join("seeds").join(target))
            .arg("--")
            .arg(format!("-max_total_time={SECONDS}"))
            .arg(format!("-max_len={INPUT_BYTES_MAX}")),
    )
}

/// The toolchain of this workspace, which the sanitizer needs a word to.
fn fuzz(workspace: &Workspace, what: &str) -> Command {
    let mut fuzz = workspace.cargo(&["fuzz", what]);
    fuzz.env("RUSTC_BOOTSTRAP", "1");
    fuzz
}
