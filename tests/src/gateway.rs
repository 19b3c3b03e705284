//! The real daemon, started as an operator would start it.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::{env, setup::Setup};

/// How long a start may take on a machine that is busy with other tests.
pub const START_MAX: Duration = Duration::from_mins(1);
/// How long a stop in good order may take.
const STOP_MAX: Duration = Duration::from_mins(1);
/// How often a condition is looked at again.
pub const POLL: Duration = Duration::from_millis(10);

/// A running gateway; it is killed with its handle, and its folder goes too.
pub struct Gateway {
    folder: TempDir,
    config: PathBuf,
    prefix: Vec<String>,
    binary: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    ready: Ready,
}

/// The line that the daemon prints once it serves.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ready {
    listen: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
}

impl Ready {
    /// The first address.
    pub(crate) fn first(&self) -> Result<SocketAddr> {
        self.listen.first().copied().context("no address")
    }
}

/// The `tidegate` to test: from the environment, or the one built beside us.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = env::text(env::BINARY) {
        let path = PathBuf::from(path);
        return path
            .canonicalize()
            .with_context(|| format!("no program {}", path.display()));
    }
    env::sibling("tidegate").ok_or_else(|| {
        anyhow!("there is no `tidegate` beside this program: run `cargo build -p daemon` first")
    })
}

impl Gateway {
    /// Starts one with this configuration in a folder of its own.
    pub fn start(setup: &Setup) -> Result<Self> {
        Self::start_in(tempfile::tempdir()?, setup)
    }

    /// Starts one in `folder`, where a part of its configuration may lie already.
    pub fn start_in(folder: TempDir, setup: &Setup) -> Result<Self> {
        let config = setup.write(folder.path())?;
        Self::run(Self {
            folder,
            config,
            prefix: Vec::new(),
            binary: binary()?,
            running: None,
        })
    }

    /// Starts `binary` with a configuration that is already written.
    pub fn start_with(binary: PathBuf, folder: TempDir, config: PathBuf) -> Result<Self> {
        Self::start_under(&[], binary, folder, config)
    }

    /// Starts it under another command, `taskset --cpu-list 0`.
    ///
    /// That command must become the daemon (exec), or signals go to the wrong process.
    pub fn start_under(
        prefix: &[String],
        binary: PathBuf,
        folder: TempDir,
        config: PathBuf,
    ) -> Result<Self> {
        Self::run(Self {
            folder,
            config,
            prefix: prefix.to_vec(),
            binary,
            running: None,
        })
    }

    fn run(mut self) -> Result<Self> {
        self.restart()?;
        Ok(self)
    }

    /// Starts one under another command in `folder`, which any user may enter.
    pub fn start_as(prefix: &[String], folder: TempDir, setup: &Setup) -> Result<Self> {
        let config = setup.write(folder.path())?;
        Self::start_under(prefix, binary()?, folder, config)
    }

