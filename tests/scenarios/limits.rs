//! An operation only for arguments within bounds: a refund of at most 50 EUR, a message only to +49, a
//! page of at most 100, wherever the argument travels; what cannot be read in one way is refused.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use tests::{
    client::Reply,
    peers::{Peer, witness::Witness},
    records,
    setup::Service,
};

use crate::world::{HERE, World};

const POLICY: &str = r#"
@id("refunds-up-to-50-eur")
@reason("a refund is at most 50 EUR")
forbid (principal, action == Action::"call", resource in Operation::"shop/refund.create")
unless {
  context.argument has amount &&
  context.argument.amount.currency == "EUR" &&
  context.argument.amount.minor <= 5000
};

@id("messages-only-to-germany")
@reason("messages go to +49 only")
forbid (principal, action == Action::"call", resource in Operation::"shop/sms.send")
unless { context.argument has to && context.argument.to like "+49*" };

@id("pages-of-100")
@reason("a page has at most 100 rows")
forbid (principal, action == Action::"call", resource in Api::"shop")
when { context.argument has limit && context.argument.limit > 100 };

@id("discounts-up-to-a-quarter")
forbid (principal, action == Action::"call", resource)
when { context.argument has rate && context.argument.rate.greaterThan(decimal("0.25")) };
"#;

/// What an operator declares.
fn service(upstream: &str) -> Service {
    let amount = json!({ "type": "money", "currency_in": "currency" });
    let limit = json!({ "type": "integer", "default": 20 });
    Service::new("shop", upstream, "DE")
        .governed(
            "refund.create",
            "POST",
            "/v1/refunds",
            json!({
                "body": { "amount": "amount", "currency": "currency" },
                "arguments": { "amount": amount },
            }),
        )
        .governed(
            "sms.send",
            "POST",
            "/messages",
            json!({
                "body": { "to": "/message/To" },
                "arguments": { "to": { "type": "string", "pattern": r"\+[0-9]{6,15}" } },
            }),
        )
        .governed(
            "orders.list",
            "GET",
            "/orders",
            json!({ "query": { "limit": "limit" }, "arguments": { "limit": &limit } }),
        )
        .governed(
            "order.top",
            "GET",
            "/orders/top/{limit}",
            json!({ "arguments": { "limit": { "type": "integer" } } }),
        )
        .governed(
            "discount.set",
            "POST",
            "/discounts",
            json!({
                "body": { "rate": "rate" },
                "header": { "mode": "x-mode" },
                "arguments": {
                    "rate": { "type": "decimal" },
                    "mode": { "type": "string", "one_of": ["draft", "test"], "default": "draft" },
                },
            }),
        )
}

/// Tools and root fields, whose arguments are held to the same rules.
fn messages(upstream: &str) -> [Service; 2] {
    let arguments = json!({ "limit": { "type": "integer" } });
    let tool = json!({ "name": "search", "effect": "read", "bind": { "limit": "arguments.limit" },
        "arguments": arguments });
    let field = json!({ "field": "orders", "bind": { "limit": "first" }, "arguments": arguments });
    [
        Service::new("tools", upstream, "DE")
            .set("mcp", json!({ "endpoints": ["/mcp"], "tools": [tool] })),
        Service::new("graph", upstream, "DE").set(
            "graphql",
            json!({ "endpoints": ["/graphql"], "queries": [field] }),
        ),
    ]
}

struct Shop {
    world: World,
    witness: Witness,
    token: String,
    _peer: Peer,
}

impl Shop {
    fn new() -> Result<Self> {
        let witness = Witness::default();
        let peer = Peer::serve(witness.router(), "127.0.0.1:0", None)?;
        let [tools, graph] = messages(&peer.url());
        let everywhere = POLICY.replace("resource in Api::\"shop\"", "resource");
        let world = World::with(|setup| {
            let setup = setup.service(service(&peer.url()));
            setup.service(tools).service(graph).policy(&everywhere)
        })?;
        let token = world.token(HERE, |claims| claims.scope("customer", "C-771"))?;
        Ok(Self {
            world,
            witness,
            token,
            _peer: peer,
        })
    }

    fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> Result<Reply> {
        let url = self.world.gateway.url(path)?;
        let token = ("tidegate-token", self.token.as_str());
        let kind = (!body.is_empty()).then_some(("content-type", kind));
        let headers: Vec<_> = kind.into_iter().chain([token]).collect();
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.world.client.send(method, &url, &headers, body)
    }

    /// That a request goes through, or is refused with this reason before the service hears of it.
    fn check(&self, reply: &Reply, refused: Option<(u16, &str)>, what: &str) -> Result<()> {
        let heard = self.witness.heard();
        match refused {
            None => {
                ensure!(reply.status == 200, "{what}: {}", reply.text());
                ensure!(heard.len() == 1, "{what}: the service heard {heard:?}");
            }
            Some((status, reason)) => {
                let told = reply.json()?;
                let why = told.get("reason").and_then(Value::as_str);
                let fits = reply.status == status && why == Some(reason);
                ensure!(fits, "{what}: {} {told}", reply.status);
                ensure!(heard.is_empty(), "{what}: the service heard {heard:?}");
            }
        }
        Ok(())
    }

