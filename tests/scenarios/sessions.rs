//! A key says nothing about which instance calls: sessions on one key have accounts and records apart.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::{
    client::Reply,
    records,
    setup::{Service, Setup},
};

use crate::world::{HERE, World};

/// Records and calls of each session.
const RECORDS: u64 = 3;

fn world(budgets: serde_json::Value) -> Result<World> {
    World::with_peers(|setup: Setup, peers| {
        let service = Service::new("one", &peers.crm.url(), "DE").governed(
            "customer.read",
            "GET",
            "/customers/{customer}",
            json!({ "subject": "customer" }),
        );
        setup.service(service).set("budgets", budgets)
    })
}

/// A session's calls, all with the one key of the service.
struct Session<'w> {
    world: &'w World,
    token: String,
    key: String,
}

impl<'w> Session<'w> {
    fn new(world: &'w World, key: &str) -> Result<Self> {
        Ok(Self {
            world,
            token: world.token(HERE, |claims| claims)?,
            key: key.to_owned(),
        })
    }

    fn read(&self, customer: u64) -> Result<Reply> {
        let url = format!("/one/customers/C-{customer:03}");
        let url = self.world.gateway.url(&url)?;
        let fields = [
            ("tidegate-token", self.token.as_str()),
            ("x-api-key", &self.key),
        ];
        self.world.client.get(&url, &fields)
    }
}

#[test]
fn two_sessions_on_one_key_have_accounts_and_records_of_their_own() -> Result<()> {
    let mut world = world(json!([{ "id": "few", "records": RECORDS }]))?;
    let key = format!("key-{}", world.gateway.pid()?);
    let (a, b) = (Session::new(&world, &key)?, Session::new(&world, &key)?);
    // Turn by turn, the one ahead of the other.
    for customer in 1..=RECORDS {
        assert_eq!(a.read(customer)?.status, 200);
    }
    let refused = a.read(RECORDS + 1)?;
    assert_eq!(refused.status, 429, "{}", refused.text());
    for customer in 1..=RECORDS {
        assert_eq!(
            b.read(customer + 10)?.status,
            200,
            "what the one spent is not the other's"
        );
        assert_eq!(a.read(RECORDS + customer)?.status, 429);
    }
    assert_eq!(b.read(1)?.status, 429);
    let (a_token, b_token) = (a.token, b.token);

    world.gateway.kill()?;
    world.gateway.restart()?;
    for (token, own, new) in [(a_token, 1, 11), (b_token, 11, 1)] {
        let key = key.clone();
        let session = Session {
            world: &world,
            token,
            key,
        };
        assert_eq!(
            session.read(own)?.status,
            200,
            "whom it knows it may still see"
        );
        assert_eq!(
            session.read(new)?.status,
            429,
            "a restart gives nothing back"
        );
    }
    let records = records::list(&world.gateway)?;
    let opened = records.iter().filter(|it| it.kind() == "open");
    let mut sessions: Vec<String> = opened.map(|it| it.text("session")).collect();
    sessions.sort_unstable();
    sessions.dedup();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    world.finish()
}

#[test]
fn one_record_a_second_is_stopped_by_what_it_has_taken() -> Result<()> {
    let world = world(json!([
        { "id": "people", "subjects": 5 },
        { "id": "pace", "calls": 60, "every": "60s" },
    ]))?;
    let session = Session::new(&world, "key")?;
    let mut statuses = Vec::new();
    for customer in 1..=7 {
        let reply = session.read(customer)?;
        statuses.push(reply.status.as_u16());
        if reply.status == 429 {
            let rule = reply.json()?.get("rule").cloned();
            assert_eq!(rule, Some(json!("people")), "not by its pace");
            let record = reply.record().context("no record")?;
            let closing = records::closing(&world.gateway, record)?;
            assert_eq!(closing.text("reason"), "budget_exhausted");
        }
        thread::sleep(Duration::from_secs(1));
    }
    ensure!(
        statuses == [200, 200, 200, 200, 200, 429, 429],
        "{statuses:?}"
    );
    world.finish()
}
