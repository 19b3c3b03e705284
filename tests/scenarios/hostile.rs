//! Upstreams and agents that do not play by the rules.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use anyhow::{Context as _, Result, ensure};
use tests::records;

use crate::world::World;

/// Sends `request` as it is and reads until the gateway is done.
fn raw(world: &World, request: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(world.gateway.listen(0)?)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn get(path: &str, fields: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n{fields}\r\n")
        .into_bytes()
}

#[test]
fn an_upstreams_own_words_stay_there() -> Result<()> {
    let world = World::new()?;
    let answer = raw(&world, &get("/trouble/echo/whisper", ""))?;
    let status = answer.lines().next().context("no status line")?;
    assert_eq!(status, "HTTP/1.1 500 Internal Server Error");
    world.finish()
}

#[test]
fn a_length_is_not_believed() -> Result<()> {
    let world = World::new()?;
    let reply = world.client.get(&world.gateway.url("/trouble/lie")?, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    ensure!(
        reply.whole && reply.body.ends_with(b"}"),
        "{}",
        reply.text()
    );
    ensure!(
        !reply.text().contains("tamsel.wrenfold@example.org"),
        "{}",
        reply.text()
    );
    world.finish()
}

#[test]
fn a_redirect_leads_on_without_its_page() -> Result<()> {
    let world = World::new()?;
    let reply = world
        .client
        .get(&world.gateway.url("/trouble/moved")?, &[])?;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("location"), Some("/elsewhere"));
    assert!(reply.body.is_empty(), "{}", reply.text());
    world.finish()
}

#[test]
fn nobody_switches_protocols_unasked() -> Result<()> {
    let world = World::new()?;
    let reply = world
        .client
        .get(&world.gateway.url("/trouble/switch")?, &[])?;
    assert_eq!(reply.status, 502, "{}", reply.text());
    world.finish()
}

#[test]
fn two_tokens_are_no_token() -> Result<()> {
    let world = World::new()?;
    let answer = raw(
        &world,
        &get("/crm/items/1", "tidegate-token: a\r\ntidegate-token: b\r\n"),
    )?;
    ensure!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    ensure!(answer.contains("token_invalid"), "{answer}");
    world.finish()
}

#[test]
fn two_hosts_are_no_host() -> Result<()> {
    let world = World::new()?;
    let answer = raw(&world, &get("/crm/items/1", "host: other\r\n"))?;
    ensure!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    world.finish()
}

#[test]
fn an_early_answer_hides_no_upload() -> Result<()> {
    let world = World::new()?;
    let mut stream = TcpStream::connect(world.gateway.listen(0)?)?;
    let head = "POST /trouble/early HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\
                content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    let row = format!(
        "{{\"email\":\"tamsel.wrenfold@example.org\",\"pad\":\"{}\"}},",
        "x".repeat(900)
    );
    let chunk = row.repeat(100);
    // More than is judged before the upstream hears of it, and no end in sight.
    stream.write_all(format!("{:x}\r\n[{chunk}\r\n", chunk.len() + 1).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let record = answer
        .lines()
        .find_map(|line| line.strip_prefix("tidegate-record: "));
    let record = record
        .with_context(|| format!("no record in {answer}"))?
        .parse()?;
    let closing = records::closing(&world.gateway, record)?;
    let request = closing.find("request").context("no request")?;
    ensure!(request["received"].as_u64() > Some(64 * 1024), "{request}");
    let found: u64 = request["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["count"].as_u64())
        .sum();
    ensure!(found > 60, "{request}");
    world.finish()
}

#[test]
fn whoever_says_nothing_does_not_hold_up_the_end() -> Result<()> {
    let mut world = World::new()?;
    let silent = TcpStream::connect(world.gateway.listen(0)?)?;
    let status = world.gateway.stop()?;
    ensure!(status.success(), "{status}");
    let noticed = world.gateway.stderr();
    ensure!(
        !noticed.contains("still open at the drain deadline"),
        "{noticed}"
    );
    drop(silent);
    world.finish()
}
