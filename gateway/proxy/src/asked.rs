//! Questions of another proxy: may a request go on that *it* serves? Envoy's `ext_authz`, over gRPC and HTTP.
//!
//! The one that asks is attested by the kernel like any caller, and must be the one that the configuration
//! names. On whose behalf it asks is its word (the two ends of a connection that it accepted), and whose
//! that connection is, the kernel's again. Identity, routes, policy, budgets and record are those of an
//! exchange of our own. What is not: the body goes on as it came, so that whatever a rule would have taken
//! out refuses the request; and nobody sees the answer, which the record says (`answer_unseen`).

mod grpc;
mod http;

use std::sync::{Arc, OnceLock};

use ::http::{HeaderMap, HeaderName, Request, Response, header, request::Parts};
use admission::{Permit, budget::ModelUse};
use bytes::Bytes;
use flows::Flow;
use http_body_util::{BodyExt as _, Collected};
use hyper::body::Incoming;
use identity::{Cause, Selector, Unproven};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
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
    route::{Unroutable, Way},
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
    /// Whether it shows the bodies of requests: then one that is not shown is not there.
    pub shows_bodies: bool,
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
    if !asks.is_from(asker) || !is_here(asker) {
        account.who = Arc::new(stranger(asker));
        return Err(refuse(account, Interruption::asker_unknown().into()).await);
    }
    if Question::is_ambiguous(parts) {
        let why = Interruption::unroutable(Unroutable::Ambiguous);
        return Err(refuse(account, why.into()).await);
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
    match Spending::open(gateway, &permit, Some(&way), (ModelUse::default(), now)).await {
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
    if let Some(spending) = &mut account.spending
        && !spending.spend_unseen(gateway, permit).await?
    {
        return Err(Interruption::unmet("a budget counts what its answers show"));
    }
    if question.parts.headers.contains_key(header::UPGRADE) {
        return Err(Interruption::unmet("it asks for another protocol"));
    }
    let Question { parts, body, .. } = question;
    let shown = parts.headers.clone();
    let mut fields = parts.headers;
    headers::towards_upstream(&mut fields, permit.caller().showed());
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
    let mut set = HeaderMap::new();
    if let Some(value) = account.traceparent() {
        set.insert(headers::TRACEPARENT, value);
    }
    Ok(Onward {
        set,
        removed: headers::removed(&shown, &fields),
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

    /// The body, if all of it was shown. Of one that it shows Envoy says whether it is a part only; of one
    /// that it does not show, nothing, so that only who `always` shows bodies shows that there is none.
    fn body(headers: &HeaderMap, always: bool, shown: Bytes) -> Option<Bytes> {
        let declared = headers::content_length(headers);
        let is_whole = if shown.is_empty() {
            let is_chunked = headers.contains_key(header::TRANSFER_ENCODING);
            declared.map_or(always && !is_chunked, |bytes| bytes == 0)
        } else {
            headers.get(&PARTIAL).is_some_and(|part| part == "false")
                && declared.is_none_or(|bytes| bytes == shown.len() as u64)
        };
        is_whole.then_some(shown)
    }

    /// Whether the head can be read in more than one way, by Envoy and whoever is behind it: fields that came
    /// twice and were joined, and characters of the path that need no encoding and have one.
    fn is_ambiguous(parts: &Parts) -> bool {
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let is_joined = kind.is_some_and(|kind| kind.as_bytes().contains(&b','));
        let path = parts.uri.path();
        let plain: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
        let coded = percent_encoding::percent_encode(&plain, &NEEDS_CODING).to_string();
        is_joined || path.contains('%') && !path.eq_ignore_ascii_case(&coded)
    }
}

/// What a path cannot hold as it is (RFC 3986, 2.3 and 3.3), so that its encoding is the only one.
const NEEDS_CODING: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// Whether a process is in the network namespace of the gateway, where the ends of a connection that it
/// names mean what they mean here. Where that is not known, it came by a listener that is.
fn is_here(asker: &Peer) -> bool {
    static OWN: OnceLock<Option<u64>> = OnceLock::new();
    let own = OWN.get_or_init(flows::own_netns);
    let process = asker.attribution.as_ref().map(|known| &known.process);
    process.is_some_and(|process| process.netns == 0 || own.is_none_or(|own| own == process.netns))
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

    fn seen(always: bool, fields: &[(HeaderName, &'static str)], shown: &'static str) -> bool {
        let fields = fields.iter().cloned();
        let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Question::body(&fields.collect(), always, shown.into()).is_some()
    }

    #[test]
    fn a_body_is_seen_only_whole() {
        let part = |is: &'static str| (PARTIAL, is);
        let declared = |bytes: &'static str| (header::CONTENT_LENGTH, bytes);
        assert!(seen(true, &[part("false")], "{}"));
        assert!(seen(true, &[part("false"), declared("2")], "{}"));
        assert!(!seen(true, &[part("true")], "{}"));
        assert!(!seen(true, &[], "{}"));
        assert!(!seen(true, &[part("false"), declared("3")], "{}"));
        assert!(seen(true, &[], ""));
        assert!(!seen(true, &[declared("2")], ""));
        assert!(!seen(true, &[(header::TRANSFER_ENCODING, "chunked")], ""));
        // Who shows no bodies says nothing of them, and what an agent says is nothing to go by.
        assert!(!seen(false, &[], ""));
        assert!(!seen(false, &[part("false")], ""));
        assert!(seen(false, &[declared("0")], ""));
    }

    #[test]
    fn a_head_that_servers_read_in_several_ways_is_refused() {
        let ambiguous = |path: &str, kind: &str| {
            let request = Request::get(path).header(header::CONTENT_TYPE, kind);
            Question::is_ambiguous(&request.body(()).unwrap().into_parts().0)
        };
        let json = "application/json";
        for path in ["/a/b", "/a%20b", "/a?x=%61", "/%C3%A9", "/%c3%a9", "/a:b@c"] {
            assert!(!ambiguous(path, json), "{path}");
        }
        for path in ["/%61dmin", "/a%2Eb", "/a%2Fb", "/%3A"] {
            assert!(ambiguous(path, json), "{path}");
        }
        assert!(ambiguous("/a", "application/json,text/csv"));
    }
}
