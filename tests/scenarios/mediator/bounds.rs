//! What a mediated answer could still tell: of a part of the rows as of the whole, to who was let go, and
//! of whom nothing was spent.

use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};
use tests::{
    client::Reply,
    gateway::POLL,
    peers::{
        Peer,
        roster::{Mood, Roster},
    },
    records,
    setup::Service,
};

use super::POLICY;
use crate::world::{HERE, World};

const LIST: &str = "/roster/customers";

/// A gateway before the roster, whose list of customers has these rules.
struct Desk {
    world: World,
    roster: Roster,
    _peer: Peer,
}

impl Desk {
    fn new(rules: Value, templates: &[Value], budgets: &Value) -> Result<Self> {
        let roster = Roster::default();
        let peer = Peer::serve(roster.router(), "127.0.0.1:0", None)?;
        let service = Service::new("roster", &peer.url(), "DE");
        let service = service.governed("customer.list", "GET", "/customers", rules);
        let mediator = json!({ "templates": templates, "deadline": "30s" });
        let world = World::with(|setup| {
            let setup = setup.service(service).set("mediator", mediator);
            let setup = setup.set("policies", json!([]));
            setup.set("budgets", budgets.clone()).policy(POLICY)
        })?;
        Ok(Self {
            world,
            roster,
            _peer: peer,
        })
    }

    fn ask(&self, query: &str) -> Result<Reply> {
        let task = |claims: tests::tokens::Claims| claims.task("T-1", "support");
        let token = self.world.token(HERE, task)?;
        let url = self.world.gateway.url(&format!("{LIST}{query}"))?;
        let token = ("tidegate-token", token.as_str());
        self.world.client.get(&url, &[token])
    }

    fn is(reply: &Reply, status: u16, reason: &str) -> Result<()> {
        let told = reply.json()?;
        ensure!(
            reply.status == status && told.get("reason").is_some_and(|told| told == reason),
            "{} {told}",
            reply.status
        );
        ensure!(!reply.text().contains("C-0"), "{told}");
        Ok(())
    }
}

fn template(more: Value) -> Value {
    let mut template = json!({
        "name": "it", "operation": "roster/customer.list", "purposes": ["support"],
        "rows": "/customers",
    });
    if let (Some(all), Value::Object(more)) = (template.as_object_mut(), more) {
        all.extend(more);
    }
    template
}

fn plans() -> Value {
    template(
        json!({ "answer": "counts", "counts": { "by": ["/plan"], "k": 5 },
        "page": { "parameter": "limit", "max": 40 } }),
    )
}

fn any() -> Value {
    template(json!({ "answer": "yes_no", "fields": ["/id", "/orders/*/card"], "at_least": 30 }))
}

#[test]
fn of_a_part_of_the_rows_nothing_is_counted() -> Result<()> {
    for (rules, whole) in [
        (json!({}), true),
        (json!({ "records_max": 10 }), false),
        (json!({ "fields_max": 30 }), false),
    ] {
        for template in [plans(), any()] {
            let desk = Desk::new(rules.clone(), &[template], &json!([]))?;
            let reply = desk.ask("")?;
            if whole {
                assert_eq!(reply.status, 200, "{rules}: {}", reply.text());
            } else {
                let refused = Desk::is(&reply, 502, "mediation_failed");
                refused.with_context(|| rules.to_string())?;
            }
            desk.world.finish()?;
        }
    }
    Ok(())
}

#[test]
fn no_page_of_a_callers_moves_the_edge_of_what_is_counted() -> Result<()> {
    let desk = Desk::new(json!({}), &[plans()], &json!([]))?;
    let mut told = Vec::new();
    for query in ["", "?limit=3", "?limit=17", "?limit=18", "?limit=1000000"] {
        let reply = desk.ask(query)?;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        told.push(reply.json()?);
        let heard = desk.roster.heard().join("\n");
        // One more than may come: if it comes, these are not all.
        ensure!(
            heard.starts_with("/customers?limit=41\n"),
            "{query}: {heard}"
        );
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    desk.world.finish()
}

#[test]
fn the_service_gets_the_page_that_policy_decided_on_or_less() -> Result<()> {
    let rules = json!({
        "query": { "size": "limit" },
        "arguments": { "size": { "type": "integer", "default": 3 } },
    });
    let rows = template(json!({ "fields": ["/id"], "page": { "parameter": "limit", "max": 5 } }));
    let desk = Desk::new(rules, &[rows], &json!([]))?;
    for (query, asked) in [("", "3"), ("?limit=4", "4"), ("?limit=400", "5")] {
        let reply = desk.ask(query)?;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        let heard = desk.roster.heard().join("\n");
        let expected = format!("/customers?limit={asked}\n");
        ensure!(heard.starts_with(&expected), "{query}: {heard}");
    }
    for query in ["?limit=0", "?limit=-1"] {
        Desk::is(&desk.ask(query)?, 403, "mediation_refused")?;
        ensure!(desk.roster.heard().is_empty(), "{query} went on");
    }
    desk.world.finish()
}

#[test]
fn what_nobody_saw_is_not_on_record_as_shown() -> Result<()> {
    let cards = "/orders/*/card";
    let covered = json!({ "fields": ["/id", cards], "answer": "masked", "mask": [cards] });
    let rows = json!({ "fields": ["/id", cards] });
    for (template, action) in [
        (any(), "mediated"),
        (template(covered), "mediated"),
        (template(rows), "show"),
    ] {
        let desk = Desk::new(json!({}), &[template], &json!([]))?;
        let reply = desk.ask("")?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.text().contains("4111"), action == "show");
        let index = reply.record().context("no record")?;
        let closing = records::closing(&desk.world.gateway, index)?;
        let findings = closing.0["event"]["response"]["findings"].clone();
        let cards = findings.as_array().into_iter().flatten();
        let mut cards = cards.filter(|it| it["class"] == "pci.pan").peekable();
        ensure!(cards.peek().is_some(), "no card is on record: {findings}");
        ensure!(cards.all(|it| it["action"] == action), "{findings}");
        desk.world.finish()?;
    }
    Ok(())
}

