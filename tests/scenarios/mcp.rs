//! Tools, resources and prompts of the Model Context Protocol: server and client are its own SDK.

mod authorization;
mod elsewhere;
mod lists;
mod pins;
mod streams;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    mcp::{self, Calls, Made},
    records::{self, Record},
    sdks::{Language, Server},
    setup::Service,
};

use crate::world::{REPORTING, SUPPORT, World, path_selector};

/// The agent that has the SDK.
const TOOLS: &str = "spiffe://tests.example/agent/tools";
/// What `customer_read` tells under a name that says nothing, and its owner says what it is.
const FAVOURITE: &str = "heron blue";

const POLICY: &str = r#"
@id("cards-stop-an-answer")
@obligation("block")
forbid (principal, action == Action::"disclose", resource in DataClass::"pci.pan")
when { context.service == "tools" };

@id("conditions-have-a-placeholder")
@obligation("replace")
forbid (principal, action == Action::"disclose", resource in DataClass::"phi.condition")
when { context.service == "tools" };

@id("nobody-writes")
forbid (principal, action == Action::"call", resource in Api::"tools")
when { context.effect != "read" }
unless { context.operation == "answer" };

@id("no-briefs-without-a-customer")
forbid (principal, action == Action::"call", resource in Api::"tools")
when { context.operation like "prompts/get/*" || context.operation like "resources/read/*" }
unless { principal.hasTag("customer") };
"#;

/// A gateway before a server that answers by `transport`.
struct Tools {
    world: World,
    _server: Server,
    agent: &'static str,
    email: String,
    card: String,
}

impl Tools {
    fn new(transport: &str) -> Result<Self> {
        // Made here, so that no file holds what looks like somebody's.
        let email = ["tamsel.wrenfold", "mailbox.example.org"].join("@");
        let card = ["4111", "1111", "1111", "1111"].join(" ");
        let server = mcp::server(transport, &email, &card)?;
        let python = Language::Python.program()?;
        let agent = if python == Agent::python()?.program() {
            REPORTING
        } else {
            TOOLS
        };
        let world = World::with(|setup| {
            let setup = setup
                .service(service(&server.url()))
                .service(lists::service(&server.url()))
                .policy(POLICY);
            if agent == TOOLS {
                setup.agent(TOOLS, &[path_selector(&python)], "required")
            } else {
                setup
            }
        })?;
        Ok(Self {
            world,
            _server: server,
            agent,
            email,
            card,
        })
    }

    /// Makes calls in a session for customer C-771.
    fn make(
        &self,
        transport: &'static str,
        mode: &'static str,
        calls: &[Value],
    ) -> Result<Vec<Made>> {
        self.make_of("tools", Some("C-771"), (transport, mode), calls)
    }

    /// Makes calls of a service in a session for this customer, if for any.
    fn make_of(
        &self,
        service: &str,
        customer: Option<&str>,
        (transport, mode): (&'static str, &'static str),
        calls: &[Value],
    ) -> Result<Vec<Made>> {
        let scope = |claims: tests::tokens::Claims| match customer {
            Some(customer) => claims.scope("customer", customer),
            None => claims,
        };
        let path = if transport == "sse" { "sse" } else { "mcp" };
        let calls = Calls {
            url: self.world.gateway.url(&format!("/{service}/{path}"))?,
            transport,
            mode,
            token: Some(self.world.token(self.agent, scope)?),
            oauth: None,
        }
        .make(calls)?;
        for made in &calls {
            let text = made.text();
            ensure!(
                !text.contains(&self.email),
                "the e-mail came through: {text}"
            );
            ensure!(!text.contains(&self.card), "the card came through: {text}");
        }
        Ok(calls)
    }

    fn record(&self, made: &Made) -> Result<Record> {
        let record = made.error("/data/record").as_u64();
        records::show(&self.world.gateway, record.context(made.text())?)
    }

    /// Posts a message as it stands.
    fn post(&self, headers: &[(&str, &str)], body: &str) -> Result<tests::client::Reply> {
        let accept = ("accept", "application/json, text/event-stream");
        let headers: Vec<_> = headers.iter().copied().chain([accept]).collect();
        self.world
            .client
            .post(&self.world.gateway.url("/tools/mcp")?, &headers, body)
    }
}

