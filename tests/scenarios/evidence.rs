//! What the log tells people: searched, reported, and each reading of it on record.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    gateway::Gateway,
    records,
    sdks::Language,
};

use crate::world::{HERE, SUPPORT, World};

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
    let index = |matter: &Value| matter.pointer("/entry/index")?.as_u64();
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

/// A report of the gateway's log as JSON.
fn report(gateway: &Gateway, arguments: &[&str]) -> Result<Value> {
    Ok(serde_json::from_slice(&written(
        gateway, arguments, "json",
    )?)?)
}

fn written(gateway: &Gateway, arguments: &[&str], form: &str) -> Result<Vec<u8>> {
    let data = gateway.data().display().to_string();
    let all = [&["report"], arguments, &["-o", form, "--data", &data]].concat();
    let output = gateway.cli(&all)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && errors.is_empty(), "{errors}");
    Ok(output.stdout)
}

/// The figure in `column` of the row of the table `title` that begins with `key`: its value, and the
/// records that it names.
fn figure(report: &Value, title: &str, key: &[&str], column: &str) -> Result<(u64, Vec<u64>)> {
    let is_it = |table: &&Value| table.get("title").is_some_and(|it| it == title);
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned();
    let tables = list(report, "tables").context("no tables")?;
    let table = tables.iter().find(is_it);
    let table = table.with_context(|| format!("no table `{title}`"))?;
    let columns = list(table, "columns").context("no columns")?;
    let at = columns.iter().position(|it| it == column);
    let at = at.with_context(|| format!("no column `{column}`"))?;
    let begins = |row: &&Value| {
        let mut cells = key.iter().zip(0..);
        cells.all(|(it, at): (_, usize)| row.get(at).is_some_and(|cell| cell == *it))
    };
    let rows = list(table, "rows").context("no rows")?;
    let Some(cell) = rows.iter().find(begins).and_then(|row| row.get(at)) else {
        return Ok((0, Vec::new()));
    };
    let evidence = cell.get("evidence").context("no evidence")?;
    let listed = list(evidence, "listed").context("nothing listed")?;
    let records = listed.iter().filter_map(|it| it.get("record")?.as_u64());
    let value = cell.get("value").and_then(Value::as_u64);
    Ok((value.context("no value")?, records.collect()))
}

#[test]
fn reports_count_what_was_done_and_name_its_records() -> Result<()> {
    let world = World::new()?;
    let token = world.token(SUPPORT, |claims| {
        claims.scope("customer", "C-771").task("T-4891", "support")
    })?;
    let curl = Agent::curl()?;
    let ask = |customer: &str| -> Result<u64> {
        let ask = Ask::get(world.gateway.url(&format!("/crm/customers/{customer}"))?);
        curl.ask(&ask.token(&token))?.record().context("no record")
    };
    let mine = vec![ask("C-771")?, ask("C-771")?, ask("C-771")?];
    let others = vec![ask("C-332")?, ask("C-100")?];
    let here = |path: &str| -> Result<u64> {
        let reply = world.client.get(&world.gateway.url(path)?, &[])?;
        reply.record().context("no record")
    };
    let patients = vec![
        here("/clinic/fhir/Patient/P-001")?,
        here("/clinic/fhir/Patient/P-002")?,
    ];
    let gateway = &world.gateway;

    let agents = report(gateway, &["agents"])?;
    let of = |agent: &str, column: &str| figure(&agents, "Agents", &[agent], column);
    assert_eq!(of(SUPPORT, "released")?, (3, mine.clone()));
    assert_eq!(of(SUPPORT, "refused")?, (2, others.clone()));
    assert_eq!(of(SUPPORT, "requests")?.0, 5);
    assert_eq!(of(HERE, "requests")?, (2, patients.clone()));

    let policy = report(gateway, &["policy"])?;
    let rule = ["session-sees-only-its-customer"];
    let refused = figure(&policy, "Refusals by rule", &rule, "requests refused")?;
    assert_eq!(refused, (2, others));
    let masked = ["contact-is-masked", "mask", "pii.email"];
    let masked = figure(&policy, "Values by rule and action", &masked, "values")?;
    let shown = search(
        gateway,
        &["--class", "pii.email", "--subject", "customer=C-771"],
    )?;
    let counted = |matter: &Value| -> u64 {
        let findings = matter["closing"]["event"]["response"]["findings"].as_array();
        let emails = findings
            .into_iter()
            .flatten()
            .filter(|it| it["class"] == "pii.email");
        emails.filter_map(|it| it["count"].as_u64()).sum()
    };
    let emails: u64 = shown.iter().map(counted).sum();
    ensure!(emails >= 3 && masked.0 >= emails, "{emails} {masked:?}");

    let subject = ["subject", "--subject", "customer=C-771"];
    let one = report(gateway, &subject)?;
    let exchanges = figure(&one, "In short", &["exchanges"], "how many or when")?;
    assert_eq!(exchanges, (3, mine));
    let breach = report(gateway, &["breach", "--service", "clinic"])?;
    let reached = figure(
        &breach,
        "Scope in short",
        &["parameters named"],
        "how many or when",
    )?;
    assert_eq!(reached, (2, patients.clone()));
    let health = report(gateway, &["disclosures"])?;
    let to = [HERE, "not stated"];
    let disclosed = figure(&health, "By recipient and purpose", &to, "disclosures")?;
    let found = found(gateway, &["--class", "phi", "--decision", "released"])?;
    assert_eq!(disclosed, (found.len() as u64, found));

    same_bytes(gateway, &subject)?;
    exported_as_ocsf(gateway, &[SUPPORT, HERE])?;
    assessed(gateway)?;
    printed(gateway)?;
    world.finish()
}

