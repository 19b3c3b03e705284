//! Which header fields cross the gateway, and which end at it.

pub(crate) mod aws;

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use identity::StaticKey;
use redaction::Coding;
use telemetry::{Trace, Traces};

use crate::accept::{Accepted, name_of};

use crate::media;

/// The agent's token, where `Authorization` is needed for the upstream itself.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("tidegate-token");
/// The proof of the key that the token in [`TOKEN`] is bound to (RFC 9449).
pub(crate) const PROOF: HeaderName = HeaderName::from_static("tidegate-dpop");
/// The proof of the key that the token in `Authorization` is bound to (RFC 9449 section 4).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The index of the record that holds this exchange.
pub(crate) const RECORD: HeaderName = HeaderName::from_static("tidegate-record");
/// What stayed behind of the answer, as a dictionary of counts (RFC 9651 section 3.2).
pub(crate) const WITHHELD: HeaderName = HeaderName::from_static("tidegate-withheld");
/// The budget that is nearest to its end (draft-ietf-httpapi-ratelimit-headers-10).
pub(crate) const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of it.
pub(crate) const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The trace id of this exchange.
pub(crate) const TRACE: HeaderName = HeaderName::from_static("tidegate-trace");
/// W3C Trace Context.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// W3C Trace Context.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The token of a session of AWS, which its libraries send as it is.
pub(crate) const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

const OURS: &str = "tidegate-";

// Lists of names are statics: a constant one would be copied each time that it is asked.

/// Connection-level fields (RFC 9110 section 7.6.1).
static HOP_BY_HOP: [HeaderName; 13] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    // Of the handshake of a WebSocket, which the gateway makes anew.
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_VERSION,
];

/// What some servers let override the method or the path that was admitted, what only a proxy may say of a
/// caller, and what becomes a proxy's address behind CGI (CVE-2016-5385).
static OVERRIDES: [HeaderName; 23] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-original-host"),
    HeaderName::from_static("x-original-method"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-forwarded-user"),
    HeaderName::from_static("x-forwarded-client-cert"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("x-remote-user"),
    HeaderName::from_static("remote-user"),
    HeaderName::from_static("proxy"),
    header::FORWARDED,
];

/// What is written anew or not asked for: a part of a document cannot be judged, so the whole is asked
/// for.
static DROPPED: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TRAILER,
    header::RANGE,
    header::IF_RANGE,
];

/// What speaks of the exact bytes of a body, and lies once they change (RFC 9530, RFC 9110). So does
/// an `etag`, which can be weakened where what it tags is the same.
static OF_THE_BYTES: [HeaderName; 5] = [
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    header::ACCEPT_RANGES,
];

/// Fields in which clients of APIs send a key of theirs.
pub(crate) static KEY_FIELDS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// What a client may be given for a key that it must have and does not need: no token.
const PLACEHOLDER: &str = "tidegate";

/// A token that is there and cannot be told: twice, or not text. No token verifies as this.
const UNREADABLE: &str = "?";

/// What a request shows of who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown<'a> {
    /// Nothing.
    Nothing,
    /// A token for the gateway. Whoever shows one must show one that holds, so what cannot be read is
    /// told as a token that never verifies, not as none.
    Token(&'a str),
    /// A bearer in `Authorization`: a token for the gateway, or the service's API key, which the
    /// libraries of most services put there.
    Bearer(&'a str),
}

/// What a request shows of who is calling.
pub(crate) fn shown(headers: &HeaderMap) -> Shown<'_> {
    if headers.contains_key(&TOKEN) {
        return Shown::Token(only(headers, &TOKEN).unwrap_or(UNREADABLE));
    }
    if !headers.contains_key(header::AUTHORIZATION) {
        return Shown::Nothing;
    }
    let Some(value) = only(headers, &header::AUTHORIZATION) else {
        return Shown::Token(UNREADABLE);
    };
    match value.split_once(' ') {
        Some((scheme, bearer)) if is_token_scheme(scheme) => Shown::Bearer(bearer.trim()),
        _ => Shown::Nothing,
    }
}

