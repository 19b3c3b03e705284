//! `tidegate revoke`: an agent, a session, a token or everything stops within a second.

use std::{path::Path, process::ExitCode, sync::Arc};

use identity::Revocable;
use miette::{IntoDiagnostic as _, Result};

use super::{FINDING, Revoke, Why, table};
use crate::revoked;

pub(crate) fn revoke(command: &Revoke) -> Result<ExitCode> {
    let (what, why) = match command {
        Revoke::List { data } => return list(&data.data),
        Revoke::Everything { why } => (Revocable::Everything, why),
        Revoke::Agent { id, why } => (Revocable::Agent(Arc::from(id.as_str())), why),
        Revoke::Session { id, why } => (Revocable::Session(Arc::from(id.as_str())), why),
        Revoke::Token { id, why } => (Revocable::Token(Arc::from(id.as_str())), why),
    };
    change(what, why)
}

/// Revokes, or takes that back.
pub(super) fn change(what: Revocable, Why { reason, lift, data }: &Why) -> Result<ExitCode> {
    if let Revocable::Agent(id) = &what {
        // A mistyped one would be revoked, and nobody stopped.
        id.parse::<identity::SpiffeId>().into_diagnostic()?;
    }
    let said = format!("{} {}", what.kind(), what.id());
    if *lift {
        if revoked::change(&data.data, |revoked| revoked.0.remove(&what))?.is_none() {
            eprintln!("{} is not revoked", said.trim_end());
            return Ok(ExitCode::from(FINDING));
        }
        println!("{} may call again", said.trim_end());
    } else {
        revoked::add(&data.data, what, reason.as_deref().unwrap_or_default())?;
        println!("{} is revoked", said.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

fn list(data: &Path) -> Result<ExitCode> {
    let revoked = revoked::read(data)?;
    let rows = revoked.0.iter();
    let rows = rows.map(|(what, reason)| {
        vec![
            what.kind().to_owned(),
            what.id().to_owned(),
            reason.to_string(),
        ]
    });
    table::print(&["what", "id", "reason"], rows);
    Ok(ExitCode::SUCCESS)
}
