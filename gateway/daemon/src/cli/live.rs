//! What a running gateway tells of agents and sessions, at its admin address.

use std::net::SocketAddr;

use clap::Args;
use http::Uri;
use identity::SpiffeId;
use miette::{IntoDiagnostic as _, Result, miette};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proxy::{Upstream, jwks};
use serde::de::DeserializeOwned;

use super::{Configured, Output, block_on, flows::operators_address};

#[derive(Debug, Args)]
pub(super) struct Asked {
    #[command(flatten)]
    config: Configured,
    /// The gateway's admin address; else the one that the configuration names.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Only of this agent.
    #[arg(long, value_name = "SPIFFE-ID")]
    agent: Option<SpiffeId>,
    /// Only of this session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What is asked for: its path, the longest answer in bytes, and what it is that a gateway may not have, with the key of
/// the configuration that gives it one.
pub(super) struct Live {
    pub(super) path: &'static str,
    pub(super) bytes_max: usize,
    pub(super) lacking: (&'static str, &'static str),
}

/// Asks.
pub(super) fn told<T: DeserializeOwned>(asked: &Asked, live: &Live) -> Result<T> {
    let admin = operators_address(asked.admin, &asked.config.config)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Another part of the process may have installed it first; it is the same one.
    let _installed_before = provider.install_default();
    let tls = Upstream::tls(None).into_diagnostic()?;
    let place = place(asked, live.path, admin)?;
    let told = block_on(async {
        let answer = jwks::fetch_within(&tls, place, live.bytes_max).await;
        answer.map_err(|error| unanswered(&error, live, admin))
    })?;
    serde_json::from_str(&told).into_diagnostic()
}

/// Where to ask.
fn place(asked: &Asked, path: &str, admin: SocketAddr) -> Result<Uri> {
    let quoted = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let agent = asked.agent.as_ref();
    let agent = agent.map(|agent| format!("agent={}", quoted(agent.as_str())));
    let session = asked.session.as_ref();
    let session = session.map(|session| format!("session={}", quoted(session)));
    let query: Vec<String> = agent.into_iter().chain(session).collect();
    format!("http://{admin}{path}?{}", query.join("&"))
        .parse()
        .into_diagnostic()
}

fn unanswered(error: &jwks::JwksFault, live: &Live, admin: SocketAddr) -> miette::Report {
    let (what, help) = live.lacking;
    match error {
        jwks::JwksFault::Status(404) => miette!(help = help, "the gateway has no {what}"),
        _ => miette!(
            help = "is it running, and is this its `admin` address?",
            "no {what} from the gateway at {admin}"
        ),
    }
}
