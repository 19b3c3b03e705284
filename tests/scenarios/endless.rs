//! Bodies without end, and bodies that hardly come: bounded memory, a clear end, a record.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::{client::Reply, env, peers::trouble::endless, records, setup::Service};

use crate::world::World;

/// How much the daemon may grow while a body of any length streams through.
const GROWTH_KIB_MAX: u64 = 64 * 1024;
/// Between two bytes of a body that hardly comes.
const DRIP: Duration = Duration::from_millis(20);

/// How much more memory the daemon has held at its peak than before.
fn growth(world: &World, before: u64) -> Result<u64> {
    // Where the kernel counts lazily, a peak may be told as lower than it was told before.
    Ok(world.gateway.memory_peak_kib()?.saturating_sub(before))
}

/// The answer ended as its record says: whole, or refused, or broken off. A stream of events ends in
/// order then, in an event that says so.
fn is_on_record(world: &World, what: &str, reply: &Reply) -> Result<()> {
    let opening = reply
        .record()
        .with_context(|| format!("{what} left no record"))?;
    let closing = records::closing(&world.gateway, opening)?;
    let events = reply.header("content-type") == Some("text/event-stream");
    let released = reply.status == 200 && reply.whole && !events;
    ensure!(
        released == (closing.text("result") == "released"),
        "{what}: {} whole {} on record {}",
        reply.status,
        reply.whole,
        closing.0
    );
    Ok(())
}

#[test]
fn a_string_of_a_gigabyte_or_less_is_no_burden() -> Result<()> {
    let world = World::new()?;
    world
        .client
        .drain(&world.gateway.url("/trouble/big/1")?, &[])?;
    let megabytes = env::number(env::STREAM_MB, 24);
    for kind in endless::kinds() {
        let before = world.gateway.memory_peak_kib()?;
        let url = world
            .gateway
            .url(&format!("/trouble/word/{kind}-{megabytes}"))?;
        let (reply, bytes) = world.client.measure(&url, &[])?;
        let growth = growth(&world, before)?;
        ensure!(
            growth < GROWTH_KIB_MAX,
            "{kind}: {growth} KiB for {megabytes} MB"
        );
        is_on_record(&world, kind, &reply)?;
        // What was released is all of it, or the agent knows that it is not.
        let known = reply.status != 200 || !reply.whole || kind == "events";
        ensure!(known || bytes >= megabytes * 1_000_000, "{kind}: {bytes}");
    }
    world.finish()
}

#[test]
fn events_without_end_pass_until_their_reader_goes() -> Result<()> {
    let world = World::new()?;
    let before = world.gateway.memory_peak_kib()?;
    let mut stream = TcpStream::connect(world.gateway.listen(0)?)?;
    stream.write_all(b"GET /trouble/endless/events HTTP/1.1\r\nhost: gateway\r\n\r\n")?;
    let (mut text, mut piece) = (String::new(), vec![0; 64 * 1024]);
    let mut read = 0;
    while read < 8 << 20 {
        let bytes = stream.read(&mut piece)?;
        ensure!(bytes > 0, "it ended after {read} bytes");
        read += bytes;
        text = String::from_utf8_lossy(piece.get(..bytes).unwrap_or_default()).into_owned();
        ensure!(!text.contains("wrenfold"), "{text}");
    }
    ensure!(text.contains("t***@***.org"), "{text}");
    drop(stream);
    let growth = growth(&world, before)?;
    ensure!(growth < GROWTH_KIB_MAX, "{growth} KiB");
    // The end of the gateway waits for no reader that is gone; `finish` looks for open records.
    world.finish()
}

#[test]
fn an_event_without_end_is_broken_off() -> Result<()> {
    let world = World::new()?;
    for what in ["event", "comment"] {
        let before = world.gateway.memory_peak_kib()?;
        let url = world.gateway.url(&format!("/trouble/endless/{what}"))?;
        let (reply, _) = world.client.measure(&url, &[])?;
        let opening = reply.record().context("no record")?;
        let closing = records::closing(&world.gateway, opening)?;
        assert_ne!(closing.text("result"), "released", "{what}");
        let growth = growth(&world, before)?;
        ensure!(growth < GROWTH_KIB_MAX, "{what}: {growth} KiB");
    }
    world.finish()
}

/// The world with a troubled service that is not waited for long.
fn impatient() -> Result<World> {
    World::with_peers(|setup, peers| {
        let service = Service::new("hasty", &peers.trouble.url(), "DE")
            .set("timeout", json!("300ms"))
            .set("idle_timeout", json!("300ms"))
            .operation("one", "GET", "/{verb}")
            .operation("one.with", "GET", "/{verb}/{word}")
            .operation("post", "POST", "/{verb}");
        setup.service(service)
    })
}

#[test]
fn a_service_that_hardly_answers_meets_a_deadline() -> Result<()> {
    let world = impatient()?;
    // Silence, half a body and silence, and a byte now and then.
    for what in ["silent", "stall", "trickle/100"] {
        let reply = world
            .client
            .get(&world.gateway.url(&format!("/hasty/{what}"))?, &[])?;
        assert_eq!(reply.status, 504, "{what}: {}", reply.text());
        ensure!(
            reply.text().contains("upstream_timeout"),
            "{what}: {}",
            reply.text()
        );
        is_on_record(&world, what, &reply)?;
    }
    world.finish()
}

/// Sends the head of a request and what `body` sends, and reads the answer.
fn upload(
    world: &World,
    length: &str,
    body: impl Fn(&mut TcpStream) -> bool + Send + 'static,
) -> Result<String> {
    let mut stream = TcpStream::connect(world.gateway.listen(0)?)?;
    let head = format!(
        "POST /hasty/json HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\
         content-type: application/json\r\n{length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut writer = stream.try_clone()?;
    let (done, stop) = mpsc::channel::<()>();
    let writer = thread::spawn(move || while body(&mut writer) && stop.try_recv().is_err() {});
    let mut answer = Vec::new();
    // The gateway closes in the midst of an upload, which the kernel may tell as a reset.
    stream.read_to_end(&mut answer).ok();
    drop(done);
    drop(stream);
    ensure!(writer.join().is_ok(), "the writer panicked");
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn an_agent_that_hardly_sends_meets_a_deadline() -> Result<()> {
    let world = impatient()?;
    for length in ["content-length: 100000", "transfer-encoding: chunked"] {
        let chunked = length.contains("chunked");
        // Nothing at all; and a byte now and then, which no silence ends.
        let silent = upload(&world, length, |_| false)?;
        let drips = upload(&world, length, move |stream| {
            thread::sleep(DRIP);
            let byte: &[u8] = if chunked { b"1\r\n[\r\n" } else { b"[" };
            stream.write_all(byte).is_ok()
        })?;
        for answer in [silent, drips] {
            ensure!(answer.starts_with("HTTP/1.1 408"), "{length}: {answer}");
            ensure!(answer.contains("request_timeout"), "{length}: {answer}");
            let record = answer
                .lines()
                .find_map(|line| line.strip_prefix("tidegate-record: "));
            let record = record.context("no record")?.parse()?;
            let closing = records::closing(&world.gateway, record)?;
            assert_eq!(closing.text("result"), "refused", "{}", closing.0);
        }
    }
    world.finish()
}
