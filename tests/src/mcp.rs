//! A server and a client of the Model Context Protocol, both on its Python SDK, each in a process of
//! its own.

use std::{io::Write as _, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    gateway,
    sdks::{Language, Server},
};

/// A server that answers by `transport`, whose data has this e-mail address and this card number.
pub fn server(transport: &str, email: &str, card: &str) -> Result<Server> {
    let mut command = Language::Python.command("tools_server")?;
    command.arg(transport).env("EMAIL", email).env("CARD", card);
    Server::run(command)
}

/// Calls of one client.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Where the endpoint is.
    pub url: String,
    /// `http`, `sse`, or `stdio`: over `tidegate mcp connect`.
    pub transport: &'static str,
    /// `auto` for the newest revision that both know, `legacy` for a session with `initialize`.
    pub mode: &'static str,
    /// What the agent shows of itself; nothing if there is none.
    pub token: Option<String>,
    /// How it gets a token where the server says who issues them: `issuer`, `client_id`, `client_secret`.
    pub oauth: Option<Value>,
}

/// What a client was handed for one call.
#[derive(Clone, Debug)]
pub struct Made(pub Value);

impl Calls {
    /// Makes these calls over one connection, and tells what came of each.
    pub fn make(&self, calls: &[Value]) -> Result<Vec<Made>> {
        let headers = match &self.token {
            Some(token) => json!({ "tidegate-token": token }),
            None => json!({}),
        };
        let job = json!({
            "url": self.url,
            "transport": self.transport,
            "mode": self.mode,
            "headers": headers,
            "bridge": gateway::binary()?,
            "oauth": self.oauth,
            "calls": calls,
        });
        let mut child = Language::Python
            .command("tools_client")?
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
