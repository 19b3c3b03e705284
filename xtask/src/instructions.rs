//! Watches what looking costs, in instructions for each byte: a figure that, unlike time, is the same
//! on a busy machine.
//!
//! The redactor's example `instructions` runs in valgrind, which counts and has no AVX-512, so what
//! is counted are the vectors that most processors have. Two runs of different length are
//! subtracted, so that the start is not counted.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{
    step::{answer, run as command, say, step},
    workspace::Workspace,
};

/// What a figure may exceed before the watch fails, in percent.
const EXCESS_PERCENT_MAX: f64 = 10.0;

/// Job, sample, and instructions for each byte. `skip` is what `serde_json` takes to read over it.
/// Lower a figure when the code got better, raise one only with a reason in the commit.
static FIGURES: [(&str, &str, f64); 8] = [
    ("skip", "Clean16k", 18.2),
    ("skip", "Dense16k", 13.9),
    ("show", "Clean16k", 11.3),
    ("show", "Dense16k", 59.0),
    ("mask", "Dense16k", 68.3),
    ("mask", "People16k", 67.1),
    ("show-plain", "Clean16k", 33.5),
    ("show", "Hostile", 217.9),
];

/// Counts, prints, and fails on a figure that is too high.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let build = [
        "build",
        "--release",
        "--package",
        "redaction",
        "--example",
        "instructions",
    ];
    step("release build", || command(&mut workspace.cargo(&build)))?;
    let mut high = Vec::new();
    for (job, sample, figure) in FIGURES {
        let counted = per_byte(workspace, job, sample)?;
        say(&format!(
            "{job:<11} {sample:<10} {counted:7.2} instructions/byte (known: {figure:.2})"
        ));
        if counted > figure * (1.0 + EXCESS_PERCENT_MAX / 100.0) {
            high.push(format!("{job} {sample}"));
        }
    }
    if high.is_empty() {
        Ok(())
    } else {
        bail!(
            "more than {EXCESS_PERCENT_MAX} % beyond the known figure: {}",
            high.join(", ")
        )
    }
}

fn per_byte(workspace: &Workspace, job: &str, sample: &str) -> Result<f64> {
    const FEW: u32 = 4;
    const MANY: u32 = 24;
    let (bytes, few) = count(workspace, job, sample, FEW)?;
    let (_, many) = count(workspace, job, sample, MANY)?;
    Ok((many - few) / f64::from(MANY - FEW) / bytes)
}

/// The bytes of the sample, and the instructions that so many rounds take.
fn count(workspace: &Workspace, job: &str, sample: &str, rounds: u32) -> Result<(f64, f64)> {
    let example = workspace.built("release", "examples/instructions");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=cachegrind", "--cache-sim=no"])
        .args(["--cachegrind-out-file=/dev/null", "--log-fd=1"])
        .arg(example)
        .args([job, sample, &rounds.to_string()]);
    let told = answer(&mut valgrind).context("valgrind could not count")?;
    let number = |text: &str| text.replace(',', "").trim().parse::<f64>().ok();
    let bytes = told.lines().find_map(number);
    let count = told
        .lines()
        .find(|line| line.contains("refs:"))
        .and_then(|line| number(line.rsplit(':').next()?));
    bytes
        .zip(count)
        .with_context(|| format!("valgrind said something else about {job} {sample}"))
}
