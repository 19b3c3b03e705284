//! Values leave as tokens and come back as values, only for whom policy allows it.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::{Client, Reply},
    gateway::Gateway,
    peers::{self, Peer},
    people::Home,
    records,
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
struct Fleet {
    hosts: [Gateway; 2],
    client: Client,
    _peers: [Peer; 2],
}

impl Fleet {
    fn new() -> Result<Self> {
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
                        .operation("stream", "POST", "/streams"),
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
                    json!({ "tenant": "acme", "keys": "transforms.json" }),
                );
            let folder = tempfile::tempdir()?;
            write_private(&folder.path().join("transforms.json"), &keys)?;
            Gateway::start_in(folder, &setup)
        };
        Ok(Self {
            hosts: [host()?, host()?],
            client: Client::plain()?,
            _peers: peers,
        })
    }

    /// What the model says to the allowed agent, through one of the hosts.
    fn ask(&self, host: usize, path: &str, turns: &[String]) -> Result<Reply> {
        let url = self.hosts[host].url(path)?;
        let reply = self.client.post(&url, &[], &conversation(turns))?;
        ensure!(reply.status == 200 && reply.whole, "{}", reply.text());
        Ok(reply)
    }

    fn finish(mut self) -> Result<()> {
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

fn conversation(turns: &[String]) -> String {
    let messages: Vec<Value> = turns
        .iter()
        .map(|turn| json!({ "role": "user", "content": turn }))
        .collect();
    json!({ "model": "any", "messages": messages }).to_string()
}

fn address(number: usize) -> String {
    format!("person{number}@example.com")
}

/// What a model that is not restored for says: tokens.
fn tokens_of(answer: &str) -> Vec<String> {
    let is_token = |byte: char| byte.is_ascii_alphanumeric() || "._-".contains(byte);
    let mut tokens: Vec<String> = answer
        .split(|byte| !is_token(byte))
        .filter(|word| word.starts_with("tok_pii.email_"))
        .map(str::to_owned)
        .collect();
    tokens.dedup();
    tokens
}

#[test]
fn a_thousand_round_trips_over_shuffled_turns_and_two_hosts() -> Result<()> {
    const ROUNDS: usize = 1000;
    let fleet = Fleet::new()?;
    let other = Agent::curl()?;
    let mut strangers = 0;
    for round in 0..ROUNDS {
        // Turns of a conversation in another order each time, through one host or the other.
        let mut people: Vec<usize> = (0..3).map(|turn| (round * 7 + turn * 31) % 97).collect();
        people.rotate_left(round % 3);
        let turns: Vec<String> = people
            .iter()
            .map(|person| format!("write to {}, please", address(*person)))
            .collect();
        let answer = fleet.ask(round % 2, "/model/answers", &turns)?.json()?;
        let words = answer["content"].as_str().context("no content")?;
        let call = &answer["tool_calls"][0]["function"]["arguments"];
        let arguments: Value = serde_json::from_str(call.as_str().context("no arguments")?)?;
        for person in &people {
            let address = address(*person);
            ensure!(words.contains(&address), "round {round}: {words}");
            let note = arguments["note"].as_str().context("no note")?;
            ensure!(note.contains(&address), "round {round}: {note}");
        }
        ensure!(!words.contains("tok_"), "round {round}: {words}");
        if round % 50 == 0 {
            let ask = Ask::post(fleet.hosts[1].url("/model/answers")?, conversation(&turns));
            let theirs = other.ask(&ask)?;
            ensure!(theirs.status == 200, "{}", theirs.text());
            ensure!(!theirs.text().contains("@example.com"), "{}", theirs.text());
            strangers += tokens_of(&theirs.text()).len();
        }
    }
    ensure!(strangers >= 3 * ROUNDS / 50, "{strangers}");
    fleet.finish()
}

#[test]
fn tokens_are_the_same_on_every_host_and_an_altered_one_restores_nothing() -> Result<()> {
    let fleet = Fleet::new()?;
    let other = Agent::curl()?;
    let turns = [format!("it is {}", address(7))];
    let mut seen = Vec::new();
    for host in &fleet.hosts {
        let ask = Ask::post(host.url("/model/answers")?, conversation(&turns));
        let tokens = tokens_of(&other.ask(&ask)?.text());
        seen.push(tokens.first().context("no token")?.clone());
    }
    assert_eq!(seen[0], seen[1]);
    let token = seen.swap_remove(0);
    // The agent speaks of the token that it was once given: it holds, and comes back as the value.
    let whole = fleet.ask(0, "/model/answers", &[token.clone()])?;
    ensure!(whole.text().contains(&address(7)), "{}", whole.text());
    let record = records::closing(&fleet.hosts[0], whole.record().context("no record")?)?;
    let restored = record.0["event"]["response"]["restored"].to_string();
    ensure!(restored.contains("pii.email"), "{record:?}");
    for at in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
        let altered = String::from_utf8(altered)?;
        let reply = fleet.ask(at % 2, "/model/answers", &[altered.clone()])?;
        ensure!(
            !reply.text().contains("@example.com"),
            "{altered}: {}",
            reply.text()
        );
    }
    fleet.finish()
}

#[test]
fn a_streamed_answer_is_restored_over_every_cut() -> Result<()> {
    let fleet = Fleet::new()?;
    let turns: Vec<String> = (0..20)
        .map(|n| format!("{} \"quoted\"", address(n)))
        .collect();
    let reply = fleet.ask(1, "/model/streams", &turns)?;
    let answer = reply.json()?;
    let call = answer["tool_calls"][0]["function"]["arguments"].as_str();
    let arguments: Value = serde_json::from_str(call.context("no arguments")?)?;
    for number in 0..20 {
        for text in [&answer["content"], &arguments["note"]] {
            let text = text.as_str().context("no text")?;
            ensure!(
                text.contains(&format!("{} \"quoted\"", address(number))),
                "{text}"
            );
        }
    }
    ensure!(!reply.text().contains("tok_"), "{}", reply.text());
    fleet.finish()
}

#[test]
fn an_agent_that_has_only_tokens_works_on_the_true_records() -> Result<()> {
    let fleet = Fleet::new()?;
    let host = &fleet.hosts[0];
    let ask = Ask::post(host.url("/model/answers")?, conversation(&[address(5)]));
    let token = tokens_of(&Agent::curl()?.ask(&ask)?.text()).swap_remove(0);
    let sent = fleet.client.post(
        &host.url("/mail/messages")?,
        &[],
        &json!({ "to": token, "text": format!("for {token}") }).to_string(),
    )?;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let record = records::closing(host, sent.record().context("no record")?)?;
    let restored = record.0["event"]["request"]["restored"].to_string();
    ensure!(restored.contains("\"count\":2"), "{record:?}");
    // What the service got is the address: the other service's own store says so.
    let peer = Client::plain()?.get(&format!("{}/messages/1", fleet._peers[1].url()), &[])?;
    assert_eq!(peer.json()?["to"], address(5));
    // Read back through the gateway it is a token again.
    let read = fleet.client.get(&host.url("/mail/messages/1")?, &[])?;
    assert_eq!(read.json()?["to"], token);
    // Another agent's token goes on as a token.
    let ask = Ask::post(
        host.url("/mail/messages")?,
        json!({ "to": token }).to_string(),
    );
    assert_eq!(Agent::curl()?.ask(&ask)?.status, 202);
    let peer = Client::plain()?.get(&format!("{}/messages/2", fleet._peers[1].url()), &[])?;
    assert_eq!(peer.json()?["to"], token);
    fleet.finish()
}
