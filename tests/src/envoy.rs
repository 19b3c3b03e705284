//! A real Envoy, which serves requests itself and asks about each.

use std::{
    ffi::OsString,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::{env, gateway::POLL};

/// How long it may take to listen.
const START_MAX: Duration = Duration::from_mins(1);
/// Where `cargo xtask setup` puts it, among the workspace's tools.
const INSTALLED: &str = "envoy/envoy";

/// A running Envoy; it ends with this value.
pub struct Envoy {
    child: Child,
    folder: TempDir,
    listeners: Vec<SocketAddr>,
}

impl Envoy {
    /// The program, as the kernel names it.
    pub fn program() -> Result<PathBuf> {
        let program = env::tool("TIDEGATE_ENVOY", INSTALLED)?;
        program
            .canonicalize()
            .with_context(|| program.display().to_string())
    }

    /// Starts one with this configuration (a bootstrap without `admin`), and waits until all its
    /// `listeners` listen. Their ports may be 0; those that the kernel chose are told in that order.
    pub fn start(bootstrap: Value, listeners: &[&str]) -> Result<Self> {
        Self::start_under(&[], bootstrap, listeners)
    }

    /// The same, by a command that takes another one: `taskset --cpu-list 0`.
    pub fn start_under(
        prefix: &[String],
        mut bootstrap: Value,
        listeners: &[&str],
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let admin = serde_json::json!({
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } }
        });
        let all = bootstrap
            .as_object_mut()
            .context("a bootstrap is an object")?;
        all.insert("admin".to_owned(), admin);
        let (config, place) = (
            folder.path().join("envoy.json"),
            folder.path().join("admin"),
        );
        fs::write(&config, bootstrap.to_string())?;
        let log = File::create(folder.path().join("log"))?;
        let mut words = prefix.iter().map(OsString::from).collect::<Vec<_>>();
        words.push(Self::program()?.into());
        let (first, rest) = words.split_first().context("no program")?;
        let child = Command::new(first)
            .args(rest)
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&place)
            // Two at once on one host would share memory by this number.
            .args([
                "--use-dynamic-base-id",
                "--concurrency",
                "1",
                "--log-level",
                "warn",
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut envoy = Self {
            child,
            folder,
            listeners: Vec::new(),
        };
        envoy.listeners = envoy.listening(&place, listeners)?;
        Ok(envoy)
    }

    /// Where the listener number `which` listens.
    pub fn listens(&self, which: usize) -> Result<SocketAddr> {
        let address = self.listeners.get(which).copied();
        address.with_context(|| format!("there is no listener {which}"))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn listening(&mut self, place: &Path, wanted: &[&str]) -> Result<Vec<SocketAddr>> {
        let deadline = Instant::now() + START_MAX;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("Envoy ended with {status}: {}", self.log());
            }
            if let Some(all) = told(place).and_then(|told| addresses(&told, wanted)) {
                return Ok(all);
            }
            if Instant::now() > deadline {
                bail!("Envoy does not listen: {}", self.log());
            }
            thread::sleep(POLL);
        }
    }
}

/// What its administration tells of the listeners.
fn told(place: &Path) -> Option<Value> {
    let admin = fs::read_to_string(place).ok()?;
    let url = format!("http://{}/listeners?format=json", admin.trim());
    let curl = Command::new("curl")
        .args(["--silent", &url])
        .output()
        .ok()?;
    serde_json::from_slice(&curl.stdout).ok()
}

fn addresses(told: &Value, wanted: &[&str]) -> Option<Vec<SocketAddr>> {
    let all = told.get("listener_statuses")?.as_array()?;
    let address = |name: &&str| {
        let listener = all
            .iter()
            .find(|it| it.get("name").is_some_and(|it| it == name))?;
        let socket = listener.get("local_address")?.get("socket_address")?;
        let ip = socket.get("address")?.as_str()?;
        let port = socket.get("port_value")?.as_u64()?;
        format!("{ip}:{port}").parse().ok()
    };
    wanted.iter().map(address).collect()
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
