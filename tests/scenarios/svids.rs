//! Agents show SVIDs that rotate under load, and nobody else's.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    env,
    gateway::Gateway,
    peers::{Peer, witness::Witness},
    records,
    setup::{Service, Setup},
    tokens::AUDIENCE,
    workload_api::{TrustDomain, WorkloadApi},
};

use crate::world::{path_selector, verified};

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

const DOMAIN: &str = "tests.example";
const PARTNER: &str = "partner.example";
const AGENT: &str = "/agent/svid";
/// How long SVIDs live where their end is not what is looked at.
const LONG: Duration = Duration::from_hours(1);
/// How long they live where it is: whole seconds, as certificates tell them.
const SHORT: Duration = Duration::from_secs(12);
/// How often they must have been renewed under load.
const RENEWALS: &str = "4";

struct Attested {
    gateway: Gateway,
    domain: TrustDomain,
    partner: TrustDomain,
    /// The gateway's own.
    _api: WorkloadApi,
    _peer: Peer,
}

/// The agent, as the kernel names it.
fn program() -> Result<PathBuf> {
    let program = env::sibling("tidegate-svid-agent").context("the agent is not built")?;
    Ok(program.canonicalize()?)
}

impl Attested {
    /// The agent is this one, of this trust domain.
    fn new(agent: &str, lifetime: Duration) -> Result<Self> {
        let domain = TrustDomain::new(DOMAIN)?;
        let partner = TrustDomain::new(PARTNER)?;
        let api = WorkloadApi::serve(
            &domain,
            "/tidegate",
            lifetime,
            std::slice::from_ref(&partner),
        )?;
        let peer = Peer::serve(Witness::default().router(), "127.0.0.1:0", None)?;
        let setup = Setup::new()
            .set("spiffe", json!({ "socket": api.socket() }))
            .set(
                "listen",
                json!([
                    { "address": "127.0.0.1:0" },
                    { "address": "127.0.0.1:0", "svid": true },
                ]),
            )
            .set(
                "tokens",
                json!([{
                    "issuer": format!("spiffe://{DOMAIN}"),
                    "audience": AUDIENCE,
                    "jwks": { "workload_api": true },
                    "lifetime_max": "2h",
                }]),
            )
            .agent(agent, &[path_selector(&program()?)], "optional")
            .agent(
                "spiffe://tests.example/agent/curl",
                &[path_selector(Agent::curl()?.program())],
                "required",
            )
            .service(Service::new("crm", &peer.url(), "DE").operation(
                "thing.read",
                "GET",
                "/things",
            ))
            .policy(POLICY);
        Ok(Self {
            gateway: Gateway::start(&setup)?,
            domain,
            partner,
            _api: api,
            _peer: peer,
        })
    }

    fn own(lifetime: Duration) -> Result<Self> {
        Self::new(&format!("spiffe://{DOMAIN}{AGENT}"), lifetime)
    }

    /// What the agent tells that has its identity from `api`.
    fn agent(&self, api: &WorkloadApi, arguments: &[&str]) -> Result<Value> {
        let (mode, rest) = arguments.split_first().context("a mode")?;
        let url = if *mode == "jwt" {
            format!("http://{}/crm/things", self.gateway.listen(0)?)
        } else {
            format!("https://{}/crm/things", self.gateway.listen(1)?)
        };
        let output = Command::new(program()?)
            .arg(api.socket())
            .args([mode, url.as_str()])
            .args(rest)
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{told}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn finish(mut self) -> Result<()> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        verified(&self.gateway).map(drop)
    }
}

fn refused(told: &Value, status: u16, reason: &str) -> Result<()> {
    ensure!(told.get("status") == Some(&json!(status)), "{told}");
    let body = told.get("body").context("a body")?;
    ensure!(body.get("reason").is_some_and(|it| it == reason), "{told}");
    Ok(())
}

