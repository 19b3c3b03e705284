//! Questions of another proxy: may a request go on that *it* serves? Envoy's `ext_authz`, over gRPC and HTTP.
//!
//! The one that asks is attested by the kernel like any caller, and must be the one that the configuration
//! names. On whose behalf it asks is its word (the two ends of a connection that it accepted), and whose
//! that connection is, the kernel's again. Identity, routes, policy, budgets and record are those of an
//! exchange of our own. What is not: the body goes on as it came, so that whatever a rule would have taken
//! out refuses the request; and nobody sees the answer, which the record says (`answer_unseen`).

mod grpc;
mod http;

use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, Method, Request, Response, header, request::Parts};
use admission::Permit;
use bytes::Bytes;
use flows::Flow;
use http_body_util::{BodyExt as _, Collected};
use hyper::body::Incoming;
use identity::{Cause, Selector, Unproven};
use tonic::body::Body;

use crate::{
    account::{Account, End},
    body::{Inbound, Source},
    clock,
    exchange::{Peer, Unadmitted, Worker, interrupt, refuse},
    fields,
    gateway::Uninspected,
    headers,
    media::{self, Media},
    record::Who,
    refusal::Interruption,
    request, response,
    route::Way,
    spending::Spending,
};

/// The gap in the record of an answer that goes another way.
const ANSWER_UNSEEN: &str = "answer_unseen";
/// The gap in the record of a body that was not shown, or not all of it.
const BODY_UNSEEN: &str = "body_unseen";
/// Says whether the body that is shown is a part of it.
const PARTIAL: HeaderName = HeaderName::from_static("x-envoy-auth-partial-body");

/// How questions are asked. By its form alone a request that an agent made could pass for the other kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `envoy.service.auth.v3.Authorization`.
    Grpc,
    /// The request's own head, and the first of its body.
    Http,
}

/// Who may ask, and about what.
#[derive(Debug, PartialEq, Eq)]
pub struct Asks {
    /// How.
    pub protocol: Protocol,
    /// What its process must look like; all of it.
    pub selectors: Vec<Selector>,
    /// The services whose requests it serves. Their answers are not seen here.
    pub services: Vec<Arc<str>>,
}

impl Asks {
    /// Whether this is who may ask.
    fn is_from(&self, peer: &Peer) -> bool {
        let process = peer.attribution.as_ref().map(|known| &known.process);
        process.is_some_and(|process| {
            let mut selectors = self.selectors.iter();
            // Who asks is no agent, so no selector holds by being one.
            !self.selectors.is_empty() && selectors.all(|it| it.matches(process, ""))
        })
    }
}

/// A request that somebody else serves.
pub(crate) struct Question {
    /// Whose request it is, as the one that asks has it: both ends of the agent's connection.
    pub(crate) ends: Option<Flow>,
    pub(crate) secure: bool,
    /// The certificate that the agent showed, DER.
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) parts: Parts,
    /// All of its body; none if that was not shown.
    pub(crate) body: Option<Bytes>,
}

/// What the one that asks is told.
pub(crate) enum Judgement {
    /// It may go on.
    Allowed(Onward),
    /// It may not; this is what the agent gets.
    Refused(Response<Bytes>),
}

/// How a request goes on.
pub(crate) struct Onward {
    /// Fields that the service gets.
    pub(crate) set: HeaderMap,
    /// Fields that it does not.
    pub(crate) removed: Vec<HeaderName>,
    /// Fields that the agent gets with the answer.
    pub(crate) answered: HeaderMap,
}

/// Answers one question, in the protocol in which it was asked.
pub(crate) async fn serve(
    worker: Arc<Worker>,
    peer: Arc<Peer>,
    asks: Arc<Asks>,
    request: Request<Incoming>,
) -> Response<Body> {
    match asks.protocol {
        Protocol::Grpc => grpc::serve(worker, peer, asks, request).await,
        Protocol::Http => http::serve(&worker, &peer, &asks, request).await,
    }
}

