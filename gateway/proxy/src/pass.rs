//! Passes: tokens of the gateway's own, for an agent to hold where its libraries want a key.
//!
//! A pass says no more than its bearer could show anyway. It is bound to the process that it was given to
//! and what that starts, so that it is nothing to anybody else; it may be narrowed to operations; it lives
//! for minutes, never longer than the token that it was got with; and it is revoked like any token. That
//! it was given is on record before it is.

use std::sync::Arc;

use admission::Admission;
use audit::{BodyRecord, CallerRecord, Opening, OperationRecord, Outcome, Trail, Written};
use bytes::Bytes;
use flows::Process;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use identity::{Bounds, Claims, FROM_MAX, GotWith, ONLY_BYTES_MAX, ONLY_MAX, StaticKey};
use jiff::{SignedDuration, Timestamp};
use policy::Effect;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout;
use vault::SigningKey;

use crate::{
    account::Account,
    body::Inbound,
    clock,
    exchange::{Peer, Worker, refuse},
    headers::{self, Shown},
    limits,
    notice::Notice,
    record::Who,
    refusal::Interruption,
    route,
};

/// Who issues passes, as `iss` has it.
pub const ISSUER: &str = "urn:tidegate:pass";
/// Whom they are for, as `aud` has it.
pub const AUDIENCE: &str = "urn:tidegate:gateway";
/// Where an agent asks for one (RFC 8615).
pub const PATH: &str = "/.well-known/tidegate/pass";
/// What records call the giving of one.
pub const OPERATION: (&str, &str) = ("tidegate", "pass.issue");

/// How long a pass lives if nobody says otherwise.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// And at most.
pub const LIFETIME_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The longest request for one, in bytes.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Makes passes.
#[derive(Debug)]
pub struct Passes {
    key: SigningKey,
}

/// What is asked for.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The services (`crm`) and operations (`crm/customer.read`) that it is for; all if there are none.
    #[serde(default)]
    pub only: Vec<Box<str>>,
    /// How long it lives, in seconds; [`LIFETIME`] if absent.
    pub lifetime_seconds: Option<i64>,
}

/// A pass.
#[derive(Debug, Deserialize, Serialize)]
pub struct Pass {
    /// What is shown for a token.
    pub token: String,
    /// What it is revoked by.
    pub id: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// To whom a pass is given.
pub struct Bearer<'a> {
    /// The agent's SPIFFE id.
    pub agent: &'a str,
    /// Its process.
    pub process: &'a Process,
    /// The token that it showed.
    pub shown: Option<&'a Claims>,
    /// The static key that it showed.
    pub key: Option<&'a StaticKey>,
    /// As records have it.
    pub record: Written<CallerRecord>,
}

impl Bearer<'_> {
    fn got_with(&self) -> GotWith {
        match (self.shown, self.key) {
            (Some(shown), _) => shown.got_with(),
            (None, Some(_)) => GotWith::Key,
            (None, None) => GotWith::Nothing,
        }
    }
}

/// Why a pass is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassFault {
    /// It would live for no time, or for too long.
    #[error("a pass lives for a second to a day")]
    Lifetime,
    /// There are too many names.
    #[error("a pass names at most {ONLY_MAX} services and operations")]
    TooMany,
    /// A name is none of a service or an operation.
    #[error("a pass names services and operations in up to {ONLY_BYTES_MAX} visible characters")]
    Name,
    /// It would be got with a pass that was got with a pass, and so on for too long.
    #[error("a pass is got with at most {FROM_MAX} others, one by the other")]
    Chained,
    /// It would be good for more than what was shown.
    #[error("a pass is good for no more than the token that is shown for it")]
    Wider,
    /// It cannot be signed.
    #[error("the pass could not be signed")]
    Unsigned,
    /// It cannot be put on record.
    #[error("that the pass is given could not be made durable")]
    Unrecorded,
}

#[derive(Serialize)]
struct Said<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: &'a str,
    sid: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<SaidTask<'a>>,
    tidegate: Bounds,
}

#[derive(Serialize)]
struct SaidTask<'a> {
    id: &'a str,
    purpose: &'a str,
    scope: &'a std::collections::BTreeMap<String, String>,
}

impl Passes {
    /// Passes that this key signs.
    pub fn new(key: SigningKey) -> Self {
        Self { key }
    }

