//! Fetches token issuers' keys (RFC 7517) over HTTP.

use std::{sync::Arc, time::Duration};

use http::Uri;
use http_body_util::{BodyExt, Limited};
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::Upstream;

/// A key set is small; a longer one is refused.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;

/// For the whole fetch.
pub const JWKS_DEADLINE: Duration = Duration::from_secs(10);

/// Why a key set could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum JwksFault {
    /// It took too long.
    #[error("the key set did not arrive in time")]
    Deadline,
    /// The issuer could not be reached.
    #[error("the issuer could not be reached")]
    Unreachable,
    /// It answered, but not with a key set.
    #[error("the issuer answered with status {0}")]
    Status(u16),
    /// The answer is too long, broke off or is not text.
    #[error("the issuer's answer is too long, broke off or is not text")]
    Body,
}

/// Fetches the document at `uri`.
pub async fn fetch(tls: &Arc<ClientConfig>, uri: Uri) -> Result<String, JwksFault> {
    fetch_within(tls, uri, JWKS_BYTES_MAX).await
}

/// Fetches a document of at most `bytes_max`.
pub async fn fetch_within(
    tls: &Arc<ClientConfig>,
    uri: Uri,
    bytes_max: usize,
) -> Result<String, JwksFault> {
    timeout(JWKS_DEADLINE, get(tls, uri, bytes_max))
        .await
        .map_err(|_| JwksFault::Deadline)?
}

async fn get(tls: &Arc<ClientConfig>, uri: Uri, bytes_max: usize) -> Result<String, JwksFault> {
    let response = Upstream::new(tls)
        .get(uri)
        .await
        .map_err(|_| JwksFault::Unreachable)?;
    if !response.status().is_success() {
        return Err(JwksFault::Status(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), bytes_max)
        .collect()
        .await
        .map_err(|_| JwksFault::Body)?;
    String::from_utf8(body.to_bytes().to_vec()).map_err(|_| JwksFault::Body)
}
