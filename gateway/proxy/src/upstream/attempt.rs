//! One attempt to have a call answered: from the intent on record to the head of an answer.

use std::sync::Arc;

use admission::Permit;
use http::{
    Extensions, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
    request::Parts, uri,
};
use http_body::Body as _;
use hyper::body::Incoming;
use policy::Towards;
use telemetry::names;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::failover::{self, Answered};
use crate::{
    accept::Accepted,
    account::{Account, Call},
    body::{Outbound, Source},
    clock, credential,
    exchange::Worker,
    fields, headers,
    leash::leash,
    mcp::asked,
    media::{self, Media},
    refusal::Interruption,
    request::{self, Judged},
    route::{Unroutable, Way},
    websocket::handshake::Handshake,
};

impl Worker {
    /// Asks one upstream, from the intent on record to the head of the answer.
    pub(crate) async fn attempt(
        &self,
        account: &mut Account,
        permit: &Permit,
        way: &mut Way,
        mut parts: Parts,
        body: Source,
    ) -> Result<Answered, Interruption> {
        account.tries(&way.destination);
        account.open(permit).await?;
        account.asked = asked::note(&self.gateway, permit, way, account);
        // The intent is durable here. A crash from now on leaves an open record, which `verify`
        // reports as "admitted, outcome unknown" (45 CFR 164.312(b)).
        if let (Some(rule), Some(_)) = (permit.mediation(), &way.websocket) {
            // Nobody stands between in a conversation.
            let why = mediator::Unmediated::NoTemplate;
            return Err(Interruption::unmediated(why, &rule.id));
        }
        if permit.mediation().is_some() || account.mediation.is_some() {
            Box::pin(self.mediate(account, (permit, way, &mut parts, &body))).await?;
        }
        let declared = way.websocket.as_ref();
        let handshake = declared.map(|it| Handshake::new(it, &parts.headers));
        let accepted = Accepted::of(&parts.headers);
        headers::towards_upstream(&mut parts.headers, permit.caller().showed());
        let service = Arc::clone(&way.service);
        if let Some(inbound) = &service.inbound {
            inbound.take_signature(&mut parts.headers);
        }
        let presented = service.presented.as_ref();
        if let Some(presented) = presented {
            if presented.covers_body() && headers::aws::has_chunks(&parts.headers) {
                // Neither read nor, as it stands, signed anew, whatever policy says of bodies like it.
                return Err(Interruption::request_uninspected("coding_unknown"));
            }
            credential::take_keys(&mut parts.headers);
        }
        if service.protected().is_some() {
            // Whatever issued it, a token of the caller's is not for the server behind (MCP "Security Best
            // Practices", token passthrough).
            parts.headers.remove(header::AUTHORIZATION);
        }
        fields::request(&self.gateway, permit, account, &mut parts.headers, way)?;
        let media = media::of(&parts.headers, body.is_end_stream());
        let judged = if media == Media::Empty {
            Judged::nothing()
        } else {
            let gateway = &self.gateway;
            let media = way.messages(media, &parts.headers, Towards::Service);
            let deadline = account.deadline();
            // Its future is large, and hyper moves ours: most requests never need it.
            let screened = Box::pin(request::screen(gateway, permit, way, account, media, body));
            self.leashed(permit, deadline, screened).await?
        };
        account.mark(names::REQUEST_SCREENED);
        let mut request = written(account, way, parts, judged)?;
        if let Some(handshake) = &handshake {
            handshake.write(request.headers_mut());
        }
        let mut access = None;
        if let Some(presented) = presented {
            let (source, deadline) = (&*self.gateway.credentials, account.deadline());
            let veil = &mut account.veil;
            let presenting =
                presented.present(source, &self.upstream, clock::now(), &mut request, veil);
            // Whoever was revoked while its body came has no key read for it.
            access = self.leashed(permit, deadline, Box::pin(presenting)).await?;
        }
        let answer = self.answered(account, permit, way, request).await?;
        if let Some(presented) = presented
            && answer.status() == StatusCode::UNAUTHORIZED
        {
            presented.was_refused(&*self.gateway.credentials, access.as_ref());
        }
        if let Some(handshake) = &handshake
            && answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && !handshake.is_met(answer.headers())
        {
            tracing::warn!(cause = "its handshake is not ours", "upstream failed");
            return Err(Interruption::upstream_failed());
        }
        Ok((accepted, answer))
    }

