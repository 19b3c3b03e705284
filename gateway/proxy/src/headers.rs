//! Which header fields cross the gateway, and which end at it.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::media;

/// The agent's token, where `Authorization` is needed for the upstream itself.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("tidegate-token");
/// The index of the record that holds this exchange.
pub(crate) const RECORD: HeaderName = HeaderName::from_static("tidegate-record");
/// What stayed behind of the answer, as a dictionary of counts (RFC 9651 section 3.2).
pub(crate) const WITHHELD: HeaderName = HeaderName::from_static("tidegate-withheld");
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

/// What some servers let override the method or the path that was admitted, and what only a proxy
/// may say of a caller.
const OVERRIDES: [HeaderName; 12] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-real-ip"),
    header::FORWARDED,
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

/// A token that is there and cannot be told: twice, or not text. No token verifies as this.
const UNREADABLE: &str = "?";

/// The token that a request carries for the gateway. Whoever shows one must show one that holds, so
/// what cannot be read is told as a token that never verifies, not as none.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    if headers.contains_key(&TOKEN) {
        return Some(only(headers, &TOKEN).unwrap_or(UNREADABLE));
    }
    if !headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let Some(value) = only(headers, &header::AUTHORIZATION) else {
        return Some(UNREADABLE);
    };
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// The one value of a field, if it is text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Turns an agent's header fields into those that the upstream gets.
pub(crate) fn towards_upstream(headers: &mut HeaderMap) {
    let ours_by_bearer = !headers.contains_key(&TOKEN) && token(headers).is_some();
    if ours_by_bearer {
        headers.remove(header::AUTHORIZATION);
    }
    take_hop_by_hop(headers);
    take_ours(headers);
    if media::has_grpc(headers) {
        // Servers ask for it, since the status of gRPC is a trailer.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        let known = HeaderValue::from_static("identity, gzip, deflate");
        headers.insert("grpc-accept-encoding", known);
    }
    for name in &OVERRIDES {
        headers.remove(name);
    }
    join_cookies(headers);
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
        headers.remove(header::CONTENT_ENCODING);
    }
}

/// Takes out what no longer describes the body.
pub(crate) fn body_changed(headers: &mut HeaderMap) {
    for name in &OF_THE_BYTES {
        headers.remove(name);
    }
}

/// Takes out what describes a body that is not sent.
pub(crate) fn body_withheld(headers: &mut HeaderMap) {
    body_changed(headers);
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_ENCODING);
}

/// HTTP/2 may send cookies in crumbs, HTTP/1.1 may not (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if crumbs.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
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
    fn a_token_that_cannot_be_read_is_not_no_token() {
        let twice = map(&[("tidegate-token", "a"), ("tidegate-token", "b")]);
        assert_eq!(token(&twice), Some(UNREADABLE));
        let mut odd = map(&[("authorization", "Bearer a")]);
        odd.append("authorization", HeaderValue::from_static("Bearer b"));
        assert_eq!(token(&odd), Some(UNREADABLE));
        assert_eq!(token(&map(&[("authorization", "Basic a")])), None);
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