    /// Gives one, once that is on record.
    pub async fn issue(
        &self,
        (trail, admission): (&Trail, &Admission),
        bearer: Bearer<'_>,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<Pass, PassFault> {
        let (pass, bounds) = self.make(&bearer, wanted, now)?;
        let unrecorded = |_| PassFault::Unrecorded;
        let opening = opening(&pass, &bounds, &bearer, admission, now);
        let receipt = trail.open(&opening).await.map_err(unrecorded)?;
        let mut outcome = Outcome {
            at: now,
            opening: receipt.index(),
            status: Some(StatusCode::OK.as_u16()),
            upstream_status: None,
            sent: false,
            result: "released".into(),
            reason: None,
            request: BodyRecord::default(),
            response: BodyRecord::default(),
            credential: None,
            model: None,
            mediation: None,
            duration_us: 0,
        };
        trail
            .close(receipt, &mut outcome)
            .await
            .map_err(unrecorded)?;
        Ok(pass)
    }

    fn make(
        &self,
        bearer: &Bearer<'_>,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<(Pass, Bounds), PassFault> {
        let asked = wanted.lifetime_seconds.map(SignedDuration::from_secs);
        let lifetime = asked.unwrap_or(LIFETIME);
        if lifetime < SignedDuration::from_secs(1) || lifetime > LIFETIME_MAX {
            return Err(PassFault::Lifetime);
        }
        if wanted.only.len() > ONLY_MAX {
            return Err(PassFault::TooMany);
        }
        let is_name = |name: &str| {
            name.len() <= ONLY_BYTES_MAX && name.bytes().all(|it| it.is_ascii_graphic())
        };
        if !wanted.only.iter().all(|name| is_name(name)) {
            return Err(PassFault::Name);
        }
        let bounds = bearer.shown.and_then(|shown| shown.bounds.as_ref());
        let only = match bounds {
            Some(bounds) => bounds.narrowed(wanted.only).ok_or(PassFault::Wider)?,
            None => wanted.only,
        };
        let bounds = Bounds {
            pid: bearer.process.pid,
            start_ns: bearer.process.start_ns,
            only: only.into(),
            from: lineage(bearer)?,
            delegation: bearer.shown.and_then(|shown| shown.delegation.clone()),
            got_with: bearer.got_with(),
        };
        let until = bearer.shown.map(|shown| shown.expires_at);
        let until = until.or(bearer.key.map(|key| key.expires_at));
        let expires_at = until.map_or(now + lifetime, |until| until.min(now + lifetime));
        let id = vault::random_id().map_err(|_| PassFault::Unsigned)?;
        let task = bearer.shown.and_then(|shown| shown.task.as_ref());
        // What joins calls into one session by what was shown joins them by the pass: by another name
        // nobody gets away from what was said of this one.
        let session = bearer
            .shown
            .and_then(|shown| shown.session.as_deref().or(shown.token_id.as_deref()));
        let token = self.key.token(&Said {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: bearer.agent,
            sid: session.unwrap_or_default(),
            jti: &id,
            iat: now.as_second(),
            exp: expires_at.as_second(),
            task: task.map(|task| SaidTask {
                id: &task.id,
                purpose: &task.purpose,
                scope: &task.scope,
            }),
            tidegate: bounds.clone(),
        });
        let token = token.map_err(|_| PassFault::Unsigned)?;
        let pass = Pass {
            token,
            id,
            expires_at,
        };
        Ok((pass, bounds))
    }
}

/// The tokens that a pass is got with, or the key, by what is shown for it.
fn lineage(bearer: &Bearer<'_>) -> Result<Arc<[Arc<str>]>, PassFault> {
    let before = bearer.shown.and_then(|shown| shown.bounds.as_ref());
    let before = before.into_iter().flat_map(|bounds| bounds.from.iter());
    let from: Arc<[_]> = before
        .chain(bearer.shown.and_then(|shown| shown.token_id.as_ref()))
        .chain(bearer.key.map(|key| &key.name))
        .cloned()
        .collect();
    (from.len() <= FROM_MAX)
        .then_some(from)
        .ok_or(PassFault::Chained)
}

/// What the record says of a pass that is given.
fn opening(
    pass: &Pass,
    bounds: &Bounds,
    bearer: &Bearer<'_>,
    admission: &Admission,
    now: Timestamp,
) -> Opening {
    let bound = [
        ("pass", pass.id.clone()),
        ("expires", pass.expires_at.to_string()),
        ("pid", bounds.pid.to_string()),
        ("only", bounds.only.join(" ")),
    ];
    // Ids of others may have spaces.
    let from = (!bounds.from.is_empty()).then(|| ("from", json!(bounds.from).to_string()));
    let bound = bound.into_iter().chain(from);
    let bound = bound.map(|(name, value)| (name.to_owned(), value));
    Opening {
        at: now,
        trace: Arc::from(""),
        caller: bearer.record.clone(),
        operation: OperationRecord {
            arguments: Arc::default(),
            service: OPERATION.0.into(),
            operation: OPERATION.1.into(),
            effect: "write".into(),
            method: Method::POST.as_str().to_owned(),
            route: PATH.into(),
            bound: Arc::new(bound.collect()),
            country: "ZZ".to_owned(),
        },
        policies: Vec::new(),
        policy: admission.policy_digest(),
        declared: Vec::new(),
        notices: Notice::names((bearer.got_with() == GotWith::Key).then_some(Notice::StaticKey)),
        upstream: None,
        retry_of: None,
    }
}

