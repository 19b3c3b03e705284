//! Which upstream a call goes to, and where it goes when that one fails.
//!
//! Where upstreams lie in different countries, policy decides on the one that a call is given to, each time
//! anew: residency, and what is disclosed. Only a read whose request can be sent again as it came is given
//! to another, and only to one that policy permits; if the others are forbidden, the call is refused.

use std::sync::Arc;

use admission::{Admission, Permit, Refused};
use bytes::Bytes;
use http::{Extensions, Response, StatusCode, request::Parts};
use hyper::body::Incoming;
use identity::Caller;
use policy::{Effect, Operation};
use telemetry::Metrics;
use tokio::time::Instant;

use super::{Destination, Failure};
use crate::{
    accept::Accepted,
    account::Account,
    body::Source,
    exchange::{Unadmitted, Worker},
    headers, limits, message,
    refusal::Interruption,
    route::Way,
};

/// Admits a call to the first of the upstreams that should have it and that policy permits, which `way` then
/// leads to.
pub(crate) fn admit(
    admission: &Admission,
    caller: &Caller,
    operation: Operation,
    way: &mut Way,
) -> Result<Permit, Box<Refused>> {
    if !way.service.upstreams.are_several() {
        return admission.admit(caller.clone(), operation);
    }
    let order = way.service.upstreams.order(Instant::now());
    match permitted(admission, caller, &operation, &order) {
        Some(Ok((permit, destination))) => {
            way.destination = destination;
            Ok(permit)
        }
        Some(Err(refused)) => Err(refused),
        None => admission.admit(caller.clone(), operation),
    }
}

/// A call, and the upstream that it is permitted to.
type Permitted = (Permit, Arc<Destination>);

/// The first upstream that policy permits; if it permits none, why not the first.
fn permitted(
    admission: &Admission,
    caller: &Caller,
    operation: &Operation,
    order: &[Arc<Destination>],
) -> Option<Result<Permitted, Box<Refused>>> {
    let mut first = None;
    for destination in order {
        let operation = Operation {
            country: destination.country,
            ..operation.clone()
        };
        match admission.admit(caller.clone(), operation) {
            Ok(permit) => return Some(Ok((permit, Arc::clone(destination)))),
            Err(refused) => {
                first.get_or_insert(refused);
            }
        }
    }
    first.map(Err)
}

/// The head of an answer, and what codings the agent takes.
pub(crate) type Answered = (Accepted, Response<Incoming>);

/// An attempt that was made.
pub(crate) struct Made {
    pub(crate) permit: Permit,
    pub(crate) way: Way,
    pub(crate) answer: Result<Answered, Interruption>,
}

/// What a call can be made with again.
pub(crate) struct Spare {
    parts: Parts,
    body: Option<Bytes>,
    way: Way,
    tried: Vec<Arc<Destination>>,
}

impl Spare {
    /// None for a call that may not be made twice, or could go nowhere else. A short body is read whole, so
    /// that it can be sent again.
    pub(crate) async fn of(
        permit: &Permit,
        way: &Way,
        parts: &Parts,
        body: &mut Source,
    ) -> Result<Option<Box<Self>>, Interruption> {
        let is_read = permit.operation().effect == Effect::Read;
        if !way.service.upstreams.are_several() || !is_read {
            return Ok(None);
        }
        if let Source::Wire(_) = body {
            let declared = headers::content_length(&parts.headers);
            let is_short = declared.is_some_and(|bytes| bytes <= limits::WHOLE_BODY_BYTES_MAX);
            if !hyper::body::Body::is_end_stream(body) && !is_short {
                return Ok(None);
            }
            *body = Source::Whole(Some(Box::pin(message::whole(body)).await?));
        }
        let Source::Whole(bytes) = body else {
            return Ok(None);
        };
        let mut parts = parts.clone();
        parts.extensions = Extensions::new();
        Ok(Some(Box::new(Self {
            parts,
            body: bytes.clone(),
            way: way.clone(),
            tried: vec![Arc::clone(&way.destination)],
        })))
    }

