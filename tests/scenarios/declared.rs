//! What a client says that it is: on record beside what was recognised, and a finding where the two differ.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::records;

use crate::{behaviour::anomaly, world::World};

const POLICY: &str = r#"
@id("the-clinic-knows-its-clients")
@reason("patients are read by the program that was approved for it")
forbid (principal, action == Action::"call", resource in Api::"clinic")
unless { context.declared.names.contains("tests-client") && !context.declared.conflict };
"#;

/// What is on record of a read with these fields: its status, what was declared, what was noticed.
fn read(world: &World, path: &str, fields: &[(&str, &str)]) -> Result<(u16, Value, Value)> {
    let reply = world.client.get(&world.gateway.url(path)?, fields)?;
    let record = records::show(&world.gateway, reply.record().context("no record")?)?;
    let found = |name: &str| record.find(name).cloned().unwrap_or(json!([]));
    Ok((reply.status.as_u16(), found("declared"), found("notices")))
}

#[test]
fn a_client_that_says_it_is_something_else_is_a_finding() -> Result<()> {
    let world = World::with(|setup| {
        setup
            .policy(POLICY)
            .of_agent("known_as", json!(["tests-client", "hyper"]))
            .set("declared", json!({ "header": "x-agent-name" }))
            .set(
                "behaviour",
                json!({ "otherwise": "off", "detectors": { "declared": "note" } }),
            )
    })?;
    let (crm, clinic) = ("/crm/customers/C-771", "/clinic/fhir/Patient/p-042");
    let own = ("user-agent", "Tests-Client/1.2 (linux)");
    let (status, declared, notices) = read(&world, crm, &[own])?;
    assert_eq!((status, notices), (200, json!([])));
    let said = json!([{ "by": "user-agent", "name": "Tests-Client", "version": "1.2" }]);
    assert_eq!(declared, said);
    assert_eq!(read(&world, clinic, &[own])?.0, 200);
    // Who says nothing says nothing wrong, and is not who the clinic knows.
    let (status, declared, notices) = read(&world, clinic, &[])?;
    assert_eq!((status, declared, notices), (403, json!([]), json!([])));

    // Something else, in either way: it goes on where no policy minds, and is found.
    let found = json!(["declared_conflict"]);
    let other = ("user-agent", "curl/8.5.0");
    let (status, _, notices) = read(&world, crm, &[other])?;
    assert_eq!((status, &notices), (200, &found));
    let (status, _, notices) = read(&world, clinic, &[own, ("x-agent-name", "planner")])?;
    assert_eq!((status, &notices), (403, &found));
    // One that is its own and another besides is not its own.
    let (_, declared, notices) = read(&world, crm, &[own, ("user-agent", "curl/8.5.0")])?;
    assert_eq!(notices, found, "{declared}");
    assert_eq!(anomaly(&world, "declared")?.text("about"), "user-agent");

    // What nobody needs to know stays behind, and so do characters that a record has no use for.
    let address = ["tamsel.wrenfold", "mailbox.example.org"].join("@");
    let (_, declared, notices) = read(&world, crm, &[("x-agent-name", &address)])?;
    assert_eq!(declared, json!([{ "by": "header", "name": "[withheld]" }]));
    assert_eq!(notices, found);
    let long = format!("<b>{}", "x".repeat(2000));
    let (_, declared, _) = read(&world, crm, &[("x-agent-name", &long)])?;
    let name = declared[0]["name"].as_str().unwrap_or_default();
    assert_eq!(name, format!("_b_{}", "x".repeat(61)));

    let events = records::ocsf(&world.gateway)?;
    ensure!(
        events.contains(r#""title":"declared_conflict""#),
        "{events}"
    );
    ensure!(!events.contains(&address));
    world.finish()
}
