//! The agent's token in a request that a library of AWS has signed: as the token of its session, or as the id
//! of its key. Its signature is not looked at, since the key that made it is worth nothing.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{SESSION_TOKEN, UNREADABLE, only};

/// The scheme of AWS Signature Version 4.
pub(super) const SCHEME: &str = "AWS4-HMAC-SHA256";

/// What stands for the token; `parts` is what follows the scheme.
pub(super) fn token<'h>(headers: &'h HeaderMap, parts: &'h str) -> Option<Cow<'h, str>> {
    if headers.contains_key(&SESSION_TOKEN) {
        return Some(only(headers, &SESSION_TOKEN).unwrap_or(UNREADABLE).into());
    }
    let mut parts = parts.split(',');
    let scope = parts.find_map(|part| part.trim().strip_prefix("Credential="))?;
    scope.split('/').next().map(Cow::Borrowed)
}

/// Whether a body is cut into chunks of its own kind, each signed or behind a digest: what is in it is no body.
pub(crate) fn has_chunks(headers: &HeaderMap) -> bool {
    let is_cut = |value: &HeaderValue| {
        let value = value.as_bytes().to_ascii_lowercase();
        let mut codings = value.split(|byte| *byte == b',');
        codings.any(|it| it.trim_ascii() == b"aws-chunked")
    };
    let is_streaming = |value: &HeaderValue| value.as_bytes().starts_with(b"STREAMING-");
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut digests = headers.get_all("x-amz-content-sha256").iter();
    codings.any(is_cut) || digests.any(is_streaming)
}

/// Takes out the digests of a body that is no longer the one which they are of.
pub(super) fn take_checksums(headers: &mut HeaderMap) {
    let is_one = |name: &&HeaderName| {
        let name = name.as_str();
        name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm"
    };
    let names: Vec<HeaderName> = headers.keys().filter(is_one).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::token_for_key;
    use super::*;

    fn check(id: &str, session: &[&'static str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        let signed = format!(
            "{SCHEME} Credential={id}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"
        );
        headers.insert(header::AUTHORIZATION, signed.parse().expect("a value"));
        for token in session {
            headers.append(SESSION_TOKEN, HeaderValue::from_static(token));
        }
        assert_eq!(token_for_key(&headers).as_deref(), expected, "{id}");
    }

    #[test]
    fn chunks_of_its_own_kind_are_seen() {
        let has = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            has_chunks(&headers)
        };
        assert!(has("content-encoding", "gzip, AWS-chunked"));
        assert!(has(
            "x-amz-content-sha256",
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        ));
        assert!(!has("content-encoding", "gzip"));
        assert!(!has("x-amz-content-sha256", "UNSIGNED-PAYLOAD"));
    }

    #[test]
    fn the_agents_token_is_its_session_or_the_id_of_its_key() {
        check("tidegate", &["a.b.c"], Some("a.b.c"));
        check("a.b.c", &[], Some("a.b.c"));
        check("tidegate", &[], None);
        check("tidegate", &["a.b.c", "d.e.f"], Some(UNREADABLE));
    }
}
