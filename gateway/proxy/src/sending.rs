//! The request that the upstream gets, and the head of its answer.

use std::sync::Arc;

use admission::Permit;
use http::{Extensions, Request, Response, Uri, Version, header, request::Parts, uri};
use hyper::body::Incoming;
use telemetry::names;
use tokio::time::timeout_at;

use crate::{
    account::{Account, Call},
    body::Outbound,
    clock,
    exchange::Worker,
    headers,
    leash::leash,
    refusal::Interruption,
    request::Judged,
    route::{Unroutable, Way},
};

impl Worker {
    /// The service's answer; a mediated one within the mediator's deadline.
    pub(crate) async fn answered(
        &self,
        account: &mut Account,
        permit: &Permit,
        way: &Way,
        request: Request<Outbound>,
    ) -> Result<Response<Incoming>, Interruption> {
        let Some(deadline) = account.mediation.as_ref().map(|it| it.deadline()) else {
            return self.send(account, permit, way, request).await;
        };
        let start = clock::now();
        let sending = Box::pin(self.send(account, permit, way, request));
        if let Ok(answer) = timeout_at(deadline, sending).await {
            return answer;
        }
        // It may have heard of the request.
        account.upstream = Some(Call {
            service: Arc::clone(&way.service),
            start,
            end: clock::now(),
            status: None,
        });
        Err(Interruption::mediation_late())
    }

    async fn send(
        &self,
        account: &mut Account,
        permit: &Permit,
        way: &Way,
        request: Request<Outbound>,
    ) -> Result<Response<Incoming>, Interruption> {
        let start = clock::now();
        if let Some(asked) = &mut account.asked {
            asked.sent();
        }
        let screening = account.screening.clone();
        let sent = async {
            if let Some(screening) = &screening {
                screening.ended().await;
            }
        };
        let sending = self.upstream.send(request, sent, way.service.timeouts.head);
        let answer = match &screening {
            None => sending.await,
            // A body that streams may do so for as long as its caller may speak.
            Some(screening) => tokio::select! {
                biased;
                why = leash(permit, &self.gateway.revoked) => {
                    screening.abandon();
                    Err(why)
                }
                answer = sending => answer,
            },
        };
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
pub(crate) fn present(
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
    Ok(Request::from_parts(parts, judged.body))
}

/// Where a request goes, whole; the service's part was read when it was configured.
fn target(way: &Way) -> Option<Uri> {
    let service = &way.service.upstream;
    let mut target = uri::Parts::default();
    target.scheme = Some(service.scheme().cloned().unwrap_or(uri::Scheme::HTTP));
    target.authority = service.authority().cloned();
    target.path_and_query = Some(way.target.parse().ok()?);
    Uri::from_parts(target).ok()
}
