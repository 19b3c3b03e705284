//! The vendors' own SDKs, as `cargo xtask setup` installed them: each in a process of its own, which
//! calls and then tells what it was handed.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::env;

/// Where `cargo xtask setup` puts them, below the target directory.
const INSTALLED: &str = "tools/sdks";
/// Where the programs are that use them.
const CALLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sdks");

/// What runs an SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Python, with the packages of `tests/sdks/requirements.txt`.
    Python,
    /// Node.js, with those of `tests/sdks/package.json`.
    Node,
}

/// What an SDK made of one call.
#[derive(Clone, Debug)]
pub struct Made(Value);

/// A server that ends with its handle.
pub struct Server {
    child: Child,
    port: u16,
}

impl Language {
    /// The program, as the kernel names it.
    pub fn program(self) -> Result<PathBuf> {
        let program = self.started_as()?;
        let program = program.canonicalize();
        program.context("no SDKs: run `cargo xtask setup`, or name their folder in TIDEGATE_SDKS")
    }

    /// The program by the name that makes it find its packages.
    fn started_as(self) -> Result<PathBuf> {
        let folder = folder()?;
        Ok(match self {
            Self::Python => folder.join("bin/python"),
            Self::Node => folder.join("node"),
        })
    }

    /// A process that runs the script `name` of ours.
    pub fn command(self, name: &str) -> Result<Command> {
        self.program()?;
        let mut command = Command::new(self.started_as()?);
        let script = match self {
            Self::Python => format!("{name}.py"),
            Self::Node => format!("{name}.cjs"),
        };
        command
            .arg(Path::new(CALLS).join(script))
            .env("NODE_PATH", folder()?.join("node_modules"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "*")
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs the calls of `sdk` with these variables, and reads what it made of each.
    pub fn calls(self, sdk: &str, variables: &[(&str, &str)]) -> Result<Calls> {
        let mut command = self.command(&format!("{sdk}_calls"))?;
        let output = command.envs(variables.iter().copied()).output()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{sdk} in {self:?}: {errors}");
        let made = serde_json::from_slice(&output.stdout).context(errors)?;
        Ok(Calls { made })
    }
}

/// Where the SDKs are.
fn folder() -> Result<PathBuf> {
    if let Some(folder) = env::text(env::SDKS) {
        return Ok(folder.into());
    }
    let this = std::env::current_exe()?;
    let folders = this.ancestors().map(|folder| folder.join(INSTALLED));
    let mut installed = folders.filter(|folder| folder.is_dir());
    let first = installed.next();
    first.context("no SDKs: run `cargo xtask setup`, or name their folder in TIDEGATE_SDKS")
}

/// Everything that one process called.
#[derive(Clone, Debug)]
pub struct Calls {
    made: Value,
}

impl Calls {
    /// What came of the call `name`.
    pub fn of(&self, name: &str) -> Result<Made> {
        let made = self.made.get(name);
        let made = made.with_context(|| format!("`{name}` was not called: {}", self.made))?;
        Ok(Made(made.clone()))
    }
}

impl Made {
    /// What the SDK handed out.
    pub fn value(&self) -> Result<&str> {
        let value = self.0.get("value").and_then(Value::as_str);
        value.with_context(|| format!("it failed: {}", self.0))
    }

    /// The error that it raised: its class, and its status where the SDK has one.
    pub fn error(&self) -> Result<(&str, Option<u64>)> {
        let class = self.0.get("error").and_then(Value::as_str);
        let class = class.with_context(|| format!("it went well: {}", self.0))?;
        let fields = ["status_code", "http_status", "status", "code"];
        let mut numbers = fields.iter().filter_map(|name| self.0.get(name)?.as_u64());
        Ok((class, numbers.next()))
    }

    /// What the error says.
    pub fn message(&self) -> &str {
        self.text("message")
    }

    /// What the SDK had handed out before.
    pub fn seen(&self) -> &str {
        self.text("seen")
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Server {
    /// Starts the script `name` in this language and waits until it has told its port.
    pub fn start(language: Language, name: &str) -> Result<Self> {
        Self::run(language.command(name)?)
    }

    /// The same in Node.js, with these variables.
    pub fn node(name: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let mut command = Language::Node.command(name)?;
        command.envs(variables.iter().copied());
        Self::run(command)
    }

    /// Starts a server by this command and waits until it has told its port.
    pub fn run(mut command: Command) -> Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let mut server = Self { child, port: 0 };
        server.port = line.trim().parse().context("the server told no port")?;
        Ok(server)
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
