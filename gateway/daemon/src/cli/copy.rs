//! `tidegate audit copy`: a log from the folder to a PostgreSQL, or from there into a folder.

use std::process::ExitCode;

use ::audit::{Copier, Ledger};
use clap::Args;
use miette::{IntoDiagnostic, Result, miette};
use store::{PostgresLedger, PostgresPlace, SqliteLedger};

use super::{Data, audit, pace::Pace};
use crate::keyring;

/// Between what is copied. A log goes on from one place only: what copies elsewhere is a copy.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Copied {
    #[command(flatten)]
    place: Ends,
    #[command(flatten)]
    data: Data,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Ends {
    /// The PostgreSQL to copy to, without a password: libpq's `PGPASSWORD` or password file have that.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The PostgreSQL to copy from, into the folder `--data`, which has the log's `keyring.json`.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
}

pub(super) async fn copy(what: Copied) -> Result<ExitCode> {
    let data = &what.data.data;
    let authority = keyring::authority(data)?;
    let log = authority.origin();
    let size = match (&what.place.to, &what.place.from) {
        (Some(url), _) => {
            let mut from = audit::ledger(data).await?;
            let to = PostgresLedger::open(place(url)?, log).await;
            follow(&mut from, Box::new(to.into_diagnostic()?)).await?
        }
        (None, Some(url)) => {
            let from = PostgresLedger::open_to_read(place(url)?, log).await;
            // Which no gateway writes.
            let to = SqliteLedger::open(data).await.into_diagnostic()?;
            follow(&mut from.into_diagnostic()?, Box::new(to)).await?
        }
        (None, None) => return Err(miette!("say `--to` or `--from`")),
    };
    eprintln!("{size} records are in the copy; `tidegate audit verify` judges it");
    Ok(ExitCode::SUCCESS)
}

/// A PostgreSQL whose password is not among the arguments, which everybody on a host may read.
pub(super) fn place(url: &str) -> Result<PostgresPlace> {
    PostgresPlace::parse(url).map_err(|error| {
        miette!(
            help = "such as `postgres://tidegate@db.example/audit?sslmode=verify-full`; a password comes from \
                    `PGPASSWORD` or libpq's password file",
            "the URL: {error}"
        )
    })
}

/// Copies what `from` has beyond `to`, and closes that; gives how many records there are.
pub(super) async fn follow(from: &mut dyn Ledger, mut to: Box<dyn Ledger>) -> Result<u64> {
    let pace = Pace::alone();
    let copier = Copier::begin(from, to.as_mut()).await;
    let mut copier = copier.into_diagnostic()?;
    let size = loop {
        let step = copier.step(from, to.as_mut()).await.into_diagnostic()?;
        pace.tell(step.size, step.of);
        if step.size == step.of {
            break step.size;
        }
    };
    drop(pace);
    let expired = copier.expire(from, to.as_mut()).await;
    expired.into_diagnostic()?;
    to.close().await.into_diagnostic()?;
    Ok(size)
}
