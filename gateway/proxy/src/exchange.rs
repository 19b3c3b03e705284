//! The life of one exchange, top to bottom: identify, route, admit, record the intent, screen the
//! request, send it, release the answer. What must happen first returns what the next step takes.

use std::sync::{Arc, Mutex, PoisonError};

use admission::Permit;
use flows::{Attribution, FlowId, Owned};
use http::{
    Extensions, HeaderValue, Method, Request, Response, Uri, Version, header, request::Parts,
};
use hyper::body::{Body as _, Incoming};
use identity::{Identity, Proven};
use policy::Towards;
use telemetry::names;

use crate::{
    account::{Account, Call, End},
    body::{Inbound, Outbound},
    clock, fields,
    gateway::Gateway,
    headers,
    media::{self, Media},
    record::Who,
    refusal::{About, Interruption},
    request,
    request::Judged,
    response,
    route::{Unroutable, Way},
    upstream::Upstream,
};

/// One worker's way through the gateway.
pub(crate) struct Worker {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) upstream: Upstream,
}

/// Who is at the other end of a connection, asked once and kept for its life.
pub(crate) struct Peer {
    pub(crate) attribution: Option<Arc<Attribution>>,
    pub(crate) port: Option<u16>,
    pub(crate) flow: Option<FlowId>,
    /// Whether it was led here, and spoke to somebody else as it thought.
    pub(crate) led: bool,
    /// Who called last, which on most connections is who calls next.
    proven: Mutex<Option<(Arc<Proven>, Arc<Who>)>>,
}

impl Peer {
    pub(crate) fn new(owned: Option<Owned>, port: Option<u16>, led: bool) -> Self {
        Self {
            flow: owned.as_ref().and_then(|owned| owned.flow),
            attribution: owned.map(|owned| owned.attribution),
            port,
            led,
            proven: Mutex::default(),
        }
    }

    /// Who calls now with `token`.
    pub(crate) fn identify(
        &self,
        identity: &Identity,
        token: Option<&str>,
    ) -> Result<(Arc<Proven>, Arc<Who>), identity::Unproven> {
        let now = clock::timestamp(clock::now());
        let mut last = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        let again = last.as_ref().filter(|(proven, _)| proven.holds(token, now));
        if let Some(again) = again {
            return Ok(again.clone());
        }
        let proven = identity.identify(self.attribution.as_ref(), token, now)?;
        let who = Arc::new(Who::proven(proven.caller(), self.flow));
        Ok(last.insert((Arc::new(proven), who)).clone())
    }
}

/// A refusal before admission, with the policies that made it.
struct Unadmitted {
    why: Box<Interruption>,
    policies: Vec<Arc<policy::PolicyRef>>,
}

impl From<Interruption> for Unadmitted {
    fn from(why: Interruption) -> Self {
        Self {
            why: Box::new(why),
            policies: Vec::new(),
        }
    }
}

impl Worker {
    /// Serves one request of a connection whose owner is known; never fails, always on record.
    pub(crate) async fn serve(&self, peer: &Peer, request: Request<Incoming>) -> Response<Inbound> {
        let began = clock::now();
        let text = |name| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let trace = self
            .gateway
            .traces
            .begin(text(&headers::TRACEPARENT), text(&headers::TRACESTATE));
        let mut account = Account::new(
            Arc::clone(&self.gateway),
            trace,
            began,
            request.method().clone(),
            peer.port,
        );
        let (permit, way) = match self.admit(&mut account, peer, &request) {
            Ok(admitted) => admitted,
            Err(refused) => return refuse(account, refused).await,
        };
        match self.exchange(account, permit, way, request).await {
            Ok(response) => response,
            Err((account, why)) => interrupt(account, why).await,
        }
    }

    /// Who calls, what for, and whether that may be.
    fn admit(
        &self,
        account: &mut Account,
        peer: &Peer,
        request: &Request<Incoming>,
    ) -> Result<(Permit, Way), Unadmitted> {
        let gateway = &self.gateway;
        let token = headers::token(request.headers());
        let (proven, who) = peer
            .identify(&gateway.identity, token)
            .map_err(|unproven| {
                let known = peer.attribution.as_ref();
                account.who = Arc::new(Who::unproven(known, peer.flow, &unproven));
                Interruption::unproven(&unproven)
            })?;
        account.who = who;
        account.mark(names::AUTHENTICATED);
        if request.method() == Method::CONNECT {
            return Err(Interruption::tunnel_refused().into());
        }
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        if hosts.next().is_some() {
            // Two names, two readings (RFC 9112 section 3.2).
            return Err(Interruption::unroutable(Unroutable::Ambiguous).into());
        }
        let resolved = gateway
            .routes
            .resolve(request.method(), request.uri(), host, peer.led);
        let (operation, way) = resolved.map_err(Interruption::unroutable)?;
        account.resolved(&operation, way.route());
        let permit = gateway
            .admission
            .admit(proven.caller().clone(), operation)
            .map_err(|refused| {
                let policies = refused.decision.policies.clone();
                Unadmitted {
                    why: Box::new(Interruption::not_permitted(&refused)),
                    policies,
                }
            })?;
        account.mark(names::ADMITTED);
        Ok((permit, way))
    }