    /// Makes the call elsewhere, as long as it fails and there is somewhere else.
    pub(crate) async fn go_on(
        mut self: Box<Self>,
        worker: &Worker,
        account: &mut Account,
        mut made: Made,
    ) -> Result<Made, Unadmitted> {
        let gateway = &worker.gateway;
        while let Some(why) = failed(&made.answer)
            && self.tried.len() < limits::ATTEMPTS_MAX
        {
            let service = Arc::clone(&self.way.service);
            let mut order = service.upstreams.order(Instant::now());
            order.retain(|it| !self.tried.iter().any(|tried| Arc::ptr_eq(tried, it)));
            let caller = made.permit.caller();
            let operation = made.permit.operation();
            let next = permitted(&gateway.admission, caller, operation, &order);
            if made.answer.is_ok() && !matches!(next, Some(Ok(_))) {
                // What it said is more than that nobody else may be asked.
                break;
            }
            let Some(next) = next else { break };
            if let Err(unavailable) = account.give_up(&why).await {
                made.answer = Err(unavailable);
                break;
            }
            if gateway.revoked.borrow().of(caller).is_some() {
                return Err(Interruption::revoked().into());
            }
            let (permit, destination) = match next {
                Ok(next) => next,
                Err(refused) => {
                    gateway.metrics.failed_over(&service.name, false);
                    return Err(forbidden(account, &self.way, &refused));
                }
            };
            gateway.metrics.failed_over(&service.name, true);
            made = self.again(worker, account, permit, destination).await;
        }
        Ok(made)
    }

    async fn again(
        &mut self,
        worker: &Worker,
        account: &mut Account,
        permit: Permit,
        destination: Arc<Destination>,
    ) -> Made {
        let mut way = self.way.clone();
        way.destination = Arc::clone(&destination);
        self.tried.push(destination);
        account.resolved(permit.operation(), Arc::clone(&way.route));
        let (parts, body) = (self.parts.clone(), Source::Whole(self.body.clone()));
        let answer = worker
            .attempt(account, &permit, &mut way, parts, body)
            .await;
        Made {
            permit,
            way,
            answer,
        }
    }
}

/// Why another upstream is asked, if one is to be.
fn failed(answer: &Result<Answered, Interruption>) -> Option<Interruption> {
    match answer {
        Ok((_, answer)) => is_failure(answer.status()).then(Interruption::upstream_failed),
        Err(why) => (why.is_of_upstream() || why.is_of_address()).then(|| why.clone()),
    }
}

/// Whether a status says that the upstream could do nothing, whatever it was asked (RFC 9110 sections
/// 15.6.3 to 15.6.5).
fn is_failure(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// What the agent is told where the upstreams that are left are forbidden.
fn forbidden(account: &mut Account, way: &Way, refused: &Refused) -> Unadmitted {
    account.resolved(&refused.operation, Arc::clone(&way.route));
    Unadmitted {
        why: Box::new(Interruption::not_permitted(refused)),
        policies: refused.decision.policies.clone(),
    }
}

/// Notes what became of a call to an upstream, where there are others.
pub(crate) fn note(metrics: &Metrics, way: &Way, answer: Result<&Response<Incoming>, &Failure>) {
    if !way.service.upstreams.are_several() {
        return;
    }
    let works = answer.is_ok_and(|answer| !is_failure(answer.status()));
    let outcome = match answer {
        Ok(_) if works => "answered",
        Err(failure) if failure.is_unheard() => "unreachable",
        _ => "failed",
    };
    let (service, upstream) = (&*way.service.name, &**way.destination.authority());
    metrics.upstream_called(service, upstream, outcome);
    let mut standing = way.destination.standing();
    let now = Instant::now();
    if works {
        standing.answered(now);
    } else if standing.failed(way.service.upstreams.ejection, now) {
        tracing::warn!(
            service,
            upstream,
            "calls to an upstream fail; it is given none for a while"
        );
    }
}