fn service(url: &str) -> Service {
    let bound = |name: &str, effect: &str| json!({ "name": name, "effect": effect, "bind": { "customer": "arguments.customer_id" } });
    let read = json!({
        "name": "customer_read",
        "effect": "read",
        "bind": { "customer": "arguments.customer_id" },
        "output": { "properties": { "favourite": { "x-data-class": "phi.condition" } } },
    });
    Service::new("tools", url, "DE").set(
        "mcp",
        json!({
            "endpoints": ["/mcp"],
            "sse": { "stream": "/sse", "messages": "/messages/" },
            "tools": [
                read,
                bound("customer_write", "write"),
                bound("customer_watch", "read"),
                bound("customer_ask", "read"),
                bound("customer_fail", "read"),
                bound("customer_turn", "read"),
                bound("card_read", "read"),
            ],
            "prompts": [{ "name": "brief", "bind": { "customer": "arguments.customer_id" } }],
            "resources": [{ "uri": "crm://customers/{customer}" }],
        }),
    )
}

fn tool(name: &str, customer: &str) -> Value {
    json!({ "kind": "tool", "name": name, "arguments": { "customer_id": customer } })
}

/// The transports of a server, and the modes of a client that speaks to it.
const WAYS: [(&str, &str); 3] = [("http", "auto"), ("http", "legacy"), ("json", "auto")];

#[test]
fn a_session_calls_tools_for_its_own_customer_and_no_other() -> Result<()> {
    for (transport, mode) in WAYS {
        let tools = Tools::new(transport)?;
        let calls = [
            tool("customer_read", "C-771"),
            tool("customer_read", "C-332"),
            json!({ "kind": "resource", "name": "crm://customers/C-771" }),
            json!({ "kind": "resource", "name": "crm://customers/C-332" }),
            json!({ "kind": "prompt", "name": "brief", "arguments": { "customer_id": "C-771" } }),
            json!({ "kind": "prompt", "name": "brief", "arguments": { "customer_id": "C-332" } }),
            json!({ "kind": "tools" }),
        ];
        let made = tools.make("http", mode, &calls)?;
        let [read, other, page, other_page, words, other_words, list] = made.as_slice() else {
            anyhow::bail!("{made:?}");
        };
        let told = read.value("/structuredContent");
        assert_eq!(told["name"], "Tamsel Wrenfold", "{}", read.text());
        // Neither where it stands nor in the text that repeats it.
        ensure!(!read.text().contains(FAVOURITE), "{}", read.text());
        ensure!(told["email"].is_string(), "{}", read.text());
        ensure!(
            page.text().contains("C-771 is reached at"),
            "{}",
            page.text()
        );
        ensure!(words.text().contains("about C-771"), "{}", words.text());
        ensure!(list.text().contains("customer_read"), "{}", list.text());
        // What a rule refuses and what nobody configured is not offered.
        for hidden in ["customer_write", "undeclared"] {
            ensure!(!list.text().contains(hidden), "{hidden}: {}", list.text());
        }
        for refused in [other, other_page, other_words] {
            assert_eq!(refused.error("/type"), "MCPError", "{}", refused.text());
            assert_eq!(refused.error("/data/reason"), "scope_mismatch");
            assert_eq!(
                refused.error("/data/rule"),
                "session-sees-only-its-customer"
            );
            let record = tools.record(refused)?;
            assert_eq!(record.kind(), "refuse");
            let bound = record.find("bound").and_then(|bound| bound.get("customer"));
            assert_eq!(bound, Some(&json!("C-332")));
        }
        let record = tools.record(other)?;
        let operation = record
            .find("operation")
            .and_then(|what| what.get("operation"));
        assert_eq!(operation, Some(&json!("tools/call/customer_read")));
        // What the client said of itself, once for the session or with each call.
        let declared = record.find("declared").and_then(Value::as_array);
        let by_mcp = |said: &&Value| said["by"] == "mcp" && said["name"] == "mcp";
        ensure!(
            declared.is_some_and(|all| all.iter().any(|said| by_mcp(&said))),
            "{transport} {mode}: {declared:?}"
        );
        tools.world.finish()?;
    }
    Ok(())
}

