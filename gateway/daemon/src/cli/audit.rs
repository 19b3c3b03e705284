//! `tidegate audit`: read and prove the record.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use audit::{Archive, Filter, Keys, Kind, Report};
use miette::{IntoDiagnostic, Result};
use store::{SqliteLedger, SqliteSubjects};

use super::{
    Audit, Format, Purpose, USAGE, block_on, copy, erase, expire, export, hold, pace::Pace, rows,
    search, table, verify,
};
use crate::{
    inquiries::{self, Intent},
    keyring,
};

pub(super) fn audit(command: Audit) -> Result<ExitCode> {
    block_on(async {
        match command {
            Audit::List {
                data,
                limit,
                kind,
                reason,
                output,
            } => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let kinds = kind.map(|kind| ("kind".to_owned(), kind.name().to_owned()));
                asked(&data.data, "list", reason, kinds.into_iter().collect()).await?;
                list(&data.data, limit, kind, output.output).await
            }
            Audit::Search {
                sought,
                period,
                limit,
                reason,
                data,
                output,
            } => {
                let criteria = sought.criteria();
                let stated = period.stated(criteria.stated());
                asked(&data.data, "search", reason, stated).await?;
                let mut archive = archive(&data.data).await?;
                search::search(&mut archive, &criteria, period, limit, output.output).await
            }
            Audit::Show {
                record,
                reason,
                data,
                output,
            } => {
                let which = [("record".to_owned(), record.to_string())];
                asked(&data.data, "show", reason, which.into()).await?;
                show(&data.data, record, output.output).await
            }
            Audit::Verify { what, output } => verify::verify(*what, output.output).await,
            Audit::Copy(what) => copy::copy(what).await,
            Audit::Erase(who) => erase::erase(who).await,
            Audit::Hold(asked) => hold::hold(asked).await,
            Audit::Expire(asked) => expire::expire(asked).await,
            Audit::Export(asked) => export::export(asked).await,
            Audit::Key { first, data } => {
                let keys = keyring::public_keys(&data.data)?;
                println!("{}", if first { keys.first() } else { &keys.current });
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

pub(super) async fn ledger(data: &Path) -> Result<SqliteLedger> {
    SqliteLedger::open_to_read(data).await.into_diagnostic()
}

pub(crate) async fn archive(data: &Path) -> Result<Archive> {
    let keys = Keys::from_keyring(&*keyring::open(data)?).into_diagnostic()?;
    let archive = Archive::new(Box::new(ledger(data).await?), keys).into_diagnostic()?;
    let subjects = SqliteSubjects::open_to_read(data).await.into_diagnostic()?;
    Ok(match subjects {
        Some(subjects) => archive.with_subjects(Box::new(subjects)),
        None => archive,
    })
}

/// Puts it on record that the log is read.
pub(super) async fn asked(
    data: &Path,
    command: &'static str,
    Purpose { purpose }: Purpose,
    criteria: BTreeMap<String, String>,
) -> Result<()> {
    let command = command.into();
    let intent = Intent {
        command,
        purpose,
        criteria,
    };
    inquiries::record(data, intent).await
}

/// What a verification of the log in `data` finds, by its own keyring's public key.
pub(super) async fn verdict(data: &Path, pace: &Pace) -> Result<Report> {
    let (mut ledger, authority) = (ledger(data).await?, keyring::authority(data)?);
    verify::judged(&mut ledger, authority, &[], pace).await
}

async fn list(data: &Path, limit: usize, kind: Option<Kind>, format: Format) -> Result<ExitCode> {
    let filter = Filter {
        limit,
        kind,
        ..Filter::default()
    };
    let entries = archive(data)
        .await?
        .list(filter, |_| true)
        .await
        .into_diagnostic()?;
    match format {
        Format::Json => println!(
            "{}",
            serde_json::to_string_pretty(&entries).into_diagnostic()?
        ),
        Format::Table => {
            table::print(&rows::HEADER, entries.iter().map(rows::row));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(data: &Path, record: u64, format: Format) -> Result<ExitCode> {
    let Some(shown) = archive(data).await?.show(record).await.into_diagnostic()? else {
        eprintln!("there is no record {record}");
        return Ok(ExitCode::from(USAGE));
    };
    let json = serde_json::to_value(&shown).into_diagnostic()?;
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&json).into_diagnostic()?),
        Format::Table => lines("", &json),
    }
    Ok(ExitCode::SUCCESS)
}

/// A record for people: one line a value.
fn lines(name: &str, value: &serde_json::Value) {
    let under = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}.{key}")
        }
    };
    match value {
        serde_json::Value::Object(members) => {
            members
                .iter()
                .for_each(|(key, member)| lines(&under(key), member));
        }
        serde_json::Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| lines(&under(&at.to_string()), item));
        }
        serde_json::Value::Null => {}
        serde_json::Value::String(text) => println!("{name:<44} {text}"),
        plain => println!("{name:<44} {plain}"),
    }
}
