//! Protocols: HTTP/2, TLS 1.2 and 1.3, keep-alive, both ends hanging up, stopping in good order.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use http::Version;
use rustix::process::Signal;
use rustls::version::{TLS12, TLS13};
use tests::{client::Client, gateway::POLL, records};

use crate::world::World;

/// How long a record may take to be there on a busy machine.
const RECORD_MAX: Duration = Duration::from_mins(1);

#[test]
fn http1_and_http2_over_both_tls_versions_carry_the_same() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.tls_url("/crm/items/7")?;
    for version in [&TLS12, &TLS13] {
        for (http2, expected) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
            let client = Client::tls(&world.certificate.authority, version, http2)?;
            let reply = client.get(&url, &[])?;
            assert_eq!(
                (reply.status.as_u16(), reply.version),
                (200, expected),
                "{}",
                reply.text()
            );
            assert_eq!(reply.json()?["item"], "7");
            ensure!(reply.record().is_some(), "no record");
        }
    }
    world.finish()
}

#[test]
fn a_connection_is_kept_for_more_requests() -> Result<()> {
    let world = World::new()?;
    let mut stream = TcpStream::connect(world.gateway.listen(0)?)?;
    for item in ["1", "2", "3"] {
        let request = format!("GET /crm/items/{item} HTTP/1.1\r\nhost: gateway\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let mut piece = [0u8; 4096];
            let read = stream.read(&mut piece)?;
            ensure!(
                read > 0,
                "the connection was closed after {} bytes",
                answer.len()
            );
            answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
        ensure!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    world.finish()
}

#[test]
fn an_agent_that_hangs_up_leaves_a_closed_record() -> Result<()> {
    let world = World::new()?;
    let mut stream = TcpStream::connect(world.gateway.listen(0)?)?;
    stream.write_all(b"GET /trouble/silent HTTP/1.1\r\nhost: gateway\r\n\r\n")?;
    let opened = wait_for(&world, "an opening", |record| record.kind() == "open")?;
    drop(stream);
    let closed = wait_for(&world, "its closing", |record| {
        record.number("opening") == opened
    })?;
    ensure!(closed.is_some(), "no closing");
    world.finish()
}

#[test]
fn a_stop_in_good_order_closes_every_record() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.url("/trouble/trickle/10")?;
    let caller = thread::spawn(move || Client::plain()?.get(&url, &[]));
    wait_for(&world, "an opening", |record| record.kind() == "open")?;
    world.gateway.signal(Signal::TERM)?;
    let reply = caller
        .join()
        .map_err(|_| anyhow!("the caller panicked"))??;
    ensure!(
        reply.status == 200 && reply.whole,
        "the running exchange was cut: {reply:?}"
    );
    world.finish()
}

#[test]
fn the_operators_address_answers_and_the_agents_does_not_lead_there() -> Result<()> {
    let world = World::new()?;
    for path in ["/livez", "/readyz", "/metrics"] {
        let reply = world.client.get(&world.gateway.admin_url(path)?, &[])?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let reply = world.client.get(&world.gateway.url(path)?, &[])?;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
    }
    world.finish()
}

#[test]
fn an_upstream_may_speak_tls() -> Result<()> {
    let certificate = tests::certificate::Certificate::for_loopback()?;
    let server = certificate.server(&["http/1.1"])?;
    let peer = tests::peers::start("crm", "127.0.0.1:0", tests::people::Home::De, Some(&server))?;
    let upstream = format!("https://localhost:{}", peer.address().port());
    let service = tests::setup::Service::new("sealed", &upstream, "DE");
    let service = service.operation("item.read", "GET", "/items/{item}");
    let world = World::with(|setup| setup.service(service).trust(&certificate.authority))?;
    let reply = world
        .client
        .get(&world.gateway.url("/sealed/items/5")?, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()?["item"], "5");
    // One whose certificate nobody vouches for gets no request.
    let world_without = World::with(|setup| {
        let service = tests::setup::Service::new("sealed", &upstream, "DE");
        setup.service(service.operation("item.read", "GET", "/items/{item}"))
    })?;
    let reply = world_without
        .client
        .get(&world_without.gateway.url("/sealed/items/5")?, &[])?;
    assert_eq!(reply.status, 502, "{}", reply.text());
    world_without.finish()?;
    world.finish()
}

/// Waits until the log holds such a record, and gives its index.
fn wait_for(
    world: &World,
    what: &str,
    wanted: impl Fn(&records::Record) -> bool,
) -> Result<Option<u64>> {
    let deadline = Instant::now() + RECORD_MAX;
    while Instant::now() < deadline {
        let log = records::list(&world.gateway).context("the log")?;
        if let Some(record) = log.iter().find(|record| wanted(record)) {
            return Ok(record.index());
        }
        thread::sleep(POLL);
    }
    bail!("the log never held {what}")
}
