//! What of lists goes on: rows of others, also in the text that repeats them, and tools that a session
//! may not use.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{mcp::Made, records, setup::Service};

use super::Tools;

/// Tools that answer with rows of several customers.
pub(super) fn service(url: &str) -> Service {
    let rows = |name: &str, array: &str| {
        let rows = json!([{ "array": array, "member": "/customer_id", "scope": "customer" }]);
        json!({ "name": name, "effect": "read", "rows": rows })
    };
    Service::new("rowed", url, "DE").set(
        "mcp",
        json!({
            "endpoints": ["/mcp"],
            "sse": { "stream": "/sse", "messages": "/messages/" },
            "tools": [
                rows("rows_list", "/result/structuredContent/result"),
                rows("rows_page", "/result/structuredContent/customers"),
                rows("rows_words", "/result/structuredContent/customers"),
            ],
        }),
    )
}

#[test]
fn rows_of_others_stay_behind_in_structure_and_in_text() -> Result<()> {
    let bare = |name: &str| json!({ "kind": "tool", "name": name, "arguments": {} });
    let ways = [
        ("http", "http", "auto"),
        ("http", "http", "legacy"),
        ("json", "http", "auto"),
        ("sse", "sse", "legacy"),
    ];
    for (server, transport, mode) in ways {
        let tools = Tools::new(server)?;
        let calls = [bare("rows_list"), bare("rows_page")];
        for made in tools.make_of("rowed", Some("C-771"), (transport, mode), &calls)? {
            let text = made.text();
            ensure!(text.contains("Tamsel Wrenfold"), "{server}: {text}");
            ensure!(!text.contains("Orla"), "{server}: {text}");
            ensure!(!text.contains("C-332"), "{server}: {text}");
            let blocks = made.value("/content").as_array();
            assert_eq!(blocks.map(Vec::len), Some(1), "{server}: {text}");
            let said = made.value("/content/0/text").as_str();
            ensure!(said.is_some_and(|said| said.contains("C-771")), "{text}");
        }
        // Words cannot be told apart, so that they are refused.
        if transport == "http" {
            let made = tools.make_of(
                "rowed",
                Some("C-771"),
                (transport, mode),
                &[bare("rows_words")],
            )?;
            let words = made.first().context("no answer")?;
            assert_eq!(words.error("/type"), "MCPError", "{}", words.text());
            let reason = words.error("/data/reason");
            assert_eq!(reason, "response_uninspected", "{}", words.text());
            let opening = words.error("/data/record").as_u64().context("no record")?;
            let closing = records::closing(&tools.world.gateway, opening)?;
            ensure!(
                closing.0.to_string().contains("rows_unknown"),
                "{closing:?}"
            );
        }
        tools.world.finish()?;
    }
    Ok(())
}

/// What a session for this customer, if for any, is told of tools, prompts and templates of resources.
fn offered(
    tools: &Tools,
    customer: Option<&str>,
    way: (&'static str, &'static str),
) -> Result<Vec<String>> {
    let kinds = ["tools", "prompts", "templates"];
    let calls: Vec<Value> = kinds.map(|kind| json!({ "kind": kind })).into();
    let made = tools.make_of("tools", customer, way, &calls)?;
    Ok(made.iter().map(Made::text).collect())
}

#[test]
fn lists_offer_what_a_session_may_use() -> Result<()> {
    for (server, way) in [("http", ("http", "auto")), ("sse", ("sse", "legacy"))] {
        let tools = Tools::new(server)?;
        let mine = offered(&tools, Some("C-771"), way)?;
        for (text, name) in mine
            .iter()
            .zip(["customer_read", "brief", "crm://customers/"])
        {
            ensure!(text.contains(name), "{text}");
        }
        let nobodys = offered(&tools, None, way)?;
        for (text, name) in nobodys.iter().zip(["customer_read", "", ""]) {
            ensure!(text.contains(name), "{text}");
        }
        for text in mine.iter().chain(&nobodys) {
            for hidden in ["customer_write", "undeclared", "rows_page"] {
                ensure!(!text.contains(hidden), "{hidden}: {text}");
            }
        }
        for text in &nobodys[1..] {
            ensure!(
                !text.contains("brief") && !text.contains("crm://"),
                "{text}"
            );
        }
        // That something was not offered stands in the record.
        let all = records::list(&tools.world.gateway)?;
        let withheld = all
            .iter()
            .filter_map(|record| record.0.pointer("/event/response/withheld"));
        ensure!(withheld.count() > 0, "{all:?}");
        tools.world.finish()?;
    }
    Ok(())
}
