//! Tokens of the gateway's own: whose they are, and what they are good for.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::Client,
    gateway::Gateway,
    peers,
    people::Home,
    records,
    setup::{Service, Setup},
};

use crate::{bypass::can_attach, forward::Shop, upstreams::wait, world::verified};

/// Who is known by how it was started.
const STARTED: &str = "spiffe://acme.example/agent/started";
/// Who is started by nobody here.
const OTHER: &str = "spiffe://acme.example/agent/other";

const POLICY: &str = r#"
@id("all-may-read")
permit (principal, action, resource);
"#;

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
    assert_eq!(
        listed(&shop.gateway, &[])?,
        [(id.clone(), "good".to_owned())]
    );
    // One that is got with it goes with it.
    let next = client.post(&url(PATH)?, &[("tidegate-token", &token)], "")?;
    assert_eq!(next.status, 200, "{}", next.text());
    let next = next.json()?;
    let next = format!("Bearer {}", next["token"].as_str().context("a token")?);
    let heir = [("host", "shop.example"), ("authorization", next.as_str())];
    assert_eq!(client.get(&url("/things/7")?, &heir)?.status, 200);
    // It is revoked as any token is.
    let revoke = [
        "tokens", "revoke", &id, "--reason", "test", "--data", "data",
    ];
    ensure!(shop.gateway.cli(&revoke)?.status.success());
    wait("the revocation is heard", || {
        let answer = client.get(&url("/things/7")?, &fields)?;
        Ok(answer.status == 403 && answer.json()?["reason"] == "revoked")
    })?;
    let answer = client.get(&url("/things/7")?, &heir)?;
    assert_eq!(answer.json()?["reason"], "revoked");
    assert_eq!(listed(&shop.gateway, &[])?, []);
    let all = listed(&shop.gateway, &["--all"])?;
    ensure!(all.len() == 2 && all.iter().all(|(_, state)| state == "revoked"));
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

/// The passes that the command line lists, each with its state.
fn listed(gateway: &Gateway, more: &[&str]) -> Result<Vec<(String, String)>> {
    let mut arguments = vec!["tokens", "list", "--data", "data", "-o", "json"];
    arguments.extend(more);
    let output = gateway.cli(&arguments)?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{told}");
    let passes: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let text = |pass: &Value, name: &str| pass[name].as_str().unwrap_or_default().to_owned();
    let passes = passes.iter();
    Ok(passes
        .map(|pass| (text(pass, "id"), text(pass, "state")))
        .collect())
}

#[test]
fn a_process_that_runs_is_given_a_pass_by_who_may_start_it() -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    // This process is no agent: whatever it starts would stay that one.
    let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
    let service = Service::hosted("crm", "crm.example", &crm.url(), "DE").operation(
        "customer.read",
        "GET",
        "/customers/{customer}",
    );
    let setup = Setup::new()
        .agent(STARTED, &["tidegate:exec:0".to_owned()], "optional")
        .agent(OTHER, &["unix:uid:4242".to_owned()], "optional")
        .service(service)
        .policy(POLICY)
        .set("exec", json!({ "socket": "exec.sock" }));
    let mut gateway = Gateway::start(&setup)?;
    let socket = gateway.folder().join("exec.sock");
    let socket = socket.to_str().context("no text")?;
    let url = gateway.url("/customers/C-771")?;
    // It waits for the pass, and calls with it.
    let calls = format!(
        "read -r pass; curl -sS -o /dev/null -w '%{{http_code}}' -H 'host: crm.example' \
         -H \"authorization: Bearer $pass\" {url}"
    );
    let mut child = Command::new(tests::gateway::binary()?)
        .args(["exec", "--agent", STARTED, "--socket", socket, "--"])
        .args(["sh", "-c", &calls])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let pid = child.id().to_string();
    let issue = |pid: &str, agent: &str| {
        let asked = ["--only", "crm/customer.read", "--lifetime", "60"];
        let which = ["tokens", "issue", "--agent", agent, "--pid", pid];
        let where_ = ["--socket", socket, "-o", "json"];
        gateway.cli(&[&which[..], &asked, &where_].concat())
    };
    let pass = issue(&pid, STARTED)?;
    let told = String::from_utf8_lossy(&pass.stderr).into_owned();
    ensure!(pass.status.success(), "{told}");
    let pass: Value = serde_json::from_slice(&pass.stdout)?;
    let (token, id) = (pass["token"].as_str(), pass["id"].as_str());
    let (token, id) = (token.context("a token")?, id.context("an id")?);
    assert_eq!(listed(&gateway, &[])?, [(id.to_owned(), "good".to_owned())]);
    writeln!(child.stdin.take().context("no stdin")?, "{token}")?;
    let output = child.wait_with_output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "200");
    // Nobody starts others' agents, and who is gone gets none.
    for (pid, agent) in [(pid.as_str(), STARTED), (&pid, OTHER)] {
        let refused = issue(pid, agent)?;
        ensure!(!refused.status.success() && refused.stdout.is_empty());
    }
    ensure!(gateway.stop()?.success());
    verified(&gateway).map(drop)
}
