//! What a body is, by its headers: nothing, a document to inspect, or something that cannot be.

use http::{HeaderMap, StatusCode, header};
use redaction::{Boundary, Coding, Format, Framing, Media as Kind, media_type::is_utf8};

use crate::gateway::Uninspected;

/// How a body is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// There is no body.
    Empty,
    /// A document of this kind under this content coding.
    Document(Kind, Coding),
    /// The parts of a form under this content coding.
    Multipart(Boundary, Coding),
    /// Messages of protobuf under this content coding; what they are, only descriptors tell.
    Protobuf(Framing, Coding),
    /// It cannot be inspected, for this reason; policy decides.
    Opaque(&'static str),
}

impl Media {
    /// What is inspected, and under which coding it comes; none if nothing is.
    pub(crate) fn inspected(self, uninspected: Uninspected) -> Option<(Format, Coding)> {
        match self {
            Self::Empty | Self::Opaque(_) => None,
            Self::Document(kind, coding) => Some((Format::Document(kind), coding)),
            Self::Multipart(boundary, coding) => {
                Some((Format::Multipart(boundary, uninspected.of_parts()), coding))
            }
            Self::Protobuf(framing, coding) => Some((Format::Protobuf(framing), coding)),
        }
    }
}

/// Why a body of no type cannot be inspected.
pub(crate) const UNDECLARED: &str = "media_undeclared";

/// Whether a body is one JSON document.
pub(crate) fn is_json(format: Format) -> bool {
    format == Format::Document(Kind::Json)
}

/// Whether a body means nothing before its end, so that nobody minds when its beginning comes.
pub(crate) fn is_read_whole(format: Format) -> bool {
    matches!(
        format,
        Format::Document(Kind::Json | Kind::Xml | Kind::Form) | Format::Multipart(..)
    )
}

/// What a message with these headers carries; `ended` says that it has no body.
pub(crate) fn of(headers: &HeaderMap, ended: bool) -> Media {
    if ended {
        return Media::Empty;
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Media::Opaque(UNDECLARED);
    };
    let Ok(kind) = kind.to_str() else {
        return Media::Opaque("media_unknown");
    };
    if headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return Media::Opaque("media_ambiguous");
    }
    if let Some(boundary) = Boundary::named(kind) {
        return coding(headers).map_or(Media::Opaque("coding_unknown"), |coding| {
            Media::Multipart(boundary, coding)
        });
    }
    if is_protobuf(kind) {
        return match (framing(kind, headers), coding(headers)) {
            (Some(framing), Some(coding)) => Media::Protobuf(framing, coding),
            _ => Media::Opaque("coding_unknown"),
        };
    }
    if essence(kind).to_ascii_lowercase().starts_with(GRPC) {
        // Frames of something else: `application/grpc+json` is no JSON.
        return Media::Opaque("media_unknown");
    }
    let Some(media) = Kind::named(kind) else {
        return Media::Opaque("media_unknown");
    };
    if !is_utf8(kind) {
        return Media::Opaque("charset_unknown");
    }
    coding(headers).map_or(Media::Opaque("coding_unknown"), |coding| {
        Media::Document(media, coding)
    })
}

/// Whether a body of this type is messages of protobuf.
fn is_protobuf(kind: &str) -> bool {
    let essence = essence(kind);
    let whole = [
        "application/protobuf",
        "application/x-protobuf",
        "application/vnd.google.protobuf",
    ];
    is_grpc(kind)
        || web(kind).is_some()
        || whole.iter().any(|name| essence.eq_ignore_ascii_case(name))
}

/// How its messages stand in it, unless they are compressed in a way that is not known.
fn framing(kind: &str, headers: &HeaderMap) -> Option<Framing> {
    let frames = match (is_grpc(kind), web(kind)) {
        (true, _) => Framing::Grpc,
        (_, Some(Web::Binary)) => Framing::Web,
        (_, Some(Web::Text)) => Framing::WebText,
        (false, None) => return Some(Framing::Whole),
    };
    let mut codings = headers.get_all("grpc-encoding").iter();
    let coding = match (codings.next(), codings.next()) {
        (None, _) => Some(Coding::Identity),
        (Some(only), None) => only.to_str().ok().and_then(Coding::named),
        (Some(_), Some(_)) => None,
    };
    coding.map(frames)
}

