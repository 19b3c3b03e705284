//! What the log tells people: searched, reported, and each reading of it on record.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    gateway::Gateway,
};

use crate::world::{SUPPORT, World};

/// What `tidegate audit search` with these arguments finds.
pub(crate) fn search(gateway: &Gateway, arguments: &[&str]) -> Result<Vec<Value>> {
    let all = [&["search", "-o", "json"], arguments].concat();
    let output = gateway.audit(&all)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && errors.is_empty(), "{errors}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The indices of what it finds.
fn found(gateway: &Gateway, arguments: &[&str]) -> Result<Vec<u64>> {
    let found = search(gateway, arguments)?;
    let index = |matter: &Value| matter["entry"]["index"].as_u64();
    found
        .iter()
        .map(|matter| index(matter).context("no index"))
        .collect()
}

#[test]
fn a_search_finds_by_who_what_and_how_it_ended_and_is_itself_on_record() -> Result<()> {
    let mut world = World::new()?;
    let token = world.token(SUPPORT, |claims| {
        claims.scope("customer", "C-771").task("T-4891", "support")
    })?;
    let curl = Agent::curl()?;
    let ask = |customer: &str| -> Result<(u64, String)> {
        let ask = Ask::get(world.gateway.url(&format!("/crm/customers/{customer}"))?);
        let answer = curl.ask(&ask.token(&token))?;
        Ok((answer.record().context("no record")?, answer.text()))
    };
    let (shown, _) = ask("C-771")?;
    let (refused, problem) = ask("C-332")?;
    let problem: Value = serde_json::from_str(&problem)?;
    let trace = problem["trace_id"].as_str().context("no trace")?;
    let one = |arguments: &[&str]| found(&world.gateway, arguments);
    assert_eq!(one(&["--agent", SUPPORT])?, [shown, refused]);
    assert_eq!(one(&["--task", "T-4891", "--class", "pii.email"])?, [shown]);
    assert_eq!(one(&["--decision", "refused"])?, [refused]);
    assert_eq!(
        one(&["--rule", "session-sees-only-its-customer"])?,
        [refused]
    );
    assert_eq!(one(&["--subject", "customer=C-332"])?, [refused]);
    assert_eq!(one(&["--trace", trace])?, [refused]);
    let country = ["--jurisdiction", "DE", "--operation", "customer.read"];
    assert_eq!(one(&country)?, [shown, refused]);
    assert_eq!(
        one(&["--agent", SUPPORT, "--to", "2020-01-01"])?,
        [] as [u64; 0]
    );
    assert_eq!(one(&["--agent", SUPPORT, "--at", "1"])?.len(), 0);
    let past = format!("{shown}");
    ensure!(
        one(&["--agent", SUPPORT, "--at", "999999"]).is_err(),
        "{past}"
    );

    // While the gateway runs it writes the record, by the kernel's word on who asked; afterwards the
    // reader does.
    world.gateway.stop()?;
    let mine = found(
        &world.gateway,
        &["--subject", "customer=C-771", "--purpose", "audit 7"],
    )?;
    assert_eq!(mine, [shown, refused]);
    let queries = search(&world.gateway, &["--kind", "query"])?;
    let about: Vec<&Value> = queries
        .iter()
        .map(|matter| &matter["entry"]["event"])
        .filter(|event| event["criteria"].get("subject").is_some())
        .collect();
    assert_eq!(about.len(), 2, "{queries:?}");
    let last = about.last().context("none")?;
    assert_eq!(last["criteria"], json!({ "subject": "customer" }));
    assert_eq!(last["purpose"], "audit 7");
    assert_eq!(last["uid"], rustix::process::getuid().as_raw());
    ensure!(queries.len() > 10, "{}", queries.len());
    ensure!(
        !about
            .iter()
            .any(|event| event.to_string().contains("C-771")),
        "the record of a search names its subject"
    );
    world.finish()
}
