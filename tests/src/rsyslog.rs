//! A real rsyslog that takes syslog over TLS (RFC 5425), and what it made of it.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Deserializer, Value};
use tempfile::TempDir;

use crate::{
    certificate::Certificate,
    env,
    gateway::{POLL, START_MAX},
};

/// Where Debian has it, which is not on everybody's search path.
const PROGRAM: &str = "/usr/sbin/rsyslogd";

/// An rsyslog; it ends with this value.
pub struct Rsyslog {
    program: PathBuf,
    folder: TempDir,
    child: Child,
    port: u16,
}

impl Rsyslog {
    /// One that shows this certificate, on a port of the kernel's choice.
    pub fn start(certificate: &Certificate) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let files = [
            ("authority.pem", &certificate.authority),
            ("certificate.pem", &certificate.certificate),
            ("key.pem", &certificate.key),
        ];
        for (name, text) in files {
            fs::write(folder.path().join(name), text)?;
        }
        let program = env::program("rsyslogd").unwrap_or_else(|| PROGRAM.into());
        let child = begin(&program, &folder, 0)?;
        let mut rsyslog = Self {
            program,
            folder,
            child,
            port: 0,
        };
        rsyslog.port = rsyslog.listening()?;
        Ok(rsyslog)
    }

    /// `HOST:PORT`, as the certificate names it.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// What it parsed and wrote, in order: each message's parts by their names, all of them texts.
    pub fn taken(&self) -> Result<Vec<Value>> {
        let Ok(written) = fs::read_to_string(self.folder.path().join("taken")) else {
            return Ok(Vec::new());
        };
        let mut taken = Vec::new();
        for message in Deserializer::from_str(&written).into_iter() {
            match message {
                Ok(message) => taken.push(message),
                // It is writing.
                Err(error) if error.is_eof() => break,
                Err(error) => bail!("rsyslog wrote no JSON: {error}"),
            }
        }
        Ok(taken)
    }

    /// Ends it in good order.
    pub fn stop(&mut self) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Begins it again where it was.
    pub fn restart(&mut self) -> Result<()> {
        self.child = begin(&self.program, &self.folder, self.port)?;
        let address = (Ipv4Addr::LOCALHOST, self.port);
        // It writes down no port that it was given.
        self.until(|| TcpStream::connect(address).ok().map(drop))
    }

    /// The port, once it listens.
    fn listening(&mut self) -> Result<u16> {
        let file = self.folder.path().join("port");
        self.until(|| fs::read_to_string(&file).ok()?.trim().parse().ok())
    }

    /// What `told` gives once it gives something.
    fn until<T>(&mut self, told: impl Fn() -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            if let Some(told) = told() {
                return Ok(told);
            }
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(self.folder.path().join("said"))?;
                bail!("rsyslog ended ({status}): {said}");
            }
            thread::sleep(POLL);
        }
        bail!("rsyslog does not listen")
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn begin(program: &PathBuf, folder: &TempDir, port: u16) -> Result<Child> {
    let path = folder.path();
    let config = path.join("rsyslog.conf");
    fs::write(&config, configuration(&path.display().to_string(), port))?;
    let said = fs::File::create(path.join("said"))?;
    Command::new(program)
        .arg("-n")
        .arg("-f")
        .arg(config)
        .arg("-i")
        .arg(path.join("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .with_context(|| format!("{}: run `cargo xtask setup`", program.display()))
}

/// As somebody would write it who collects from gateways; every message as JSON.
fn configuration(folder: &str, port: u16) -> String {
    format!(
        r#"global(
  workDirectory="{folder}"
  maxMessageSize="256k"
  defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{folder}/authority.pem"
  defaultNetstreamDriverCertFile="{folder}/certificate.pem"
  defaultNetstreamDriverKeyFile="{folder}/key.pem"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" address="127.0.0.1" port="{port}" listenPortFileName="{folder}/port")
template(name="parsed" type="list" option.jsonf="on") {{
  property(outname="priority" name="pri" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="application" name="app-name" format="jsonf")
  property(outname="process" name="procid" format="jsonf")
  property(outname="kind" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="text" name="msg" format="jsonf")
}}
action(type="omfile" file="{folder}/taken" template="parsed")
"#
    )
}
