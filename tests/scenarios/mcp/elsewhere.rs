//! Answers that come elsewhere than in the answer to their call are held to what their tool is held to.

use anyhow::{Context as _, Result, ensure};
use axum::{Router, routing::get};
use serde_json::{Value, json};
use tests::{
    client::Client,
    gateway::Gateway,
    peers::Peer,
    records,
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::world::{HERE, path_selector, verified};

/// The header field that names a session.
const SESSION: &str = "mcp-session-id";

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("a-page-has-ids")
@fields("/jsonrpc /id /result/content /result/structuredContent/customers/*/id")
permit (principal, action == Action::"call", resource in Operation::"crm/tools/call/page");

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

fn customers() -> Value {
    let row = |id: &str| json!({ "id": id, "name": format!("name of {id}") });
    json!({ "customers": [row("C-2"), row("C-1"), row("C-1")] })
}

fn event(id: Value) -> String {
    let structured = customers();
    let content = [json!({ "type": "text", "text": structured.to_string() })];
    let result = json!({ "content": content, "structuredContent": structured });
    let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
    format!("id: e-{id}\ndata: {answer}\n\n")
}

/// A list in answer to what asked for none.
fn listed() -> String {
    let tool = json!({ "name": "unlisted", "inputSchema": { "type": "object" } });
    let result = json!({ "capabilities": {}, "tools": [tool] });
    let answer = json!({ "jsonrpc": "2.0", "id": 0, "result": result });
    format!("id: e-0\ndata: {answer}\n\n")
}

/// A stream that is taken up again, on which all that was asked is answered: of a page, of all, of the
/// session's begin, and what nobody asked.
async fn stream() -> ([(&'static str, &'static str); 1], String) {
    let events = [
        event(json!(7)),
        event(json!("all")),
        listed(),
        event(json!(9)),
    ];
    ([("content-type", "text/event-stream")], events.concat())
}

/// Opens a session, and says in it nothing but that a request came.
async fn accepted(
    headers: http::HeaderMap,
) -> (http::StatusCode, [(&'static str, &'static str); 1]) {
    let status = match headers.get(SESSION) {
        None => http::StatusCode::OK,
        Some(_) => http::StatusCode::ACCEPTED,
    };
    (status, [(SESSION, "s-1")])
}

#[test]
fn a_stream_taken_up_again_is_held_to_what_each_tool_is() -> Result<()> {
    let router = Router::new().route("/mcp", get(stream).post(accepted));
    let peer = Peer::serve(router, "127.0.0.1:0", None)?;
    let issuer = Issuer::new()?;
    let rows = json!([{
        "array": "/result/structuredContent/customers", "member": "/id", "scope": "customer",
    }]);
    let here = path_selector(&std::env::current_exe()?.canonicalize()?);
    let service = Service::new("crm", &peer.url(), "DE").set(
        "mcp",
        json!({
            "endpoints": ["/mcp"],
            "tools": [
                { "name": "page", "effect": "read", "rows": rows, "records_max": 1 },
                { "name": "all", "effect": "read" },
            ],
        }),
    );
    let setup = Setup::new()
        .issuer(&issuer)
        .agent(HERE, &[here], "required")
        .service(service)
        .policy(POLICY);
    let mut gateway = Gateway::start(&setup)?;
    let shape = claims(HERE).task("T-1", "care").scope("customer", "C-1");
    let token = issuer.mint(&shape)?;
    let (client, url) = (Client::plain()?, gateway.url("/crm/mcp")?);
    let session = [("tidegate-token", token.as_str()), (SESSION, "s-1")];
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} });
    let reply = client.post(&url, &session[..1], &hello.to_string())?;
    assert_eq!(reply.header(SESSION), Some("s-1"), "{}", reply.text());
    for (id, tool) in [(json!(7), "page"), (json!("all"), "all")] {
        let params = json!({ "name": tool, "arguments": {} });
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        let headers = session;
        let reply = client.post(&url, &headers, &call.to_string())?;
        assert_eq!(reply.status, 202, "{}", reply.text());
    }
    let headers = [
        session[0],
        session[1],
        ("last-event-id", "e-0"),
        ("accept", "text/event-stream"),
    ];
    let reply = client.get(&url, &headers)?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    let events: Vec<&str> = text.split_inclusive("\n\n").collect();
    let [page, all, begun, unasked] = events.as_slice() else {
        anyhow::bail!("{text}");
    };
    // Of the page: one's own rows, no more than one of them, and of that the id alone.
    ensure!(!page.contains("name of") && !page.contains("C-2"), "{page}");
    assert_eq!(page.matches("C-1").count(), 2, "{page}");
    // The other tool has no rules; what nobody asked for says nothing.
    assert_eq!(*all, event(json!("all")));
    ensure!(begun.contains("capabilities"), "{begun}");
    ensure!(!begun.contains("unlisted"), "{begun}");
    assert_eq!(*unasked, "id: e-9\n\n");
    // Of a session that was opened before this gateway began nobody knows all that was asked in it.
    let old = [session[0], (SESSION, "s-0")];
    let again = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    assert_eq!(client.post(&url, &old, &again.to_string())?.status, 202);
    let behind = client.get(&url, &[old[0], old[1], headers[2], headers[3]])?;
    ensure!(!behind.text().contains("data:"), "{}", behind.text());
    let record = records::closing(&gateway, reply.record().context("no record")?)?;
    let said = record.0["event"]["response"].to_string();
    ensure!(
        said.contains("rows_unknown") && said.contains("\"unbound\""),
        "{said}"
    );
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway)?;
    Ok(())
}
