//! Queries and mutations of GraphQL: decided by root field and arguments, wherever these travel.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Reply,
    peers::{Peer, graph::Graph},
    records,
    setup::Service,
};

use crate::world::{HERE, World};

/// What the service's owner says of a field whose name says nothing.
const REMARK: &str = "heron blue";

const POLICY: &str = r#"
@id("nobody-writes")
forbid (principal, action == Action::"call", resource in Api::"graph")
when { context.effect != "read" };
"#;

struct Shop {
    world: World,
    graph: Graph,
    _peer: Peer,
    token: String,
}

impl Shop {
    fn new() -> Result<Self> {
        let graph = Graph::default();
        let peer = Peer::serve(graph.router(), "127.0.0.1:0", None)?;
        let service = Service::new("graph", &peer.url(), "DE").set(
            "graphql",
            json!({
                "endpoints": ["/graphql"],
                "queries": [
                    {
                        "field": "customer",
                        "bind": { "customer": "id" },
                        "output": { "properties": { "remark": { "x-data-class": "phi.condition" } } },
                    },
                    {
                        "field": "customers",
                        "rows": [{ "array": "/data/customers", "member": "/id", "scope": "customer" }],
                    },
                ],
                "mutations": [{ "field": "note", "bind": { "customer": "input.customer.id" } }],
            }),
        );
        let world = World::with(|setup| setup.service(service).policy(POLICY))?;
        let token = world.token(HERE, |claims| claims.scope("customer", "C-771"))?;
        Ok(Self {
            world,
            graph,
            _peer: peer,
            token,
        })
    }

    fn post(&self, body: &Value) -> Result<Reply> {
        let url = self.world.gateway.url("/graph/graphql")?;
        let token = ("tidegate-token", self.token.as_str());
        self.world.client.post(&url, &[token], &body.to_string())
    }

    fn get(&self, query: &str) -> Result<Reply> {
        let url = self.world.gateway.url(&format!("/graph/graphql?{query}"))?;
        self.world
            .client
            .get(&url, &[("tidegate-token", &self.token)])
    }

    /// That a request was refused so, is on record, and that the service heard nothing of it.
    fn refused(&self, reply: &Reply, reason: &str) -> Result<records::Record> {
        let told = reply.json()?;
        let said = told.pointer("/errors/0/extensions/reason");
        assert_eq!(said, Some(&json!(reason)), "{told}");
        assert_eq!(self.graph.asked(), Vec::<String>::new(), "{reason}");
        let record = records::show(&self.world.gateway, reply.record().context("no record")?)?;
        assert_eq!(record.kind(), "refuse");
        Ok(record)
    }
}

#[test]
fn a_session_asks_for_its_own_customer_however_the_argument_travels() -> Result<()> {
    let shop = Shop::new()?;
    let email = ["tamsel.wrenfold", "mailbox.example.org"].join("@");
    let customer = json!({ "id": "C-771", "mail": email, "remark": REMARK });
    shop.graph
        .answers(json!({ "data": { "customer": customer } }));
    let variable = "query Q($i: ID!) { customer(id: $i) { id mail: email remark } }";
    let fragment =
        "{ ...f } fragment f on Query { customer(id: \"C-ID\") { id mail: email remark } }";
    let ways = |id: &str| {
        [
            json!({ "query": "{ customer(id: \"C-ID\") { id mail: email remark } }".replace("C-ID", id) }),
            json!({ "query": fragment.replace("C-ID", id) }),
            json!({ "query": variable, "variables": { "i": id } }),
            json!({ "query": variable.replace("ID!", &format!("ID! = \"{id}\"")) }),
            json!({ "query": format!("query A {{ other }} {variable}"), "operationName": "Q",
                "variables": { "i": id } }),
        ]
    };
    for request in ways("C-771") {
        let reply = shop.post(&request)?;
        assert_eq!(reply.status, 200, "{request}: {}", reply.text());
        let data = &reply.json()?["data"]["customer"];
        assert_eq!(data["id"], "C-771", "{request}: {}", reply.text());
        ensure!(!reply.text().contains(&email), "{}", reply.text());
        ensure!(!reply.text().contains(REMARK), "{}", reply.text());
        assert_eq!(shop.graph.asked().len(), 1);
    }
    for request in ways("C-332") {
        let record = shop.refused(&shop.post(&request)?, "scope_mismatch")?;
        assert_eq!(record.find("bound"), Some(&json!({ "customer": "C-332" })));
    }
    let get = |id: &str| format!("query=%7Bcustomer(id:%22{id}%22)%7Bid%7D%7D");
    assert_eq!(shop.get(&get("C-771"))?.status, 200);
    assert_eq!(shop.graph.asked().len(), 1);
    shop.refused(&shop.get(&get("C-332"))?, "scope_mismatch")?;
    shop.world.finish()
}

