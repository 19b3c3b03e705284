//! Content codings: what came coded leaves coded as the agent takes it, and what is said of it is true.

use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use flate2::{
    read::{GzDecoder, ZlibDecoder},
    write::MultiGzDecoder,
};
use tests::{
    client::Reply,
    peers::{
        Peer,
        coded::{self, EVENTS, plain},
    },
    setup::Service,
};

use crate::world::World;

fn world(encode: bool) -> Result<(World, Peer)> {
    let peer = Peer::serve(coded::router(), "127.0.0.1:0", None)?;
    let service = Service::new("coded", &peer.url(), "DE").operation("read", "GET", "/{document}");
    let service = service.set("encode", encode.into());
    Ok((World::with(|setup| setup.service(service))?, peer))
}

fn ask(world: &World, document: &str, accept: Option<&str>) -> Result<Reply> {
    let headers: Vec<_> = accept
        .map(|it| ("accept-encoding", it))
        .into_iter()
        .collect();
    let url = world.gateway.url(&format!("/coded/{document}"))?;
    world.client.get(&url, &headers)
}

/// A body as its head says that it is coded.
fn decoded(reply: &Reply) -> Result<String> {
    let mut text = String::new();
    match reply.header("content-encoding") {
        None => text = reply.text(),
        Some("gzip") => {
            GzDecoder::new(&reply.body[..]).read_to_string(&mut text)?;
        }
        Some("deflate") => {
            ZlibDecoder::new(&reply.body[..]).read_to_string(&mut text)?;
        }
        // Their decoders are not here: the redactor's own tests read them.
        Some("zstd") => ensure!(reply.body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])),
        Some("br") => ensure!(reply.body.len() < plain("clean").len() / 4),
        Some(other) => anyhow::bail!("{other} was not asked for"),
    }
    Ok(text)
}

#[test]
fn an_answer_is_coded_as_the_agent_takes_it() -> Result<()> {
    let (world, _peer) = world(true)?;
    for (accept, coding) in [
        (None, None),
        (Some("identity"), None),
        (Some("gzip"), Some("gzip")),
        (Some("deflate"), Some("deflate")),
        (Some("gzip, deflate, br, zstd"), Some("zstd")),
        (Some("br;q=0.9, gzip;q=0.1"), Some("br")),
        (Some("gzip;q=0, *"), Some("zstd")),
        (Some("compress"), None),
    ] {
        let reply = ask(&world, "clean", accept)?;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-encoding")),
            (200, coding),
            "{accept:?}"
        );
        let text = decoded(&reply)?;
        ensure!(
            text.is_empty() || text == plain("clean"),
            "{accept:?}: {text}"
        );
        let length: usize = reply
            .header("content-length")
            .context("no length")?
            .parse()?;
        assert_eq!(length, reply.body.len(), "{accept:?}");
        // Other bytes that mean the same: a weak tag, and no digest.
        assert_eq!(reply.header("etag"), Some("W/\"seven\""), "{accept:?}");
        assert_eq!(reply.header("repr-digest"), None);
        let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
        assert_eq!(vary, ["origin", "accept-encoding"], "{accept:?}");
    }
    world.finish()
}

#[test]
fn what_was_covered_is_another_document_and_what_is_short_is_plain() -> Result<()> {
    let (world, _peer) = world(true)?;
    let reply = ask(&world, "personal", Some("gzip"))?;
    let text = decoded(&reply)?;
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(
        text,
        plain("personal").replace("tamsel.wrenfold@example.org", "t***@***.org")
    );
    assert_eq!(reply.header("etag"), None);
    let short = ask(&world, "short", Some("gzip"))?;
    assert_eq!(
        (short.header("content-encoding"), short.text()),
        (None, plain("short"))
    );
    // Who takes nothing plain gets nothing plain.
    let short = ask(&world, "short", Some("gzip, identity;q=0"))?;
    assert_eq!(short.header("content-encoding"), Some("gzip"));
    assert_eq!(decoded(&short)?, plain("short"));
    world.finish()
}

#[test]
fn an_operator_may_spare_the_work() -> Result<()> {
    let (world, _peer) = world(false)?;
    let reply = ask(&world, "clean", Some("gzip"))?;
    assert_eq!(
        (reply.header("content-encoding"), reply.text()),
        (None, plain("clean"))
    );
    world.finish()
}

#[test]
fn the_service_is_asked_for_what_both_can_read() -> Result<()> {
    let (world, _peer) = world(true)?;
    for (accept, asked) in [
        (Some("gzip, exi"), "gzip, identity;q=0.001"),
        (None, "identity"),
    ] {
        let reply = ask(&world, "heard", accept)?;
        assert_eq!(reply.json()?["asked"], asked);
    }
    world.finish()
}

#[test]
fn no_event_is_kept_by_the_encoder() -> Result<()> {
    let (world, peer) = world(true)?;
    let url = world.gateway.url("/coded/events")?;
    let next = format!("{}/next", peer.url());
    let (mut decoder, mut seen) = (MultiGzDecoder::new(Vec::new()), 0);
    let send_next = || world.client.post(&next, &[], "{}").map(drop);
    send_next()?;
    // The next event is sent only once this one has arrived: one that is kept would end the test.
    let arrived = |piece: &[u8]| -> Result<()> {
        std::io::Write::write_all(&mut decoder, piece)?;
        std::io::Write::flush(&mut decoder)?;
        let text = String::from_utf8_lossy(decoder.get_ref()).into_owned();
        while seen < text.matches("\n\n").count() {
            seen += 1;
            if seen < EVENTS {
                send_next()?;
            }
        }
        Ok(())
    };
    let other = tests::client::Client::plain()?;
    let head = other.pieces(&url, &[("accept-encoding", "gzip")], arrived)?;
    assert_eq!(head.get("content-encoding").context("not coded")?, "gzip");
    assert_eq!(seen, EVENTS);
    world.finish()
}
