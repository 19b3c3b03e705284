use serde_json::json;

use super::*;
use crate::{call::Binding, strict};

fn server() -> Mcp {
    let mut mcp = Mcp::new(vec!["/mcp".into()], None);
    let bound = |id: &str, effect, path: &str| Call {
        bindings: Binding::parse("customer", path).into_iter().collect(),
        ..Call::new(id, effect)
    };
    let path = "arguments.customer_id";
    mcp.tool("read", bound("tools/call/read", Effect::Read, path));
    mcp.tool("wipe", bound("tools/call/wipe", Effect::Delete, path));
    mcp.prompt("brief", bound("prompts/get/brief", Effect::Read, path));
    let uri = Resource::new("crm://customers/{customer}", &Call::new("", Effect::Read));
    mcp.resource(uri.expect("a resource"));
    mcp.method("tasks/get", Call::new("tasks/get", Effect::Read));
    mcp
}

/// The operation and the customer of a message, or why it has none.
fn read(message: &Value) -> Result<(String, String), Unclear> {
    let document = strict::parse(message.to_string().as_bytes())?;
    let message = jsonrpc::message(&document)?;
    let server = server();
    let named = server.understand(&HeaderMap::new(), &message);
    let named = named.map_err(|refused| refused.why)?;
    let customer = named.bound.get("customer").cloned().unwrap_or_default();
    Ok((named.call.id.to_string(), customer))
}

fn check(method: &str, params: Value, expected: Result<(&str, &str), Unclear>) {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let expected = expected.map(|(id, customer)| (id.to_owned(), customer.to_owned()));
    assert_eq!(read(&message), expected, "{message}");
}

#[test]
fn a_call_is_its_tool_and_binds_what_is_configured() {
    let arguments = json!({ "customer_id": "C-771" });
    let call = |name: &str| json!({ "name": name, "arguments": arguments });
    check("tools/call", call("read"), Ok(("tools/call/read", "C-771")));
    check("tools/call", call("wipe"), Ok(("tools/call/wipe", "C-771")));
    check(
        "prompts/get",
        call("brief"),
        Ok(("prompts/get/brief", "C-771")),
    );
    for unknown in ["Read", "read ", "", "brief"] {
        check("tools/call", call(unknown), Err(Unclear::OperationUnknown));
    }
    check("tools/call", json!({}), Err(Unclear::ParameterMissing));
    check(
        "tools/call",
        json!({ "name": "read" }),
        Err(Unclear::ParameterMissing),
    );
    check(
        "tools/call",
        json!({ "name": ["read"] }),
        Err(Unclear::Ambiguous),
    );
    let twin = json!({ "name": "read", "Name": "wipe", "arguments": arguments });
    check("tools/call", twin, Err(Unclear::Ambiguous));
    let twin = json!({ "name": "read", "arguments": arguments, "Arguments": {} });
    check("tools/call", twin, Err(Unclear::Ambiguous));
}

#[test]
fn a_resource_is_read_in_one_reading_of_its_uri() {
    let uri = |uri: &str| json!({ "uri": uri });
    let known = "resources/read/crm://customers/{customer}";
    check(
        "resources/read",
        uri("crm://customers/C-771"),
        Ok((known, "C-771")),
    );
    check(
        "resources/read",
        uri("crm://customers/C%2D771"),
        Ok((known, "C-771")),
    );
    for odd in [
        "crm://customers/C-771/../C-332",
        "crm://customers/./C-771",
        "crm://customers/C-771?x=1",
        "crm://customers/C-771#x",
        "crm://customers//C-771",
        "crm://customers/C-771%2Fx",
        "CRM://customers/C-771",
    ] {
        check("resources/read", uri(odd), Err(Unclear::Ambiguous));
    }
    for unknown in [
        "crm://customers",
        "crm://tickets/1",
        "file:///etc/passwd",
        "customers",
    ] {
        check(
            "resources/read",
            uri(unknown),
            Err(Unclear::OperationUnknown),
        );
    }
    let subscribed = "resources/subscribe/crm://customers/{customer}";
    check(
        "resources/subscribe",
        uri("crm://customers/C-1"),
        Ok((subscribed, "C-1")),
    );
}

#[test]
fn a_completion_binds_what_it_completes() {
    let ask = |reference: Value, name: &str, value: &str| json!({ "ref": reference, "argument": { "name": name, "value": value } });
    let prompt = json!({ "type": "ref/prompt", "name": "brief" });
    let resource = json!({ "type": "ref/resource", "uri": "crm://customers/{customer}" });
    let method = "completion/complete";
    check(
        method,
        ask(prompt.clone(), "customer_id", "C-3"),
        Ok(("prompts/get/brief", "C-3")),
    );
    check(
        method,
        ask(prompt, "tone", "k"),
        Ok(("prompts/get/brief", "")),
    );
    let known = "resources/read/crm://customers/{customer}";
    check(
        method,
        ask(resource.clone(), "customer", "C-3"),
        Ok((known, "C-3")),
    );
    let mut with = ask(resource, "field", "x");
    with["context"] = json!({ "arguments": { "customer": "C-332" } });
    check(method, with, Ok((known, "C-332")));
    let other = json!({ "type": "ref/prompt", "name": "other" });
    check(method, ask(other, "x", "y"), Err(Unclear::OperationUnknown));
}

#[test]
fn what_nobody_configured_is_unknown() {
    check("initialize", json!({}), Ok(("initialize", "")));
    check("tasks/get", json!({ "taskId": "1" }), Ok(("tasks/get", "")));
    for unknown in [
        "tasks/result",
        "Tools/List",
        "stream",
        "answer",
        "session/end",
        "",
    ] {
        check(unknown, json!({}), Err(Unclear::OperationUnknown));
    }
    let listen = |uris: Value| json!({ "notifications": { "resourceSubscriptions": uris } });
    check(
        "subscriptions/listen",
        listen(json!([])),
        Ok(("subscriptions/listen", "")),
    );
    let named = listen(json!(["crm://customers/C-332"]));
    check(
        "subscriptions/listen",
        named,
        Err(Unclear::OperationUnknown),
    );
}

#[test]
fn an_answer_to_the_server_is_a_write() {
    let answer = json!({ "jsonrpc": "2.0", "id": 7, "result": { "roots": [] } });
    assert_eq!(read(&answer), Ok(("answer".to_owned(), String::new())));
    let server = server();
    let call = server.methods.get(ANSWER).expect("an operation");
    assert_eq!(call.effect, Effect::Write);
}

#[test]
fn only_the_paths_that_are_configured_take_messages() {
    let mut server = server();
    let approach =
        |server: &Mcp, method, path| server.approach(&method, path).map(|(approach, _)| approach);
    assert_eq!(
        approach(&server, Method::POST, "/mcp"),
        Some(Approach::Message)
    );
    assert_eq!(
        approach(&server, Method::GET, "/mcp"),
        Some(Approach::Stream)
    );
    assert_eq!(
        approach(&server, Method::DELETE, "/mcp"),
        Some(Approach::End)
    );
    assert_eq!(approach(&server, Method::PUT, "/mcp"), None);
    assert_eq!(approach(&server, Method::GET, "/sse"), None);
    server.legacy = Some(Legacy {
        stream: "/sse".into(),
        messages: "/messages".into(),
    });
    assert_eq!(
        approach(&server, Method::GET, "/sse"),
        Some(Approach::LegacyStream)
    );
    assert_eq!(
        approach(&server, Method::POST, "/messages"),
        Some(Approach::Message)
    );
    assert_eq!(approach(&server, Method::POST, "/sse"), None);
}
