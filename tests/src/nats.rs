//! A real server of NATS with `JetStream`, by TLS alone, and a look at what is in its stream.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use async_nats::{
    ConnectOptions, header,
    jetstream::{self, stream},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    certificate::Certificate,
    clock, env,
    gateway::{POLL, START_MAX},
};

/// The stream that events go to.
pub const STREAM: &str = "AUDIT";
/// What stands before an event's class.
pub const SUBJECT: &str = "audit.ocsf";
/// Where Debian puts the server, which is not on everybody's search path.
const INSTALLED: &str = "/usr/sbin/nats-server";

/// Whom a server lets in.
pub enum Access {
    /// Who shows a user's name and password.
    Users {
        /// What the gateway shows, `USER:PASSWORD`.
        gateway: String,
        /// What its operator shows.
        operator: String,
    },
    /// Who shows this token.
    Token(String),
    /// Whom an account vouches for.
    Vouched(Box<Authority>),
}

/// An operator of NATS with an account: who signs what `.creds` files hold.
pub struct Authority {
    operator: KeyPair,
    system: KeyPair,
    account: KeyPair,
}

/// A running server; it is killed with its handle, and what it has goes too.
pub struct NatsServer {
    folder: TempDir,
    access: Access,
    authority: String,
    running: Option<Child>,
    /// None before the kernel chose one.
    port: Option<u16>,
}

/// A message of the stream.
#[derive(Debug)]
pub struct Message {
    /// Its subject.
    pub subject: String,
    /// What repeats are known by.
    pub id: String,
    /// What it says.
    pub event: Value,
}

impl NatsServer {
    /// Starts one that lets those in, and has no stream yet.
    pub fn start(certificate: &Certificate, access: Access) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("server.pem"), &certificate.certificate)?;
        fs::write(folder.path().join("server.key"), &certificate.key)?;
        fs::write(folder.path().join("ca.pem"), &certificate.authority)?;
        let mut server = Self {
            folder,
            access,
            authority: certificate.authority.clone(),
            running: None,
            port: None,
        };
        server.restart()?;
        Ok(server)
    }

    /// Its address.
    pub fn url(&self) -> Result<String> {
        let port = self.port.context("it never ran")?;
        Ok(format!("tls://localhost:{port}"))
    }

    /// Who vouches for it, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Ends it with SIGKILL, at once.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            running.kill()?;
            running.wait()?;
        }
        Ok(())
    }

    /// Starts it again, with what it had, where it was.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let config = self.at("nats.json");
        fs::write(&config, self.configuration().to_string())?;
        let program = env::program("nats-server").unwrap_or_else(|| INSTALLED.into());
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.at("log"))?;
        let child = Command::new(program)
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("there is no nats-server: run `cargo xtask setup`")?;
        let ports = self.at(&format!("nats-server_{}.ports", child.id()));
        self.running = Some(child);
        self.port = Some(self.listening(&ports)?);
        Ok(())
    }

    /// Makes the stream.
    pub fn make_stream(&self) -> Result<()> {
        self.asked(async |context| {
            let config = stream::Config {
                name: STREAM.to_owned(),
                subjects: vec![format!("{SUBJECT}.>")],
                ..stream::Config::default()
            };
            context.create_stream(config).await?;
            Ok(())
        })
    }

    /// Everything that is in the stream, in its order.
    pub fn messages(&self) -> Result<Vec<Message>> {
        self.asked(async |context| {
            let mut stream = context.get_stream(STREAM).await?;
            let last = stream.info().await?.state.last_sequence;
            let mut messages = Vec::new();
            for sequence in 1..=last {
                let message = stream.get_raw_message(sequence).await?;
                let id = message.headers.get(header::NATS_MESSAGE_ID);
                messages.push(Message {
                    subject: message.subject.to_string(),
                    id: id.context("no id")?.to_string(),
                    event: serde_json::from_slice(&message.payload)?,
                });
            }
            Ok(messages)
        })
    }

    /// What it printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configuration(&self) -> Value {
        let mut config = json!({
            "host": "127.0.0.1",
            "port": self.port.map_or(-1, i32::from),
            "ports_file_dir": self.folder.path(),
            "jetstream": { "store_dir": self.at("stored") },
            "tls": { "cert_file": self.at("server.pem"), "key_file": self.at("server.key") },
        });
        let more = match &self.access {
            Access::Users { gateway, operator } => {
                let users = [gateway, operator].map(|it| {
                    let (user, password) = it.split_once(':').unwrap_or_default();
                    json!({ "user": user, "password": password })
                });
                json!({ "authorization": { "users": users } })
            }
            Access::Token(token) => json!({ "authorization": { "token": token } }),
            Access::Vouched(authority) => authority.configuration(),
        };
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
            config.extend(more);
        }
        config
    }

    /// The port, once it listens.
    fn listening(&mut self, ports: &Path) -> Result<u16> {
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            if let Some(port) = fs::read(ports).ok().and_then(|told| port(&told)) {
                return Ok(port);
            }
            let running = self.running.as_mut().context("it does not run")?;
            if let Some(status) = running.try_wait()? {
                bail!("nats-server ended with {status}: {}", self.log());
            }
            thread::sleep(POLL);
        }
        bail!("nats-server does not listen: {}", self.log())
    }

    /// What its operator is told.
    fn asked<T>(&self, ask: impl AsyncFnOnce(jetstream::Context) -> Result<T>) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let options = match &self.access {
            Access::Users { operator, .. } => {
                let (user, password) = operator.split_once(':').unwrap_or_default();
                ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
            }
            Access::Token(token) => ConnectOptions::with_token(token.clone()),
            Access::Vouched(authority) => {
                ConnectOptions::with_credentials(&authority.credentials(&json!({}))?)?
            }
        };
        let options = options.add_root_certificates(self.at("ca.pem"));
        runtime.block_on(async {
            let client = options.connect(self.url()?).await?;
            ask(jetstream::new(client)).await
        })
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// The port in what a server tells of those that it listens on.
fn port(told: &[u8]) -> Option<u16> {
    let told: Value = serde_json::from_slice(told).ok()?;
    let url = told.pointer("/nats/0")?.as_str()?;
    url.rsplit(':').next()?.parse().ok()
}

