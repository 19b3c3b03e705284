//! Personal data from the EEA goes where the rules let it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Client,
    peers::{Peer, SEED, crm},
    records,
};

use crate::world::World;

fn message() -> String {
    let person = crm::person(SEED, 771);
    json!({ "email": person.email, "phone": person.phone, "orders": 14 }).to_string()
}

/// What the peer has received so far.
fn received(peer: &Peer) -> Result<Vec<Value>> {
    let kept = Client::plain()?
        .get(&format!("{}/received", peer.url()), &[])?
        .json()?;
    Ok(kept
        .get("received")
        .and_then(Value::as_array)
        .context("no list")?
        .clone())
}

#[test]
fn an_export_to_a_country_without_adequacy_is_451() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.url("/analytics/export")?;
    let reply = world.client.post(&url, &[], &message())?;
    assert_eq!(reply.status, 451, "{}", reply.text());
    assert_eq!(
        reply.json()?["rule"],
        "eea-data-stays-in-adequate-countries"
    );
    assert_eq!(received(&world.peers.analytics)?, Vec::<Value>::new());
    let record = records::show(&world.gateway, reply.record().unwrap_or_default())?;
    ensure!(
        !record.0.to_string().contains("@example"),
        "the record holds a value"
    );
    world.finish()
}

#[test]
fn nothing_personal_may_go_anywhere() -> Result<()> {
    let world = World::new()?;
    let body = json!({ "orders": 14, "plan": "delta" }).to_string();
    let reply = world
        .client
        .post(&world.gateway.url("/analytics/export")?, &[], &body)?;
    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(
        received(&world.peers.analytics)?,
        [json!({ "orders": 14, "plan": "delta" })]
    );
    world.finish()
}

#[test]
fn where_a_rule_admits_pseudonyms_equal_people_stay_equal() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.url("/insights/events")?;
    for _ in 0..2 {
        let reply = world.client.post(&url, &[], &message())?;
        assert_eq!(reply.status, 202, "{}", reply.text());
    }
    let arrived = received(&world.peers.insights)?;
    let [first, second] = arrived.as_slice() else {
        anyhow::bail!("{} messages arrived", arrived.len());
    };
    assert_eq!(first, second);
    assert_eq!(first["orders"], 14);
    for secret in [crm::person(SEED, 771).email, crm::person(SEED, 771).phone] {
        ensure!(!first.to_string().contains(&secret), "{secret} arrived");
    }
    world.finish()
}

#[test]
fn within_the_union_a_message_arrives_as_it_was_sent() -> Result<()> {
    let world = World::new()?;
    let reply = world
        .client
        .post(&world.gateway.url("/mail/messages")?, &[], &message())?;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let kept = Client::plain()?.get(&format!("{}/messages/1", world.peers.mail.url()), &[])?;
    assert_eq!(kept.json()?.to_string(), message());
    world.finish()
}
