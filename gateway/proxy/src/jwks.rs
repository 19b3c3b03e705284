//! Fetches token issuers' keys (RFC 7517) over HTTP.

use std::{ops::ControlFlow, str::FromStr as _, sync::Arc, time::Duration};

use http::{Response, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use rustls::ClientConfig;
use serde::Deserialize;
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
    /// What it publishes of itself is somebody else's, or names no keys.
    #[error(
        "what the issuer publishes (`/.well-known/openid-configuration`) does not name this issuer and a `jwks_uri` of https"
    )]
    Metadata,
}

/// What an issuer publishes of itself, as far as it is read.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Fetches the keys of an issuer from where it says they are: by `OpenID` Connect Discovery 1.0 (section
/// 4), or by RFC 8414.
pub async fn discover(tls: &Arc<ClientConfig>, issuer: &Uri) -> Result<String, JwksFault> {
    let [openid, oauth] = published_at(issuer);
    let text = match fetch(tls, openid?).await {
        Err(JwksFault::Status(404)) => fetch(tls, oauth?).await?,
        told => told?,
    };
    let metadata: Metadata = serde_json::from_str(&text).map_err(|_| JwksFault::Metadata)?;
    // Section 4.3: exactly. A slash that an address must have and a name need not is the one exception.
    let same = |name: &str| name.trim_end_matches('/') == issuer.to_string().trim_end_matches('/');
    let keys = Uri::from_str(&metadata.jwks_uri).ok();
    let keys = keys.filter(|keys| {
        let is_private = keys.scheme_str() == Some("https");
        // In the clear it may only be where the issuer is, which was allowed to be so.
        same(&metadata.issuer) && (is_private || keys.authority() == issuer.authority())
    });
    fetch(tls, keys.ok_or(JwksFault::Metadata)?).await
}

/// Where an issuer publishes: behind its path by one specification, before it by the other.
fn published_at(issuer: &Uri) -> [Result<Uri, JwksFault>; 2] {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut parts = issuer.clone().into_parts();
        parts.path_and_query = path.parse().ok();
        Uri::from_parts(parts).map_err(|_| JwksFault::Metadata)
    };
    [
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ]
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

/// Fetches a document of lines, and looks at each as it comes, until that wants no more; what may be long is the
/// document, not a line.
///
/// # Errors
/// As [`fetch_within`], and if a line is longer than `line_bytes_max`. The deadline is for each piece.
pub async fn each_line(
    tls: &Arc<ClientConfig>,
    uri: Uri,
    line_bytes_max: usize,
    mut look: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), JwksFault> {
    let asked = Upstream::new(tls).get(uri).await;
    let response = asked.map_err(|_| JwksFault::Unreachable)?;
    if !response.status().is_success() {
        return Err(JwksFault::Status(response.status().as_u16()));
    }
    let mut body = response.into_body();
    let mut begun = Vec::new();
    loop {
        let frame = timeout(JWKS_DEADLINE, body.frame()).await;
        let Some(frame) = frame.map_err(|_| JwksFault::Deadline)? else {
            break;
        };
        let Ok(data) = frame.map_err(|_| JwksFault::Body)?.into_data() else {
            continue;
        };
        begun.extend_from_slice(&data);
        let mut lines = begun.split(|byte| *byte == b'\n');
        // What stands behind the last line's end goes on in the next piece.
        let rest = lines.next_back().unwrap_or_default().to_vec();
        if lines.try_for_each(&mut look).is_break() {
            return Ok(());
        }
        if rest.len() > line_bytes_max {
            return Err(JwksFault::Body);
        }
        begun = rest;
    }
    if begun.is_empty() {
        Ok(())
    } else {
        Err(JwksFault::Body)
    }
}

/// Fetches a document of at most `bytes_max`, whatever the status says of it: `/readyz` tells with a 503 what is not
/// ready.
pub async fn fetch_any(
    tls: &Arc<ClientConfig>,
    uri: Uri,
    bytes_max: usize,
) -> Result<String, JwksFault> {
    let fetched = async {
        let asked = Upstream::new(tls).get(uri).await;
        text(asked.map_err(|_| JwksFault::Unreachable)?, bytes_max).await
    };
    let fetched = timeout(JWKS_DEADLINE, fetched).await;
    fetched.map_err(|_| JwksFault::Deadline)?
}

async fn get(tls: &Arc<ClientConfig>, uri: Uri, bytes_max: usize) -> Result<String, JwksFault> {
    let response = Upstream::new(tls)
        .get(uri)
        .await
        .map_err(|_| JwksFault::Unreachable)?;
    if !response.status().is_success() {
        return Err(JwksFault::Status(response.status().as_u16()));
    }
    text(response, bytes_max).await
}

async fn text(response: Response<Incoming>, bytes_max: usize) -> Result<String, JwksFault> {
    let body = Limited::new(response.into_body(), bytes_max)
        .collect()
        .await
        .map_err(|_| JwksFault::Body)?;
    String::from_utf8(body.to_bytes().to_vec()).map_err(|_| JwksFault::Body)
}