    /// Starts it again, with the same configuration and the same log. The port may change.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.running = Some(self.spawn(&[])?);
        Ok(())
    }

    /// Starts another with the same configuration in the place of the one that runs; gives that one.
    pub fn take_over(&mut self, arguments: &[&str]) -> Result<Former> {
        let all: Vec<&str> = ["--takeover"].iter().chain(arguments).copied().collect();
        let running = self.spawn(&all)?;
        let former = self.running.replace(running);
        Ok(Former(former.context("no gateway ran")?.child))
    }

    /// Lets go of the one that runs, which another one, not started here, takes the place of.
    pub fn let_go(&mut self) -> Result<Former> {
        let former = self.running.take().context("no gateway ran")?;
        Ok(Former(former.child))
    }

    fn spawn(&self, arguments: &[&str]) -> Result<Running> {
        let errors = File::options()
            .create(true)
            .append(true)
            .open(self.stderr_path())?;
        let mut command = match self.prefix.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.binary);
                command
            }
            None => Command::new(&self.binary),
        };
        let mut child = command
            .arg("run")
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        match ready_line(&mut child) {
            Ok(ready) => Ok(Running { child, ready }),
            Err(problem) => {
                child.kill().ok();
                child.wait().ok();
                bail!("the gateway did not start: {problem}\n{}", self.stderr());
            }
        }
    }

    /// The file of its configuration.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Changes its configuration, for the next start.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut config: Value = serde_json::from_slice(&fs::read(&self.config)?)?;
        change(&mut config);
        Ok(fs::write(&self.config, config.to_string())?)
    }

    /// The daemon's process.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.running()?.child.id())
    }

    /// The addresses it listens on, in the order of the configuration.
    pub fn listen(&self, index: usize) -> Result<SocketAddr> {
        let ready = &self.running()?.ready;
        ready
            .listen
            .get(index)
            .copied()
            .ok_or_else(|| anyhow!("no listener {index}"))
    }

    /// The URL of `path` at the first, plain listener.
    pub fn url(&self, path: &str) -> Result<String> {
        Ok(format!("http://{}{path}", self.listen(0)?))
    }

    /// The URL of `path` at the second listener, which speaks TLS.
    pub fn tls_url(&self, path: &str) -> Result<String> {
        Ok(format!(
            "https://localhost:{}{path}",
            self.listen(1)?.port()
        ))
    }

    /// The URL of `path` at the operator's address.
    pub fn admin_url(&self, path: &str) -> Result<String> {
        let admin = self
            .running()?
            .ready
            .admin
            .ok_or_else(|| anyhow!("no admin address"))?;
        Ok(format!("http://{admin}{path}"))
    }

    /// The folder of its configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of its log.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Every file beside its log, with what is in it. Sockets hold nothing.
    pub fn files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut found = Vec::new();
        let mut folders = vec![self.data()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    found.push((entry.path(), fs::read(entry.path())?));
                }
            }
        }
        Ok(found)
    }

    /// Everything it has written to stderr, over all its lives.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.stderr_path()).unwrap_or_default()
    }

    fn stderr_path(&self) -> PathBuf {
        self.folder.path().join("stderr.log")
    }

    /// Ends it with SIGTERM and waits.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let mut running = self
            .running
            .take()
            .ok_or_else(|| anyhow!("the gateway is not running"))?;
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            if let Some(status) = running.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        running.child.kill()?;
        running.child.wait()?;
        bail!(
            "the gateway did not stop within {STOP_MAX:?}\n{}",
            self.stderr()
        )
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()?)?;
        let pid = Pid::from_raw(pid).ok_or_else(|| anyhow!("{pid} is no process"))?;
        Ok(kill_process(pid, signal)?)
    }

    /// Ends it with SIGKILL, at once.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            running.child.kill()?;
            running.child.wait()?;
        }
        Ok(())
    }

    /// Whether it is still there.
    pub fn alive(&mut self) -> bool {
        self.running
            .as_mut()
            .is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    /// Runs `tidegate audit …` on its log.
    pub fn audit(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.binary);
        command
            .arg("audit")
            .args(arguments)
            .arg("--data")
            .arg(self.data());
        Ok(command.output()?)
    }

    /// Writes the log to the file `export`, as an auditor would get it.
    pub fn export(&self, export: &Path) -> Result<Output> {
        self.audit(&["export", "--to", &export.display().to_string()])
    }

    /// The public key of its log.
    pub fn public_key(&self) -> Result<String> {
        let output = self.audit(&["key"])?;
        ensure!(
            output.status.success(),
            "audit key failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Checks an export with nothing but the key, in an empty folder.
    pub fn verify(&self, export: &Path, key: &str) -> Result<Output> {
        let elsewhere = tempfile::tempdir()?;
        Ok(Command::new(&self.binary)
            .args(["audit", "verify", "-o", "json", "--export"])
            .arg(export)
            .args(["--key", key])
            .current_dir(elsewhere.path())
            .output()?)
    }

    /// Runs `tidegate …` with these arguments.
    pub fn cli(&self, arguments: &[&str]) -> Result<Output> {
        Ok(Command::new(&self.binary)
            .args(arguments)
            .current_dir(self.folder())
            .output()?)
    }

    /// The most memory that the daemon has held, in KiB.
    pub fn memory_peak_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        status
            .lines()
            .find_map(|line| {
                line.strip_prefix("VmHWM:")?
                    .split_whitespace()
                    .next()?
                    .parse()
                    .ok()
            })
            .ok_or_else(|| anyhow!("the kernel tells no VmHWM"))
    }

    fn running(&self) -> Result<&Running> {
        self.running
            .as_ref()
            .ok_or_else(|| anyhow!("the gateway is not running"))
    }
}

/// A gateway whose place another one has; it ends by itself, and is killed with its handle.
pub struct Former(Child);

impl Former {
    /// How it ended, once it has.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        bail!("the gateway before did not end within {STOP_MAX:?}")
    }
}

impl Drop for Former {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// Waits for the ready line, and keeps stdout drained afterwards.
pub(crate) fn ready_line(child: &mut Child) -> Result<Ready> {
    let stdout = child.stdout.take().ok_or_else(|| anyhow!("no stdout"))?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            send.send(line).ok();
        }
    });
    let deadline = Instant::now() + START_MAX;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = receive
            .recv_timeout(left)
            .context("it printed no ready line")?;
        let Ok(value) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        if value.get("ready") == Some(&Value::Bool(true)) {
            return Ok(serde_json::from_value(value)?);
        }
    }
}
