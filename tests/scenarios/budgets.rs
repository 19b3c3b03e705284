//! What is used up stays used up: however slowly, however many ask at once, and after a restart.

use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::{Client, Reply},
    env,
    gateway::Gateway,
    peers::{self, Peer},
    people::Home,
    records,
    setup::{Service, Setup},
};

use crate::world::{HERE, path_selector, verified};

/// Who ask at once.
const ASKING: u64 = 8;

/// Another agent, with the same budgets and accounts of its own.
const OTHER: &str = "spiffe://tests.example/agent/other";

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("cards-are-masked")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pci");

@id("all-else-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

struct Office {
    gateway: Gateway,
    client: Client,
    crm: Peer,
}

impl Office {
    fn with(budgets: &Value) -> Result<Self> {
        let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
        let listed = json!({ "records": { "array": "/customers", "id": "/id", "subject": "/id" } });
        let service = Service::new("crm", &crm.url(), "DE")
            .governed(
                "customer.read",
                "GET",
                "/customers/{customer}",
                json!({ "subject": "customer" }),
            )
            .governed("customer.list", "GET", "/customers", listed)
            .operation("ticket.read", "GET", "/tickets/{ticket}");
        let here = std::env::current_exe()?.canonicalize()?;
        let setup = Setup::new()
            .agent(HERE, &[path_selector(&here)], "optional")
            .agent(
                OTHER,
                &[path_selector(Agent::curl()?.program())],
                "optional",
            )
            .service(service)
            .policy(POLICY)
            .set("budgets", budgets.clone());
        Ok(Self {
            gateway: Gateway::start(&setup)?,
            client: Client::plain()?,
            crm,
        })
    }

    fn get(&self, path: &str) -> Result<Reply> {
        self.client.get(&self.gateway.url(path)?, &[])
    }

    fn finish(mut self) -> Result<()> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        verified(&self.gateway)?;
        drop(self.crm);
        Ok(())
    }
}

