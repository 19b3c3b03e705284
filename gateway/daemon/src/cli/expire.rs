//! `tidegate audit expire`: destroys what is due, or says what is.

use std::{path::Path, process::ExitCode};

use ::audit::{Keys, Plan, Trail};
use clap::Args;
use miette::{IntoDiagnostic as _, Result, miette};
use serde_json::json;
use store::SqliteLedger;

use super::{Data, FINDING, Format, Output, audit, rows, table};
use crate::{
    desk,
    expiry::{self, Expired, Expirer},
    inquiries::{Reply, Request, SOCKET, nobody},
    keyring, publication,
};

/// What is due, by the terms that its data keys have.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// Only say what would be destroyed, and what a hold keeps.
    #[arg(long)]
    dry_run: bool,
    /// The days of which the log has no records went by: what is due behind them goes, too.
    #[arg(long)]
    across_gap: bool,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn expire(asked: Asked) -> Result<ExitCode> {
    let data = &asked.data.data;
    let format = asked.output.output;
    if asked.dry_run {
        drop(audit::ledger(data).await?);
        show(&expiry::plan(data, asked.across_gap).await?, format);
        return Ok(ExitCode::SUCCESS);
    }
    match done(data, asked.across_gap).await? {
        Ok(done) => {
            match format {
                Format::Json => println!("{}", serde_json::to_string(&done).into_diagnostic()?),
                Format::Table => say(done),
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            eprintln!("refused: {reason}");
            Ok(ExitCode::from(FINDING))
        }
    }
}

fn say(done: Expired) {
    let Expired {
        keys,
        records,
        again,
        held,
        record,
        amiss,
    } = done;
    match record {
        Some(record) => println!(
            "expired: {records} records, whose {keys} keys are destroyed, as record {record} and those behind it say"
        ),
        None => println!("nothing is due"),
    }
    if again > 0 {
        println!(
            "{again} keys were there again that the log says are destroyed; they are destroyed again"
        );
    }
    for why in amiss {
        eprintln!("{why}");
    }
    if held > 0 {
        println!("{held} keys are held (`tidegate audit hold list`)");
    }
}

fn show(plan: &Plan, format: Format) {
    let each = plan.due.iter().map(|due| due.expiry(super::now(), None));
    let each: Vec<_> = each.zip(&plan.due).collect();
    if matches!(format, Format::Json) {
        let due = each.iter().map(|(expiry, due)| {
            json!({
                "key": expiry.key, "day": rows::day(expiry.day), "class": expiry.class, "days": expiry.days,
                "basis": expiry.basis, "records": expiry.records, "first": expiry.first, "last": expiry.last,
                "held": due.held,
            })
        });
        let told = json!({
            "due": due.collect::<Vec<_>>(), "again": plan.again, "strange": plan.strange, "more": plan.more, "behind": plan.behind,
        });
        println!("{told}");
        return;
    }
    let rows = each.iter().map(|(expiry, due)| {
        vec![
            expiry.key.to_string(),
            rows::day(expiry.day),
            expiry.class.clone(),
            expiry.days.to_string(),
            expiry.records.to_string(),
            due.held.clone().unwrap_or_default(),
        ]
    });
    table::print(&["key", "day", "class", "days", "records", "held by"], rows);
    if let Some(why) = (!plan.behind.is_empty()).then_some(plan.behind.len()) {
        println!(
            "and {why} more, if the days of which the log has no records went by (`--across-gap`)"
        );
    }
    if plan.more {
        println!("and more, once these are gone");
    }
}

/// Has it done by the gateway of this log if one runs, else does it.
async fn done(data: &Path, across_gap: bool) -> Result<Result<Expired, String>> {
    match desk::ask(&data.join(SOCKET), &Request::Expire { across_gap }) {
        Ok(Reply::Expired(done)) => return Ok(Ok(done)),
        Ok(Reply::Refused(reason)) => return Ok(Err(reason)),
        Ok(_) => return Err(miette!("the gateway did something else")),
        Err(error) if nobody(&error) => {}
        Err(error) => return Err(error).into_diagnostic(),
    }
    let expirer = alone(data).await?;
    let uid = rustix::process::getuid().as_raw();
    expirer.expire(Some(uid), across_gap).await.map(Ok)
}

/// Whoever does it where no gateway runs. The lock stays with it, so none starts meanwhile.
pub(super) async fn alone(data: &Path) -> Result<Expirer> {
    drop(audit::ledger(data).await?);
    publication::check_folder(data).await?;
    let ledger = SqliteLedger::open(data).await.into_diagnostic()?;
    let keys = Keys::from_keyring(&*keyring::open(data)?).into_diagnostic()?;
    let trail = Trail::start(Box::new(ledger), keys).into_diagnostic()?;
    Ok(Expirer::new(data.to_owned(), trail))
}
