//! `tidegate audit verify`: what `tidegate-verify` does, of a log in place as well.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use audit::{
    Keys, Ledger, Report,
    checkpoint::Authority,
    export::{Manner, verify_in},
};
use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use proof::witness::{WitnessKey, Witnesses};
use store::PostgresLedger;

use super::{Format, USAGE, audit as log, copy, pace::Pace};
use crate::keyring;

/// What to verify: a log in place, or an export with the public key alone.
#[derive(Debug, Args)]
pub(super) struct Verified {
    /// The folder of the log.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["export", "postgres"])]
    data: Option<PathBuf>,
    /// The PostgreSQL of its copy, which is judged instead.
    #[arg(long, value_name = "URL", conflicts_with = "export")]
    postgres: Option<String>,
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
    let report = match (&what.export, &what.postgres, &what.data) {
        (Some(file), ..) => {
            let authority = authority(what.key.as_deref().unwrap_or_default())?;
            export(file, authority.with_witnesses(witnesses), &anchors)?
        }
        (None, Some(url), data) => {
            let keys = keys(data.as_deref(), what.key.as_deref())?;
            let log = keys.authority.origin().to_owned();
            let ledger = PostgresLedger::open_to_read(copy::place(url)?, &log).await;
            let mut ledger = ledger.into_diagnostic()?;
            in_place(&mut ledger, keys, witnesses, &anchors).await?
        }
        (None, None, Some(data)) => {
            let keys = keys(Some(data), what.key.as_deref())?;
            let mut ledger = log::ledger(data).await?;
            in_place(&mut ledger, keys, witnesses, &anchors).await?
        }
        (None, None, None) => return Ok(ExitCode::from(USAGE)),
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
    let (bytes, pace) = (opened.metadata().into_diagnostic()?.len(), Pace::alone());
    let manner = Manner {
        threads: pace.threads,
        from: None,
        told: &mut |progress, _| {
            pace.tell(progress.bytes, bytes);
            Ok(())
        },
    };
    verify_in(manner, BufReader::new(opened), authority, anchors).into_diagnostic()
}

/// What a log is judged by.
struct Judged {
    authority: Authority,
    /// Those in the log's folder: they say as well whether its data keys are its own.
    keys: Option<Keys>,
}

/// The keys that are there, unless another is given.
fn keys(data: Option<&Path>, key: Option<&str>) -> Result<Judged> {
    if let Some(key) = key {
        let (authority, keys) = (authority(key)?, None);
        return Ok(Judged { authority, keys });
    }
    let data = data.ok_or_else(|| {
        miette!(
            help = "`--key KEY`, the line that `tidegate audit key` prints, or `--data DIR`",
            "it is not said by which key to judge"
        )
    })?;
    let keys = Keys::from_keyring(&*keyring::open(data)?).into_diagnostic()?;
    Ok(Judged {
        authority: keys.authority().into_diagnostic()?,
        keys: Some(keys),
    })
}

/// A log in its store.
async fn in_place(
    ledger: &mut dyn Ledger,
    Judged { authority, keys }: Judged,
    witnesses: Witnesses,
    anchors: &[Vec<u8>],
) -> Result<Report> {
    let authority = authority.with_witnesses(witnesses);
    let mut report = judged(ledger, authority, anchors, &Pace::alone()).await?;
    if let Some(keys) = keys {
        let misplaced = audit::misplaced_keys(ledger, &keys).await;
        for finding in misplaced.into_diagnostic()? {
            report.find(finding);
        }
    }
    Ok(report)
}

/// What is found of a log in its store.
pub(super) async fn judged(
    ledger: &mut dyn Ledger,
    authority: Authority,
    anchors: &[Vec<u8>],
    pace: &Pace,
) -> Result<Report> {
    let mut told = |done, all| pace.tell(done, all);
    audit::verify_ledger_in(pace.threads, ledger, authority, anchors, &mut told)
        .await
        .into_diagnostic()
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