#[test]
fn what_cannot_be_decided_goes_nowhere() -> Result<()> {
    let shop = Shop::new()?;
    shop.graph.answers(json!({ "data": {} }));
    let query = |text: &str| json!({ "query": text });
    let note = "mutation { note(input: { customer: { id: \"C-771\" } }) { id } }";
    let cases = [
        (query(note), "access_refused"),
        (query("{ secrets { id } }"), "operation_unknown"),
        (
            query("{ customer(id: \"C-771\") { id } customers { id } }"),
            "fields_several",
        ),
        (
            query("{ customer(id: \"C-771\") { x: email } }"),
            "alias_refused",
        ),
        (query("{ others: customers { id } }"), "alias_refused"),
        (
            query("{ a: customer(id: \"C-771\") { id } customer(id: \"C-332\") { id } }"),
            "message_ambiguous",
        ),
        (query("{ customer(id: \"C-771\""), "not_a_message"),
        (
            json!({ "extensions": { "persistedQuery": { "sha256Hash": "a" } } }),
            "persisted_query_refused",
        ),
        (json!([query("{ customers { id } }")]), "batch_refused"),
    ];
    for (request, reason) in cases {
        shop.refused(&shop.post(&request)?, reason)?;
    }
    let reply =
        shop.get("query=mutation%7Bnote(input:%7Bcustomer:%7Bid:%22C-771%22%7D%7D)%7Bid%7D%7D")?;
    shop.refused(&reply, "message_ambiguous")?;
    shop.world.finish()
}

#[test]
fn rows_of_others_stay_behind() -> Result<()> {
    let shop = Shop::new()?;
    let rows = json!([{ "id": "C-771", "plan": "gold" }, { "id": "C-332", "plan": "silver" }]);
    shop.graph.answers(json!({ "data": { "customers": rows } }));
    let reply = shop.post(&json!({ "query": "{ customers { id plan } }" }))?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    ensure!(reply.text().contains("C-771"), "{}", reply.text());
    ensure!(!reply.text().contains("C-332"), "{}", reply.text());
    shop.world.finish()
}

/// What a service answers to a subscription.
async fn watched() -> ([(&'static str, &'static str); 1], String) {
    let email = ["tamsel.wrenfold", "mailbox.example.org"].join("@");
    let event = |orders: u8| {
        let watched = json!({ "id": "C-771", "email": email, "orders": orders });
        format!(
            "event: next\ndata: {}\n\n",
            json!({ "data": { "watched": watched } })
        )
    };
    let events = format!("{}: \n\n{}event: complete\ndata:\n\n", event(1), event(2));
    ([("content-type", "text/event-stream")], events)
}

#[test]
fn a_subscription_is_decided_and_its_events_are_governed() -> Result<()> {
    let router = axum::Router::new().route("/graphql", axum::routing::post(watched));
    let peer = Peer::serve(router, "127.0.0.1:0", None)?;
    let service = Service::new("graph", &peer.url(), "DE").set(
        "graphql",
        json!({
            "endpoints": ["/graphql"],
            "subscriptions": [{ "field": "watched", "bind": { "customer": "id" } }],
        }),
    );
    let world = World::with(|setup| setup.service(service))?;
    let token = world.token(HERE, |claims| claims.scope("customer", "C-771"))?;
    let ask = |query: &str| {
        let url = world.gateway.url("/graph/graphql")?;
        let headers = [("tidegate-token", &*token), ("accept", "text/event-stream")];
        let body = json!({ "query": query }).to_string();
        world.client.post(&url, &headers, &body)
    };
    let reply = ask("subscription { watched(id: \"C-771\") { id email orders } }")?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    ensure!(
        !text.contains("wrenfold") && text.contains("\"orders\":2"),
        "{text}"
    );
    ensure!(text.ends_with("event: complete\ndata:\n\n"), "{text}");
    let record = records::show(&world.gateway, reply.record().context("no record")?)?;
    let operation = record.find("operation").map(Value::to_string);
    ensure!(
        operation.is_some_and(|it| it.contains("subscription/watched")),
        "{record:?}"
    );
    for (query, reason) in [
        (
            "subscription { watched(id: \"C-332\") { email } }",
            "scope_mismatch",
        ),
        ("subscription { others { email } }", "operation_unknown"),
        ("{ watched(id: \"C-771\") { email } }", "operation_unknown"),
    ] {
        let reply = ask(query)?;
        let told = reply.json()?;
        let said = told.pointer("/errors/0/extensions/reason");
        assert_eq!(said, Some(&json!(reason)), "{told}");
    }
    world.finish()
}
