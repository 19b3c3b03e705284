//! Servers of MCP that speak over standard streams: started where only the gateway reaches them, and spoken to by
//! an agent that starts `tidegate mcp connect` in their place.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Client,
    gateway::{self, Gateway},
    mcp::Calls,
    records,
    sdks::Language,
    setup::{Service, Setup},
};

use super::TOOLS;
use crate::{
    credentials::{key, set},
    world::{path_selector, verified},
};

const POLICY: &str = r#"
@id("agents-may-read")
permit (principal, action == Action::"call", resource)
when { context.effect == "read" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("mail-is-masked")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email");
"#;

/// `tidegate mcp serve`, which ends with its handle.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    /// The SDK's own server over standard streams, with this key.
    fn new(folder: &std::path::Path, key: &str, email: &str) -> Result<Self> {
        let file = folder.join("server.key");
        std::fs::write(&file, format!("{key}\n"))?;
        let server = Language::Python.command("tools_server")?;
        let mut command = Command::new(gateway::binary()?);
        command
            .args(["mcp", "serve", "--key"])
            .arg(&file)
            .arg("--")
            .arg(server.get_program())
            .args(server.get_args())
            .arg("stdio")
            .env("EMAIL", email)
            .env("CARD", "4111")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line).context(line)?;
        let address = ready.get("listen").and_then(Value::as_str);
        let address = address.context("no address")?.to_owned();
        Ok(Self { child, address })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Tests that fail end here too.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A call of a tool about a customer.
fn tool(name: &str, more: Value) -> Value {
    let mut arguments = json!({ "customer_id": "C-771" });
    if let (Some(all), Value::Object(more)) = (arguments.as_object_mut(), more) {
        all.extend(more);
    }
    json!({ "kind": "tool", "name": name, "arguments": arguments })
}

fn service(serving: &Serving) -> Service {
    let read = |name: &str| json!({ "name": name, "effect": "read" });
    let mcp = json!({
        "endpoints": ["/mcp"],
        "tools": [
            read("customer_read"),
            read("customer_watch"),
            read("customer_ask"),
            { "name": "customer_write" },
        ],
        "methods": [read("answer")],
    });
    Service::new("tools", &serving.url(), "DE")
        .set("mcp", mcp)
        .set("credential", json!({ "name": "tools", "as": "bearer" }))
}

/// What the SDK's client is handed that starts `tidegate mcp connect`.
fn governed(gateway: &Gateway, revision: &'static str, email: &str) -> Result<()> {
    let calls = Calls {
        url: gateway.url("/tools/mcp")?,
        transport: "stdio",
        mode: revision,
        token: None,
        oauth: None,
    };
    let made = calls.make(&[
        json!({ "kind": "tools" }),
        tool("customer_read", json!({})),
        tool("customer_watch", json!({})),
        tool("customer_ask", json!({})),
        tool("customer_write", json!({ "note": "x" })),
    ])?;
    let [tools, read, watched, asked, written] = made.as_slice() else {
        anyhow::bail!("{made:?}");
    };
    ensure!(tools.text().contains("customer_read"), "{}", tools.text());
    for hidden in ["customer_write", "rows_page"] {
        ensure!(!tools.text().contains(hidden), "{}", tools.text());
    }
    let name = read.value("/structuredContent/name");
    assert_eq!(name, "Tamsel Wrenfold", "{}", read.text());
    // What comes unasked comes too, and what the server asks is answered.
    ensure!(
        watched.text().contains("progress: asking"),
        "{}",
        watched.text()
    );
    ensure!(asked.text().contains("accept"), "{}", asked.text());
    for made in [read, watched, asked] {
        ensure!(!made.text().contains(email), "{}", made.text());
    }
    assert_eq!(written.error("/type"), "MCPError", "{}", written.text());
    let record = written.error("/data/record").as_u64();
    let record = records::show(gateway, record.context(written.text())?)?;
    assert_eq!(
        (record.kind(), record.text("agent")),
        ("refuse".to_owned(), TOOLS.to_owned())
    );
    Ok(())
}

#[test]
fn a_server_over_pipes_is_governed_like_any_other() -> Result<()> {
    let python = Language::Python.program()?;
    // What calls is the command, and who it is the one that started it.
    let started = format!("unix:ancestor-path:{}", python.display());
    let command = path_selector(&gateway::binary()?.canonicalize()?);
    let folder = tempfile::tempdir()?;
    let email = ["tamsel.wrenfold", "mailbox.example.org"].join("@");
    let serving = Serving::new(folder.path(), &key(61), &email)?;
    set(&folder.path().join("data"), "tools", &key(61))?;
    let setup = Setup::new()
        .agent(TOOLS, &[command, started], "optional")
        .service(service(&serving))
        .policy(POLICY);
    let mut gateway = Gateway::start_in(folder, &setup)?;
    // Nobody goes around the gateway.
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    let direct = Client::plain()?.post(&format!("{}/mcp", serving.url()), &[], hello)?;
    assert_eq!(direct.status, 401, "{}", direct.text());

    for revision in ["legacy", "auto"] {
        governed(&gateway, revision, &email)?;
    }
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway).map(drop)
}

/// `tidegate mcp serve` with this socket as systemd hands one over.
fn handed(socket: TcpListener, key: &std::path::Path, more: &[&str]) -> Result<Command> {
    let take = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" mcp serve --key \"$@\" -- cat 3<&0";
    let mut command = Command::new("sh");
    command
        .args(["-c", take])
        .arg(gateway::binary()?)
        .arg(key)
        .args(more)
        .stdin(OwnedFd::from(socket))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

#[test]
fn a_server_is_at_the_socket_that_systemd_holds_and_ends_at_a_hangup() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("server.key");
    std::fs::write(&file, key(62))?;
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    let mut serving = handed(socket.try_clone()?, &file, &[])?.spawn()?;
    let stdout = serving.stdout.take().context("no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(line.contains(&address.to_string()), "{line}");
    let direct = Client::plain()?.post(&format!("http://{address}/mcp"), &[], "{}")?;
    assert_eq!(direct.status, 401, "{}", direct.text());
    let pid = serving.id().to_string();
    ensure!(
        Command::new("kill")
            .args(["-HUP", &pid])
            .status()?
            .success()
    );
    ensure!(serving.wait()?.success());

    // What is no place for a key is refused.
    let both = handed(socket, &file, &["--listen", "127.0.0.1:0"])?.output()?;
    let everywhere = handed(TcpListener::bind("0.0.0.0:0")?, &file, &[])?.output()?;
    for (output, why) in [
        (both, "leave out `--listen`"),
        (everywhere, "of this host alone"),
    ] {
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && said.contains(why), "{said}");
    }
    Ok(())
}