    fn refund(&self, form: &str, refused: Option<(u16, &str)>) -> Result<Reply> {
        let kind = "application/x-www-form-urlencoded";
        let reply = self.ask("POST", "/shop/v1/refunds", kind, form)?;
        self.check(&reply, refused, form)?;
        Ok(reply)
    }
}

const OVER: Option<(u16, &str)> = Some((403, "access_refused"));
const ILL: Option<(u16, &str)> = Some((400, "argument_ill_typed"));
const MISSING: Option<(u16, &str)> = Some((400, "parameter_missing"));
const UNCLEAR: Option<(u16, &str)> = Some((400, "message_ambiguous"));
const UNCLEAR_QUERY: Option<(u16, &str)> = Some((400, "path_ambiguous"));

#[test]
fn a_refund_is_held_to_its_bound_and_says_by_which_rule() -> Result<()> {
    let shop = Shop::new()?;
    shop.refund("amount=5000&currency=eur&charge=ch_1", None)?;
    let over = shop.refund("amount=5001&currency=eur", OVER)?;
    let told = over.json()?;
    assert_eq!(told["rule"], "refunds-up-to-50-eur");
    ensure!(
        told["detail"]
            .as_str()
            .is_some_and(|it| it.contains("at most 50 EUR")),
        "{told}"
    );
    // As many pesos are another sum, and none of them is a refund without a bound.
    shop.refund("amount=5000&currency=usd", OVER)?;
    for (form, refused) in [
        ("amount=50.00&currency=eur", ILL),
        ("amount=5e3&currency=eur", ILL),
        ("amount=%2B50&currency=eur", ILL),
        ("amount=05000&currency=eur", ILL),
        ("amount=99999999999999999999&currency=eur", ILL),
        ("amount=&currency=eur", ILL),
        ("amount=50&currency=euro", ILL),
        ("currency=eur", MISSING),
        ("amount=50", MISSING),
        ("amount=50&amount=9999&currency=eur", UNCLEAR),
        ("amount=50&Amount=9999&currency=eur", UNCLEAR),
        ("amount=50&amount[]=9999&currency=eur", UNCLEAR),
    ] {
        let reply = shop.refund(form, refused)?;
        ensure!(
            !reply.text().contains("9999"),
            "a value in {}",
            reply.text()
        );
    }
    // A query that gainsays the body.
    let kind = "application/x-www-form-urlencoded";
    let path = "/shop/v1/refunds?amount=9999";
    let reply = shop.ask("POST", path, kind, "amount=50&currency=eur")?;
    shop.check(&reply, UNCLEAR_QUERY, path)?;
    shop.world.finish()
}

