//! Passes: given to processes that run, and listed by what the log says of them. The log is the one register of
//! them: nobody has to keep another true.

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode, sync::Arc};

use audit::{Kind, Opening, Span};
use clap::Args;
use identity::{Revocable, Revoked};
use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Result, miette};
use proxy::pass::{LIFETIME_MAX, OPERATION, Wanted};
use serde::Serialize;

use crate::{
    cli::{
        Data, Format, Output, Purpose, audit as log, block_on,
        exec::{Gateway, SOCKET},
        now, table,
    },
    launch::Request,
    revoked,
};

/// For which process, and what.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The agent that the process is, if its selectors have `tidegate:exec` with your user id.
    #[arg(long, value_name = "AGENT")]
    agent: String,
    /// The process, which must be yours.
    #[arg(long)]
    pid: u32,
    /// A service or operation (`crm/customer.read`) that it is good for; all if none is named.
    #[arg(long, value_name = "NAME")]
    only: Vec<Box<str>>,
    /// Seconds that it lives; 900 if absent.
    #[arg(long, value_name = "SECONDS")]
    lifetime: Option<u32>,
    /// The running gateway's socket, as `exec.socket` names it.
    #[arg(long, value_name = "FILE", default_value = SOCKET)]
    socket: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Which passes.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Also those that are expired or revoked, as far as a day back.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    reason: Purpose,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    output: Output,
}

pub(super) fn issue(asked: &Issue) -> Result<ExitCode> {
    let request = Request {
        agent: Some(asked.agent.clone()),
        sealed: false,
        pass: Some(Wanted {
            only: asked.only.clone(),
            lifetime_seconds: asked.lifetime.map(i64::from),
        }),
        instead: Some(asked.pid),
    };
    let pass = Gateway::ask(&asked.socket, &request)?.grant.pass;
    let pass = pass.ok_or_else(|| miette!("the gateway gave no pass"))?;
    match asked.output.output {
        Format::Json => println!("{}", serde_json::to_string(&pass).into_diagnostic()?),
        Format::Table => {
            println!("{}", pass.token);
            eprintln!("pass {}, good until {}", pass.id, pass.expires_at);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A pass, as the log and the revocations have it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Given {
    id: String,
    state: State,
    agent: String,
    process: String,
    only: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    /// The record.
    record: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Expired,
    Revoked,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

pub(super) fn list(asked: List) -> Result<ExitCode> {
    let data = &asked.data.data;
    let given = block_on(async {
        log::asked(data, "tokens", asked.reason, [].into()).await?;
        let revoked = revoked::read(data)?;
        let now = now();
        let mut archive = log::archive(data).await?;
        // Older ones are past whatever they were given for.
        let span = Span {
            from: Some(now - LIFETIME_MAX),
            kinds: BTreeSet::from([Kind::Open]),
            ..Span::default()
        };
        let mut matters = archive.matters(span).await.into_diagnostic()?;
        let mut given = Vec::new();
        while let Some(matter) = matters.next().await.into_diagnostic()? {
            let opening = matter.opening().filter(|_| matter.outcome().is_some());
            let pass = opening.and_then(|it| read(matter.entry.index, it, &revoked, now));
            given.extend(pass.filter(|pass| asked.all || pass.state == State::Good));
        }
        Ok(given)
    })?;
    match asked.output.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&given).into_diagnostic()?;
            println!("{text}");
        }
        Format::Table => table::print(
            &[
                "id", "state", "agent", "process", "only", "expires", "record",
            ],
            given.into_iter().map(|pass| {
                vec![
                    pass.id,
                    pass.state.name().to_owned(),
                    pass.agent,
                    pass.process,
                    pass.only,
                    pass.expires_at.to_string(),
                    pass.record.to_string(),
                ]
            }),
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// The pass that a record is about, if it is about one.
fn read(record: u64, opening: &Opening, revoked: &Revoked, now: Timestamp) -> Option<Given> {
    let operation = &opening.operation;
    if (&*operation.service, &*operation.operation) != OPERATION {
        return None;
    }
    let bound = |name: &str| operation.bound.get(name).map(String::as_str);
    let id = bound("pass")?;
    let expires_at: Timestamp = bound("expires")?.parse().ok()?;
    let caller = &opening.caller;
    let shown = caller.token.as_ref().and_then(|token| token.id.as_deref());
    let from = bound("from").map(serde_json::from_str::<Vec<String>>);
    let from = from.and_then(Result::ok).unwrap_or_default();
    let from = from.iter().map(String::as_str);
    let tokens = [id].into_iter().chain(shown).chain(from);
    let agent = caller.agent.as_deref().unwrap_or_default();
    let session = caller.session.as_deref().map(Arc::from);
    let mut revocable = [Revocable::Everything, Revocable::Agent(Arc::from(agent))]
        .into_iter()
        .chain(session.map(Revocable::Session))
        .chain(tokens.map(|id| Revocable::Token(Arc::from(id))));
    let state = if expires_at <= now {
        State::Expired
    } else if revocable.any(|it| revoked.0.contains_key(&it)) {
        State::Revoked
    } else {
        State::Good
    };
    let process = caller.process.as_ref();
    Some(Given {
        id: id.to_owned(),
        state,
        agent: agent.to_owned(),
        process: process.map_or_else(String::new, |it| {
            format!("{}[{}]", it.comm.escape_default(), it.pid)
        }),
        only: bound("only")
            .unwrap_or_default()
            .escape_default()
            .to_string(),
        issued_at: opening.at,
        expires_at,
        record,
    })
}
