//! `lab sessions`: scripted sessions, normal ones and attacks, through the engine of behaviour.
//!
//! Agents of eight kinds work for four weeks, which teach, and for four more, of which each session with
//! a verdict is a false alarm. Then each agent is attacked in eight ways, loud and low. Half of the set is
//! for choosing thresholds; the other half has other seeds and wider ranges, and is only looked at.

mod agent;
mod attack;
mod chance;
mod normal;
mod script;
mod table;
mod trial;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};

use self::agent::{TUNING, UNSEEN};

/// What to do with the results.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The document that keeps them, to compare with.
    #[arg(long)]
    table: Option<PathBuf>,
    /// Write them there instead.
    #[arg(long, requires = "table")]
    write: bool,
    /// Show the half that thresholds are chosen by, and nothing of the other.
    #[arg(long, conflicts_with = "table")]
    tuning: bool,
}

#[expect(clippy::print_stdout, reason = "results are what this program is for")]
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.tuning {
        print!("{}", table::half(&TUNING, &trial::play(&TUNING))?);
        return Ok(ExitCode::SUCCESS);
    }
    let results = results()?;
    print!("{results}");
    let Some(path) = &arguments.table else {
        return Ok(ExitCode::SUCCESS);
    };
    let document = std::fs::read_to_string(path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    if arguments.write {
        let document = table::replaced(&document, &results);
        std::fs::write(path, document.context("the document has no place for it")?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if table::kept(&document) == Some(&results) {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nother results than those in `{}`", path.display());
    Ok(ExitCode::FAILURE)
}

/// The tables of both halves.
fn results() -> Result<String> {
    let mut out = String::new();
    for half in [&TUNING, &UNSEEN] {
        out.push_str(&table::half(half, &trial::play(half))?);
    }
    out.push('\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_comes_out() {
        let document = include_str!("../../../docs/behaviour.md");
        let kept = table::kept(document).unwrap();
        assert!(
            kept == results().unwrap(),
            "look at `cargo xtask eval --sessions`, and keep it with `--write`"
        );
    }
}
