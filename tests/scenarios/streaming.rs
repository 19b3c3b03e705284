//! Large bodies pass in bounded memory, and troubled upstreams end in order.

use anyhow::{Context, Result, ensure};
use tests::{env, records};

use crate::world::World;

/// How much the daemon may grow while a body of any length streams through.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

#[test]
fn a_gigabyte_or_less_streams_in_bounded_memory() -> Result<()> {
    let world = World::new()?;
    // A first exchange, so that what is needed once is there already.
    world
        .client
        .drain(&world.gateway.url("/trouble/big/1")?, &[])?;
    let before = world.gateway.memory_peak_kib()?;
    let megabytes = env::number(env::STREAM_MB, 64);
    let url = world.gateway.url(&format!("/trouble/big/{megabytes}"))?;
    let (status, bytes) = world.client.drain(&url, &[])?;
    assert_eq!(status, 200);
    ensure!(bytes > megabytes * 500_000, "only {bytes} bytes came");
    // Where the kernel counts lazily, a peak may be told as lower than it was told before.
    let growth = world.gateway.memory_peak_kib()?.saturating_sub(before);
    ensure!(
        growth < GROWTH_KIB_MAX,
        "{megabytes} MB cost {growth} KiB of memory"
    );
    world.finish()
}

#[test]
fn an_upstream_that_breaks_off_is_recorded() -> Result<()> {
    let world = World::new()?;
    for path in ["reset", "short", "garbage"] {
        let reply = world
            .client
            .get(&world.gateway.url(&format!("/trouble/{path}"))?, &[])?;
        ensure!(
            reply.status == 502 || !reply.whole,
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
        let opening = reply
            .record()
            .with_context(|| format!("{path} left no record"))?;
        let closing = records::closing(&world.gateway, opening)?;
        assert_ne!(closing.text("result"), "released", "{path}");
    }
    world.finish()
}

#[test]
fn a_trickle_arrives_whole() -> Result<()> {
    let world = World::new()?;
    let fast = world
        .client
        .get(&world.gateway.url("/trouble/json")?, &[])?;
    let slow = world
        .client
        .get(&world.gateway.url("/trouble/trickle")?, &[])?;
    assert_eq!(slow.status, 200, "{}", slow.text());
    ensure!(slow.whole, "it broke off");
    assert_eq!(slow.body, fast.body);
    world.finish()
}

#[test]
fn nobody_upstream_is_502() -> Result<()> {
    let address = tests::peers::trouble::nobody()?;
    let service = tests::setup::Service::new("gone", &format!("http://{address}"), "DE");
    let service = service.operation("any", "GET", "/{word}");
    let world = World::with(|setup| setup.service(service))?;
    let reply = world.client.get(&world.gateway.url("/gone/x")?, &[])?;
    assert_eq!(reply.status, 502, "{}", reply.text());
    let closing = records::closing(&world.gateway, reply.record().context("no record")?)?;
    assert_eq!(closing.text("result"), "upstream_failed");
    world.finish()
}
