//! Real agent processes: Python and curl, under a user of their own where we may choose one.

use std::{
    collections::BTreeMap,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::env;

/// The seconds after which an agent gives up.
const ANSWER_SECONDS_MAX: u32 = 60;

/// Where Debian and its kin keep Python; version managers put shims before it on the path.
const PYTHON: &str = "/usr/bin/python3";

const PYTHON_SCRIPT: &str = include_str!("agent.py");

/// A program that calls APIs.
#[derive(Clone, Debug)]
pub struct Agent {
    program: PathBuf,
    language: Language,
    uid: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Language {
    Curl,
    Python,
}

/// What an agent asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The HTTP method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: String,
}

/// What it got.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The process that asked; it is gone by now.
    pub pid: u32,
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Ask {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: "GET".into(),
            url: url.into(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// A POST of JSON.
    pub fn post(url: impl Into<String>, body: impl Into<String>) -> Self {
        let ask = Self {
            method: "POST".into(),
            body: body.into(),
            ..Self::get(url)
        };
        ask.header("content-type", "application/json")
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the agent's token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("tidegate-token", token)
    }
}

impl Answer {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The index of the record of this exchange.
    pub fn record(&self) -> Option<u64> {
        self.header("tidegate-record")?.parse().ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// The text of this member of its document.
    pub fn member(&self, name: &str) -> Result<String> {
        let document = self.json()?;
        let text = document.get(name).and_then(Value::as_str);
        let text = text.with_context(|| format!("no `{name}` in {document}"))?;
        Ok(text.to_owned())
    }
}

impl Agent {
    /// The system's curl.
    pub fn curl() -> Result<Self> {
        let program = env::program("curl").ok_or_else(|| anyhow!("curl is not installed"))?;
        Ok(Self {
            program: program.canonicalize()?,
            language: Language::Curl,
            uid: None,
        })
    }

    /// A curl under another name.
    pub fn curl_at(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            language: Language::Curl,
            uid: None,
        }
    }

    /// The system's Python.
    pub fn python() -> Result<Self> {
        let program = if Path::new(PYTHON).is_file() {
            PathBuf::from(PYTHON)
        } else {
            env::program("python3").ok_or_else(|| anyhow!("python3 is not installed"))?
        };
        let program = program.canonicalize()?;
        Ok(Self {
            program,
            language: Language::Python,
            uid: None,
        })
    }

    /// As this user, where we are root; as ourselves otherwise.
    #[must_use]
    pub fn user(mut self, uid: u32) -> Self {
        self.uid = rustix::process::geteuid().is_root().then_some(uid);
        self
    }

    /// The program's file, as the kernel names it.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The user it runs as.
    pub fn uid(&self) -> u32 {
        self.uid
            .unwrap_or_else(|| rustix::process::geteuid().as_raw())
    }

    /// Starts the process, lets it ask, waits for its end.
    pub fn ask(&self, ask: &Ask) -> Result<Answer> {
        let (mut command, input) = match self.language {
            Language::Curl => (self.curl_command(), curl_config(ask)),
            Language::Python => (self.python_command(), python_job(ask)),
        };
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        let mut child = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let pid = child.id();
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "the agent {} failed: {}",
            self.program.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        match self.language {
            Language::Curl => read_curl(pid, &output.stdout),
            Language::Python => read_python(pid, &output.stdout),
        }
    }

    fn curl_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // Everything else comes over stdin: an argument list is public, and a token is not.
        command.args([
            "--disable",
            "--silent",
            "--show-error",
            "--include",
            "--http1.1",
        ]);
        command.args([
            "--max-time",
            &ANSWER_SECONDS_MAX.to_string(),
            "--noproxy",
            "*",
        ]);
        command.args(["--config", "-"]);
        command
    }

    fn python_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-I", "-c", PYTHON_SCRIPT]);
        command
    }
}

fn curl_config(ask: &Ask) -> String {
    let quoted = |text: &str| {
        let text = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("\"{text}\"")
    };
    let mut lines = vec![
        format!("url = {}", quoted(&ask.url)),
        format!("request = {}", quoted(&ask.method)),
        "header = \"Expect:\"".to_owned(),
    ];
    for (name, value) in &ask.headers {
        lines.push(format!("header = {}", quoted(&format!("{name}: {value}"))));
    }
    if !ask.body.is_empty() {
        lines.push(format!("data-raw = {}", quoted(&ask.body)));
    }
    lines.join("\n")
}

fn read_curl(pid: u32, output: &[u8]) -> Result<Answer> {
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or_else(|| anyhow!("curl printed no head"))?;
    let (head, body) = output.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .ok_or_else(|| anyhow!("curl printed no status"))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Answer {
        pid,
        status,
        headers,
        body: body.to_vec(),
    })
}

fn python_job(ask: &Ask) -> String {
    json!({
        "method": ask.method,
        "url": ask.url,
        "headers": ask.headers,
        "body": ask.body,
        "timeout": ANSWER_SECONDS_MAX,
    })
    .to_string()
}

fn read_python(pid: u32, output: &[u8]) -> Result<Answer> {
    let answer: Value = serde_json::from_slice(output).context("the Python agent's answer")?;
    let status = answer.get("status").and_then(Value::as_u64).unwrap_or(0);
    let body = answer
        .get("body")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let headers = answer.get("headers").cloned().unwrap_or_default();
    Ok(Answer {
        pid,
        status: u16::try_from(status)?,
        headers: serde_json::from_value(headers)?,
        body: STANDARD.decode(body)?,
    })
}
