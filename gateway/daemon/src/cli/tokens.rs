//! `tidegate tokens`: the gateway's own, which agents have for keys; and those that stand for values.

mod passes;
mod reveal;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Subcommand;
use identity::Revocable;
use miette::{IntoDiagnostic as _, Result};
use vault::{OperatorKey, TransformKeys};

use self::reveal::Asked;
use super::{Data, Why, revoke};

#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Give a pass to a process that runs already, and print it: what its libraries have for a key, good for
    /// nobody but it and what it starts.
    Issue(passes::Issue),
    /// Show the passes that the log says were given, and which of them are good.
    List(passes::List),
    /// Revoke a pass, or any other token, by its id.
    Revoke {
        /// Its id, as `list` and records have it.
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// Write a file of fresh keys for the hosts that share tokens (`tokenization.keys`).
    Keys {
        /// Where to; there must be no such file.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Write a fresh key of a person, and print its public half for `tokenization.reveal`.
    Operator {
        /// Where to; there must be no such file.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Agree that somebody else may see the value of a token; prints the approval to hand over.
    Approve {
        #[command(flatten)]
        asked: Asked,
        /// Who wants to see it.
        #[arg(long, value_name = "NAME")]
        operator: String,
    },
    /// Tell what a token stands for, once that is on record.
    Reveal {
        #[command(flatten)]
        asked: Asked,
        /// What `tokens approve` printed for a second person.
        #[arg(long, value_name = "TEXT")]
        approval: Option<String>,
        #[command(flatten)]
        data: Data,
    },
}

pub(crate) fn tokens(command: Tokens) -> Result<ExitCode> {
    match command {
        Tokens::Issue(asked) => passes::issue(&asked),
        Tokens::List(asked) => passes::list(asked),
        Tokens::Revoke { id, why } => revoke::change(Revocable::Token(Arc::from(id)), &why),
        Tokens::Keys { to } => {
            TransformKeys::create(&to).into_diagnostic()?;
            println!("{}", to.display());
            Ok(ExitCode::SUCCESS)
        }
        Tokens::Operator { to } => {
            println!("{}", OperatorKey::create(&to).into_diagnostic()?.public());
            Ok(ExitCode::SUCCESS)
        }
        Tokens::Approve { asked, operator } => reveal::approve(&asked, &operator),
        Tokens::Reveal {
            asked,
            approval,
            data,
        } => reveal::reveal(&asked, approval.as_deref(), &data.data),
    }
}
