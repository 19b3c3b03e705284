//! `tidegate mcp`: what servers of MCP say of their tools, what changed of it, and who approves that.

mod difference;
mod streams;

use std::{collections::BTreeSet, process::ExitCode, sync::Arc};

use clap::Subcommand;
use miette::{Result, miette};
use proxy::{
    mcp::pins::{Bar, By, Digest, Pin, Pinning, TEXT_BYTES_MAX, Version},
    route::Speaks,
};
use serde_json::{Value, json};

use super::{Configured, FINDING, Format, Output};
use crate::{
    config::{self, Config},
    pins,
};

#[derive(Debug, Subcommand)]
pub(super) enum Mcp {
    /// List the tools, prompts and templates of resources that agents were shown lists of, whether what their
    /// servers say of them is approved, and what changed of it; exit code 1 if anything did.
    Tools {
        #[command(flatten)]
        config: Configured,
        /// Only those of this service.
        service: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Approve what a server says of a tool, by the digest that `tools` told. A running gateway takes it up
    /// at once.
    Approve {
        #[command(flatten)]
        config: Configured,
        /// The service.
        service: String,
        /// The tool, or an operation as `tools` lists it: `prompts/get/brief`.
        tool: String,
        /// The digest of what you have read.
        digest: Digest,
    },
    /// Run a server that speaks over standard streams, one process for each session, where whoever has the key
    /// reaches it over HTTP: an upstream of the gateway.
    Serve(streams::Served),
    /// Speak over standard streams to a server behind the gateway: what an agent starts in the server's place.
    Connect(streams::Connected),
}

pub(super) fn mcp(command: &Mcp) -> Result<ExitCode> {
    match command {
        Mcp::Serve(served) => streams::serve(served),
        Mcp::Connect(connected) => streams::connect(connected),
        Mcp::Tools {
            config,
            service,
            output,
        } => tools(
            &config::load(&config.config)?,
            service.as_deref(),
            output.output,
        ),
        Mcp::Approve {
            config,
            service,
            tool,
            digest,
        } => approve(&config::load(&config.config)?, (service, tool), *digest),
    }
}

/// The servers of MCP of a configuration.
fn servers(config: &Config) -> impl Iterator<Item = (&Arc<str>, &proxy::mcp::Mcp)> {
    config
        .services
        .iter()
        .filter_map(|service| match &service.speaks {
            Speaks::Mcp(mcp) => Some((&service.name, &**mcp)),
            Speaks::Paths(_) | Speaks::GraphQl(_) => None,
        })
}

fn known_server<'c>(config: &'c Config, name: &str) -> Result<&'c proxy::mcp::Mcp> {
    let found = servers(config).find(|(known, _)| ***known == *name);
    found.map(|(_, mcp)| mcp).ok_or_else(|| {
        let known: Vec<&str> = servers(config).map(|(name, _)| &**name).collect();
        let help = format!("services with `mcp` are: {}", known.join(", "));
        miette!(help = help, "there is no server of MCP `{name}`")
    })
}

fn tools(config: &Config, only: Option<&str>, format: Format) -> Result<ExitCode> {
    if let Some(name) = only {
        known_server(config, name)?;
    }
    let kept = pins::read(&config.data)?;
    let mut told = Vec::new();
    let none = Pin::default();
    for (service, mcp) in servers(config).filter(|(name, _)| only.is_none_or(|it| it == &***name)) {
        let known = kept.0.get(service);
        let listed = mcp.listed().map(Arc::clone);
        let operations: BTreeSet<Arc<str>> = listed.collect();
        for operation in operations {
            let pin = known.and_then(|known| known.get(&operation));
            let pin = pin.unwrap_or(&none);
            let state = state(pin, mcp.pinning);
            match format {
                Format::Table => print(service, &operation, state, pin),
                Format::Json => told.push(as_json(service, &operation, state, pin)),
            }
        }
    }
    if format == Format::Json {
        println!("{}", Value::Array(told));
    }
    let mut all = kept.0.iter().filter(|(service, _)| {
        let is_meant = only.is_none_or(|it| it == &***service);
        is_meant
            && servers(config).any(|(name, mcp)| name == *service && mcp.pinning != Pinning::Off)
    });
    let is_changed = |pin: &Pin| pin.bar() == Some(Bar::Changed);
    let any = all.any(|(_, operations)| operations.values().any(is_changed));
    Ok(ExitCode::from(if any { FINDING } else { 0 }))
}

