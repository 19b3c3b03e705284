//! From a policy file to bytes: each class leaves as its obligation says, and as the type it was.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Client,
    gateway::Gateway,
    peers::{self, Peer, SEED, crm},
    people::Home,
    records,
    setup::{Service, Setup},
};

use crate::world::{HERE, path_selector, verified};

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);
@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
@id("dates") @obligation("date_shift(30)")
forbid (principal, action == Action::"disclose", resource == DataClass::"pii.dob");
@id("networks") @obligation("truncate")
forbid (principal, action == Action::"disclose", resource == DataClass::"pii.ip");
@id("codes") @obligation("generalize")
forbid (principal, action == Action::"disclose", resource == DataClass::"pii.postal_code");
@id("cards") @obligation("encipher")
forbid (principal, action == Action::"disclose", resource == DataClass::"pci.pan");
@id("phones") @obligation("mask(2)")
forbid (principal, action == Action::"disclose", resource == DataClass::"pii.phone");
@id("mail") @obligation("synthesize")
forbid (principal, action == Action::"disclose", resource == DataClass::"pii.email");
"#;

/// The parts of `1971-03-09`.
fn date(text: &str) -> Result<[i32; 3]> {
    let parts: Vec<i32> = text.split('-').map(str::parse).collect::<Result<_, _>>()?;
    parts
        .try_into()
        .map_err(|_| anyhow::anyhow!("`{text}` is no date"))
}

/// A gateway before the customers' service.
fn office(peer: &Peer) -> Result<Gateway> {
    let subject = json!({ "subject": "customer" });
    let service = Service::new("crm", &peer.url(), "DE").governed(
        "customer.read",
        "GET",
        "/customers/{customer}",
        subject,
    );
    let here = path_selector(&std::env::current_exe()?.canonicalize()?);
    let setup = Setup::new()
        .agent(HERE, &[here], "optional")
        .service(service)
        .policy(POLICY);
    Gateway::start(&setup)
}

#[test]
fn every_class_leaves_as_its_obligation_says() -> Result<()> {
    let peer = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
    let mut gateway = office(&peer)?;
    let client = Client::plain()?;
    let person = crm::person(SEED, 17);
    let url = gateway.url("/crm/customers/C-017")?;
    let reply = client.get(&url, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(client.get(&url, &[])?.body, reply.body, "it is stable");

    let body = reply.json()?;
    let text = |name: &str| {
        body[name]
            .as_str()
            .with_context(|| format!("no {name}: {body}"))
    };
    for secret in [
        &person.email,
        &person.phone,
        &person.card,
        &person.ip,
        &person.born,
    ] {
        ensure!(
            !reply.text().contains(secret.as_str()),
            "{secret} in {body}"
        );
    }
    let (born, told) = (date(&person.born)?, date(text("date_of_birth")?)?);
    ensure!((born[0] - told[0]).abs() <= 1, "{told:?} for {born:?}");
    let network: IpAddr = text("last_login_ip")?.parse()?;
    ensure!(network.to_string().ends_with(".0"), "{network}");
    let code = body["address"]["postal_code"].as_str().context("no code")?;
    assert_eq!(code.len(), 3, "{code}");
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(shape(text("card_number")?), shape(&person.card));
    let phone = text("phone")?;
    let end: String = person.phone.chars().rev().take(2).collect();
    ensure!(
        phone.contains('*') && phone.chars().rev().collect::<String>().starts_with(&end),
        "{phone}"
    );
    ensure!(text("email")?.contains("@example."), "{body}");
    ensure!(body["balance_cents"].is_u64(), "a number stays a number");

    let record = records::closing(&gateway, reply.record().context("no record")?)?;
    let Value::Array(findings) = &record.0["event"]["response"]["findings"] else {
        anyhow::bail!("no findings: {record:?}");
    };
    for action in [
        "date_shift",
        "truncate",
        "generalize",
        "encipher",
        "mask",
        "synthesize",
    ] {
        ensure!(
            findings.iter().any(|f| f["action"] == action),
            "{action}: {record:?}"
        );
    }
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway)?;
    Ok(())
}
