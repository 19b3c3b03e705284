//! What a body is, by its headers: nothing, a document to inspect, or something that cannot be.

use http::{HeaderMap, StatusCode, header};
use redaction::Coding;

/// How a body is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// There is no body.
    Empty,
    /// JSON under this content coding.
    Json(Coding),
    /// It cannot be inspected, for this reason; policy decides.
    Opaque(&'static str),
}

/// What a message with these headers carries; `ended` says that it has no body.
pub(crate) fn of(headers: &HeaderMap, ended: bool) -> Media {
    if ended {
        return Media::Empty;
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Media::Opaque("media_undeclared");
    };
    let Ok(kind) = kind.to_str() else {
        return Media::Opaque("media_unknown");
    };
    if headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return Media::Opaque("media_ambiguous");
    }
    if !is_json(kind) {
        return Media::Opaque("media_unknown");
    }
    if !is_utf8(kind) {
        return Media::Opaque("charset_unknown");
    }
    coding(headers).map_or(Media::Opaque("coding_unknown"), Media::Json)
}

/// What a response carries.
pub(crate) fn of_response(status: StatusCode, headers: &HeaderMap, ended: bool) -> Media {
    if !ended
        && (status == StatusCode::PARTIAL_CONTENT || headers.contains_key(header::CONTENT_RANGE))
    {
        // A part of a document has no places, so nothing in it can be judged.
        return Media::Opaque("partial_content");
    }
    of(headers, ended)
}

/// Whether a stream of this kind is read event by event, so that holding its tail would stall it.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| essence(kind).eq_ignore_ascii_case("text/event-stream"))
}

fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// `application/json`, `text/json` and every `+json` (RFC 6839 section 3.1).
fn is_json(kind: &str) -> bool {
    let essence = essence(kind);
    let Some((_, subtype)) = essence.split_once('/') else {
        return false;
    };
    let suffix = subtype
        .rsplit_once('+')
        .map_or(subtype, |(_, suffix)| suffix);
    suffix.eq_ignore_ascii_case("json")
}

fn is_utf8(kind: &str) -> bool {
    kind.split(';').skip(1).all(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else {
            return true;
        };
        let value = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || value.eq_ignore_ascii_case("utf-8")
            || value.eq_ignore_ascii_case("utf8")
            || value.eq_ignore_ascii_case("us-ascii")
    })
}

fn coding(headers: &HeaderMap) -> Option<Coding> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(first) = codings.next() else {
        return Some(Coding::Identity);
    };
    if codings.next().is_some() {
        return None;
    }
    let name = first.to_str().ok()?.trim().to_ascii_lowercase();
    Some(match name.as_str() {
        "identity" | "" => Coding::Identity,
        "gzip" | "x-gzip" => Coding::Gzip,
        "deflate" => Coding::Deflate,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Option<&str>, coding: Option<&str>, expected: Media) {
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(header::CONTENT_TYPE, kind.parse().expect("a value"));
        }
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, coding.parse().expect("a value"));
        }
        assert_eq!(of(&headers, false), expected, "{kind:?} {coding:?}");
        assert_eq!(of(&headers, true), Media::Empty);
    }

    #[test]
    fn only_json_in_utf8_under_a_known_coding_is_inspected() {
        check(
            Some("application/json"),
            None,
            Media::Json(Coding::Identity),
        );
        check(
            Some("Application/FHIR+JSON; charset=\"UTF-8\""),
            None,
            Media::Json(Coding::Identity),
        );
        check(
            Some("application/problem+json"),
            Some("gzip"),
            Media::Json(Coding::Gzip),
        );
        check(
            Some("application/json"),
            Some("br"),
            Media::Opaque("coding_unknown"),
        );
        check(
            Some("application/json"),
            Some("gzip, gzip"),
            Media::Opaque("coding_unknown"),
        );
        check(
            Some("application/json; charset=utf-16"),
            None,
            Media::Opaque("charset_unknown"),
        );
        check(
            Some("application/x-ndjson"),
            None,
            Media::Opaque("media_unknown"),
        );
        check(Some("text/html"), None, Media::Opaque("media_unknown"));
        check(None, None, Media::Opaque("media_undeclared"));
    }
}
