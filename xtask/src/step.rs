//! Steps and the programs they run: one line for each step, with how long it took.

use std::{process::Command, time::Instant};

use anyhow::{Context as _, Result, bail};

/// Does `work` and says how it went and how long it took.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let done = work().with_context(|| format!("step `{name}`"));
    let mark = if done.is_ok() { "ok    " } else { "FAILED" };
    say(&format!(
        "{mark} {name:<32} {:>7.1} s",
        start.elapsed().as_secs_f32()
    ));
    done
}

/// Says one line to whoever runs us.
#[expect(
    clippy::print_stdout,
    reason = "talking to the developer is this program's work"
)]
pub(crate) fn say(line: &str) {
    println!("xtask: {line}");
}

/// Runs a program to its end; its failure is ours.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| shown(command))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a program quietly; none if it is not there or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command line, to be read and repeated.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
