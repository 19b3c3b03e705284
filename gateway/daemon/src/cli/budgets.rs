//! `tidegate budgets`: what is used of the budgets, as the running gateway has it.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use http::Uri;
use identity::SpiffeId;
use miette::{IntoDiagnostic as _, Result, miette};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proxy::{Upstream, jwks};

use super::{Configured, Format, Output, block_on, flows::operators_address, table};
use crate::spent::{ANSWER_BYTES_MAX, Line, Spent};

#[derive(Debug, Args)]
pub(super) struct Asked {
    #[command(flatten)]
    config: Configured,
    /// The gateway's admin address; else the one that the configuration names.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Only those of this agent, or of its tasks.
    #[arg(long, value_name = "SPIFFE-ID")]
    agent: Option<SpiffeId>,
    /// Only those of this session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn budgets(asked: &Asked) -> Result<ExitCode> {
    let admin = operators_address(asked.admin, &asked.config.config)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Another part of the process may have installed it first; it is the same one.
    let _installed_before = provider.install_default();
    let tls = Upstream::tls(None).into_diagnostic()?;
    let told = block_on(async {
        let answer = jwks::fetch_within(&tls, place(asked, admin)?, ANSWER_BYTES_MAX).await;
        answer.map_err(|error| unanswered(&error, admin))
    })?;
    let spent: Spent = serde_json::from_str(&told).into_diagnostic()?;
    match asked.output.output {
        Format::Json => {
            for line in &spent.used {
                println!("{}", serde_json::to_string(line).into_diagnostic()?);
            }
        }
        Format::Table => {
            let columns = ["budget", "whose", "meter", "used", "of", "%", "anew in"];
            table::print(&columns, spent.used.iter().map(row));
        }
    }
    if spent.cut {
        eprintln!("there are more; `--agent` and `--session` say whose");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where to ask.
fn place(asked: &Asked, admin: SocketAddr) -> Result<Uri> {
    let quoted = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let agent = asked.agent.as_ref();
    let agent = agent.map(|agent| format!("agent={}", quoted(agent.as_str())));
    let session = asked.session.as_ref();
    let session = session.map(|session| format!("session={}", quoted(session)));
    let query: Vec<String> = agent.into_iter().chain(session).collect();
    format!("http://{admin}/budgets?{}", query.join("&"))
        .parse()
        .into_diagnostic()
}

fn row(line: &Line) -> Vec<String> {
    let of = |kind: &str, who: &Option<String>| {
        // What a token says is not for the terminal to act upon.
        let who = who.as_ref()?.escape_debug();
        Some(format!("{kind}{who}"))
    };
    let whose = [
        of("", &line.agent),
        of("task ", &line.task),
        of("session ", &line.session),
    ];
    let anew = line.renews_in.map(|seconds| format!("{seconds} s"));
    vec![
        line.budget.clone(),
        whose.into_iter().flatten().collect::<Vec<_>>().join(", "),
        line.meter.clone(),
        line.used.to_string(),
        line.allowed.to_string(),
        line.percent.to_string(),
        anew.unwrap_or_default(),
    ]
}

fn unanswered(error: &jwks::JwksFault, admin: SocketAddr) -> miette::Report {
    match error {
        jwks::JwksFault::Status(404) => miette!(
            help = "`budgets` says what agents may use up",
            "the gateway has no budgets"
        ),
        _ => miette!(
            help = "is it running, and is this its `admin` address?",
            "no budgets from the gateway at {admin}"
        ),
    }
}
