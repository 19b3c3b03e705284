//! The opening handshake (RFC 6455 section 4): the agent's is checked, and the upstream gets one of the gateway's
//! own, with a key of its own and of the subprotocols only those that are declared.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Version, header, request::Parts};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::WebSocket;
use crate::{headers, refusal::Interruption, route::Way};

/// The only version (RFC 6455 section 4.1).
pub(crate) const VERSION: HeaderValue = HeaderValue::from_static("13");

/// Whether a request asks for a WebSocket; in HTTP/1.0 the field means nothing (RFC 9110 section 7.8).
pub(crate) fn is_asked(version: Version, fields: &HeaderMap) -> bool {
    version == Version::HTTP_11
        && names(fields, &header::UPGRADE, "websocket")
        && names(fields, &header::CONNECTION, "upgrade")
}

/// Whether what is asked for is what the operation is.
pub(crate) fn check(way: &Way, parts: &Parts, has_body: bool) -> Result<(), Interruption> {
    let is_asked = is_asked(parts.version, &parts.headers);
    match (way.websocket.is_some(), is_asked) {
        (false, false) => Ok(()),
        (false, true) => Err(Interruption::websocket_undeclared()),
        (true, false) => Err(Interruption::websocket_required()),
        (true, true) if is_sound(&parts.headers) && !has_body => Ok(()),
        (true, true) => Err(Interruption::handshake_invalid()),
    }
}

/// Whether it has the version and one key of 16 bytes.
fn is_sound(fields: &HeaderMap) -> bool {
    let key = headers::only(fields, &header::SEC_WEBSOCKET_KEY);
    let key = key.and_then(|key| BASE64_STANDARD.decode(key).ok());
    let mut versions = fields.get_all(header::SEC_WEBSOCKET_VERSION).iter();
    key.is_some_and(|key| key.len() == 16)
        && versions.next() == Some(&VERSION)
        && versions.next().is_none()
}

/// Whether a list of tokens has this one.
fn names(fields: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(fields, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn tokens<'f>(fields: &'f HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'f str> {
    let values = fields.get_all(name).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

/// The handshake with an upstream.
pub(crate) struct Handshake {
    key: String,
    /// The subprotocols that the agent asks for and that may be agreed on.
    offered: Vec<Box<str>>,
}

impl Handshake {
    /// One for what the agent asks for in `fields`.
    pub(crate) fn new(declared: &WebSocket, fields: &HeaderMap) -> Self {
        let asked = |known: &str| {
            let mut asked = tokens(fields, &header::SEC_WEBSOCKET_PROTOCOL);
            asked.any(|asked| asked == known)
        };
        let known = declared.subprotocols.iter();
        Self {
            key: generate_key(),
            offered: known.filter(|known| asked(known)).cloned().collect(),
        }
    }

    /// Writes it into the fields that the upstream gets.
    pub(crate) fn write(&self, fields: &mut HeaderMap) {
        let value = |text: &str| HeaderValue::try_from(text).ok();
        fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        fields.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
        if let Some(key) = value(&self.key) {
            fields.insert(header::SEC_WEBSOCKET_KEY, key);
        }
        if let Some(offered) = value(&self.offered.join(", "))
            && !self.offered.is_empty()
        {
            fields.insert(header::SEC_WEBSOCKET_PROTOCOL, offered);
        }
    }

    /// Whether a 101 with these fields agrees to it, and to no more (RFC 6455 section 4.1, "the client MUST
    /// validate").
    pub(crate) fn is_met(&self, fields: &HeaderMap) -> bool {
        let accept = headers::only(fields, &header::SEC_WEBSOCKET_ACCEPT);
        let mut agreed = fields.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        let is_offered = agreed.next().is_none_or(|agreed| {
            let mut offered = self.offered.iter();
            offered.any(|offered| agreed.as_bytes() == offered.as_bytes())
        });
        names(fields, &header::UPGRADE, "websocket")
            && names(fields, &header::CONNECTION, "upgrade")
            && accept.is_some_and(|accept| accept.trim() == derive_accept_key(self.key.as_bytes()))
            && is_offered
            && agreed.next().is_none()
            && !fields.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            let value = HeaderValue::try_from(*value).expect("a value");
            (HeaderName::from_static(name), value)
        });
        fields.collect()
    }

    #[test]
    fn a_handshake_is_told_from_other_upgrades() {
        let asked = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
        ];
        assert!(is_asked(Version::HTTP_11, &map(&asked)));
        assert!(!is_asked(Version::HTTP_10, &map(&asked)));
        assert!(!is_asked(Version::HTTP_2, &map(&asked)));
        for others in [
            [("upgrade", "h2c"), ("connection", "upgrade")],
            [("upgrade", "websocket"), ("connection", "close")],
            [("x-upgrade", "websocket"), ("connection", "upgrade")],
        ] {
            assert!(!is_asked(Version::HTTP_11, &map(&others)), "{others:?}");
        }
    }

    #[test]
    fn a_key_has_sixteen_bytes_and_the_version_is_thirteen() {
        let key = BASE64_STANDARD.encode([7; 16]);
        let check = |key: &str, version: &str| {
            is_sound(&map(&[
                ("sec-websocket-key", key),
                ("sec-websocket-version", version),
            ]))
        };
        assert!(check(&key, "13"));
        assert!(!check(&key, "8") && !check(&key, "13, 8"));
        assert!(!check(&BASE64_STANDARD.encode([7; 15]), "13") && !check("?", "13"));
        let mut twice = map(&[("sec-websocket-key", &key), ("sec-websocket-version", "13")]);
        twice.append(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("a"));
        assert!(!is_sound(&twice));
    }

    #[test]
    fn what_is_not_declared_is_not_offered() {
        let declared = WebSocket {
            subprotocols: vec!["realtime".into(), "v2".into()],
        };
        let key = format!("openai-insecure-api-key.{}", "x".repeat(8));
        let asked = format!("realtime, {key}, other");
        let handshake = Handshake::new(&declared, &map(&[("sec-websocket-protocol", &asked)]));
        let mut fields = HeaderMap::new();
        handshake.write(&mut fields);
        assert_eq!(fields["sec-websocket-protocol"], "realtime");
        let bare = Handshake::new(
            &WebSocket::default(),
            &map(&[("sec-websocket-protocol", &asked)]),
        );
        let mut fields = HeaderMap::new();
        bare.write(&mut fields);
        assert!(!fields.contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn an_upstream_agrees_to_what_was_asked_and_to_no_more() {
        let declared = WebSocket {
            subprotocols: vec!["realtime".into()],
        };
        let asked = map(&[("sec-websocket-protocol", "realtime")]);
        let handshake = Handshake::new(&declared, &asked);
        let accept = derive_accept_key(handshake.key.as_bytes());
        let met = |change: Option<(&'static str, &str)>| {
            let mut fields = map(&[
                ("upgrade", "websocket"),
                ("connection", "Upgrade"),
                ("sec-websocket-accept", &accept),
            ]);
            fields.extend(map(change.as_slice()));
            handshake.is_met(&fields)
        };
        assert!(met(None) && met(Some(("sec-websocket-protocol", "realtime"))));
        for change in [
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-protocol", "other"),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("upgrade", "h2c"),
            ("connection", "close"),
        ] {
            assert!(!met(Some(change)), "{change:?}");
        }
    }
}
