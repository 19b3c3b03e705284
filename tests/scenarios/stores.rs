//! Credentials in stores of others: a real OpenBao, and AWS Secrets Manager as `moto` stands in for it. What
//! changes there is in use here without a word to the gateway, and if a store is away its calls are refused.

use std::{
    io::Write as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::Client,
    gateway::{Gateway, POLL},
    peers::{Peer, keyed::Keyed},
    records,
    sdks::{Language, Server},
    setup::{Service, Setup},
};

use crate::{
    canary::contains,
    credentials::{bearer_of, key},
    upstreams::metric,
    world::{ANYTHING, CURL, path_selector, verified},
};

const ROLE: &str = "role-of-the-gateway";
/// How long anything may take that a store says.
const WAIT_MAX: Duration = Duration::from_mins(2);

/// A service that wants a key, and a gateway that has it from a store.
struct Shop {
    gateway: Gateway,
    keyed: Keyed,
    _peer: Peer,
}

impl Shop {
    /// `shown` is what the gateway proves itself by, in the file `shown`.
    fn new(shown: &str, place: &Value) -> Result<Self> {
        let keyed = Keyed::default();
        let peer = Peer::serve(keyed.router(), "127.0.0.1:0", None)?;
        let service = Service::new("shop", &peer.url(), "DE")
            .operation("thing.read", "GET", "/things/{thing}")
            .set("credential", place.clone());
        let setup = Setup::new()
            .agent(CURL, &[path_selector(Agent::curl()?.program())], "optional")
            .service(service)
            .policy(ANYTHING);
        let folder = tempfile::tempdir()?;
        private(&folder.path().join("shown"), shown)?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            keyed,
            _peer: peer,
        })
    }

    /// Asks until this comes of it; gives the reason, if it is a refusal.
    fn until(&self, status: u16) -> Result<Option<String>> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let before = self.keyed.asked();
            let url = self.gateway.url("/shop/things/7")?;
            let answer = Agent::curl()?.ask(&Ask::get(url))?;
            if answer.status == 502 {
                assert_eq!(self.keyed.asked(), before, "the service heard of it");
            }
            if answer.status == status {
                return Ok(answer.member("reason").ok());
            }
            ensure!(
                Instant::now() < deadline,
                "still {}: {}",
                answer.status,
                answer.text()
            );
            thread::sleep(POLL);
        }
    }

    fn missing(&self) -> Result<Option<f64>> {
        metric(&self.gateway, "tidegate_credentials_missing")
    }

    fn finish(mut self, secrets: &[&str]) -> Result<Vec<Option<u64>>> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        for secret in secrets {
            for (path, bytes) in self.gateway.files()? {
                let holds = contains(&bytes, secret);
                ensure!(
                    !holds || path.ends_with("shown"),
                    "{} holds it",
                    path.display()
                );
            }
            ensure!(!self.gateway.stderr().contains(secret), "stderr holds it");
        }
        let log = records::list(&self.gateway)?;
        let presented = log.iter().filter_map(|it| it.find("credential"));
        let versions = presented.map(|it| it["version"].as_u64()).collect();
        verified(&self.gateway)?;
        Ok(versions)
    }
}

fn private(path: &std::path::Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.mode(0o600).write(true).create_new(true).open(path);
    Ok(writeln!(file?, "{text}")?)
}

#[test]
fn a_key_in_openbao_is_in_use_as_it_is_there() -> Result<()> {
    let (secret, first, second) = (key(41), key(42), key(43));
    let bao = |port: u16, value: &str| -> Result<_> {
        let mut command = Language::Python.command("bao_server")?;
        command
            .env("BAO_PORT", port.to_string())
            .env("BAO_ROLE", ROLE)
            .env("BAO_SECRET", &secret)
            .env("BAO_VALUE", value)
            .stdin(Stdio::piped());
        Server::run(command)
    };
    let mut server = bao(0, &first)?;
    let port = server.port();
    let place = json!({ "as": "bearer", "vault": {
        "address": server.url(),
        "mount": "secret",
        "path": "agents/shop",
        "field": "key",
        "login": { "approle": { "role_id": ROLE, "secret_id": "shown" } },
        "refresh": "1s",
    } });
    let shop = Shop::new(&secret, &place)?;
    shop.keyed.want(&bearer_of(&first));
    shop.until(200)?;
    assert_eq!(shop.missing()?, Some(0.0));
    // Another version there is one here.
    shop.keyed.want(&bearer_of(&second));
    server.tell(&second)?;
    shop.until(200)?;
    // Away is away: nothing is sent with what nobody vouches for any more.
    drop(server);
    assert_eq!(shop.until(502)?.as_deref(), Some("credential_unavailable"));
    assert_eq!(shop.missing()?, Some(1.0));
    let ready = Client::plain()?
        .get(&shop.gateway.admin_url("/readyz")?, &[])?
        .text();
    ensure!(ready.contains("vault:"), "{ready}");
    // Back is back.
    let server = bao(port, &second)?;
    shop.until(200)?;
    drop(server);
    let versions = shop.finish(&[&secret, &first, &second])?;
    ensure!(
        versions.contains(&Some(1)) && versions.contains(&Some(2)),
        "{versions:?}"
    );
    Ok(())
}

