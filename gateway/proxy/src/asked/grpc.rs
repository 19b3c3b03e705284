//! Questions by `envoy.service.auth.v3.Authorization` (gRPC).

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use envoy_types::{
    ext_authz::v3::{
        CheckResponseExt as _, DeniedHttpResponseBuilder, OkHttpResponseBuilder,
        pb::{
            Address, Authorization, AuthorizationServer, CheckRequest, CheckResponse,
            HeaderAppendAction, HttpStatus,
        },
    },
    pb::envoy::{
        config::core::v3::{Address as Place, socket_address::PortSpecifier},
        service::auth::v3::attribute_context::HttpRequest,
    },
};
use flows::Flow;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header, request::Parts};
use hyper::body::Incoming;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tonic::{Status, body::Body};
use tower::ServiceExt as _;

use super::{Asks, Judgement, Onward, PARTIAL, Question, judge};
use crate::{
    exchange::{Peer, Worker},
    limits,
};

/// One connection of a proxy that asks.
struct Asked {
    worker: Arc<Worker>,
    asker: Arc<Peer>,
    asks: Arc<Asks>,
}

/// Answers one question.
pub(super) async fn serve(
    worker: Arc<Worker>,
    asker: Arc<Peer>,
    asks: Arc<Asks>,
    request: Request<Incoming>,
) -> Response<Body> {
    let one = Asked {
        worker,
        asker,
        asks,
    };
    let server =
        AuthorizationServer::new(one).max_decoding_message_size(limits::QUESTION_BYTES_MAX);
    let Ok(answered) = server.oneshot(request).await;
    answered
}

#[tonic::async_trait]
impl Authorization for Asked {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<tonic::Response<CheckResponse>, Status> {
        let question = question(request.into_inner(), self.asks.shows_bodies)
            .ok_or_else(|| Status::invalid_argument("the request is none that HTTP has"))?;
        let judgement = judge(&self.worker, &self.asker, &self.asks, question).await;
        Ok(tonic::Response::new(match judgement {
            Judgement::Allowed(onward) => allowed(&onward),
            Judgement::Refused(refused) => denied(refused),
        }))
    }
}

/// The question; none if no request can be made of it.
fn question(asked: CheckRequest, always: bool) -> Option<Question> {
    let attributes = asked.attributes?;
    let source = attributes.source.unwrap_or_default();
    let destination = attributes.destination.unwrap_or_default();
    let http = attributes.request?.http?;
    // As text it would have been mended: other bytes than those that go on.
    let shown = http
        .body
        .is_empty()
        .then(|| Bytes::from(http.raw_body.clone()));
    let mut parts = head(&http)?;
    let body = shown.and_then(|shown| Question::body(&parts.headers, always, shown));
    parts.headers.remove(&PARTIAL);
    let ends = || {
        Some(Flow {
            peer: address(source.address.as_ref()?)?,
            local: address(destination.address.as_ref()?)?,
        })
    };
    Some(Question {
        ends: ends(),
        secure: http.scheme == "https",
        certificate: certificate(&source.certificate),
        parts,
        body,
    })
}

/// The head of the request.
fn head(http: &HttpRequest) -> Option<Parts> {
    // In this form (`encode_raw_headers`) all fields are elsewhere; and what follows a `#` would be lost.
    if http.header_map.is_some() || http.path.contains('#') {
        return None;
    }
    let mut fields = HeaderMap::new();
    for (name, value) in &http.headers {
        // Those of HTTP/2 stand in members of their own.
        if !name.starts_with(':') {
            let name = HeaderName::try_from(name).ok()?;
            fields.append(name, HeaderValue::try_from(value).ok()?);
        }
    }
    fields.insert(header::HOST, HeaderValue::try_from(&http.host).ok()?);
    let request = Request::builder().method(http.method.as_str());
    let mut parts = request.uri(&http.path).body(()).ok()?.into_parts().0;
    parts.headers = fields;
    Some(parts)
}

fn address(place: &Place) -> Option<SocketAddr> {
    let Some(Address::SocketAddress(socket)) = &place.address else {
        return None;
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
        return None;
    };
    let port = u16::try_from(port).ok()?;
    Some(SocketAddr::new(socket.address.parse().ok()?, port))
}

/// The agent's certificate, which comes as PEM with percent-encoding.
fn certificate(shown: &str) -> Option<Vec<u8>> {
    let pem = percent_encoding::percent_decode_str(shown)
        .decode_utf8()
        .ok()?;
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    Some(certificate.to_vec())
}

fn allowed(onward: &Onward) -> CheckResponse {
    let mut answer = OkHttpResponseBuilder::new();
    let instead = Some(HeaderAppendAction::OverwriteIfExistsOrAdd);
    for (name, value) in texts(&onward.set) {
        answer.add_header(name, value, instead, false);
    }
    for name in &onward.removed {
        answer.remove_header(name.as_str());
    }
    for (name, value) in texts(&onward.answered) {
        answer.add_response_header(name, value, instead, false);
    }
    let mut response = CheckResponse::with_status(Status::ok(""));
    response.set_http_response(answer);
    response
}

fn denied(refused: Response<Bytes>) -> CheckResponse {
    let (parts, body) = refused.into_parts();
    let mut answer = DeniedHttpResponseBuilder::new();
    for (name, value) in texts(&parts.headers) {
        answer.add_header(name, value, None, false);
    }
    answer.set_body(String::from_utf8_lossy(&body));
    let mut answer = answer.build();
    answer.status = Some(HttpStatus {
        code: i32::from(parts.status.as_u16()),
    });
    let mut response = CheckResponse::with_status(Status::permission_denied(""));
    response.set_http_response(answer);
    response
}

/// The fields that are text, which all of ours are.
fn texts(fields: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let fields = fields.iter();
    fields.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
}
