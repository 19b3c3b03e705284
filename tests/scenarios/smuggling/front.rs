//! A gateway that is attacked, before a service that notes every byte that is not as it must be.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tests::{
    client::Client,
    gateway::Gateway,
    peers::{
        Peer,
        wiretap::{Taken, Wiretap},
    },
    records,
    setup::{Service, Setup},
};

use super::wire::Way;
use crate::world::{HERE, path_selector, verified};

/// The service's host, which nobody can look up.
pub(super) const HOST: &str = "shop.example";

/// Everything at the service, and no tunnel.
pub(super) const POLICY: &str = r#"
@id("agents-may-call-the-shop")
permit (principal, action == Action::"call", resource in Api::"shop");

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

/// What an attack must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Expect {
    /// Nothing of it reaches the service.
    Refused,
    /// The service gets one request.
    Once,
}

/// A table of attacks.
pub(super) fn table<R: DeserializeOwned>(yaml: &str) -> Result<Vec<R>> {
    serde_saphyr::from_str(yaml).context("a table of attacks")
}

/// That every row came to what it must: all that did not are told at once.
pub(super) fn all_well(rows: impl Iterator<Item = Result<()>>) -> Result<()> {
    let faults = rows.filter_map(Result::err);
    let faults: Vec<String> = faults.map(|fault| format!("{fault:#}")).collect();
    ensure!(
        faults.is_empty(),
        "{} rows:\n{}",
        faults.len(),
        faults.join("\n")
    );
    Ok(())
}

/// Lets each row loose on a gateway, on each way, with an id of its own.
pub(super) fn attack<R>(
    ways: &[Way],
    rows: &[R],
    name: impl Fn(&R) -> &str,
    one: impl Fn(&Front, Way, &R, &str) -> Result<()>,
) -> Result<()> {
    let front = Front::new()?;
    for way in ways {
        all_well(rows.iter().enumerate().map(|(number, row)| {
            let id = format!("{number}-{way:?}");
            one(&front, *way, row, &id).with_context(|| format!("{way:?}: {}", name(row)))
        }))?;
    }
    front.finish()
}

/// What is attacked.
pub(super) struct Front {
    pub(super) gateway: Gateway,
    pub(super) tap: Wiretap,
    pub(super) authority: String,
    _peer: Peer,
}

impl Front {
    /// Before a service that answers everything.
    pub(super) fn new() -> Result<Self> {
        Self::before(HashMap::new(), |setup| setup)
    }

    /// Before a service that answers these paths with these bytes.
    pub(super) fn before(
        answers: HashMap<String, Vec<u8>>,
        shape: impl FnOnce(Setup) -> Setup,
    ) -> Result<Self> {
        let tap = Wiretap::answering(answers);
        let peer = tap.serve()?;
        let here = path_selector(&std::env::current_exe()?.canonicalize()?);
        let service = Service::hosted("shop", HOST, &peer.url(), "DE")
            .operation("thing.read", "GET", "/things/{thing}")
            .operation("thing.make", "POST", "/things/{thing}");
        let listen =
            json!([{ "address": "127.0.0.1:0" }, { "address": "127.0.0.1:0", "forward": true }]);
        let setup = Setup::new()
            .set("listen", listen)
            .agent(HERE, &[here], "optional")
            .service(service)
            .policy(POLICY);
        let gateway = Gateway::start(&shape(setup))?;
        let shown = gateway.cli(&["ca", "show", "--data", "data", "-o", "json"])?;
        let shown: Value = serde_json::from_slice(&shown.stdout)?;
        let authority = shown.get("certificate").and_then(Value::as_str);
        Ok(Self {
            authority: authority.context("a certificate")?.to_owned(),
            gateway,
            tap,
            _peer: peer,
        })
    }

    /// That somebody else, on another connection, gets the answer to what they ask for.
    pub(super) fn serves(&self, thing: &str) -> Result<()> {
        let path = format!("/things/{thing}");
        let url = self.gateway.url(&path)?;
        // Never one that was kept: the gateway may be about to close it, for idling.
        let reply = Client::plain()?.get(&url, &[("host", HOST)])?;
        let told = reply.json()?;
        let asked = told.get("asked").and_then(Value::as_str);
        ensure!(
            reply.status == 200 && asked == Some(path.as_str()),
            "{path}: {} {told}",
            reply.status
        );
        Ok(())
    }

    /// The requests that the service got for this path, after nothing came that is none.
    pub(super) fn got(&self, path: &str) -> Result<Vec<Taken>> {
        let malformed = self.tap.malformed();
        ensure!(malformed.is_empty(), "the service got {malformed:?}");
        let mut taken = self.tap.taken();
        let stray = taken
            .iter()
            .find(|taken| !taken.target.starts_with("/things/"));
        ensure!(stray.is_none(), "the service got {stray:?}");
        taken.retain(|taken| taken.target == path);
        for taken in &taken {
            // What the gateway says for itself.
            let own = [("connection", "close")];
            let odd = taken.fields.iter().find(|(name, value)| {
                is_odd(name) && !own.contains(&(name.as_str(), value.as_str()))
            });
            ensure!(odd.is_none(), "the service got {odd:?}");
            ensure!(taken.trailers.is_empty(), "{:?}", taken.trailers);
        }
        Ok(taken)
    }

    /// That the log tells of as many requests that were sent as the service got, and is whole.
    pub(super) fn finish(self) -> Result<()> {
        let (sent, taken) = self.counted()?;
        ensure!(
            sent == taken,
            "{sent} were sent as the log has it, {taken} came"
        );
        Ok(())
    }

    /// The same where agents hang up: of a request that was being sent then, the log says that it was.
    pub(super) fn finish_given_up(self) -> Result<()> {
        let (sent, taken) = self.counted()?;
        ensure!(
            sent >= taken,
            "{sent} were sent as the log has it, {taken} came"
        );
        Ok(())
    }

    fn counted(mut self) -> Result<(usize, usize)> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        let records = records::list(&self.gateway)?;
        let closed = records.iter().filter(|it| it.kind() == "close");
        let sent = closed.filter(|it| it.find("sent") == Some(&Value::Bool(true)));
        verified(&self.gateway)?;
        Ok((sent.count(), self.tap.taken().len()))
    }
}

/// What no server may see of an attack: fields that it may take for others, in any spelling that CGI makes
/// one name of (RFC 3875 section 4.1.18).
fn is_odd(name: &str) -> bool {
    let plain: String = name
        .chars()
        .map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
            _ => '-',
        })
        .collect();
    let is_framing = ["content-length", "transfer-encoding", "host"].contains(&plain.as_str());
    let folded = is_framing && !name.eq_ignore_ascii_case(&plain);
    let forbidden = [
        "connection",
        "upgrade",
        "http2-settings",
        "expect",
        "te",
        "trailer",
        "proxy",
        "forwarded",
        "x-real-ip",
        "authorization",
    ];
    let prefixes = [
        "tidegate-",
        "x-forwarded-",
        "x-http-method",
        "x-original-",
        "x-rewrite-",
    ];
    folded
        || forbidden.contains(&plain.as_str())
        || prefixes.iter().any(|prefix| plain.starts_with(prefix))
}