#[test]
fn the_gateway_proves_itself_to_openbao_as_that_wants_it() -> Result<()> {
    let (secret, value) = (key(47), key(48));
    let logins = tempfile::tempdir()?;
    let mut command = Language::Python.command("bao_server")?;
    command
        .env("BAO_PORT", "0")
        .env("BAO_ROLE", ROLE)
        .env("BAO_SECRET", &secret)
        .env("BAO_VALUE", &value)
        .env("BAO_LOGINS", logins.path())
        .stdin(Stdio::piped());
    let server = Server::run(command)?;
    let shown = |name: &str| std::fs::read_to_string(logins.path().join(name));
    let place = |login: Value, field: &str| {
        json!({ "as": "bearer", "vault": {
            "address": server.url(),
            "mount": "secret",
            "path": "agents/shop",
            "field": field,
            "login": login,
        } })
    };
    let by_jwt = json!({ "jwt": { "mount": "workloads", "role": "gateway", "token": "shown" } });
    let by_role = json!({ "approle": { "role_id": ROLE, "secret_id": "shown" } });
    let by_token = json!({ "token": "shown" });
    for (login, shown) in [(&by_jwt, shown("jwt")?), (&by_token, shown("token")?)] {
        let shop = Shop::new(shown.trim(), &place(login.clone(), "key"))?;
        shop.keyed.want(&bearer_of(&value));
        shop.until(200)?;
        shop.finish(&[shown.trim(), &value])?;
    }
    // Who proves nothing gets nothing, and nobody gets a field that there is not.
    let wrong = key(49);
    let bare = place(by_token, "none");
    let token = shown("token")?;
    for (shown, place) in [
        (wrong.as_str(), place(by_jwt, "key")),
        (wrong.as_str(), place(by_role, "key")),
        (token.trim(), bare),
    ] {
        let shop = Shop::new(shown, &place)?;
        let told = "a store gives no credential";
        let deadline = Instant::now() + WAIT_MAX;
        while !shop.gateway.stderr().contains(told) {
            ensure!(Instant::now() < deadline, "nobody is told");
            thread::sleep(POLL);
        }
        shop.until(502)?;
        shop.finish(&[shown])?;
    }
    Ok(())
}

#[test]
fn a_key_in_aws_is_asked_for_anew_when_a_service_does_not_take_it() -> Result<()> {
    let (first, second) = (key(44), key(45));
    let folder = tempfile::tempdir()?;
    let keys = folder.path().join("aws.keys");
    let mut command = Language::Python.command("aws_server")?;
    command
        .env("AWS_KEYS", &keys)
        .env("AWS_SECRET", &first)
        .stdin(Stdio::piped());
    let mut server = Server::run(command)?;
    let pair = std::fs::read_to_string(&keys)?;
    let place = json!({ "as": "bearer", "aws_secret": {
        "endpoint": server.url(),
        "region": "eu-central-1",
        "id": "agents/shop",
        "field": "key",
        "keys": "shown",
        // Longer than the test takes.
        "refresh": "1h",
    } });
    let shop = Shop::new(pair.trim(), &place)?;
    shop.keyed.want(&bearer_of(&first));
    shop.until(200)?;
    server.tell(&second)?;
    shop.keyed.want(&bearer_of(&second));
    // The service's 401 is what makes the gateway ask.
    shop.until(200)?;
    let pair = pair.trim().split_once(':').context("no pair")?;
    shop.finish(&[pair.1, &first, &second])?;

    // Whom the store does not know gets nothing, and neither does the service.
    let shop = Shop::new(&format!("{}:{}", pair.0, key(46)), &place)?;
    assert_eq!(shop.until(502)?.as_deref(), Some("credential_unavailable"));
    assert_eq!(shop.keyed.asked(), 0);
    shop.finish(&[])?;
    Ok(())
}
