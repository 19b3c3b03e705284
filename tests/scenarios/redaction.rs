//! What is hidden is hidden; everything else leaves as it came.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Client,
    peers::{SEED, clinic, crm, trouble},
    people::Home,
    records,
};

use crate::world::World;

#[test]
fn a_body_with_nothing_to_hide_is_byte_identical() -> Result<()> {
    let world = World::new()?;
    for path in ["/items/17", "/items/a%20b"] {
        let direct = Client::plain()?.get(&format!("{}{path}", world.peers.crm.url()), &[])?;
        let through = world
            .client
            .get(&world.gateway.url(&format!("/crm{path}"))?, &[])?;
        assert_eq!(through.status, 200, "{}", through.text());
        assert_eq!(through.body, direct.body);
    }
    world.finish()
}

#[test]
fn around_a_redacted_value_every_byte_stays() -> Result<()> {
    let world = World::new()?;
    let reply = world
        .client
        .get(&world.gateway.url("/trouble/json")?, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sample = trouble::sample();
    let secret = "tamsel.wrenfold@example.org";
    let (before, after) = sample
        .split_once(secret)
        .context("the sample has an address")?;
    let text = reply.text();
    ensure!(!text.contains(secret), "{text}");
    ensure!(text.starts_with(before) && text.ends_with(after), "{text}");
    world.finish()
}

#[test]
fn free_text_and_lists_are_redacted_too() -> Result<()> {
    let world = World::new()?;
    let ticket = world
        .client
        .get(&world.gateway.url("/crm/tickets/T-4891")?, &[])?;
    assert_eq!(ticket.status, 200, "{}", ticket.text());
    let person = crm::person(SEED, 771);
    for secret in [
        &person.email,
        &person.phone,
        &concat!("AK", "IA").to_owned(),
    ] {
        ensure!(
            !ticket.text().contains(secret.as_str()),
            "{secret} in {}",
            ticket.text()
        );
    }
    let list = world
        .client
        .get(&world.gateway.url("/crm/customers?limit=200")?, &[])?;
    assert_eq!(
        list.json()?["customers"].as_array().map(Vec::len),
        Some(200)
    );
    for number in 1..=200 {
        for secret in crm::person(SEED, number).secrets() {
            ensure!(
                !list.text().contains(&secret),
                "{secret} of customer {number} came through"
            );
        }
    }
    world.finish()
}

#[test]
fn fhir_is_redacted_by_element() -> Result<()> {
    let world = World::new()?;
    let reply = world
        .client
        .get(&world.gateway.url("/clinic/fhir/Patient/p-042")?, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let person = clinic::person(SEED, 42, Home::De);
    for secret in [&person.email, &person.phone, &person.street, &person.born] {
        ensure!(
            !reply.text().contains(secret.as_str()),
            "{secret} in {}",
            reply.text()
        );
    }
    let patient = reply.json()?;
    assert_eq!(patient["resourceType"], "Patient");
    assert_eq!(patient["name"][0]["family"], person.family);
    world.finish()
}

/// An operator's own classifier, which finds a customer's plan.
pub(crate) const TARIFF: &str = "
classifiers:
  - name: tariff
    class: pii.iban
    fields: [plan]
    pattern: '[a-z]{4,}'
    match: [harbour]
    no_match: [\"7\"]
";

/// What comes of a customer's plan; none if it is not shown.
pub(crate) fn plan(world: &World) -> Result<Option<String>> {
    let url = world.gateway.url("/crm/customers/C-771")?;
    let reply = world.client.get(&url, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let customer = reply.json()?;
    let plan = customer.get("plan").and_then(Value::as_str);
    Ok(plan.map(str::to_owned))
}

#[test]
fn an_operators_own_classifier_is_obeyed() -> Result<()> {
    let without = World::new()?;
    let shown = plan(&without)?.context("no plan")?;
    without.finish()?;
    let world = World::with(|setup| setup.classifiers(TARIFF))?;
    let masked = plan(&world)?.unwrap_or_default();
    ensure!(
        !masked.contains(&shown),
        "`{shown}` came through in `{masked}`"
    );
    world.finish()
}

#[test]
fn what_a_services_owner_declares_is_obeyed() -> Result<()> {
    let world = World::with(|setup| setup.openapi("crm", &declarations()))?;
    let person = crm::person(SEED, 771);
    // Twice, so that the second answer is read with what the first one taught.
    for _ in 0..2 {
        let url = world.gateway.url("/crm/customers/C-771")?;
        let reply = world.client.get(&url, &[])?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let customer = reply.json()?;
        let plan = customer["plan"].as_str().unwrap_or_default();
        ensure!(!["harbour", "estuary", "delta"].contains(&plan), "{plan}");
        assert_eq!(customer["newsletter"], Value::Null);
        assert_eq!(customer["last_login_ip"], person.ip.as_str());
        ensure!(
            customer["email"] != person.email.as_str(),
            "not declared, still looked at"
        );
    }
    let ticket = world
        .client
        .get(&world.gateway.url("/crm/tickets/T-4891")?, &[])?;
    let text = ticket.text();
    ensure!(
        text.contains(&person.phone),
        "declared to be nothing: {text}"
    );
    ensure!(
        !text.contains(concat!("AK", "IA")),
        "a key is one whatever is declared: {text}"
    );

    let body = r#"{"subject":"harbour light","text":"harbour light"}"#;
    let url = world.gateway.url("/crm/tickets/T-1")?;
    let written = world.client.post(&url, &[], body)?;
    assert_eq!(written.status, 201, "{}", written.text());
    let kept = Client::plain()?.get(&format!("{}/tickets/T-1", world.peers.crm.url()), &[])?;
    assert_eq!(kept.json()?["text"], "harbour light");
    ensure!(
        kept.json()?["subject"] != "harbour light",
        "{}",
        kept.text()
    );
    world.finish()
}

/// What the customer database says of itself.
fn declarations() -> Value {
    let body = |schema: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        json!({ "content": { "application/json": { "schema": schema } } })
    };
    let get = |schema: &str| json!({ "get": { "responses": { "200": body(schema) } } });
    let written = json!({ "requestBody": body("NewTicket"), "responses": { "201": {} } });
    let ticket = json!({ "get": get("Ticket").get("get"), "post": written });
    let says = |class: &str| json!({ "x-data-class": class });
    json!({
        "openapi": "3.1.0",
        "paths": {
            "/customers": get("Customers"),
            "/customers/{id}": get("Customer"),
            "/tickets/{id}": ticket,
            "/items/{id}": get("Item"),
        },
        "components": { "schemas": {
            "Customers": { "properties": { "customers": {
                "items": { "$ref": "#/components/schemas/Customer" },
            } } },
            "Customer": { "properties": {
                "plan": says("pii.iban"),
                "newsletter": says("pii.iban"),
                "last_login_ip": says("none"),
            } },
            "Ticket": { "properties": { "text": says("none") } },
            "NewTicket": { "properties": { "subject": says("pii.iban") } },
            "Item": {},
        } },
    })
}

#[test]
fn gzip_is_opened_and_redacted() -> Result<()> {
    let world = World::new()?;
    let headers = [("accept-encoding", "gzip")];
    let reply = world
        .client
        .get(&world.gateway.url("/trouble/gzip")?, &headers)?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let plain = match reply.header("content-encoding") {
        Some("gzip") => {
            let mut text = String::new();
            let mut decoder = flate2::read::GzDecoder::new(&reply.body[..]);
            std::io::Read::read_to_string(&mut decoder, &mut text)?;
            text
        }
        _ => reply.text(),
    };
    ensure!(!plain.contains("tamsel.wrenfold"), "{plain}");
    assert_eq!(
        serde_json::from_str::<Value>(&plain)?["customer"]["plan"],
        "delta"
    );
    world.finish()
}

#[test]
fn the_record_counts_classes_and_holds_no_values() -> Result<()> {
    let world = World::new()?;
    let reply = world
        .client
        .get(&world.gateway.url("/crm/customers/C-771")?, &[])?;
    let closing = records::closing(&world.gateway, reply.record().context("no record")?)?;
    let text = closing.0.to_string();
    for class in ["pii.email", "pii.phone", "pii.iban", "pci.pan", "pii.dob"] {
        ensure!(text.contains(class), "{class} is not in {text}");
    }
    for secret in crm::person(SEED, 771).secrets() {
        ensure!(!text.contains(&secret), "{secret} is in the record");
    }
    world.finish()
}
