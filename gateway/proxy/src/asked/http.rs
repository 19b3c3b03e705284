//! Questions whose form is the request's own: its method, path and fields, and as much of its body as is shown.
//!
//! Nothing in that form says between whom the request's connection is. Envoy writes it where it is told
//! to (`headers_to_add`), in the fields [`SOURCE`] and [`DESTINATION`].

use bytes::Bytes;
use flows::Flow;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;
use tonic::body::Body;

use super::{Asks, Judgement, Onward, PARTIAL, Question, judge};
use crate::{
    exchange::{Peer, Worker},
    headers, limits,
};

/// The agent's end of its connection: `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%`, which nobody but the kernel says.
const SOURCE: HeaderName = HeaderName::from_static("tidegate-source");
/// The other end of it: `%DOWNSTREAM_LOCAL_ADDRESS%`.
const DESTINATION: HeaderName = HeaderName::from_static("tidegate-destination");
/// The scheme of the request, where that is told.
const SCHEME: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The fields that the service does not get.
const REMOVED: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Answers one question.
pub(super) async fn serve(
    worker: &Worker,
    asker: &Peer,
    asks: &Asks,
    request: Request<Incoming>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let limit = usize::try_from(limits::MESSAGE_BYTES_MAX).unwrap_or(usize::MAX);
    let shown = Limited::new(body, limit).collect();
    let Ok(Ok(shown)) = timeout(limits::MESSAGE_DEADLINE, shown).await else {
        return answer(
            StatusCode::PAYLOAD_TOO_LARGE,
            HeaderMap::new(),
            Bytes::new(),
        );
    };
    let shown = shown.to_bytes();
    if shown.is_empty() {
        // It is the question's own, which has no body whatever the request has.
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let question = Question {
        ends: ends(&parts.headers),
        secure: parts.headers.get(&SCHEME).is_some_and(|it| it == "https"),
        certificate: None,
        body: Question::body(&parts.headers, asks.shows_bodies, shown),
        parts: {
            parts.headers.remove(&PARTIAL);
            parts
        },
    };
    match judge(worker, asker, asks, question).await {
        Judgement::Allowed(onward) => answer(StatusCode::OK, fields(onward), Bytes::new()),
        Judgement::Refused(refused) => refused.map(|body| Body::new(Full::new(body))),
    }
}

/// Between whom the request's connection is.
fn ends(headers: &HeaderMap) -> Option<Flow> {
    let address = |name| headers::only(headers, name)?.parse().ok();
    Some(Flow {
        peer: address(&SOURCE)?,
        local: address(&DESTINATION)?,
    })
}

fn fields(onward: Onward) -> HeaderMap {
    let mut fields = onward.set;
    fields.extend(onward.answered);
    let removed: Vec<&str> = onward.removed.iter().map(HeaderName::as_str).collect();
    if let Ok(removed) = HeaderValue::try_from(removed.join(",")) {
        fields.insert(REMOVED, removed);
    }
    fields
}

fn answer(status: StatusCode, fields: HeaderMap, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body)));
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}