impl Authority {
    /// One that nobody else knows.
    pub fn new() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            system: KeyPair::new_account(),
            account: KeyPair::new_account(),
        }
    }

    /// A new user's file of credentials, as `nsc generate creds` writes it, who may publish what `publish` says.
    pub fn credentials(&self, publish: &Value) -> Result<String> {
        let user = KeyPair::new_user();
        let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
            "pub": publish, "sub": {} });
        let token = signed(&self.account, &user, &claims)?;
        let seed = user.seed()?;
        let held = |what: &str, held: &str| {
            format!("-----BEGIN {what}-----\n{held}\n------END {what}------\n\n")
        };
        let token = held("NATS USER JWT", &token);
        Ok(token + &held("USER NKEY SEED", &seed))
    }

    fn configuration(&self) -> Value {
        let limits = |storage: i32| {
            json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
                "conn": -1, "leaf": -1, "mem_storage": storage, "disk_storage": storage, "streams": storage,
                "consumer": storage })
        };
        let account = |key: &KeyPair, storage| {
            let claims = json!({ "type": "account", "version": 2, "limits": limits(storage),
                "default_permissions": { "pub": {}, "sub": {} } });
            signed(&self.operator, key, &claims).unwrap_or_default()
        };
        let system = self.system.public_key();
        let operator = json!({ "type": "operator", "version": 2, "system_account": system });
        json!({
            "operator": signed(&self.operator, &self.operator, &operator).unwrap_or_default(),
            "resolver": "MEMORY",
            "resolver_preload": {
                system: account(&self.system, 0),
                self.account.public_key(): account(&self.account, -1),
            },
        })
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// What `by` says of `whose`, as NATS has it in tokens.
fn signed(by: &KeyPair, whose: &KeyPair, claims: &Value) -> Result<String> {
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let body = json!({ "iat": clock::unix_seconds(), "jti": "tests", "name": "tests", "iss": by.public_key(),
        "sub": whose.public_key(), "nats": claims });
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let said = format!("{}.{}", part(&head), part(&body));
    let signature = by.sign(said.as_bytes())?;
    Ok(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
