//! Messages signed with a shared secret (HMAC, RFC 2104), in the ways that their senders have for it.
//!
//! | scheme | fields | what is signed |
//! | --- | --- | --- |
//! | `stripe` | `stripe-signature: t=SECONDS,v1=HEX` | time, `.`, body |
//! | `github` | `x-hub-signature-256: sha256=HEX` | body |
//! | `slack` | `x-slack-request-timestamp`, `x-slack-signature: v0=HEX` | `v0:`, time, `:`, body |
//! | `standard` | `webhook-id`, `webhook-timestamp`, `webhook-signature: v1,BASE64` | id, `.`, time, `.`, body |
//!
//! The last one is Standard Webhooks 1.0.0 (<https://github.com/standard-webhooks/standard-webhooks>), which
//! OpenAI and others speak.

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::headers::only;

const STRIPE: HeaderName = HeaderName::from_static("stripe-signature");
const GITHUB: HeaderName = HeaderName::from_static("x-hub-signature-256");
/// GitHub's signature by SHA-1, which it still sends beside the other.
const GITHUB_SHA1: HeaderName = HeaderName::from_static("x-hub-signature");
const SLACK: HeaderName = HeaderName::from_static("x-slack-signature");
const SLACK_TIME: HeaderName = HeaderName::from_static("x-slack-request-timestamp");
pub(crate) const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIME: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What secrets of Standard Webhooks begin with.
const STANDARD_PREFIX: &str = "whsec_";
/// The shortest and the longest of them, in bytes.
const STANDARD_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The most signatures of one message: by the secret of before, and by that of now.
const SIGNATURES_MAX: usize = 8;
/// The longest id of a message, in bytes.
const ID_BYTES_MAX: usize = 256;

/// A way of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Stripe's.
    Stripe,
    /// GitHub's, which has no time: a message that comes again cannot be told from one sent again.
    GitHub,
    /// Slack's.
    Slack,
    /// Standard Webhooks.
    Standard,
}

/// A secret, as one scheme has it.
#[derive(Clone, Debug)]
pub struct Key {
    scheme: Scheme,
    key: hmac::Key,
}

/// A signature of one message.
#[derive(Debug)]
pub struct Signed {
    /// The fields that show it.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// Itself, as text.
    pub signature: String,
}

/// What a message shows: the signature itself is one of `signatures`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown<'h> {
    id: &'h str,
    time: &'h str,
    /// When it was signed, in seconds since 1970; none if the scheme has no time.
    pub(crate) at: Option<i64>,
    signatures: Vec<Vec<u8>>,
}

/// A message carries no signature that could be held against anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsigned;

impl Scheme {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::GitHub => "github",
            Self::Slack => "slack",
            Self::Standard => "standard",
        }
    }

    /// The fields that say anything of a signature.
    pub(crate) fn fields(self) -> &'static [HeaderName] {
        static OF_STRIPE: [HeaderName; 1] = [STRIPE];
        static OF_GITHUB: [HeaderName; 2] = [GITHUB, GITHUB_SHA1];
        static OF_SLACK: [HeaderName; 2] = [SLACK, SLACK_TIME];
        // The id of a message stays the same however often it is signed.
        static OF_STANDARD: [HeaderName; 2] = [TIME, SIGNATURE];
        match self {
            Self::Stripe => &OF_STRIPE,
            Self::GitHub => &OF_GITHUB,
            Self::Slack => &OF_SLACK,
            Self::Standard => &OF_STANDARD,
        }
    }

    /// What a message shows.
    pub(crate) fn shown(self, headers: &HeaderMap) -> Result<Shown<'_>, Unsigned> {
        let field = |name: &HeaderName| only(headers, name).ok_or(Unsigned);
        let (id, time, signatures) = match self {
            Self::Stripe => {
                let pairs = field(&STRIPE)?.split(',');
                let pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
                let named = |name: &'static str| {
                    let pairs = pairs.clone();
                    pairs.filter_map(move |(key, value)| (key == name).then_some(value))
                };
                let mut times = named("t");
                let time = times.next().filter(|_| times.next().is_none());
                ("", time, named("v1").map(hexadecimal).collect())
            }
            Self::GitHub => ("", Some(""), vec![prefixed(field(&GITHUB)?, "sha256=")]),
            Self::Slack => {
                let signature = prefixed(field(&SLACK)?, "v0=");
                ("", Some(field(&SLACK_TIME)?), vec![signature])
            }
            Self::Standard => {
                let each = field(&SIGNATURE)?.split(' ');
                let each = each.filter_map(|it| it.strip_prefix("v1,"));
                let each = each.map(|it| BASE64_STANDARD.decode(it).ok()).collect();
                (field(&ID)?, Some(field(&TIME)?), each)
            }
        };
        let signatures: Vec<Vec<u8>> = signatures.into_iter().flatten().collect();
        let time = time.ok_or(Unsigned)?;
        let at = match self {
            Self::GitHub => None,
            _ => Some(seconds(time).ok_or(Unsigned)?),
        };
        let counts = 1..=SIGNATURES_MAX;
        if !counts.contains(&signatures.len()) || id.len() > ID_BYTES_MAX {
            return Err(Unsigned);
        }
        Ok(Shown {
            id,
            time,
            at,
            signatures,
        })
    }
}

