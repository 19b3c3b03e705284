//! Third parties call an agent through the gateway: who signs is known, what comes is governed, and the agent verifies it
//! with a secret that is worth nothing elsewhere.

use std::{fs, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tests::{
    client::{Client, Reply},
    clock::unix_seconds,
    gateway::Gateway,
    records::{self, Record},
    sdks::{Language, Server},
    setup::{Service, Setup},
};

use crate::{upstreams::wait, world::verified};

const STRIPE: &str = "spiffe://acme.example/sender/stripe";
const GITHUB: &str = "spiffe://acme.example/sender/github";

const OPENAI: &str = "spiffe://acme.example/sender/openai";

/// A message of a Standard Webhook.
const MESSAGE: &str = "msg_7";

/// The event that policy lets in.
const PAID: &str = "payment_intent.succeeded";

const POLICY: &str = r#"
@id("stripe-tells-of-payments")
permit (principal, action == Action::"call", resource in Operation::"stripe/event")
when {
  principal.agent == Agent::"spiffe://acme.example/sender/stripe" && context.proof.signature &&
  resource.hasTag("type") && resource.getTag("type") == "payment_intent.succeeded"
};

@id("github-tells-of-issues")
permit (principal, action == Action::"call", resource in Operation::"github/event")
when { principal.agent == Agent::"spiffe://acme.example/sender/github" };

@id("openai-tells-of-batches")
permit (principal, action == Action::"call", resource in Operation::"openai/event")
when { principal.agent == Agent::"spiffe://acme.example/sender/openai" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("no-addresses-come-in-or-go-abroad")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email");
"#;

/// An agent, the gateway before it, and the secrets of all.
struct Inbound {
    agent: Server,
    gateway: Gateway,
    client: Client,
    stripe: String,
    github: String,
    openai: String,
    local: String,
}

fn secret(filler: u8) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode([filler; 32]))
}

fn kept(folder: &Path, name: &str, secret: &str) -> Result<Value> {
    let path = folder.join(name);
    let mut options = fs::OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    std::io::Write::write_all(&mut &file, secret.as_bytes())?;
    Ok(json!(path))
}

impl Inbound {
    fn new() -> Result<Self> {
        let (stripe, github, openai, local) = (secret(1), secret(2), secret(4), secret(3));
        let folder = tempfile::tempdir()?;
        let of_openai = kept(folder.path(), "d", &openai)?;
        let [of_stripe, of_github, own] = [("a", &stripe), ("b", &github), ("c", &local)]
            .map(|(name, secret)| kept(folder.path(), name, secret));
        let (of_stripe, of_github, own) = (of_stripe?, of_github?, own?);
        let mut command = Language::Python.command("webhook_agent")?;
        command.env("STRIPE_SECRET", &local);
        command.env("OPENAI_SECRET", &local);
        let agent = Server::run(command)?;
        let service = |name: &str, sender: &str, scheme: &str, secret: Value, anew: &str| {
            let inbound = json!({
                "sender": sender,
                "country": "US",
                "signature": scheme,
                "secret": { "file": secret },
            });
            let upstream = format!("{}/{name}", agent.url());
            Service::new(name, &upstream, "DE")
                .set("inbound", inbound)
                .set(
                    "credential",
                    json!({ "file": own, "as": { "signature": anew } }),
                )
        };
        let stripes = service("stripe", STRIPE, "stripe", of_stripe, "stripe");
        let stripes = stripes.governed(
            "event",
            "POST",
            "/events",
            json!({ "body": { "type": "type" } }),
        );
        let githubs = service("github", GITHUB, "github", of_github, "standard");
        let openais = service("openai", OPENAI, "standard", of_openai, "standard");
        let setup = Setup::new()
            .service(stripes)
            .service(githubs.operation("event", "POST", "/events"))
            .service(openais.operation("event", "POST", "/events"))
            .policy(POLICY);
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            client: Client::plain()?,
            agent,
            stripe,
            github,
            openai,
            local,
        })
    }

    fn post(&self, path: &str, fields: &[(&str, &str)], body: &str) -> Result<Reply> {
        self.client.post(&self.gateway.url(path)?, fields, body)
    }

    /// A message that Stripe signs.
    fn stripe(&self, body: &str, at: u64) -> Result<Reply> {
        let field = signature("stripe", &self.stripe, body, at)?;
        self.post("/stripe/events", &[("stripe-signature", &field)], body)
    }

    fn end(mut self) -> Result<()> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        verified(&self.gateway).map(drop)
    }

    /// What the agent heard.
    fn came(&self) -> Result<Vec<Value>> {
        let came = self.client.get(&self.agent.url(), &[])?;
        Ok(serde_json::from_str(&came.text())?)
    }
}

