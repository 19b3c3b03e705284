//! `tidegate witness`, as somebody else runs it.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::gateway;

/// A witness of one log, with a folder and an address of its own.
pub struct Witness {
    folder: TempDir,
    /// The log's keys, as they succeed each other.
    logs: Vec<String>,
    address: SocketAddr,
    child: Option<Child>,
}

impl Witness {
    /// One that is not running yet, for the log with this key.
    pub fn new(log: &str) -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            logs: vec![log.to_owned()],
            // It stays the same when the witness comes back.
            address: TcpListener::bind("127.0.0.1:0")?.local_addr()?,
            child: None,
        })
    }

    /// Has it know another key of the log, which succeeded the ones before.
    pub fn learn(&mut self, log: &str) {
        self.logs.push(log.to_owned());
    }

    /// What it is told of the log.
    fn of(&self) -> Vec<&str> {
        self.logs.iter().flat_map(|log| ["--log", log]).collect()
    }

    /// Starts it.
    pub fn start(&mut self) -> Result<()> {
        let mut child = self
            .command("run")?
            .args(self.of())
            .args(["--listen", &self.address.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        gateway::ready_line(&mut child).context("the witness did not start")?;
        self.child = Some(child);
        Ok(())
    }

    /// Ends it at once, whatever it does.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Its public key.
    pub fn key(&self) -> Result<String> {
        self.say("key", &[])
    }

    /// The checkpoint that it signed last. It must not be running.
    pub fn seen(&self) -> Result<String> {
        self.say("show", &self.of())
    }

    /// As a gateway's configuration names it.
    pub fn configured(&self) -> Result<Value> {
        Ok(json!({ "url": format!("http://{}", self.address), "key": self.key()? }))
    }

    fn say(&self, what: &str, arguments: &[&str]) -> Result<String> {
        let output = self.command(what)?.args(arguments).output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "witness {what}: {complaint}");
        let said = String::from_utf8(output.stdout)?;
        Ok(if what == "key" {
            said.trim().to_owned()
        } else {
            said
        })
    }

    fn command(&self, what: &str) -> Result<Command> {
        let mut command = Command::new(gateway::binary()?);
        command
            .args(["witness", what, "--data"])
            .arg(self.folder.path());
        Ok(command)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.kill().ok();
    }
}
