//! A server and a client of the Model Context Protocol, both on its Python SDK, each in a process of
//! its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::env;

/// Where `cargo xtask setup` puts the SDKs, below the target directory.
const INSTALLED: &str = "tools/sdks";
/// Where the programs are that use it.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mcp");

/// A server that ends with its handle.
pub struct Server {
    child: Child,
    port: u16,
}

/// One call of a client.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Where the endpoint is.
    pub url: String,
    /// `http` or `sse`.
    pub transport: &'static str,
    /// `auto` for the newest revision that both know, `legacy` for a session with `initialize`.
    pub mode: &'static str,
    /// What the agent shows of itself.
    pub token: String,
}

/// What a client was handed for one call.
#[derive(Clone, Debug)]
pub struct Made(pub Value);

impl Server {
    /// A server whose data has this e-mail address and this card number.
    pub fn start(transport: &str, email: &str, card: &str) -> Result<Self> {
        let mut command = program("server.py")?;
        let mut child = command
            .arg(transport)
            .env("EMAIL", email)
            .env("CARD", card)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse();
        let mut server = Self { child, port: 0 };
        server.port = port.context("the server told no port")?;
        Ok(server)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Calls {
    /// Makes these calls over one connection, and tells what came of each.
    pub fn make(&self, calls: &[Value]) -> Result<Vec<Made>> {
        let job = json!({
            "url": self.url,
            "transport": self.transport,
            "mode": self.mode,
            "headers": { "tidegate-token": self.token },
            "calls": calls,
        });
        let mut child = program("client.py")?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(job.to_string().as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the client failed: {errors}");
        let told: Value = serde_json::from_slice(&output.stdout).context(errors.into_owned())?;
        let made = told.get("made").and_then(Value::as_array);
        let made = made.context("the client told nothing")?;
        Ok(made.iter().cloned().map(Made).collect())
    }
}

impl Made {
    /// All of it as text.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// A part of the answer.
    pub fn value(&self, pointer: &str) -> &Value {
        self.0
            .pointer(&format!("/value{pointer}"))
            .unwrap_or(&Value::Null)
    }

    /// A part of the SDK's own error.
    pub fn error(&self, pointer: &str) -> &Value {
        self.0
            .pointer(&format!("/error{pointer}"))
            .unwrap_or(&Value::Null)
    }
}

/// The Python that has the SDK, as the kernel names it.
pub fn python() -> Result<PathBuf> {
    let python = folder()?.join("bin/python").canonicalize();
    python.context("no SDKs: run `cargo xtask setup`, or name their folder in TIDEGATE_SDKS")
}

fn folder() -> Result<PathBuf> {
    if let Some(folder) = env::text(env::SDKS) {
        return Ok(folder.into());
    }
    let this = std::env::current_exe()?;
    let target = this
        .ancestors()
        .find(|folder| folder.join(INSTALLED).is_dir());
    Ok(target.unwrap_or(Path::new("target")).join(INSTALLED))
}

fn program(name: &str) -> Result<Command> {
    python()?;
    let mut command = Command::new(folder()?.join("bin/python"));
    command
        .arg(Path::new(PROGRAMS).join(name))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "*");
    Ok(command)
}
