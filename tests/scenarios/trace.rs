//! One trace an exchange, at a real collector.

use anyhow::{Context, Result, ensure};
use tests::{collector::Collector, records};

use crate::world::{HERE, World};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[test]
fn an_exchange_is_a_server_span_with_a_client_span_below() -> Result<()> {
    let collector = Collector::start()?;
    let world = World::with(|setup| setup.telemetry(&collector.endpoint(), 1.0))?;
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let headers = [("traceparent", traceparent.as_str())];
    let reply = world
        .client
        .get(&world.gateway.url("/crm/customers/C-771")?, &headers)?;
    assert_eq!(reply.status, 200, "{}", reply.text());

    let spans = collector.trace(TRACE, 2)?;
    let of_kind = |kind: &str| spans.iter().find(|span| span.kind == kind);
    let server = of_kind("SERVER").with_context(|| format!("no server span: {spans:?}"))?;
    let client = of_kind("CLIENT").with_context(|| format!("no client span: {spans:?}"))?;
    assert_eq!(server.parent_id, PARENT, "the caller's trace goes on");
    assert_eq!(client.parent_id, server.span_id);
    ensure!(
        server.name.contains("/customers/{customer}"),
        "{}",
        server.name
    );
    ensure!(!server.name.contains("C-771"), "{}", server.name);
    let attribute = |name: &str| server.attributes.get(name).map(String::as_str);
    assert_eq!(attribute("http.request.method"), Some("GET"));
    assert_eq!(attribute("http.response.status_code"), Some("200"));
    assert_eq!(
        attribute("process.pid"),
        Some(std::process::id().to_string().as_str())
    );
    ensure!(
        server.attributes.values().any(|value| value == HERE),
        "{:?}",
        server.attributes
    );
    ensure!(
        server.start_ns <= client.start_ns && client.end_ns <= server.end_ns,
        "{spans:?}"
    );

    // One jumps both ways between span and record.
    let index = reply.record().context("no record")?;
    assert_eq!(
        attribute("audit.record.id"),
        Some(index.to_string().as_str())
    );
    assert_eq!(records::show(&world.gateway, index)?.text("trace"), TRACE);
    ensure!(
        spans
            .iter()
            .flat_map(|span| &span.events)
            .any(|event| { event.attributes.values().any(|value| value == "pii.email") }),
        "findings are events with class and path: {spans:?}"
    );
    world.finish()
}

#[test]
fn a_collector_that_is_away_changes_nothing() -> Result<()> {
    let address = tests::peers::trouble::nobody()?;
    let world = World::with(|setup| setup.telemetry(&format!("http://{address}"), 1.0))?;
    let reply = world.client.get(&world.gateway.url("/crm/items/1")?, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    world.finish()
}