    /// What `work` comes to, unless the caller is revoked, what it showed expires or the mediator's time is over
    /// before; then it is given up, or never begun.
    async fn leashed<T>(
        &self,
        permit: &Permit,
        deadline: Option<Instant>,
        work: impl Future<Output = Result<T, Interruption>> + Unpin,
    ) -> Result<T, Interruption> {
        let late = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            why = leash(permit, &self.gateway) => Err(why),
            () = late => Err(Interruption::mediation_late()),
            done = work => done,
        }
    }

    /// The upstream's answer; a mediated one within the mediator's deadline.
    async fn answered(
        &self,
        account: &mut Account,
        permit: &Permit,
        way: &Way,
        request: Request<Outbound>,
    ) -> Result<Response<Incoming>, Interruption> {
        let Some(deadline) = account.deadline() else {
            return self.send(account, permit, way, request).await;
        };
        let start = clock::now();
        let sending = Box::pin(self.send(account, permit, way, request));
        let why = tokio::select! {
            biased;
            // Nobody sees any of it before all is there.
            why = leash(permit, &self.gateway) => why,
            sent = timeout_at(deadline, sending) => match sent {
                Ok(answer) => return answer,
                Err(_) => Interruption::mediation_late(),
            },
        };
        // It may have heard of the request.
        account.upstream = Some(Call {
            destination: Arc::clone(&way.destination),
            start,
            end: clock::now(),
            status: None,
        });
        Err(why)
    }

    async fn send(
        &self,
        account: &mut Account,
        permit: &Permit,
        way: &Way,
        mut request: Request<Outbound>,
    ) -> Result<Response<Incoming>, Interruption> {
        let start = clock::now();
        if let Some(metered) = &mut account.metered {
            metered.sent();
        }
        if let Some(asked) = &mut account.asked {
            asked.sent();
        }
        account.sends(&mut request);
        let screening = account.screening.clone();
        let sent = async {
            if let Some(screening) = &screening {
                screening.ended().await;
            }
        };
        let sending = self.upstream.send(request, sent, way.service.timeouts.head);
        let answer = match &screening {
            None => Ok(sending.await),
            // A body that streams may do so for as long as its caller may speak.
            Some(screening) => tokio::select! {
                biased;
                why = leash(permit, &self.gateway) => {
                    screening.abandon();
                    Err(why)
                }
                answer = sending => Ok(answer),
            },
        };
        let status = match &answer {
            Ok(Ok(answer)) => Some(answer.status()),
            _ => None,
        };
        account.upstream = Some(Call {
            destination: Arc::clone(&way.destination),
            start,
            end: clock::now(),
            status: status.map(|status| status.as_u16()),
        });
        account.mark(names::UPSTREAM_HEAD);
        let answer = answer?;
        // A send that failed because the agent's body was refused or broke off is not the
        // upstream's fault.
        let own = screening.and_then(|screening| screening.broken());
        if own.is_none() {
            failover::note(&self.gateway.metrics, way, answer.as_ref());
        }
        answer.map_err(|failure| {
            account.failed(failure);
            own.unwrap_or_else(|| failure.interruption())
        })
    }
}

/// Writes the request that the upstream gets, but for the service's credential.
fn written(
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
        if let Some(value) = account.traceparent() {
            parts.headers.insert(headers::TRACEPARENT, value);
        }
        if trace.tracestate().is_none() {
            parts.headers.remove(&headers::TRACESTATE);
        }
    }
    parts.uri = target(way).ok_or_else(|| Interruption::unroutable(Unroutable::Ambiguous))?;
    parts.version = Version::HTTP_11;
    // Servers that do not look for a body there would take it for the next request on the connection, which may be
    // another agent's (RFC 9110 section 9.3.1).
    let expects_none = [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS];
    if !judged.body.is_end_stream() && expects_none.contains(&parts.method) {
        let close = HeaderValue::from_static("close");
        parts.headers.insert(header::CONNECTION, close);
    }
    Ok(Request::from_parts(parts, judged.body))
}

/// Where a request goes, whole; the upstream's part was read when it was configured.
fn target(way: &Way) -> Option<Uri> {
    let upstream = &way.destination.uri;
    let mut target = uri::Parts::default();
    target.scheme = Some(upstream.scheme().cloned().unwrap_or(uri::Scheme::HTTP));
    target.authority = upstream.authority().cloned();
    target.path_and_query = Some(way.target.parse().ok()?);
    Uri::from_parts(target).ok()
}