fn state(pin: &Pin, pinning: Pinning) -> &'static str {
    match (pin.bar(), &pin.approved) {
        _ if pinning == Pinning::Off => "not compared",
        (Some(Bar::Changed), _) => "changed",
        (Some(Bar::Unapproved), _) => "new",
        // What the configuration approves may have been seen by nobody yet.
        (None, Some(approved)) if approved.text.is_none() && pin.by == Some(By::Configuration) => {
            "unseen"
        }
        (None, Some(_)) => "approved",
        (None, None) => "unseen",
    }
}

fn by(pin: &Pin) -> &'static str {
    match pin.by {
        Some(By::FirstUse) => "as it was seen first (`first_use`), by nobody",
        Some(By::Operator) => "by an operator",
        Some(By::Configuration) => "by the configuration",
        None => "",
    }
}

fn print(service: &str, operation: &str, state: &str, pin: &Pin) {
    println!("{service}  {operation}  {state}");
    if let Some(approved) = &pin.approved {
        println!(
            "  approved {}, {}, {}",
            approved.digest,
            by(pin),
            approved.at
        );
        hidden(approved);
        if let (Some(By::FirstUse), Some(text)) = (pin.by, &approved.text) {
            println!("  all that it says, for whoever approves it:");
            difference::all(text);
        }
    }
    let Some(seen) = &pin.seen else { return };
    println!("  says     {}, since {}", seen.digest, seen.at);
    hidden(seen);
    let approved = pin.approved.as_ref();
    let before = approved.and_then(|approved| approved.text.as_deref());
    match (before, &seen.text) {
        (Some(before), Some(after)) => difference::print(before, after),
        (None, Some(after)) => {
            if approved.is_some() {
                println!("  what is approved was never seen; this is all that it says:");
            }
            difference::all(after);
        }
        (_, None) => println!(
            "  it is longer than {TEXT_BYTES_MAX} bytes, which is not kept, and not approved"
        ),
    }
}

/// Says if a text holds what no reader sees.
fn hidden(version: &Version) {
    let text = version.text.as_deref().unwrap_or_default();
    let count = difference::hidden(text);
    if count > 0 {
        println!("  ! {count} of its characters are invisible to people, not to a model");
    }
}

fn as_json(service: &str, operation: &str, state: &str, pin: &Pin) -> Value {
    let text = |version: &Option<Version>| version.as_ref().and_then(|it| it.text.clone());
    let hidden =
        [&pin.approved, &pin.seen].map(|it| difference::hidden(&text(it).unwrap_or_default()));
    json!({
        "service": service,
        "operation": operation,
        "state": state,
        "approved": pin.approved,
        "by": pin.by,
        "seen": pin.seen,
        "invisible": hidden.iter().sum::<usize>(),
    })
}

fn approve(config: &Config, (service, tool): (&str, &str), digest: Digest) -> Result<ExitCode> {
    let mcp = known_server(config, service)?;
    let named: Arc<str> = format!("tools/call/{tool}").into();
    let operation = mcp
        .listed()
        .find(|known| **known == named || ***known == *tool);
    let Some(operation) = operation else {
        let help = "`tidegate mcp tools` lists what there is";
        return Err(miette!(help = help, "`{service}` has no tool `{tool}`"));
    };
    let configured = mcp.digests.iter().find(|(known, _)| known == operation);
    if let Some((_, configured)) = configured
        && *configured != digest
    {
        let help = "change `digest` there, and start the gateway anew";
        return Err(miette!(
            help = help,
            "the configuration approves `{configured}` of `{tool}` and nothing else"
        ));
    }
    let (approved, _) = pins::change(&config.data, |kept| {
        let pin = kept
            .0
            .get_mut(service)
            .and_then(|known| known.get_mut(operation));
        Ok(pin.is_some_and(|pin| pin.approve(digest)))
    })?;
    if approved {
        println!("{service}/{operation} is approved as it is in {digest}");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "`{service}` says something else of `{tool}`, or no list has shown it yet, or it is longer than \
         {TEXT_BYTES_MAX} bytes: `tidegate mcp tools {service}` tells the digest of what it says now"
    );
    Ok(ExitCode::from(FINDING))
}