/// Whether a request may go on.
async fn judge(worker: &Worker, asker: &Peer, asks: &Asks, question: Question) -> Judgement {
    let judged = match decide(worker, asker, asks, question).await {
        Ok(onward) => return Judgement::Allowed(onward),
        Err(response) => response,
    };
    let (parts, body) = judged.into_parts();
    // A refusal is whole, and small.
    let body = body.collect().await.map(Collected::to_bytes);
    Judgement::Refused(Response::from_parts(parts, body.unwrap_or_default()))
}

async fn decide(
    worker: &Worker,
    asker: &Peer,
    asks: &Asks,
    question: Question,
) -> Result<Onward, Response<Inbound>> {
    let gateway = &worker.gateway;
    let Question { parts, body, .. } = &question;
    let began = clock::now();
    let trace = headers::trace(&gateway.traces, &parts.headers);
    let method = parts.method.clone();
    let port = question.ends.map(|ends| ends.peer.port());
    let mut account = Account::new(Arc::clone(gateway), trace, began, method, port);
    if !asks.is_from(asker) {
        account.who = Arc::new(stranger(asker));
        return Err(refuse(account, Interruption::asker_unknown().into()).await);
    }
    let peer = question.peer(worker);
    let mut source = Source::Whole(body.clone());
    let admitted = worker.admit(&mut account, &peer, parts, &mut source).await;
    let admitted = admitted.and_then(|(permit, way)| {
        let is_served = asks.services.contains(&way.service.name);
        let why = || Unadmitted::from(Interruption::not_served_there());
        is_served.then_some((permit, way)).ok_or_else(why)
    });
    let (permit, way) = match admitted {
        Ok(admitted) => admitted,
        Err(refused) => return Err(refuse(account, refused).await),
    };
    let now = clock::timestamp(began);
    match Spending::open(gateway, &permit, Some(&way), now).await {
        Ok(spending) => account.spending = spending,
        Err(over) => {
            return Err(refuse(account, Interruption::over_budget(&over).into()).await);
        }
    }
    let held = hold(worker, &mut account, &permit, way, question).await;
    let mut onward = match held {
        Ok(onward) => onward,
        Err(why) => return Err(interrupt(account, why).await),
    };
    // Durable before the one that asks hears of it.
    if let Err(why) = account.conclude(End::Delegated, None).await {
        return Err(interrupt(account, why).await);
    }
    response::stamp(&mut onward.answered, &account);
    Ok(onward)
}

/// Holds an admitted request to everything that this gateway would do to it, and cannot do there.
async fn hold(
    worker: &Worker,
    account: &mut Account,
    permit: &Permit,
    mut way: Way,
    question: Question,
) -> Result<Onward, Interruption> {
    let gateway = &worker.gateway;
    account.open(permit).await?;
    account.response.gaps.push(ANSWER_UNSEEN.to_owned());
    if way.answers.demands(permit) {
        return Err(Interruption::unmet("its answers are narrowed"));
    }
    let Question { parts, body, .. } = question;
    let shown = parts.headers.clone();
    let mut fields = parts.headers;
    headers::towards_upstream(&mut fields, permit.caller().token.is_some());
    let (before, target) = (fields.clone(), way.target.clone());
    fields::request(gateway, permit, account, &mut fields, &mut way)?;
    if fields != before || way.target != target {
        return Err(Interruption::unmet("a field of it would have been edited"));
    }
    match body {
        Some(body) if body.is_empty() => {}
        Some(body) => screen(worker, account, permit, &way, &shown, body).await?,
        None => {
            account.request.gaps.push(BODY_UNSEEN.to_owned());
            if gateway.uninspected == Uninspected::Refuse {
                return Err(Interruption::request_uninspected(BODY_UNSEEN));
            }
        }
    }
    let is_gone = |name: &&HeaderName| !fields.contains_key(*name) && !headers::is_hop(name);
    let mut set = HeaderMap::new();
    if let Some(value) = account.traceparent() {
        set.insert(headers::TRACEPARENT, value);
    }
    Ok(Onward {
        set,
        removed: shown.keys().filter(is_gone).cloned().collect(),
        answered: HeaderMap::new(),
    })
}