/// What a third party shows for a message.
fn signature(scheme: &str, secret: &str, payload: &str, at: u64) -> Result<String> {
    let mut command = Language::Node.command("webhook_signature")?;
    let variables = [("SCHEME", scheme), ("SECRET", secret), ("PAYLOAD", payload)];
    command
        .envs(variables)
        .env("TIMESTAMP", at.to_string())
        .env("ID", MESSAGE);
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn event(kind: &str) -> String {
    let person = "ada.lovelace@mail.example";
    json!({ "id": "evt_1", "object": "event", "type": kind, "data": { "object": { "receipt_email": person } } })
        .to_string()
}

fn reason(reply: &Reply) -> Result<String> {
    let reason = reply
        .json()?
        .get("reason")
        .and_then(Value::as_str)
        .map(str::to_owned);
    reason.with_context(|| reply.text())
}

#[test]
fn who_signs_is_known_and_the_agent_hears_what_policy_lets_in() -> Result<()> {
    let inbound = Inbound::new()?;
    let told = inbound.stripe(&event(PAID), unix_seconds())?;
    assert_eq!(told.status, 200, "{}", told.text());
    // What goes back abroad is governed, too.
    let text = told.text();
    ensure!(
        text.contains(PAID) && !text.contains("owner@acme.example"),
        "{text}"
    );
    let came = inbound.came()?;
    let [heard] = &*came else {
        bail!("{came:?}");
    };
    assert_eq!(heard["as"], PAID);
    let body = heard["body"].as_str().context("no body")?;
    ensure!(
        !body.contains("ada.lovelace") && body.contains("evt_1"),
        "{body}"
    );
    let opening = told.record().context("no record")?;
    let opening = records::shown(&inbound.gateway, opening)?.to_string();
    ensure!(
        opening.contains(STRIPE) && opening.contains("\"signed\""),
        "{opening}"
    );
    inbound.end()
}

#[test]
fn what_nobody_is_believed_to_have_sent_is_not_heard() -> Result<()> {
    let inbound = Inbound::new()?;
    let (paid, at) = (event(PAID), unix_seconds());
    assert_eq!(inbound.stripe(&paid, at)?.status, 200);
    let forged = signature("stripe", &inbound.local, &paid, at)?;
    let forged = [("stripe-signature", &*forged)];
    let post = |fields: &[(&str, &str)]| inbound.post("/stripe/events", fields, &paid);
    let other = event("payment_intent.created");
    for (reply, refusal) in [
        (post(&[])?, (401, "signature_missing")),
        (post(&forged)?, (401, "signature_invalid")),
        (inbound.stripe(&paid, at - 600)?, (401, "signature_stale")),
        (inbound.stripe(&paid, at)?, (409, "signature_replayed")),
        (inbound.stripe(&other, at)?, (403, "not_permitted")),
    ] {
        let reason = reason(&reply)?;
        assert_eq!((reply.status.as_u16(), &*reason), refusal);
    }
    assert_eq!(inbound.came()?.len(), 1);
    let records = records::list(&inbound.gateway)?;
    let forged = |it: &Record| it.text("reason") == "signature_invalid";
    ensure!(records.iter().any(forged), "no finding on record");
    // The same event signed again is a new message.
    assert_eq!(inbound.stripe(&paid, at + 1)?.status, 200);
    inbound.end()
}

#[test]
fn a_sender_is_revoked_as_an_agent_is_and_needs_its_secret_to_be_there() -> Result<()> {
    let inbound = Inbound::new()?;
    let (paid, mut at) = (event(PAID), unix_seconds());
    let folder = inbound.gateway.folder();
    let (secret, held) = (folder.join("a"), folder.join("held"));
    fs::rename(&secret, &held)?;
    let reply = inbound.stripe(&paid, at)?;
    assert_eq!(
        (reply.status.as_u16(), &*reason(&reply)?),
        (503, "signature_unverifiable")
    );
    fs::rename(&held, &secret)?;
    assert_eq!(inbound.stripe(&paid, at)?.status, 200);

    let revoke = [
        "revoke", "agent", STRIPE, "--reason", "test", "--data", "data",
    ];
    ensure!(inbound.gateway.cli(&revoke)?.status.success());
    wait("the revocation is heard", || {
        at += 1;
        let reply = inbound.stripe(&paid, at)?;
        Ok(reply.status == 403 && reason(&reply)? == "revoked")
    })?;
    inbound.end()
}

#[test]
fn a_message_has_one_id_however_often_it_is_signed() -> Result<()> {
    let inbound = Inbound::new()?;
    let body = json!({ "action": "completed" }).to_string();
    let at = unix_seconds();
    let field = signature("standard", &inbound.openai, &body, at)?;
    let at = at.to_string();
    let fields = [
        ("webhook-id", MESSAGE),
        ("webhook-timestamp", &*at),
        ("webhook-signature", &*field),
    ];
    let told = inbound.post("/openai/events", &fields, &body)?;
    assert_eq!(told.status, 200, "{}", told.text());
    // Its library takes two fields of one name for another id.
    let heard = &inbound.came()?[0];
    assert_eq!(heard["as"], "completed", "{heard}");
    assert_eq!(heard["fields"]["webhook-id"], MESSAGE);
    // Who does not sign does not learn which paths there are.
    for path in ["/openai/events", "/openai/others"] {
        let reply = inbound.post(path, &[], &body)?;
        let told = (reply.status.as_u16(), reason(&reply)?);
        assert_eq!(told, (401, "signature_missing".to_owned()), "{path}");
    }
    inbound.end()
}

#[test]
fn what_came_by_one_scheme_goes_on_by_another() -> Result<()> {
    let inbound = Inbound::new()?;
    let body = json!({ "action": "opened", "sender": { "email": "ada.lovelace@mail.example" } })
        .to_string();
    let field = signature("github", &inbound.github, &body, 0)?;
    let fields = [("x-hub-signature-256", &*field), ("x-github-delivery", "7")];
    let told = inbound.post("/github/events", &fields, &body)?;
    assert_eq!(told.status, 200, "{}", told.text());
    let came = inbound.came()?;
    let heard = came.first().context("nothing came")?;
    assert_eq!(heard["as"], "opened");
    let heard = heard.to_string();
    ensure!(
        !heard.contains("ada.lovelace") && !heard.contains(&field),
        "{heard}"
    );
    ensure!(heard.contains("x-github-delivery"), "{heard}");
    // It has no time, so that GitHub may send it again.
    assert_eq!(inbound.post("/github/events", &fields, &body)?.status, 200);
    inbound.end()
}