#[test]
fn arguments_of_json_path_query_and_header_are_held_to_theirs() -> Result<()> {
    let shop = Shop::new()?;
    let json = "application/json";
    for (to, refused) in [
        (json!("+4930901820"), None),
        (json!("+14155550100"), OVER),
        (json!("+49 30 901820"), ILL),
        (json!("+49;+1"), ILL),
        (json!(["+4930901820"]), UNCLEAR),
        (json!(null), MISSING),
    ] {
        let body = json!({ "message": { "To": to, "text": "hello" } }).to_string();
        let reply = shop.ask("POST", "/shop/messages", json, &body)?;
        shop.check(&reply, refused, &body)?;
    }
    let twice = r#"{"message":{"To":"+4930901820","to":"+14155550100"}}"#;
    let reply = shop.ask("POST", "/shop/messages", json, twice)?;
    shop.check(&reply, UNCLEAR, twice)?;
    for (path, refused) in [
        ("/shop/orders?limit=100", None),
        ("/shop/orders", None),
        ("/shop/orders?limit=101", OVER),
        ("/shop/orders?limit=-1", None),
        ("/shop/orders?limit=1e3", ILL),
        ("/shop/orders?limit=10&limit=1000", UNCLEAR_QUERY),
        ("/shop/orders?Limit=1000", UNCLEAR_QUERY),
        ("/shop/orders/top/100", None),
        ("/shop/orders/top/1000", OVER),
        ("/shop/orders/top/all", ILL),
        // The path says one thing, the query another.
        ("/shop/orders/top/10?limit=1000", UNCLEAR_QUERY),
    ] {
        let reply = shop.ask("GET", path, "", "")?;
        shop.check(&reply, refused, path)?;
    }
    // A default is not taken where the argument may stand in a body that nobody would read.
    let form = "application/x-www-form-urlencoded";
    for (kind, body, refused) in [
        (json, r#"{"limit":10000}"#, UNCLEAR),
        (json, r#"{"Limit":10000}"#, UNCLEAR),
        (json, r#"[{"limit":10000}]"#, MISSING),
        (form, "limit=10000", UNCLEAR),
        (form, "limit[]=10000", UNCLEAR),
        (json, r#"{"sort":"id"}"#, None),
        (form, "sort=id", None),
    ] {
        let reply = shop.ask("GET", "/shop/orders", kind, body)?;
        shop.check(&reply, refused, body)?;
    }
    let moded = r#"{"rate":0.1,"mode":"live"}"#;
    let reply = shop.ask("POST", "/shop/discounts", json, moded)?;
    shop.check(&reply, UNCLEAR, moded)?;
    for (rate, refused) in [
        ("0.25", None),
        ("\"0.1\"", None),
        ("0.26", OVER),
        ("1e-1", None),
        ("1e30", ILL),
        ("true", ILL),
    ] {
        let body = format!("{{\"rate\":{rate}}}");
        let reply = shop.ask("POST", "/shop/discounts", json, &body)?;
        shop.check(&reply, refused, &body)?;
    }
    let url = shop.world.gateway.url("/shop/discounts")?;
    let token = ("tidegate-token", shop.token.as_str());
    let live = [token, ("x-mode", "live")];
    let reply = shop.world.client.post(&url, &live, r#"{"rate":0.1}"#)?;
    shop.check(&reply, ILL, "x-mode: live")?;
    shop.world.finish()
}

#[test]
fn tools_and_root_fields_are_held_to_the_same_rules() -> Result<()> {
    let shop = Shop::new()?;
    let call = |limit: Value| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "search", "arguments": { "limit": limit } } })
        .to_string()
    };
    for (limit, refused) in [
        (json!(100), None),
        (json!(101), Some("access_refused")),
        (json!("many"), Some("argument_ill_typed")),
        (json!([1]), Some("message_ambiguous")),
    ] {
        let body = call(limit);
        let reply = shop.ask("POST", "/tools/mcp", "application/json", &body)?;
        let told = reply.json()?;
        let reason = told.pointer("/error/data/reason").and_then(Value::as_str);
        ensure!(reason == refused, "{body}: {told}");
        assert_eq!(shop.witness.heard().len(), usize::from(refused.is_none()));
    }
    for (query, refused) in [
        ("{ orders(first: 100) { id } }", None),
        ("{ orders(first: 101) { id } }", Some("access_refused")),
        ("{ orders { id } }", Some("parameter_missing")),
    ] {
        let body = json!({ "query": query }).to_string();
        let reply = shop.ask("POST", "/graph/graphql", "application/json", &body)?;
        let told = reply.json()?;
        let reason = told
            .pointer("/errors/0/extensions/reason")
            .and_then(Value::as_str);
        ensure!(reason == refused, "{query}: {told}");
        assert_eq!(shop.witness.heard().len(), usize::from(refused.is_none()));
    }
    shop.world.finish()
}

#[test]
fn what_bounds_decided_is_on_record_explained_and_tried() -> Result<()> {
    let shop = Shop::new()?;
    let over = shop.refund("amount=9900&currency=eur", OVER)?;
    let index = over.record().context("no record")?;
    let record = records::show(&shop.world.gateway, index)?;
    assert_eq!(
        record.find("arguments"),
        Some(&json!({ "amount": "9900 EUR" }))
    );
    // What names a currency may still be of the scope.
    assert_eq!(record.find("bound"), Some(&json!({ "currency": "eur" })));
    let reply = shop.ask(
        "POST",
        "/shop/messages",
        "application/json",
        r#"{"message":{"To":"+14155550100"}}"#,
    )?;
    let to = records::show(&shop.world.gateway, reply.record().context("no record")?)?;
    assert_eq!(to.find("arguments"), Some(&json!({ "to": "+14155550100" })));

    let gateway = &shop.world.gateway;
    let policy = |arguments: &[&str]| -> Result<String> {
        let arguments = [&["policy"], arguments, &["--config", "tidegate.yaml"]].concat();
        let output = gateway.cli(&arguments)?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{errors}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let told = policy(&["explain", &index.to_string()])?;
    for words in [
        "amount: 9900 EUR",
        "refunds-up-to-50-eur",
        "allowed if argument amount is 5000 EUR",
    ] {
        ensure!(told.contains(words), "`{words}` is not in\n{told}");
    }
    let cases = "cases:\n\
        - { name: fifty, agent: x, call: shop/refund.create, arguments: { amount: 5000 EUR }, expect: allow }\n\
        - { name: more, agent: x, call: shop/refund.create, arguments: { amount: 5001 EUR }, expect: deny, rule: refunds-up-to-50-eur }\n\
        - { name: none, agent: x, call: shop/refund.create, expect: deny }\n\
        - { name: page, agent: x, call: shop/orders.list, arguments: { limit: 101 }, expect: deny, rule: pages-of-100 }\n";
    std::fs::write(gateway.folder().join("cases.yaml"), cases)?;
    let told = policy(&["test", "cases.yaml"])?;
    ensure!(told.contains("4 passed, 0 failed"), "{told}");
    shop.world.finish()
}
