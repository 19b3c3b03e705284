//! The vendors' own SDKs, unchanged, through the gateway: what they hand out is redacted, and what
//! refuses them is their own error.

mod anthropic;
mod bounds;
mod gemini;
mod grpc;
mod mcp;
mod oidc;
mod openai;
mod policy;
mod stripe;
mod twilio;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use tests::{
    gateway::Gateway,
    peers::{
        Peer,
        vendor::{CLEAN, EMAIL, KEY, SSN},
    },
    records,
    sdks::{Calls, Language, Made},
    setup::{Service, Setup},
};

use crate::world::{path_selector, verified};

const AGENT: &str = "spiffe://tests.example/agent/sdk";

/// A gateway before one vendor, called by one SDK.
struct Vendor {
    peer: Peer,
    gateway: Gateway,
    language: Language,
    host: &'static str,
}

impl Vendor {
    /// The vendor `name` behind the gateway, with these operations.
    fn start(
        (name, router): (&str, Router),
        operations: &[(&str, &str, &str)],
        language: Language,
    ) -> Result<Self> {
        let peer = Peer::serve(router, "127.0.0.1:0", None)?;
        // Not every library takes a path before its own, so the host names the service.
        let service = Service::hosted(name, "localhost", &peer.url(), "US");
        let gateway = gateway(language, service, operations)?;
        Ok(Self {
            peer,
            gateway,
            language,
            host: "localhost",
        })
    }

    /// What the SDK makes of everything that its script calls.
    fn calls(&self, sdk: &str, more: &[(&str, &str)]) -> Result<Calls> {
        let port = self.gateway.listen(0)?.port();
        let url = format!("http://{}:{port}", self.host);
        let mut variables = vec![("SDK_URL", url.as_str()), ("SDK_KEY", KEY)];
        variables.extend(more);
        self.language.calls(sdk, &variables)
    }

    /// Stops the gateway; every exchange is on record, and closed.
    fn finish(mut self) -> Result<()> {
        self.gateway.stop()?;
        let log = records::list(&self.gateway)?;
        let opened = log.iter().filter(|record| record.kind() == "open").count();
        ensure!(opened > 0, "nothing is on record");
        let report = verified(&self.gateway)?;
        let open = report.get("open").and_then(|open| open.as_array());
        let open = open.context("no list of open ones")?;
        ensure!(open.is_empty(), "{report}");
        Ok(())
    }
}

/// A gateway before `service`, for whoever runs this SDK.
fn gateway(
    language: Language,
    service: Service,
    operations: &[(&str, &str, &str)],
) -> Result<Gateway> {
    let service = operations
        .iter()
        .fold(service, |service, (id, method, path)| {
            service.operation(id, method, path)
        });
    let setup = Setup::new()
        .agent(AGENT, &[path_selector(&language.program()?)], "optional")
        .service(service)
        .policy(policy::POLICY);
    Gateway::start(&setup)
}

/// What was handed out is the clean part of what was said, and nothing of what is personal.
fn is_redacted(made: &Made) -> Result<()> {
    let value = made.value()?;
    ensure!(value.contains(CLEAN), "{value}");
    is_clean(value)
}

fn is_clean(text: &str) -> Result<()> {
    let (name, domain) = EMAIL.split_once('@').context("an address")?;
    for planted in [EMAIL, name, domain, SSN, "8471"] {
        ensure!(!text.contains(planted), "{planted} in {text}");
    }
    Ok(())
}

/// The error says so, as the vendor or the gateway wrote it.
fn says(made: &Made, words: &str) -> Result<()> {
    ensure!(made.message().contains(words), "{}", made.message());
    Ok(())
}

/// The error is of this class, with this status where the SDK tells one.
fn is_error(made: &Made, class: &str, status: Option<u64>) -> Result<()> {
    let (raised, told) = made.error()?;
    ensure!(raised == class, "{raised} for {class}: {}", made.message());
    ensure!(
        told == status || status.is_none(),
        "{told:?}: {}",
        made.message()
    );
    is_clean(made.message())
}

/// A stream that was broken off: the SDK raised this class, after it had handed out what came before.
fn is_broken_off(made: &Made, class: &str) -> Result<()> {
    is_error(made, class, None)?;
    ensure!(made.seen().contains(CLEAN), "{:?}", made.seen());
    let card = tests::peers::vendor::card();
    ensure!(
        !made.seen().contains(card.get(..4).unwrap_or(&card)),
        "{:?}",
        made.seen()
    );
    ensure!(made.message().contains("pci.pan"), "{}", made.message());
    Ok(())
}
