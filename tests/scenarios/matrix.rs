//! A session for customer C-771 reaches no other, whatever way the parameter travels and however it is
//! disguised: every way by every disguise, made by a generator, with the service as the judge.

mod carriers;
mod disguises;

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Mutex,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::{
    peers::{Peer, witness::Witness},
    setup::Service,
};

use self::carriers::{CARRIERS, Carrier, Shot};
use crate::world::{HERE, World};

/// Whom the task is about, and whom it is not.
const OWN: &str = "C-771";
const OTHER: &str = "C-332";

/// Requests under way at a time.
const ASKING: usize = 4;
/// For an answer to come.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Sends a request as it is written, and gives the status; 0 if it is not answered, 403 if the answer is
/// an error in the words of the message's protocol.
fn send(address: SocketAddr, shot: &Shot, token: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let Shot { line, fields, body } = shot;
    let mut request = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\ntidegate-token: {token}\r\nconnection: close\r\n{fields}"
    );
    if !body.is_empty() {
        write!(request, "content-length: {}\r\n", body.len())?;
    }
    request.push_str("\r\n");
    request.push_str(body);
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // Who is not understood may be hung up on.
    stream.read_to_end(&mut answer).ok();
    let head = String::from_utf8_lossy(&answer);
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    let refused = status == Some(200) && head.contains("\"reason\":\"");
    Ok(if refused { 403 } else { status.unwrap_or(0) })
}

/// Sends all, some at a time, each with what came of it.
fn send_all(address: SocketAddr, shots: &[Shot], token: &str) -> Result<Vec<u16>> {
    let next = Mutex::new(shots.iter().enumerate());
    let ask = || -> Result<Vec<(usize, u16)>> {
        let mut went = Vec::new();
        loop {
            let following = next.lock().map(|mut next| next.next());
            let Ok(Some((index, shot))) = following else {
                return Ok(went);
            };
            went.push((index, send(address, shot, token)?));
        }
    };
    let mut went = thread::scope(|scope| {
        let asking: Vec<_> = (0..ASKING).map(|_| scope.spawn(ask)).collect();
        let joined = asking.into_iter().map(|it| it.join().ok());
        let joined = joined.map(|it| it.context("a thread ended early")?);
        joined.collect::<Result<Vec<_>>>()
    })?
    .concat();
    went.sort_unstable();
    Ok(went.into_iter().map(|(_, status)| status).collect())
}

fn world(peer: &Peer) -> Result<World> {
    let rest = Service::new("w", &peer.url(), "DE")
        .operation("path", "GET", "/path/{customer}")
        .governed(
            "query",
            "GET",
            "/query",
            json!({ "query": { "customer": "customer" } }),
        )
        .governed(
            "header",
            "GET",
            "/header",
            json!({ "header": { "customer": "x-customer" } }),
        )
        .governed(
            "body",
            "POST",
            "/body",
            json!({ "body": { "customer": "customer" } }),
        )
        .governed(
            "nested",
            "POST",
            "/nested",
            json!({ "body": { "customer": "order.customer" } }),
        );
    let graphql = Service::new("g", &peer.url(), "DE").set(
        "graphql",
        json!({
            "endpoints": ["/graphql"],
            "queries": [{ "field": "customer", "bind": { "customer": "customer" } }],
        }),
    );
    let tool =
        json!({ "name": "read", "effect": "read", "bind": { "customer": "arguments.customer" } });
    let mcp = Service::new("m", &peer.url(), "DE")
        .set("mcp", json!({ "endpoints": ["/mcp"], "tools": [tool] }));
    World::with(|setup| setup.service(rest).service(graphql).service(mcp))
}

#[test]
fn no_way_and_no_disguise_leads_to_another_customer() -> Result<()> {
    let witness = Witness::default();
    let peer = Peer::serve(witness.router(), "127.0.0.1:0", None)?;
    let world = world(&peer)?;
    let token = world.token(HERE, |claims| claims.scope("customer", OWN))?;
    let gateway = world.gateway.listen(0)?;

    let mut tried = 0;
    for Carrier { name, plain, shots } in CARRIERS {
        // What is allowed goes, by this way too, so that what is refused is not refused for its form.
        assert_eq!(send(gateway, &plain(OWN), &token)?, 200, "{name}");
        let heard = witness.heard();
        ensure!(
            heard.len() == 1
                && heard
                    .iter()
                    .all(|it| it.customers() == [OWN.to_owned()].into())
        );
        assert_eq!(send(gateway, &plain(OTHER), &token)?, 403, "{name}");

        let shots = shots();
        let statuses = send_all(gateway, &shots, &token)?;
        for (shot, status) in shots.iter().zip(&statuses) {
            ensure!(
                *status == 0 || (400..500).contains(status),
                "{name}: {status} for {shot:?}"
            );
        }
        for heard in witness.heard() {
            let found = heard.customers();
            ensure!(
                found == [OWN.to_owned()].into(),
                "{name}: {found:?} came through: {}",
                heard.text
            );
        }
        tried += shots.len();

        // The judge is not blind: sent to it directly, it finds the customer in all that it takes.
        let direct = send_all(peer.address(), &shots, &token)?;
        let accepted = direct.iter().filter(|status| **status == 200).count();
        let heard = witness.heard();
        let found = heard
            .iter()
            .filter(|it| it.customers().contains(OTHER))
            .count();
        let missed = heard.iter().find(|it| !it.customers().contains(OTHER));
        ensure!(
            found == heard.len() && accepted * 2 > shots.len(),
            "{name}: {found} of {accepted}; {missed:?}"
        );
    }
    ensure!(tried > 1_000, "only {tried} requests were made");
    world.finish()
}
