//! `tidegate audit verify`: what `tidegate-verify` does, of a log in place or in a bucket as well.

mod bucket;
mod remote;

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use audit::{
    Keys, Ledger, Report, Sitting,
    checkpoint::Authority,
    export::{Manner, verify_in},
};
use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use proof::{
    bookmark::Kept,
    witness::{WitnessKey, Witnesses},
};
use serde::Serialize;
use store::PostgresLedger;

use self::{bucket::Locks, remote::InBucket};
use super::{Format, USAGE, audit as log, copy, pace::Pace};
use crate::keyring;

/// What to verify: a log in place, in a bucket, or an export with the public key alone.
#[derive(Debug, Args)]
pub(super) struct Verified {
    /// The folder of the log.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["export", "postgres", "bucket"])]
    data: Option<PathBuf>,
    /// The PostgreSQL of its copy, which is judged instead.
    #[arg(long, value_name = "URL", conflicts_with_all = ["export", "bucket"])]
    postgres: Option<String>,
    /// An export.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "bucket"], requires = "key")]
    export: Option<PathBuf>,
    #[command(flatten)]
    bucket: InBucket,
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
    /// A file in which is kept how far it came, so that the same command goes on from there. It vouches for what was
    /// judged before: keep it where nobody else writes.
    #[arg(long, value_name = "FILE")]
    bookmark: Option<PathBuf>,
    /// Leave aside what is in that file, and begin anew.
    #[arg(long, requires = "bookmark")]
    afresh: bool,
}

/// What was found, and of a bucket how it is locked.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<InBucketTold>,
}

/// What only a bucket has.
#[derive(Serialize)]
struct InBucketTold {
    /// Checkpoints that are kept there, all of which were held against the log.
    kept: u64,
    locks: Locks,
}

impl Told {
    /// For people; the last line is the verdict.
    fn lines(&self) -> Vec<String> {
        let mut lines = self.report.lines();
        if let Some(told) = &self.bucket {
            let kept = format!("kept         {} checkpoints in the bucket", told.kept);
            let at = lines.len().min(3);
            lines.splice(at..at, [kept].into_iter().chain(told.locks.lines()));
        }
        lines
    }
}

pub(super) async fn verify(what: Verified, format: Format) -> Result<ExitCode> {
    let anchors: io::Result<Vec<_>> = what.checkpoint.iter().map(fs::read).collect();
    let anchors = anchors.into_diagnostic();
    let anchors = anchors.wrap_err("the checkpoint cannot be read")?;
    let witnesses = witnesses(&what.witness, what.quorum)?;
    let kept = Kept::new(what.bookmark.as_deref(), what.afresh).into_diagnostic();
    let kept = kept.wrap_err("the bookmark cannot be removed")?;
    let (data, key) = (what.data.as_deref(), what.key.as_deref());
    let mut bucket = None;
    let report = match (&what.export, &what.postgres, data) {
        (Some(file), ..) => {
            let authority = authority(key.unwrap_or_default())?;
            export(file, authority.with_witnesses(witnesses), &anchors, kept)?
        }
        _ if what.bucket.is_asked() => {
            let authority = keys(data, key)?.authority.with_witnesses(witnesses);
            let (report, told) = what.bucket.verify(authority, anchors, kept).await?;
            bucket = Some(told);
            report
        }
        (None, Some(url), data) => {
            let keys = keys(data, key)?;
            let log = keys.authority.origin().to_owned();
            let ledger = PostgresLedger::open_to_read(copy::place(url)?, &log).await;
            let mut ledger = ledger.into_diagnostic()?;
            in_place(&mut ledger, url, keys.with(witnesses), &anchors, kept).await?
        }
        (None, None, Some(data)) => {
            let keys = keys(Some(data), key)?;
            let mut ledger = log::ledger(data).await?;
            let place = fs::canonicalize(data).into_diagnostic()?;
            let place = place.display().to_string();
            in_place(&mut ledger, &place, keys.with(witnesses), &anchors, kept).await?
        }
        (None, None, None) => return Ok(ExitCode::from(USAGE)),
    };
    let code = report.verdict.code();
    let told = Told { report, bucket };
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&told).into_diagnostic()?),
        Format::Table => println!("{}", told.lines().join("\n")),
    }
    Ok(ExitCode::from(code))
}

/// Says that what an earlier sitting left is of no use.
fn begun_anew<T>(from: Option<&T>, report: &Report) {
    if from.is_some() && report.resumed.is_none() {
        eprintln!(
            "the bookmark was of another log, key, place or checkpoint, or the log is not what it was: all was judged anew"
        );
    }
}

fn export(
    file: &Path,
    authority: Authority,
    anchors: &[Vec<u8>],
    mut kept: Kept,
) -> Result<Report> {
    let opened = File::open(file).into_diagnostic();
    let opened = opened.wrap_err_with(|| format!("`{}` cannot be read", file.display()))?;
    let (bytes, pace) = (opened.metadata().into_diagnostic()?.len(), Pace::alone());
    let from = kept.read().into_diagnostic()?;
    let manner = Manner {
        threads: pace.threads,
        from: from.clone(),
        told: &mut |progress, bookmark| {
            pace.tell(progress.bytes, bytes);
            kept.write(bookmark)
        },
    };
    let report = verify_in(manner, BufReader::new(opened), authority, anchors);
    let report = report.into_diagnostic()?;
    begun_anew(from.as_ref(), &report);
    kept.done();
    Ok(report)
}

/// What a log is judged by.
struct Judged {
    authority: Authority,
    /// Those in the log's folder: they say as well whether its data keys are its own.
    keys: Option<Keys>,
}

impl Judged {
    fn with(mut self, witnesses: Witnesses) -> Self {
        self.authority = self.authority.with_witnesses(witnesses);
        self
    }
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

/// A log in its store, in as many sittings as it takes.
async fn in_place(
    ledger: &mut dyn Ledger,
    place: &str,
    Judged { authority, keys }: Judged,
    anchors: &[Vec<u8>],
    mut kept: Kept,
) -> Result<Report> {
    let bar = Pace::alone();
    let from = kept.read().into_diagnostic()?;
    let sitting = Sitting {
        threads: bar.threads,
        place: Some(place),
        from: from.clone(),
        told: &mut |judged, all, bookmark| {
            bar.tell(judged, all);
            kept.write(bookmark)
        },
    };
    let report = audit::verify_ledger_sitting(sitting, ledger, authority, anchors).await;
    let mut report = report.into_diagnostic()?;
    begun_anew(from.as_ref(), &report);
    if let Some(keys) = keys {
        let misplaced = audit::misplaced_keys(ledger, &keys).await;
        for finding in misplaced.into_diagnostic()? {
            report.find(finding);
        }
    }
    kept.done();
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