/// For people: a page, and as PDF.
fn printed(gateway: &Gateway) -> Result<()> {
    let integrity = written(gateway, &["integrity"], "html")?;
    let integrity = String::from_utf8(integrity)?;
    ensure!(integrity.contains("no record was changed"), "{integrity}");
    let out = gateway.folder().join("agents.pdf").display().to_string();
    let data = gateway.data().display().to_string();
    let report = [
        "report", "agents", "-o", "pdf", "--out", &out, "--data", &data,
    ];
    let made = gateway.cli(&report)?;
    ensure!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let read = Command::new("pdftotext")
        .args(["-layout", &out, "-"])
        .output();
    let read = read.context("pdftotext comes with poppler-utils")?;
    let text = String::from_utf8_lossy(&read.stdout);
    ensure!(text.contains("Root of the tree (RFC 6962)"), "{text}");
    ensure!(text.contains("Checkpoint") && text.contains("— "), "{text}");
    Ok(())
}

/// As of one checkpoint a report is the same whenever it is made, in every form.
fn same_bytes(gateway: &Gateway, kind: &[&str]) -> Result<()> {
    let report = report(gateway, kind)?;
    let size = report
        .pointer("/anchor/size")
        .context("no anchor")?
        .to_string();
    let asked = [kind, &["--at", &size]].concat();
    for form in ["html", "pdf", "csv", "json", "oscal"] {
        let one = written(gateway, &asked, form)?;
        assert_eq!(one, written(gateway, &asked, form)?, "{form}");
        ensure!(!one.is_empty(), "an empty report");
    }
    Ok(())
}

/// Every kind of report as assessment results of OSCAL, by the judgement of others.
fn assessed(gateway: &Gateway) -> Result<()> {
    let kinds: [&[&str]; 10] = [
        &["processing"],
        &["subject", "--subject", "customer=C-771"],
        &["breach"],
        &["transfers"],
        &["disclosures"],
        &["necessity"],
        &["agents"],
        &["policy", "--to", "2000-01-01"],
        &["collected"],
        &["integrity"],
    ];
    let mut judge = Language::Python.command("oscal_judge")?;
    for (kind, at) in kinds.iter().zip(0..) {
        let file = gateway.folder().join(format!("{at}.oscal.json"));
        std::fs::write(&file, written(gateway, kind, "oscal")?)?;
        judge.arg(file);
    }
    let judged = judge.output()?;
    let errors = String::from_utf8_lossy(&judged.stderr);
    ensure!(judged.status.success(), "{errors}");
    Ok(())
}

/// The log as lines of OCSF: an API activity for each request, and nobody named whom it was about.
fn exported_as_ocsf(gateway: &Gateway, agents: &[&str]) -> Result<()> {
    let text = records::ocsf(gateway)?;
    ensure!(!text.contains("C-771"), "the export names a subject");
    let events = text.lines().map(serde_json::from_str);
    let events = events.collect::<Result<Vec<Value>, _>>()?;
    let number = |event: &Value, name: &str| event.get(name).and_then(Value::as_u64);
    for agent in agents {
        // Flows past the gateway are another class.
        let mut calls = found(gateway, &["--agent", agent, "--kind", "open"])?;
        calls.extend(found(gateway, &["--agent", agent, "--kind", "refuse"])?);
        calls.sort_unstable();
        let is = |event: &&Value| {
            number(event, "class_uid") == Some(6003)
                && event
                    .pointer("/actor/app_uid")
                    .is_some_and(|it| it == agent)
        };
        let records = events.iter().filter(is);
        let records = records.filter_map(|event| number(event.get("metadata")?, "sequence"));
        let mut records: Vec<u64> = records.collect();
        records.sort_unstable();
        assert_eq!(records, calls);
    }
    ensure!(
        events
            .iter()
            .any(|it| number(it, "class_uid") == Some(2006)),
        "{text}"
    );
    ensure!(
        events
            .iter()
            .any(|it| number(it, "class_uid") == Some(6002)),
        "{text}"
    );
    Ok(())
}
