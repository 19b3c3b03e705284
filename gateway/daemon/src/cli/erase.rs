//! `tidegate audit erase`: a data subject leaves the record; and `hold` of one who must not.

use std::{path::Path, process::ExitCode, sync::Arc};

use ::audit::{BlindIndex, Keys, Subject, Subjects, Trail};
use clap::Args;
use miette::{IntoDiagnostic as _, Result, miette};
use store::{SqliteLedger, SqliteSubjects};

use super::{Data, FINDING, audit};
use crate::{
    desk,
    erasure::{Act, Ask, Done, Eraser},
    inquiries::{Reply, Request, SOCKET, nobody},
    keyring, publication,
};

/// Who is to be erased, and why.
#[derive(Debug, Args)]
pub(super) struct Erased {
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct Who {
    /// The data subject, as an operation or a task's scope binds it: `customer=C-771`.
    #[arg(long, value_name = "NAME=VALUE")]
    subject: Subject,
    /// Why; it stands in the record, so it must not name the subject.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    data: Data,
}

pub(super) async fn erase(Erased { who }: Erased) -> Result<ExitCode> {
    decide(Act::Erase, who.subject, who.reason, who.data).await
}

/// Does it, or says why not.
pub(super) async fn decide(
    act: Act,
    subject: Subject,
    reason: String,
    data: Data,
) -> Result<ExitCode> {
    let data = data.data;
    let ask = Ask {
        act,
        subject: subject.to_string(),
        reason,
    };
    match done(&data, ask).await? {
        Ok((record, keys)) => {
            match act {
                Act::Erase => println!("erased: {keys} keys destroyed, as record {record} says"),
                Act::Hold => println!("held, as record {record} says"),
                Act::Lift => println!("no longer held, as record {record} says"),
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            eprintln!("refused: {reason}");
            Ok(ExitCode::from(FINDING))
        }
    }
}

/// Has it done by the gateway of this log if one runs, else does it.
async fn done(data: &Path, ask: Ask) -> Result<Result<Done, String>> {
    match desk::ask(&data.join(SOCKET), &Request::Erase(ask.clone())) {
        Ok(Reply::Done(record, keys)) => return Ok(Ok((record, keys))),
        Ok(Reply::Refused(reason)) => return Ok(Err(reason)),
        Ok(_) => return Err(miette!("the gateway did something else")),
        Err(error) if nobody(&error) => {}
        Err(error) => return Err(error).into_diagnostic(),
    }
    drop(audit::ledger(data).await?);
    // The lock stays with the trail, so no gateway starts meanwhile.
    publication::check_folder(data).await?;
    let ledger = SqliteLedger::open(data).await.into_diagnostic()?;
    let keyring = keyring::open(data)?;
    let store = SqliteSubjects::open(data).await.into_diagnostic()?;
    let keys = Keys::from_keyring(&keyring).into_diagnostic()?;
    let provider = Arc::clone(&keys.provider);
    let index = BlindIndex::new(keyring.pseudonymizer());
    let log = keyring.log().to_owned();
    let (subjects, keeper) = Subjects::new(Box::new(store), log, provider, index);
    let keeper = tokio::spawn(keeper);
    let trail = Trail::start(Box::new(ledger), keys).into_diagnostic()?;
    let eraser = Eraser {
        subjects,
        trail,
        data: data.to_owned(),
        budgets: None,
    };
    let uid = rustix::process::getuid().as_raw();
    let acted = eraser.act(&ask, uid).await;
    drop(eraser);
    keeper.await.into_diagnostic()?;
    Ok(acted.map_err(ToOwned::to_owned))
}