#[test]
fn who_is_revoked_meanwhile_gets_no_answer() -> Result<()> {
    for mood in [Mood::Stuck, Mood::Silent] {
        let rows = template(json!({ "fields": ["/id"] }));
        let desk = Desk::new(json!({}), &[rows], &json!([]))?;
        desk.roster.is(mood);
        let reply = thread::scope(|scope| {
            let call = scope.spawn(|| desk.ask(""));
            while desk.roster.heard().is_empty() {
                thread::sleep(POLL);
            }
            let revoke = [
                "revoke",
                "everything",
                "--reason",
                "drill",
                "--data",
                "data",
            ];
            let revoked = desk.world.gateway.cli(&revoke)?;
            ensure!(revoked.status.success(), "{revoked:?}");
            call.join().map_err(|_| anyhow!("the call ended badly"))?
        })?;
        Desk::is(&reply, 403, "revoked").with_context(|| format!("{mood:?}"))?;
        desk.world.finish()?;
    }
    Ok(())
}

#[test]
fn people_are_counted_whom_the_answer_does_not_name() -> Result<()> {
    let records = json!({ "array": "/customers", "id": "/id", "subject": "/id" });
    let rows =
        || template(json!({ "fields": ["/plan"], "page": { "parameter": "limit", "max": 5 } }));
    for (subjects, status) in [(4, 429), (5, 200)] {
        let budget = json!([{ "id": "people", "subjects": subjects }]);
        let desk = Desk::new(json!({ "records": records }), &[rows()], &budget)?;
        let reply = desk.ask("")?;
        assert_eq!(reply.status, status, "{subjects}: {}", reply.text());
        ensure!(!reply.text().contains("C-0"), "{}", reply.text());
        if status == 200 {
            let rows = super::members(&reply.json()?["customers"])?;
            assert_eq!(rows, vec![["plan"]; 5]);
        }
        desk.world.finish()?;
    }
    Ok(())
}

#[test]
fn whoever_answers_in_place_of_another_is_asked_for_no_more() -> Result<()> {
    let rosters = [Roster::default(), Roster::default()];
    let serve = |roster: &Roster| Peer::serve(roster.router(), "127.0.0.1:0", None);
    let [one, other] = &rosters;
    let peers = [serve(one)?, serve(other)?];
    let upstreams = peers
        .each_ref()
        .map(|peer| json!({ "url": peer.url(), "country": "DE" }));
    let service = Service::at("roster", json!(upstreams));
    let service = service.operation("customer.list", "GET", "/customers");
    let rows = template(
        json!({ "fields": ["/id"], "filters": { "status": "active" },
        "page": { "parameter": "limit", "max": 5 } }),
    );
    let world = World::with(|setup| {
        let mediator = json!({ "templates": [rows], "deadline": "30s" });
        let setup = setup.service(service).set("mediator", mediator);
        setup.set("policies", json!([])).policy(POLICY)
    })?;
    let token = world.token(HERE, |claims| claims.task("T-1", "support"))?;
    let url = world
        .gateway
        .url(&format!("{LIST}?limit=1000000&fields=*&status=any"))?;
    let headers = [("tidegate-token", token.as_str()), ("prefer", "all")];
    // Whichever comes first is busy once, and the other is asked in its place.
    for (busy, well) in [(one, other), (other, one)] {
        busy.is(Mood::Busy);
        well.is(Mood::Well);
        let mut again = 0;
        for _ in 0..20 {
            let reply = world.client.get(&url, &headers)?;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let rows = super::members(&reply.json()?["customers"])?;
            assert_eq!(rows, vec![["id"]; 5]);
            let heard = [busy.heard(), well.heard()].concat();
            again += heard.len() - 1;
            for heard in heard {
                ensure!(
                    heard.starts_with("/customers?limit=5&status=active\n"),
                    "{heard}"
                );
                ensure!(!heard.contains("prefer"), "{heard}");
            }
        }
        ensure!(again > 0, "nobody was asked in the place of another");
    }
    world.finish()
}
