//! What a token stands for, which two people may have to agree on.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use vault::OperatorKey;

use crate::{
    cli::{FINDING, now},
    desk,
    reveal::{APPROVER, ASKER, Reply, Request, SOCKET, Signed, statement},
};

/// What is asked, by whom.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The token: `tok_pii.email_...`.
    token: String,
    /// What for; it stands in the record.
    #[arg(long)]
    purpose: String,
    /// Your name in the configuration.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// Your key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Prints the approval of what somebody else asks.
pub(super) fn approve(asked: &Asked, operator: &str) -> Result<ExitCode> {
    let approval = sign(asked, APPROVER, operator)?;
    println!("{}", serde_json::to_string(&approval).into_diagnostic()?);
    Ok(ExitCode::SUCCESS)
}

fn sign(asked: &Asked, role: &str, whose: &str) -> Result<Signed> {
    let key = OperatorKey::open(&asked.key).into_diagnostic()?;
    let at = now().as_second();
    let stated = statement(role, &asked.token, &asked.purpose, whose, at);
    Ok(Signed {
        operator: asked.name.clone(),
        at,
        signature: key.sign(&stated).into_diagnostic()?,
    })
}

/// Prints the value.
pub(super) fn reveal(asked: &Asked, approval: Option<&str>, data: &Path) -> Result<ExitCode> {
    let approval = approval.map(serde_json::from_str).transpose();
    let request = Request {
        token: asked.token.clone(),
        purpose: asked.purpose.clone(),
        asked: sign(asked, ASKER, &asked.name)?,
        approval: approval.into_diagnostic().wrap_err(
            "the approval cannot be read: give the whole line that `tokens approve` printed",
        )?,
    };
    let socket = data.join(SOCKET);
    let reply = desk::ask(&socket, &request).map_err(|error| {
        miette!(
            help =
                "the gateway of this log must run, with `tokenization.reveal` in its configuration",
            "`{}` does not answer: {error}",
            socket.display()
        )
    })?;
    match reply {
        Reply::Value(value) => {
            println!("{value}");
            Ok(ExitCode::SUCCESS)
        }
        Reply::Refused(reason) => {
            eprintln!("refused: {reason}");
            Ok(ExitCode::from(FINDING))
        }
    }
}
