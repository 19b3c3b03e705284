//! The Model Context Protocol: the SDK's client before the gateway, its server behind.

use anyhow::{Result, ensure};
use tests::{
    peers::vendor::KEY,
    sdks::{Calls, Language, Server},
    setup::Service,
};

use super::{gateway, is_clean, is_redacted};

const OPERATIONS: &[(&str, &str, &str)] = &[
    ("call", "POST", "/mcp"),
    ("listen", "GET", "/mcp"),
    ("end", "DELETE", "/mcp"),
    ("closed", "POST", "/closed"),
];

/// What a client in `language` made of everything, before a server in `servers`.
fn calls(language: Language, servers: Language) -> Result<Calls> {
    let server = Server::start(servers, "mcp_server")?;
    let service = Service::new("mcp", &server.url(), "US");
    let gateway = gateway(language, service, OPERATIONS)?;
    language.calls(
        "mcp",
        &[("SDK_URL", &gateway.url("/mcp")?), ("SDK_KEY", KEY)],
    )
}

/// What a client made of everything, in a mode that ends its names so.
fn check(calls: &Calls, mode: &str, refused: &str) -> Result<()> {
    let of = |name: &str| calls.of(&format!("{name}{mode}"));
    let lookup = of("lookup")?;
    is_redacted(&lookup)?;
    // Progress came before, and text and structure say the same.
    ensure!(
        lookup.value()?.starts_with("1/2 asking "),
        "{}",
        lookup.value()?
    );
    ensure!(
        lookup.value()?.matches("C-771").count() >= 2,
        "{}",
        lookup.value()?
    );
    is_redacted(&of("read")?)?;
    let failed = of("fail")?;
    ensure!(
        failed.value()?.to_lowercase().starts_with("true "),
        "{}",
        failed.value()?
    );
    is_clean(failed.value()?)?;
    ensure!(
        of("tools")?.value()?.contains("lookup"),
        "{}",
        of("tools")?.value()?
    );
    let error = of("refused")?;
    ensure!(
        error.error()?.0 == refused,
        "{:?}: {}",
        error.error()?,
        error.message()
    );
    Ok(())
}

#[test]
fn python() -> Result<()> {
    let calls = calls(Language::Python, Language::Python)?;
    check(&calls, "_auto", "MCPError")?;
    check(&calls, "_legacy", "MCPError")
}

#[test]
fn node() -> Result<()> {
    check(
        &calls(Language::Node, Language::Python)?,
        "",
        "StreamableHTTPError",
    )
}

#[test]
fn node_before_a_server_of_node() -> Result<()> {
    check(
        &calls(Language::Node, Language::Node)?,
        "",
        "StreamableHTTPError",
    )
}

#[test]
fn python_before_a_server_of_node() -> Result<()> {
    let calls = calls(Language::Python, Language::Node)?;
    check(&calls, "_auto", "MCPError")?;
    check(&calls, "_legacy", "MCPError")
}
