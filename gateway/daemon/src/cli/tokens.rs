//! `tidegate tokens`: keys, approvals, and what a token stands for.

use std::{path::Path, process::ExitCode};

use miette::{IntoDiagnostic, Result, WrapErr, miette};
use vault::{OperatorKey, TransformKeys};

use super::{Asked, FINDING, Tokens, now};
use crate::{
    desk,
    reveal::{APPROVER, ASKER, Reply, Request, SOCKET, Signed, statement},
};

pub(crate) fn tokens(command: &Tokens) -> Result<ExitCode> {
    match command {
        Tokens::Keys { to } => {
            TransformKeys::create(to).into_diagnostic()?;
            println!("{}", to.display());
            Ok(ExitCode::SUCCESS)
        }
        Tokens::Operator { to } => {
            println!("{}", OperatorKey::create(to).into_diagnostic()?.public());
            Ok(ExitCode::SUCCESS)
        }
        Tokens::Approve { asked, operator } => {
            let approval = sign(asked, APPROVER, operator)?;
            println!("{}", serde_json::to_string(&approval).into_diagnostic()?);
            Ok(ExitCode::SUCCESS)
        }
        Tokens::Reveal {
            asked,
            approval,
            data,
        } => reveal(asked, approval.as_deref(), &data.data),
    }
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

fn reveal(asked: &Asked, approval: Option<&str>, data: &Path) -> Result<ExitCode> {
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