    /// What happens to an admitted request.
    async fn exchange(
        &self,
        mut account: Box<Account>,
        permit: Permit,
        mut way: Way,
        request: Request<Incoming>,
    ) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
        if let Err(why) = account.open(&permit).await {
            return Err((account, why));
        }
        // The intent is durable here. A crash from now on leaves an open record, which `verify`
        // reports as "admitted, outcome unknown" (45 CFR 164.312(b)).
        let (mut parts, incoming) = request.into_parts();
        headers::towards_upstream(&mut parts.headers);
        let (fields, target) = (&mut parts.headers, &mut way.target);
        if let Err(why) = fields::request(&self.gateway, &permit, &mut account, fields, target) {
            return Err((account, why));
        }
        let media = media::of(&parts.headers, incoming.is_end_stream());
        let judged = if media == Media::Empty {
            Ok(Judged::nothing())
        } else {
            let gateway = &self.gateway;
            let media = way.messages(media, &parts.headers, Towards::Service);
            // Its future is large, and hyper moves ours: most requests never need it.
            let screened = request::screen(gateway, &permit, &way, &mut account, media, incoming);
            Box::pin(screened).await
        };
        let judged = match judged {
            Ok(judged) => judged,
            Err(why) => return Err((account, why)),
        };
        account.mark(names::REQUEST_SCREENED);
        let request = match present(&account, &way, parts, judged) {
            Ok(request) => request,
            Err(why) => return Err((account, why)),
        };
        let answer = match self.send(&mut account, &way, request).await {
            Ok(answer) => answer,
            Err(why) => return Err((account, why)),
        };
        Box::pin(response::release(
            &self.gateway,
            &permit,
            &way,
            account,
            answer,
        ))
        .await
    }

    async fn send(
        &self,
        account: &mut Account,
        way: &Way,
        request: Request<Outbound>,
    ) -> Result<Response<Incoming>, Interruption> {
        let start = clock::now();
        let screening = account.screening.clone();
        let sent = async {
            if let Some(screening) = &screening {
                screening.ended().await;
            }
        };
        let answer = self.upstream.send(request, sent).await;
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        account.upstream = Some(Call {
            service: Arc::clone(&way.service),
            start,
            end: clock::now(),
            status,
        });
        account.mark(names::UPSTREAM_HEAD);
        // A send that failed because the agent's body was refused or broke off is not the
        // upstream's fault.
        let own = || screening.and_then(|screening| screening.broken());
        answer.map_err(|why| own().unwrap_or(why))
    }
}

/// Writes the request that the upstream gets.
fn present(
    account: &Account,
    way: &Way,
    mut parts: Parts,
    judged: Judged,
) -> Result<Request<Outbound>, Interruption> {
    if judged.decoded {
        // What was decoded to be judged is sent on decoded.
        parts.headers.remove(header::CONTENT_ENCODING);
    }
    if judged.changed {
        headers::body_changed(&mut parts.headers);
    }
    // Whatever hyper noted beside the fields stays here.
    parts.extensions = Extensions::new();
    if let Some(trace) = account.trace() {
        if let Ok(value) = HeaderValue::try_from(trace.upstream_traceparent()) {
            parts.headers.insert(headers::TRACEPARENT, value);
        }
        if trace.tracestate().is_none() {
            parts.headers.remove(&headers::TRACESTATE);
        }
    }
    let service = &way.service.upstream;
    let uri = Uri::builder()
        .scheme(service.scheme_str().unwrap_or("http"))
        .authority(service.authority().map_or("", http::uri::Authority::as_str))
        .path_and_query(way.target.as_str())
        .build();
    parts.uri = uri.map_err(|_| Interruption::unroutable(Unroutable::Ambiguous))?;
    parts.version = Version::HTTP_11;
    Ok(Request::from_parts(parts, judged.body))
}

/// Answers a request that was never admitted.
async fn refuse(mut account: Box<Account>, refused: Unadmitted) -> Response<Inbound> {
    let why = match account.refuse(&refused.why, &refused.policies).await {
        Ok(()) => *refused.why,
        Err(unavailable) => unavailable,
    };
    answer(&account, &why)
}

/// Answers an admitted request that goes no further.
async fn interrupt(mut account: Box<Account>, why: Interruption) -> Response<Inbound> {
    account.status = Some(why.status);
    let end = if why.is_of_upstream() {
        End::UpstreamFailed
    } else {
        End::Refused
    };
    let why = match account.conclude(end, Some(&why)).await {
        Ok(()) => why,
        Err(unavailable) => unavailable,
    };
    answer(&account, &why)
}

fn answer(account: &Account, why: &Interruption) -> Response<Inbound> {
    tracing::debug!(
        reason = why.reason,
        status = why.status.as_u16(),
        record = account.record(),
        "request refused"
    );
    let trace = account.trace_id();
    let response = why.response(About {
        record: account.record(),
        trace,
    });
    let mut response = response.map(Inbound::full);
    response::stamp(response.headers_mut(), account);
    response
}