/// Whether a static key stands where the service would get it: in a field for keys other than the one that
/// [`shown`] takes it from, or in a pair. Where a service's key is held here, no such field goes on at all.
pub(crate) fn has_stray_key(headers: &HeaderMap) -> bool {
    let has_own = headers.contains_key(&TOKEN);
    let is_stray = |name: &HeaderName, value: &HeaderValue| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = value.trim();
        let Some((scheme, rest)) = value.split_once(' ') else {
            return StaticKey::is_meant(value);
        };
        let is_taken = *name == header::AUTHORIZATION && is_token_scheme(scheme) && !has_own;
        let pair = BASE64_STANDARD.decode(rest.trim()).unwrap_or_default();
        let pair = String::from_utf8_lossy(&pair);
        let mut secrets = pair.splitn(2, ':').chain([rest.trim()]);
        !is_taken && secrets.any(StaticKey::is_meant)
    };
    let mut fields = KEY_FIELDS.iter();
    fields.any(|name| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| is_stray(name, value))
    })
}

/// Whether what stands behind a scheme of `Authorization` is a token.
fn is_token_scheme(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("dpop")
}

/// Whether a request shows a token as one that asks for a proof.
pub(crate) fn shows_proof(headers: &HeaderMap) -> bool {
    let shown = headers.get(header::AUTHORIZATION);
    let scheme = shown.and_then(|value| value.as_bytes().get(..4));
    headers.contains_key(&DPOP) || scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"dpop"))
}

/// The token that a request carries to a service whose key is held here: whatever a client sends for
/// a key is the agent's token for the gateway.
pub(crate) fn token_for_key(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    if headers.contains_key(&TOKEN) {
        return Some(only(headers, &TOKEN).unwrap_or(UNREADABLE).into());
    }
    let mut shown = KEY_FIELDS.iter().filter(|name| headers.contains_key(*name));
    let name = shown.next()?;
    if shown.next().is_some() {
        // Two keys, two readings.
        return Some(UNREADABLE.into());
    }
    let key = only(headers, name).map(str::trim);
    let key = key.and_then(|key| {
        let scheme = key
            .split_once(' ')
            .filter(|_| *name == header::AUTHORIZATION);
        match scheme {
            None => Some(Cow::Borrowed(key)),
            Some((scheme, token)) if is_token_scheme(scheme) => Some(token.trim().into()),
            Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => password(pair.trim()),
            Some((aws::SCHEME, parts)) => aws::token(headers, parts),
            Some(_) => None,
        }
    });
    let key = key.unwrap_or(UNREADABLE.into());
    (key != PLACEHOLDER).then_some(key)
}

/// The token that a client shows to a proxy: as a bearer, or as the password of a pair, which is what
/// `http://agent:TOKEN@proxy` in `HTTPS_PROXY` becomes. None if it is the placeholder.
pub(crate) fn proxy_token(value: &HeaderValue) -> Option<HeaderValue> {
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.and_then(|(scheme, token)| match scheme {
        _ if scheme.eq_ignore_ascii_case("bearer") => Some(Cow::Borrowed(token.trim())),
        _ if scheme.eq_ignore_ascii_case("basic") => password(token.trim()),
        _ => None,
    });
    let token = token.unwrap_or(UNREADABLE.into());
    let unreadable = || HeaderValue::from_static(UNREADABLE);
    (token != PLACEHOLDER).then(|| HeaderValue::try_from(&*token).unwrap_or_else(|_| unreadable()))
}

/// The password of a pair (RFC 7617 section 2); the user, if that stands alone, as Stripe has it.
fn password(pair: &str) -> Option<Cow<'static, str>> {
    let pair = BASE64_STANDARD.decode(pair).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    let key = if password.is_empty() { user } else { password };
    Some(key.to_owned().into())
}

