//! Which header fields cross the gateway, and which end at it.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The agent's token, where `Authorization` is needed for the upstream itself.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("tidegate-token");
/// The index of the record that holds this exchange.
pub(crate) const RECORD: HeaderName = HeaderName::from_static("tidegate-record");
/// The trace id of this exchange.
pub(crate) const TRACE: HeaderName = HeaderName::from_static("tidegate-trace");
/// W3C Trace Context.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// W3C Trace Context.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

const OURS: &str = "tidegate-";

/// Connection-level fields (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What speaks of the exact bytes of a body, and lies once they change (RFC 9530, RFC 9110).
const OF_THE_BYTES: [HeaderName; 6] = [
    header::ETAG,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    header::ACCEPT_RANGES,
];

/// The token that a request carries for the gateway.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(token) = headers.get(&TOKEN) {
        return token.to_str().ok();
    }
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// Turns an agent's header fields into those that the upstream gets.
pub(crate) fn towards_upstream(headers: &mut HeaderMap) {
    let ours_by_bearer = !headers.contains_key(&TOKEN) && token(headers).is_some();
    if ours_by_bearer {
        headers.remove(header::AUTHORIZATION);
    }
    take_hop_by_hop(headers);
    take_ours(headers);
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::EXPECT);
    headers.remove(header::TRAILER);
    // A part of a document cannot be judged, so the whole is asked for.
    headers.remove(header::RANGE);
    headers.remove(header::IF_RANGE);
    // Only what can be decoded here is asked for, and compression only if the agent wants it.
    let compressed = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .any(|v| v.as_bytes().windows(4).any(|w| w == b"gzip"));
    let accepted = if compressed {
        "gzip, identity;q=0.5"
    } else {
        "identity"
    };
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
    headers.append(header::VIA, HeaderValue::from_static("1.1 tidegate"));
}

/// Turns an upstream's header fields into those that the agent gets.
pub(crate) fn towards_agent(headers: &mut HeaderMap, inspected: bool) {
    take_hop_by_hop(headers);
    take_ours(headers);
    headers.remove(header::TRAILER);
    if inspected {
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::CONTENT_ENCODING);
    }
}

/// Takes out what no longer describes the body.
pub(crate) fn body_changed(headers: &mut HeaderMap) {
    for name in &OF_THE_BYTES {
        headers.remove(name);
    }
}

fn take_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

fn take_ours(headers: &mut HeaderMap) {
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|n| n.as_str().starts_with(OURS))
        .cloned()
        .collect();
    for name in &ours {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(k, v)| {
                (
                    HeaderName::try_from(*k).expect("a name"),
                    HeaderValue::try_from(*v).expect("a value"),
                )
            })
            .collect()
    }

    #[test]
    fn the_gateways_own_token_ends_here() {
        let mut headers = map(&[("authorization", "Bearer ours"), ("x-kept", "1")]);
        assert_eq!(token(&headers), Some("ours"));
        towards_upstream(&mut headers);
        assert!(headers.get("authorization").is_none() && headers.contains_key("x-kept"));
    }

    #[test]
    fn with_a_token_of_its_own_authorization_belongs_to_the_upstream() {
        let mut headers = map(&[
            ("authorization", "Bearer theirs"),
            ("tidegate-token", "ours"),
        ]);
        assert_eq!(token(&headers), Some("ours"));
        towards_upstream(&mut headers);
        assert_eq!(headers.get("authorization").expect("kept"), "Bearer theirs");
        assert!(headers.get("tidegate-token").is_none());
    }

    #[test]
    fn fields_of_one_connection_do_not_cross() {
        let mut headers = map(&[
            ("connection", "close, x-private"),
            ("x-private", "1"),
            ("upgrade", "h2c"),
            ("te", "trailers"),
            ("range", "bytes=0-1"),
            ("tidegate-record", "7"),
        ]);
        towards_upstream(&mut headers);
        for name in [
            "connection",
            "x-private",
            "upgrade",
            "te",
            "range",
            "tidegate-record",
        ] {
            assert!(headers.get(name).is_none(), "{name}");
        }
    }
}
