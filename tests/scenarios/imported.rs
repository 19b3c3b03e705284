//! An API's own document becomes a service of the gateway, and binds what it says.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{gateway::Gateway, peers, people::Home, records, setup::Setup};

use crate::world::{HERE, World, path_selector, verified};

const POLICY: &str = r#"
@id("agents-read")
permit (principal, action == Action::"call", resource) when { context.effect == "read" };
@id("own-customer") @category("scope")
forbid (principal, action == Action::"call", resource)
when { principal.hasTag("customer") && resource.hasTag("customer") }
unless { principal.getTag("customer") == resource.getTag("customer") };
@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
@id("balances-are-not") @obligation("drop")
forbid (principal, action == Action::"disclose", resource in DataClass::"phi.condition");
"#;

fn document(upstream: &str) -> Value {
    let customer = json!({ "name": "customer", "in": "path", "required": true });
    let schema = json!({ "properties": { "balance_cents": { "x-data-class": "phi.condition" } } });
    let ok = json!({ "200": { "content": { "application/json": { "schema": schema } } } });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "CRM", "version": "1" },
        "servers": [{ "url": upstream }],
        "paths": {
            "/customers/{customer}": {
                "parameters": [customer],
                "get": { "operationId": "readCustomer", "responses": ok },
            },
            "/tickets/{ticket}": { "post": { "operationId": "writeTicket", "requestBody": {} } },
        },
    })
}

#[test]
fn what_is_imported_serves_and_binds() -> Result<()> {
    let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
    // Some gateway, to have the command of.
    let world = World::new()?;
    let file = world.gateway.folder().join("crm.json");
    std::fs::write(&file, document(&crm.url()).to_string())?;
    let import = ["api", "import", "crm.json", "--country", "DE", "-o", "json"];
    let output = world.gateway.cli(&import)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    let service: Value = serde_json::from_slice(&output.stdout)?;

    let here = std::env::current_exe()?.canonicalize()?;
    let setup = Setup::new()
        .issuer(&world.issuer)
        .agent(HERE, &[path_selector(&here)], "required")
        .policy(POLICY)
        .file("crm.json", document(&crm.url()).to_string())
        .set("services", json!([service]));
    let mut gateway = Gateway::start(&setup)?;
    let token = world.token(HERE, |claims| claims.scope("customer", "C-771"))?;
    let fields = [("tidegate-token", token.as_str())];
    let get = |path: &str| world.client.get(&gateway.url(path)?, &fields);
    let own = get("/crm/customers/C-771")?;
    assert_eq!(own.status, 200, "{}", own.text());
    ensure!(own.json()?["balance_cents"].is_null(), "{}", own.text());
    assert_eq!(get("/crm/customers/C-332")?.status, 403);
    // Unknown is a write, and a write is not permitted.
    let ticket = gateway.url("/crm/tickets/T-1")?;
    let written = world.client.post(&ticket, &fields, "{}")?;
    assert_eq!(written.status, 403, "{}", written.text());
    let record = records::show(&gateway, written.record().unwrap_or_default())?;
    assert_eq!(record.text("effect"), "write");
    gateway.stop()?;
    verified(&gateway)?;
    world.finish()
}