#[test]
fn svids_rotate_under_load_without_a_failed_request() -> Result<()> {
    let attested = Attested::own(SHORT)?;
    let api = WorkloadApi::serve(&attested.domain, AGENT, SHORT, &[])?;
    let told = attested.agent(&api, &["load", RENEWALS])?;
    ensure!(told.get("failed") == Some(&json!([])), "{told}");
    let statuses = told
        .get("statuses")
        .and_then(Value::as_object)
        .context("statuses")?;
    ensure!(statuses.keys().eq(["200"]), "{told}");
    let all = records::list(&attested.gateway)?;
    let opened: Vec<_> = all.iter().filter(|it| it.kind() == "open").collect();
    let calls = statuses
        .get("200")
        .and_then(Value::as_u64)
        .context("calls")?;
    ensure!(
        opened.len() as u64 == calls,
        "{} records, {told}",
        opened.len()
    );
    let expected = if env::ebpf_required() {
        "kernel+svid"
    } else {
        "inferred+svid"
    };
    if env::ebpf_required() {
        ensure!(opened.iter().all(|it| it.text("evidence") == expected));
    }
    attested.finish()
}

#[test]
fn an_svid_is_its_own_workloads_alone() -> Result<()> {
    let attested = Attested::own(LONG)?;
    let own = WorkloadApi::serve(&attested.domain, AGENT, LONG, &[])?;
    let told = attested.agent(&own, &["once"])?;
    ensure!(told.get("status") == Some(&json!(200)), "{told}");
    // A good SVID in the hands of another process is a finding.
    let other = WorkloadApi::serve(&attested.domain, "/agent/other", LONG, &[])?;
    let told = attested.agent(&other, &["once"])?;
    refused(&told, 403, "svid_workload_mismatch")?;
    // One by the same name that nobody here trusts makes no connection.
    let false_domain = TrustDomain::new(DOMAIN)?;
    let forged = WorkloadApi::serve(&false_domain, AGENT, LONG, &[])?;
    let told = attested.agent(&forged, &["once"])?;
    ensure!(told.get("error").is_some(), "{told}");
    // Nor does none at all.
    let url = format!("https://{}/crm/things", attested.gateway.listen(1)?);
    let bare = Command::new("curl")
        .args(["--silent", "--insecure", &url])
        .output()?;
    ensure!(!bare.status.success(), "{bare:?}");
    attested.finish()
}

#[test]
fn a_federated_trust_domain_vouches_for_its_own() -> Result<()> {
    let attested = Attested::new(&format!("spiffe://{PARTNER}{AGENT}"), LONG)?;
    let theirs = std::slice::from_ref(&attested.domain);
    let partner = WorkloadApi::serve(&attested.partner, AGENT, LONG, theirs)?;
    let told = attested.agent(&partner, &["once"])?;
    ensure!(told.get("status") == Some(&json!(200)), "{told}");
    attested.finish()
}

#[test]
fn jwt_svids_hold_by_the_bundle_of_their_trust_domain_and_no_longer() -> Result<()> {
    let attested = Attested::own(LONG)?;
    let api = WorkloadApi::serve(&attested.domain, AGENT, LONG, &[])?;
    let told = attested.agent(&api, &["jwt", AUDIENCE])?;
    ensure!(told.get("status") == Some(&json!(200)), "{told}");
    // One for somebody else is theirs: here it proves nothing, and is not read.
    let told = attested.agent(&api, &["jwt", "somebody-else"])?;
    ensure!(told.get("status") == Some(&json!(200)), "{told}");
    let all = records::list(&attested.gateway)?;
    let proven = all.iter().filter(|it| it.kind() == "open");
    let proven: Vec<_> = proven
        .map(|it| it.text("evidence").contains("token"))
        .collect();
    ensure!(proven == [true, false], "{proven:?}");
    // Another agent's is refused, whoever signed it.
    let other = WorkloadApi::serve(&attested.domain, "/agent/other", LONG, &[])?;
    let told = attested.agent(&other, &["jwt", AUDIENCE])?;
    refused(&told, 403, "token_workload_mismatch")?;
    // After a change of keys the new one is believed, once the bundle has come, and the old one is not.
    let old = attested.domain.jwt_svid(AGENT, AUDIENCE, LONG)?;
    attested.domain.rotate_signer()?;
    let deadline = std::time::Instant::now() + tests::gateway::START_MAX;
    loop {
        let told = attested.agent(&api, &["jwt", AUDIENCE])?;
        if told.get("status") == Some(&json!(200)) {
            break;
        }
        ensure!(std::time::Instant::now() < deadline, "{told}");
    }
    let ask = Ask::get(attested.gateway.url("/crm/things")?).token(&old);
    let answer = Agent::curl()?.ask(&ask)?;
    ensure!(answer.status == 401, "{}", answer.text());
    attested.finish()
}
