//! `tidegate audit verify`: what `tidegate-verify` does, of a log in place as well.

use std::{
    fs::{self, File},
    io::{self, BufReader, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use audit::{
    Keys, Report,
    checkpoint::Authority,
    export::{Manner, verify_in},
};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use proof::{
    parallel,
    witness::{WitnessKey, Witnesses},
};

use super::{Format, USAGE, audit as log};
use crate::keyring;

/// What to verify: a log in place, or an export with the public key alone.
#[derive(Debug, Args)]
pub(super) struct Verified {
    /// The folder of the log.
    #[arg(long, value_name = "DIR", required_unless_present = "export")]
    data: Option<PathBuf>,
    /// An export.
    #[arg(long, value_name = "FILE", conflicts_with = "data", requires = "key")]
    export: Option<PathBuf>,
    /// The public key: the line that `audit key` prints, or a file that holds it.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A checkpoint that was kept elsewhere, which the log must continue; may be given again.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The public key of a witness that is trusted, or a file that holds it; may be given again.
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
    /// How many of the witnesses must have signed the end of the log; all, if absent.
    #[arg(long, value_name = "N", requires = "witness")]
    quorum: Option<usize>,
}

pub(super) async fn verify(what: Verified, format: Format) -> Result<ExitCode> {
    let anchors: io::Result<Vec<_>> = what.checkpoint.iter().map(fs::read).collect();
    let anchors = anchors.into_diagnostic();
    let anchors = anchors.wrap_err("the checkpoint cannot be read")?;
    let witnesses = witnesses(&what.witness, what.quorum)?;
    let report = match (&what.export, &what.data) {
        (Some(file), _) => {
            let authority = authority(what.key.as_deref().unwrap_or_default())?;
            export(file, authority.with_witnesses(witnesses), &anchors)?
        }
        (None, Some(data)) => in_place(data, what.key.as_deref(), witnesses, &anchors).await?,
        (None, None) => return Ok(ExitCode::from(USAGE)),
    };
    match format {
        Format::Json => println!(
            "{}",
            serde_json::to_string_pretty(&report).into_diagnostic()?
        ),
        Format::Table => println!("{}", report.lines().join("\n")),
    }
    Ok(ExitCode::from(report.verdict.code()))
}

fn export(file: &Path, authority: Authority, anchors: &[Vec<u8>]) -> Result<Report> {
    let opened = File::open(file).into_diagnostic();
    let opened = opened.wrap_err_with(|| format!("`{}` cannot be read", file.display()))?;
    let bar = bar(opened.metadata().into_diagnostic()?.len());
    let manner = Manner {
        threads: parallel::threads(),
        from: None,
        told: &mut |progress, _| {
            bar.set_position(progress.bytes);
            Ok(())
        },
    };
    let report = verify_in(manner, BufReader::new(opened), authority, anchors);
    bar.finish_and_clear();
    report.into_diagnostic()
}

/// A log in its folder. By the keys that are there, unless another is given: then they say as well whether its data
/// keys are its own.
async fn in_place(
    data: &Path,
    key: Option<&str>,
    witnesses: Witnesses,
    anchors: &[Vec<u8>],
) -> Result<Report> {
    let keys = match key {
        Some(_) => None,
        None => Some(Keys::from_keyring(&keyring::open(data)?).into_diagnostic()?),
    };
    let key = match (key, &keys) {
        (Some(key), _) => key.to_owned(),
        (None, Some(keys)) => keys.signer.verifier_key(),
        (None, None) => String::new(),
    };
    let mut ledger = log::ledger(data).await?;
    let (bar, authority) = (bar(0), authority(&key)?.with_witnesses(witnesses));
    let mut told = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let threads = parallel::threads();
    let judged = audit::verify_ledger_in(threads, &mut ledger, authority, anchors, &mut told).await;
    bar.finish_and_clear();
    let mut report = judged.into_diagnostic()?;
    if let Some(keys) = keys {
        let misplaced = audit::misplaced_keys(&mut ledger, &keys).await;
        for finding in misplaced.into_diagnostic()? {
            report.find(finding);
        }
    }
    Ok(report)
}

/// A bar on a terminal; nothing elsewhere.
fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// The key itself, or a file that holds it.
pub(super) fn authority(key: &str) -> Result<Authority> {
    Authority::parse(text(key)?.trim()).map_err(|error| {
        miette!(
            help = "give the line that `tidegate audit key` prints, or a file that holds it",
            "{error}"
        )
    })
}

fn witnesses(keys: &[String], quorum: Option<usize>) -> Result<Witnesses> {
    let parsed = keys.iter().map(|key| {
        WitnessKey::parse(&text(key)?).map_err(|error| {
            miette!(
                help = "give the line that `tidegate witness key` prints, or a file that holds it",
                "{error}"
            )
        })
    });
    let parsed = parsed.collect::<Result<Vec<_>>>()?;
    let quorum = quorum.unwrap_or(parsed.len());
    Witnesses::new(parsed, quorum).into_diagnostic()
}

/// What was given, or what is in the file of that name.
fn text(key: &str) -> Result<String> {
    if Path::new(key).is_file() {
        return fs::read_to_string(key).into_diagnostic();
    }
    Ok(key.to_owned())
}