/// The one value of a field, if it is text.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a body comes in chunks alone, or in none: whoever reads only the last of several codings passes bytes on
/// that nobody has decoded (RFC 9112 section 6.1).
pub(crate) fn has_one_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return true;
    };
    codings.next().is_none() && coding.as_bytes().eq_ignore_ascii_case(b"chunked")
}

/// How long a body is by its header.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Turns an agent's header fields into those that the upstream gets. `proven` says that a token for
/// the gateway was among them, which ends here.
pub(crate) fn towards_upstream(headers: &mut HeaderMap, proven: bool) {
    if proven && !headers.contains_key(&TOKEN) {
        headers.remove(header::AUTHORIZATION);
        headers.remove(&DPOP);
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
    take_disguised(headers);
    join_cookies(headers);
    for name in &DROPPED {
        headers.remove(name);
    }
    // Only what can be decoded here is asked for, and compression only if the agent wants it.
    let accepted = Accepted::of(headers).towards_upstream();
    headers.insert(header::ACCEPT_ENCODING, accepted);
    headers.append(header::VIA, HeaderValue::from_static("1.1 tidegate"));
}

/// The fields that another proxy must take out of a request with these fields, of which `kept` may go on: those
/// of its own connection it sets itself, and what was never shown here it must not pass on either.
pub(crate) fn removed(shown: &HeaderMap, kept: &HeaderMap) -> Vec<HeaderName> {
    static ITS_OWN: [HeaderName; 6] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::TE,
        HeaderName::from_static("keep-alive"),
    ];
    let gone = shown.keys().filter(|name| !kept.contains_key(*name));
    let unshown = OVERRIDES.iter().chain(&DROPPED);
    let mut removed: Vec<HeaderName> = gone.chain(unshown).cloned().collect();
    removed.retain(|name| !ITS_OWN.contains(name));
    removed.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    removed.dedup();
    removed
}

/// Begins the trace of a request, or goes on with the one that it names.
pub(crate) fn trace(traces: &Traces, headers: &HeaderMap) -> Trace {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    traces.begin(text(&TRACEPARENT), text(&TRACESTATE))
}

/// Turns an upstream's header fields into those that the agent gets.
pub(crate) fn towards_agent(headers: &mut HeaderMap, inspected: bool) {
    take_hop_by_hop(headers);
    take_ours(headers);
    headers.remove(header::TRAILER);
    // Another way to the service, past this one (RFC 7838).
    headers.remove(header::ALT_SVC);
    if inspected {
        headers.remove(header::CONTENT_ENCODING);
    }
}

/// Takes out what no longer describes the body.
pub(crate) fn body_changed(headers: &mut HeaderMap) {
    headers.remove(header::ETAG);
    take_digests(headers);
}

/// Takes out what speaks of other bytes than those that are sent, which mean the same: an `etag` is a
/// weak one then (RFC 9110 section 8.8.1).
pub(crate) fn body_recoded(headers: &mut HeaderMap) {
    take_digests(headers);
    let Some(tag) = headers.get(header::ETAG).filter(|tag| !is_weak(tag)) else {
        return;
    };
    match HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
        Ok(weak) => headers.insert(header::ETAG, weak),
        Err(_) => headers.remove(header::ETAG),
    };
}

fn take_digests(headers: &mut HeaderMap) {
    for name in &OF_THE_BYTES {
        headers.remove(name);
    }
    aws::take_checksums(headers);
}

fn is_weak(tag: &HeaderValue) -> bool {
    tag.as_bytes().starts_with(b"W/")
}