/// Judges a body that goes on as it came.
async fn screen(
    worker: &Worker,
    account: &mut Account,
    permit: &Permit,
    way: &Way,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<(), Interruption> {
    let media = match media::of(headers, false) {
        Media::Empty => return Ok(()),
        media => way.messages(media, headers, policy::Towards::Service),
    };
    let source = Source::Whole(Some(body.clone()));
    let judged = request::screen(&worker.gateway, permit, way, account, media, source).await?;
    let sent = judged.body.collect().await;
    if let Some(broken) = account.screening.as_ref().and_then(|it| it.broken()) {
        return Err(broken);
    }
    let is_same = !judged.decoded && sent.is_ok_and(|sent| sent.to_bytes() == body);
    if is_same {
        Ok(())
    } else {
        Err(Interruption::unmet("its body would have been edited"))
    }
}

impl Question {
    /// Whoever made the request.
    fn peer(&self, worker: &Worker) -> Peer {
        let owned = self
            .ends
            .and_then(|ends| worker.gateway.flows.between(ends));
        let port = self.ends.map(|ends| ends.peer.port());
        Peer::new(owned, port, false).shown_elsewhere(self.secure, self.certificate.as_deref())
    }

    /// The body, if all of it was shown. Envoy says whether it is a part only of one that it shows, and of
    /// one that it does not show nothing at all.
    fn body(headers: &HeaderMap, method: &Method, shown: Bytes) -> Option<Bytes> {
        let declared = headers::content_length(headers);
        let is_whole = if shown.is_empty() {
            // What GET and the like send along means nothing (RFC 9110 section 9.3).
            let is_bare = matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
                && !headers.contains_key(header::TRANSFER_ENCODING);
            declared.map_or(is_bare, |bytes| bytes == 0)
        } else {
            headers.get(&PARTIAL).is_none_or(|part| part == "false")
                && declared.is_none_or(|bytes| bytes == shown.len() as u64)
        };
        is_whole.then_some(shown)
    }

    /// Takes out what was said for us alone.
    fn strip(headers: &mut HeaderMap) {
        let ours: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with("x-envoy-"))
            .cloned()
            .collect();
        for name in ours {
            headers.remove(name);
        }
    }
}

/// Who asks without being let, for the record.
fn stranger(asker: &Peer) -> Who {
    let known = asker.attribution.as_ref();
    let unproven = Unproven {
        cause: Cause::WorkloadUnregistered,
        attribution: known.cloned(),
        agent: None,
        token: None,
    };
    Who::unproven(known, asker.flow, &unproven)
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    fn seen(method: &Method, fields: &[(HeaderName, &'static str)], shown: &'static str) -> bool {
        let fields = fields.iter().cloned();
        let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Question::body(&fields.collect(), method, shown.into()).is_some()
    }

    #[test]
    fn a_body_is_seen_only_whole() {
        let part = |is: &'static str| (PARTIAL, is);
        let declared = |bytes: &'static str| (header::CONTENT_LENGTH, bytes);
        assert!(seen(&Method::POST, &[part("false")], "{}"));
        assert!(seen(&Method::POST, &[part("false"), declared("2")], "{}"));
        assert!(!seen(&Method::POST, &[part("true")], "{}"));
        assert!(!seen(&Method::POST, &[part("false"), declared("3")], "{}"));
        // What an agent says of a body that is not shown is nothing to go by.
        assert!(!seen(&Method::POST, &[part("false")], ""));
        assert!(!seen(&Method::POST, &[], ""));
        assert!(seen(&Method::POST, &[declared("0")], ""));
        assert!(seen(&Method::GET, &[], ""));
        assert!(!seen(&Method::GET, &[declared("2")], ""));
        let chunked = (header::TRANSFER_ENCODING, "chunked");
        assert!(!seen(&Method::GET, &[chunked], ""));
    }
}
