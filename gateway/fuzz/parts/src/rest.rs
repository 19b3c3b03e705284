//! What the files of other crates name of these, as far as they need it.

/// As in `stdio`.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// As in `proxy::route`.
#[derive(Debug, PartialEq, Eq)]
pub enum Unroutable {
    Ambiguous,
}

/// As `proxy::route`.
pub(crate) mod route {
    pub(crate) use super::Unroutable;
    pub(crate) use crate::canonical::{folded, is_like, query_pairs};

    pub(crate) const PARAMETER_BYTES_MAX: usize = 256;
}

/// As `proxy::message`.
pub(crate) mod message {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Unclear {
        NotJson,
        NotAMessage,
        Ambiguous,
        Batch,
        ParameterTooLong,
        Persisted,
    }
}

/// As `proxy::refusal`.
pub(crate) mod refusal {
    pub(crate) struct Interruption {
        pub(crate) status: http::StatusCode,
        pub(crate) reason: &'static str,
        pub(crate) detail: String,
    }
}

/// As `proxy::headers`.
pub(crate) mod headers {
    use http::{HeaderMap, HeaderName};

    pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }
}

/// As `proxy::objects::versions`.
pub(crate) mod versions {
    use jiff::Timestamp;

    pub(crate) struct Version {
        pub(crate) name: String,
        pub(crate) id: String,
        pub(crate) modified: Timestamp,
        pub(crate) is_marker: bool,
    }

    pub(crate) struct Marker {
        pub(crate) key: String,
        pub(crate) version: Option<String>,
    }

    pub(crate) struct Page {
        pub(crate) versions: Vec<Version>,
        pub(crate) next: Option<Marker>,
    }
}
