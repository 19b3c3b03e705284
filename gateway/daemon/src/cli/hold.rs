//! `tidegate audit hold`: records that must be kept beyond their time, and data subjects who must not be erased.

use std::{path::Path, process::ExitCode};

use ::audit::{HeldSubjects, HoldScope, Subject};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Result, miette};
use serde_json::json;
use store::SqliteSubjects;

use super::{Data, FINDING, Format, Output, Purpose, audit, erase, expire, search, table};
use crate::{
    desk,
    erasure::Act,
    expiry::{HoldAsk, hold_name},
    inquiries::{Reply, Request, SOCKET, nobody},
    keyring,
};

/// What is to become of holds.
#[derive(Debug, Subcommand)]
pub(super) enum Asked {
    /// Keep records beyond their time, as for a claim at law (GDPR Art. 17(3)(e)), and whoever they are about from being
    /// erased.
    Add(Added),
    /// Keep them no longer than their time.
    Remove(Removed),
    /// The holds that are in force.
    List {
        #[command(flatten)]
        reason: Purpose,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        output: Output,
    },
}

/// What is held: all that is given must hold of a record.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(super) struct Added {
    /// About this data subject, as an operation or a task's scope binds it: `customer=C-771`.
    #[arg(long, value_name = "NAME=VALUE", group = "what",
        conflicts_with_all = ["agent", "session", "service", "from", "to", "name", "basis"])]
    subject: Option<Subject>,
    /// Of this agent.
    #[arg(long, value_name = "SPIFFE-ID", group = "what")]
    agent: Option<String>,
    /// Of this session.
    #[arg(long, value_name = "ID", group = "what")]
    session: Option<String>,
    /// With this service.
    #[arg(long, value_name = "NAME", group = "what")]
    service: Option<String>,
    /// From this time on: RFC 3339, or a day (which begins at midnight, UTC).
    #[arg(long, value_name = "TIME", group = "what", value_parser = search::time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", group = "what", value_parser = search::time)]
    to: Option<Timestamp>,
    /// What it is called, to be removed by; one is made up if none is given.
    #[arg(long)]
    name: Option<String>,
    /// The law or the case behind it.
    #[arg(long, value_name = "TEXT")]
    basis: Option<String>,
    /// Why; it stands in the record, so it must not name the subject.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    data: Data,
}

/// Which hold.
#[derive(Debug, Args)]
pub(super) struct Removed {
    /// The one of this name.
    #[arg(required_unless_present = "subject", conflicts_with = "subject")]
    name: Option<String>,
    /// The one of this data subject.
    #[arg(long, value_name = "NAME=VALUE")]
    subject: Option<Subject>,
    /// Why; it stands in the record, so it must not name the subject.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    data: Data,
}

pub(super) async fn hold(asked: Asked) -> Result<ExitCode> {
    match asked {
        Asked::Add(added) => add(added).await,
        Asked::Remove(removed) => remove(removed).await,
        Asked::List {
            reason,
            data,
            output,
        } => {
            audit::asked(&data.data, "hold list", reason, [].into()).await?;
            list(&data.data, output.output).await
        }
    }
}

async fn add(added: Added) -> Result<ExitCode> {
    let data = added.data;
    if let Some(subject) = added.subject {
        return erase::decide(Act::Hold, subject, added.reason, data).await;
    }
    let ask = HoldAsk {
        name: added.name.map_or_else(hold_name, Ok)?,
        reason: added.reason,
        basis: added.basis,
        scope: Some(HoldScope {
            agent: added.agent,
            session: added.session,
            service: added.service,
            from: added.from,
            until: added.to,
        }),
    };
    put(&data.data, ask, "held").await
}

async fn remove(removed: Removed) -> Result<ExitCode> {
    let (data, reason) = (removed.data, removed.reason);
    if let Some(subject) = removed.subject {
        return erase::decide(Act::Lift, subject, reason, data).await;
    }
    let ask = HoldAsk {
        name: removed.name.unwrap_or_default(),
        reason,
        basis: None,
        scope: None,
    };
    put(&data.data, ask, "no longer held").await
}

async fn put(data: &Path, ask: HoldAsk, said: &str) -> Result<ExitCode> {
    let name = ask.name.clone();
    match done(data, ask).await? {
        Ok(record) => {
            println!("{said} as `{name}`, as record {record} says");
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            eprintln!("refused: {reason}");
            Ok(ExitCode::from(FINDING))
        }
    }
}

/// Has it done by the gateway of this log if one runs, else does it.
async fn done(data: &Path, ask: HoldAsk) -> Result<Result<u64, String>> {
    match desk::ask(&data.join(SOCKET), &Request::Hold(ask.clone())) {
        Ok(Reply::Recorded(record)) => return Ok(Ok(record)),
        Ok(Reply::Refused(reason)) => return Ok(Err(reason)),
        Ok(_) => return Err(miette!("the gateway did something else")),
        Err(error) if nobody(&error) => {}
        Err(error) => return Err(error).into_diagnostic(),
    }
    let expirer = expire::alone(data).await?;
    let uid = rustix::process::getuid().as_raw();
    let held = expirer.hold(ask, uid).await;
    Ok(held.map_err(ToOwned::to_owned))
}

async fn list(data: &Path, format: Format) -> Result<ExitCode> {
    let standing = audit::archive(data).await?.standing().await;
    let standing = standing.into_diagnostic()?;
    let store = SqliteSubjects::open_to_read(data).await.into_diagnostic()?;
    let index = ::audit::BlindIndex::new(keyring::open(data)?.pseudonymizer());
    let subjects = match store {
        Some(mut store) => HeldSubjects::of(&mut store, index)
            .await
            .into_diagnostic()?,
        None => None,
    };
    let subjects = subjects.map_or(0, |subjects| subjects.len());
    match format {
        Format::Json => {
            let holds = standing
                .iter()
                .map(|it| json!({ "record": it.record, "hold": it.hold }));
            let told = json!({ "holds": holds.collect::<Vec<_>>(), "subjects": subjects });
            println!("{told}");
        }
        Format::Table => {
            let text = |it: Option<&String>| it.cloned().unwrap_or_default();
            let time = |it: Option<Timestamp>| it.map_or_else(String::new, |it| it.to_string());
            let rows = standing.iter().map(|it| {
                let scope = &it.hold.scope;
                vec![
                    it.hold.name.clone(),
                    it.record.to_string(),
                    text(scope.agent.as_ref()),
                    text(scope.session.as_ref()),
                    text(scope.service.as_ref()),
                    time(scope.from),
                    time(scope.until),
                    it.hold.reason.clone(),
                    text(it.hold.basis.as_ref()),
                ]
            });
            let columns = [
                "name", "record", "agent", "session", "service", "from", "to", "reason", "basis",
            ];
            table::print(&columns, rows);
            if subjects > 0 {
                println!("and {subjects} data subjects, whom no file names");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