impl Worker {
    /// Whether a request asks the gateway itself for a pass.
    pub(crate) fn asks_for_pass(&self, peer: &Peer, request: &Request<Incoming>) -> bool {
        // What is meant for a service is not for the gateway.
        let host = || route::host(request.uri(), request.headers()).ok().flatten();
        request.uri().path() == PATH
            && !peer.is_for_service()
            && !host().is_some_and(|host| self.gateway.routes.has_host(host))
    }

    /// Gives a pass to whoever asks, as far as the kernel knows who that is.
    pub(crate) async fn give_pass(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Response<Inbound> {
        let method = request.method().clone();
        let mut who = Arc::default();
        match self.pass(&mut who, peer, request).await {
            Ok(pass) => {
                let body = serde_json::to_vec(&pass).unwrap_or_default();
                let mut response = Response::new(Inbound::full(Bytes::from(body)));
                let fields = response.headers_mut();
                let json = HeaderValue::from_static("application/json");
                fields.insert(header::CONTENT_TYPE, json);
                let no_store = HeaderValue::from_static("no-store");
                fields.insert(header::CACHE_CONTROL, no_store);
                response
            }
            Err(why) => {
                let trace = self.gateway.traces.begin(None, None);
                let gateway = Arc::clone(&self.gateway);
                let mut account = Account::new(gateway, trace, clock::now(), method, peer.port);
                account.who = who;
                refuse(account, why.into()).await
            }
        }
    }

    async fn pass(
        &self,
        who: &mut Arc<Who>,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> Result<Pass, Interruption> {
        let gateway = &self.gateway;
        let (parts, body) = request.into_parts();
        let token = headers::token_for_key(&parts.headers);
        let shown = token.as_deref().map_or(Shown::Nothing, Shown::Token);
        let identified = peer.identify(&gateway.identity, (shown, None), &parts);
        let (proven, proven_who) = identified.map_err(|unproven| {
            let known = peer.attribution.as_ref();
            *who = Arc::new(Who::unproven(known, peer.flow, &unproven));
            Interruption::unproven(&unproven)
        })?;
        *who = proven_who;
        let caller = proven.caller();
        let held = || gateway.revoked.borrow().of(caller).is_some();
        if held() {
            return Err(Interruption::revoked());
        }
        if let Some(watch) = &gateway.watch {
            watch.gate(caller, Effect::Write)?;
        }
        let refused = Interruption::pass_refused;
        if parts.method != Method::POST {
            return Err(refused("a pass is asked for by POST"));
        }
        let read = Limited::new(body, REQUEST_BYTES_MAX).collect();
        let Ok(Ok(text)) = timeout(limits::MESSAGE_DEADLINE, read).await else {
            return Err(Interruption::request_incomplete());
        };
        let text = text.to_bytes();
        let wanted = if text.is_empty() {
            Wanted::default()
        } else {
            let wanted = serde_json::from_slice(&text);
            wanted.map_err(|_| {
                refused("it reads `{\"only\": [\"crm\"], \"lifetime_seconds\": 600}`")
            })?
        };
        let unrecorded = |_| Interruption::audit_unavailable();
        let Some(attribution) = &caller.attribution else {
            return Err(refused("nobody knows the process that asks"));
        };
        let bearer = Bearer {
            agent: caller.agent.id.as_str(),
            process: &attribution.process,
            shown: caller.token.as_deref(),
            key: caller.key.as_deref(),
            record: who.sealed(&gateway.subjects).map_err(unrecorded)?,
        };
        // Its body may have taken a minute.
        if held() {
            return Err(Interruption::revoked());
        }
        let named = gateway.subjects.durable().await;
        named.map_err(unrecorded)?;
        let now = clock::timestamp(clock::now());
        let parts = (&gateway.trail, &gateway.admission);
        let issued = gateway.passes.issue(parts, bearer, wanted, now).await;
        issued.map_err(|fault| match fault {
            PassFault::Unrecorded => Interruption::audit_unavailable(),
            fault => refused(&fault.to_string()),
        })
    }
}

#[cfg(test)]
mod tests;
