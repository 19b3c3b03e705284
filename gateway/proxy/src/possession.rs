//! What a request shows beside its token, which may be bound to a key (RFC 9449, RFC 8705).

use http::{header, request::Parts};
use identity::{Possession, Request, Scheme, Thumbprint};

use crate::headers::{self, DPOP, TOKEN};

/// What these fields show, on a connection with this certificate.
pub(crate) fn of(parts: &Parts, secure: bool, certificate: Option<Thumbprint>) -> Possession<'_> {
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = || headers::only(&parts.headers, &header::HOST).unwrap_or_default();
    let scheme = match parts.uri.scheme_str() {
        // Of a request to a proxy, which is for somebody else.
        Some(scheme) => scheme,
        None if secure => "https",
        None => "http",
    };
    Possession {
        certificate,
        proof: proof(parts),
        scheme: shown_as(parts),
        request: Request {
            method: parts.method.as_str(),
            scheme,
            authority: authority.unwrap_or_else(host),
            path: parts.uri.path(),
        },
    }
}

/// The proof for the token. Where `Authorization` and `DPoP` are for the service, the gateway's own
/// stand in fields of their own. Of two none counts (RFC 9449, 4.3).
fn proof(parts: &Parts) -> Option<&str> {
    let name = if parts.headers.contains_key(&TOKEN) {
        &headers::PROOF
    } else {
        &DPOP
    };
    headers::only(&parts.headers, name)
}

fn shown_as(parts: &Parts) -> Scheme {
    if parts.headers.contains_key(&TOKEN) {
        return Scheme::Other;
    }
    let shown = headers::only(&parts.headers, &header::AUTHORIZATION);
    match shown.and_then(|value| value.split_once(' ')) {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
        _ => Scheme::Other,
    }
}