#[test]
fn what_nobody_configured_and_what_a_rule_forbids_is_the_sdks_own_error() -> Result<()> {
    let tools = Tools::new("http")?;
    let calls = [
        tool("undeclared", "C-771"),
        tool("customer_write", "C-771"),
        json!({ "kind": "tool", "name": "customer_read", "arguments": {} }),
    ];
    for mode in ["auto", "legacy"] {
        let made = tools.make("http", mode, &calls)?;
        let [unknown, write, unbound] = made.as_slice() else {
            anyhow::bail!("{made:?}");
        };
        assert_eq!(unknown.error("/code"), -32601, "{}", unknown.text());
        let record = tools.record(unknown)?;
        assert_eq!(record.text("reason"), "operation_unknown");
        // The name stands in the sealed record alone: it is the agent's own text.
        assert_eq!(record.find("bound"), Some(&json!({ "name": "undeclared" })));
        assert_eq!(
            write.error("/data/rule"),
            "nobody-writes",
            "{}",
            write.text()
        );
        assert_eq!(tools.record(write)?.text("effect"), "write");
        assert_eq!(
            unbound.error("/data/reason"),
            "parameter_missing",
            "{}",
            unbound.text()
        );
    }
    tools.world.finish()
}

#[test]
fn every_message_of_a_server_is_governed() -> Result<()> {
    for (transport, mode) in WAYS {
        let tools = Tools::new(transport)?;
        let calls = [
            tool("customer_watch", "C-771"),
            tool("customer_fail", "C-771"),
        ];
        let made = tools.make("http", mode, &calls)?;
        let [watched, failed] = made.as_slice() else {
            anyhow::bail!("{made:?}");
        };
        ensure!(watched.text().contains("asked "), "{}", watched.text());
        if transport == "http" {
            ensure!(
                watched.text().contains("progress: asking "),
                "{}",
                watched.text()
            );
        }
        assert_eq!(failed.value("/isError"), true, "{}", failed.text());
        if (transport, mode) == ("http", "legacy") {
            // A request of the server, and the answer of the client to it.
            let asked = tools.make("http", mode, &[tool("customer_ask", "C-771")])?;
            let text = asked.first().map(Made::text).unwrap_or_default();
            ensure!(text.contains("asked: May we write to "), "{text}");
            ensure!(text.contains("accept "), "{text}");
        }
        tools.world.finish()?;
    }
    Ok(())
}

#[test]
fn a_blocked_answer_ends_in_an_error_that_answers_the_call() -> Result<()> {
    for (transport, mode) in WAYS {
        let tools = Tools::new(transport)?;
        let calls = [tool("card_read", "C-771"), tool("customer_read", "C-771")];
        let made = tools.make("http", mode, &calls)?;
        let [blocked, next] = made.as_slice() else {
            anyhow::bail!("{made:?}");
        };
        assert_eq!(blocked.error("/type"), "MCPError", "{}", blocked.text());
        assert_eq!(blocked.error("/data/reason"), "disclosure_refused");
        assert_eq!(blocked.error("/data/rule"), "cards-stop-an-answer");
        let opening = blocked
            .error("/data/record")
            .as_u64()
            .context("no record")?;
        let closing = records::closing(&tools.world.gateway, opening)?;
        assert_eq!(closing.text("reason"), "disclosure_refused");
        // The session goes on.
        ensure!(
            next.value("/structuredContent").is_object(),
            "{}",
            next.text()
        );
        tools.world.finish()?;
    }
    Ok(())
}

#[test]
fn the_older_transport_is_governed_too() -> Result<()> {
    let tools = Tools::new("sse")?;
    let calls = [
        tool("customer_read", "C-771"),
        tool("customer_watch", "C-771"),
        tool("customer_read", "C-332"),
        tool("undeclared", "C-771"),
        tool("customer_read", "C-771"),
    ];
    let made = tools.make("sse", "legacy", &calls)?;
    let [read, watched, other, unknown, again] = made.as_slice() else {
        anyhow::bail!("{made:?}");
    };
    // Told on the stream, where the client looks for it; the session goes on.
    assert_eq!(other.error("/type"), "MCPError", "{}", other.text());
    assert_eq!(other.error("/data/reason"), "scope_mismatch");
    assert_eq!(tools.record(other)?.kind(), "refuse");
    assert_eq!(unknown.error("/data/reason"), "operation_unknown");
    ensure!(
        again.value("/structuredContent").is_object(),
        "{}",
        again.text()
    );
    assert_eq!(
        read.value("/structuredContent/name"),
        "Tamsel Wrenfold",
        "{}",
        read.text()
    );
    ensure!(
        watched.text().contains("progress: asking "),
        "{}",
        watched.text()
    );
    // A session is named in one way, and lasts as long as its stream is known here.
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (query, reason) in [
        ("?session_id=%61", "path_ambiguous"),
        ("?session_id=a&x=1", "path_ambiguous"),
        ("", "path_ambiguous"),
        ("?session_id=a", "session_foreign"),
    ] {
        let url = tools
            .world
            .gateway
            .url(&format!("/tools/messages/{query}"))?;
        let told = tools.world.client.post(&url, &[], ping)?.json()?;
        assert_eq!(told["reason"], reason, "{query}: {told}");
    }
    tools.world.finish()
}

