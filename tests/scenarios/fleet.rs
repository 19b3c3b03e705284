//! Two hosts of one deployment, with a model and a mail service behind them.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::Agent,
    client::{Client, Reply},
    gateway::Gateway,
    peers::{self, Peer},
    people::Home,
    setup::{Service, Setup},
};

use crate::world::{HERE, path_selector, verified};

/// Another agent, which gets tokens and no values: curl.
const OTHER: &str = "spiffe://tests.example/agent/other";

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("names-of-fields-are-shown")
permit (principal, action == Action::"disclose", resource);

@id("models-and-agents-get-tokens")
@obligation("tokenize")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email")
when { context.service == "model" || context.service == "mail" };

@id("one-agent-gets-values-back")
permit (
  principal in Agent::"spiffe://tests.example/agent/here",
  action == Action::"restore",
  resource in DataClass::"pii.email"
)
when { context.service == "model" && context.towards == "agent" };

@id("mail-goes-to-people")
permit (
  principal in Agent::"spiffe://tests.example/agent/here",
  action == Action::"restore",
  resource in DataClass::"pii.email"
)
when { context.service == "mail" && context.towards == "service" };
"#;

/// Two hosts of one deployment, with the same model and mail service behind them.
pub(crate) struct Fleet {
    pub(crate) hosts: [Gateway; 2],
    pub(crate) client: Client,
    /// The model and the mail service.
    pub(crate) peers: [Peer; 2],
}

impl Fleet {
    pub(crate) fn new() -> Result<Self> {
        Self::with(&Value::Null)
    }

    /// With people who may ask what a token stands for.
    pub(crate) fn with(reveal: &Value) -> Result<Self> {
        let start = |name| peers::start(name, "127.0.0.1:0", Home::De, None);
        let peers = [start("model")?, start("eu")?];
        let keys = shared_keys()?;
        let host = || -> Result<Gateway> {
            let here = path_selector(&std::env::current_exe()?.canonicalize()?);
            let setup = Setup::new()
                .agent(HERE, &[here], "optional")
                .agent(
                    OTHER,
                    &[path_selector(Agent::curl()?.program())],
                    "optional",
                )
                .service(
                    Service::new("model", &peers[0].url(), "DE")
                        .set("restore", "responses".into())
                        .operation("answer", "POST", "/answers")
                        .operation("stream", "POST", "/streams")
                        .operation("events", "POST", "/events"),
                )
                .service(
                    Service::new("mail", &peers[1].url(), "DE")
                        .set("restore", "requests".into())
                        .operation("send", "POST", "/messages")
                        .operation("read", "GET", "/messages/{message}"),
                )
                .policy(POLICY)
                .set(
                    "tokenization",
                    json!({ "tenant": "acme", "keys": "transforms.json", "reveal": reveal }),
                );
            let folder = tempfile::tempdir()?;
            write_private(&folder.path().join("transforms.json"), &keys)?;
            Gateway::start_in(folder, &setup)
        };
        Ok(Self {
            hosts: [host()?, host()?],
            client: Client::plain()?,
            peers,
        })
    }

    /// What the model says to the allowed agent, through one of the hosts.
    pub(crate) fn ask(&self, host: usize, path: &str, turns: &[String]) -> Result<Reply> {
        let host = self.hosts.get(host).context("there are two hosts")?;
        let url = host.url(path)?;
        let reply = self.client.post(&url, &[], &conversation(turns))?;
        ensure!(reply.status == 200 && reply.whole, "{}", reply.text());
        Ok(reply)
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        for host in &mut self.hosts {
            ensure!(host.stop()?.success(), "{}", host.stderr());
            verified(host)?;
        }
        Ok(())
    }
}

/// Keys as a deployment tool would hand them to every host.
fn shared_keys() -> Result<String> {
    let mut key = [0; 32];
    rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty())?;
    let key = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, key);
    Ok(json!({ "version": 1, "keys": [{ "id": 1, "key": key }] }).to_string())
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}

pub(crate) fn conversation(turns: &[String]) -> String {
    let messages: Vec<Value> = turns
        .iter()
        .map(|turn| json!({ "role": "user", "content": turn }))
        .collect();
    json!({ "model": "any", "messages": messages }).to_string()
}

pub(crate) fn address(number: usize) -> String {
    format!("person{number}@example.com")
}

/// What a model that is not restored for says: tokens.
pub(crate) fn tokens_of(answer: &str) -> Vec<String> {
    let is_token = |byte: char| byte.is_ascii_alphanumeric() || "._-".contains(byte);
    let mut tokens: Vec<String> = answer
        .split(|byte| !is_token(byte))
        .filter(|word| word.starts_with("tok_pii.email_"))
        .map(str::to_owned)
        .collect();
    tokens.dedup();
    tokens
}