fn refused(reply: &Reply, budget: &str, meter: &str) -> Result<()> {
    assert_eq!(reply.status, 429, "{}", reply.text());
    let problem = reply.json()?;
    let says = |name| {
        problem
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    assert_eq!(says("reason"), "budget_exhausted", "{problem}");
    assert_eq!(says("rule"), budget, "{problem}");
    ensure!(says("detail").contains(meter), "{problem}");
    Ok(())
}

#[test]
fn one_record_after_the_other_runs_dry_and_stays_dry() -> Result<()> {
    let mut office = Office::with(&json!([{ "id": "people", "subjects": 5 }]))?;
    for customer in 1..=5 {
        let reply = office.get(&format!("/crm/customers/C-{customer:03}"))?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let reply = office.get("/crm/customers/C-006")?;
    refused(&reply, "people", "5 subjects for each session")?;
    ensure!(!reply.text().contains("C-006"), "{}", reply.text());
    let record = records::closing(&office.gateway, reply.record().context("no record")?)?;
    assert_eq!(record.text("reason"), "budget_exhausted");
    // Whom it knows it may still see, and what is about nobody, and what is not there.
    assert_eq!(office.get("/crm/customers/C-003")?.status, 200);
    assert_eq!(office.get("/crm/tickets/T-4891")?.status, 200);
    assert_eq!(office.get("/crm/customers/C-999")?.status, 404);
    // The other agent's session has spent nothing.
    let other = Ask::get(office.gateway.url("/crm/customers/C-006")?);
    assert_eq!(Agent::curl()?.ask(&other)?.status, 200);

    office.gateway.kill()?;
    office.gateway.restart()?;
    refused(&office.get("/crm/customers/C-006")?, "people", "subjects")?;
    assert_eq!(office.get("/crm/customers/C-005")?.status, 200);
    office.finish()
}

#[test]
fn of_many_calls_at_once_exactly_as_many_go_as_there_are() -> Result<()> {
    let calls = env::number(env::CALLS, 1_000);
    let allowed = calls / 10;
    let budget =
        json!([{ "id": "calls", "per": "agent", "calls": allowed, "operations": ["ticket.read"] }]);
    let office = Office::with(&budget)?;
    let url = office.gateway.url("/crm/tickets/T-4891")?;
    let went = thread::scope(|scope| {
        let ask = || -> Result<u64> {
            let client = Client::plain()?;
            let replies = (0..calls / ASKING).map(|_| client.get(&url, &[]));
            let statuses = replies.map(|reply| Ok(reply?.status.as_u16()));
            let statuses = statuses.collect::<Result<Vec<u16>>>()?;
            ensure!(
                statuses.iter().all(|it| [200, 429].contains(it)),
                "{statuses:?}"
            );
            Ok(statuses.iter().filter(|it| **it == 200).count() as u64)
        };
        let asking: Vec<_> = (0..ASKING).map(|_| scope.spawn(ask)).collect();
        let went = asking
            .into_iter()
            .map(|thread| thread.join().unwrap_or(Ok(0)));
        went.sum::<Result<u64>>()
    })?;
    assert_eq!(went, allowed);
    // What spends from no budget goes on.
    assert_eq!(office.get("/crm/customers/C-001")?.status, 200);
    office.finish()
}

#[test]
fn an_agent_is_told_what_is_left() -> Result<()> {
    let office = Office::with(&json!([
        { "id": "wide", "calls": 100, "every": "1h" },
        { "id": "narrow", "calls": 3 },
    ]))?;
    let reply = office.get("/crm/tickets/T-4891")?;
    assert_eq!(reply.header("ratelimit-policy"), Some("\"narrow\";q=3"));
    assert_eq!(reply.header("ratelimit"), Some("\"narrow\";r=2"));
    office.finish()
}

#[test]
fn operators_see_what_is_used_and_by_whom() -> Result<()> {
    let office = Office::with(&json!([
        { "id": "people", "subjects": 5 },
        { "id": "day", "per": "agent", "calls": 8, "every": "24h" },
    ]))?;
    let admin = office.gateway.admin_url("")?;
    let admin = admin.trim_start_matches("http://");
    let used = |more: &[&str]| -> Result<Vec<Value>> {
        let arguments = [&["budgets", "--admin", admin, "-o", "json"], more].concat();
        let output = office.gateway.cli(&arguments)?;
        ensure!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout)?;
        let lines = lines.lines().map(serde_json::from_str);
        Ok(lines.collect::<serde_json::Result<_>>()?)
    };
    assert!(used(&[])?.is_empty());
    for customer in ["C-001", "C-002", "C-002"] {
        assert_eq!(
            office.get(&format!("/crm/customers/{customer}"))?.status,
            200
        );
    }
    let told = used(&[])?;
    let of = |budget: &str| told.iter().find(|it| it["budget"] == budget);
    let (people, day) = (
        of("people").context("no people")?,
        of("day").context("no day")?,
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(people["meter"], "subjects");
    assert_eq!(
        (&people["used"], &people["allowed"]),
        (&json!(2), &json!(5))
    );
    assert_eq!(day["agent"], HERE);
    assert_eq!((&day["used"], &day["percent"]), (&json!(3), &json!(37)));
    ensure!(
        day["renews_in"].as_u64().is_some_and(|it| it <= 86_400),
        "{day}"
    );
    let session = people["session"].as_str().context("no session")?;
    assert_eq!(used(&["--session", session])?.len(), 1);
    assert_eq!(used(&["--agent", HERE])?.len(), 1);
    assert!(used(&["--agent", OTHER])?.is_empty());
    office.finish()
}

#[test]
fn a_list_spends_a_record_for_each_that_it_shows() -> Result<()> {
    let office = Office::with(&json!([{ "id": "rows", "records": 30 }]))?;
    assert_eq!(office.get("/crm/customers?limit=25")?.status, 200);
    // The same ones again, one by one and in a list, cost nothing.
    assert_eq!(office.get("/crm/customers?limit=25")?.status, 200);
    assert_eq!(office.get("/crm/customers/C-025")?.status, 200);
    refused(
        &office.get("/crm/customers?limit=31")?,
        "rows",
        "30 records",
    )?;
    assert_eq!(office.get("/crm/customers?limit=30")?.status, 200);
    refused(&office.get("/crm/customers/C-031")?, "rows", "records")?;
    office.finish()
}

#[test]
fn a_long_answer_breaks_off_where_the_budget_ends() -> Result<()> {
    let office =
        Office::with(&json!([{ "id": "rows", "records": 300, "fields": { "pii": 100_000 } }]))?;
    // Five hundred are longer than what is judged whole, so that it has begun when the budget ends.
    let ask = Ask::get(office.gateway.url("/crm/customers?limit=500")?);
    let answer = Agent::curl()?.ask(&ask);
    if let Ok(answer) = &answer {
        let text = answer.text();
        let last = (1..=500)
            .rev()
            .find(|n| text.contains(&format!("\"C-{n:03}\"")));
        ensure!(last.is_none_or(|last| last <= 300), "{last:?} came through");
    }
    let records = records::list(&office.gateway)?;
    let broken = records
        .iter()
        .filter(|it| it.text("reason") == "budget_exhausted");
    assert_eq!(broken.count(), 1);
    office.finish()
}

#[test]
fn values_that_are_shown_are_spent_and_masked_ones_are_not() -> Result<()> {
    let office =
        Office::with(&json!([{ "id": "mails", "fields": { "pii.email": 4, "pci.pan": 0 } }]))?;
    // Each has its address in two places, and a card that nobody sees.
    assert_eq!(office.get("/crm/customers/C-001")?.status, 200);
    assert_eq!(office.get("/crm/customers/C-001")?.status, 200);
    refused(&office.get("/crm/customers/C-002")?, "mails", "4 pii.email")?;
    office.finish()
}
