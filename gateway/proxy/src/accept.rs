//! Which content codings an agent takes (RFC 9110 section 12.5.3), and which its answer gets.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};
use redaction::Coding;

/// The codings that the gateway can make, in the order in which it likes to: what is cheapest first.
const CODINGS: [(Coding, &str); 4] = [
    (Coding::Zstd, "zstd"),
    (Coding::Gzip, "gzip"),
    (Coding::Deflate, "deflate"),
    (Coding::Brotli, "br"),
];

/// Thousandths in the weight of a coding that is wanted as much as any.
const WEIGHT_MAX: u16 = 1000;

/// How much an agent wants each coding, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    codings: [u16; CODINGS.len()],
    identity: Option<u16>,
}

impl Accepted {
    /// What a request says. Without the field nothing but identity is assumed, although anything would
    /// be allowed: a program that does not ask most likely cannot read it.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut named = [None; CODINGS.len()];
        let (mut identity, mut others) = (None, None);
        let fields = headers.get_all(header::ACCEPT_ENCODING);
        let texts = fields.iter().filter_map(|value| value.to_str().ok());
        for member in texts.flat_map(|text| text.split(',')) {
            let (name, weight) = member.split_once(';').unwrap_or((member, ""));
            let (name, Some(weight)) = (name.trim(), weight_of(weight)) else {
                continue;
            };
            match Coding::named(name) {
                _ if name.is_empty() => {}
                _ if name == "*" => others = Some(weight),
                Some(Coding::Identity) => identity = Some(weight),
                Some(coding) => {
                    let place = CODINGS.iter().position(|(known, _)| *known == coding);
                    if let Some(slot) = place.and_then(|place| named.get_mut(place)) {
                        *slot = Some(weight);
                    }
                }
                None => {}
            }
        }
        Self {
            codings: named.map(|weight| weight.or(others).unwrap_or(0)),
            // Only an explicit no excludes identity, also one of `*`.
            identity: identity.or(others.filter(|weight| *weight == 0)),
        }
    }

    /// What the upstream is asked for: what the agent takes, as far as it can be decoded here.
    pub(crate) fn towards_upstream(&self) -> HeaderValue {
        let mut text = String::new();
        for ((_, name), weight) in CODINGS.iter().zip(self.codings) {
            match weight {
                0 => {}
                WEIGHT_MAX => text.extend([name, ", "]),
                weight => {
                    write!(text, "{name};q=0.{weight:03}, ").ok();
                }
            }
        }
        // What comes plain is encoded here for whoever takes nothing plain.
        text.push_str(if text.is_empty() {
            "identity"
        } else {
            "identity;q=0.001"
        });
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("identity"))
    }

    /// The coding of an answer that came as `upstream`, and has `bytes` if that is known.
    ///
    /// What came plain stays plain, and so does what is short; unless the agent takes nothing plain.
    pub(crate) fn choose(&self, upstream: Coding, bytes: Option<u64>, least: u64) -> Coding {
        let refused = self.identity == Some(0);
        let worth = upstream != Coding::Identity && bytes.is_none_or(|bytes| bytes >= least);
        if !worth && !refused {
            return Coding::Identity;
        }
        let plain = if refused {
            0
        } else {
            self.identity.unwrap_or(1)
        };
        let wanted = CODINGS.iter().zip(self.codings);
        // Of equals the first.
        let best = wanted.rev().max_by_key(|(_, weight)| *weight);
        match best {
            Some(((coding, _), weight)) if weight > 0 && weight >= plain => *coding,
            _ => Coding::Identity,
        }
    }
}

/// The name of a coding, as `content-encoding` has it.
pub(crate) fn name_of(coding: Coding) -> Option<HeaderValue> {
    let (_, name) = CODINGS.iter().find(|(known, _)| *known == coding)?;
    Some(HeaderValue::from_static(name))
}

/// `q=0.25` in thousandths; nothing is one, and what is no weight is not understood.
fn weight_of(parameters: &str) -> Option<u16> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(WEIGHT_MAX);
    }
    let value = parameters
        .strip_prefix(['q', 'Q'])?
        .trim_start()
        .strip_prefix('=')?
        .trim();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = format!("{part:0<3}").parse::<u16>().ok()?;
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(WEIGHT_MAX),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: u64 = 1024;

    fn accepted(field: Option<&str>) -> Accepted {
        let mut headers = HeaderMap::new();
        if let Some(field) = field {
            headers.insert(header::ACCEPT_ENCODING, field.parse().expect("a value"));
        }
        Accepted::of(&headers)
    }

    #[test]
    fn an_answer_gets_what_its_reader_wants_most() {
        use Coding::{Brotli, Deflate, Gzip, Identity, Zstd};
        for (field, expected) in [
            (None, Identity),
            (Some(""), Identity),
            (Some("gzip"), Gzip),
            (Some("GZIP"), Gzip),
            (Some("x-gzip"), Gzip),
            (Some("gzip, deflate, br, zstd"), Zstd),
            (Some("gzip, deflate"), Gzip),
            (Some("br;q=1.0, gzip;q=0.8, *;q=0.1"), Brotli),
            (Some("deflate;q=0.5, identity;q=0.4"), Deflate),
            (Some("gzip;q=0.5, identity"), Identity),
            (Some("gzip;q=0"), Identity),
            (Some("*"), Zstd),
            (Some("*;q=0.1, zstd;q=0"), Gzip),
            (Some("compress, exi"), Identity),
            // What is no weight is not understood, and so not wanted.
            (Some("gzip;q=2"), Identity),
            (Some("gzip;q=0.1234"), Identity),
            (Some("gzip;level=3"), Identity),
            (Some("gzip ; q = 0.25"), Gzip),
        ] {
            let accepted = accepted(field);
            assert_eq!(accepted.choose(Gzip, None, LEAST), expected, "{field:?}");
            let long = Some(LEAST);
            assert_eq!(accepted.choose(Gzip, long, LEAST), expected, "{field:?}");
            // Neither what is short, nor what came plain.
            assert_eq!(accepted.choose(Gzip, Some(LEAST - 1), LEAST), Identity);
            assert_eq!(accepted.choose(Identity, None, LEAST), Identity);
        }
    }

    #[test]
    fn who_takes_nothing_plain_gets_nothing_plain() {
        for field in [
            "gzip, identity;q=0",
            "gzip, *;q=0",
            "identity;q=0, gzip;q=0.001",
        ] {
            let coding = accepted(Some(field)).choose(Coding::Identity, Some(1), LEAST);
            assert_eq!(coding, Coding::Gzip, "{field}");
        }
        // There is nothing to give to whoever takes nothing.
        let nothing = accepted(Some("*;q=0")).choose(Coding::Identity, Some(1), LEAST);
        assert_eq!(nothing, Coding::Identity);
        let plain = accepted(Some("identity, *;q=0")).choose(Coding::Gzip, None, LEAST);
        assert_eq!(plain, Coding::Identity);
    }

    #[test]
    fn the_upstream_is_asked_for_what_both_can_read() {
        for (field, expected) in [
            (None, "identity"),
            (Some("compress"), "identity"),
            (Some("gzip, deflate"), "gzip, deflate, identity;q=0.001"),
            (
                Some("gzip, deflate, br;q=0.5"),
                "gzip, deflate, br;q=0.500, identity;q=0.001",
            ),
            (Some("identity;q=0, zstd"), "zstd, identity;q=0.001"),
        ] {
            assert_eq!(accepted(field).towards_upstream(), expected, "{field:?}");
        }
    }
}
