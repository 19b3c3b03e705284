//! Tokens of the gateway's own: whose they are, and what they are good for.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tests::{
    agent::{Agent, Ask},
    client::Client,
    gateway::POLL,
    records,
};

use crate::{forward::Shop, world::verified};

const PATH: &str = "/.well-known/tidegate/pass";

/// Requests for a pass that are none.
const UNFIT: [&str; 3] = [
    r#"{"only": "shop"}"#,
    r#"{"lifetime_seconds": 0}"#,
    r#"{"more": 1}"#,
];

#[test]
fn a_pass_is_its_process_own_and_no_wider_than_it_says() -> Result<()> {
    let mut shop = Shop::new(|setup| setup)?;
    let client = Client::plain()?;
    let url = |path: &str| shop.gateway.url(path);
    let asked = client.post(&url(PATH)?, &[], r#"{"only": ["shop/thing.read"]}"#)?;
    assert_eq!(asked.status, 200, "{}", asked.text());
    let pass = asked.json()?;
    let token = pass["token"].as_str().context("a token")?.to_owned();
    let id = pass["id"].as_str().context("an id")?.to_owned();

    let bearer = format!("Bearer {token}");
    let fields = [("host", "shop.example"), ("authorization", bearer.as_str())];
    let answer = client.get(&url("/things/7")?, &fields)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    ensure!(
        !shop
            .keyed
            .came()
            .iter()
            .any(|(_, value)| value.contains(&token))
    );
    let answer = client.post(&url("/things")?, &fields, "{}")?;
    assert_eq!(
        (answer.status.as_u16(), answer.json()?["reason"].clone()),
        (403, "token_scope".into())
    );
    // It cannot be widened, nor asked for by less than all of a request.
    let wider = client.post(
        &url(PATH)?,
        &[("tidegate-token", &token)],
        r#"{"only": ["shop"]}"#,
    )?;
    assert_eq!(wider.status, 400, "{}", wider.text());
    for body in UNFIT {
        assert_eq!(client.post(&url(PATH)?, &[], body)?.status, 400, "{body}");
    }
    // In other hands it is nothing, and a finding.
    let ask = Ask::get(url("/things/7")?).header("host", "shop.example");
    let stolen = Agent::curl()?.ask(&ask.header("authorization", &bearer))?;
    assert_eq!(stolen.status, 403, "{}", stolen.text());
    assert_eq!(stolen.json()?["reason"], "token_workload_mismatch");
    // One that is got with it goes with it.
    let next = client.post(&url(PATH)?, &[("tidegate-token", &token)], "")?;
    assert_eq!(next.status, 200, "{}", next.text());
    let next = next.json()?;
    let next = format!("Bearer {}", next["token"].as_str().context("a token")?);
    let heir = [("host", "shop.example"), ("authorization", next.as_str())];
    assert_eq!(client.get(&url("/things/7")?, &heir)?.status, 200);
    // It is revoked as any token is.
    let revoked = shop
        .gateway
        .cli(&["revoke", "token", &id, "--reason", "test", "--data", "data"])?;
    ensure!(revoked.status.success());
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = client.get(&url("/things/7")?, &fields)?;
        if answer.status == 403 {
            assert_eq!(answer.json()?["reason"], "revoked");
            break;
        }
        ensure!(Instant::now() < deadline, "{}", answer.text());
        thread::sleep(POLL);
    }
    let answer = client.get(&url("/things/7")?, &heir)?;
    assert_eq!(answer.json()?["reason"], "revoked");
    // That it was given is on record, and that it may be; the pass itself is nowhere.
    let records = records::list(&shop.gateway)?;
    let given = records
        .iter()
        .find(|it| it.text("operation").contains("pass.issue"));
    let given = given.context("not on record")?;
    assert_eq!(given.text("pass"), id);
    ensure!(!shop.gateway.stderr().contains(&token));
    ensure!(shop.gateway.stop()?.success());
    verified(&shop.gateway).map(drop)
}