#[test]
fn a_session_is_its_openers_alone() -> Result<()> {
    let tools = Tools::new("json")?;
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "tests", "version": "1" } } });
    let opened = tools.post(&[], &hello.to_string())?;
    assert_eq!(opened.status, 200, "{}", opened.text());
    let session = opened
        .header("mcp-session-id")
        .context("no session")?
        .to_owned();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let mine = tools.post(&[("mcp-session-id", &session)], list)?;
    ensure!(mine.text().contains("customer_read"), "{}", mine.text());
    // Another agent has the id, and may call tools in a session of its own.
    let token = tools
        .world
        .token(SUPPORT, |claims| claims.scope("customer", "C-771"))?;
    let ask = Ask::post(tools.world.gateway.url("/tools/mcp")?, list)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-session-id", &session)
        .token(&token);
    let theirs = Agent::curl()?.ask(&ask)?;
    let told = theirs.json()?;
    assert_eq!(told["reason"], "session_foreign", "{told}");
    let record = records::show(&tools.world.gateway, theirs.record().context("no record")?)?;
    assert_eq!(
        (record.kind(), record.text("reason")),
        ("refuse".into(), "session_foreign".into())
    );
    assert_eq!(record.find("finding"), Some(&json!(true)));
    let mine = tools.post(&[("mcp-session-id", &session)], list)?;
    ensure!(mine.text().contains("customer_read"), "{}", mine.text());
    tools.world.finish()
}

/// A call with these parameters, as it stands on the wire.
fn call(rest: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call",{rest}}}"#)
}

/// What no two servers need read alike, and why it is refused.
fn unclear() -> Vec<(String, &'static str)> {
    let good = r#""params":{"name":"customer_read","arguments":{"customer_id":"C-771"}}"#;
    let named = |rest: &str| call(&format!(r#""params":{{"name":"customer_read",{rest}}}"#));
    let long = named(&format!(r#""x":"{}""#, "x".repeat(1 << 20)));
    let ambiguous = [
        call(&format!(r#""method":"tools/list",{good}"#)),
        call(&format!(r#""Method":"tools/list",{good}"#)),
        named(r#""name":"customer_write""#),
        named(r#""arguments":{"customer_id":"C-771","CUSTOMER_ID":"C-332"}"#),
        named(r#""arguments":{"customer_id":["C-771","C-332"]}"#),
        named(r#""arguments":{"customer_id":"C-771"},"arguments":{"customer_id":"C-332"}"#),
    ];
    let ambiguous = ambiguous.map(|body| (body, "message_ambiguous"));
    let others = [
        (format!("[{}]", call(good)), "batch_refused"),
        (call(good).replace("2.0", "1.0"), "not_a_message"),
        ("[".repeat(10_000), "request_unreadable"),
        (long, "message_too_long"),
    ];
    ambiguous.into_iter().chain(others).collect()
}

#[test]
fn a_message_that_reads_in_two_ways_goes_nowhere() -> Result<()> {
    let tools = Tools::new("json")?;
    let refused = |headers: &[(&str, &str)], body: &str, reason: &str| -> Result<()> {
        let reply = tools.post(headers, body)?;
        let start = body.get(..80).unwrap_or(body);
        let told = reply.json()?;
        let said = told.pointer("/error/data/reason");
        assert_eq!(said, Some(&json!(reason)), "{start}");
        let record = records::show(&tools.world.gateway, reply.record().context("no record")?)?;
        assert_eq!(
            (record.kind(), record.text("reason")),
            ("refuse".into(), reason.into())
        );
        Ok(())
    };
    for (body, reason) in unclear() {
        refused(&[], &body, reason)?;
    }
    let good = call(r#""params":{"name":"customer_read","arguments":{"customer_id":"C-771"}}"#);
    for field in [
        ("mcp-method", "tools/list"),
        ("mcp-name", "customer_write"),
        ("mcp-param-customer", "C-332"),
    ] {
        refused(&[field], &good, "header_mismatch")?;
    }
    refused(
        &[("content-encoding", "gzip")],
        &good,
        "request_uninspected",
    )?;
    // What has no id is not answered, and refused all the same.
    let reply = tools.post(&[], r#"{"jsonrpc":"2.0","method":"notifications/unknown"}"#)?;
    assert_eq!(reply.status, 403);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    tools.world.finish()
}
