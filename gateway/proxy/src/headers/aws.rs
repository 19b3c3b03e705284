//! The agent's token in a request that a library of AWS has signed: as the token of its session, or as the id
//! of its key. Its signature is not looked at, since the key that made it is worth nothing.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

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
    use http::{HeaderValue, header};

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
    fn the_agents_token_is_its_session_or_the_id_of_its_key() {
        check("tidegate", &["a.b.c"], Some("a.b.c"));
        check("a.b.c", &[], Some("a.b.c"));
        check("tidegate", &[], None);
        check("tidegate", &["a.b.c", "d.e.f"], Some(UNREADABLE));
    }
}
