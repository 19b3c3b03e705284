//! Services behind an authorization server (npm's `oidc-provider`) get access tokens that the gateway is given
//! for its own secret: one for many calls, the next one before it expires, and no call without.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::{
    agent::{Agent, Answer, Ask},
    client::Client,
    gateway::{Gateway, POLL},
    sdks::Server,
    setup::{Service, Setup},
};

use crate::{
    credentials::{key, set, write},
    world::{CURL, path_selector, verified},
};

/// How long a token is good: its last quarter is for asking for the next one.
const LIFETIME: &str = "12";
/// How long anything may take that hangs on that.
const WAIT_MAX: Duration = Duration::from_mins(2);

const POLICY: &str = r#"
@id("agents-may-read")
permit (principal, action == Action::"call", resource)
when { context.operation == "order.read" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

struct Shop {
    provider: Option<Server>,
    orders: Server,
    gateway: Gateway,
}

impl Shop {
    fn new() -> Result<Self> {
        let secret = key(31);
        let variables = [("OIDC_SECRET", &*secret), ("OIDC_LIFETIME", LIFETIME)];
        let provider = Server::node("oidc_server", &variables)?;
        let orders = Server::node("resource_server", &[("OIDC_ISSUER", &provider.url())])?;
        let form = json!({ "oauth": {
            "token_endpoint": format!("{}/token", provider.url()),
            "client_id": "support-app",
            "parameters": { "resource": "urn:tidegate:gateway" },
        } });
        let service = Service::new("orders", &orders.url(), "DE")
            .operation("order.read", "GET", "/orders/{order}")
            .operation("order.list", "GET", "/orders")
            .set("credential", json!({ "name": "orders", "as": form }));
        let setup = Setup::new()
            .agent(CURL, &[path_selector(Agent::curl()?.program())], "optional")
            .service(service)
            .policy(POLICY);
        let folder = tempfile::tempdir()?;
        set(&folder.path().join("data"), "orders", &secret)?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            provider: Some(provider),
            orders,
        })
    }

    fn ask(&self, path: &str) -> Result<Answer> {
        let url = self.gateway.url(&format!("/orders{path}"))?;
        Agent::curl()?.ask(&Ask::get(url))
    }

    /// The number of the token that a call came with; each call is answered.
    fn number(&self) -> Result<String> {
        let answer = self.ask("/orders/7")?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.member("client")?, "support-app");
        // The service repeats the token, which is none of the agent's business.
        let echo = answer.member("echo")?;
        ensure!(echo.starts_with("it was ***"), "{echo}");
        answer.member("number")
    }

    /// How often this server was asked.
    fn asked(server: &Server) -> Result<u64> {
        let told = Client::plain()?.get(&format!("{}/asked", server.url()), &[])?;
        Ok(told.text().parse()?)
    }

    fn provider(&self) -> Result<&Server> {
        self.provider.as_ref().context("it is gone")
    }

    /// Calls until the gateway has none to give; says why.
    fn refused(&self) -> Result<String> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let before = Self::asked(&self.orders)?;
            let answer = self.ask("/orders/7")?;
            let came = Self::asked(&self.orders)? - before;
            if answer.status == 502 {
                assert_eq!(answer.member("reason")?, "credential_unavailable");
                assert_eq!(came, 0, "the service heard of it");
                return answer.member("detail");
            }
            ensure!(Instant::now() < deadline, "it is never refused");
            thread::sleep(POLL);
        }
    }
}

#[test]
fn a_service_gets_tokens_and_the_secret_goes_to_their_giver_alone() -> Result<()> {
    let mut shop = Shop::new()?;
    // Who is refused costs nobody a question.
    assert_eq!(shop.ask("/orders")?.status, 403);
    assert_eq!(Shop::asked(shop.provider()?)?, 0);

    // Many calls at once ask once.
    let numbers = thread::scope(|scope| -> Result<BTreeSet<String>> {
        let calls: Vec<_> = (0..6).map(|_| scope.spawn(|| shop.number())).collect();
        let joined = calls.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|number| number.map_err(|_| anyhow::anyhow!("a thread panicked"))?)
            .collect()
    })?;
    assert_eq!(numbers.len(), 1, "{numbers:?}");
    assert_eq!(Shop::asked(shop.provider()?)?, 1);
    // The next one comes before the first expires: no call fails in between.
    let mut seen = numbers;
    let before = seen.len();
    let deadline = Instant::now() + WAIT_MAX;
    let mut calls = 6;
    while seen.len() < before + 2 {
        seen.insert(shop.number()?);
        calls += 1;
        ensure!(Instant::now() < deadline, "it is never renewed");
        thread::sleep(POLL);
    }
    assert_eq!(Shop::asked(shop.provider()?)?, seen.len() as u64);
    ensure!(
        calls > 2 * seen.len(),
        "{calls} calls had {} tokens",
        seen.len()
    );

    // What the service does not take any more is not shown again and again.
    let rotate = format!("{}/rotate", shop.provider()?.url());
    Client::plain()?.post(&rotate, &[], "")?;
    let deadline = Instant::now() + WAIT_MAX;
    while shop.ask("/orders/7")?.status != 200 {
        ensure!(Instant::now() < deadline, "the old token is kept");
        thread::sleep(POLL);
    }
    shop.number()?;
    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());
    verified(&shop.gateway)?;
    Ok(())
}

#[test]
fn without_a_token_there_is_no_call() -> Result<()> {
    let mut shop = Shop::new()?;
    let data = shop.gateway.data();
    shop.number()?;
    write(
        &data,
        &["rotate", "orders", "--retire-after", "1h"],
        &key(32),
    )?;
    let why = shop.refused()?;
    ensure!(why.contains("id and secret"), "{why}");
    let revoke = [
        "credentials",
        "revoke",
        "orders",
        "--version",
        "2",
        "--data",
        "data",
    ];
    ensure!(shop.gateway.cli(&revoke)?.status.success());
    shop.number()?;

    // Nobody is there to give the next one.
    shop.provider = None;
    let why = shop.refused()?;
    ensure!(why.contains("could not be reached"), "{why}");
    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());
    verified(&shop.gateway)?;
    Ok(())
}
