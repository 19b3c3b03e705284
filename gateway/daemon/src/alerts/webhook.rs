//! Alerts by a webhook, signed as Standard Webhooks 1.0.0 has it
//! (<https://github.com/standard-webhooks/standard-webhooks>, "Webhook Headers").

use std::path::Path;

use http::{HeaderMap, HeaderValue, Uri, header};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{
    Upstream,
    post::PostFault,
    webhook::{self, Scheme},
};

use super::Undelivered;
use crate::cli::now;

/// What signs.
pub(crate) struct Key(webhook::Key);

impl Key {
    /// Reads `whsec_...` from a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = vault::private(path);
        let text = text.into_diagnostic().wrap_err_with(|| {
            format!("the key of a webhook, `{}`, cannot be read", path.display())
        })?;
        let key = webhook::Key::of(Scheme::Standard, &text).ok_or_else(|| {
            miette!(
                help = "`whsec_` and the base64 of 24 to 64 random bytes",
                "`{}` holds no key of a webhook",
                path.display()
            )
        })?;
        Ok(Self(key))
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
            .headers(&webhook::id(text), text)
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
        let signed = self.key.0.sign(id, now().as_second(), text)?;
        let json = HeaderValue::from_static("application/json");
        let json = (header::CONTENT_TYPE, json);
        Ok(signed.fields.into_iter().chain([json]).collect())
    }
}