impl Key {
    /// The secret as `scheme` has it: text as it stands, but for `standard`, where it is `whsec_` and the
    /// base64 of 24 to 64 bytes. None if it is none.
    pub fn of(scheme: Scheme, secret: &[u8]) -> Option<Self> {
        let decoded;
        let bytes = match scheme {
            Scheme::Standard => {
                let text = str::from_utf8(secret).ok()?.trim();
                let encoded = text.strip_prefix(STANDARD_PREFIX)?;
                decoded = Zeroizing::new(BASE64_STANDARD.decode(encoded).ok()?);
                STANDARD_BYTES
                    .contains(&decoded.len())
                    .then_some(&**decoded)?
            }
            _ => secret,
        };
        (!bytes.is_empty()).then(|| Self {
            scheme,
            key: hmac::Key::new(hmac::HMAC_SHA256, bytes),
        })
    }

    /// Signs a message, with this id where the scheme has one.
    ///
    /// # Errors
    /// If the id cannot stand in a field.
    pub fn sign(&self, id: &str, at: i64, body: &[u8]) -> Result<Signed, http::Error> {
        let time = at.to_string();
        let tag = hmac::sign(&self.key, &self.message(id, &time, body));
        let signature = match self.scheme {
            Scheme::Standard => BASE64_STANDARD.encode(tag),
            _ => hex::encode(tag),
        };
        let shown = &signature;
        let fields = match self.scheme {
            Scheme::Stripe => vec![(STRIPE, format!("t={time},v1={shown}"))],
            Scheme::GitHub => vec![(GITHUB, format!("sha256={shown}"))],
            Scheme::Slack => vec![(SLACK, format!("v0={shown}")), (SLACK_TIME, time)],
            Scheme::Standard => vec![
                (SIGNATURE, format!("v1,{shown}")),
                (ID, id.to_owned()),
                (TIME, time),
            ],
        };
        let fields = fields.into_iter();
        let fields = fields.map(|(name, value)| Ok((name, HeaderValue::try_from(value)?)));
        Ok(Signed {
            fields: fields.collect::<Result<_, http::Error>>()?,
            signature,
        })
    }

    /// A name of the message that no other has, if it was signed with this secret as it shows.
    pub(crate) fn verify(&self, shown: &Shown<'_>, body: &[u8]) -> Option<[u8; 32]> {
        let message = self.message(shown.id, shown.time, body);
        let mut signatures = shown.signatures.iter();
        let found = signatures.find(|it| hmac::verify(&self.key, &message, it).is_ok())?;
        digest::digest(&digest::SHA256, found)
            .as_ref()
            .try_into()
            .ok()
    }

    fn message(&self, id: &str, time: &str, body: &[u8]) -> Vec<u8> {
        let head = match self.scheme {
            Scheme::Stripe => format!("{time}."),
            Scheme::GitHub => String::new(),
            Scheme::Slack => format!("v0:{time}:"),
            Scheme::Standard => format!("{id}.{time}."),
        };
        [head.as_bytes(), body].concat()
    }
}

/// An id that no other message has, and this one whenever it is sent.
pub fn id(body: &[u8]) -> String {
    let digest = hex::encode(digest::digest(&digest::SHA256, body));
    format!("msg_{}", digest.get(..32).unwrap_or_default())
}

fn prefixed(value: &str, prefix: &str) -> Option<Vec<u8>> {
    hexadecimal(value.strip_prefix(prefix)?)
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}

/// Plain digits: `+7` and ` 7` are other texts that would be signed alike by nobody.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|it| it.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
