//! Alerts by a webhook, signed as Standard Webhooks 1.0.0 has it
//! (<https://github.com/standard-webhooks/standard-webhooks>, "Webhook Headers").

use std::path::Path;

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{Upstream, post::PostFault};
use zeroize::Zeroizing;

use super::Undelivered;
use crate::cli::now;

/// What a key begins with.
const PREFIX: &str = "whsec_";
/// The shortest and the longest key, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What signs.
pub(crate) struct Key(hmac::Key);

impl Key {
    /// Reads `whsec_...` from a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.into_diagnostic().wrap_err_with(|| {
            format!("the key of a webhook, `{}`, cannot be read", path.display())
        })?;
        let encoded = text.trim().strip_prefix(PREFIX);
        let key = encoded
            .and_then(|it| STANDARD.decode(it).ok())
            .map(Zeroizing::new);
        let key = key
            .filter(|key| KEY_BYTES.contains(&key.len()))
            .ok_or_else(|| {
                miette!(
                    help = "`whsec_` and the base64 of 24 to 64 random bytes",
                    "`{}` holds no key of a webhook",
                    path.display()
                )
            })?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }
}

/// A receiver.
pub(super) struct Webhook {
    uri: Uri,
    key: Key,
    client: Upstream,
}

impl Webhook {
    pub(super) fn new(uri: Uri, key: Key, client: Upstream) -> Self {
        Self { uri, key, client }
    }

    /// Hands it over. The same alert has the same id whenever it is tried, so that a receiver may tell
    /// one that comes twice.
    pub(super) async fn send(&self, text: &[u8]) -> std::result::Result<(), Undelivered> {
        let headers = self
            .headers(&id(text), text)
            .map_err(|error| Undelivered::Refused(error.to_string()))?;
        let sent = self
            .client
            .post(self.uri.clone(), headers, text.to_vec().into());
        sent.await.map_err(|error| {
            let why = error.to_string();
            match error {
                // But for "too slow" and "too many", the same again will not do.
                PostFault::Status(status)
                    if (400..500).contains(&status) && ![408, 425, 429].contains(&status) =>
                {
                    Undelivered::Refused(why)
                }
                _ => Undelivered::Later(why),
            }
        })
    }

    fn headers(&self, id: &str, text: &[u8]) -> std::result::Result<HeaderMap, http::Error> {
        let timestamp = now().as_second().to_string();
        let mut signed = format!("{id}.{timestamp}.").into_bytes();
        signed.extend_from_slice(text);
        let signature = hmac::sign(&self.key.0, &signed);
        let signature = format!("v1,{}", STANDARD.encode(signature.as_ref()));
        let json = HeaderValue::from_static("application/json");
        Ok(HeaderMap::from_iter([
            (header::CONTENT_TYPE, json),
            (ID, HeaderValue::try_from(id)?),
            (TIMESTAMP, HeaderValue::try_from(timestamp)?),
            (SIGNATURE, HeaderValue::try_from(signature)?),
        ]))
    }
}

/// An id that no other alert has, of this host or another: each names its record and its time.
fn id(text: &[u8]) -> String {
    let digest = hex::encode(digest::digest(&digest::SHA256, text));
    format!("msg_{}", digest.get(..32).unwrap_or_default())
}