/// What the types of gRPC begin with, whatever is in its frames.
const GRPC: &str = "application/grpc";

/// Whether a body of this type is gRPC over HTTP/2, in protobuf.
pub(crate) fn is_grpc(kind: &str) -> bool {
    let essence = essence(kind);
    [GRPC, "application/grpc+proto"]
        .iter()
        .any(|name| essence.eq_ignore_ascii_case(name))
}

/// How messages of gRPC-Web are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Web {
    Binary,
    /// In base64.
    Text,
}

/// Whether a body of this type is gRPC-Web, in protobuf.
fn web(kind: &str) -> Option<Web> {
    let essence = essence(kind).to_ascii_lowercase();
    match essence.strip_suffix("+proto").unwrap_or(&essence) {
        "application/grpc-web" => Some(Web::Binary),
        "application/grpc-web-text" => Some(Web::Text),
        _ => None,
    }
}

/// How the messages are written in a message with these headers, if it is gRPC-Web.
pub(crate) fn has_web(headers: &HeaderMap) -> Option<Web> {
    let kind = headers.get(header::CONTENT_TYPE)?;
    web(kind.to_str().ok()?)
}

/// Whether a message with these headers is gRPC.
pub(crate) fn has_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(is_grpc)
}

/// The message that the type of a body names: `application/x-protobuf; messageType="crm.v1.Customer"`.
pub(crate) fn message_type(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let mut named = kind.split(';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let name = name.trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        (is("messageType") || is("proto")).then(|| value.trim().trim_matches('"'))
    });
    let name = named.next()?;
    named.next().is_none().then_some(name)
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

fn coding(headers: &HeaderMap) -> Option<Coding> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(first) = codings.next() else {
        return Some(Coding::Identity);
    };
    if codings.next().is_some() {
        return None;
    }
    Coding::named(first.to_str().ok()?)
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

    fn document(kind: Kind, coding: Coding) -> Media {
        Media::Document(kind, coding)
    }

    #[test]
    fn documents_in_utf8_under_a_known_coding_are_inspected() {
        let known = [
            ("application/json", Kind::Json),
            ("Application/FHIR+JSON; charset=\"UTF-8\"", Kind::Json),
            ("application/x-ndjson", Kind::Ndjson),
            ("text/event-stream", Kind::Sse),
            ("text/csv; header=present", Kind::Csv),
            ("application/fhir+xml", Kind::Xml),
            ("application/x-www-form-urlencoded", Kind::Form),
            ("text/html; charset=utf-8", Kind::Html),
            ("text/plain", Kind::Text),
        ];
        for (kind, expected) in known {
            check(Some(kind), None, document(expected, Coding::Identity));
        }
        let codings = [
            ("gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
            ("zstd", Coding::Zstd),
            ("identity", Coding::Identity),
        ];
        for (coding, expected) in codings {
            check(
                Some("application/json"),
                Some(coding),
                document(Kind::Json, expected),
            );
        }
    }

    #[test]
    fn protobuf_is_known_by_its_types() {
        let whole = Media::Protobuf(Framing::Whole, Coding::Identity);
        check(Some("application/x-protobuf; proto=a.B"), None, whole);
        check(Some("application/protobuf"), None, whole);
        let mut headers = HeaderMap::new();
        let kind = "application/grpc+proto".parse().expect("a value");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert("grpc-encoding", "gzip".parse().expect("a value"));
        let framed = Media::Protobuf(Framing::Grpc(Coding::Gzip), Coding::Identity);
        assert_eq!(of(&headers, false), framed);
        headers.insert("grpc-encoding", "snappy".parse().expect("a value"));
        assert_eq!(of(&headers, false), Media::Opaque("coding_unknown"));
        check(
            Some("application/grpc+json"),
            None,
            Media::Opaque("media_unknown"),
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_gap() {
        for coding in ["gzip, gzip", "compress"] {
            check(
                Some("application/json"),
                Some(coding),
                Media::Opaque("coding_unknown"),
            );
        }
        for kind in [
            "application/json; charset=utf-16",
            "text/plain; charset=iso-8859-1",
        ] {
            check(Some(kind), None, Media::Opaque("charset_unknown"));
        }
        for kind in ["application/pdf", "image/png", "application/octet-stream"] {
            check(Some(kind), None, Media::Opaque("media_unknown"));
        }
        check(None, None, Media::Opaque("media_undeclared"));
    }
}