/// Says how a body is coded, and that another reader would get it in another way.
pub(crate) fn coded(headers: &mut HeaderMap, coding: Coding) {
    if let Some(name) = name_of(coding) {
        headers.insert(header::CONTENT_ENCODING, name);
    }
    let named = headers.get_all(header::VARY).iter();
    let mut named = named.filter_map(|value| value.to_str().ok());
    let varies = |text: &str| {
        let mut fields = text.split(',').map(str::trim);
        fields.any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding"))
    };
    if !named.any(varies) {
        let name = HeaderValue::from_static("accept-encoding");
        headers.append(header::VARY, name);
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

/// What `connection` names.
fn of_connection(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> + '_ {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
}

/// Whether a field of this request goes no further, because its connection names it.
pub(crate) fn ends_here(headers: &HeaderMap, name: &HeaderName) -> bool {
    of_connection(headers).any(|named| named == *name)
}

/// Whether a field with this name ever arrives at a service as the agent sent it.
#[must_use]
pub fn arrives(name: &HeaderName) -> bool {
    !(name.as_str().starts_with(OURS)
        || HOP_BY_HOP.contains(name)
        || OVERRIDES.contains(name)
        || DROPPED.contains(name)
        || *name == header::ACCEPT_ENCODING)
}

/// Whether a field with this name holds what proves who somebody is.
#[must_use]
pub fn is_credential(name: &HeaderName) -> bool {
    KEY_FIELDS.contains(name) || [header::COOKIE, DPOP].contains(name)
}

fn take_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = of_connection(headers).collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Takes out what a server may take for a field that ends here: behind CGI `x_real_ip` is `x-real-ip` (RFC 3875
/// section 4.1.18), and some servers make a dash of any other sign.
fn take_disguised(headers: &mut HeaderMap) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let odd = |name: &&HeaderName| !name.as_str().bytes().all(is_plain);
    let disguised = |name: &&HeaderName| {
        let dashed: Vec<u8> = name
            .as_str()
            .bytes()
            .map(|byte| if is_plain(byte) { byte } else { b'-' })
            .collect();
        HeaderName::from_bytes(&dashed).is_ok_and(|dashed| !arrives(&dashed))
    };
    let gone: Vec<HeaderName> = headers
        .keys()
        .filter(odd)
        .filter(disguised)
        .cloned()
        .collect();
    for name in &gone {
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
        assert_eq!(shown(&headers), Shown::Bearer("ours"));
        towards_upstream(&mut headers, true);
        assert!(headers.get("authorization").is_none() && headers.contains_key("x-kept"));
        // The service's own key, with an agent that needs no token.
        let mut headers = map(&[("authorization", "Bearer theirs")]);
        towards_upstream(&mut headers, false);
        assert_eq!(headers.get("authorization").expect("kept"), "Bearer theirs");
    }

    #[test]
    fn with_a_token_of_its_own_authorization_belongs_to_the_upstream() {
        let mut headers = map(&[
            ("authorization", "Bearer theirs"),
            ("tidegate-token", "ours"),
        ]);
        assert_eq!(shown(&headers), Shown::Token("ours"));
        towards_upstream(&mut headers, true);
        assert_eq!(headers.get("authorization").expect("kept"), "Bearer theirs");
        assert!(headers.get("tidegate-token").is_none());
    }

    #[test]
    fn what_a_client_sends_for_a_key_is_the_agents_token() {
        let pair = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        let check = |fields: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(
                token_for_key(&map(fields)).as_deref(),
                expected,
                "{fields:?}"
            );
        };
        check(&[("authorization", "Bearer ours")], Some("ours"));
        check(&[("x-api-key", "ours")], Some("ours"));
        check(
            &[("x-goog-api-key", "ours"), ("tidegate-token", "other")],
            Some("other"),
        );
        check(&[("authorization", &pair("AC1:ours"))], Some("ours"));
        check(&[("authorization", &pair("ours:"))], Some("ours"));
        check(&[("authorization", &pair("AC1:tidegate"))], None);
        check(&[("api-key", "tidegate")], None);
        check(&[], None);
        for odd in ["Digest x", "Basic ?", &pair("no colon")] {
            check(&[("authorization", odd)], Some(UNREADABLE));
        }
        check(
            &[("authorization", "Bearer a"), ("x-api-key", "a")],
            Some(UNREADABLE),
        );
    }

    #[test]
    fn a_token_that_cannot_be_read_is_not_no_token() {
        let twice = map(&[("tidegate-token", "a"), ("tidegate-token", "b")]);
        assert_eq!(shown(&twice), Shown::Token(UNREADABLE));
        let mut odd = map(&[("authorization", "Bearer a")]);
        odd.append("authorization", HeaderValue::from_static("Bearer b"));
        assert_eq!(shown(&odd), Shown::Token(UNREADABLE));
        let basic = map(&[("authorization", "Basic a")]);
        assert_eq!(shown(&basic), Shown::Nothing);
    }

    #[test]
    fn a_tag_of_other_bytes_is_a_weak_one() {
        for (tag, expected) in [("\"7\"", "W/\"7\""), ("W/\"7\"", "W/\"7\"")] {
            let mut headers = map(&[("etag", tag), ("repr-digest", "sha-256=:a:"), ("x", "1")]);
            body_recoded(&mut headers);
            assert_eq!(headers.get("etag").expect("kept"), expected);
            assert!(headers.get("repr-digest").is_none() && headers.contains_key("x"));
            body_changed(&mut headers);
            assert!(headers.get("etag").is_none());
        }
    }

    #[test]
    fn a_coded_body_says_what_it_varies_with_once() {
        for (vary, expected) in [
            (None, vec!["accept-encoding"]),
            (Some("origin"), vec!["origin", "accept-encoding"]),
            (
                Some("origin, Accept-Encoding"),
                vec!["origin, Accept-Encoding"],
            ),
            (Some("*"), vec!["*"]),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(vary.map(|it| (header::VARY, HeaderValue::from_static(it))));
            coded(&mut headers, Coding::Brotli);
            assert_eq!(headers.get("content-encoding").expect("coded"), "br");
            let told: Vec<_> = headers.get_all("vary").iter().collect();
            assert_eq!(told, expected, "{vary:?}");
        }
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
        towards_upstream(&mut headers, false);
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

    #[test]
    fn what_a_server_may_take_for_a_field_that_ends_here_ends_here_too() {
        let mut headers = map(&[
            ("x_real_ip", "1"),
            ("x_forwarded.for", "1"),
            ("transfer_encoding", "chunked"),
            ("content.length", "5"),
            ("tidegate_record", "7"),
            ("proxy", "http://192.0.2.1/"),
            ("x_kept", "1"),
            ("x-kept", "1"),
        ]);
        towards_upstream(&mut headers, false);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x_kept", "x-kept", "accept-encoding", "via"]);
    }

    #[test]
    fn a_service_names_no_other_way_to_it() {
        let mut headers = map(&[("alt-svc", "h3=\":443\""), ("x-kept", "1")]);
        towards_agent(&mut headers, true);
        assert!(!headers.contains_key("alt-svc") && headers.contains_key("x-kept"));
    }

    #[test]
    fn a_static_key_stands_in_one_field_alone() {
        let key = format!("{}abc", identity::KEY_PREFIX);
        let bearer = format!("Bearer {key}");
        let basic = |pair: String| format!("Basic {}", BASE64_STANDARD.encode(pair));
        let of_password = basic(format!("agent:{key}"));
        let of_user = basic(format!("{key}:"));
        for (fields, is_stray) in [
            (vec![("authorization", &*bearer)], false),
            (vec![("tidegate-token", &*key)], false),
            (
                vec![("authorization", "Bearer sk-other"), ("x-api-key", "k")],
                false,
            ),
            (vec![("authorization", &*key)], true),
            (vec![("authorization", &*of_password)], true),
            (vec![("authorization", &*of_user)], true),
            (vec![("x-api-key", &*key)], true),
            (vec![("api-key", &*bearer)], true),
            (
                vec![("authorization", &*bearer), ("x-goog-api-key", &*key)],
                true,
            ),
            (
                vec![("tidegate-token", &*key), ("authorization", &*bearer)],
                true,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                headers.insert(*name, value.parse().expect("a value"));
            }
            assert_eq!(has_stray_key(&headers), is_stray, "{fields:?}");
        }
    }
}
