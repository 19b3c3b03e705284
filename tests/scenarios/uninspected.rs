//! Bodies that cannot be read are refused or recorded, never passed silently.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::records;

use crate::world::World;

/// Paths of the troubled service whose bodies cannot be inspected.
const UNREADABLE: &[&str] = &["binary", "untyped", "lzw", "image", "latin"];
/// Paths whose bodies are damaged.
const DAMAGED: &[&str] = &["broken", "gzip-broken", "short"];

#[test]
fn unknown_media_are_refused() -> Result<()> {
    let world = World::new()?;
    for path in UNREADABLE {
        let reply = world
            .client
            .get(&world.gateway.url(&format!("/trouble/{path}"))?, &[])?;
        assert_eq!(reply.status, 502, "{path}: {}", reply.text());
        ensure!(!reply.text().contains("tamsel"), "{path}: {}", reply.text());
        let opening = reply
            .record()
            .with_context(|| format!("{path} left no record"))?;
        let closing = records::closing(&world.gateway, opening)?;
        assert_ne!(closing.text("result"), "released", "{path}");
    }
    world.finish()
}

#[test]
fn unknown_media_pass_with_a_gap_on_record_where_policy_says_so() -> Result<()> {
    let world = World::with(|setup| setup.set("uninspected", json!("record")))?;
    for path in UNREADABLE {
        let reply = world
            .client
            .get(&world.gateway.url(&format!("/trouble/{path}"))?, &[])?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let opening = reply
            .record()
            .with_context(|| format!("{path} left no record"))?;
        let closing = records::closing(&world.gateway, opening)?;
        let gaps = closing
            .0
            .pointer("/event/response/gaps")
            .and_then(|gaps| gaps[0].as_str());
        let named = [
            "media_unknown",
            "media_undeclared",
            "coding_unknown",
            "charset_unknown",
        ];
        ensure!(
            gaps.is_some_and(|gap| named.contains(&gap)),
            "{path}: {}",
            closing.0
        );
    }
    world.finish()
}

#[test]
fn damaged_bodies_end_in_a_refusal_or_a_break_and_a_record() -> Result<()> {
    let world = World::new()?;
    for path in DAMAGED {
        let reply = world
            .client
            .get(&world.gateway.url(&format!("/trouble/{path}"))?, &[])?;
        ensure!(
            reply.status == 502 || !reply.whole,
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
        ensure!(!reply.text().contains("tamsel"), "{path}: {}", reply.text());
        let opening = reply
            .record()
            .with_context(|| format!("{path} left no record"))?;
        let closing = records::closing(&world.gateway, opening)?;
        assert_ne!(closing.text("result"), "released", "{path}");
    }
    world.finish()
}

#[test]
fn a_request_body_that_cannot_be_read_never_leaves() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.url("/insights/events")?;
    for (media, body) in [
        ("application/json", "{\"email\": "),
        ("application/x-parcel", "abc"),
    ] {
        let headers = [("content-type", media)];
        let reply = world.client.send("POST", &url, &headers, body.into())?;
        ensure!(
            reply.status.is_client_error(),
            "{media}: {} {}",
            reply.status,
            reply.text()
        );
        ensure!(reply.record().is_some(), "{media} left no record");
    }
    let received = format!("{}/received", world.peers.insights.url());
    assert_eq!(
        world.client.get(&received, &[])?.json()?["received"],
        json!([])
    );
    world.finish()
}
